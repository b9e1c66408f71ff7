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

/* Bytes that may come of mapping one response: a head of a server is 64 KiB at most. */
enum { LOCATION_MAX = 262144 };

/*
 * Maps all places in what a server answered, if the route says so.  Fields keep their order.  The
 * server's own fields stay in the list, as gone, for $upstream_http_NAME.  What usherd adds itself
 * comes after this.  False if more than LOCATION_MAX would come of it.
 */
bool location_map_back(struct exchange *x, struct response *r);

/* One HOST[:PORT]. */
struct location_host {
	struct str text;		/* absent: none */
	struct str name;		/* of `text`, without port; absent: it is no host */
	uint16_t port;			/* 0: none given */
};

/* One way from what a server says to what the client is told. */
struct location_map {
	struct location_host server;	/* of the server */
	struct location_host told;	/* the Host that it was told */
	struct location_host client;	/* the Host that the client used */
	struct str scheme;		/* that the client used */
	struct str remove;		/* beginning of the server's paths, by whole segments */
	struct str insert;		/* what stands there for the client */
	bool paths;			/* paths can be mapped */
};

/* Fills name and port of the three hosts from their texts. */
void location_map_split(struct location_map *m);

/*
 * The URL or path as the client knows it; `url` itself when it stays as it is.  `arena` takes what
 * is made.
 */
struct str location_url(const struct location_map *m, struct str url, struct arena *arena);

/* The same for values of Refresh: `5; url=/there`. */
struct str location_refresh(const struct location_map *m, struct str value, struct arena *arena);

/* The same for values of Set-Cookie.  What is mapped ends where the result passes LOCATION_MAX. */
struct str location_cookie(const struct location_map *m, struct str value, struct arena *arena);

#endif
