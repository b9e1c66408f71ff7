/*
 * timer.c - timers of an event loop: an intrusive heap with lazy deadlines.
 */
#include "net/timer.h"

#include "base/check.h"
#include "base/mem.h"

static void
place(struct timer_heap *h, uint32_t i, struct timer *t)
{
	h->v[i] = t;
	t->heap_index = i;
}

static void
sift_up(struct timer_heap *h, uint32_t i, struct timer *t)
{
	while (i > 1 && h->v[i / 2]->heap_ms > t->heap_ms) {
		place(h, i, h->v[i / 2]);
		i /= 2;
	}
	place(h, i, t);
}

static void
sift_down(struct timer_heap *h, uint32_t i, struct timer *t)
{
	for (;;) {
		uint32_t child = i * 2;

		if (child > h->n)
			break;
		if (child < h->n && h->v[child + 1]->heap_ms < h->v[child]->heap_ms)
			child++;
		if (h->v[child]->heap_ms >= t->heap_ms)
			break;
		place(h, i, h->v[child]);
		i = child;
	}
	place(h, i, t);
}

static void
insert(struct timer_heap *h, struct timer *t)
{
	if (h->n + 1 >= h->cap) {
		h->cap = h->cap ? h->cap * 2 : 64;
		h->v = mem_realloc(h->v, h->cap, sizeof(*h->v));
	}
	h->n++;
	sift_up(h, h->n, t);
}

static void
take_out(struct timer_heap *h, struct timer *t)
{
	uint32_t i = t->heap_index;
	struct timer *last = h->v[h->n];

	t->heap_index = 0;
	h->n--;
	if (last == t)
		return;
	if (i > 1 && h->v[i / 2]->heap_ms > last->heap_ms)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

void
timer_init(struct timer *t, void (*fire)(struct timer *))
{
	*t = (struct timer){ TIMER_NEVER, TIMER_NEVER, 0, fire };
}

void
timer_cancel(struct timer_heap *h, struct timer *t)
{
	t->deadline_ms = TIMER_NEVER;
	if (t->heap_index != 0)
		take_out(h, t);
}

void
timer_set(struct timer_heap *h, struct timer *t, msec deadline_ms)
{
	if (deadline_ms < h->earliest_ms)
		deadline_ms = h->earliest_ms;
	t->deadline_ms = deadline_ms;
	if (t->heap_index != 0) {
		if (deadline_ms >= t->heap_ms)
			return;
		t->heap_ms = deadline_ms;
		sift_up(h, t->heap_index, t);
	} else if (deadline_ms != TIMER_NEVER) {
		t->heap_ms = deadline_ms;
		insert(h, t);
	}
}

msec
timer_next(const struct timer_heap *h)
{
	return h->n > 0 ? h->v[1]->heap_ms : TIMER_NEVER;
}

void
timer_run(struct timer_heap *h, msec now_ms)
{
	h->earliest_ms = now_ms + 1;
	while (h->n > 0 && h->v[1]->heap_ms <= now_ms) {
		struct timer *t = h->v[1];

		if (t->deadline_ms == TIMER_NEVER) {
			take_out(h, t);
		} else if (t->deadline_ms > now_ms) {
			t->heap_ms = t->deadline_ms;
			sift_down(h, 1, t);
		} else {
			take_out(h, t);
			t->deadline_ms = TIMER_NEVER;
			t->fire(t);
		}
	}
	h->earliest_ms = 0;
}

void
timer_heap_fini(struct timer_heap *h)
{
	mem_free(h->v);
	*h = (struct timer_heap){ .n = 0 };
}
