/*
 * sticky.h - cookies that keep a client with one server.
 *
 * The value is `ID.MAC`, or `ID.EXPIRY.MAC` with a ttl: ID is the server's id in shared memory
 * (16 hex digits; it tells nothing about its address), EXPIRY seconds since 1970, and MAC the first
 * 128 bits of HMAC-SHA256 over backend, cookie name and what stands before it.
 */
#ifndef USHERD_PROXY_STICKY_H
#define USHERD_PROXY_STICKY_H

#include "conf/snapshot.h"
#include "http/message.h"

struct exchange;

enum { STICKY_KEY = 32 };

/* The id of the server in a genuine cookie of the request that has not run out; else 0. */
uint64_t sticky_read(const struct exchange *x, const struct conf_backend *b);

/* Adds the Set-Cookie that binds the client to server `id`: Path=/, HttpOnly, SameSite=Lax, Secure
 * where the client uses TLS, Max-Age with a ttl. */
void sticky_set(struct exchange *x, const struct conf_backend *b, uint64_t id,
    struct response *r);

#endif
