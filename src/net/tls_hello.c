/*
 * tls_hello.c - the server name in a ClientHello.
 */
#include "net/tls_hello.h"

#include <stdbool.h>

#include "base/str.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384,
	TYPE_HANDSHAKE = 22,
	MESSAGE_HEADER = 4,
	MESSAGE_CLIENT_HELLO = 1,
	VERSION_AND_RANDOM = 2 + 32,
	EXTENSION_SERVER_NAME = 0,
	NAME_HOST = 0,
};

/* RFC 8446, 6. */
enum {
	ALERT_UNEXPECTED_MESSAGE = 10,
	ALERT_RECORD_OVERFLOW = 22,
	ALERT_ILLEGAL_PARAMETER = 47,
	ALERT_DECODE_ERROR = 50,
	ALERT_PROTOCOL_VERSION = 70,
};

/* Bytes still to be read; `bad` once something did not fit. */
struct span {
	const uint8_t *p;
	size_t n;
	bool bad;
};

static struct span
take(struct span *from, size_t n)
{
	struct span s = { from->p, n, false };

	if (from->bad || n > from->n) {
		from->bad = true;
		return (struct span){ from->p, 0, true };
	}
	from->p += n;
	from->n -= n;
	return s;
}

static size_t
take_number(struct span *from, int bytes)
{
	struct span s = take(from, (size_t)bytes);
	size_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | s.p[i];
	return v;
}

/* What follows a length of so many bytes. */
static struct span
take_vector(struct span *from, int length_bytes)
{
	return take(from, take_number(from, length_bytes));
}

static bool
refuse(struct tls_hello *hello, uint8_t alert, const char *problem)
{
	hello->alert = alert;
	hello->problem = problem;
	return false;
}

static bool
bad(struct tls_hello *hello, const char *problem)
{
	return refuse(hello, ALERT_DECODE_ERROR, problem);
}

static bool
read_server_name(struct span ext, struct tls_hello *hello)
{
	struct span list = take_vector(&ext, 2);
	size_t type = take_number(&list, 1);
	struct span name = take_vector(&list, 2);

	if (list.bad || name.bad || ext.n > 0 || list.n > 0 || type != NAME_HOST)
		return bad(hello, "malformed server name");
	if (name.n == 0 || name.n > TLS_NAME_MAX || memchr(name.p, '\0', name.n) != NULL)
		return bad(hello, "malformed server name");
	for (size_t i = 0; i < name.n; i++)
		hello->name[i] = char_lower[name.p[i]];
	hello->name[name.n] = '\0';
	return true;
}

static bool
read_extensions(struct span all, struct tls_hello *hello)
{
	bool seen = false;

	while (all.n > 0) {
		size_t type = take_number(&all, 2);
		struct span ext = take_vector(&all, 2);

		if (all.bad)
			break;
		if (type != EXTENSION_SERVER_NAME)
			continue;
		if (seen)
			return bad(hello, "two server names");
		seen = true;
		if (!read_server_name(ext, hello))
			return false;
	}
	return !all.bad || bad(hello, "malformed extensions");
}

static bool
read_message(struct span s, struct tls_hello *hello)
{
	struct span extensions;

	take(&s, VERSION_AND_RANDOM);
	take_vector(&s, 1);		/* session id */
	take_vector(&s, 2);		/* cipher suites */
	take_vector(&s, 1);		/* compression methods */
	if (s.bad)
		return bad(hello, "malformed ClientHello");
	if (s.n == 0)
		return true;
	extensions = take_vector(&s, 2);
	if (s.bad || s.n > 0)
		return bad(hello, "malformed ClientHello");
	return read_extensions(extensions, hello);
}

/* --- records -------------------------------------------------------------------------------- */

static size_t
record_len(const uint8_t *record)
{
	return (size_t)record[3] << 8 | record[4];
}

static void
set_record_len(uint8_t *record, size_t len)
{
	record[3] = (uint8_t)(len >> 8);
	record[4] = (uint8_t)len;
}

/* The beginning of a record, as far as it is there. */
static bool
check_record(const uint8_t *record, size_t n, struct tls_hello *hello)
{
	if (record[0] != TYPE_HANDSHAKE)
		return refuse(hello, ALERT_UNEXPECTED_MESSAGE, "no TLS handshake");
	if (n > 1 && record[1] != 3)
		return refuse(hello, ALERT_PROTOCOL_VERSION, "no TLS handshake");
	if (n < RECORD_HEADER)
		return true;
	if (record_len(record) == 0)
		return refuse(hello, ALERT_UNEXPECTED_MESSAGE, "empty record");
	if (record_len(record) > RECORD_MAX)
		return refuse(hello, ALERT_RECORD_OVERFLOW, "record too large");
	return true;
}

