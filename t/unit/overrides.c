/* Changes at run time: how long they hold, and what they are about. */

#include "conf_text.h"
#include "proxy/servers/overrides.h"
#include "unit.h"

static const struct str app = STR("app"), api = STR("api"), a = STR("a:1"), b = STR("b:1");
static const struct str line = STR("a:1 weight=2"), none = { NULL, 0 };

START_TEST(hold_while_the_line_stays)
{
	struct overrides *o = overrides_new();

	ck_assert_ptr_null(overrides_find(o, app, a, line));
	overrides_get(o, app, a, line)->order = ORDER_DRAIN;
	overrides_get(o, app, a, line)->weight = 7;
	ck_assert_int_eq(overrides_find(o, app, a, line)->order, ORDER_DRAIN);
	ck_assert_uint_eq(overrides_find(o, app, a, line)->weight, 7);
	ck_assert_ptr_null(overrides_find(o, app, b, line));
	ck_assert_ptr_null(overrides_find(o, api, a, line));
	ck_assert_ptr_null(overrides_find(o, app, a, a));
	ck_assert_ptr_null(overrides_find(o, app, a, none));

	/* Another line: a new beginning. */
	ck_assert_int_eq(overrides_get(o, app, a, a)->order, ORDER_NONE);
	ck_assert_uint_eq(overrides_get(o, app, a, a)->weight, 0);
	ck_assert_ptr_null(overrides_find(o, app, a, line));
	overrides_free(o);
}
END_TEST

static void
name_removed(void *arg, struct str server, struct str of)
{
	buf_printf(arg, "%s of %s;", server.p, of.p);
}

START_TEST(removed)
{
	struct overrides *o = overrides_new();
	struct buf text = { NULL, 0, 0 };

	overrides_get(o, app, a, line)->removed = true;
	overrides_get(o, app, b, b)->weight = 2;
	overrides_get(o, app, STR_OF("10.0.0.1:1"), b)->removed = true;
	overrides_get(o, api, b, b)->removed = true;
	overrides_each_removed(o, app, name_removed, &text);
	ck_assert_str_eq(buf_text(&text), "a:1 of a:1 weight=2;10.0.0.1:1 of b:1;");
	buf_fini(&text);
	overrides_free(o);
}
END_TEST

START_TEST(resets)
{
	struct overrides *o = overrides_new();

	overrides_get(o, app, a, a)->removed = true;
	overrides_get(o, app, b, b)->removed = true;
	overrides_get(o, api, a, a)->removed = true;
	ck_assert(!overrides_reset(o, api, b));
	ck_assert(overrides_reset(o, app, a));
	ck_assert(!overrides_reset(o, app, a));
	ck_assert_ptr_null(overrides_find(o, app, a, a));
	ck_assert(overrides_find(o, app, b, b)->removed);
	ck_assert(overrides_reset(o, app, none));
	ck_assert(overrides_find(o, api, a, a)->removed);
	ck_assert(overrides_reset(o, none, none));
	ck_assert(!overrides_reset(o, none, none));
	overrides_free(o);
}
END_TEST

static void
count(void *arg, const struct conf_server *server)
{
	buf_printf(arg, "%s=%u ", server->text.p, server->weight);
}

static void
ck_added(const struct overrides *o, struct str backend, const char *wanted)
{
	struct buf text;

	buf_init(&text);
	overrides_each_added(o, backend, count, &text);
	ck_assert_str_eq(buf_text(&text), wanted);
	buf_fini(&text);
}

START_TEST(added)
{
	char text[] = "c:1", host[] = "c";
	struct conf_server server = {
		.line = str_of(text), .text = str_of(text), .host = str_of(host),
		.host_field = str_of(host), .weight = 3,
	};
	struct overrides *o = overrides_new();

	overrides_add(o, app, &server);
	text[0] = host[0] = 'd';
	server.weight = 4;
	overrides_add(o, app, &server);
	ck_added(o, app, "c:1=3 d:1=4 ");
	ck_added(o, api, "");
	overrides_get(o, app, STR_OF("d:1"), none)->order = ORDER_DISABLE;
	ck_added(o, app, "c:1=3 d:1=4 ");
	ck_assert_int_eq(overrides_find(o, app, STR_OF("d:1"), none)->order, ORDER_DISABLE);
	server.weight = 5;
	overrides_add(o, app, &server);
	ck_added(o, app, "c:1=3 d:1=5 ");
	ck_assert(overrides_reset(o, app, STR_OF("c:1")));
	ck_added(o, app, "d:1=5 ");
	overrides_free(o);
}
END_TEST

