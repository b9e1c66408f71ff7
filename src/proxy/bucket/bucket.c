/*
 * bucket.c - objects of a store that speaks the S3 protocol: the requests.
 */
#include "proxy/bucket/bucket.h"

#include "base/check.h"
#include "proxy/bucket/bucket_internal.h"
#include "proxy/bucket/sigv4.h"
#include "proxy/filter/headers.h"
#include "proxy/forward/forward.h"
#include "proxy/runtime.h"

enum { KEY_MAX = 1024 };	/* what S3 allows */

/* ---- which object */

static bool
is_read(const struct exchange *x)
{
	return x->request->method_id == METHOD_GET || x->request->method_id == METHOD_HEAD;
}

static bool
takes_method(struct exchange *x)
{
	const struct conf_bucket *b = x->conf->bucket;
	enum method m = x->request->method_id;

	if (is_read(x) || (b->write && (m == METHOD_PUT || m == METHOD_DELETE)))
		return true;
	fields_add(&x->error_fields, STR_OF("Allow"),
	    b->write ? STR_OF("GET, HEAD, PUT, DELETE") : STR_OF("GET, HEAD"));
	exchange_fail(x, 405, "method", "bucket %.*s: not a method for objects",
	    STR_ARG(b->name));
	return false;
}

/*
 * The text of a path as target_normalise() gives it: `%25` and `%5C` are what they stand for.
 * False for `%2F`: the store would take it for a slash that no route has seen.
 */
static bool
decode_key(struct str path, struct buf *key)
{
	for (; path.n > 0; path = str_skip(path, 1)) {
		int code;

		if (path.p[0] != '%' || path.n < 3) {
			buf_char(key, path.p[0]);
			continue;
		}
		code = char_hex(path.p[1]) * 16 + char_hex(path.p[2]);
		if (code == '/')
			return false;
		buf_char(key, (char)code);
		path = str_skip(path, 2);
	}
	return true;
}

/* The place of an object, percent-encoded. */
static struct str
place_of(struct exchange *x, struct str key)
{
	const struct conf_bucket *b = x->conf->bucket;
	struct buf out = { NULL, 0, 0 };
	struct str place;

	buf_char(&out, '/');
	if (!b->virtual_style) {
		buf_str(&out, b->bucket);
		buf_char(&out, '/');
	}
	sigv4_encode(&out, key);
	place = arena_str(&x->stream->arena, buf_view(&out));
	buf_fini(&out);
	return place;
}

/* False when the path can name no object.  Without a key the request would be for the bucket. */
static bool
find_key(struct exchange *x, struct buf *key)
{
	const struct conf_bucket *b = x->conf->bucket;
	struct str path = x->path;

	if (path.n == 0 || path.p[0] != '/' || !decode_key(str_skip(path, 1), key))
		return false;
	if (b->index_object.p != NULL && is_read(x) && str_ends(path, STR_OF("/")))
		buf_str(key, b->index_object);
	return key->n > 0 && key->n <= KEY_MAX;
}

/* Sets x->uri to the place of the object that x->path names; false if it failed the exchange. */
static bool
aim(struct exchange *x)
{
	struct buf key = { NULL, 0, 0 };
	bool found;

	if (!takes_method(x))
		return false;
	found = find_key(x, &key);
	if (found)
		x->uri = place_of(x, buf_view(&key));
	buf_fini(&key);
	if (!found)
		exchange_fail(x, 404, "no-object", "bucket %.*s: the path names no object",
		    STR_ARG(x->conf->bucket->name));
	return found;
}

/* ---- the request */

/* Stores want to know the length of a body, and GET and DELETE have none that could matter. */
static bool
takes_body(struct exchange *x)
{
	struct request *r = x->request;
	bool is_put = r->method_id == METHOD_PUT;

	if (is_put && r->framing == FRAMING_NONE) {
		r->framing = FRAMING_LENGTH;
		r->content_length = 0;
	}
	if (!is_put && (r->framing == FRAMING_CHUNKED || r->content_length > 0))
		exchange_fail(x, 400, "bucket-body", "a body that no store takes");
	else if (r->framing == FRAMING_CHUNKED && !x->policy->request_buffering)
		exchange_fail(x, 411, "length-required", "a body of unknown length (send its"
		    " length, or set request_buffering = on)");
	else
		return true;
	return false;
}

/* What of a request is about the object; all else is the client's and ours. */
static bool
passes(const struct exchange *x, const struct field *f)
{
	static const struct str of_put[] = {
		STR("Cache-Control"), STR("Content-Disposition"), STR("Content-Encoding"),
		STR("Content-Language"), STR("Content-MD5"), STR("Content-Type"), STR("Expires"),
	};

	switch (f->id) {
	case FIELD_RANGE:
	case FIELD_IF_RANGE:
		return is_read(x) && !bucket_request(x)->whole;
	case FIELD_IF_MATCH:
	case FIELD_IF_NONE_MATCH:
	case FIELD_IF_MODIFIED_SINCE:
	case FIELD_IF_UNMODIFIED_SINCE:
		return !bucket_request(x)->for_error;
	default:
		break;
	}
	for (size_t i = 0; x->request->method_id == METHOD_PUT && i < ARRAY_LEN(of_put); i++)
		if (str_ieq(f->name, of_put[i]))
			return true;
	return false;
}

