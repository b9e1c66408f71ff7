/*
 * queue.c - requests of one worker that wait for a place in a backend, first come first served.
 */
#include "proxy/queue.h"

#include "base/mem.h"

struct queue {
	struct link waiters;
};

struct queue *
queue_new(const struct conf_queue *conf, struct shm_group *group, struct shm_core *core,
    struct loop *loop, int worker)
{
	struct queue *q = MEM_NEW(struct queue);

	(void)conf, (void)group, (void)core, (void)loop, (void)worker;
	link_init(&q->waiters);
	return q;
}

void
queue_free(struct queue *q)
{
	mem_free(q);
}

bool
queue_is_used(const struct queue *q)
{
	return !link_empty(&q->waiters);
}

bool
queue_join(struct queue *q, struct waiter *w)
{
	(void)q, (void)w;
	return false;
}

void
queue_leave(struct queue *q, struct waiter *w)
{
	(void)q, (void)w;
}

void
queue_freed(struct queue *q)
{
	(void)q;
}

void
queue_run(struct queue *q)
{
	(void)q;
}
