/*
 * message.c - the checks that each request and response must pass.
 *
 * The rule behind all of them: a message that two parsers could read in two ways is refused, so
 * that no server behind us can be made to see another message than we saw (RFC 9112, section 11).
 */
#include "http/message.h"

#include "base/check.h"

static const struct {
	struct str name;
	enum method id;
} methods[] = {
	{ STR("GET"), METHOD_GET },
	{ STR("POST"), METHOD_POST },
	{ STR("HEAD"), METHOD_HEAD },
	{ STR("PUT"), METHOD_PUT },
	{ STR("DELETE"), METHOD_DELETE },
	{ STR("OPTIONS"), METHOD_OPTIONS },
	{ STR("PATCH"), METHOD_PATCH },
	{ STR("CONNECT"), METHOD_CONNECT },
	{ STR("TRACE"), METHOD_TRACE },
};

enum method
method_lookup(struct str method)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq(method, methods[i].name))
			return methods[i].id;
	return METHOD_OTHER;
}

bool
method_is_idempotent(enum method m)
{
	return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_PUT || m == METHOD_DELETE ||
	    m == METHOD_OPTIONS;
}

static bool
refuse(struct refusal *r, int status, const char *why, const char *text)
{
	*r = (struct refusal){ status, why, text };
	return false;
}

/* The fields that say where the body ends. */
struct framing_fields {
	const struct fields *all;
	struct field *length;
	unsigned lengths;
	unsigned transfers;
};

static struct framing_fields
framing_fields(const struct fields *all)
{
	struct framing_fields n = { .all = all };

	FIELDS_EACH(f, all) {
		if (f->id == FIELD_CONTENT_LENGTH) {
			n.length = f;
			n.lengths++;
		} else if (f->id == FIELD_TRANSFER_ENCODING) {
			n.transfers++;
		}
	}
	return n;
}

/* One coding of the list; its parameters are for those who know it. */
static bool
is_coding(struct str item, bool *is_chunked)
{
	struct str name;

	str_cut(&item, ';', &name);
	name = str_trim(name);
	*is_chunked = str_ieq(name, STR_OF("chunked"));
	/* chunked has no parameters: RFC 9112, 7.1. */
	return name.n > 0 && str_all(name, CHAR_TOKEN) && !(*is_chunked && item.p != NULL);
}

/* Whether the body is chunked and no more.  Many lines are one list: RFC 9110, 5.3. */
static bool
check_codings(const struct fields *fields, struct refusal *refusal)
{
	bool ended = false, unknown = false;
	struct str list, item;

	FIELDS_EACH(f, fields) {
		list = f->id == FIELD_TRANSFER_ENCODING ? f->value : (struct str){ NULL, 0 };
		while (str_cut(&list, ',', &item)) {
			bool is_chunked;

			if (!is_coding(item, &is_chunked))
				return refuse(refusal, 400, "bad-request",
				    "a malformed Transfer-Encoding");
			if (ended)
				return refuse(refusal, 400, "bad-request", CHUNKED_NOT_LAST);
			ended = is_chunked;
			unknown |= !is_chunked;
		}
	}
	/* RFC 9112, 6.1. */
	return !unknown || refuse(refusal, 501, "transfer-coding",
	    "a Transfer-Encoding other than chunked");
}

/* The length or coding of the body. */
static bool
find_framing(const struct framing_fields *n, int minor, enum framing *framing, uint64_t *length,
    struct refusal *refusal)
{
	if (n->transfers > 0) {
		if (n->lengths > 0)
			return refuse(refusal, 400, "bad-request",
			    "both Content-Length and Transfer-Encoding");
		if (minor == 0)
			return refuse(refusal, 400, "bad-request",
			    "Transfer-Encoding in HTTP/1.0");
		*framing = FRAMING_CHUNKED;
		return check_codings(n->all, refusal);
	}
	if (n->lengths > 1)
		return refuse(refusal, 400, "bad-request", "more than one Content-Length");
	if (n->lengths == 1) {
		if (!str_uint(n->length->value, INT64_MAX, length))
			return refuse(refusal, 400, "bad-request", BAD_CONTENT_LENGTH);
		*framing = FRAMING_LENGTH;
	}
	return true;
}

