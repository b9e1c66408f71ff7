/* route.c: the choice of host and route, at scale and where it can go wrong. */

#include "unit.h"

#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "proxy/route/route.h"
#include "proxy/text/template.h"

enum { MANY = 10000 };

static struct arena arena;
static struct conf_errors *errors;
static struct conf_snapshot conf;
static struct conf_listen listens[2];
static struct conf_listen *listen_list[] = { &listens[0], &listens[1] };

static void
setup(void)
{
	arena_init(&arena);
	errors = conf_errors_new();
	conf = (struct conf_snapshot){ .listens = listen_list, .nlistens = 2 };
	listens[0] = (struct conf_listen){ .index = 0 };
	listens[1] = (struct conf_listen){ .index = 1 };
	conf.hosts = arena_zalloc(&arena, MANY * sizeof(conf.hosts[0]));
	conf.routes = arena_zalloc(&arena, MANY * sizeof(conf.routes[0]));
}

static void
teardown(void)
{
	conf_errors_free(errors);
	arena_fini(&arena);
}

static struct conf_host *
add_host(const char *name)
{
	struct conf_host *h = ARENA_NEW(&arena, struct conf_host);

	h->names.v = arena_zalloc(&arena, 2 * sizeof(h->names.v[0]));
	h->names.v[0] = arena_str(&arena, str_of(name));
	h->names.n = 1;
	h->name = h->names.v[0];
	h->index = conf.nhosts;
	conf.hosts[conf.nhosts++] = h;
	return h;
}

/* A path that ends in a star is a prefix; NULL: none. */
static struct conf_route *
add_route(const char *name, struct conf_host *host, const char *path)
{
	struct conf_route *r = ARENA_NEW(&arena, struct conf_route);

	r->name = arena_str(&arena, str_of(name));
	r->index = conf.nroutes;
	r->action = ACTION_BACKEND;
	if (host != NULL) {
		r->hosts = arena_zalloc(&arena, sizeof(r->hosts[0]));
		r->hosts[0] = host;
		r->nhosts = 1;
	}
	if (path != NULL) {
		struct str text = arena_str(&arena, str_of(path));

		r->paths = ARENA_NEW(&arena, struct conf_path);
		r->npaths = 1;
		r->condition_kinds++;
		if (str_ends(text, STR_OF("/*"))) {
			text.n -= 2;
			r->paths[0].kind = PATH_PREFIX;
		}
		r->paths[0].text = text;
	}
	conf.routes[conf.nroutes++] = r;
	return r;
}

static void
add_methods(struct conf_route *r, const char *text)
{
	struct str rest = str_of(text), word;

	r->methods.v = arena_zalloc(&arena, 8 * sizeof(r->methods.v[0]));
	while (str_word(&rest, &word))
		r->methods.v[r->methods.n++] = word;
	r->condition_kinds++;
}

static void
add_regex(struct conf_route *r, const char *pattern)
{
	r->path_regex.v = arena_zalloc(&arena, sizeof(r->path_regex.v[0]));
	r->path_regex.v[0] = str_of(pattern);
	r->path_regex.n = 1;
	r->condition_kinds++;
}

static struct route_choice choice;

/* The name of the route that is chosen, or the word for what happened. */
static const char *
find(const struct router *r, const struct conf_listen *listen, const char *method,
    const char *host, const char *path)
{
	struct request request = { .method = str_of(method), .host = str_of(host),
		.path = str_of(path) };
	struct ip_port client = { .family = 0 };

	fields_init(&request.fields, &arena);
	switch (router_find(r, listen, &request, &client, &arena, &choice)) {
	case ROUTE_FOUND:
		return choice.route->conf->name.p;
	case ROUTE_NO_HOST:
		return "421";
	case ROUTE_NO_ROUTE:
		return choice.regex_limit ? "500" : "404";
	case ROUTE_NO_METHOD:
		return "405";
	}
	return "?";
}

START_TEST(nothing_configured)
{
	struct router *r = router_new(&conf, NULL, errors);

	ck_assert_ptr_nonnull(r);
	ck_assert_str_eq(find(r, &listens[0], "GET", "a.example", "/"), "404");
	ck_assert_ptr_null(choice.host);
	router_free(r);
	router_free(NULL);
}
END_TEST

