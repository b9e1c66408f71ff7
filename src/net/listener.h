/*
 * listener.h - accepts connections on a socket that several workers share.
 */
#ifndef USHERD_NET_LISTENER_H
#define USHERD_NET_LISTENER_H

#include <stdbool.h>
#include <sys/socket.h>

#include "net/loop.h"

struct listener {
	struct watcher watcher;
	struct timer retry;		/* after the process ran out of descriptors */
	struct loop *loop;
	int fd;				/* -1 after listener_close() */
	unsigned burst;			/* accepted before other events have their turn */
	unsigned accepts;		/* since the socket was last registered */
	bool paused;
	int64_t warned_ms;

	/* A new connection: non-blocking, close-on-exec; the callee owns `fd`. */
	void (*on_accept)(struct listener *l, int fd, const struct sockaddr *peer);
	void *arg;
};

/* Begins to accept on `fd`, which the listener owns from now on; `burst` connections for an event.
 * 0, or -1 with errno. */
int listener_open(struct listener *l, struct loop *loop, int fd, unsigned burst,
    void (*on_accept)(struct listener *, int, const struct sockaddr *), void *arg);

/* Stops accepting for the moment (connections queue in the kernel, or go to other workers). */
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);

/* Stops for good and closes this process's descriptor.  Safe to call twice. */
void listener_close(struct listener *l);

#endif
