/*
 * What servers say of places: what is mapped stays in its place, maps the same alone as in company,
 * and takes memory once.  The first byte says which way clients came.
 */

#include "fuzz.h"
#include "proxy/forward/location.h"

static const struct location_map maps[] = {
	{ .server.text = STR("10.0.0.7:8080"), .told.text = STR("app.internal"),
	    .client.text = STR("shop.test"), .scheme = STR("https"),
	    .remove = STR("/v1"), .insert = STR("/api"), .paths = true },
	{ .server.text = STR("10.0.0.7:8080"), .told.text = STR("10.0.0.7:8080"),
	    .client.text = STR("[2001:db8::1]:8443"), .scheme = STR("https"),
	    .remove = STR(""), .insert = STR("/a%20b"), .paths = true },
	{ .server.text = STR("10.0.0.7:8080"), .told.text = STR("shop.test"),
	    .client.text = STR("shop.test"), .scheme = STR("http"),
	    .remove = STR("/v1"), .insert = STR(""), .paths = true },
	{ .server.text = STR("10.0.0.7:8080"), .told.text = STR("shop.test"),
	    .client.text = STR("shop.test"), .scheme = STR("http"),
	    .remove = STR(""), .insert = STR("/api"), .paths = false },
	{ .server.text = STR("unix"), .scheme = STR("http"),
	    .remove = STR(""), .insert = STR("/api"), .paths = true },
};

/* More bytes than a mapped URL may have: scheme, client, prefix. */
enum { MORE = 64 };

static bool
names_host(struct str url)
{
	return str_starts(url, STR_OF("//")) || str_find(url, ':') >= 0;
}

static void
check_url(const struct location_map *m, struct str url, struct arena *arena)
{
	size_t before = arena->bytes;
	struct str got = location_url(m, url, arena);

	CHECK(got.n <= url.n + MORE);
	CHECK(arena->bytes - before <= 3 * url.n + 8192);
	CHECK(got.p != url.p || got.n == url.n);
	CHECK(got.p == url.p || got.n > 0);
	/* What was a path does not become the name of a host. */
	CHECK(names_host(url) || !str_starts(got, STR_OF("//")));
	CHECK(got.p == url.p || m->client.text.p != NULL || !str_starts(got, STR_OF("//")));
}

static void
check_refresh(const struct location_map *m, struct str value, struct arena *arena)
{
	struct str got = location_refresh(m, value, arena), rest = value, before;

	CHECK(got.n <= value.n + MORE);
	if (got.p == value.p)
		return;
	CHECK(str_cut(&rest, ';', &before));
	CHECK(str_starts(got, str_make(value.p, before.n + 1)));
}

/* The attribute in a cookie of its own. */
static struct str
alone(const struct location_map *m, struct str attribute, struct arena *arena)
{
	struct str cookie = arena_printf(arena, ";%.*s", STR_ARG(attribute));

	return str_skip(location_cookie(m, cookie, arena), 1);
}

static void
check_cookie(const struct location_map *m, struct str value, struct arena *arena)
{
	size_t before = arena->bytes;
	struct str got = location_cookie(m, value, arena), rest = value, a, b;
	size_t taken = arena->bytes - before;
	bool same = true;

	CHECK(taken <= got.n + 8192);
	CHECK(str_cut(&rest, ';', &a) && str_cut(&got, ';', &b));
	CHECK(str_eq(a, b));		/* the cookie itself */
	while (str_cut(&rest, ';', &a)) {
		CHECK(str_cut(&got, ';', &b));
		CHECK(str_eq(b, alone(m, a, arena)));
		same = same && str_eq(a, b);
	}
	CHECK(got.p == NULL);
	CHECK(!same || taken == 0 || value.n == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct location_map m;
	struct arena arena;
	struct str value;

	/* Fields of messages have no controls. */
	if (size < 2 || size > 16384 ||
	    !str_all(value = str_make((const char *)data + 1, size - 1), CHAR_VALUE))
		return 0;
	m = maps[data[0] % ARRAY_LEN(maps)];
	location_map_split(&m);
	arena_init(&arena);
	check_url(&m, value, &arena);
	check_refresh(&m, value, &arena);
	check_cookie(&m, value, &arena);
	arena_fini(&arena);
	return 0;
}
