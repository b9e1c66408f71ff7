/* location.c: what servers say of their places, and what clients are told. */

#include "unit.h"

#include "base/buf.h"
#include "base/check.h"
#include "proxy/forward/location.h"

static struct arena arena;

static void
setup(void)
{
	arena_init(&arena);
}

static void
teardown(void)
{
	arena_fini(&arena);
}

/* /api is stripped and /v1 is added. */
static const struct location_map both = {
	.server.text = STR("10.0.0.7:8080"),
	.told.text = STR("app.internal"),
	.client.text = STR("shop.test"),
	.scheme = STR("https"),
	.remove = STR("/v1"),
	.insert = STR("/api"),
	.paths = true,
};

/* Only the host differs. */
static const struct location_map host_only = {
	.server.text = STR("app.internal:8080"),
	.told.text = STR("app.internal:8080"),
	.client.text = STR("127.0.0.1:8443"),
	.scheme = STR("https"),
	.remove = STR(""),
	.insert = STR(""),
	.paths = true,
};

/* The Host was passed on, /api is stripped. */
static const struct location_map strips = {
	.server.text = STR("10.0.0.7:8080"),
	.told.text = STR("shop.test"),
	.client.text = STR("shop.test"),
	.scheme = STR("https"),
	.remove = STR(""),
	.insert = STR("/api"),
	.paths = true,
};

/* A pattern has changed the path. */
static const struct location_map rewritten = {
	.server.text = STR("10.0.0.7:8080"),
	.told.text = STR("shop.test"),
	.client.text = STR("shop.test"),
	.scheme = STR("http"),
	.remove = STR(""),
	.insert = STR("/api"),
	.paths = false,
};

/* An HTTP/1.0 client without a Host. */
static const struct location_map nameless = {
	.server.text = STR("10.0.0.7:8080"),
	.told.text = STR("10.0.0.7:8080"),
	.scheme = STR("http"),
	.remove = STR(""),
	.insert = STR("/api"),
	.paths = true,
};

static const struct location_map adds = {
	.server.text = STR("10.0.0.7:8080"),
	.told.text = STR("shop.test"),
	.client.text = STR("shop.test"),
	.scheme = STR("https"),
	.remove = STR("/v1"),
	.insert = STR(""),
	.paths = true,
};

static const struct location_map nameless_same = {
	.server.text = STR("10.0.0.7:8080"),
	.scheme = STR("http"),
	.remove = STR(""),
	.insert = STR(""),
	.paths = true,
};

