/* shm_segment.c: memory that several processes map, and headers that are not to be believed. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/segment.h"

enum { SIZE = 4096, RESERVE = 1 << 20, LAYOUT = 42 };

static struct segment s;

static void
setup(void)
{
	ck_assert_int_eq(segment_new(&s, "test", LAYOUT, SIZE, RESERVE), 0);
}

static void
teardown(void)
{
	segment_close(&s);
}

static char *
bytes(const struct segment *segment)
{
	return (char *)(segment->base + 1);
}

START_TEST(test_new_is_zero)
{
	for (size_t i = 0; i < SIZE - sizeof(*s.base); i++)
		ck_assert_int_eq(bytes(&s)[i], 0);
}
END_TEST

START_TEST(test_child_shares)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		bytes(&s)[7] = 'x';
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(bytes(&s)[7], 'x');
}
END_TEST

/* What the parent adds after the fork can be used at once at the same address. */
START_TEST(test_grows_under_a_child)
{
	int fds[2], status;
	char word;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		bool ok = read(fds[0], &word, 1) == 1 && bytes(&s)[RESERVE / 2] == 'y';

		_exit(ok ? 0 : 1);
	}
	ck_assert_int_eq(segment_grow(&s, RESERVE), 0);
	bytes(&s)[RESERVE / 2] = 'y';
	ck_assert_int_eq(write(fds[1], "", 1), 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(test_grow_limits)
{
	ck_assert_int_eq(segment_grow(&s, SIZE / 2), 0);
	ck_assert_uint_eq(s.mapped, SIZE);
	ck_assert_int_eq(segment_grow(&s, RESERVE + 1), -1);
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

START_TEST(test_open)
{
	struct segment other;
	int fd = dup(s.fd);

	bytes(&s)[3] = 'z';
	ck_assert_int_eq(segment_open(&other, fd, LAYOUT, RESERVE), 0);
	ck_assert_int_eq(bytes(&other)[3], 'z');
	ck_assert_uint_eq(other.mapped, SIZE);
	segment_close(&other);
}
END_TEST

START_TEST(test_cannot_shrink)
{
	ck_assert_int_eq(ftruncate(s.fd, 1), -1);
}
END_TEST

static void
refused(int fd, uint64_t layout, size_t reserve)
{
	struct segment other;

	ck_assert_int_eq(segment_open(&other, fd, layout, reserve), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(other.fd, -1);
	ck_assert_ptr_null(other.base);
	ck_assert_int_ne(fcntl(fd, F_GETFD), -1);	/* still ours */
}

START_TEST(test_open_refuses)
{
	int plain;

	refused(s.fd, LAYOUT + 1, RESERVE);
	refused(s.fd, LAYOUT, SIZE - 1);
	refused(s.fd, LAYOUT, 1);

	s.base->magic ^= 1;
	refused(s.fd, LAYOUT, RESERVE);
	s.base->magic ^= 1;

	atomic_store(&s.base->size, SIZE + 1);
	refused(s.fd, LAYOUT, RESERVE);
	atomic_store(&s.base->size, 3);
	refused(s.fd, LAYOUT, RESERVE);
	atomic_store(&s.base->size, UINT64_MAX);
	refused(s.fd, LAYOUT, RESERVE);
	atomic_store(&s.base->size, SIZE);

	/* The same content, but somebody could cut it off under us. */
	plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(write(plain, s.base, SIZE), SIZE);
	refused(plain, LAYOUT, RESERVE);
	ck_assert_int_eq(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	close(plain);

	plain = memfd_create("short", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	refused(plain, LAYOUT, RESERVE);
	close(plain);
}
END_TEST

START_TEST(test_layout_tells_apart)
{
	const size_t a[] = { 1, 2 }, b[] = { 2, 1 };

	ck_assert_uint_eq(segment_layout("x", a, 2), segment_layout("x", a, 2));
	ck_assert_uint_ne(segment_layout("x", a, 2), segment_layout("x", b, 2));
	ck_assert_uint_ne(segment_layout("x", a, 2), segment_layout("y", a, 2));
	ck_assert_uint_ne(segment_layout("x", a, 2), segment_layout("x", a, 1));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("segment");
	TCase *tc = tcase_create("segment");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_new_is_zero);
	tcase_add_test(tc, test_child_shares);
	tcase_add_test(tc, test_grows_under_a_child);
	tcase_add_test(tc, test_grow_limits);
	tcase_add_test(tc, test_open);
	tcase_add_test(tc, test_cannot_shrink);
	tcase_add_test(tc, test_open_refuses);
	tcase_add_test(tc, test_layout_tells_apart);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
