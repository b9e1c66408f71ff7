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
bad(struct tls_hello *hello, const char *problem)
{
	hello->problem = problem;
	return false;
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

/* Puts together the fragments of the first message, as far as they are there. */
static bool
join_records(const uint8_t *p, size_t n, uint8_t *message, size_t *got, struct tls_hello *hello)
{
	*got = 0;
	for (int i = 0; n > 0; i++) {
		size_t len, have;

		if (i == TLS_HELLO_RECORDS)
			return bad(hello, "ClientHello in too many records");
		if (p[0] != TYPE_HANDSHAKE || (n > 1 && p[1] != 3))
			return bad(hello, "no TLS handshake");
		if (n < RECORD_HEADER)
			return true;
		len = (size_t)p[3] << 8 | p[4];
		if (len == 0 || len > RECORD_MAX)
			return bad(hello, "malformed record");
		have = n - RECORD_HEADER < len ? n - RECORD_HEADER : len;
		if (*got + have > TLS_HELLO_MAX)
			have = TLS_HELLO_MAX - *got;
		memcpy(message + *got, p + RECORD_HEADER, have);
		*got += have;
		if (*got == TLS_HELLO_MAX || have < len || n - RECORD_HEADER < len)
			return true;
		if (*got >= MESSAGE_HEADER && *got >= MESSAGE_HEADER +
		    ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]))
			return true;
		p += RECORD_HEADER + len;
		n -= RECORD_HEADER + len;
	}
	return true;
}

enum tls_hello_result
tls_hello_read(const uint8_t *p, size_t n, struct tls_hello *hello)
{
	static uint8_t message[TLS_HELLO_MAX];
	struct span s = { message, 0, false };
	size_t len;

	hello->name[0] = '\0';
	hello->problem = NULL;
	if (!join_records(p, n, message, &s.n, hello))
		return TLS_HELLO_BAD;
	if (s.n > 0 && message[0] != MESSAGE_CLIENT_HELLO) {
		hello->problem = "no ClientHello";
		return TLS_HELLO_BAD;
	}
	if (s.n < MESSAGE_HEADER)
		return TLS_HELLO_MORE;
	take(&s, 1);
	len = take_number(&s, 3);
	if (len > TLS_HELLO_MAX - MESSAGE_HEADER) {
		hello->problem = "ClientHello too large";
		return TLS_HELLO_BAD;
	}
	if (len > s.n)
		return TLS_HELLO_MORE;
	return read_message(take(&s, len), hello) ? TLS_HELLO_DONE : TLS_HELLO_BAD;
}
