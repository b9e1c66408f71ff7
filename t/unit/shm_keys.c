/* shm_keys.c: ticket keys from one writer to many readers. */

#include "unit.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "shm/keys.h"

static struct shm_key_ring *ring;

static void
setup(void)
{
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(ring, MAP_FAILED);
}

static void
teardown(void)
{
	munmap(ring, sizeof(*ring));
}

static struct shm_keys
all_of(uint64_t word)
{
	struct shm_keys keys;

	for (int i = 0; i < SHM_KEYS; i++) {
		for (int j = 0; j < SHM_KEY_WORDS; j++)
			keys.words[i][j] = word;
	}
	return keys;
}

START_TEST(test_set_and_get)
{
	struct shm_keys keys, got;

	ck_assert_msg(!shm_keys_get(ring, &got), "nothing was written yet");
	for (uint64_t word = 1; word < 10; word++) {
		keys = all_of(word);
		shm_keys_set(ring, &keys);
		ck_assert(shm_keys_get(ring, &got));
		ck_assert_mem_eq(&got, &keys, sizeof(keys));
	}
}
END_TEST

/* A writer that dies after some words of the next keys: they were never the ones that count. */
START_TEST(test_writer_dies)
{
	struct shm_keys keys = all_of(7), got;

	shm_keys_set(ring, &keys);
	for (int i = 0; i < 20; i++)
		atomic_store(&ring->copies[0][i], 666);
	ck_assert(shm_keys_get(ring, &got));
	ck_assert_mem_eq(&got, &keys, sizeof(keys));
	keys = all_of(8);
	shm_keys_set(ring, &keys);
	ck_assert(shm_keys_get(ring, &got));
	ck_assert_mem_eq(&got, &keys, sizeof(keys));
}
END_TEST

/* Whatever a reader gets beside a writer that never rests, it is of one piece. */
START_TEST(test_never_torn)
{
	struct shm_keys keys = all_of(1), got = keys, next;
	unsigned read = 0;
	pid_t writer;

	shm_keys_set(ring, &keys);
	writer = fork();
	if (writer == 0) {
		for (uint64_t word = 2;; word++) {
			keys = all_of(word);
			shm_keys_set(ring, &keys);
		}
	}
	for (int i = 0; i < 200000; i++) {
		/* What a failed call leaves behind is nobody's. */
		if (!shm_keys_get(ring, &next))
			continue;
		got = next;
		read++;
		keys = all_of(got.words[0][0]);
		if (memcmp(&got, &keys, sizeof(keys)) != 0)
			break;
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	ck_assert_uint_gt(read, 0);
	ck_assert_mem_eq(&got, &keys, sizeof(keys));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keys");
	TCase *tc = tcase_create("keys");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_set_and_get);
	tcase_add_test(tc, test_writer_dies);
	tcase_add_test(tc, test_never_torn);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