START_TEST(hosts)
{
	struct conf_host *exact = add_host("www.example.com");
	struct conf_host *deep = add_host("*.www.example.com");
	struct conf_host *wild = add_host("*.example.com");
	struct router *r;

	add_route("all", NULL, "/all/*");
	add_route("exact", exact, "/e/*");
	add_route("deep", deep, "/*");
	add_route("wild", wild, "/*");
	r = router_new(&conf, NULL, errors);
	ck_assert_str_eq(find(r, &listens[0], "GET", "www.example.com", "/e/x"), "exact");
	ck_assert_ptr_eq(choice.host, exact);
	ck_assert_str_eq(find(r, &listens[0], "GET", "www.example.com", "/other"), "wild");
	ck_assert_ptr_eq(choice.host, wild);
	ck_assert_str_eq(find(r, &listens[0], "GET", "a.b.www.example.com", "/"), "deep");
	ck_assert_str_eq(find(r, &listens[0], "GET", "a.b.example.com", "/"), "wild");
	ck_assert_str_eq(find(r, &listens[0], "GET", "example.com", "/"), "421");
	ck_assert_str_eq(find(r, &listens[0], "GET", ".example.com", "/"), "421");
	ck_assert_str_eq(find(r, &listens[0], "GET", "xexample.com", "/"), "421");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/all/x"), "421");
	listens[0].default_host = exact;
	ck_assert_str_eq(find(r, &listens[0], "GET", "other.net", "/e"), "exact");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/all/x"), "all");
	ck_assert_ptr_eq(choice.host, exact);
	ck_assert_str_eq(find(r, &listens[1], "GET", "other.net", "/e"), "421");
	router_free(r);
}
END_TEST

START_TEST(hosts_of_one_listener)
{
	struct conf_host *a = add_host("a.example");
	struct conf_host *other = add_host("a.example");
	struct conf_host *wild = add_host("*.example");
	struct router *r;

	a->listens = &listen_list[0];
	a->nlistens = 1;
	other->listens = &listen_list[1];
	other->nlistens = 1;
	wild->listens = &listen_list[1];
	wild->nlistens = 1;
	add_route("zero", a, "/*");
	add_route("one", other, "/*");
	add_route("wild", wild, NULL);
	r = router_new(&conf, NULL, errors);
	ck_assert_str_eq(find(r, &listens[0], "GET", "a.example", "/"), "zero");
	ck_assert_str_eq(find(r, &listens[1], "GET", "a.example", "/"), "one");
	ck_assert_str_eq(find(r, &listens[0], "GET", "b.example", "/"), "421");
	ck_assert_str_eq(find(r, &listens[1], "GET", "b.example", "/"), "wild");
	router_free(r);
}
END_TEST

START_TEST(paths)
{
	struct router *r;

	add_route("none", NULL, NULL);
	add_route("root", NULL, "/*");
	add_route("slash", NULL, "/");
	add_route("api", NULL, "/api/*");
	add_route("v1", NULL, "/api/v1/*");
	add_route("exact", NULL, "/api/v1");
	add_route("dir", NULL, "/api/v1/");
	add_regex(add_route("pattern", NULL, NULL), "^/api/v1/.*\\.php$");
	add_regex(add_route("pattern-in", NULL, "/img/*"), "\\.php$");
	r = router_new(&conf, NULL, errors);
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/"), "slash");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/x"), "root");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/api"), "api");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/api/"), "api");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/apis"), "root");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/api/v1"), "exact");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/api/v1/"), "dir");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/api/v1/x"), "v1");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/api/v10"), "api");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/api/v1/x.php"), "pattern");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/img/x.php"), "pattern-in");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/imgs/x.php"), "root");
	ck_assert_str_eq(find(r, &listens[0], "OPTIONS", NULL, "*"), "root");
	ck_assert_str_eq(find(r, &listens[0], "OPTIONS", NULL, NULL), "root");
	router_free(r);
}
END_TEST

/* Short segments stand in their node, long ones elsewhere: the last byte counts in both. */
START_TEST(segments_of_any_length)
{
	static const size_t lengths[] = { 1, 15, 16, 17, 300, 70000 };
	struct conf_host *host = add_host("a.example");
	struct router *r;
	char *path;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		path = arena_alloc(&arena, lengths[i] + 4);
		path[0] = '/';
		memset(path + 1, 'x', lengths[i]);
		memcpy(path + 1 + lengths[i], "/*", 3);
		add_route(arena_printf(&arena, "%zu", lengths[i]).p, host, path);
	}
	r = router_new(&conf, NULL, errors);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		path = arena_alloc(&arena, lengths[i] + 4);
		path[0] = '/';
		memset(path + 1, 'x', lengths[i]);
		memcpy(path + 1 + lengths[i], "/b", 3);
		ck_assert_str_eq(find(r, &listens[0], "GET", "a.example", path),
		    arena_printf(&arena, "%zu", lengths[i]).p);
		ck_assert_uint_eq((uintptr_t)choice.route % MEM_LINE, 0);
		path[lengths[i]] = 'y';
		ck_assert_str_eq(find(r, &listens[0], "GET", "a.example", path), "404");
	}
	router_free(r);
}
END_TEST

START_TEST(more_kinds_then_file_order)
{
	struct router *r;

	add_route("first", NULL, "/a");
	add_route("second", NULL, "/a");
	add_methods(add_route("get", NULL, "/a"), "GET");
	add_route("prefix", NULL, "/*");
	add_methods(add_route("prefix-post", NULL, "/*"), "POST");
	r = router_new(&conf, NULL, errors);
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/a"), "get");
	ck_assert_str_eq(find(r, &listens[0], "PUT", NULL, "/a"), "first");
	ck_assert_str_eq(find(r, &listens[0], "POST", NULL, "/a"), "first");
	ck_assert_str_eq(find(r, &listens[0], "POST", NULL, "/b"), "prefix-post");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/b"), "prefix");
	router_free(r);
}
END_TEST

