/*
 * fields.h - header fields of a message, in their order.
 */
#ifndef USHERD_HTTP_FIELDS_H
#define USHERD_HTTP_FIELDS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Names that usherd itself looks at; the table is in fields.c. */
enum field_id {
	FIELD_OTHER,
	FIELD_ACCEPT,
	FIELD_ACCEPT_ENCODING,
	FIELD_ACCEPT_RANGES,
	FIELD_ALT_SVC,
	FIELD_AUTHORIZATION,
	FIELD_CACHE_CONTROL,
	FIELD_CONNECTION,
	FIELD_CONTENT_ENCODING,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_LOCATION,
	FIELD_CONTENT_RANGE,
	FIELD_CONTENT_TYPE,
	FIELD_COOKIE,
	FIELD_DATE,
	FIELD_ETAG,
	FIELD_EXPECT,
	FIELD_EXPIRES,
	FIELD_FORWARDED,
	FIELD_HOST,
	FIELD_HTTP2_SETTINGS,
	FIELD_IF_MATCH,
	FIELD_IF_MODIFIED_SINCE,
	FIELD_IF_NONE_MATCH,
	FIELD_IF_RANGE,
	FIELD_IF_UNMODIFIED_SINCE,
	FIELD_KEEP_ALIVE,
	FIELD_LAST_MODIFIED,
	FIELD_LOCATION,
	FIELD_MAX_FORWARDS,
	FIELD_ORIGIN,
	FIELD_PROXY_AUTHENTICATE,
	FIELD_PROXY_AUTHORIZATION,
	FIELD_PROXY_CONNECTION,
	FIELD_RANGE,
	FIELD_REFERER,
	FIELD_REFRESH,
	FIELD_SERVER,
	FIELD_SET_COOKIE,
	FIELD_TE,
	FIELD_TRAILER,
	FIELD_TRANSFER_ENCODING,
	FIELD_UPGRADE,
	FIELD_USER_AGENT,
	FIELD_VARY,
	FIELD_VIA,
	FIELD_X_FORWARDED_FOR,
	FIELD_X_FORWARDED_HOST,
	FIELD_X_FORWARDED_PROTO,
	FIELD_X_POWERED_BY,
	FIELD_X_REAL_IP,
	FIELD_X_REQUEST_ID,
	FIELD_IDS,
};

struct field {
	struct str name;
	struct str value;	/* without blanks at its ends */
	uint8_t id;		/* enum field_id */
	bool gone;		/* removed: skip it */
};

struct fields {
	struct field *v;
	unsigned n;
	unsigned cap;
	struct arena *arena;	/* where v grows */
};

/* Names of the ids, as they are written: `Content-Length`. */
extern const struct str field_names[FIELD_IDS];

/* An empty list that grows in `arena`. */
void fields_init(struct fields *f, struct arena *arena);

/* Appends; name and value must live as long as the list.  Returns the new field. */
struct field *fields_add(struct fields *f, struct str name, struct str value);

/* Appends a field with a known name. */
struct field *fields_add_id(struct fields *f, enum field_id id, struct str value);

/* The id of a name, whatever its case. */
enum field_id field_lookup(struct str name);

/*
 * Whether a name has `_` or `.`: servers that turn names into variables cannot tell X_A and X.A
 * from X-A.
 */
bool field_has_odd_name(const struct field *f);

/*
 * Whether a request field of this name says who the client is, how it connected or what it asked
 * for: Forwarded, X-Forwarded-..., X-Real-IP.  Only a proxy that is trusted may say so.
 */
bool field_describes_client(enum field_id id, struct str name);

/* The first field with the id or name that is not gone, or NULL. */
struct field *fields_find(const struct fields *f, enum field_id id);
struct field *fields_find_name(const struct fields *f, struct str name);

/* How many there are with the id. */
unsigned fields_count(const struct fields *f, enum field_id id);

/* Marks all fields with the id or name as gone. */
void fields_remove(struct fields *f, enum field_id id);
void fields_remove_name(struct fields *f, struct str name);

/* Removes them and adds one. */
void fields_set(struct fields *f, enum field_id id, struct str value);

/*
 * Adds the name of a request field to Vary (RFC 9110, 12.5.5), unless it stands there or `*` does.
 */
void fields_vary(struct fields *f, struct str name);

/*
 * True if `token` is an element of a comma-separated list, whatever its case: RFC 9110, 5.6.1.
 */
bool list_has_token(struct str list, struct str token);

/* The loop over fields that are there: `FIELDS_EACH(f, fields) if (f->id == ...)`. */
#define FIELDS_EACH(f, list) \
	for (struct field *f = (list)->v, *f##_end = (list)->n > 0 ? f + (list)->n : f; \
	     f < f##_end; f++) \
		if (!f->gone)

#endif
