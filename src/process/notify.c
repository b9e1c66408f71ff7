/*
 * notify.c - systemd's protocols: the state of the service told, listening sockets handed in.
 */
#include "process/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

enum { MAX_SOCKETS = 4096, US_PER_SECOND = 1000000 };

/* A name that begins with @ is in the abstract namespace. */
static socklen_t
socket_address(struct sockaddr_un *un, const char *name)
{
	size_t n = strlen(name);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((name[0] != '/' && name[0] != '@') || n >= sizeof(un->sun_path))
		return 0;
	memcpy(un->sun_path, name, n);
	if (name[0] == '@')
		un->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static void
send_text(const char *name, const char *text, size_t n)
{
	struct sockaddr_un un;
	socklen_t len = socket_address(&un, name);
	int fd;

	if (len == 0) {
		log_warn("NOTIFY_SOCKET: %s is no usable name", name);
		return;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 ||
	    sendto(fd, text, n, MSG_NOSIGNAL, (struct sockaddr *)&un, len) != (ssize_t)n)
		log_warn("NOTIFY_SOCKET: %s: %m", name);
	if (fd != -1)
		close(fd);
}

void
notify_send(const char *fmt, ...)
{
	const char *name = getenv("NOTIFY_SOCKET");
	char text[512];
	va_list ap;
	int n;

	if (name == NULL || name[0] == '\0')
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		send_text(name, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void
notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading\n",
	    (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000);
}

int
notify_inherited_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t value, count = 0;

	if (pid != NULL && fds != NULL && str_uint(str_of(pid), INT32_MAX, &value) &&
	    value == (uint64_t)getpid() && !str_uint(str_of(fds), MAX_SOCKETS, &count))
		log_warn("LISTEN_FDS: %s is no number of sockets", fds);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return (int)count;
}
