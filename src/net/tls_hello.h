/*
 * tls_hello.h - the server name in a ClientHello, before anything is made for the connection.
 *
 * Reading it here lets the connection begin with the right context, policy and all, instead of
 * having one exchanged under it; and one that goes no further has cost nothing but its bytes.
 */
#ifndef USHERD_NET_TLS_HELLO_H
#define USHERD_NET_TLS_HELLO_H

#include <stddef.h>
#include <stdint.h>

enum {
	TLS_HELLO_MAX = 65536,		/* bytes of the message */
	TLS_NAME_MAX = 255,
};

enum tls_hello_result { TLS_HELLO_MORE, TLS_HELLO_DONE, TLS_HELLO_BAD };

struct tls_hello {
	char name[TLS_NAME_MAX + 1];	/* lower case; "" if none was sent */
	const char *problem;		/* of BAD; NULL: none */
	uint8_t alert;			/* that says so */
};

/*
 * Looks at what has arrived (RFC 8446, 4.1.2, 5.1; RFC 6066, 3).  MORE while it is incomplete.
 *
 * A ClientHello may come in records of one byte, which would take six times its memory, and thirty
 * times the time in OpenSSL (10 ms for 64 KiB).  So whole records are joined in place: `n` is less
 * afterwards, and never more than TLS_HELLO_MAX, two records and what came last.
 */
enum tls_hello_result tls_hello_read(uint8_t *p, size_t *n, struct tls_hello *hello);

#endif
