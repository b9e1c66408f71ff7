/* pipe.c: the worker's pipes for splice(). */

#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "net/pipe.h"

START_TEST(taken_empty_and_large)
{
	struct pipe *p = pipe_take();

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(p->held, 0);
	ck_assert_int_ge(fcntl(p->write_fd, F_GETPIPE_SZ), PIPE_BYTES);
	ck_assert(fcntl(p->read_fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(p->write_fd, F_GETFD) & FD_CLOEXEC);
	pipe_give(p);
	ck_assert_ptr_eq(pipe_take(), p);
	pipe_give(p);
}
END_TEST

/* Bytes of one client must never reach another. */
START_TEST(with_bytes_inside_is_closed)
{
	struct pipe *p = pipe_take(), *next;
	int read_fd = p->read_fd, write_fd = p->write_fd;
	char c;

	ck_assert_int_eq(write(p->write_fd, "secret", 6), 6);
	p->held = 6;
	pipe_release(p);
	ck_assert_int_eq(fcntl(read_fd, F_GETFD), -1);
	ck_assert_int_eq(fcntl(write_fd, F_GETFD), -1);
	next = pipe_take();
	ck_assert_ptr_nonnull(next);
	ck_assert_int_eq(read(next->read_fd, &c, 1), -1);
	pipe_give(next);
}
END_TEST

START_TEST(bounded_in_number)
{
	struct pipe *pipes[PIPES_MAX];
	int n = 0;

	while (n < PIPES_MAX && (pipes[n] = pipe_take()) != NULL)
		n++;
	ck_assert_int_gt(n, 0);
	if (n == PIPES_MAX)		/* else the kernel refused earlier, which is as well */
		ck_assert_ptr_null(pipe_take());
	pipes[0]->held = 1;
	pipe_give(pipes[0]);
	pipes[0] = pipe_take();
	ck_assert_ptr_nonnull(pipes[0]);
	while (n > 0)
		pipe_give(pipes[--n]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pipe");
	TCase *tc = tcase_create("pipe");

	tcase_add_test(tc, taken_empty_and_large);
	tcase_add_test(tc, with_bytes_inside_is_closed);
	tcase_add_test(tc, bounded_in_number);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
