/* queue.c: who waits, in which order, and who is woken. */

#include "unit.h"

#include <unistd.h>

#include "proxy/balance/queue.h"

enum { WORKERS = 3 };

struct request {
	struct waiter waiter;
	struct queue *queue;
	char name;
	bool comes_back;		/* its attempt fails at once */
	bool wants_other;		/* servers than those that have places */
};

static struct conf_queue conf = { .max = 4, .timeout_ms = 5000 };
static struct shm_group group;
static struct shm_core core;
static struct loop *loop;
static struct link used[WORKERS];
static struct queue *queues[WORKERS];
static unsigned places;			/* that are free */
static char served[64];			/* names, in their order */
static unsigned nserved;

static bool
try(struct waiter *w)
{
	struct request *r = CONTAINER_OF(w, struct request, waiter);

	if (places == 0 || r->wants_other)
		return false;
	places--;
	queue_leave(r->queue, w);
	ck_assert_uint_lt(nserved, sizeof(served) - 1);
	served[nserved++] = r->name;
	if (r->comes_back) {
		places++;
		ck_assert(queue_join(r->queue, w));
		queue_unreachable(r->queue);
	}
	return true;
}

static void
expired(struct waiter *w)
{
	(void)w;
	ck_abort_msg("nobody's time is over");
}

static struct request
request(unsigned worker, char name)
{
	return (struct request){
		.waiter = { .try = try, .expired = expired },
		.queue = queues[worker],
		.name = name,
	};
}

static bool
join(struct request *r)
{
	return queue_join(r->queue, &r->waiter);
}

/* Whether the worker was woken since the last call. */
static bool
was_woken(unsigned worker)
{
	uint64_t count;

	return read(core.wake_fds[worker], &count, sizeof(count)) == (ssize_t)sizeof(count);
}

static void
setup(void)
{
	clock_update();
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	ck_assert_int_eq(shm_core_new(&core), 0);
	for (int i = 0; i < WORKERS; i++) {
		link_init(&used[i]);
		queues[i] = queue_new(&conf, &group, &core, loop, i, &used[i]);
	}
}

static void
teardown(void)
{
	for (int i = 0; i < WORKERS; i++) {
		ck_assert(link_empty(&used[i]));
		queue_free(queues[i]);
	}
	ck_assert(!shm_group_has_waiting(&group));
	shm_core_close(&core);
	loop_free(loop);
}

START_TEST(test_order)
{
	struct request a = request(0, 'a'), b = request(0, 'b'), c = request(0, 'c');

	ck_assert(join(&a) && join(&b) && join(&c));
	queue_run_all(&used[0]);
	ck_assert_str_eq(served, "");
	places = 2;
	queue_run_all(&used[0]);
	ck_assert_str_eq(served, "ab");
	ck_assert_uint_eq(queue_length(queues[0]), 1);
	queue_leave(queues[0], &c.waiter);
	queue_leave(queues[0], &c.waiter);
	ck_assert(!queue_is_used(queues[0]));
}
END_TEST

/* Who comes back takes up its old place, and its time goes on. */
START_TEST(test_back_in_line)
{
	struct request a = request(0, 'a'), b = request(0, 'b'), c = request(0, 'c');
	msec since;

	ck_assert(join(&a));
	since = a.waiter.since_ms;
	clock_cached_ms += 10;
	ck_assert(join(&b));
	clock_cached_ms += 10;
	queue_leave(queues[0], &a.waiter);
	ck_assert(join(&c));
	ck_assert(join(&a));
	ck_assert_int_eq(a.waiter.since_ms, since);
	places = 3;
	queue_run(queues[0]);
	ck_assert_str_eq(served, "abc");
}
END_TEST

START_TEST(test_limit)
{
	struct request r[] = { request(0, 'a'), request(1, 'b'), request(0, 'c'), request(2, 'd') };
	struct request more = request(1, 'x');

	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		ck_assert(join(&r[i]));
		ck_assert_uint_eq(shm_group_queued(&group), i + 1);
	}
	ck_assert(!join(&more));
	ck_assert(!more.waiter.waits);
	ck_assert_uint_eq(shm_group_queued(&group), 4);
	queue_leave(queues[2], &r[3].waiter);
	ck_assert(join(&more));
	queue_leave(queues[1], &more.waiter);
	for (size_t i = 0; i < 3; i++)
		queue_leave(r[i].queue, &r[i].waiter);
}
END_TEST

START_TEST(test_off)
{
	struct request a = request(0, 'a');

	conf.max = 0;
	ck_assert(!join(&a));
	/* Workers with another configuration may have a queue. */
	shm_group_set_queue(&group, 9, 1, clock_ms());
	ck_assert(!queue_is_used(queues[0]));
	shm_group_set_queue(&group, 9, 0, 0);
}
END_TEST