static bool
is_whole(const uint8_t *record, size_t n)
{
	return n >= RECORD_HEADER && n - RECORD_HEADER >= record_len(record);
}

/* The bytes of the message with its header; 0 as long as that is not known. */
static size_t
message_size(const uint8_t *p, size_t n)
{
	if (n < RECORD_HEADER + MESSAGE_HEADER || record_len(p) < MESSAGE_HEADER)
		return 0;
	p += RECORD_HEADER;
	return MESSAGE_HEADER + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
}

static void
move(uint8_t *to, const uint8_t *from, size_t n)
{
	if (to != from)
		memmove(to, from, n);
}

/* Records joined in place: all of them are full but the last. */
struct joined {
	uint8_t *p;
	size_t n;			/* their bytes */
	uint8_t *last;			/* NULL: none yet */
	size_t payload;
};

/* Adds one that lies behind them, or already in its place. */
static void
join(struct joined *j, const uint8_t *record)
{
	const uint8_t *payload = record + RECORD_HEADER;
	size_t len = record_len(record), had = j->last != NULL ? record_len(j->last) : RECORD_MAX;
	size_t part = len < RECORD_MAX - had ? len : RECORD_MAX - had;

	j->payload += len;
	if (part > 0) {
		move(j->p + j->n, payload, part);
		set_record_len(j->last, had + part);
		j->n += part;
	}
	if (part == len)
		return;
	j->last = j->p + j->n;
	move(j->last, j->p, 3);		/* type and version */
	set_record_len(j->last, len - part);
	move(j->last + RECORD_HEADER, payload + part, len - part);
	j->n += RECORD_HEADER + len - part;
}

/* Joins the records of the first message, as far as they are there; false if something is wrong. */
static bool
join_records(uint8_t *p, size_t *n, struct joined *j, struct tls_hello *hello)
{
	size_t at = 0, size = 0;

	*j = (struct joined){ .p = p };
	while (at < *n && (size == 0 || j->payload < size)) {
		size_t bytes;

		if (!check_record(p + at, *n - at, hello))
			return false;
		if (!is_whole(p + at, *n - at))
			break;
		bytes = RECORD_HEADER + record_len(p + at);
		join(j, p + at);
		at += bytes;
		size = message_size(p, j->n);
	}
	move(p + j->n, p + at, *n - at);
	*n -= at - j->n;
	return true;
}

/* The message in one piece. */
static struct span
whole_message(const struct joined *j, size_t size)
{
	static uint8_t message[TLS_HELLO_MAX];
	const uint8_t *from = j->p + RECORD_HEADER;

	if (size <= RECORD_MAX)
		return (struct span){ from, size, false };
	for (size_t at = 0; at < size; at += RECORD_MAX, from += RECORD_HEADER + RECORD_MAX)
		memcpy(message + at, from, size - at < RECORD_MAX ? size - at : RECORD_MAX);
	return (struct span){ message, size, false };
}

static bool
check_message(const uint8_t *p, size_t n, struct tls_hello *hello)
{
	if (n > RECORD_HEADER && p[RECORD_HEADER] != MESSAGE_CLIENT_HELLO)
		return refuse(hello, ALERT_UNEXPECTED_MESSAGE, "no ClientHello");
	if (message_size(p, n) > TLS_HELLO_MAX)
		return refuse(hello, ALERT_ILLEGAL_PARAMETER, "ClientHello too large");
	return true;
}

enum tls_hello_result
tls_hello_read(uint8_t *p, size_t *n, struct tls_hello *hello)
{
	struct joined j;
	struct span message;
	size_t size;

	hello->name[0] = '\0';
	hello->problem = NULL;
	if (!join_records(p, n, &j, hello) || !check_message(p, *n, hello))
		return TLS_HELLO_BAD;
	size = message_size(p, j.n);
	if (size == 0 || j.payload < size)
		return TLS_HELLO_MORE;
	message = whole_message(&j, size);
	take(&message, MESSAGE_HEADER);
	return read_message(message, hello) ? TLS_HELLO_DONE : TLS_HELLO_BAD;
}
