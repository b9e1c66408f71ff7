/*
 * channel.h - messages between the master and one worker.
 *
 * A channel is a pair of SOCK_SEQPACKET sockets: messages keep their borders, and the end of the
 * peer shows as the end of the stream.
 */
#ifndef USHERD_PROCESS_CHANNEL_H
#define USHERD_PROCESS_CHANNEL_H

#include <stdint.h>

enum channel_kind {
	/* Worker to master. */
	CHANNEL_READY = 1,		/* the loop runs, connections are accepted */
	CHANNEL_LEAVING,		/* will end: somebody asked it directly */

	/* Master to worker. */
	CHANNEL_DRAIN,			/* a newer generation serves: end within drain_timeout */
	CHANNEL_QUIT,			/* end within shutdown_timeout */
	CHANNEL_STOP,			/* end now */
	CHANNEL_LOG,			/* fd: access log `index` */
	CHANNEL_ERROR_LOG,		/* fd: the error log */
	CHANNEL_CERTIFICATE,		/* fd: certificate `index`, see cert_parcel.h */
	CHANNEL_LISTED,			/* a next master would find it, see orphans.h */
};

struct message {
	enum channel_kind kind;
	uint32_t index;
	int fd;				/* -1: none; the receiver owns it */
};

/* Both ends: non-blocking, close-on-exec.  0, or -1 with errno. */
int channel_pair(int fds[2]);

/* Sends; m->fd stays the sender's.  0, or -1 with errno, EAGAIN when the peer does not read. */
int channel_send(int channel, const struct message *m);

enum channel_result { CHANNEL_MESSAGE, CHANNEL_EMPTY, CHANNEL_CLOSED };

/* The next message; one that is malformed counts as the end of the peer. */
enum channel_result channel_receive(int channel, struct message *m);

#endif
