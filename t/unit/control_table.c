/* Tables of usherctl: text that is aligned, JSON that is valid whatever stands in it. */

#include "process/control_table.h"
#include "unit.h"

static const struct control_column columns[] = {
	{ "NAME", "name", false },
	{ "COUNT", NULL, true },
	{ NULL, "count", true },
	{ "LAST", "last", false },
};

static void
fill(struct control_table *t)
{
	control_table_init(t, columns, ARRAY_LEN(columns));
	control_table_add(t, STR_OF("a \"b\""));
	control_table_printf(t, "%d (%d)", 9, 1);
	control_table_number(t, 9);
	control_table_add(t, STR_OF("x"));
	control_table_add(t, STR_OF("a name that is long"));
	control_table_add(t, (struct str){ NULL, 0 });
	control_table_add(t, (struct str){ NULL, 0 });
	control_table_add(t, (struct str){ NULL, 0 });
}

static void
ck_printed(struct control_table *t, bool json, const char *wanted)
{
	struct buf out = { NULL, 0, 0 };

	control_table_print(t, json, &out);
	ck_assert_str_eq(buf_text(&out), wanted);
	buf_fini(&out);
	control_table_fini(t);
}

START_TEST(text)
{
	struct control_table t;

	fill(&t);
	ck_printed(&t, false,
	    "NAME                 COUNT  LAST\n"
	    "a \"b\"                9 (1)  x\n"
	    "a name that is long      -  -\n");
	control_table_init(&t, columns, ARRAY_LEN(columns));
	ck_printed(&t, false, "NAME  COUNT  LAST\n");
}
END_TEST

START_TEST(json)
{
	struct control_table t;

	fill(&t);
	ck_printed(&t, true,
	    "[\n {\"name\": \"a \\\"b\\\"\", \"count\": 9, \"last\": \"x\"},\n"
	    " {\"name\": \"a name that is long\", \"count\": null, \"last\": null}\n]\n");
	control_table_init(&t, columns, ARRAY_LEN(columns));
	ck_printed(&t, true, "[]\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("control_table");
	TCase *all = tcase_create("all");

	tcase_add_test(all, text);
	tcase_add_test(all, json);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
