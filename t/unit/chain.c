/* chain.c: segments that move, are cut, shared and released once. */

#include "base/chain.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/rng.h"
#include "unit.h"

static struct chain a, b;
static int released;

static void
setup(void)
{
	chain_init(&a);
	chain_init(&b);
	released = 0;
}

static void
teardown(void)
{
	chain_clear(&a);
	chain_clear(&b);
}

static void
release(void *arg)
{
	ck_assert_ptr_eq(arg, &released);
	released++;
}

static int
count_segs(const struct chain *c)
{
	int n = 0;

	for (const struct seg *s = c->first; s != NULL; s = s->next)
		n++;
	return n;
}

/* The chain holds this text, its length is that of its segments, and appending still works. */
static void
check_chain(const struct chain *c, const char *want)
{
	char got[512];
	size_t sum = 0;

	ck_assert_uint_eq(c->len, strlen(want));
	ck_assert_uint_lt(c->len, sizeof(got));
	chain_copy_out(c, got, c->len);
	got[c->len] = '\0';
	ck_assert_str_eq(got, want);
	for (const struct seg *s = c->first; s != NULL; s = s->next) {
		ck_assert_uint_gt(s->len, 0);
		sum += s->len;
		ck_assert(s->next != NULL || c->last_next == &s->next);
	}
	ck_assert(c->first != NULL || c->last_next == &c->first);
	ck_assert_uint_eq(sum, c->len);
	ck_assert_int_eq(chain_empty(c), c->first == NULL);
}

static struct block *
block_with(const char *text)
{
	struct block *block = block_new(BLOCK_SIZE);

	memcpy(block->data, text, strlen(text));
	block->used = (uint32_t)strlen(text);
	return block;
}

START_TEST(blocks)
{
	struct block *big = block_new(100000), *small = block_new(16), *one = block_new(BLOCK_SIZE);

	ck_assert_uint_eq((uintptr_t)one->data % 16, 0);
	ck_assert_uint_eq(big->size, 100000);
	ck_assert_uint_eq(one->refs, 1);
	ck_assert_uint_eq(one->used, 0);
	memset(big->data, 1, 100000);
	memset(small->data, 1, 16);
	block_unref(NULL);
	block_unref(big);
	block_unref(small);
	ck_assert_ptr_eq(block_ref(one), one);
	one->used = 5;
	block_unref(one);
	ck_assert_uint_eq(one->refs, 1);
	block_unref(one);
}
END_TEST

/* More blocks at once than are kept for later. */
START_TEST(many_blocks)
{
	static struct block *many[600];

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_LEN(many); i++) {
			many[i] = block_new(BLOCK_SIZE);
			ck_assert(many[i]->refs == 1 && many[i]->used == 0);
		}
		for (size_t i = 0; i < ARRAY_LEN(many); i++)
			block_unref(many[i]);
	}
}
END_TEST

START_TEST(adjacent_bytes_merge)
{
	struct block *block = block_with("abcdef");

	chain_add_block(&a, block, block->data, 2);
	chain_add_block(&a, block, block->data + 2, 2);
	ck_assert_int_eq(count_segs(&a), 1);
	ck_assert_uint_eq(block->refs, 2);
	chain_add_block(&a, block, block->data + 5, 1);
	ck_assert_int_eq(count_segs(&a), 2);
	ck_assert_uint_eq(block->refs, 3);
	chain_add_block(&a, block, block->data, 0);
	check_chain(&a, "abcdf");
	block_unref(block);
}
END_TEST

START_TEST(adjacent_bytes_merge_when_moved)
{
	struct block *block = block_with("abcdef");

	chain_add_block(&a, block, block->data, 3);
	chain_add_block(&b, block, block->data + 3, 3);
	chain_add_copy(&b, "XY", 2);
	chain_move(&a, &b);
	check_chain(&a, "abcdefXY");
	check_chain(&b, "");
	ck_assert_int_eq(count_segs(&a), 2);
	chain_take(&b, &a, 2);
	chain_take(&b, &a, 4);
	check_chain(&b, "abcdef");
	check_chain(&a, "XY");
	ck_assert_int_eq(count_segs(&b), 1);
	ck_assert_uint_eq(block->refs, 2);
	chain_move(&a, &b);
	chain_move(&a, &b);
	check_chain(&a, "XYabcdef");
	block_unref(block);
}
END_TEST

