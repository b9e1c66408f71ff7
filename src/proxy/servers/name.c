/*
 * name.c - one name that is followed: asked again when its TTL is over, sooner after failures.
 */
#include "proxy/servers/name.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/snapshot.h"

enum {
	AGAIN_MIN_MS = 1000,
	AGAIN_FAILED_MS = 30000,	/* longest pause after failures when `resolve` is off */
	TOLD_MAX = 16,			/* records that a log line shows */
};

static const struct str srv_prefix = STR("srv:");

bool
name_is_srv(const struct name *name)
{
	return str_starts(str_of(name->text), srv_prefix);
}

static const char *
host_of(const struct name *name)
{
	return name->text + (name_is_srv(name) ? srv_prefix.n : 0);
}

/* ---- when to ask */

static msec
at_most(const struct name *name, msec ms)
{
	if (ms > name->resolve_ms)
		ms = name->resolve_ms;
	return ms < AGAIN_MIN_MS ? AGAIN_MIN_MS : ms;
}

static void
ask(struct question *q)
{
	resolver_ask(q->name->resolver, &q->query, q->type, host_of(q->name));
}

static void
on_again(struct timer *t)
{
	ask(CONTAINER_OF(t, struct question, again));
}

static void
ask_again(struct question *q, const struct resolver_answer *answer)
{
	const struct name *name = q->name;
	msec pause;

	if (answer->status == RESOLVER_FOUND) {
		q->delay_ms = 0;
		pause = at_most(name, (msec)answer->ttl_s * 1000);
	} else {
		msec longest = name->resolve_ms == CONF_OFF ? AGAIN_FAILED_MS : name->resolve_ms;

		q->delay_ms = q->delay_ms == 0 ? AGAIN_MIN_MS : q->delay_ms * 2;
		if (q->delay_ms > longest)
			q->delay_ms = longest;
		pause = at_most(name, q->delay_ms);
	}
	q->answered_ms = clock_ms();
	loop_timer_set(name->env->loop, &q->again, q->answered_ms + pause);
}

void
name_set_resolve(struct name *name, msec resolve_ms)
{
	name->resolve_ms = resolve_ms;
	for (unsigned i = 0; i < name->nquestions; i++) {
		struct question *q = &name->questions[i];
		msec latest = resolve_ms == CONF_OFF ? TIMER_NEVER :
		    q->answered_ms + at_most(name, resolve_ms);

		if (q->again.deadline_ms != TIMER_NEVER && q->again.deadline_ms > latest)
			loop_timer_set(name->env->loop, &q->again, latest);
	}
}

void
name_retry(struct name *name)
{
	for (unsigned i = 0; i < name->nquestions; i++) {
		struct question *q = &name->questions[i];

		if (q->good || q->again.deadline_ms == TIMER_NEVER)
			continue;
		q->delay_ms = 0;
		loop_timer_set(name->env->loop, &q->again, clock_ms());
	}
}

/* ---- records, sorted, so that another order is no change */

static int
compare_addrs(const void *left, const void *right)
{
	const struct addr *a = left, *b = right;

	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(&a->sa, &b->sa, a->len);
}

static int
compare_services(const void *left, const void *right)
{
	const struct dns_srv *a = left, *b = right;

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return strcmp(a->target, b->target);
}

/* A sorted copy of the records, each once; *n becomes their number. */
static void *
sorted_copy(const void *records, unsigned *n, size_t size,
    int (*compare)(const void *, const void *))
{
	char *copy = mem_zalloc(*n, size);
	unsigned kept = 1;

	memcpy(copy, records, *n * size);
	qsort(copy, *n, size, compare);
	for (unsigned i = 1; i < *n; i++) {
		if (compare(copy + i * size, copy + (kept - 1) * size) == 0)
			continue;
		if (i != kept)
			memcpy(copy + kept * size, copy + i * size, size);
		kept++;
	}
	*n = kept;
	return copy;
}

static void
forget_records(struct question *q)
{
	mem_free(q->addrs);
	mem_free(q->services);
	q->addrs = NULL;
	q->services = NULL;
	q->n = 0;
}

/* Takes the records of an answer; true if they are others than before. */
static bool
take_records(struct question *q, const struct resolver_answer *answer)
{
	bool srv = q->type == RESOLVER_SRV;
	size_t size = srv ? sizeof(struct dns_srv) : sizeof(struct addr);
	int (*compare)(const void *, const void *) = srv ? compare_services : compare_addrs;
	unsigned n = answer->n;
	char *fresh = sorted_copy(srv ? (const void *)answer->services : answer->addrs, &n, size,
	    compare);
	const char *old = srv ? (const char *)q->services : (const char *)q->addrs;
	bool changed = n != q->n;

	for (unsigned i = 0; i < n && !changed; i++)
		changed = compare(fresh + i * size, old + i * size) != 0;
	forget_records(q);
	if (srv)
		q->services = (struct dns_srv *)fresh;
	else
		q->addrs = (struct addr *)fresh;
	q->n = n;
	return changed;
}

/* ---- what the log hears */