/* `gives` NULL: stays as it is. */
static const struct {
	const struct location_map *map;
	const char *url;
	const char *gives;
} urls[] = {
	{ &both, "http://10.0.0.7:8080/v1/x", "https://shop.test/api/x" },
	{ &both, "HTTP://10.0.0.7:8080/v1/x", "https://shop.test/api/x" },
	{ &both, "http://10.0.0.7:8080/v1", "https://shop.test/api" },
	{ &both, "http://10.0.0.7:8080/v1/", "https://shop.test/api/" },
	{ &both, "http://10.0.0.7:8080/v1?q", "https://shop.test/api?q" },
	{ &both, "http://10.0.0.7:8080/v1#f", "https://shop.test/api#f" },
	{ &both, "http://10.0.0.7:8080/v1x", "https://shop.test/v1x" },
	{ &both, "http://10.0.0.7:8080/other", "https://shop.test/other" },
	{ &both, "http://10.0.0.7:8080", "https://shop.test/" },
	{ &both, "http://10.0.0.7:8080?q", "https://shop.test/?q" },
	{ &both, "https://10.0.0.7:8080/v1/x", "https://shop.test/api/x" },
	{ &both, "http://10.0.0.7/v1/x", NULL },
	{ &both, "http://10.0.0.7:8081/v1/x", NULL },
	{ &both, "http://10.0.0.77:8080/v1/x", NULL },
	{ &both, "http://app.internal/v1/x?y=1#z", "https://shop.test/api/x?y=1#z" },
	{ &both, "https://APP.internal/v1/x", "https://shop.test/api/x" },
	{ &both, "http://app.internal:80/v1/x", "https://shop.test/api/x" },
	{ &both, "http://app.internal:443/v1/x", "https://shop.test/api/x" },
	{ &both, "http://app.internal:8080/v1/x", "https://shop.test/api/x" },
	{ &both, "http://app.internal:9090/v1/x", NULL },
	{ &both, "http://app.internal.evil.test/v1/x", NULL },
	{ &both, "http://app.internal@evil.test/v1/x", NULL },
	{ &both, "http://user@app.internal/v1/x", NULL },
	{ &both, "//app.internal/v1/x", "//shop.test/api/x" },
	{ &both, "//elsewhere.test/v1/x", NULL },
	{ &both, "https://elsewhere.test/v1/x", NULL },
	{ &both, "ftp://app.internal/v1/x", NULL },
	{ &both, "mailto:me@app.internal", NULL },
	{ &both, "", NULL },
	{ &both, "/v1/x", "/api/x" },
	{ &both, "/v1", "/api" },
	{ &both, "/other", NULL },
	{ &both, "/", NULL },
	{ &both, "x", NULL },
	{ &both, "../x", NULL },
	{ &both, "?q", NULL },
	{ &both, "http://", NULL },
	{ &both, "http://:80/", NULL },
	{ &both, "http:///v1/x", NULL },
	/* The site's own name: the scheme is its own affair. */
	{ &both, "http://shop.test/v1/x", "http://shop.test/api/x" },
	{ &both, "http://shop.test/other", NULL },
	{ &both, "https://shop.test", NULL },
	{ &both, "https://shop.test:8443/v1/x", NULL },
	{ &host_only, "http://app.internal:8080/x", "https://127.0.0.1:8443/x" },
	{ &host_only, "http://app.internal/x", NULL },
	{ &host_only, "https://127.0.0.1:8443/x", NULL },
	{ &host_only, "/x", NULL },
	{ &strips, "/x", "/api/x" },
	{ &strips, "/", "/api/" },
	{ &strips, "/api/x", "/api/api/x" },
	{ &strips, "http://10.0.0.7:8080/x", "https://shop.test/api/x" },
	{ &strips, "https://shop.test/x", "https://shop.test/api/x" },
	{ &strips, "http://shop.test:8080/x", "https://shop.test/api/x" },
	{ &rewritten, "/x", NULL },
	{ &rewritten, "http://10.0.0.7:8080/x", "http://shop.test/x" },
	{ &rewritten, "http://shop.test/x", NULL },
	{ &nameless, "http://10.0.0.7:8080/x", "/api/x" },
	{ &nameless, "http://elsewhere.test/x", NULL },
	/* What was a path must not become the name of a host. */
	{ &adds, "/v1/x", "/x" },
	{ &adds, "/v1//evil.test/", "/.//evil.test/" },
	{ &adds, "http://10.0.0.7:8080/v1//evil.test/", "https://shop.test//evil.test/" },
	{ &nameless_same, "http://10.0.0.7:8080//evil.test/", "/.//evil.test/" },
	{ &nameless_same, "//10.0.0.7:8080//evil.test/", "/.//evil.test/" },
	{ &nameless, "http://10.0.0.7:8080//evil.test/", "/api//evil.test/" },
};

static const struct location_map *
split(const struct location_map *texts)
{
	static struct location_map m;

	m = *texts;
	location_map_split(&m);
	return &m;
}

START_TEST(maps_urls)
{
	struct str url = str_of(urls[_i].url);
	struct str got = location_url(split(urls[_i].map), url, &arena);

	if (urls[_i].gives == NULL)
		ck_assert_ptr_eq(got.p, url.p);
	else
		ck_assert_str_eq(arena_str(&arena, got).p, urls[_i].gives);
}
END_TEST

static const struct {
	const struct location_map *map;
	const char *value;
	const char *gives;
} refreshes[] = {
	{ &both, "5; url=/v1/x", "5; url=/api/x" },
	{ &both, "0;URL=http://app.internal/v1/x", "0;URL=https://shop.test/api/x" },
	{ &both, "0; url=\"/v1/x\"", "0; url=\"/api/x\"" },
	{ &both, "0; url='/v1/x' ", "0; url='/api/x' " },
	{ &both, "0; /v1/x", "0; /api/x" },
	{ &both, "5", NULL },
	{ &both, "5;", NULL },
	{ &both, "", NULL },
	{ &both, "5; url=", NULL },
	{ &both, "5; url=https://elsewhere.test/v1", NULL },
};

START_TEST(maps_refreshes)
{
	struct str value = str_of(refreshes[_i].value);
	struct str got = location_refresh(split(refreshes[_i].map), value, &arena);

	if (refreshes[_i].gives == NULL)
		ck_assert_ptr_eq(got.p, value.p);
	else
		ck_assert_str_eq(arena_str(&arena, got).p, refreshes[_i].gives);
}
END_TEST

