/* list.h: intrusive lists. */

#include "base/list.h"

#include "unit.h"

struct item {
	int n;
	struct link link;
};

static struct item items[4];
static struct link head, other;

static void
setup(void)
{
	link_init(&head);
	link_init(&other);
	for (int i = 0; i < 4; i++) {
		items[i].n = i;
		link_init(&items[i].link);
	}
}

/* The members as digits, forwards; and the same backwards. */
static int
digits(struct link *list)
{
	int forwards = 0, backwards = 0, place = 1;

	LIST_EACH(l, list)
		forwards = forwards * 10 + CONTAINER_OF(l, struct item, link)->n;
	for (struct link *l = list->prev; l != list; l = l->prev, place *= 10)
		backwards += CONTAINER_OF(l, struct item, link)->n * place;
	ck_assert_int_eq(forwards, backwards);
	return forwards;
}

START_TEST(order)
{
	ck_assert_ptr_null(list_first(&head));
	ck_assert(link_empty(&head));
	list_append(&head, &items[2].link);
	list_append(&head, &items[3].link);
	list_prepend(&head, &items[1].link);
	ck_assert_int_eq(digits(&head), 123);
	ck_assert_ptr_eq(list_first(&head), &items[1].link);
	link_remove(&items[2].link);
	ck_assert(link_empty(&items[2].link));
	link_remove(&items[2].link);
	ck_assert_int_eq(digits(&head), 13);
	link_add_before(&items[3].link, &items[2].link);
	ck_assert_int_eq(digits(&head), 123);
}
END_TEST

START_TEST(moving_all)
{
	list_move_all(&head, &other);
	ck_assert(link_empty(&head));
	list_append(&other, &items[2].link);
	list_append(&other, &items[3].link);
	list_move_all(&head, &other);
	ck_assert_int_eq(digits(&head), 23);
	ck_assert(link_empty(&other));
	list_append(&other, &items[1].link);
	list_move_all(&head, &other);
	ck_assert_int_eq(digits(&head), 231);
}
END_TEST

START_TEST(removal_while_walking)
{
	for (int i = 0; i < 4; i++)
		list_append(&head, &items[i].link);
	LIST_EACH(l, &head)
		if (CONTAINER_OF(l, struct item, link)->n % 2 == 0)
			link_remove(l);
	ck_assert_int_eq(digits(&head), 13);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("list");
	TCase *tc = tcase_create("list");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, order);
	tcase_add_test(tc, moving_all);
	tcase_add_test(tc, removal_while_walking);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
