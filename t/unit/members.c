/* members.c: which lists come of server lines, names, and changes at run time. */

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/server_line.h"
#include "conf_text.h"
#include "proxy/servers/members.h"
#include "proxy/servers/names.h"
#include "proxy/servers/overrides.h"

#define WEB	"[listen web]\nbind = 8080\n[route all]\npath = /*\nbackend = app\n[backend app]\n"

static struct loop *loop;
static struct proxy_shm shm;
static struct proxy_servers from;
static struct loaded conf;
static struct members *members;
static struct tls_client *tls[1];	/* of a backend that cannot speak https */

static void
ignore(void *arg)
{
	(void)arg;
}

static void
setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	ck_assert_int_eq(shm_servers_new(&shm.servers), 0);
	ck_assert_int_eq(metrics_new(&shm.metrics), 0);
	from = (struct proxy_servers){ &shm, names_new(loop, ignore, NULL), overrides_new() };
	ck_assert_ptr_nonnull(from.names);
}

static void
teardown(void)
{
	members_free(members);
	conf_text_free(&conf);
	overrides_free(from.overrides);
	names_free(from.names);
	metrics_close(&shm.metrics);
	shm_servers_close(&shm.servers);
	loop_free(loop);
}

static void
publish(struct str text)
{
	const struct conf_snapshot *all[1];
	struct names_used used = { .confs = all, .nconfs = 1 }, none = { .nconfs = 0 };

	conf = conf_text_load(text);
	ck_assert_str_eq(conf.messages.p, "");
	all[0] = conf.s;
	names_use(from.names, &used, &none);
	members = members_publish(conf.s, &from, tls, 1);
	ck_assert_ptr_nonnull(members);
}

static struct shm_members *
shared(void)
{
	return &shm.servers.members[members->lists[0]];
}

static struct shm_server *
slot(unsigned i)
{
	ck_assert_uint_lt(i, shared()->n);
	return &shm.servers.slots[shared()->list[i].slot];
}

/* The list as text: address, weight, flags, limit and line of each. */
static const char *
list_text(void)
{
	static char out[1024];
	const struct shm_members *m = shared();
	size_t n = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < m->n; i++) {
		const struct shm_member *s = &m->list[i];
		char text[ADDR_TEXT] = "-";

		if (slot(i)->addr.len > 0)
			addr_text(&slot(i)->addr, text);
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s w%u%s%s%s m%u l%d",
		    i > 0 ? ", " : "", text, s->weight,
		    (s->flags & MEMBER_BACKUP) != 0 ? " backup" : "",
		    (s->flags & MEMBER_DOWN) != 0 ? " down" : "",
		    (s->flags & MEMBER_RUNTIME) != 0 ? " added" : "", s->max_conns,
		    (int)s->line);
	}
	return out;
}

static void
update(bool newest)
{
	members_update(members, conf.s, &from, newest);
}

static struct override *
change(unsigned line)
{
	const struct conf_backend *b = conf.s->backends[0];

	return overrides_get(from.overrides, b->name, b->servers[line].text,
	    b->servers[line].line);
}

START_TEST(lines_become_members)
{
	publish(STR_OF(WEB "server = 10.0.0.1:80 weight=3 max_conns=7\n"
	    "server = [::1]:80 backup\nserver = https://10.0.0.1:443 down\n"
	    "server = unix:/run/app.sock slow_start=2s\n"));
	ck_assert_str_eq(list_text(), "10.0.0.1:80 w3 m7 l0, [::1]:80 w1 backup m0 l1,"
	    " 10.0.0.1:443 w1 down m0 l2, unix:/run/app.sock w1 m0 l3");
	ck_assert_str_eq(slot(0)->host, "10.0.0.1");
	ck_assert_uint_eq(slot(2)->scheme, SCHEME_HTTPS);
	ck_assert_str_eq(slot(3)->host_field, "localhost");
	ck_assert_uint_eq(shared()->list[0].slow_start_ms, 10000);
	ck_assert_uint_eq(shared()->list[3].slow_start_ms, 2000);
	ck_assert_uint_eq(slot(0)->health, HEALTH_UNCHECKED);
}
END_TEST

/* Two lines with one address are one server, as the first of them says. */
START_TEST(an_address_is_one_server)
{
	publish(STR_OF(WEB "server = 10.0.0.1:80 weight=3\n"
	    "server = [::ffff:10.0.0.1]:80 weight=2\n"));
	ck_assert_str_eq(list_text(), "10.0.0.1:80 w3 m0 l0");
}
END_TEST

START_TEST(a_name_without_an_answer_is_down)
{
	publish(STR_OF(WEB "server = app.test:8080 max_conns=2\nserver = srv:_http._tcp.x.test\n"));
	ck_assert_str_eq(list_text(), "- w1 m2 l0, - w1 m0 l1");
	ck_assert_uint_eq(slot(0)->health, HEALTH_DOWN);
	ck_assert_uint_eq(slot(0)->look.finding, FOUND_DNS);
	ck_assert_str_eq(slot(0)->name, "app.test:8080");
}
END_TEST

