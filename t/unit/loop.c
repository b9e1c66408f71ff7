/* loop.c: descriptors, tasks, yielding and garbage of an event loop. */

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/loop.h"

enum { GIVE_UP_MS = 5000, PAIRS = 8 };

/* One end of a socket pair in the loop; the test writes at the other. */
struct end {
	struct watcher watcher;
	struct garbage garbage;
	int other;
	unsigned calls;
	uint8_t ready;			/* at the last call */
	void (*then)(struct end *e);
};

static struct loop *loop;
static struct end *ends[PAIRS];
static struct timer watchdog;
static struct buf story;		/* what happened, in its order */

static void
on_watchdog(struct timer *t)
{
	(void)t;
	ck_abort_msg("the loop did not stop: %s", buf_text(&story));
}

static void
on_ready(struct watcher *w)
{
	struct end *e = CONTAINER_OF(w, struct end, watcher);

	ck_assert_int_ge(w->fd, 0);
	e->calls++;
	e->ready = w->ready;
	if (e->then != NULL)
		e->then(e);
}

static struct end *
open_end(void (*then)(struct end *))
{
	struct end *e = MEM_NEW(struct end);
	int fds[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	watcher_init(&e->watcher, on_ready);
	ck_assert_int_eq(loop_watch(loop, &e->watcher, fds[0]), 0);
	e->other = fds[1];
	e->then = then;
	return e;
}

static void
free_end(struct garbage *g)
{
	buf_cstr(&story, "freed ");
	mem_free(CONTAINER_OF(g, struct end, garbage));
}

/* As connections do it: closed at once, freed after the batch. */
static void
close_end(struct end *e)
{
	loop_close(loop, &e->watcher);
	close(e->other);
	loop_discard(loop, &e->garbage, free_end);
}

static void
setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	buf_init(&story);
	timer_init(&watchdog, on_watchdog);
	loop_timer_set(loop, &watchdog, clock_ms() + GIVE_UP_MS);
}

static void
teardown(void)
{
	loop_free(loop);
	buf_fini(&story);
}

static void
stop(struct end *e)
{
	(void)e;
	loop_stop(loop);
}

START_TEST(says_what_is_ready)
{
	struct end *e = open_end(stop);

	loop_run(loop);
	ck_assert_uint_eq(e->ready, READY_WRITE);
	ck_assert_int_eq(write(e->other, "x", 1), 1);
	loop_run(loop);
	ck_assert_uint_eq(e->ready, READY_WRITE | READY_READ);
	ck_assert_int_eq(shutdown(e->other, SHUT_WR), 0);
	loop_run(loop);
	ck_assert_uint_eq(e->ready, READY_WRITE | READY_READ | READY_EOF);
	ck_assert_uint_eq(e->calls, 3);
	close_end(e);
}
END_TEST

START_TEST(hang_up_is_an_error)
{
	struct end *e = open_end(stop);

	close(e->other);
	e->other = -1;
	loop_run(loop);
	ck_assert_uint_eq(e->ready & (READY_ERROR | READY_READ), READY_ERROR | READY_READ);
	loop_close(loop, &e->watcher);
	ck_assert_int_eq(e->watcher.fd, -1);
	loop_close(loop, &e->watcher);
	mem_free(e);
}
END_TEST

/* Each of the batch closes all others: only one is ever called. */
static void
close_others(struct end *e)
{
	for (int i = 0; i < PAIRS; i++)
		if (ends[i] != e)
			close_end(ends[i]);
	ends[0] = e;
	loop_stop(loop);
}

START_TEST(closed_by_another_of_the_batch)
{
	for (int i = 0; i < PAIRS; i++)
		ends[i] = open_end(close_others);
	loop_run(loop);
	ck_assert_uint_eq(ends[0]->calls, 1);
	ck_assert_str_eq(buf_text(&story), "freed freed freed freed freed freed freed ");
	close_end(ends[0]);
}
END_TEST

static struct task tasks[3];

static void
run_task(struct task *t)
{
	buf_printf(&story, "task%d ", (int)(t - tasks));
	if (t == &tasks[0])
		loop_post(loop, &tasks[1]);
}

static void
post_tasks(struct end *e)
{
	buf_printf(&story, "ready%u ", e->calls);
	loop_post(loop, &tasks[0]);
	loop_post(loop, &tasks[0]);
	loop_post(loop, &tasks[2]);
	task_cancel(&tasks[2]);
	if (e->calls < 3)
		loop_yield(loop, &e->watcher);
	else
		loop_stop(loop);
}

