/*
 * control_target.h - the backend and the server that a command is about.
 */
#ifndef USHERD_PROCESS_CONTROL_TARGET_H
#define USHERD_PROCESS_CONTROL_TARGET_H

#include "conf/snapshot.h"
#include "process/control.h"
#include "shm/servers.h"

struct master;

struct control_target {
	const struct conf_backend *backend;
	const struct conf_server *server;	/* its line, or the one that was added */
	bool added;
	struct str key;				/* of its change, see proxy/servers/overrides.h */
	char address[ADDR_TEXT];		/* what key is, if only one of several is meant */
};

/* The list of a backend as workers have it. */
struct control_members {
	struct shm_member *v;
	int n;
};

/* Copies the list of the generation that serves; the caller frees copy->v. */
void control_members_copy(struct master *m, const struct conf_backend *b,
    struct control_members *copy);

/* The server that a member is an address of: its line, or the one that was added; or NULL. */
const struct conf_server *control_server_of(struct master *m, const struct conf_backend *b,
    const struct shm_member *member, bool *added);

/* The backend of this name, or NULL after a message to the client. */
const struct conf_backend *control_find_backend(struct master *m, struct control_request *r,
    struct str name);

/*
 * Finds server words[2] of backend words[1], by the address in its line or one that this stands
 * for; also one that was removed.  False after a message, which lists what there is.
 */
bool control_find_target(struct master *m, struct control_request *r, struct control_target *t);

/* Whether the target is this member, or a line that it is an address of. */
bool control_is_meant(struct master *m, const struct control_target *t,
    const struct shm_member *member);

#endif
