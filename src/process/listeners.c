/*
 * listeners.c - the listening sockets, which outlive generations.
 */
#include "process/listeners.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "net/socket.h"

enum { CONTROL_BACKLOG = 16 };

struct listening {
	struct link link;
	struct addr addr;
	int fd;
	unsigned users;			/* sets that have it */
	bool ours;			/* a unix socket whose file we made: it goes with it */
	dev_t dev;
	ino_t ino;
};

static struct listening *
add(struct listeners *l, const struct addr *addr, int fd)
{
	struct listening *one = MEM_NEW(struct listening);

	one->addr = *addr;
	one->fd = fd;
	list_append(&l->all, &one->link);
	return one;
}

/* What is at the path of a unix socket: the open directory, the name in it and what that is. */
static int
look(const struct listening *one, const char **name, struct stat *st)
{
	int dir = path_dir(one->addr.un.sun_path, name, NULL);

	if (dir != -1 && fstatat(dir, *name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return dir;
	if (dir != -1)
		close(dir);
	return -1;
}

static void
remember_file(struct listening *one)
{
	const char *name;
	struct stat st;
	int dir = one->addr.sa.sa_family == AF_UNIX ? look(one, &name, &st) : -1;

	if (dir == -1)
		return;
	one->ours = S_ISSOCK(st.st_mode) && st.st_uid == geteuid();
	one->dev = st.st_dev;
	one->ino = st.st_ino;
	close(dir);
}

/* Somebody else may have put a socket of the same name there. */
static void
remove_file(const struct listening *one)
{
	const char *name;
	struct stat st;
	int dir = one->ours ? look(one, &name, &st) : -1;

	if (dir == -1)
		return;
	if (st.st_dev == one->dev && st.st_ino == one->ino)
		unlinkat(dir, name, 0);
	close(dir);
}

static void
end(struct listening *one)
{
	remove_file(one);
	close(one->fd);
	link_remove(&one->link);
	mem_free(one);
}

static void
inherit(struct listeners *l, int fd)
{
	struct addr addr = { .len = sizeof(addr.un) };
	socklen_t len = sizeof(int);
	int listening = 0, flags;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == -1 || !listening ||
	    getsockname(fd, &addr.sa, &addr.len) == -1) {
		log_warn("inherited descriptor %d is no listening socket", fd);
		close(fd);
		return;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		log_warn("inherited descriptor %d: %m", fd);
		close(fd);
		return;
	}
	add(l, &addr, fd);
}

void
listeners_init(struct listeners *l, int first, int inherited)
{
	link_init(&l->all);
	for (int i = 0; i < inherited; i++)
		inherit(l, first + i);
}

/* `bind = 80` also finds the socket of [::]:80, which systemd makes of ListenStream=80. */
static bool
same_or_wider(const struct addr *have, const struct addr *want)
{
	if (addr_eq(have, want))
		return true;
	return have->sa.sa_family == AF_INET6 && want->sa.sa_family == AF_INET &&
	    IN6_IS_ADDR_UNSPECIFIED(&have->in6.sin6_addr) &&
	    want->in.sin_addr.s_addr == htonl(INADDR_ANY) && addr_port(have) == addr_port(want);
}

static struct listening *
find(struct listeners *l, const struct addr *want)
{
	LIST_EACH(link, &l->all) {
		struct listening *one = CONTAINER_OF(link, struct listening, link);

		if (addr_eq(&one->addr, want))
			return one;
	}
	LIST_EACH(link, &l->all) {
		struct listening *one = CONTAINER_OF(link, struct listening, link);

		/* Only one that was handed in: our own are what the configuration said. */
		if (one->users == 0 && same_or_wider(&one->addr, want))
			return one;
	}
	return NULL;
}

/* The socket with this address, which listens now; NULL with errno. */
static struct listening *
find_or_open(struct listeners *l, const struct addr *addr, int backlog, bool is_private)
{
	struct listening *one = find(l, addr);
	int fd;

	if (one != NULL)		/* the backlog may have changed */
		return listen(one->fd, backlog) == 0 ? one : NULL;
	fd = is_private ? socket_listen_unix(addr, backlog, 0600) : socket_listen(addr, backlog);
	if (fd == -1)
		return NULL;
	one = add(l, addr, fd);
	remember_file(one);
	return one;
}

static int
take(struct listeners *l, const struct conf_bind *bind, int backlog, struct listener_set *set)
{
	struct listening *one = find_or_open(l, &bind->addr, backlog, false);

	if (one == NULL)
		return -1;
	one->users++;
	set->v[set->n] = one;
	set->fds[set->n++] = one->fd;
	return 0;
}

static int
take_control(struct listeners *l, const struct conf_bind *bind, struct listener_set *set)
{
	set->control = find_or_open(l, &bind->addr, CONTROL_BACKLOG, true);
	if (set->control == NULL)
		return -1;
	set->control->users++;
	return 0;
}

int
listeners_take(struct listeners *l, const struct conf_snapshot *s, struct listener_set *set,
    const struct conf_bind **failed)
{
	unsigned n = s->admin.present ? s->admin.nbinds : 0;
	int saved;

	for (unsigned i = 0; i < s->nlistens; i++)
		n += s->listens[i]->nbinds;
	*set = (struct listener_set){
		.v = mem_zalloc(n, sizeof(*set->v)),
		.fds = mem_zalloc(n, sizeof(*set->fds)),
	};
	for (unsigned i = 0; i < s->nlistens; i++) {
		const struct conf_listen *listen = s->listens[i];

		for (unsigned k = 0; k < listen->nbinds; k++) {
			*failed = &listen->binds[k];
			if (take(l, *failed, listen->backlog, set) == -1)
				goto fail;
		}
	}
	for (unsigned i = 0; s->admin.present && i < s->admin.nbinds; i++) {
		*failed = &s->admin.binds[i];
		if (take(l, *failed, SOMAXCONN, set) == -1)
			goto fail;
	}
	*failed = &s->admin.socket;
	if (s->admin.socket.text.p != NULL && take_control(l, *failed, set) == -1)
		goto fail;
	*failed = NULL;
	return 0;

fail:
	saved = errno;
	listeners_give(set);
	errno = saved;
	return -1;
}

void
listeners_say_failed(const struct conf_bind *failed)
{
	const char *remedy = "", *what;

	if (errno == EADDRINUSE && failed->addr.sa.sa_family == AF_UNIX)
		remedy = " (another process listens there, or it is no socket)";
	else if (errno == EADDRINUSE)
		remedy = " (another process listens there: ss -ltnp shows which)";
	else if (errno == EACCES && failed->addr.sa.sa_family != AF_UNIX)
		remedy = " (low ports take root or CAP_NET_BIND_SERVICE)";
	else if (errno == EADDRNOTAVAIL)
		remedy = " (use an address of this machine)";
	what = path_error(errno);
	if (failed->at.line > 0)
		log_error("%s:%d: bind %s: %s%s", failed->at.file, failed->at.line,
		    failed->text.p, what, remedy);
	else
		log_error("%s: bind %s: %s%s", failed->at.file, failed->text.p, what, remedy);
}

int
listeners_control_fd(const struct listener_set *set)
{
	return set->control != NULL ? set->control->fd : -1;
}

bool
listeners_control_file(const struct listener_set *set, dev_t *dev, ino_t *ino)
{
	if (set->control == NULL || !set->control->ours)
		return false;
	*dev = set->control->dev;
	*ino = set->control->ino;
	return true;
}

static void
give(struct listening *one)
{
	if (--one->users == 0)
		end(one);
}

void
listeners_give(struct listener_set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		give(set->v[i]);
	if (set->control != NULL)
		give(set->control);
	mem_free(set->v);
	mem_free(set->fds);
	*set = (struct listener_set){ .n = 0 };
}

void
listeners_drop_unused(struct listeners *l)
{
	LIST_EACH(link, &l->all) {
		struct listening *one = CONTAINER_OF(link, struct listening, link);
		char text[ADDR_TEXT];

		if (one->users > 0)
			continue;
		addr_text(&one->addr, text);
		log_warn("inherited socket %s: no bind of the configuration names it", text);
		end(one);
	}
}
