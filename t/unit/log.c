/* log.c: the lines of the error log, and what happens when they cannot be written. */

#include "base/log.h"

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "unit.h"

static int fds[2];		/* a pipe: the log writes to [1] */
static char got[65536];

static void
setup(void)
{
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	log_to_fd(fds[1], false);
	/* Without forks a test before may have lost lines, of which this one tells. */
	log_error("begin");
	ck_assert_int_gt(read(fds[0], got, sizeof(got)), 0);
}

static void
teardown(void)
{
	log_to_fd(STDERR_FILENO, false);
	close(fds[0]);
	close(fds[1]);
}

/* All that was written since the last call. */
static const char *
written(void)
{
	ssize_t n = read(fds[0], got, sizeof(got) - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

START_TEST(levels)
{
	log_set_level(LOG_LEVEL_WARN);
	log_error("e %d", 1);
	log_warn("w");
	log_notice("n");
	log_info("i");
	log_debug("d");
	ck_assert_str_eq(written(), "e 1\nw\n");
	ck_assert(!log_debug_on);

	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_get_level(), LOG_LEVEL_DEBUG);
	log_notice("n");
	log_info("i");
	log_debug("d");
	ck_assert_str_eq(written(), "n\ni\nd\n");
}
END_TEST

START_TEST(stamp)
{
	int year, month, day, hour, minute, second, ms, pid;
	char level[16], text[16];

	log_to_fd(fds[1], true);
	log_warn("backend");
	ck_assert_int_eq(sscanf(written(), "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ [%15[a-z]] %d: %15s\n",
	    &year, &month, &day, &hour, &minute, &second, &ms, level, &pid, text), 10);
	ck_assert_int_ge(year, 2024);
	ck_assert_str_eq(level, "warn");
	ck_assert_int_eq(pid, getpid());
	ck_assert_str_eq(text, "backend");
}
END_TEST

START_TEST(no_forged_line)
{
	log_error("path %s", "/\r\n[error] 1: all is lost\x1b[2J\x7f");
	ck_assert_str_eq(written(), "path /\\x0d\\x0a[error] 1: all is lost\\x1b[2J\\x7f\n");
	log_error("%s", "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80");
	ck_assert_str_eq(written(), "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80\n");
	log_error("%s", "\xc3(\xff\xed\xa0\x80 c1 \xc2\x9b nbsp \xc2\xa0");
	ck_assert_str_eq(written(), "\\xc3(\\xff\\xed\\xa0\\x80 c1 \\xc2\\x9b nbsp \xc2\xa0\n");
	log_error("%s", "");
	ck_assert_str_eq(written(), "\n");
}
END_TEST

/* Texts around the longest length, plain and all to be escaped: one line, marked when cut. */
START_TEST(long_lines)
{
	char text[4096];
	const char *line;

	for (size_t n = 2000; n < 2100; n++) {
		for (int escaped = 0; escaped < 2; escaped++) {
			memset(text, escaped ? '\n' : 'x', n);
			text[n] = '\0';
			log_error("%s", text);
			line = written();
			ck_assert_uint_le(strlen(line), 2048);
			ck_assert_uint_ge(strlen(line), 2000);
			ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
			if (strlen(line) != n + 1)
				ck_assert_str_eq(line + strlen(line) - 4, "...\n");
		}
	}
}
END_TEST

START_TEST(keeps_errno)
{
	log_to_fd(-2, false);
	errno = EDOM;
	log_error("into nothing");
	ck_assert_int_eq(errno, EDOM);
}
END_TEST

static void
fill_pipe(void)
{
	char block[4096] = { 0 };

	while (write(fds[1], block, sizeof(block)) > 0)
		;
}

static void
drain_pipe(void)
{
	while (read(fds[0], got, sizeof(got)) > 0)
		;
}

START_TEST(tells_lost_lines)
{
	struct timespec start, end;

	fill_pipe();
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int i = 0; i < 100; i++)
		log_error("lost");
	clock_gettime(CLOCK_MONOTONIC, &end);
	ck_assert_int_le(end.tv_sec - start.tv_sec, 1);	/* 100 waits would be 2 s */
	drain_pipe();
	log_error("back");
	ck_assert_str_eq(written(), "back\nlog: 100 lines were lost\n");
	log_error("more");
	ck_assert_str_eq(written(), "more\n");
}
END_TEST