/* Tasks run after the callback that posted them, before the next one. */
START_TEST(tasks_run_in_between)
{
	struct end *e = open_end(post_tasks);

	for (int i = 0; i < 3; i++)
		task_init(&tasks[i], run_task);
	loop_run(loop);
	ck_assert_str_eq(buf_text(&story), "ready1 task0 task1 ready2 task0 task1 "
	    "ready3 task0 task1 ");
	close_end(e);
}
END_TEST

static void
run_late_task(struct task *t)
{
	static unsigned runs;

	buf_printf(&story, "late%d ", (int)(t - tasks));
	loop_post(loop, &tasks[2]);		/* which posts no other */
	if (++runs == 1)
		loop_post_late(loop, t);
	else
		loop_stop(loop);
}

static void
run_last_task(struct task *t)
{
	buf_printf(&story, "last%d ", (int)(t - tasks));
}

static void
post_all_kinds(struct end *e)
{
	buf_cstr(&story, "ready ");
	loop_before_wait(loop, &tasks[1]);
	loop_post_late(loop, &tasks[0]);
	loop_post_late(loop, &tasks[0]);
	loop_post(loop, &tasks[2]);
	if (e == ends[1])
		close_end(e);
}

/* Late tasks run once for all events of a turn; one that posts itself waits for the next turn. */
START_TEST(late_tasks_run_behind_all_events)
{
	ends[0] = open_end(post_all_kinds);
	ends[1] = open_end(post_all_kinds);
	task_init(&tasks[0], run_late_task);
	task_init(&tasks[1], run_last_task);
	task_init(&tasks[2], run_task);
	loop_run(loop);
	ck_assert_str_eq(buf_text(&story), "ready task2 ready task2 late0 task2 freed last1 "
	    "late0 task2 ");
	close_end(ends[0]);
}
END_TEST

static void
be_slow(struct end *e)
{
	int64_t start = clock_read_us();

	if (e->calls == 2) {
		ck_assert_int_ge(loop_lag_us(loop), 3000);
		loop_stop(loop);
		return;
	}
	while (clock_read_us() - start < 3000)
		;
	ck_assert_int_eq(write(e->other, "x", 1), 1);
}

START_TEST(a_turn_tells_its_lag)
{
	struct end *e = open_end(be_slow);

	ck_assert_int_eq(loop_lag_us(loop), 0);
	loop_run(loop);
	ck_assert_uint_eq(e->calls, 2);
	close_end(e);
}
END_TEST

static void
yield_some(struct end *e)
{
	for (int i = 0; i < PAIRS; i++)
		if (ends[i] == e)
			buf_printf(&story, "%d ", i);
	if (e->calls < 3) {
		loop_yield(loop, &e->watcher);
		loop_yield(loop, &e->watcher);
	} else {
		loop_stop(loop);
	}
}

/* Who yields comes again after the others, and once. */
START_TEST(yield_takes_turns)
{
	ends[0] = open_end(yield_some);
	ends[1] = open_end(yield_some);
	loop_run(loop);
	ck_assert_uint_eq(ends[0]->calls, 3);
	ck_assert_uint_eq(ends[1]->calls, 3);
	ck_assert(str_eq(buf_view(&story), STR_OF("0 1 0 1 0 1 ")) ||
	    str_eq(buf_view(&story), STR_OF("1 0 1 0 1 0 ")));
	close_end(ends[0]);
	close_end(ends[1]);
}
END_TEST

static void
yield_then_close(struct end *e)
{
	if (e->calls == 1)
		loop_yield(loop, &e->watcher);
	else
		close_others(e);
}

/* Those that yielded and are closed before their turn are not called. */
START_TEST(closed_while_yielding)
{
	for (int i = 0; i < PAIRS; i++)
		ends[i] = open_end(yield_then_close);
	loop_run(loop);
	ck_assert_uint_eq(ends[0]->calls, 2);
	close_end(ends[0]);
}
END_TEST

START_TEST(unwatch_keeps_the_descriptor)
{
	struct end *e = open_end(stop), *other;
	int fd = e->watcher.fd;

	loop_unwatch(loop, &e->watcher);
	ck_assert_int_eq(e->watcher.fd, -1);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	other = open_end(stop);
	loop_run(loop);
	ck_assert_uint_eq(e->calls, 0);
	ck_assert_int_eq(loop_watch(loop, &e->watcher, fd), 0);
	loop_run(loop);
	ck_assert_uint_eq(e->calls, 1);
	close_end(e);
	close_end(other);
}
END_TEST

