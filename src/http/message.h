/*
 * message.h - requests and responses as everything above the wire format knows them, and the checks
 * that each must pass before anything is done with it.
 */
#ifndef USHERD_HTTP_MESSAGE_H
#define USHERD_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"
#include "http/fields.h"
#include "http/target.h"

enum method {
	METHOD_OTHER,
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_PATCH,
	METHOD_CONNECT,
	METHOD_TRACE,
};

/* How the end of a body is found: RFC 9112, section 6.3. */
enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

struct request {
	struct str method;
	enum method method_id;
	int minor;			/* HTTP/1.minor */
	struct str raw_target;		/* as received */
	struct target target;
	struct str path;		/* normalised: see target_normalise() */
	struct str host;		/* lower case, without port and final dot; may be absent */
	uint16_t port;			/* of the Host; 0: none given */
	struct str host_field;		/* as it came: Host, or authority of an absolute target */
	struct fields fields;
	enum framing framing;		/* NONE, LENGTH or CHUNKED */
	uint64_t content_length;	/* with FRAMING_LENGTH */
	bool keep_alive;		/* the client allows another request */
	bool expect_continue;
	bool te_trailers;		/* the client accepts trailers */
	struct str upgrade;		/* protocols asked for, hop-by-hop rules met; else absent */
	uint64_t head_bytes;		/* length of the head as received */
};

struct response {
	int status;			/* 100 to 599 */
	struct str reason;		/* may be empty */
	int minor;
	struct fields fields;
	enum framing framing;
	uint64_t content_length;
	bool keep_alive;		/* the server allows another request */
	msec keep_alive_ms;		/* its Keep-Alive: timeout=; 0: not said */
	uint64_t head_bytes;
};

/* Why a message is refused. */
struct refusal {
	int status;			/* to answer with; 502 for responses */
	const char *why;		/* the fixed word for logs */
	const char *text;		/* what is wrong, for the log and a debug line */
};

/* What is wrong with a message, where more than one place may find it. */
#define BAD_CONTENT_LENGTH	"a Content-Length that is no number below 2^63"
#define CHUNKED_NOT_LAST	"a Transfer-Encoding in which chunked is not the last coding"

enum method method_lookup(struct str method);

/* Methods that may be repeated: RFC 9110, 9.2.2.  Unknown ones are not. */
bool method_is_idempotent(enum method m);

/*
 * Checks a parsed request and fills everything from `target` on: RFC 9110 and 9112 at their
 * strictest, see the table in message.c.  `arena` takes derived strings.  False: `refusal` says
 * why, and the connection must not be read any further.
 */
bool request_check(struct request *r, struct arena *arena, struct refusal *refusal);

/*
 * The same for a response to `request`.  For 1xx `framing` is NONE.  On false the server connection
 * must be closed.
 */
bool response_check(struct response *r, const struct request *request, struct refusal *refusal);

/*
 * Marks as gone what concerns only the connection it came on: Connection and what it names,
 * Keep-Alive, Proxy-Connection, TE, Trailer is kept, Transfer-Encoding, Upgrade: RFC 9110, 7.6.1.
 * Content-Length goes too: framing is written anew.
 */
void fields_strip_hop_by_hop(struct fields *f);

/* The same for a response, which keeps Upgrade with 101 and 426: RFC 9110, 15.5.22. */
void response_strip_hop_by_hop(struct response *r);

/* The standard reason phrase, or "Unknown". */
struct str status_reason(int status);

/* True for events that a server sends as they happen, to nobody knows when: text/event-stream. */
bool response_is_event_stream(const struct response *r);

/* True if a response with this status to this method has no body: RFC 9110, 6.4.1. */
bool response_has_no_body(int status, enum method method);

#endif