START_TEST(test_who_is_woken)
{
	struct request a = request(1, 'a'), b = request(2, 'b'), c = request(1, 'c');

	queue_freed(queues[0]);
	ck_assert(!was_woken(1) && !was_woken(2));
	ck_assert(join(&a));
	clock_cached_ms += 10;
	ck_assert(join(&b));
	clock_cached_ms += 10;
	ck_assert(join(&c));
	ck_assert(queue_is_used(queues[0]));
	queue_freed(queues[0]);
	ck_assert(was_woken(1) && !was_woken(2));
	places = 1;
	queue_run_all(&used[1]);
	ck_assert_str_eq(served, "a");
	queue_freed(queues[0]);
	ck_assert_msg(was_woken(2) && !was_woken(1), "b waits longer than c");
	/* It leaves before it has looked: the next one hears of the place. */
	queue_leave(queues[2], &b.waiter);
	ck_assert(was_woken(1));
	places = 1;
	queue_run_all(&used[1]);
	ck_assert_str_eq(served, "ac");
}
END_TEST

/* Two places, and the worker that hears of both needs one. */
START_TEST(test_passed_on)
{
	struct request a = request(1, 'a'), b = request(2, 'b');

	ck_assert(join(&a));
	clock_cached_ms += 10;
	ck_assert(join(&b));
	places = 2;
	queue_freed(queues[0]);
	queue_freed(queues[0]);
	ck_assert(was_woken(1) && !was_woken(2));
	queue_run_all(&used[1]);
	ck_assert(was_woken(2));
	queue_run_all(&used[2]);
	ck_assert_str_eq(served, "ab");
}
END_TEST

/* A worker of another generation may wait for a server that ours does not have, and the other way
 * round: it is in nobody's way. */
START_TEST(test_other_generation)
{
	struct request a = request(1, 'a'), b = request(2, 'b'), c = request(0, 'c');

	core.data->workers[1].generation = 7;
	a.wants_other = true;
	ck_assert(join(&a));
	ck_assert(!queue_is_used(queues[0]));
	clock_cached_ms += 10;
	ck_assert(join(&b));
	clock_cached_ms += 10;
	ck_assert(join(&c));
	ck_assert(queue_is_used(queues[0]));
	places = 1;
	queue_freed(queues[0]);
	ck_assert(was_woken(1) && !was_woken(2));
	queue_run_all(&used[1]);
	ck_assert_msg(was_woken(2), "no use for the place: on to the next");
	queue_run_all(&used[1]);
	ck_assert_msg(!was_woken(2), "once");
	queue_run_all(&used[2]);
	ck_assert_str_eq(served, "b");
	queue_leave(queues[0], &c.waiter);
	queue_leave(queues[1], &a.waiter);
}
END_TEST

/* While nobody can be reached, one request at a time finds out. */
START_TEST(test_unreachable)
{
	struct request a = request(0, 'a'), b = request(0, 'b'), c = request(0, 'c');

	ck_assert(join(&a));
	clock_cached_ms += 10;
	ck_assert(join(&b) && join(&c));
	a.comes_back = b.comes_back = c.comes_back = true;
	queue_unreachable(queues[0]);
	places = 10;
	for (int i = 0; i < 10; i++) {
		queue_run(queues[0]);
		clock_cached_ms += 50;
	}
	ck_assert_msg(nserved >= 4 && nserved <= 6, "%u tries", nserved);
	for (unsigned i = 0; i < nserved; i++)
		ck_assert_int_eq(served[i], 'a');
	nserved = 0;
	a.comes_back = b.comes_back = c.comes_back = false;
	queue_reached(queues[0]);
	queue_run(queues[0]);
	served[nserved] = '\0';
	ck_assert_str_eq(served, "abc");
}
END_TEST

/* Requests that fail at once and join again do not keep the worker for ever. */
START_TEST(test_turn_ends)
{
	struct request a = request(0, 'a'), b = request(0, 'b');

	ck_assert(join(&a) && join(&b));
	a.comes_back = true;
	places = 1000;
	queue_run(queues[0]);
	ck_assert_uint_le(nserved, 2);
	queue_leave(queues[0], &a.waiter);
	queue_leave(queues[0], &b.waiter);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("queue");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_back_in_line);
	tcase_add_test(t, test_limit);
	tcase_add_test(t, test_off);
	tcase_add_test(t, test_who_is_woken);
	tcase_add_test(t, test_passed_on);
	tcase_add_test(t, test_other_generation);
	tcase_add_test(t, test_unreachable);
	tcase_add_test(t, test_turn_ends);
	suite_add_tcase(s, t);
	return unit_run(s);
}