/* The Host field: RFC 9112, section 3.2. */
static bool
check_host(struct request *r, struct arena *arena, struct refusal *refusal)
{
	struct field *host = fields_find(&r->fields, FIELD_HOST);
	struct str name;
	char *lower;

	if (host == NULL && r->minor > 0)
		return refuse(refusal, 400, "bad-request", "no Host");
	if (host != NULL) {
		if (fields_count(&r->fields, FIELD_HOST) > 1)
			return refuse(refusal, 400, "bad-request", "more than one Host");
		if (!target_authority(host->value, &name, &r->port))
			return refuse(refusal, 400, "bad-request", "a Host that is no host name");
		r->host_field = host->value;
	}
	if (r->target.form == TARGET_ABSOLUTE)
		r->host_field = r->target.authority;
	if (r->host_field.p == NULL)
		return true;
	CHECK(target_authority(r->host_field, &name, &r->port));
	lower = arena_alloc(arena, name.n);
	for (size_t i = 0; i < name.n; i++)
		lower[i] = char_lower[(unsigned char)name.p[i]];
	r->host = str_make(lower, name.n);
	return true;
}

static bool
check_target(struct request *r, struct arena *arena, struct refusal *refusal)
{
	if (r->method_id == METHOD_CONNECT || r->method_id == METHOD_TRACE)
		return refuse(refusal, 405, "method", "CONNECT and TRACE are not served");
	if (!target_parse(&r->target, r->raw_target))
		return refuse(refusal, 400, "bad-request", "a request target that is no URI");
	if (r->target.form == TARGET_ASTERISK) {
		if (r->method_id != METHOD_OPTIONS)
			return refuse(refusal, 400, "bad-request", "the target * without OPTIONS");
		r->path = r->target.path;
		return true;
	}
	r->path = target_normalise(arena, r->target.path);
	if (r->path.p == NULL)
		return refuse(refusal, 400, "bad-request",
		    "a path with a bad escape or above the root");
	return true;
}

/* What the options of Connection say, of all fields of a message. */
struct connection {
	unsigned options;
	bool close;
	bool keep_alive;
	bool upgrade;
};

/* Each may name fields to be looked for among all: no message needs more than a few. */
enum { MAX_OPTIONS = 64 };

static const char too_many_options[] = "more than 64 Connection options";

static bool
note_options(struct connection *c, struct str value)
{
	struct str option;

	while (str_cut(&value, ',', &option)) {
		if (++c->options > MAX_OPTIONS)
			return false;
		option = str_trim(option);
		c->close |= str_ieq(option, STR_OF("close"));
		c->keep_alive |= str_ieq(option, STR_OF("keep-alive"));
		c->upgrade |= str_ieq(option, STR_OF("upgrade"));
	}
	return true;
}

/* Upgrade is honoured with its Connection option, in 1.1, and never to h2c, which would carry
 * requests past all checks. */
static void
find_upgrade(struct request *r, struct str value)
{
	if (r->minor > 0 && value.n > 0 && !list_has_token(value, STR_OF("h2c")))
		r->upgrade = value;
}

/* What fields of the request are about the connection; false for an expectation we do not know. */
static bool
read_connection(struct request *r, struct refusal *refusal)
{
	struct connection connection = { 0 };
	struct str upgrade_to = { NULL, 0 };

	FIELDS_EACH(f, &r->fields) {
		switch (f->id) {
		case FIELD_CONNECTION:
			if (!note_options(&connection, f->value))
				return refuse(refusal, 400, "bad-request", too_many_options);
			break;
		case FIELD_UPGRADE:
			upgrade_to = f->value;
			break;
		case FIELD_TE:
			r->te_trailers |= list_has_token(f->value, STR_OF("trailers"));
			break;
		case FIELD_EXPECT:
			if (!str_ieq(f->value, STR_OF("100-continue")))
				return refuse(refusal, 417, "expectation",
				    "an unknown expectation");
			r->expect_continue = r->minor > 0 && r->framing != FRAMING_NONE;
			break;
		default:
			break;
		}
	}
	r->keep_alive = !connection.close && (r->minor > 0 || connection.keep_alive);
	if (connection.upgrade)
		find_upgrade(r, upgrade_to);
	return true;
}

bool
request_check(struct request *r, struct arena *arena, struct refusal *refusal)
{
	struct framing_fields framing = framing_fields(&r->fields);

	return find_framing(&framing, r->minor, &r->framing, &r->content_length, refusal) &&
	    check_target(r, arena, refusal) && check_host(r, arena, refusal) &&
	    read_connection(r, refusal);
}

