/* path_trie.c: nodes that are shared, and that move while paths are added. */

#include "unit.h"

#include "proxy/route/path_trie.h"

enum { MANY = 10000, DEPTH = 5 };

#define PREFIX		"/a/b/c/a segment that is too long for its node/d"

static struct arena arena;
static struct path_trie trie;

static void
setup(void)
{
	arena_init(&arena);
	path_trie_init(&trie, 3, &arena);
}

static void
teardown(void)
{
	path_trie_fini(&trie);
	arena_fini(&arena);
}

static struct str
path_of(unsigned i)
{
	return arena_printf(&arena, PREFIX "/%u", i);
}

/* A route that is never looked into: only an address. */
static const struct route *
mark(unsigned i)
{
	static const char marks[MANY];

	return (const struct route *)&marks[i];
}

static const struct path_node *
find(uint32_t root, struct str path)
{
	bool whole;
	const struct path_node *node = path_trie_walk(&trie, root, path, &whole);

	return whole ? node : NULL;
}

START_TEST(room_for_the_nodes_that_there_are)
{
	size_t wanted = 1;

	while (wanted < 2 * (DEPTH + MANY))
		wanted *= 2;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < MANY; i++)
			path_trie_add(&trie, 0, path_of(i));
	ck_assert_uint_eq(trie.nnodes, DEPTH + MANY);
	ck_assert_uint_eq(trie.nslots, wanted);
}
END_TEST

START_TEST(nodes_that_have_moved)
{
	const struct path_node *node, *prefix;

	path_trie_add(&trie, 1, STR_OF(PREFIX))->prefix.route = mark(0);
	for (unsigned i = 0; i < MANY; i++)
		path_trie_add(&trie, i % 2, path_of(i))->exact.route = mark(i);
	prefix = find(1, STR_OF(PREFIX));
	ck_assert_ptr_eq(prefix->prefix.route, mark(0));
	for (unsigned i = 0; i < MANY; i++) {
		node = find(i % 2, path_of(i));
		ck_assert_ptr_nonnull(node);
		ck_assert_ptr_eq(node->exact.route, mark(i));
		ck_assert_ptr_null(find(1 - i % 2, path_of(i)));
		ck_assert_ptr_null(find(2, path_of(i)));
		node = path_trie_parent(&trie, node);
		ck_assert_ptr_eq(node, find(i % 2, STR_OF(PREFIX)));
	}
	for (unsigned i = 0; i < DEPTH; i++) {
		ck_assert_ptr_nonnull(prefix);
		prefix = path_trie_parent(&trie, prefix);
	}
	ck_assert_ptr_null(prefix);
}
END_TEST

START_TEST(an_empty_trie)
{
	bool whole;

	ck_assert_ptr_null(path_trie_walk(&trie, 0, STR_OF("/a"), &whole));
	ck_assert(!whole);
	ck_assert_ptr_null(path_trie_add(&trie, 0, STR_OF("")));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("path_trie");
	TCase *c = tcase_create("path_trie");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, room_for_the_nodes_that_there_are);
	tcase_add_test(c, nodes_that_have_moved);
	tcase_add_test(c, an_empty_trie);
	suite_add_tcase(s, c);
	return unit_run(s);
}