static void
read_one(struct end *e)
{
	char c;

	ck_assert_uint_eq(e->ready, READY_READ);
	ck_assert_int_eq(read(e->watcher.fd, &c, 1), 1);
	if (e->calls == 3)
		loop_stop(loop);
}

/* A shared descriptor is level-triggered: it comes again for as long as there is something. */
START_TEST(shared_is_level_triggered)
{
	struct end *e = open_end(read_one);
	int fd = e->watcher.fd;

	loop_unwatch(loop, &e->watcher);
	ck_assert_int_eq(loop_watch_shared(loop, &e->watcher, fd), 0);
	ck_assert_int_eq(write(e->other, "abc", 3), 3);
	loop_run(loop);
	ck_assert_uint_eq(e->calls, 3);
	close_end(e);
}
END_TEST

static void
read_three(struct end *e)
{
	char c;

	ck_assert_uint_eq(e->ready, READY_READ);
	ck_assert_int_eq(read(e->watcher.fd, &c, 1), 1);
	if (e->calls == 6)
		loop_stop(loop);
}

static void
write_one(struct end *e)
{
	ck_assert_uint_eq(e->ready, READY_WRITE);
	e->watcher.ready = 0;
	if (e->calls < 3)
		return;
	e->then = read_three;
	ck_assert_int_eq(loop_watch_wanted(loop, &e->watcher, e->watcher.fd, READY_READ), 0);
}

/* A library's descriptor is level-triggered for just what the library wants. */
START_TEST(wanted_is_what_comes)
{
	struct end *e = open_end(write_one);
	int fd = e->watcher.fd;

	loop_unwatch(loop, &e->watcher);
	ck_assert_int_eq(write(e->other, "abc", 3), 3);
	ck_assert_int_eq(loop_watch_wanted(loop, &e->watcher, fd, READY_WRITE), 0);
	loop_run(loop);
	ck_assert_uint_eq(e->calls, 6);
	close_end(e);
}
END_TEST

START_TEST(watching_nothing_fails)
{
	struct watcher w;

	watcher_init(&w, on_ready);
	ck_assert_int_eq(loop_watch(loop, &w, -1), -1);
	ck_assert_int_eq(w.fd, -1);
}
END_TEST

static struct timer timers[3];

static void
on_timer(struct timer *t)
{
	buf_printf(&story, "timer%d ", (int)(t - timers));
	if (t == &timers[2])
		loop_stop(loop);
	else
		loop_timer_set(loop, &timers[2], clock_ms() + 3);
}

START_TEST(timers_fire_in_order)
{
	msec start = clock_ms();

	for (int i = 0; i < 3; i++)
		timer_init(&timers[i], on_timer);
	loop_timer_set(loop, &timers[1], start + 2);
	loop_timer_set(loop, &timers[0], start + 1);
	loop_timer_set(loop, &timers[2], start + 1000);
	loop_run(loop);
	ck_assert_str_eq(buf_text(&story), "timer0 timer1 timer2 ");
	ck_assert_int_ge(clock_ms(), start + 4);
	loop_timer_cancel(loop, &timers[0]);
}
END_TEST

/* What is still to be freed goes with the loop. */
START_TEST(free_takes_the_garbage)
{
	close_end(open_end(NULL));
	loop_free(loop);
	loop = NULL;
	ck_assert_str_eq(buf_text(&story), "freed ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, says_what_is_ready);
	tcase_add_test(tc, hang_up_is_an_error);
	tcase_add_test(tc, closed_by_another_of_the_batch);
	tcase_add_test(tc, tasks_run_in_between);
	tcase_add_test(tc, late_tasks_run_behind_all_events);
	tcase_add_test(tc, a_turn_tells_its_lag);
	tcase_add_test(tc, yield_takes_turns);
	tcase_add_test(tc, closed_while_yielding);
	tcase_add_test(tc, unwatch_keeps_the_descriptor);
	tcase_add_test(tc, shared_is_level_triggered);
	tcase_add_test(tc, wanted_is_what_comes);
	tcase_add_test(tc, watching_nothing_fails);
	tcase_add_test(tc, timers_fire_in_order);
	tcase_add_test(tc, free_takes_the_garbage);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