START_TEST(settles)
{
	struct loaded l = conf_text_load(STR_OF("[listen w]\nbind = 1\n[route r]\nbackend = app\n"
	    "[backend app]\nserver = a:1 weight=2\nserver = b:1\n"));
	struct conf_server c = { .line = STR("c:1"), .text = STR("c:1"), .host = STR("c"),
	    .host_field = STR("c") }, b1 = c;
	struct overrides *o = overrides_new();

	ck_assert_str_eq(l.messages.p, "");
	b1.line = b1.text = b;
	overrides_get(o, app, a, line)->weight = 3;	/* stays */
	overrides_get(o, app, STR_OF("10.0.0.1:1"), line)->weight = 3;	/* one of its addresses */
	overrides_get(o, app, b, STR_OF("b:1 backup"))->weight = 3;	/* another line */
	overrides_get(o, api, a, line)->weight = 3;	/* another backend */
	overrides_add(o, app, &c);			/* stays */
	ck_assert_uint_eq(overrides_settle(o, l.s), 2);
	overrides_add(o, app, &b1);			/* stands in the file */
	ck_assert_uint_eq(overrides_settle(o, l.s), 1);
	ck_assert_uint_eq(overrides_settle(o, l.s), 0);
	ck_assert_ptr_nonnull(overrides_find(o, app, a, line));
	ck_assert_ptr_nonnull(overrides_find(o, app, STR_OF("10.0.0.1:1"), line));
	ck_added(o, app, "c:1=0 ");
	overrides_free(o);
	conf_text_free(&l);
}
END_TEST

START_TEST(addresses)
{
	const struct override_target all = { app, a, line, none };
	const struct override_target one = { app, a, line, STR("10.0.0.1:1") };
	const struct override_target other = { app, b, none, STR("10.0.0.2:1") };
	struct overrides *o = overrides_new();

	/* One has what was ordered for all; after that it goes its own way. */
	overrides_order(o, &all, ORDER_DRAIN);
	overrides_weigh(o, &one, 7);
	ck_assert_int_eq(overrides_find(o, app, one.address, line)->order, ORDER_DRAIN);
	overrides_order(o, &one, ORDER_NONE);
	overrides_order(o, &other, ORDER_NONE);
	ck_assert_int_eq(overrides_find(o, app, one.address, line)->order, ORDER_NONE);
	ck_assert_int_eq(overrides_find(o, app, a, line)->order, ORDER_DRAIN);
	/* What is ordered for all is ordered for it, and nothing else is. */
	overrides_order(o, &all, ORDER_DISABLE);
	ck_assert_int_eq(overrides_find(o, app, one.address, line)->order, ORDER_DISABLE);
	ck_assert_int_eq(overrides_find(o, app, other.address, none)->order, ORDER_NONE);
	ck_assert_uint_eq(overrides_find(o, app, one.address, line)->weight, 7);
	overrides_weigh(o, &all, 3);
	ck_assert_uint_eq(overrides_find(o, app, one.address, line)->weight, 0);
	/* They go together. */
	overrides_remove(o, &one);
	ck_assert(overrides_reset(o, app, a));
	ck_assert_ptr_null(overrides_find(o, app, one.address, line));
	ck_assert_ptr_nonnull(overrides_find(o, app, other.address, none));
	overrides_free(o);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("overrides");
	TCase *all = tcase_create("all");

	tcase_add_test(all, hold_while_the_line_stays);
	tcase_add_test(all, removed);
	tcase_add_test(all, resets);
	tcase_add_test(all, added);
	tcase_add_test(all, settles);
	tcase_add_test(all, addresses);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