START_TEST(take_in_the_middle)
{
	struct block *one = block_with("abc"), *two = block_with("defg");

	chain_add_block(&a, one, one->data, 3);
	chain_add_block(&a, two, two->data, 4);
	block_unref(one);
	block_unref(two);
	chain_take(&b, &a, 0);
	check_chain(&b, "");
	chain_take(&b, &a, 5);
	check_chain(&b, "abcde");
	check_chain(&a, "fg");
	chain_take(&b, &a, 2);
	check_chain(&b, "abcdefg");
	check_chain(&a, "");
	ck_assert_int_eq(count_segs(&b), 2);
}
END_TEST

START_TEST(drop)
{
	chain_add_copy(&a, "abc", 3);
	chain_add_ext(&a, "defg", 4, release, &released);
	chain_add_copy(&a, "h", 1);
	chain_drop(&a, 0);
	chain_drop(&a, 2);
	check_chain(&a, "cdefgh");
	chain_drop(&a, 4);
	check_chain(&a, "gh");
	ck_assert_int_eq(released, 0);
	chain_drop(&a, 1);
	ck_assert_int_eq(released, 1);
	chain_drop(&a, 1);
	check_chain(&a, "");
	chain_add_copy(&a, "again", 5);
	check_chain(&a, "again");
}
END_TEST

/* However often foreign memory is cut, it is given back once, with the last part. */
START_TEST(cut_foreign_memory)
{
	struct chain c;

	chain_init(&c);
	chain_add_ext(&a, "abcdef", 6, release, &released);
	chain_take(&b, &a, 2);
	chain_take(&c, &a, 2);
	check_chain(&a, "ef");
	check_chain(&b, "ab");
	check_chain(&c, "cd");
	chain_clear(&a);
	chain_clear(&c);
	ck_assert_int_eq(released, 0);
	chain_drop(&b, 2);
	ck_assert_int_eq(released, 1);

	chain_add_ext(&a, "abcdef", 6, NULL, NULL);
	chain_take(&b, &a, 3);
	check_chain(&b, "abc");
}
END_TEST

