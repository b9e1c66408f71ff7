/* process_pidfile.c: one master per file, whatever an earlier one left behind. */

#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/pidfile.h"

static char dir[] = "/tmp/usherd-unit-XXXXXX";
static char path[64];

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pid", dir);
}

static void
teardown(void)
{
	unlink(path);
	rmdir(dir);
}

static void
put(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

START_TEST(test_open_and_close)
{
	struct pidfile p;
	struct stat st;
	char text[32], expected[32];
	pid_t owner;
	FILE *f;

	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	fclose(f);
	snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
	ck_assert_str_eq(text, expected);
	pidfile_close(&p);
	ck_assert_int_eq(stat(path, &st), -1);
	pidfile_close(&p);
}
END_TEST

START_TEST(test_none)
{
	struct pidfile p;
	pid_t owner;

	ck_assert_int_eq(pidfile_open(&p, NULL, &owner), 0);
	pidfile_close(&p);
}
END_TEST

START_TEST(test_second_is_refused)
{
	struct pidfile p;
	pid_t owner, child;
	int status;

	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	ck_assert_int_eq(pidfile_read(path), getpid());
	child = fork();
	if (child == 0) {
		struct pidfile other;
		bool ok = pidfile_open(&other, path, &owner) == -1 && errno == EWOULDBLOCK &&
		    owner == getppid();

		_exit(ok ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	pidfile_close(&p);
}
END_TEST

START_TEST(test_stale)
{
	struct pidfile p;
	struct stat st;
	pid_t owner;

	put("4711\nand a long rest that is not ours\n");
	ck_assert_int_eq(pidfile_read(path), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	ck_assert_int_eq(pidfile_read(path), getpid());
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 12);
	pidfile_close(&p);
}
END_TEST

/* What somebody put in its place meanwhile is not removed. */
START_TEST(test_replaced)
{
	struct pidfile p;
	struct stat st;
	pid_t owner;

	ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
	ck_assert_int_eq(unlink(path), 0);
	put("1\n");
	pidfile_close(&p);
	ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

START_TEST(test_symbolic_link)
{
	struct pidfile p;
	pid_t owner;

	ck_assert_int_eq(symlink("/tmp/usherd-unit-target", path), 0);
	ck_assert_int_eq(pidfile_open(&p, path, &owner), -1);
	ck_assert_int_eq(errno, ELOOP);
}
END_TEST

START_TEST(test_read_nonsense)
{
	static const char *const texts[] = { "", "x\n", "-5\n", "0\n", "1\n", "99999999999\n" };

	ck_assert_int_eq(pidfile_read(path), -1);
	ck_assert_int_eq(errno, ENOENT);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct pidfile p;
		pid_t owner;

		ck_assert_int_eq(pidfile_open(&p, path, &owner), 0);
		ck_assert_int_eq(ftruncate(p.fd, 0), 0);
		ck_assert_int_eq(pwrite(p.fd, texts[i], strlen(texts[i]), 0), strlen(texts[i]));
		ck_assert_int_eq(pidfile_read(path), -1);
		pidfile_close(&p);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pidfile");
	TCase *tc = tcase_create("pidfile");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_open_and_close);
	tcase_add_test(tc, test_none);
	tcase_add_test(tc, test_second_is_refused);
	tcase_add_test(tc, test_stale);
	tcase_add_test(tc, test_replaced);
	tcase_add_test(tc, test_symbolic_link);
	tcase_add_test(tc, test_read_nonsense);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