static unsigned
count(const struct name *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < name->nquestions; i++)
		n += name->questions[i].n;
	return n;
}

static void
add_record(struct buf *out, const struct question *q, unsigned i)
{
	char text[ADDR_TEXT];
	struct ip_port ip;

	if (q->type == RESOLVER_SRV) {
		buf_printf(out, "%s:%u", q->services[i].target, q->services[i].port);
		return;
	}
	ip_port_from(&ip, &q->addrs[i].sa);
	ip_text(&ip, text);
	buf_cstr(out, text);
}

static void
add_records(struct buf *out, const struct name *name)
{
	unsigned told = 0;

	for (unsigned k = 0; k < name->nquestions; k++) {
		const struct question *q = &name->questions[k];

		for (unsigned i = 0; i < q->n && told < TOLD_MAX; i++) {
			buf_cstr(out, told++ > 0 ? ", " : "");
			add_record(out, q, i);
		}
	}
	if (count(name) > told)
		buf_printf(out, " and %u more", count(name) - told);
}

static void
tell_records(const struct name *name, const char *what)
{
	struct buf text = { NULL, 0, 0 };

	add_records(&text, name);
	if (name->state == NAME_UNKNOWN)
		log_info("name %s: %s %s", name->text, what, buf_text(&text));
	else
		log_notice("name %s: %s %s", name->text, what, buf_text(&text));
	buf_fini(&text);
}

static enum name_state
state_of(const struct name *name)
{
	enum name_state state = NAME_EMPTY;

	for (unsigned i = 0; i < name->nquestions; i++) {
		const struct question *q = &name->questions[i];

		if (!q->answered)
			return NAME_UNKNOWN;
		if (q->n > 0 && !q->good)
			return NAME_STALE;
		if (q->n > 0)
			state = NAME_GOOD;
	}
	return state;
}

/* Why there is nothing, or nothing new: a failure says more than that there is no such record. */
static const char *
reason(const struct name *name)
{
	const char *why = NULL;

	for (unsigned i = 0; i < name->nquestions; i++) {
		const struct question *q = &name->questions[i];

		if (!q->good && (why == NULL || q->nothings == 0))
			why = q->why;
	}
	return why != NULL ? why : "";
}

static void
tell(struct name *name, bool changed)
{
	enum name_state state = state_of(name);

	if (state == NAME_GOOD && name->state != NAME_GOOD)
		tell_records(name, name->state == NAME_UNKNOWN ? "found" : "resolves again:");
	else if (changed && state != NAME_EMPTY && state != NAME_UNKNOWN)
		tell_records(name, "is now");
	if (state == NAME_STALE && name->state != NAME_STALE)
		log_warn("name %s: lookup failed, what was known stays: %s", name->text,
		    reason(name));
	if (state == NAME_EMPTY && name->state != NAME_EMPTY)
		log_warn("name %s: does not resolve, so its servers are down: %s", name->text,
		    reason(name));
	name->state = state;
}

/* ---- answers */

static bool
take_answer(struct question *q, const struct resolver_answer *answer)
{
	bool had = q->n > 0;

	q->why = answer->why;
	if (answer->status == RESOLVER_NONE && ++q->nothings < 2 && had)
		return false;
	q->good = answer->status == RESOLVER_FOUND;
	if (answer->status != RESOLVER_NONE)
		q->nothings = 0;
	if (q->good)
		return take_records(q, answer);
	if (answer->status == RESOLVER_FAILED)
		return false;
	forget_records(q);
	return had;
}

static void
on_answer(struct resolver_query *query, const struct resolver_answer *answer)
{
	struct question *q = CONTAINER_OF(query, struct question, query);
	struct name *name = q->name;
	bool changed = take_answer(q, answer), complete = name->state == NAME_UNKNOWN;

	q->answered = true;
	ask_again(q, answer);
	tell(name, changed);
	name->env->answered(name->env->arg, name, changed,
	    complete && name->state != NAME_UNKNOWN);
}

static void
add_question(struct name *name, enum resolver_type type)
{
	struct question *q = &name->questions[name->nquestions++];

	q->name = name;
	q->type = type;
	resolver_query_init(&q->query);
	q->query.done = on_answer;
	timer_init(&q->again, on_again);
	ask(q);
}

struct name *
name_new(const struct name_env *env, struct resolver *resolver, struct str text)
{
	struct name *name = MEM_NEW(struct name);

	name->env = env;
	name->resolver = resolver;
	name->text = mem_strndup(text.p, text.n);
	name->resolve_ms = CONF_OFF;
	link_init(&name->link);
	if (name_is_srv(name)) {
		add_question(name, RESOLVER_SRV);
	} else {
		add_question(name, RESOLVER_A);
		add_question(name, RESOLVER_AAAA);
	}
	return name;
}

void
name_free(struct name *name)
{
	for (unsigned i = 0; i < name->nquestions; i++) {
		struct question *q = &name->questions[i];

		resolver_cancel(&q->query);
		loop_timer_cancel(name->env->loop, &q->again);
		forget_records(q);
	}
	link_remove(&name->link);
	mem_free(name->text);
	mem_free(name);
}
