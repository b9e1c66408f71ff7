/* process_channel.c: messages between master and worker, and what is none. */

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/channel.h"

static int fds[2];

static void
setup(void)
{
	ck_assert_int_eq(channel_pair(fds), 0);
}

static void
teardown(void)
{
	close(fds[0]);
	close(fds[1]);
}

START_TEST(test_message)
{
	struct message m = { .kind = CHANNEL_LOG, .index = 7, .fd = -1 };
	struct message got;

	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_EMPTY);
	ck_assert_int_eq(channel_send(fds[0], &m), 0);
	m.kind = CHANNEL_STOP;
	ck_assert_int_eq(channel_send(fds[0], &m), 0);
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_MESSAGE);
	ck_assert_int_eq(got.kind, CHANNEL_LOG);
	ck_assert_uint_eq(got.index, 7);
	ck_assert_int_eq(got.fd, -1);
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_MESSAGE);
	ck_assert_int_eq(got.kind, CHANNEL_STOP);
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_EMPTY);
}
END_TEST

START_TEST(test_descriptor)
{
	struct message m = { .kind = CHANNEL_ERROR_LOG, .fd = -1 }, got;
	int ends[2];
	char c;

	ck_assert_int_eq(pipe(ends), 0);
	m.fd = ends[1];
	ck_assert_int_eq(channel_send(fds[0], &m), 0);
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_MESSAGE);
	ck_assert_int_ge(got.fd, 0);
	ck_assert_int_ne(got.fd, ends[1]);
	ck_assert_int_eq(fcntl(got.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(write(got.fd, "x", 1), 1);
	ck_assert_int_eq(read(ends[0], &c, 1), 1);
	close(got.fd);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(test_end)
{
	struct message m = { .kind = CHANNEL_READY, .fd = -1 }, got;

	ck_assert_int_eq(channel_send(fds[0], &m), 0);
	close(fds[0]);
	fds[0] = -1;
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_MESSAGE);
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_CLOSED);
	ck_assert_int_eq(channel_send(fds[1], &m), -1);	/* and no SIGPIPE */
}
END_TEST

START_TEST(test_wrong_lengths)
{
	char bytes[64] = { 0 };
	struct message got;

	ck_assert_int_eq(send(fds[0], bytes, 3, 0), 3);
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_CLOSED);
	ck_assert_int_eq(send(fds[0], bytes, sizeof(bytes), 0), sizeof(bytes));
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_CLOSED);
}
END_TEST

/* More descriptors than one message may have are an error, and none of them stays open. */
START_TEST(test_too_many_descriptors)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control = { .bytes = { 0 } };
	int passed[3] = { fds[0], fds[0], fds[0] }, before = dup(0);
	uint32_t wire[2] = { CHANNEL_LOG, 0 };
	struct iovec iov = { .iov_base = wire, .iov_len = sizeof(wire) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	struct message got;
	int after;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(passed));
	memcpy(CMSG_DATA(c), passed, sizeof(passed));
	ck_assert_int_eq(sendmsg(fds[0], &msg, 0), sizeof(wire));
	close(before);
	ck_assert_int_eq(channel_receive(fds[1], &got), CHANNEL_CLOSED);
	after = dup(0);
	ck_assert_int_eq(after, before);
	close(after);
}
END_TEST

START_TEST(test_peer_that_does_not_read)
{
	struct message m = { .kind = CHANNEL_LOG, .fd = -1 };
	int n = 0;

	while (channel_send(fds[0], &m) == 0)
		ck_assert_int_lt(++n, 100000);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("channel");
	TCase *tc = tcase_create("channel");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_message);
	tcase_add_test(tc, test_descriptor);
	tcase_add_test(tc, test_end);
	tcase_add_test(tc, test_wrong_lengths);
	tcase_add_test(tc, test_too_many_descriptors);
	tcase_add_test(tc, test_peer_that_does_not_read);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