static const struct {
	const struct location_map *map;
	const char *value;
	const char *gives;
} cookies[] = {
	{ &both, "a=b", NULL },
	{ &both, "a=b; Path=/v1", "a=b; Path=/api" },
	{ &both, "a=b; Path=/v1/", "a=b; Path=/api" },
	{ &both, "a=b; Path=/v1/x; Secure", "a=b; Path=/api/x; Secure" },
	{ &both, "a=b;path=/v1/x;HttpOnly", "a=b;path=/api/x;HttpOnly" },
	{ &both, "a=b; PATH = /v1/x ; Secure", "a=b; PATH = /api/x ; Secure" },
	{ &both, "a=b; Path=/", NULL },
	{ &both, "a=b; Path=/v12", NULL },
	{ &both, "a=b; Path", NULL },
	{ &both, "a=b; Path=", NULL },
	{ &both, "a=b; Path=v1", NULL },
	{ &both, "Path=/v1", NULL },
	{ &both, "a=Path=/v1", NULL },
	{ &both, "a=b; Domain=app.internal", "a=b; Domain=shop.test" },
	{ &both, "a=b; Domain=.App.Internal; Path=/v1",
	    "a=b; Domain=shop.test; Path=/api" },
	{ &both, "a=b; Path=/v1/x; Domain=app.internal; Max-Age=1",
	    "a=b; Path=/api/x; Domain=shop.test; Max-Age=1" },
	{ &both, "a=b; Domain=10.0.0.7", "a=b; Domain=shop.test" },
	{ &both, "a=b; Domain=shop.test", NULL },
	{ &both, "a=b; Domain=internal", NULL },
	{ &both, "a=b; Domain=elsewhere.test", NULL },
	{ &both, "a=b; Domain=", NULL },
	{ &both, "", NULL },
	{ &both, ";;;", NULL },
	{ &strips, "a=b; Path=/", "a=b; Path=/api" },
	{ &strips, "a=b; Path=/x", "a=b; Path=/api/x" },
	{ &host_only, "a=b; Path=/x; Domain=app.internal", "a=b; Path=/x; Domain=127.0.0.1" },
	{ &rewritten, "a=b; Path=/x", NULL },
	{ &nameless, "a=b; Domain=10.0.0.7; Path=/x", "a=b; Domain=10.0.0.7; Path=/api/x" },
};

START_TEST(maps_cookies)
{
	struct str value = str_of(cookies[_i].value);
	struct str got = location_cookie(split(cookies[_i].map), value, &arena);

	if (cookies[_i].gives == NULL)
		ck_assert_ptr_eq(got.p, value.p);
	else
		ck_assert_str_eq(arena_str(&arena, got).p, cookies[_i].gives);
}
END_TEST

/* A cookie of many attributes that are all mapped. */
static struct str
long_cookie(const char *attribute, size_t n)
{
	struct buf b = { NULL, 0, 0 };
	struct str made;

	buf_cstr(&b, "a=b");
	for (size_t i = 0; i < n; i++)
		buf_cstr(&b, attribute);
	made = arena_str(&arena, buf_view(&b));
	buf_fini(&b);
	return made;
}

static const struct {
	const struct location_map *map;
	const char *attribute;
	size_t more;			/* bytes by which it grows */
} repeated[] = {
	{ &strips, ";Path=/", 3 },
	{ &both, ";Domain=10.0.0.7", 1 },
	{ &both, ";Path=/v1/x", 1 },
};

/* One copy of the value, however many of its attributes are mapped. */
START_TEST(cookies_take_memory_once)
{
	for (size_t n = 1000; n <= 8000; n *= 2) {
		struct str value = long_cookie(repeated[_i].attribute, n), got;
		size_t before = arena.bytes;

		got = location_cookie(split(repeated[_i].map), value, &arena);
		ck_assert_uint_eq(got.n, value.n + n * repeated[_i].more);
		ck_assert_uint_le(arena.bytes - before, got.n + 4096);
	}
}
END_TEST

/* A long prefix cannot make much of a short value. */
START_TEST(cookies_are_bounded)
{
	struct location_map m = strips;
	struct str got;

	m.insert = long_cookie(";Path=/", 10000);
	got = location_cookie(split(&m), long_cookie(";Path=/", 1000), &arena);
	ck_assert_uint_gt(got.n, LOCATION_MAX);
	ck_assert_uint_lt(got.n, 2 * LOCATION_MAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("location");
	TCase *tc = tcase_create("location");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, maps_urls, 0, ARRAY_LEN(urls));
	tcase_add_loop_test(tc, maps_refreshes, 0, ARRAY_LEN(refreshes));
	tcase_add_loop_test(tc, maps_cookies, 0, ARRAY_LEN(cookies));
	tcase_add_loop_test(tc, cookies_take_memory_once, 0, ARRAY_LEN(repeated));
	tcase_add_test(tc, cookies_are_bounded);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