/*
 * The tags as the store gave them: weak ones are ours, of compressed responses, and in this field
 * they count as the same (RFC 9110, 13.1.2).
 */
static struct str
strong_tags(struct arena *arena, struct str value)
{
	char *out = arena_alloc(arena, value.n + 1);
	bool quoted = false;
	size_t n = 0;

	for (; value.n > 0; value = str_skip(value, 1)) {
		if (!quoted && str_starts(value, STR_OF("W/\"")))
			value = str_skip(value, 2);
		if (value.p[0] == '"')
			quoted = !quoted;
		out[n++] = value.p[0];
	}
	return str_make(out, n);
}

static void
copy_fields(struct exchange *x, struct fields *out)
{
	struct arena *arena = &x->stream->arena;

	FIELDS_EACH(f, &x->request->fields) {
		if (f->id == FIELD_IF_NONE_MATCH && passes(x, f))
			fields_add_id(out, f->id, strong_tags(arena, f->value));
		else if (passes(x, f))
			*fields_add_id(out, f->id, f->value) = *f;
	}
}

static void
sign(struct exchange *x, struct fields *out)
{
	const struct conf_bucket *b = x->conf->bucket;
	const struct sigv4_key key = { b->access_key, b->secret_key, b->region, STR("s3") };
	struct sigv4_request r = {
		.method = x->request->method,
		.path = x->uri,
		.fields = out,
		.payload = STR(SIGV4_EMPTY),
	};
	char date[SIGV4_DATE];

	if (x->request->method_id == METHOD_PUT)
		r.payload = STR_OF(SIGV4_UNSIGNED);
	sigv4_date(clock_wall_ms(), date);
	r.date = arena_str(&x->stream->arena, str_make(date, sizeof(date)));
	fields_remove(out, FIELD_AUTHORIZATION);
	fields_remove_name(out, STR_OF("X-Amz-Date"));
	fields_remove_name(out, STR_OF("X-Amz-Content-SHA256"));
	if (b->session_token.p != NULL) {
		fields_remove_name(out, STR_OF("X-Amz-Security-Token"));
		fields_add(out, STR_OF("X-Amz-Security-Token"), b->session_token);
	}
	fields_add(out, STR_OF("X-Amz-Date"), r.date);
	fields_add(out, STR_OF("X-Amz-Content-SHA256"), r.payload);
	fields_add_id(out, FIELD_AUTHORIZATION,
	    sigv4_authorization(&key, &r, &x->stream->arena));
}

static void
bucket_fields(struct exchange *x, struct str server_host, struct fields *out)
{
	const struct conf_bucket *b = x->conf->bucket;
	struct str host = b->endpoint_host;

	(void)server_host;
	if (b->virtual_style)
		host = arena_printf(&x->stream->arena, "%.*s.%.*s", STR_ARG(b->bucket),
		    STR_ARG(host));
	fields_init(out, &x->stream->arena);
	x->server_host = b->endpoint_host;
	fields_add_id(out, FIELD_HOST, host);
	copy_fields(x, out);
	headers_request(x->runtime->headers, x, out);
	if (b->access_key.p != NULL)
		sign(x, out);
	/* It concerns the connection, and may not outlive a proxy in between. */
	if (x->request->expect_continue)
		fields_add_id(out, FIELD_EXPECT, STR_OF("100-continue"));
}

/* ---- the source */

static enum source_start
start(struct exchange *x)
{
	static const struct forward_rules rules = {
		.no_trailers = true,
		.fields = bucket_fields,
		.head = bucket_head,
		.body = bucket_body,
		.end = bucket_end,
	};
	struct bucket_request *b = x->source_state;

	if (b == NULL) {
		if (!aim(x) || !takes_body(x))
			return SOURCE_TAKEN;
		b = ARENA_NEW(&x->stream->arena, struct bucket_request);
	}
	forward_start(x, &rules, b);
	return SOURCE_TAKEN;
}

const struct source source_bucket = {
	.name = "bucket",
	.start = start,
	.body = forward_body,
	.end = forward_end,
	.resume = forward_resume,
	.cancel = forward_cancel,
	.fields = forward_fields,
};

void
bucket_ask(struct exchange *x)
{
	(void)exchange_set_source(x, &source_bucket, bucket_request(x));
}

void
bucket_ask_for(struct exchange *x, struct str key)
{
	x->uri = place_of(x, key);
	bucket_ask(x);
}