/* `timeout=5, max=100`: how long the server keeps an idle connection; 0 if it does not say. */
static msec
keep_alive_timeout(struct str value)
{
	static const struct str key = STR("timeout=");
	struct str item;
	uint64_t seconds;

	while (str_cut(&value, ',', &item)) {
		item = str_trim(item);
		if (item.n > key.n && str_ieq(str_make(item.p, key.n), key) &&
		    str_uint(str_skip(item, key.n), 86400, &seconds))
			return (msec)seconds * 1000;
	}
	return 0;
}

/* False for more options than any server has. */
static bool
read_response_connection(struct response *r, bool *upgrade)
{
	struct connection connection = { 0 };

	FIELDS_EACH(f, &r->fields) {
		if (f->id == FIELD_CONNECTION && !note_options(&connection, f->value))
			return false;
		if (f->id == FIELD_KEEP_ALIVE)
			r->keep_alive_ms = keep_alive_timeout(f->value);
	}
	r->keep_alive = !connection.close && (r->minor > 0 || connection.keep_alive);
	*upgrade = connection.upgrade;
	return true;
}

bool
response_check(struct response *r, const struct request *request, struct refusal *refusal)
{
	struct framing_fields framing = framing_fields(&r->fields);
	struct refusal wrong;
	bool upgrade;

	if (!read_response_connection(r, &upgrade))
		return refuse(refusal, 502, "bad-response", too_many_options);
	if (r->status == 101 && (request->upgrade.p == NULL || !upgrade ||
	    fields_find(&r->fields, FIELD_UPGRADE) == NULL))
		return refuse(refusal, 502, "bad-response", "101 that nobody asked for");
	if (r->status < 200) {
		/* RFC 9110, 8.6: no length here; one that is there makes what follows doubtful. */
		if (framing.lengths + framing.transfers > 0)
			return refuse(refusal, 502, "bad-response",
			    "an interim response with a body");
		return true;
	}
	if (!find_framing(&framing, r->minor, &r->framing, &r->content_length, &wrong) &&
	    r->status != 204)
		return refuse(refusal, 502, "bad-response", wrong.text);
	if (r->status == 204) {
		r->framing = FRAMING_NONE;
		r->keep_alive &= framing.lengths + framing.transfers == 0;
	} else if (r->framing == FRAMING_NONE &&
	    !response_has_no_body(r->status, request->method_id)) {
		r->framing = FRAMING_CLOSE;
		r->keep_alive = false;
	}
	return true;
}

/* Fields that frame or route a message, or that trusted proxies say of the client: a Connection
 * option cannot take them away. */
static bool
is_protected(struct str name)
{
	enum field_id id = field_lookup(name);

	switch (id) {
	case FIELD_CONNECTION:
	case FIELD_CONTENT_LENGTH:
	case FIELD_HOST:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_X_REQUEST_ID:
		return true;
	default:
		return field_describes_client(id, name);
	}
}

static void
remove_listed(struct fields *list, struct str names)
{
	struct str name;

	while (str_cut(&names, ',', &name)) {
		name = str_trim(name);
		if (name.n > 0 && !is_protected(name))
			fields_remove_name(list, name);
	}
}

void
response_strip_hop_by_hop(struct response *r)
{
	fields_strip_hop_by_hop(&r->fields);
	if (r->status != 101 && r->status != 426)
		return;
	for (unsigned i = 0; i < r->fields.n; i++)
		if (r->fields.v[i].id == FIELD_UPGRADE)
			r->fields.v[i].gone = false;
}

void
fields_strip_hop_by_hop(struct fields *list)
{
	FIELDS_EACH(f, list) {
		switch (f->id) {
		case FIELD_CONNECTION:
			if (!str_ieq(f->value, STR_OF("close")) &&
			    !str_ieq(f->value, STR_OF("keep-alive")))
				remove_listed(list, f->value);
			f->gone = true;
			break;
		case FIELD_CONTENT_LENGTH:
		case FIELD_HTTP2_SETTINGS:
		case FIELD_KEEP_ALIVE:
		case FIELD_PROXY_CONNECTION:
		case FIELD_TE:
		case FIELD_TRANSFER_ENCODING:
		case FIELD_UPGRADE:
			f->gone = true;
			break;
		default:
			break;
		}
	}
}
