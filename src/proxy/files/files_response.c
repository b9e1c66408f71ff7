/*
 * files_response.c - the response that a file makes: conditions, ranges, its head.
 */
#include "proxy/files/files_response.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/ranges.h"
#include "proxy/answer.h"
#include "proxy/files/files_body.h"

enum { NS_PER_SECOND = 1000000000, SETTLED_S = 2 };

/*
 * A file that was written just now can change again without its time changing, which comes from the
 * kernel's tick: its tag is weak until that is impossible.
 */
static void
make_validators(struct exchange *x, const struct files_found *found, struct validators *v)
{
	int64_t now = clock_wall_ms() / 1000, changed = (int64_t)found->st.st_mtim.tv_sec;
	bool settled = changed + SETTLED_S <= now;
	uint64_t time_ns = (uint64_t)changed * NS_PER_SECOND +
	    (uint64_t)found->st.st_mtim.tv_nsec;

	v->etag = arena_printf(&x->stream->arena, "%s\"%llx-%llx%s%.*s\"", settled ? "" : "W/",
	    (unsigned long long)time_ns, (unsigned long long)found->st.st_size,
	    found->coding.p != NULL ? "-" : "", STR_ARG(found->coding));
	v->has_modified = changed >= 0;
	v->modified = changed < now ? changed : now;	/* RFC 9110, 8.8.2.1 */
	v->modified_strong = settled;
}

static void
add_expires(struct exchange *x, struct response *r)
{
	struct arena *a = &x->stream->arena;
	msec ms = x->policy->expires_ms;

	if (ms == CONF_OFF)
		return;
	if (ms < 0) {
		fields_add_id(&r->fields, FIELD_CACHE_CONTROL, STR_OF("no-cache"));
		return;
	}
	fields_add_id(&r->fields, FIELD_CACHE_CONTROL,
	    arena_printf(a, "max-age=%lld", (long long)(ms / 1000)));
	fields_add_id(&r->fields, FIELD_EXPIRES,
	    http_date_text(a, (clock_wall_ms() + ms) / 1000));
}

/* What 200, 206 and 304 have in common: RFC 9110, 15.4.5. */
static struct response *
new_response(struct exchange *x, const struct files_site *site, int status,
    const struct validators *v)
{
	struct response *r = answer_new(x, status);

	if (v->has_modified)
		fields_add_id(&r->fields, FIELD_LAST_MODIFIED,
		    http_date_text(&x->stream->arena, v->modified));
	fields_add_id(&r->fields, FIELD_ETAG, v->etag);
	if (site->ncodings > 0)
		fields_add_id(&r->fields, FIELD_VARY, STR_OF("Accept-Encoding"));
	add_expires(x, r);
	return r;
}

/* ---- what of the file */

struct plan {
	struct files_part *parts;
	unsigned nparts;
	struct str after;
	uint64_t length;		/* of it all */
};

/* RFC 9110, 14.2: for GET only. */
static enum ranges_result
read_ranges(struct exchange *x, const struct validators *v, uint64_t size, struct range *ranges,
    unsigned *n)
{
	const struct fields *request = &x->request->fields;
	const struct field *f = fields_find(request, FIELD_RANGE);

	if (f == NULL || x->request->method_id != METHOD_GET ||
	    fields_count(request, FIELD_RANGE) > 1 || !conditional_range(request, v))
		return RANGES_IGNORE;
	return ranges_parse(f->value, size, ranges, n);
}

static struct str
content_range(struct exchange *x, const struct range *r, uint64_t size)
{
	return arena_printf(&x->stream->arena, "bytes %llu-%llu/%llu", (unsigned long long)r->first,
	    (unsigned long long)r->last, (unsigned long long)size);
}

static void
plan_one(struct exchange *x, struct plan *plan, uint64_t offset, uint64_t length)
{
	plan->parts = ARENA_NEW(&x->stream->arena, struct files_part);
	plan->parts[0] = (struct files_part){ { NULL, 0 }, offset, length };
	plan->nparts = 1;
	plan->length = length;
}

