/* map.c: a table from text to pointers. */

#include "base/map.h"

#include <stdio.h>

#include "unit.h"

START_TEST(empty)
{
	struct map m;

	map_init(&m);
	ck_assert_ptr_null(map_get(&m, STR_OF("x")));
	ck_assert_ptr_null(map_get(&m, str_make(NULL, 0)));
	map_fini(&m);
	map_fini(&m);
}
END_TEST

START_TEST(first_value_stays)
{
	struct map m = { NULL, 0, 0 };
	int one, two;

	ck_assert_ptr_null(map_add(&m, STR_OF("key"), &one));
	ck_assert_ptr_eq(map_add(&m, STR_OF("key"), &two), &one);
	ck_assert_ptr_eq(map_get(&m, STR_OF("key")), &one);
	ck_assert_ptr_null(map_get(&m, STR_OF("Key")));
	ck_assert_ptr_null(map_add(&m, STR_OF(""), &two));
	ck_assert_ptr_eq(map_get(&m, str_make(NULL, 0)), &two);
	ck_assert_uint_eq(m.count, 2);
	map_fini(&m);
}
END_TEST

START_TEST(many)
{
	static char keys[5000][16];
	struct map m = { NULL, 0, 0 };

	for (size_t i = 0; i < 5000; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
		ck_assert_ptr_null(map_add(&m, str_of(keys[i]), keys[i]));
	}
	ck_assert_uint_eq(m.count, 5000);
	for (size_t i = 0; i < 5000; i++)
		ck_assert_ptr_eq(map_get(&m, str_of(keys[i])), keys[i]);
	ck_assert_ptr_null(map_get(&m, STR_OF("k5000")));
	map_fini(&m);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("map");
	TCase *tc = tcase_create("map");

	tcase_add_test(tc, empty);
	tcase_add_test(tc, first_value_stays);
	tcase_add_test(tc, many);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
