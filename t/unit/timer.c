/* timer.c: the heap of timers, also against a plain model. */

#include "unit.h"

#include "base/check.h"
#include "base/rng.h"
#include "net/timer.h"

enum { MANY = 200 };

struct entry {
	struct timer timer;
	msec armed_for;			/* what the model expects; TIMER_NEVER: nothing */
	unsigned fired;
	void (*then)(struct entry *e);	/* done when it fires */
};

static struct timer_heap heap;
static struct entry entries[MANY];
static msec now;

static void
on_fire(struct timer *t)
{
	struct entry *e = CONTAINER_OF(t, struct entry, timer);

	/* Never early, and never after it was moved or cancelled. */
	CHECK(e->armed_for <= now);
	e->armed_for = TIMER_NEVER;
	e->fired++;
	if (e->then != NULL)
		e->then(e);
}

static void
set(struct entry *e, msec deadline)
{
	e->armed_for = deadline;
	timer_set(&heap, &e->timer, deadline);
}

static void
cancel(struct entry *e)
{
	e->armed_for = TIMER_NEVER;
	timer_cancel(&heap, &e->timer);
}

static void
run(msec at)
{
	now = at;
	timer_run(&heap, at);
}

static void
setup(void)
{
	heap = (struct timer_heap){ .n = 0 };
	for (int i = 0; i < MANY; i++) {
		entries[i] = (struct entry){ .armed_for = TIMER_NEVER };
		timer_init(&entries[i].timer, on_fire);
	}
}

static void
teardown(void)
{
	timer_heap_fini(&heap);
}

START_TEST(fires_once_when_due)
{
	ck_assert(timer_next(&heap) == TIMER_NEVER);
	set(&entries[0], 100);
	ck_assert_int_eq(timer_next(&heap), 100);
	run(99);
	ck_assert_uint_eq(entries[0].fired, 0);
	run(100);
	run(1000);
	ck_assert_uint_eq(entries[0].fired, 1);
	ck_assert(timer_next(&heap) == TIMER_NEVER);
}
END_TEST

START_TEST(moves_later)
{
	set(&entries[0], 100);
	set(&entries[0], 300);
	run(200);
	ck_assert_uint_eq(entries[0].fired, 0);
	ck_assert_int_eq(timer_next(&heap), 300);
	run(300);
	ck_assert_uint_eq(entries[0].fired, 1);
}
END_TEST

START_TEST(moves_earlier)
{
	set(&entries[0], 300);
	set(&entries[1], 200);
	set(&entries[0], 100);
	ck_assert_int_eq(timer_next(&heap), 100);
	run(100);
	ck_assert_uint_eq(entries[0].fired, 1);
	ck_assert_uint_eq(entries[1].fired, 0);
	/* Later, then earlier than at first. */
	set(&entries[1], 500);
	set(&entries[1], 150);
	run(150);
	ck_assert_uint_eq(entries[1].fired, 1);
}
END_TEST

START_TEST(never_disarms)
{
	set(&entries[0], 100);
	set(&entries[0], TIMER_NEVER);
	run(1000);
	ck_assert_uint_eq(entries[0].fired, 0);
	ck_assert_uint_eq(heap.n, 0);
	set(&entries[0], TIMER_NEVER);
	ck_assert_uint_eq(heap.n, 0);
	/* Disarmed in the heap, armed again before it was found out. */
	set(&entries[1], 2000);
	set(&entries[1], TIMER_NEVER);
	set(&entries[1], 1500);
	run(1500);
	ck_assert_uint_eq(entries[1].fired, 1);
}
END_TEST

START_TEST(cancel_takes_out)
{
	cancel(&entries[0]);
	for (int i = 0; i < MANY; i++)
		set(&entries[i], 100 + i % 7);
	for (int i = 0; i < MANY; i += 2)
		cancel(&entries[i]);
	ck_assert_uint_eq(heap.n, MANY / 2);
	run(1000);
	for (int i = 0; i < MANY; i++)
		ck_assert_uint_eq(entries[i].fired, i % 2);
}
END_TEST

static void
cancel_others(struct entry *e)
{
	for (int i = 0; i < MANY; i++)
		if (&entries[i] != e)
			cancel(&entries[i]);
}

