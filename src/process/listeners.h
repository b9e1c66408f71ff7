/*
 * listeners.h - the listening sockets, which outlive generations.
 *
 * A socket is found by its address and shared by all generations that listen there.  It is closed
 * when the last of them lets it go, so taking a set back leaves everything as it was.
 */
#ifndef USHERD_PROCESS_LISTENERS_H
#define USHERD_PROCESS_LISTENERS_H

#include "base/list.h"
#include "conf/snapshot.h"

struct listening;

/* All sockets of the master. */
struct listeners {
	struct link all;
};

/* The sockets of one configuration, in the order of struct proxy_env. */
struct listener_set {
	struct listening **v;
	int *fds;			/* the same as plain descriptors */
	unsigned n;
	struct listening *control;	/* the control socket, which is no matter of workers */
};

/* Takes over the `inherited` sockets that begin at descriptor `first`, for those who ask later. */
void listeners_init(struct listeners *l, int first, int inherited);

/*
 * Finds or opens every socket of the snapshot.  0; or -1 with errno, then nothing is taken and
 * *failed says which address it was.
 */
int listeners_take(struct listeners *l, const struct conf_snapshot *s, struct listener_set *set,
    const struct conf_bind **failed);

/* Logs why the address of listeners_take() failed, from errno, and where it stands. */
void listeners_say_failed(const struct conf_bind *failed);

/* The control socket of a set, or -1. */
int listeners_control_fd(const struct listener_set *set);

/* Which file the control socket has; false if it was handed in: then its rights are not ours. */
bool listeners_control_file(const struct listener_set *set, dev_t *dev, ino_t *ino);

/* Lets the sockets go; an empty set is fine. */
void listeners_give(struct listener_set *set);

/* Closes inherited sockets that nobody took, with a warning. */
void listeners_drop_unused(struct listeners *l);

#endif
