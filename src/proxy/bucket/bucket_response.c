/*
 * bucket_response.c - objects of a store that speaks the S3 protocol: the responses.
 */
#include "base/check.h"
#include "base/log.h"
#include "http/conditional.h"
#include "http/date.h"
#include "proxy/bucket/bucket_internal.h"
#include "proxy/runtime.h"

enum {
	DROP_MAX = 65536,	/* read to keep a connection; a longer body is not worth it */
	SUSPICIOUS = 10,	/* HEADs in a row that are refused */
	WARN_MS = 60000,	/* from one warning of that to the next, at least */
};

/* ---- fields */

/* What is said of the object; all else is between us and the store. */
static bool
passes(const struct field *f)
{
	static const struct str known[] = {
		STR("Accept-Ranges"), STR("Age"), STR("Cache-Control"),
		STR("Content-Disposition"), STR("Content-Encoding"), STR("Content-Language"),
		STR("Content-Range"), STR("Content-Type"), STR("Date"), STR("ETag"),
		STR("Expires"), STR("Last-Modified"), STR("Vary"),
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_ieq(f->name, known[i]))
			return true;
	return false;
}

/* They stay in the list, as gone, for $upstream_http_NAME. */
static void
hide_fields(struct fields *fields)
{
	FIELDS_EACH(f, fields)
		f->gone = !passes(f);
}

static struct str
value_of(const struct fields *fields, enum field_id id)
{
	const struct field *f = fields_find(fields, id);

	return f != NULL ? f->value : (struct str){ NULL, 0 };
}

/* Some stores know no If-Range, and send a part of what is no more the same object. */
static bool
is_wrong_part(const struct exchange *x, const struct response *r)
{
	struct validators v = { .etag = value_of(&r->fields, FIELD_ETAG) };
	int64_t now;

	if (r->status != 206 || fields_find(&x->request->fields, FIELD_IF_RANGE) == NULL)
		return false;
	v.has_modified = http_date_parse(value_of(&r->fields, FIELD_LAST_MODIFIED), &v.modified);
	v.modified_strong = v.has_modified &&
	    http_date_parse(value_of(&r->fields, FIELD_DATE), &now) && now > v.modified;
	return !conditional_range(&x->request->fields, &v);
}

/* ---- errors */

/* The store's word for it: the text of <Code> in its XML, as far as that is one word. */
static struct str
code_of(const struct bucket_request *b)
{
	static const struct str open = STR("<Code>");
	struct str text = { b->error, b->nerror };
	size_t n = 0;

	while (text.n >= open.n && !str_starts(text, open))
		text = str_skip(text, 1);
	if (text.n < open.n)
		return STR_OF("");
	text = str_skip(text, open.n);
	while (n < text.n && n < 64 && char_is(text.p[n], CHAR_ALPHA | CHAR_DIGIT))
		n++;
	return str_make(text.p, n);
}

static bool
is_one_of(struct str code, const struct str *codes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(code, codes[i]))
			return true;
	return false;
}

/* Errors that no request of a client is to blame for, whatever their status. */
static bool
is_our_fault(struct str code)
{
	static const struct str codes[] = {
		STR("AuthorizationHeaderMalformed"), STR("InvalidAccessKeyId"),
		STR("InvalidBucketName"), STR("NoSuchBucket"), STR("RequestTimeTooSkewed"),
		STR("SignatureDoesNotMatch"),
	};

	return is_one_of(code, codes, ARRAY_LEN(codes));
}

/* Errors about names that no object can have, such as those that are not UTF-8. */
static bool
names_nothing(struct str code)
{
	static const struct str codes[] = {
		STR("InvalidObjectName"), STR("InvalidURI"), STR("KeyTooLongError"),
		STR("XMinioInvalidObjectName"),
	};

	return is_one_of(code, codes, ARRAY_LEN(codes));
}

static bool
writes(const struct exchange *x)
{
	return x->request->method_id == METHOD_PUT || x->request->method_id == METHOD_DELETE;
}

/* Not all stores can write on a condition; without it they must not (RFC 9110, 13.1). */
static bool
is_condition_unknown(const struct exchange *x, int status)
{
	return status == 501 && writes(x) &&
	    (fields_find(&x->request->fields, FIELD_IF_MATCH) != NULL ||
	    fields_find(&x->request->fields, FIELD_IF_NONE_MATCH) != NULL ||
	    fields_find(&x->request->fields, FIELD_IF_UNMODIFIED_SINCE) != NULL);
}

static int
status_for_client(const struct exchange *x, int status, struct str code)
{
	if (is_our_fault(code))
		return 502;
	if (!writes(x) && names_nothing(code))
		return 404;
	switch (status) {
	case 403:
		/* What a store says of a missing object to who may not list the bucket. */
		return writes(x) ? 403 : 404;
	case 404:
	case 412:
	case 416:
	case 503:
	case 504:
		return status;
	case 429:
		return 503;
	default:
		if (is_condition_unknown(x, status))
			return 501;
		return writes(x) && status >= 400 && status < 500 ? status : 502;
	}
}

