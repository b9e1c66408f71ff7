/*
 * list.h - intrusive doubly linked lists.
 */
#ifndef USHERD_BASE_LIST_H
#define USHERD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

/* A member, or the head of a list.  A member that is in no list points to itself. */
struct link {
	struct link *prev;
	struct link *next;
};

static inline void
link_init(struct link *l)
{
	l->prev = l->next = l;
}

/* Of a head: the list has no member.  Of a member: it is in no list. */
static inline bool
link_empty(const struct link *l)
{
	return l->next == l;
}

static inline void
link_add_before(struct link *at, struct link *l)
{
	l->prev = at->prev;
	l->next = at;
	at->prev->next = l;
	at->prev = l;
}

#define list_append(head, l)	link_add_before((head), (l))

static inline void
list_prepend(struct link *head, struct link *l)
{
	link_add_before(head->next, l);
}

/* Takes the member out of its list, if it is in one. */
static inline void
link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}

/* The first member, or NULL. */
static inline struct link *
list_first(struct link *head)
{
	return head->next != head ? head->next : NULL;
}

/* Moves all members of `from` to the end of `to`. */
static inline void
list_move_all(struct link *to, struct link *from)
{
	if (link_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	link_init(from);
}

/* Loops that bear the removal of the current member. */
#define LIST_EACH(l, head) \
	for (struct link *l = (head)->next, *l##_next = l->next; l != (head); \
	     l = l##_next, l##_next = l->next)

#endif
