/*
 * privileges.c - who workers run as, and giving up every right that is not needed.
 */
#include "process/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

enum {
	MAX_GROUPS = 65536,
	OVERFLOW_ID = 65534,	/* what the kernel calls who it cannot name: nobody */
};

/* Whom workers run as, unless the configuration says so. */
#ifndef USHERD_USER
#define USHERD_USER "usherd"
#endif

/* What binding, opening logs and reloading take, and starting, ending and placing workers. */
static const int master_capabilities[] = {
	CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_DAC_OVERRIDE,
	CAP_DAC_READ_SEARCH, CAP_SYS_CHROOT, CAP_SYS_NICE, CAP_SYS_RESOURCE,
};

static void
supplementary_groups(struct identity *id, const char *user)
{
	int n = 16;

	for (;;) {
		id->groups = mem_realloc(id->groups, (size_t)n, sizeof(*id->groups));
		id->ngroups = n;
		if (getgrouplist(user, id->gid, id->groups, &id->ngroups) != -1)
			return;
		n = id->ngroups > n ? id->ngroups : n * 2;
		if (n > MAX_GROUPS) {
			id->ngroups = 0;
			return;
		}
	}
}

/* The user that was made for us, or who has no rights anywhere: the system need not list him. */
static const char *
default_user(struct identity *id)
{
	static const char *const users[] = { USHERD_USER, "nobody" };

	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		const struct passwd *pw = getpwnam(users[i]);

		if (pw == NULL || pw->pw_uid == 0)
			continue;
		id->uid = pw->pw_uid;
		id->gid = pw->pw_gid;
		return users[i];
	}
	id->uid = OVERFLOW_ID;
	id->gid = OVERFLOW_ID;
	return NULL;
}

static const char *
resolve_user(struct identity *id, const struct conf_global *g, struct conf_errors *errors)
{
	const struct passwd *pw;

	if (g->user.p == NULL)
		return default_user(id);
	errno = 0;
	pw = getpwnam(g->user.p);
	if (pw == NULL) {
		conf_error(errors, g->at, "[global] user: there is no user \"%s\"%s%s", g->user.p,
		    errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
		return NULL;
	}
	id->uid = pw->pw_uid;
	id->gid = pw->pw_gid;
	return g->user.p;
}

static void
resolve_group(struct identity *id, const struct conf_global *g, struct conf_errors *errors)
{
	const struct group *gr;

	errno = 0;
	gr = getgrnam(g->group.p);
	if (gr == NULL) {
		conf_error(errors, g->at, "[global] group: there is no group \"%s\"%s%s",
		    g->group.p, errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
		return;
	}
	id->gid = gr->gr_gid;
}

void
identity_resolve(struct identity *id, const struct conf_global *g, struct conf_errors *errors)
{
	const char *user = NULL;

	*id = (struct identity){ .change = geteuid() == 0, .uid = geteuid(), .gid = getegid() };
	if (id->change || g->user.p != NULL)
		user = resolve_user(id, g, errors);
	if (g->group.p != NULL)
		resolve_group(id, g, errors);
	if (!id->change && (g->user.p != NULL || g->group.p != NULL))
		conf_warning(errors, g->at, "[global] %s: has no effect, as usherd was not "
		    "started by root", g->user.p != NULL ? "user" : "group");
	if (id->change && user != NULL)
		supplementary_groups(id, user);
}

void
identity_warn(const struct identity *id, const struct conf_global *g, struct conf_errors *errors)
{
	if (id->change && id->uid == 0 && g->user.p != NULL)
		conf_warning(errors, g->at, "[global] user: workers run as root, who may do"
		    " everything (use a user of their own)");
}

void
identity_fini(struct identity *id)
{
	mem_free(id->groups);
	id->groups = NULL;
	id->ngroups = 0;
}

static int
set_capabilities(uint64_t mask)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = (uint32_t)mask, .permitted = (uint32_t)mask },
		{ .effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32) },
	};

	return (int)syscall(SYS_capset, &header, data);
}

static int
permitted_capabilities(uint64_t *mask)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &header, data) == -1)
		return -1;
	*mask = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	return 0;
}

void
privileges_trim(void)
{
	uint64_t mask = 0, have;

	if (geteuid() != 0 || permitted_capabilities(&have) == -1)
		return;
	for (size_t i = 0; i < ARRAY_LEN(master_capabilities); i++)
		mask |= 1ULL << master_capabilities[i];
	/* What is out of the bounding set cannot come back, not even by running a program. */
	for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if ((mask & 1ULL << cap) == 0)
			(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	}
	if (set_capabilities(mask & have) == -1)
		log_warn("cannot give up capabilities: %m");
}

static int
enter_chroot(struct str dir)
{
	int fd;

	if (dir.p == NULL)
		return 0;
	fd = path_open(dir.p, O_PATH | O_DIRECTORY, 0);
	if (fd == -1 || fchdir(fd) == -1 || chroot(".") == -1 || chdir("/") == -1) {
		log_error("chroot %s: %s", dir.p, path_error(errno));
		return -1;
	}
	close(fd);
	return 0;
}

static int
become(const struct identity *id)
{
	static const char remedy[] = " (a container may forbid it: then write user = root)";

	if (setgroups((size_t)id->ngroups, id->groups) == -1) {
		log_error("setgroups: %m%s", remedy);
		return -1;
	}
	if (setresgid(id->gid, id->gid, id->gid) == -1) {
		log_error("setresgid %d: %m%s", (int)id->gid, remedy);
		return -1;
	}
	if (setresuid(id->uid, id->uid, id->uid) == -1) {
		log_error("setresuid %d: %m%s", (int)id->uid, remedy);
		return -1;
	}
	return 0;
}

/* setuid() and friends have been seen to do less than they said: the outcome counts. */
static bool
no_way_back(const struct identity *id)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	uint64_t capabilities;

	if (getresuid(&ruid, &euid, &suid) == -1 || getresgid(&rgid, &egid, &sgid) == -1)
		return false;
	if (ruid != id->uid || euid != id->uid || suid != id->uid)
		return false;
	if (rgid != id->gid || egid != id->gid || sgid != id->gid)
		return false;
	if (getgroups(0, NULL) != id->ngroups)
		return false;
	if (id->uid == 0)
		return true;
	if (permitted_capabilities(&capabilities) == -1 || capabilities != 0)
		return false;
	return setuid(0) == -1 && seteuid(0) == -1 && (id->gid == 0 || setgid(0) == -1);
}

int
privileges_drop(const struct identity *id, struct str chroot_dir)
{
	if (enter_chroot(chroot_dir) == -1)
		return -1;
	if (id->change && become(id) == -1)
		return -1;
	/* Given to the program by its file or by systemd, for binding: workers do not bind. */
	if (geteuid() != 0 && set_capabilities(0) == -1) {
		log_error("cannot give up capabilities: %m");
		return -1;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_error("no_new_privs: %m");
		return -1;
	}
	if (id->change && !no_way_back(id)) {
		log_error("privileges were not given up for good");
		return -1;
	}
	return 0;
}