/*
 * A refused HEAD has no body that could tell a wrong key from a missing object, which is what
 * stores say 403 of to who may not list the bucket.  Nothing but such answers is suspicious.
 */
static void
suspect_key(struct exchange *x, struct str code)
{
	const struct conf_bucket *c = x->conf->bucket;
	struct bucket_trust *trust = &x->runtime->bucket_trust[c->index];

	if (bucket_request(x)->refused != 403 || x->request->method_id != METHOD_HEAD) {
		if (bucket_request(x)->refused < 500 && !is_our_fault(code))
			trust->refused = 0;
		return;
	}
	trust->refused++;
	if (c->access_key.p == NULL || trust->refused < SUSPICIOUS ||
	    (trust->warned_ms != 0 && clock_ms() - trust->warned_ms < WARN_MS))
		return;
	trust->warned_ms = clock_ms();
	log_warn("bucket %.*s: the store refuses each HEAD with 403, %u in a row (if GET fails too,"
	    " check access_key and secret_key)", STR_ARG(c->name), trust->refused);
}

static void
refuse(struct exchange *x)
{
	const struct conf_bucket *c = x->conf->bucket;
	struct bucket_request *b = bucket_request(x);
	struct str code = code_of(b);
	int status = status_for_client(x, b->refused, code);
	const char *why = arena_printf(&x->stream->arena, "bucket-%d", b->refused).p;

	suspect_key(x, code);
	if (status == 404 && c->error_document.p != NULL && !b->for_error && !writes(x)) {
		x->why = why;
		b->for_error = b->whole = true;
		b->refused = 0;
		b->dropped = 0;
		bucket_ask_for(x, c->error_document);
		return;
	}
	if (b->for_error)
		status = 404;
	if (status == 416 && b->content_range.p != NULL)
		fields_add_id(&x->error_fields, FIELD_CONTENT_RANGE, b->content_range);
	exchange_fail(x, status, why, "bucket %.*s: the store answers %.*s"
	    " with %d%s%.*s%s", STR_ARG(c->name), STR_ARG(x->uri), b->refused,
	    code.n > 0 ? " " : "", STR_ARG(code),
	    status == 501 ? ": it cannot write on a condition" : "");
}

/* ---- what comes */

/* The object that takes the place of a missing one is as missing. */
static bool
use_error_document(struct exchange *x, struct response *r)
{
	if (r->status != 200) {
		bucket_request(x)->refused = r->status;
		return false;
	}
	r->status = 404;
	r->reason = status_reason(404);
	fields_remove(&r->fields, FIELD_ACCEPT_RANGES);
	fields_remove(&r->fields, FIELD_ETAG);
	fields_remove(&r->fields, FIELD_LAST_MODIFIED);
	return true;
}

bool
bucket_head(struct exchange *x, struct response *r)
{
	struct bucket_request *b = bucket_request(x);

	hide_fields(&r->fields);
	if (r->status < 400)
		x->runtime->bucket_trust[x->conf->bucket->index].refused = 0;
	if (b->for_error)
		return use_error_document(x, r);
	if (is_wrong_part(x, r)) {
		/* Who sends a part of what was asked for whole would do so for ever. */
		b->again = !b->whole;
		b->refused = b->whole ? r->status : 0;
		return false;
	}
	if ((r->status >= 200 && r->status < 300) || r->status == 304)
		return true;
	b->refused = r->status;
	if (r->status == 416)
		b->content_range = value_of(&r->fields, FIELD_CONTENT_RANGE);
	return false;
}

static void
keep_error(struct exchange *x, const struct chain *bytes)
{
	struct bucket_request *b = bucket_request(x);
	size_t n = BUCKET_ERROR_MAX - b->nerror;

	if (b->refused == 0)
		return;
	if (b->error == NULL)
		b->error = arena_alloc(&x->stream->arena, BUCKET_ERROR_MAX);
	if (n > bytes->len)
		n = bytes->len;
	chain_copy_out(bytes, b->error + b->nerror, n);
	b->nerror += n;
}

bool
bucket_body(struct exchange *x, struct chain *moved)
{
	struct bucket_request *b = bucket_request(x);

	if (b->refused == 0 && !b->again)
		return false;
	keep_error(x, moved);
	b->dropped += moved->len;
	chain_clear(moved);
	if (b->dropped > DROP_MAX)
		(void)bucket_end(x);
	return true;
}

bool
bucket_end(struct exchange *x)
{
	struct bucket_request *b = bucket_request(x);

	if (b->again) {
		b->again = false;
		b->whole = true;
		b->dropped = 0;
		bucket_ask(x);
		return true;
	}
	if (b->refused == 0)
		return false;
	refuse(x);
	return true;
}
