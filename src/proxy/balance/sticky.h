/*
 * sticky.h - cookies that keep a client with one server.
 *
 * The value is `ID.MAC`, or `ID.EXPIRY.MAC` with a ttl: ID is the server's id in shared memory
 * (16 hex digits; it tells nothing about its address), EXPIRY seconds since 1970, and MAC the first
 * 128 bits, in hex, of an HMAC-SHA-256 over backend, cookie name and what stands before it.
 */
#ifndef USHERD_PROXY_BALANCE_STICKY_H
#define USHERD_PROXY_BALANCE_STICKY_H

#include "conf/snapshot.h"
#include "http/message.h"
#include "shm/core.h"

struct exchange;
struct sticky;

enum {
	STICKY_KEY = 32,
	STICKY_VALUE = 16 + 1 + 20 + 1 + 32,	/* longest value */
};

/* What a cookie says. */
struct sticky_cookie {
	uint64_t id;			/* of the server; 0: there is no genuine cookie */
	uint64_t expiry_s;		/* since 1970; 0: none */
};

/* The keys of all backends: from sticky_secret, else random ones that live as long as `core`.
 * Freed with sticky_free(). */
struct sticky *sticky_new(const struct conf_snapshot *snapshot, const struct shm_core *core);
void sticky_free(struct sticky *s);

/* What the client's cookie for x->backend says, if it is genuine and has not run out. */
struct sticky_cookie sticky_read(const struct sticky *s, const struct exchange *x);

/*
 * Binds the client to server `id` by a Set-Cookie, unless `now` says the same and for long enough:
 * Path=/, HttpOnly, SameSite=Lax, Secure where the client uses TLS, Max-Age with a ttl.
 */
void sticky_bind(const struct sticky *s, struct exchange *x, const struct sticky_cookie *now,
    uint64_t id, struct response *r);

/* The value for a cookie, without its own checks; returns its length. */
size_t sticky_encode(const uint8_t key[STICKY_KEY], const struct conf_backend *b,
    const struct sticky_cookie *c, char out[STICKY_VALUE]);

/* The reverse; false if the value is not what sticky_encode() makes with this key. */
bool sticky_decode(const uint8_t key[STICKY_KEY], const struct conf_backend *b, struct str value,
    struct sticky_cookie *c);

#endif
