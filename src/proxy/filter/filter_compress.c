/*
 * filter_compress.c - compresses responses for clients that like it: RFC 9110, 8.4 and 12.5.3.
 */
#include "base/check.h"
#include "http/conditional.h"
#include "http/negotiate.h"
#include "proxy/exchange.h"
#include "proxy/filter/coder.h"
#include "proxy/filter/filter.h"
#include "proxy/runtime.h"

/* No byte waits longer for others that it could be compressed with. */
enum { PATIENCE_MS = 20 };

struct compressor {
	struct exchange *x;
	struct filter_node *node;
	struct coder *coder;		/* NULL: ended */
	struct timer patience;
	bool at_once;			/* an event must not wait for the next one */
};

static const struct str accept_encoding = STR("Accept-Encoding");

/* ---- what may be compressed */

static bool
is_listed(const struct conf_strs *types, struct str media)
{
	bool is_events = str_ieq(media, STR_OF("text/event-stream"));

	for (unsigned i = 0; i < types->n; i++) {
		struct str type = types->v[i];

		if (str_ieq(type, media))
			return true;
		if (!is_events && str_ends(type, STR_OF("/*")) && media.n >= type.n &&
		    str_ieq(str_make(media.p, type.n - 1), str_make(type.p, type.n - 1)))
			return true;
	}
	return false;
}

static bool
has_listed_type(const struct exchange *x, const struct response *r)
{
	const struct field *f = fields_find(&r->fields, FIELD_CONTENT_TYPE);
	struct str value, media;

	if (f == NULL)
		return false;
	value = f->value;
	return str_cut(&value, ';', &media) &&
	    is_listed(&x->policy->compress_types, str_trim(media));
}

/* RFC 9111, 5.2.1.6 and 5.2.2.6. */
static bool
forbids_transforming(const struct fields *fields)
{
	FIELDS_EACH(f, fields)
		if (f->id == FIELD_CACHE_CONTROL &&
		    list_has_token(f->value, STR_OF("no-transform")))
			return true;
	return false;
}

/* Digests are of the bytes after their coding, so they tell of the bytes that we change. */
static const struct str digests[] = {
	STR("Content-MD5"), STR("Digest"), STR("Content-Digest"), STR("Repr-Digest"),
};

/* A digest behind the body will have been made of what the server sends. */
static bool
has_late_digest(const struct fields *fields)
{
	FIELDS_EACH(f, fields)
		for (size_t i = 0; f->id == FIELD_TRAILER && i < ARRAY_LEN(digests); i++)
			if (list_has_token(f->value, digests[i]))
				return true;
	return false;
}

static bool
is_too_short(const struct exchange *x, const struct response *r)
{
	return r->framing == FRAMING_LENGTH && (r->content_length == 0 ||
	    r->content_length < (uint64_t)x->policy->compress_min);
}

static bool
is_part(const struct response *r)
{
	return r->status == 206 || fields_find(&r->fields, FIELD_CONTENT_RANGE) != NULL;
}

/* Whether some client could get this response compressed, or the whole that it is a part of. */
static bool
is_fit(const struct exchange *x, const struct response *r)
{
	return !response_has_no_body(r->status, METHOD_GET) && has_listed_type(x, r) &&
	    (is_part(r) || !is_too_short(x, r)) &&
	    fields_find(&r->fields, FIELD_CONTENT_ENCODING) == NULL &&
	    !forbids_transforming(&r->fields) && !has_late_digest(&r->fields);
}

/* ---- the head */

/* The codings that this client likes, best first; how many. */
static unsigned
choose(const struct exchange *x, enum conf_coding codings[CONF_CODINGS])
{
	const unsigned char *wanted = x->policy->compress;
	unsigned order[NEGOTIATE_MAX], n = 0;
	struct str offered[CONF_CODINGS];

	if (forbids_transforming(&x->request->fields))
		return 0;
	for (; n < CONF_CODINGS && wanted[n] != CODING_NONE; n++)
		offered[n] = coder_name(wanted[n]);
	n = negotiate_codings(&x->request->fields, offered, n, order);
	for (unsigned i = 0; i < n; i++)
		codings[i] = wanted[order[i]];
	return n;
}

/* A strong tag promises the same bytes to everybody: RFC 9110, 8.8.1. */
static void
weaken_tag(struct exchange *x, struct response *r)
{
	struct field *f = fields_find(&r->fields, FIELD_ETAG);

	if (f == NULL || str_starts(f->value, STR_OF("W/")))
		return;
	if (!str_starts(f->value, STR_OF("\"")))
		f->gone = true;		/* not a tag: nobody can tell what it promises */
	else
		f->value = arena_printf(&x->stream->arena, "W/%.*s", STR_ARG(f->value));
}

