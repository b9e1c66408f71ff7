/* syslog.c: datagrams to a daemon that comes and goes. */

#include "base/syslog.h"

#include <sys/stat.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static char dir[32], path[64];
static struct addr to;
static int daemon_fd;

static void
daemon_starts(void)
{
	daemon_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(daemon_fd, 0);
	ck_assert_int_eq(bind(daemon_fd, &to.sa, to.len), 0);
}

static void
daemon_ends(void)
{
	close(daemon_fd);
	unlink(path);
}

static void
setup(void)
{
	char text[80];

	strcpy(dir, "/tmp/usherd-syslog-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(text, sizeof(text), "unix:%s", path);
	ck_assert(addr_parse(&to, str_of(text), 0));
}

static void
teardown(void)
{
	unlink(path);
	rmdir(dir);
}

static bool
send_text(struct syslog *s, char *text)
{
	struct iovec iov[] = { { text, 1 }, { text + 1, strlen(text) - 1 } };

	return syslog_send(s, iov, 2);
}

static void
check_received(const char *want)
{
	char got[256];
	ssize_t n = recv(daemon_fd, got, sizeof(got) - 1, 0);

	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, want);
}

START_TEST(survives_restarts)
{
	struct syslog s;
	char text[] = "hello";

	ck_assert(!syslog_open(&s, &to));
	ck_assert_int_eq(s.fd, -1);
	ck_assert(!send_text(&s, text));

	daemon_starts();
	ck_assert(send_text(&s, text));
	check_received("hello");

	daemon_ends();
	ck_assert(!send_text(&s, text));
	daemon_starts();
	ck_assert(send_text(&s, text));
	check_received("hello");

	/* Gone and back between two messages. */
	daemon_ends();
	daemon_starts();
	ck_assert(send_text(&s, text));
	check_received("hello");
	daemon_ends();
	syslog_close(&s);
	ck_assert_int_eq(s.fd, -1);
}
END_TEST

START_TEST(slow_daemon)
{
	struct syslog s;
	char text[] = "hello";
	int sent = 0;

	daemon_starts();
	ck_assert(syslog_open(&s, &to));
	while (sent < 100000 && send_text(&s, text))
		sent++;
	ck_assert_int_lt(sent, 100000);
	check_received("hello");
	ck_assert(send_text(&s, text));
	syslog_close(&s);
	daemon_ends();
}
END_TEST

START_TEST(head)
{
	char got[SYSLOG_HEAD], month[8], want[64];
	int priority, day, hour, minute, second, pid;

	ck_assert_uint_eq(syslog_head(got, SYSLOG_NOTICE, "usherd"), strlen(got));
	ck_assert_int_eq(sscanf(got, "<%d>%3s %2d %2d:%2d:%2d usherd[%d]: ", &priority, month, &day,
	    &hour, &minute, &second, &pid), 7);
	ck_assert_int_eq(priority, 29);
	ck_assert_int_eq(pid, getpid());
	snprintf(want, sizeof(want), "<29>%s %2d %02d:%02d:%02d usherd[%d]: ", month, day, hour,
	    minute, second, pid);
	ck_assert_str_eq(got, want);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("syslog");
	TCase *tc = tcase_create("syslog");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, survives_restarts);
	tcase_add_test(tc, slow_daemon);
	tcase_add_test(tc, head);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
