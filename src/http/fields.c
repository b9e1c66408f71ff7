/*
 * fields.c - header fields of a message, in their order.
 */
#include "http/fields.h"

#include "base/check.h"

enum { FIRST_CAP = 24 };	/* fits the requests and responses of most browsers and servers */

const struct str field_names[FIELD_IDS] = {
	[FIELD_OTHER] = STR(""),
	[FIELD_ACCEPT] = STR("Accept"),
	[FIELD_ACCEPT_ENCODING] = STR("Accept-Encoding"),
	[FIELD_ACCEPT_RANGES] = STR("Accept-Ranges"),
	[FIELD_ALT_SVC] = STR("Alt-Svc"),
	[FIELD_AUTHORIZATION] = STR("Authorization"),
	[FIELD_CACHE_CONTROL] = STR("Cache-Control"),
	[FIELD_CONNECTION] = STR("Connection"),
	[FIELD_CONTENT_ENCODING] = STR("Content-Encoding"),
	[FIELD_CONTENT_LENGTH] = STR("Content-Length"),
	[FIELD_CONTENT_LOCATION] = STR("Content-Location"),
	[FIELD_CONTENT_RANGE] = STR("Content-Range"),
	[FIELD_CONTENT_TYPE] = STR("Content-Type"),
	[FIELD_COOKIE] = STR("Cookie"),
	[FIELD_DATE] = STR("Date"),
	[FIELD_ETAG] = STR("ETag"),
	[FIELD_EXPECT] = STR("Expect"),
	[FIELD_EXPIRES] = STR("Expires"),
	[FIELD_FORWARDED] = STR("Forwarded"),
	[FIELD_HOST] = STR("Host"),
	[FIELD_HTTP2_SETTINGS] = STR("HTTP2-Settings"),
	[FIELD_IF_MATCH] = STR("If-Match"),
	[FIELD_IF_MODIFIED_SINCE] = STR("If-Modified-Since"),
	[FIELD_IF_NONE_MATCH] = STR("If-None-Match"),
	[FIELD_IF_RANGE] = STR("If-Range"),
	[FIELD_IF_UNMODIFIED_SINCE] = STR("If-Unmodified-Since"),
	[FIELD_KEEP_ALIVE] = STR("Keep-Alive"),
	[FIELD_LAST_MODIFIED] = STR("Last-Modified"),
	[FIELD_LOCATION] = STR("Location"),
	[FIELD_MAX_FORWARDS] = STR("Max-Forwards"),
	[FIELD_ORIGIN] = STR("Origin"),
	[FIELD_PROXY_AUTHENTICATE] = STR("Proxy-Authenticate"),
	[FIELD_PROXY_AUTHORIZATION] = STR("Proxy-Authorization"),
	[FIELD_PROXY_CONNECTION] = STR("Proxy-Connection"),
	[FIELD_RANGE] = STR("Range"),
	[FIELD_REFERER] = STR("Referer"),
	[FIELD_REFRESH] = STR("Refresh"),
	[FIELD_SERVER] = STR("Server"),
	[FIELD_SET_COOKIE] = STR("Set-Cookie"),
	[FIELD_TE] = STR("TE"),
	[FIELD_TRAILER] = STR("Trailer"),
	[FIELD_TRANSFER_ENCODING] = STR("Transfer-Encoding"),
	[FIELD_UPGRADE] = STR("Upgrade"),
	[FIELD_USER_AGENT] = STR("User-Agent"),
	[FIELD_VARY] = STR("Vary"),
	[FIELD_VIA] = STR("Via"),
	[FIELD_X_FORWARDED_FOR] = STR("X-Forwarded-For"),
	[FIELD_X_FORWARDED_HOST] = STR("X-Forwarded-Host"),
	[FIELD_X_FORWARDED_PROTO] = STR("X-Forwarded-Proto"),
	[FIELD_X_POWERED_BY] = STR("X-Powered-By"),
	[FIELD_X_REAL_IP] = STR("X-Real-IP"),
	[FIELD_X_REQUEST_ID] = STR("X-Request-ID"),
};

/* The ids whose names have a given length, so that a look-up compares a few names at most. */
enum { LONGEST = 20, SAME_LENGTH = 6 };

static const uint8_t by_length[LONGEST][SAME_LENGTH] = {
	[2] = { FIELD_TE },
	[3] = { FIELD_VIA },
	[4] = { FIELD_HOST, FIELD_DATE, FIELD_ETAG, FIELD_VARY },
	[5] = { FIELD_RANGE },
	[6] = { FIELD_ACCEPT, FIELD_COOKIE, FIELD_EXPECT, FIELD_SERVER, FIELD_ORIGIN },
	[7] = { FIELD_REFERER, FIELD_UPGRADE, FIELD_ALT_SVC, FIELD_TRAILER, FIELD_EXPIRES,
	    FIELD_REFRESH },
	[8] = { FIELD_IF_RANGE, FIELD_IF_MATCH, FIELD_LOCATION },
	[9] = { FIELD_FORWARDED, FIELD_X_REAL_IP },
	[10] = { FIELD_CONNECTION, FIELD_USER_AGENT, FIELD_KEEP_ALIVE, FIELD_SET_COOKIE },
	[12] = { FIELD_CONTENT_TYPE, FIELD_MAX_FORWARDS, FIELD_X_REQUEST_ID, FIELD_X_POWERED_BY },
	[13] = { FIELD_IF_NONE_MATCH, FIELD_CACHE_CONTROL, FIELD_AUTHORIZATION,
	    FIELD_CONTENT_RANGE, FIELD_ACCEPT_RANGES, FIELD_LAST_MODIFIED },
	[14] = { FIELD_CONTENT_LENGTH, FIELD_HTTP2_SETTINGS },
	[15] = { FIELD_ACCEPT_ENCODING, FIELD_X_FORWARDED_FOR },
	[16] = { FIELD_X_FORWARDED_HOST, FIELD_PROXY_CONNECTION, FIELD_CONTENT_ENCODING,
	    FIELD_CONTENT_LOCATION },
	[17] = { FIELD_TRANSFER_ENCODING, FIELD_X_FORWARDED_PROTO, FIELD_IF_MODIFIED_SINCE },
	[18] = { FIELD_PROXY_AUTHENTICATE },
	[19] = { FIELD_PROXY_AUTHORIZATION, FIELD_IF_UNMODIFIED_SINCE },
};