START_TEST(cancelled_by_another_that_is_due)
{
	unsigned fired = 0;

	for (int i = 0; i < MANY; i++) {
		entries[i].then = cancel_others;
		set(&entries[i], 50);
	}
	run(50);
	for (int i = 0; i < MANY; i++)
		fired += entries[i].fired;
	ck_assert_uint_eq(fired, 1);
	ck_assert_uint_eq(heap.n, 0);
}
END_TEST

static void
arm_again(struct entry *e)
{
	set(e, now + 10);
}

static void
cancel_itself(struct entry *e)
{
	cancel(e);
}

START_TEST(callback_on_itself)
{
	entries[0].then = arm_again;
	entries[1].then = cancel_itself;
	set(&entries[0], 10);
	set(&entries[1], 10);
	run(10);
	ck_assert_uint_eq(entries[0].fired, 1);
	ck_assert_uint_eq(entries[1].fired, 1);
	ck_assert_int_eq(timer_next(&heap), 20);
	run(25);
	ck_assert_uint_eq(entries[0].fired, 2);
	ck_assert_int_eq(timer_next(&heap), 35);
}
END_TEST

static void
arm_now(struct entry *e)
{
	set(e, now);
}

static void
arm_neighbour_now(struct entry *e)
{
	set(&entries[e == &entries[1] ? 2 : 1], now - 5);
}

/* Who has work for now again and again does not keep the loop from everything else. */
START_TEST(none_fires_twice_in_a_run)
{
	entries[0].then = arm_now;
	entries[1].then = entries[2].then = arm_neighbour_now;
	set(&entries[0], 10);
	set(&entries[1], 10);
	for (unsigned i = 1; i <= 5; i++) {
		run(9 + (msec)i);
		ck_assert_uint_eq(entries[0].fired, i);
		ck_assert_uint_eq(entries[1].fired + entries[2].fired, i);
		ck_assert_int_eq(timer_next(&heap), now + 1);
	}
	/* It is for callbacks only: the loop may have waited for something else. */
	set(&entries[3], now);
	ck_assert_int_eq(timer_next(&heap), now);
}
END_TEST

static void
random_then(struct entry *e)
{
	struct entry *other = &entries[rng_next() % MANY];

	if (rng_next() % 2)
		set(e, now + 1 + (msec)(rng_next() % 50));
	if (rng_next() % 2)
		cancel(other);
}

/* CHECK() here: ck_assert() tells the parent of every success, which takes its time. */
static void
check_model(void)
{
	for (int i = 0; i < MANY; i++)
		CHECK(entries[i].armed_for > now);	/* none is overdue */
	for (uint32_t i = 2; i <= heap.n; i++)
		CHECK(heap.v[i / 2]->heap_ms <= heap.v[i]->heap_ms);
	for (uint32_t i = 1; i <= heap.n; i++) {
		CHECK(heap.v[i]->heap_index == i);
		CHECK(heap.v[i]->heap_ms <= heap.v[i]->deadline_ms);
	}
}

START_TEST(random_operations)
{
	msec at = 0;

	for (int i = 0; i < MANY; i++)
		entries[i].then = random_then;
	for (int i = 0; i < 50000; i++) {
		struct entry *e = &entries[rng_next() % MANY];

		switch (rng_next() % 8) {
		case 0:
			cancel(e);
			break;
		case 1:
			at += (msec)(rng_next() % 20);
			run(at);
			check_model();
			break;
		case 2:
			set(e, TIMER_NEVER);
			break;
		default:
			set(e, at + 1 + (msec)(rng_next() % 100));
			break;
		}
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("timer");
	TCase *tc = tcase_create("timer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, fires_once_when_due);
	tcase_add_test(tc, moves_later);
	tcase_add_test(tc, moves_earlier);
	tcase_add_test(tc, never_disarms);
	tcase_add_test(tc, cancel_takes_out);
	tcase_add_test(tc, cancelled_by_another_that_is_due);
	tcase_add_test(tc, callback_on_itself);
	tcase_add_test(tc, none_fires_twice_in_a_run);
	tcase_add_test(tc, random_operations);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