/* Without a change nobody has to read the list again. */
START_TEST(an_update_without_change_is_none)
{
	uint64_t version;

	publish(STR_OF(WEB "server = 10.0.0.1:80\nserver = app.test:80\n"));
	version = atomic_load(&shared()->version);
	update(true);
	ck_assert_uint_eq(atomic_load(&shared()->version), version);
	change(0)->weight = 5;
	update(true);
	ck_assert_uint_gt(atomic_load(&shared()->version), version);
	ck_assert_str_eq(list_text(), "10.0.0.1:80 w5 m0 l0, - w1 m0 l1");
}
END_TEST

START_TEST(changes_at_run_time)
{
	static const struct str gone = STR("app|10.0.0.1:80");
	const struct conf_backend *b;
	struct arena arena;
	struct conf_server server;
	struct str why;

	publish(STR_OF(WEB "server = 10.0.0.1:80\nserver = 10.0.0.2:80 weight=4\n"
	    "server = 10.0.0.3:80\n"));
	b = conf.s->backends[0];
	arena_init(&arena);
	ck_assert(conf_server_parse(&arena, STR_OF("10.0.0.9:99 weight=8 backup"), &server,
	    &why));
	overrides_add(from.overrides, b->name, &server);
	arena_fini(&arena);
	change(0)->removed = true;
	change(1)->weight = 200;
	change(2)->order = ORDER_DRAIN;
	update(true);
	ck_assert_str_eq(list_text(), "10.0.0.2:80 w200 m0 l1, 10.0.0.3:80 w1 m0 l2,"
	    " 10.0.0.9:99 w8 backup added m0 l-1");
	ck_assert_uint_eq(slot(1)->order, ORDER_DRAIN);
	/* Nothing is left of a server that is in no list. */
	ck_assert_uint_ne(metrics_find(&shm.metrics, METRICS_SERVER, gone), 0);
	members_sweep(&shm);
	ck_assert_uint_eq(metrics_find(&shm.metrics, METRICS_SERVER, gone), 0);
	overrides_reset(from.overrides, b->name, (struct str){ NULL, 0 });
	update(true);
	ck_assert_str_eq(list_text(), "10.0.0.1:80 w1 m0 l0, 10.0.0.2:80 w4 m0 l1,"
	    " 10.0.0.3:80 w1 m0 l2");
	ck_assert_uint_eq(slot(2)->order, ORDER_NONE);
}
END_TEST

/* Orders are of a server, not of a list: only the newest configuration says what they are. */
START_TEST(only_the_newest_gives_orders)
{
	publish(STR_OF(WEB "server = 10.0.0.1:80\n"));
	change(0)->order = ORDER_DISABLE;
	update(false);
	ck_assert_uint_eq(slot(0)->order, ORDER_NONE);
	update(true);
	ck_assert_uint_eq(slot(0)->order, ORDER_DISABLE);
	change(0)->order = ORDER_NONE;
	update(false);
	ck_assert_uint_eq(slot(0)->order, ORDER_DISABLE);
}
END_TEST

static void
keep_line(void *arg, enum log_level level, const char *line, size_t n)
{
	(void)level;
	buf_add(arg, line, n);
}

/* Only one that a reload without a control socket did not know of: it is told once it serves. */
START_TEST(nothing_is_added_that_cannot_be_spoken_to)
{
	struct conf_server server;
	struct arena arena;
	struct buf said;
	struct str why;

	publish(STR_OF(WEB "server = 10.0.0.1:80\n"));
	arena_init(&arena);
	buf_init(&said);
	ck_assert(conf_server_parse(&arena, STR_OF("https://10.0.0.2"), &server, &why));
	overrides_add(from.overrides, conf.s->backends[0]->name, &server);
	log_tee(keep_line, &said);
	update(false);
	ck_assert_uint_eq(said.n, 0);
	update(true);
	log_tee(NULL, NULL);
	ck_assert_ptr_nonnull(memmem(said.p, said.n, "https://10.0.0.2 is left out", 28));
	ck_assert_str_eq(list_text(), "10.0.0.1:80 w1 m0 l0");
	buf_fini(&said);
	arena_fini(&arena);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("members");
	TCase *tc = tcase_create("members");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, lines_become_members);
	tcase_add_test(tc, an_address_is_one_server);
	tcase_add_test(tc, a_name_without_an_answer_is_down);
	tcase_add_test(tc, an_update_without_change_is_none);
	tcase_add_test(tc, changes_at_run_time);
	tcase_add_test(tc, only_the_newest_gives_orders);
	tcase_add_test(tc, nothing_is_added_that_cannot_be_spoken_to);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
