/*
 * location.h - where servers send clients: their own places, mapped back to those clients know.
 *
 *	client ── GET https://shop.test/api/a ──► strip_prefix = /api ──► http://10.0.0.7:8080/a
 *	client ◄── https://shop.test/api/b ◄── Location: http://10.0.0.7:8080/b
 *
 * What was changed on the way to the server is undone in Location, Content-Location, Refresh and in
 * Domain and Path of cookies.  A URL of any other server, and a path that no change leads to, stay
 * as they are.  After a `rewrite` no way leads back for paths: only hosts are mapped then.
 */
#ifndef USHERD_PROXY_FORWARD_LOCATION_H
#define USHERD_PROXY_FORWARD_LOCATION_H

#include "proxy/exchange.h"

/*
 * Maps all places in what a server answered, if the route says so.  The server's own fields stay in
 * the list, as gone, for $upstream_http_NAME.  What usherd adds itself comes after this.
 */
void location_map_back(struct exchange *x, struct response *r);

/* One way from what a server says to what the client is told. */
struct location_map {
	struct str server;		/* HOST[:PORT] of the server; absent: unknown */
	struct str told;		/* the Host that it was told; absent: none */
	struct str client;		/* the Host that the client used; absent: none */
	struct str scheme;		/* that the client used */
	struct str remove;		/* beginning of the server's paths, by whole segments */
	struct str insert;		/* what stands there for the client */
	bool paths;			/* paths can be mapped */
};

/*
 * The URL or path as the client knows it; `url` itself when it stays as it is.  `arena` takes what
 * is made.
 */
struct str location_url(const struct location_map *m, struct str url, struct arena *arena);

/* The same for values of Refresh: `5; url=/there`. */
struct str location_refresh(const struct location_map *m, struct str value, struct arena *arena);

/* The same for values of Set-Cookie. */
struct str location_cookie(const struct location_map *m, struct str value, struct arena *arena);

#endif