enum field_id
field_lookup(struct str name)
{
	const uint8_t *ids;

	if (name.n >= LONGEST)
		return FIELD_OTHER;
	ids = by_length[name.n];
	for (int i = 0; i < SAME_LENGTH && ids[i] != FIELD_OTHER; i++) {
		const char *known = field_names[ids[i]].p;

		if ((name.p[0] | 0x20) == (known[0] | 0x20) && str_ieq(name, field_names[ids[i]]))
			return ids[i];
	}
	return FIELD_OTHER;
}

bool
field_has_odd_name(const struct field *f)
{
	return f->id == FIELD_OTHER &&
	    (str_find(f->name, '_') >= 0 || str_find(f->name, '.') >= 0);
}

bool
field_describes_client(enum field_id id, struct str name)
{
	static const struct str family = STR("X-Forwarded-");

	switch (id) {
	case FIELD_FORWARDED:
	case FIELD_X_FORWARDED_FOR:
	case FIELD_X_FORWARDED_HOST:
	case FIELD_X_FORWARDED_PROTO:
	case FIELD_X_REAL_IP:
		return true;
	case FIELD_OTHER:
		return name.n > family.n && (name.p[0] | 0x20) == 'x' &&
		    str_ieq(str_make(name.p, family.n), family);
	default:
		return false;
	}
}

void
fields_init(struct fields *f, struct arena *arena)
{
	*f = (struct fields){ NULL, 0, 0, arena };
}

static struct field *
add(struct fields *f, enum field_id id, struct str name, struct str value)
{
	if (f->n == f->cap) {
		unsigned cap = f->cap ? f->cap * 2 : FIRST_CAP;
		struct field *v = arena_alloc(f->arena, cap * sizeof(*v));

		if (f->n > 0)
			memcpy(v, f->v, f->n * sizeof(*v));
		f->v = v;
		f->cap = cap;
	}
	f->v[f->n] = (struct field){ name, value, (uint8_t)id, false };
	return &f->v[f->n++];
}

struct field *
fields_add(struct fields *f, struct str name, struct str value)
{
	return add(f, field_lookup(name), name, value);
}

struct field *
fields_add_id(struct fields *f, enum field_id id, struct str value)
{
	return add(f, id, field_names[id], value);
}

struct field *
fields_find(const struct fields *list, enum field_id id)
{
	FIELDS_EACH(f, list)
		if (f->id == id)
			return f;
	return NULL;
}

struct field *
fields_find_name(const struct fields *list, struct str name)
{
	FIELDS_EACH(f, list)
		if (str_ieq(f->name, name))
			return f;
	return NULL;
}

unsigned
fields_count(const struct fields *list, enum field_id id)
{
	unsigned n = 0;

	FIELDS_EACH(f, list)
		n += f->id == id;
	return n;
}

void
fields_remove(struct fields *list, enum field_id id)
{
	FIELDS_EACH(f, list)
		if (f->id == id)
			f->gone = true;
}

void
fields_remove_name(struct fields *list, struct str name)
{
	FIELDS_EACH(f, list)
		if (str_ieq(f->name, name))
			f->gone = true;
}

void
fields_set(struct fields *list, enum field_id id, struct str value)
{
	fields_remove(list, id);
	fields_add_id(list, id, value);
}

static bool
varies(struct str list, struct str name)
{
	struct str item;

	while (str_cut(&list, ',', &item)) {
		item = str_trim(item);
		if (str_ieq(item, name) || str_eq(item, STR_OF("*")))
			return true;
	}
	return false;
}

void
fields_vary(struct fields *list, struct str name)
{
	struct field *vary = fields_find(list, FIELD_VARY);

	FIELDS_EACH(f, list)
		if (f->id == FIELD_VARY && varies(f->value, name))
			return;
	if (vary == NULL)
		fields_add_id(list, FIELD_VARY, name);
	else if (vary->value.n == 0)
		vary->value = name;
	else
		vary->value = arena_printf(list->arena, "%.*s, %.*s", STR_ARG(vary->value),
		    STR_ARG(name));
}

bool
list_has_token(struct str list, struct str token)
{
	struct str item;

	while (str_cut(&list, ',', &item))
		if (str_ieq(str_trim(item), token))
			return true;
	return false;
}