/* The same with a descriptor that blocks: nobody must hang because a reader does. */
START_TEST(never_blocks)
{
	fill_pipe();
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, 0), 0);
	log_error("lost");
	drain_pipe();
	log_error("back");
	ck_assert_str_eq(written(), "back\nlog: 1 lines were lost\n");
}
END_TEST

START_TEST(reader_gone)
{
	signal(SIGPIPE, SIG_IGN);
	close(fds[0]);
	log_error("to nobody");
	fds[0] = dup(fds[1]);
}
END_TEST

/* A full disk may take half a line; the next line begins on a line of its own all the same. */
START_TEST(torn_line)
{
	char path[] = "/tmp/usherd-log-XXXXXX";
	int fd = mkostemp(path, O_APPEND);
	struct rlimit size;
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	unlink(path);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &size), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 8, size.rlim_max }), 0);
	log_to_fd(fd, false);
	log_error("0123456789");
	log_error("lost");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &size), 0);
	log_error("whole");
	n = pread(fd, got, sizeof(got) - 1, 0);
	ck_assert_int_gt(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, "01234567\nwhole\nlog: 2 lines were lost\n");
	close(fd);
}
END_TEST

START_TEST(also_stderr)
{
	int other[2], saved = dup(STDERR_FILENO);

	ck_assert_int_eq(pipe2(other, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(dup2(other[1], STDERR_FILENO), STDERR_FILENO);
	log_set_level(LOG_LEVEL_DEBUG);
	log_to_fd(fds[1], true);
	log_also_stderr(true);
	log_error("both");
	log_info("log only");
	log_also_stderr(false);
	log_notice("log only");
	dup2(saved, STDERR_FILENO);
	fds[0] = dup2(other[0], fds[0]);
	ck_assert_str_eq(written(), "both\n");
	close(saved);
	close(other[0]);
	close(other[1]);
}
END_TEST

static void
note(void *arg, enum log_level level, const char *line, size_t n)
{
	strcat(arg, level == LOG_LEVEL_WARN ? "warn:" : "");
	strncat(arg, line, n);
	strcat(arg, "|");
}

START_TEST(listener_of_trouble)
{
	char lines[256] = "";

	log_set_level(LOG_LEVEL_DEBUG);
	log_tee(note, lines);
	log_error("e\n");
	log_warn("w");
	log_notice("n");
	log_tee(NULL, NULL);
	log_error("later");
	ck_assert_str_eq(lines, "e\\x0a|warn:w|");
}
END_TEST

START_TEST(once_a_second)
{
	int64_t last = 0;

	clock_cached_ms = 5000;
	ck_assert(log_once_a_second(&last));
	ck_assert(!log_once_a_second(&last));
	clock_cached_ms = 5999;
	ck_assert(!log_once_a_second(&last));
	clock_cached_ms = 6000;
	ck_assert(log_once_a_second(&last));
	ck_assert(!log_once_a_second(&last));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, levels);
	tcase_add_test(tc, stamp);
	tcase_add_test(tc, no_forged_line);
	tcase_add_test(tc, long_lines);
	tcase_add_test(tc, keeps_errno);
	tcase_add_test(tc, tells_lost_lines);
	tcase_add_test(tc, never_blocks);
	tcase_add_test(tc, reader_gone);
	tcase_add_test(tc, torn_line);
	tcase_add_test(tc, also_stderr);
	tcase_add_test(tc, listener_of_trouble);
	tcase_add_test(tc, once_a_second);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