/* multipart/byteranges: RFC 9110, 14.6; the boundary is a number that nobody can guess. */
static struct str
plan_many(struct exchange *x, struct plan *plan, const struct range *ranges, unsigned n,
    uint64_t size, struct str type)
{
	struct arena *a = &x->stream->arena;
	struct str boundary = arena_printf(a, "%016llx%016llx", (unsigned long long)rng_next(),
	    (unsigned long long)rng_next());

	plan->parts = arena_alloc(a, n * sizeof(plan->parts[0]));
	plan->nparts = n;
	for (unsigned i = 0; i < n; i++) {
		struct files_part *part = &plan->parts[i];

		part->before = arena_printf(a, "%s--%.*s\r\nContent-Type: %.*s\r\nContent-Range:"
		    " %.*s\r\n\r\n", i > 0 ? "\r\n" : "", STR_ARG(boundary), STR_ARG(type),
		    STR_ARG(content_range(x, &ranges[i], size)));
		part->offset = ranges[i].first;
		part->len = range_len(&ranges[i]);
		plan->length += part->before.n + part->len;
	}
	plan->after = arena_printf(a, "\r\n--%.*s--\r\n", STR_ARG(boundary));
	plan->length += plan->after.n;
	return arena_printf(a, "multipart/byteranges; boundary=%.*s", STR_ARG(boundary));
}

/* ---- answers */

/* Sends a head and what belongs to it; the descriptor is closed when that is over. */
static void
send_file(struct exchange *x, struct response *r, struct str type, struct files_found *found,
    struct plan *plan)
{
	struct files_body *body;

	fields_add_id(&r->fields, FIELD_CONTENT_TYPE, type);
	if (found->coding.p != NULL)
		fields_add_id(&r->fields, FIELD_CONTENT_ENCODING, found->coding);
	fields_add_id(&r->fields, FIELD_ACCEPT_RANGES, STR_OF("bytes"));
	r->framing = FRAMING_LENGTH;
	r->content_length = plan->length;
	exchange_head(x, r);
	if (x->request->method_id == METHOD_HEAD || plan->length == 0) {
		close(found->fd);
		exchange_end(x, NULL);
		return;
	}
	body = files_body_new(x, found->fd, plan->parts, plan->nparts, plan->after);
	x->source_state = body;
	files_body_send(body);
}

static void
send_partial(struct exchange *x, struct response *r, struct str type, struct files_found *found,
    const struct range *ranges, unsigned n)
{
	uint64_t size = (uint64_t)found->st.st_size;
	struct plan plan = { 0 };

	if (n > 1) {
		type = plan_many(x, &plan, ranges, n, size, type);
	} else {
		fields_add_id(&r->fields, FIELD_CONTENT_RANGE, content_range(x, ranges, size));
		plan_one(x, &plan, ranges->first, range_len(ranges));
	}
	send_file(x, r, type, found, &plan);
}

static void
send_content(struct exchange *x, const struct files_site *site, struct str type,
    struct files_found *found, const struct validators *v)
{
	struct range ranges[RANGES_MAX];
	struct plan plan = { 0 };
	uint64_t size = (uint64_t)found->st.st_size;
	unsigned n;

	switch (read_ranges(x, v, size, ranges, &n)) {
	case RANGES_PARTIAL:
		send_partial(x, new_response(x, site, 206, v), type, found, ranges, n);
		break;
	case RANGES_NONE:
		close(found->fd);
		fields_add_id(&x->error_fields, FIELD_CONTENT_RANGE, arena_printf(
		    &x->stream->arena, "bytes */%llu", (unsigned long long)size));
		exchange_fail(x, 416, "range", "no byte of the file is in this range");
		break;
	case RANGES_IGNORE:
		plan_one(x, &plan, 0, size);
		send_file(x, new_response(x, site, 200, v), type, found, &plan);
		break;
	}
}

void
files_respond(struct exchange *x, const struct files_site *site, struct str type,
    struct files_found *found)
{
	struct validators v;

	make_validators(x, found, &v);
	switch (conditional_check(&x->request->fields, x->request->method_id, &v)) {
	case CONDITION_NOT_MODIFIED:
		close(found->fd);
		answer_send(x, new_response(x, site, 304, &v), (struct str){ NULL, 0 }, STR_OF(""));
		break;
	case CONDITION_FAILED:
		close(found->fd);
		exchange_fail(x, 412, "precondition", "the file is not as the client has it");
		break;
	case CONDITION_PASS:
		send_content(x, site, type, found, &v);
		break;
	}
}