START_TEST(files)
{
	struct seg *s;

	chain_add_file(&a, 7, 1000, 500, release, &released);
	chain_take(&b, &a, 200);
	s = b.first;
	ck_assert(s->kind == SEG_FILE && s->fd == 7 && s->offset == 1000 && s->len == 200);
	s = a.first;
	ck_assert(s->kind == SEG_FILE && s->fd == 7 && s->offset == 1200 && s->len == 300);
	chain_drop(&a, 100);
	ck_assert(s->offset == 1300 && s->len == 200 && a.len == 200);
	chain_clear(&a);
	ck_assert_int_eq(released, 0);
	chain_clear(&b);
	ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(pipes)
{
	struct pipe *pipe = (struct pipe *)&released;

	chain_add_copy(&a, "head", 4);
	chain_add_pipe(&a, pipe, 1000, release);
	ck_assert_ptr_eq(a.first->next->arg, pipe);
	chain_take(&b, &a, 1004);
	ck_assert_uint_eq(chain_kinds(&b), SEG_MEM | SEG_PIPE);
	chain_drop(&b, 504);
	ck_assert_uint_eq(b.len, 500);
	ck_assert_uint_eq(b.first->len, 500);
	ck_assert_int_eq(released, 0);
	chain_drop(&b, 500);
	ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(nothing_ends_at_once)
{
	chain_add_ext(&a, "", 0, release, &released);
	chain_add_file(&a, 7, 0, 0, release, &released);
	chain_add_pipe(&a, (struct pipe *)&released, 0, release);
	chain_add_ext(&a, "", 0, NULL, NULL);
	ck_assert_int_eq(released, 3);
	check_chain(&a, "");
}
END_TEST

START_TEST(room_and_commit)
{
	size_t room, more;
	char *p = chain_room(&a, 1, &room);

	ck_assert_uint_eq(room, BLOCK_SIZE);
	ck_assert(chain_empty(&a));
	memcpy(p, "abc", 3);
	chain_commit(&a, 3);
	check_chain(&a, "abc");
	ck_assert_ptr_eq(chain_room(&a, 1, &more), p + 3);
	ck_assert_uint_eq(more, room - 3);
	memcpy(p + 3, "def", 3);
	chain_commit(&a, 3);
	check_chain(&a, "abcdef");
	ck_assert_int_eq(count_segs(&a), 1);

	/* Nothing came: no empty segment stays behind, in an empty chain and in another. */
	chain_room(&b, 1, &room);
	chain_commit(&b, 0);
	check_chain(&b, "");
	chain_room(&a, BLOCK_SIZE, &room);
	ck_assert_uint_eq(room, BLOCK_SIZE);
	chain_commit(&a, 0);
	check_chain(&a, "abcdef");
	chain_room(&a, 3 * BLOCK_SIZE, &room);
	ck_assert_uint_ge(room, 3 * BLOCK_SIZE);
	chain_commit(&a, 0);
	check_chain(&a, "abcdef");
}
END_TEST

/* A block that somebody else holds is not written to. */
START_TEST(shared_block_is_left_alone)
{
	struct block *block = block_with("abc");

	chain_add_block(&a, block, block->data, 3);
	chain_add_copy(&a, "def", 3);
	check_chain(&a, "abcdef");
	ck_assert_int_eq(count_segs(&a), 2);
	ck_assert_uint_eq(block->used, 3);
	block_unref(block);

	chain_share(&b, &a);
	chain_add_copy(&a, "1", 1);
	chain_add_copy(&b, "2", 1);
	check_chain(&a, "abcdef1");
	check_chain(&b, "abcdef2");
	chain_clear(&a);
	check_chain(&b, "abcdef2");
}
END_TEST

/* A part of a block was read on: writing behind the segment would overwrite what follows it. */
START_TEST(end_of_segment_is_not_end_of_block)
{
	struct block *block = block_with("abcdef");

	chain_add_block(&a, block, block->data, 3);
	block_unref(block);
	chain_add_copy(&a, "X", 1);
	ck_assert_int_eq(memcmp(block->data, "abcdef", 6), 0);
	check_chain(&a, "abcX");
}
END_TEST

/* Bytes that come one by one, each in a block of its own, end up side by side in a few. */
START_TEST(keeping_small_pieces)
{
	struct chain from, kept;
	unsigned n = 0;

	chain_init(&kept);
	for (int i = 0; i < 1000; i++) {
		struct block *block = block_new(BLOCK_SIZE);

		block->data[0] = (char)('a' + i % 26);
		block->used = 1;
		chain_init(&from);
		chain_add_block(&from, block, block->data, 1);
		block_unref(block);
		chain_keep(&kept, &from);
		ck_assert_uint_eq(from.len, 1);
		ck_assert_uint_eq(block->refs, 1);
		chain_clear(&from);
	}
	ck_assert_uint_eq(kept.len, 1000);
	for (const struct seg *seg = kept.first; seg != NULL; seg = seg->next)
		n++;
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(kept.first->p[999], 'a' + 999 % 26);
	chain_clear(&kept);
}
END_TEST

/* A full block is shared, not copied. */
START_TEST(keeping_large_pieces)
{
	struct chain from, kept;
	struct block *block = block_new(BLOCK_SIZE);

	memset(block->data, 'x', BLOCK_SIZE);
	block->used = BLOCK_SIZE;
	chain_init(&from);
	chain_init(&kept);
	chain_add_block(&from, block, block->data, BLOCK_SIZE);
	chain_keep(&kept, &from);
	ck_assert_ptr_eq(kept.first->p, block->data);
	ck_assert_uint_eq(block->refs, 3);
	block_unref(block);
	chain_clear(&from);
	chain_clear(&kept);
}
END_TEST

START_TEST(long_copy)
{
	size_t n = 100000;
	char *text = mem_alloc(n), *back = mem_alloc(n);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)(i * 7 + i / 256);
	chain_add_copy(&a, text, 1);
	chain_add_copy(&a, text + 1, n - 1);
	ck_assert_uint_eq(a.len, n);
	ck_assert_int_eq(count_segs(&a), (int)((n + BLOCK_SIZE - 1) / BLOCK_SIZE));
	chain_copy_out(&a, back, n);
	ck_assert_int_eq(memcmp(text, back, n), 0);
	mem_free(text);
	mem_free(back);
}
END_TEST

START_TEST(vectors)
{
	struct iovec iov[4];
	size_t bytes;

	ck_assert_int_eq(chain_iov(&a, iov, 4, &bytes), 0);
	ck_assert_uint_eq(bytes, 0);
	ck_assert_uint_eq(chain_kinds(&a), 0);
	chain_add_copy(&a, "abc", 3);
	chain_add_ext(&a, "de", 2, NULL, NULL);
	chain_add_file(&a, 7, 0, 10, NULL, NULL);
	chain_add_copy(&a, "f", 1);
	ck_assert_uint_eq(chain_kinds(&a), SEG_MEM | SEG_EXT | SEG_FILE);
	ck_assert_int_eq(chain_iov(&a, iov, 1, &bytes), 1);
	ck_assert_uint_eq(bytes, 3);
	ck_assert_int_eq(chain_iov(&a, iov, 4, &bytes), 2);
	ck_assert_uint_eq(bytes, 5);
	ck_assert_int_eq(memcmp(iov[1].iov_base, "de", 2), 0);
}
END_TEST

/* What a chain holds, the plain way. */
struct model {
	struct chain chain;
	char text[4096];
	size_t n;
};

static void
model_append(struct model *m, struct model *from, size_t n)
{
	memcpy(m->text + m->n, from->text, n);
	m->n += n;
}

static void
model_drop(struct model *m, size_t n)
{
	m->n -= n;
	memmove(m->text, m->text + n, m->n);
}

static void
model_add(struct model *m, int how)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = rng_below(sizeof(letters) - 1), room;

	if (m->n + n > sizeof(m->text) / 2)
		return;
	if (how == 0) {
		chain_add_copy(&m->chain, letters, n);
	} else if (how == 1) {
		chain_add_ext(&m->chain, letters, n, release, &released);
	} else {
		memcpy(chain_room(&m->chain, 1 + rng_below(2 * BLOCK_SIZE), &room), letters, n);
		chain_commit(&m->chain, n);
	}
	memcpy(m->text + m->n, letters, n);
	m->n += n;
}