START_TEST(wrong_method)
{
	struct router *r;
	struct conf_host *host = add_host("h");

	add_methods(add_route("a", host, "/x/*"), "GET HEAD");
	add_methods(add_route("b", NULL, "/x/y"), "HEAD PUT");
	add_methods(add_route("c", NULL, "/z"), "DELETE");
	r = router_new(&conf, NULL, errors);
	ck_assert_str_eq(find(r, &listens[0], "PUT", "h", "/x/y"), "b");
	ck_assert_str_eq(find(r, &listens[0], "POST", "h", "/x/y"), "405");
	ck_assert(str_eq(choice.allow, STR_OF("GET, HEAD, PUT")));
	ck_assert_ptr_eq(choice.host, host);
	ck_assert_str_eq(find(r, &listens[0], "get", "h", "/x/q"), "405");
	ck_assert_str_eq(find(r, &listens[0], "DELETE", "h", "/nothing"), "404");
	router_free(r);
}
END_TEST

START_TEST(greedy_pattern)
{
	struct router *r;
	static char path[60];

	add_regex(add_route("bad", NULL, NULL), "^/(([a-z])+.)+[A-Z]([a-z])+$");
	add_route("all", NULL, "/*");
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	r = router_new(&conf, NULL, errors);
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, path), "500");
	ck_assert_str_eq(find(r, &listens[0], "GET", NULL, "/1"), "all");
	router_free(r);
}
END_TEST

static void
keep_error(void *arg, bool is_error, const char *line)
{
	(void)is_error;
	snprintf(arg, 256, "%s", line);
}

START_TEST(errors_are_all_told)
{
	char line[256];
	struct conf_route *r = add_route("p", NULL, NULL);

	r->at = (struct conf_origin){ "f", 3 };
	add_regex(r, "a(");
	r = add_route("t", NULL, "/*");
	r->action = ACTION_REDIRECT;
	r->redirect_url = STR_OF("https://$hots/");
	r->action_at = (struct conf_origin){ "f", 9 };
	ck_assert_ptr_null(router_new(&conf, NULL, errors));
	ck_assert_uint_eq(conf_errors_count(errors), 2);
	conf_errors_each(errors, keep_error, line);
	ck_assert_str_eq(line,
	    "f:9: [route t] redirect: $hots: unknown variable (did you mean $host?)");
}
END_TEST

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct router *
build_many(unsigned n)
{
	char name[64];

	conf.nhosts = conf.nroutes = 0;
	for (unsigned i = 0; i < n; i++) {
		struct conf_host *host;

		snprintf(name, sizeof(name), "%shost%u.example.com", i % 2 ? "*." : "", i);
		host = add_host(name);
		snprintf(name, sizeof(name), "/shop%u/cart/*", i);
		add_route(name, i % 3 == 0 ? host : NULL, name);
	}
	return router_new(&conf, NULL, errors);
}

static int64_t
time_finds(const struct router *r, unsigned n)
{
	char host[64], path[64], expect[64];
	int64_t best = INT64_MAX;

	for (unsigned round = 0; round < 20; round++) {
		int64_t start = now_ns();

		for (unsigned k = 0; k < 100; k++) {
			unsigned i = (round * 100 + k) * 7 % n;

			snprintf(host, sizeof(host), "%shost%u.example.com", i % 2 ? "a." : "", i);
			snprintf(path, sizeof(path), "/shop%u/cart/item", i);
			snprintf(expect, sizeof(expect), "/shop%u/cart/*", i);
			ck_assert_str_eq(find(r, &listens[0], "GET", host, path), expect);
		}
		if (now_ns() - start < best)
			best = now_ns() - start;
	}
	return best / 100;
}

START_TEST(many)
{
	struct router *r = build_many(10);
	int64_t few_ns = time_finds(r, 10), many_ns;

	router_free(r);
	r = build_many(MANY);
	many_ns = time_finds(r, MANY);
	router_free(r);
	/* Cache misses cost, growth does not: a scan would be a thousand times slower. */
	ck_assert_msg(many_ns < few_ns * 20, "%lld ns with 10, %lld ns with 10,000",
	    (long long)few_ns, (long long)many_ns);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("route");
	TCase *c = tcase_create("route");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, nothing_configured);
	tcase_add_test(c, hosts);
	tcase_add_test(c, hosts_of_one_listener);
	tcase_add_test(c, paths);
	tcase_add_test(c, segments_of_any_length);
	tcase_add_test(c, more_kinds_then_file_order);
	tcase_add_test(c, wrong_method);
	tcase_add_test(c, greedy_pattern);
	tcase_add_test(c, errors_are_all_told);
	tcase_add_test(c, many);
	suite_add_tcase(s, c);
	return unit_run(s);
}