static void
change_head(struct exchange *x, struct response *r, struct str coding)
{
	fields_add_id(&r->fields, FIELD_CONTENT_ENCODING, coding);
	fields_remove(&r->fields, FIELD_ACCEPT_RANGES);
	for (size_t i = 0; i < ARRAY_LEN(digests); i++)
		fields_remove_name(&r->fields, digests[i]);
	weaken_tag(x, r);
	r->framing = FRAMING_CHUNKED;
}

/* Whether the client has what we made of the response with this tag. */
static bool
has_weakened(const struct fields *request, struct str tag)
{
	struct str theirs;

	FIELDS_EACH(f, request) {
		struct str rest = f->value;

		while (f->id == FIELD_IF_NONE_MATCH && conditional_next_tag(&rest, &theirs))
			if (str_starts(theirs, STR_OF("W/")) && str_eq(str_skip(theirs, 2), tag))
				return true;
	}
	return false;
}

/*
 * A 304 says of itself what the 200 would have said (RFC 9110, 15.4.5), but rarely its type: caches
 * put its fields in place of those that they have, and must not lose Vary.
 */
static void
adapt_not_modified(struct exchange *x, struct response *r)
{
	struct field *tag = fields_find(&r->fields, FIELD_ETAG);

	if (fields_find(&r->fields, FIELD_CONTENT_ENCODING) != NULL ||
	    forbids_transforming(&r->fields) ||
	    (fields_find(&r->fields, FIELD_CONTENT_TYPE) != NULL && !has_listed_type(x, r)))
		return;
	fields_vary(&r->fields, accept_encoding);
	if (tag != NULL && has_weakened(&x->request->fields, tag->value))
		weaken_tag(x, r);
}

/* ---- the body */

static bool
failed(struct exchange *x)
{
	exchange_fail(x, 500, "compress-error", "the response cannot be compressed");
	return false;
}

static void
stop(struct compressor *c)
{
	loop_timer_cancel(c->x->runtime->loop, &c->patience);
	coder_free(c->coder);
	c->coder = NULL;
}

static void
on_patience_over(struct timer *t)
{
	struct compressor *c = CONTAINER_OF(t, struct compressor, patience);
	struct chain out;

	chain_init(&out);
	if (coder_flush(c->coder, &out)) {
		exchange_emit(c->x, c->node, &out);
		return;
	}
	chain_clear(&out);
	(void)failed(c->x);
}

static bool
start(struct exchange *x, const struct response *r, enum conf_coding coding, int64_t size,
    struct filter_node *node)
{
	struct coder *coder = coder_new(coding, size);
	struct compressor *c;

	if (coder == NULL)
		return false;
	c = ARENA_NEW(&x->stream->arena, struct compressor);
	c->x = x;
	c->coder = coder;
	c->at_once = response_is_event_stream(r);
	timer_init(&c->patience, on_patience_over);
	node->state = c;
	return true;
}

static bool
setup(struct exchange *x, struct response *r, struct filter_node *node)
{
	int64_t size = r->framing == FRAMING_LENGTH ? (int64_t)r->content_length : -1;
	bool is_head = x->request->method_id == METHOD_HEAD;
	enum conf_coding codings[CONF_CODINGS];
	unsigned n;

	if (x->policy->compress[0] == CODING_NONE)
		return false;
	if (r->status == 304)
		adapt_not_modified(x, r);
	if (!is_fit(x, r))
		return false;
	fields_vary(&r->fields, accept_encoding);
	n = is_part(r) ? 0 : choose(x, codings);
	for (unsigned i = 0; i < n; i++) {
		if (!is_head && !start(x, r, codings[i], size, node))
			continue;
		change_head(x, r, coder_name(codings[i]));
		return !is_head;
	}
	return false;
}

static bool
body(struct exchange *x, struct filter_node *node, struct chain *bytes)
{
	struct compressor *c = node->state;
	struct loop *loop = x->runtime->loop;
	struct chain out;
	bool good = true;

	c->node = node;
	chain_init(&out);
	for (struct seg *s = bytes->first; s != NULL && good; s = s->next) {
		CHECK(s->kind == SEG_MEM || s->kind == SEG_EXT);
		good = coder_write(c->coder, s->p, s->len, &out);
	}
	if (good && c->at_once)
		good = coder_flush(c->coder, &out);
	chain_clear(bytes);
	chain_move(bytes, &out);
	if (!good)
		return failed(x);
	if (!c->at_once && c->patience.deadline_ms == TIMER_NEVER)
		loop_timer_set(loop, &c->patience, clock_ms() + PATIENCE_MS);
	return true;
}

static bool
end(struct exchange *x, struct filter_node *node, struct chain *bytes)
{
	struct compressor *c = node->state;
	bool good = coder_end(c->coder, bytes);

	stop(c);
	return good || failed(x);
}

static void
cancel(struct filter_node *node)
{
	stop(node->state);
}

const struct filter filter_compress = { "compress", setup, body, end, cancel };
