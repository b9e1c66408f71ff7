/*
 * control.h - the control socket: requests of usherctl, one a connection, and their answers.
 *
 *	accept ─► line ─► words ─► run() ─► answer ─► close
 *	                              └─► CONTROL_LATER ─► control_happened() ─► answer
 *
 * Whoever can connect may command: the rights on the socket's file decide.  Nothing here waits, and
 * a client that neither asks nor listens for 5 s is closed.
 */
#ifndef USHERD_PROCESS_CONTROL_H
#define USHERD_PROCESS_CONTROL_H

#include <sys/socket.h>

#include "base/buf.h"
#include "net/loop.h"
#include "process/control_protocol.h"

struct control;
struct control_client;

/* A request, and the text of its answer. */
struct control_request {
	struct str line;		/* all words */
	struct str words[CONTROL_WORDS];
	unsigned nwords;		/* at least 1 */
	bool json;			/* the answer is to be JSON */
	struct ucred from;		/* who asks, when it connected */
	struct buf out;			/* filled by run() */
	bool is_json;			/* set by run(): the answer is JSON already */
	struct control_client *client;
};

/* Runs a command; CONTROL_LATER after control_wait(). */
typedef enum control_result control_run(void *arg, struct control_request *r);

struct control *control_new(struct loop *loop, control_run *run, void *arg);
void control_free(struct control *c);

/* Takes requests at this listening socket, which stays the caller's; -1: no more.  Requests that
 * wait for their answer stay. */
void control_listen(struct control *c, int fd);

/* The answer is that of the `events`-th control_happened() from now, and may come before run()
 * returns. */
void control_wait(struct control_request *r, unsigned events);

/* An event: what waits for it has its answer. */
void control_happened(struct control *c, enum control_result result, struct str text);

/* Answers everything that waits with a failure. */
void control_give_up(struct control *c, struct str text);

#endif
