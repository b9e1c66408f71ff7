/*
 * socket.c - making sockets: listening ones, and connections to servers.
 */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

enum { DEFER_ACCEPT_S = 1 };	/* the kernel keeps a connection back until its first bytes come */

static int
set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int
close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

/* Removes the file of a unix socket that refuses connections: its owner is dead. */
static void
remove_stale(const struct addr *a, int dir, const char *name)
{
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, &a->sa, a->len) < 0 && errno == ECONNREFUSED)
		unlinkat(dir, name, 0);
	close(fd);
}

static int
prepare_tcp(int fd, const struct addr *a)
{
	if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
	    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0)
		return -1;
	if (a->sa.sa_family == AF_INET6 &&
	    set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr)) < 0)
		return -1;
	/* An optimisation: a kernel without it serves as well. */
	(void)set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_ACCEPT_S);
	return 0;
}

/* The same address by way of the open directory. */
static struct addr
address_in(int dir, const char *name)
{
	struct addr a = { .un = { .sun_family = AF_UNIX } };
	int n = snprintf(a.un.sun_path, sizeof(a.un.sun_path), "/proc/self/fd/%d/%s", dir, name);

	/* Too long: bind() says so. */
	a.len = n < (int)sizeof(a.un.sun_path) ?
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1) : 0;
	return a;
}

static int
bind_unix(const struct addr *a, int dir, const char *name, mode_t mode)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int bound;
	mode_t mask;

	if (fd < 0)
		return -1;
	remove_stale(a, dir, name);
	mask = umask(0777 & ~mode);
	bound = bind(fd, &a->sa, a->len);
	umask(mask);
	return bound == 0 ? fd : close_keeping_errno(fd);
}

int
socket_listen_unix(const struct addr *a, int backlog, mode_t mode)
{
	struct addr within;
	const char *name;
	bool shared;
	int dir = path_dir(a->un.sun_path, &name, &shared), fd;

	if (dir < 0)
		return -1;
	/* Not always, as ss and others show the address. */
	if (shared) {
		within = address_in(dir, name);
		a = &within;
	}
	fd = bind_unix(a, dir, name, mode);
	close_keeping_errno(dir);
	if (fd >= 0 && listen(fd, backlog) < 0)
		return close_keeping_errno(fd);
	return fd;
}

int
socket_listen(const struct addr *a, int backlog)
{
	int fd;

	/* Like a port, a unix socket is open to all; the directory decides who gets there. */
	if (a->sa.sa_family == AF_UNIX)
		return socket_listen_unix(a, backlog, 0666);
	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (prepare_tcp(fd, a) < 0 || bind(fd, &a->sa, a->len) < 0 || listen(fd, backlog) < 0)
		return close_keeping_errno(fd);
	return fd;
}

int
socket_connect(const struct addr *a)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (a->sa.sa_family != AF_UNIX && set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0)
		return close_keeping_errno(fd);
	if (connect(fd, &a->sa, a->len) < 0 && errno != EINPROGRESS)
		return close_keeping_errno(fd);
	return fd;
}

int
socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}

void
socket_local(int fd, struct ip_port *out)
{
	struct addr a = { .len = sizeof(a.un) };

	*out = (struct ip_port){ .family = 0 };
	if (getsockname(fd, &a.sa, &a.len) == 0)
		ip_port_from(out, &a.sa);
}

ssize_t
socket_send(int fd, const void *p, size_t n)
{
	ssize_t sent;

	do
		sent = send(fd, p, n, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent;
}

size_t
socket_unacked(int fd)
{
	int n = 0;

	return ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0 ? (size_t)n : 0;
}

void
socket_reset_on_close(int fd)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}
