/*
 * privileges.h - who workers run as, and giving up every right that is not needed.
 */
#ifndef USHERD_PROCESS_PRIVILEGES_H
#define USHERD_PROCESS_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "conf/error.h"
#include "conf/snapshot.h"

/* Names resolved to numbers, in the master: a worker may be in a chroot without /etc/passwd. */
struct identity {
	bool change;			/* false: workers stay who the master is */
	uid_t uid;
	gid_t gid;
	gid_t *groups;			/* supplementary ones */
	int ngroups;
};

/*
 * Looks up `user` and `group`; unknown ones are errors.  Without root they are a warning and change
 * nothing.  For root, `user` is by default USHERD_USER, or nobody.  The caller ends `id` with
 * identity_fini() in any case.
 */
void identity_resolve(struct identity *id, const struct conf_global *g,
    struct conf_errors *errors);
void identity_fini(struct identity *id);

/* A warning if workers run as root. */
void identity_warn(const struct identity *id, const struct conf_global *g,
    struct conf_errors *errors);

/*
 * Of a worker: chroot, groups, group, user, capabilities, no_new_privs; then checks that there is
 * no way back.  0, or -1 after an error line: the process must end.
 */
int privileges_drop(const struct identity *id, struct str chroot_dir);

/* Of the master, as root: keeps only the capabilities that its work takes. */
void privileges_trim(void);

#endif