static void
model_step(struct model *m, struct model *other)
{
	uint64_t how = rng_below(8);
	size_t n = rng_below(m->n + 1);

	if (how < 3) {
		model_add(m, (int)how);
	} else if (how == 3) {
		chain_drop(&m->chain, n);
		model_drop(m, n);
	} else if (how == 4 && other->n + n < sizeof(other->text)) {
		chain_take(&other->chain, &m->chain, n);
		model_append(other, m, n);
		model_drop(m, n);
	} else if (how == 5 && other->n + m->n < sizeof(other->text)) {
		chain_move(&other->chain, &m->chain);
		model_append(other, m, m->n);
		m->n = 0;
	} else if (how == 6 && (chain_kinds(&m->chain) & SEG_EXT) == 0 &&
	    other->n + m->n < sizeof(other->text)) {
		chain_share(&other->chain, &m->chain);
		model_append(other, m, m->n);
	} else if (how == 7 && rng_below(50) == 0) {
		chain_clear(&m->chain);
		m->n = 0;
	}
}

START_TEST(random_walk)
{
	static struct model m[2];
	static char got[sizeof(m->text)];

	chain_init(&m[0].chain);
	chain_init(&m[1].chain);
	for (int i = 0; i < 20000; i++) {
		size_t which = rng_below(2);

		model_step(&m[which], &m[!which]);
		for (size_t j = 0; j < 2; j++) {
			ck_assert_uint_eq(m[j].chain.len, m[j].n);
			chain_copy_out(&m[j].chain, got, m[j].n);
			ck_assert_int_eq(memcmp(got, m[j].text, m[j].n), 0);
		}
	}
	chain_clear(&m[0].chain);
	chain_clear(&m[1].chain);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("chain");
	TCase *tc = tcase_create("chain");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, blocks);
	tcase_add_test(tc, many_blocks);
	tcase_add_test(tc, adjacent_bytes_merge);
	tcase_add_test(tc, adjacent_bytes_merge_when_moved);
	tcase_add_test(tc, take_in_the_middle);
	tcase_add_test(tc, drop);
	tcase_add_test(tc, cut_foreign_memory);
	tcase_add_test(tc, files);
	tcase_add_test(tc, pipes);
	tcase_add_test(tc, nothing_ends_at_once);
	tcase_add_test(tc, room_and_commit);
	tcase_add_test(tc, shared_block_is_left_alone);
	tcase_add_test(tc, end_of_segment_is_not_end_of_block);
	tcase_add_test(tc, keeping_small_pieces);
	tcase_add_test(tc, keeping_large_pieces);
	tcase_add_test(tc, long_copy);
	tcase_add_test(tc, vectors);
	tcase_add_test(tc, random_walk);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
