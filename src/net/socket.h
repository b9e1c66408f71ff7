/*
 * socket.h - making sockets: listening ones, and connections to servers.
 */
#ifndef USHERD_NET_SOCKET_H
#define USHERD_NET_SOCKET_H

#include <sys/types.h>

#include "base/addr.h"

/*
 * Binds and listens; non-blocking, close-on-exec.  TCP: SO_REUSEADDR, TCP_NODELAY (accepted
 * sockets inherit it), TCP_DEFER_ACCEPT; a wildcard IPv6 address takes IPv4 too.  A unix socket
 * that nobody serves any more is replaced.  Returns the descriptor, or -1 with errno.
 */
int socket_listen(const struct addr *a, int backlog);

/*
 * The same for a unix socket that has these rights on its file from the beginning: connecting takes
 * the right to write.
 */
int socket_listen_unix(const struct addr *a, int backlog, mode_t mode);

/*
 * Begins to connect; non-blocking, close-on-exec, TCP_NODELAY.  Returns the descriptor, also while
 * the connection is under way (it becomes writable when it is up or has failed), or -1 with errno.
 */
int socket_connect(const struct addr *a);

/* After the descriptor became writable: 0 when connected, else the errno value. */
int socket_error(int fd);

/* The local address of a connected socket; family 0 when it has none. */
void socket_local(int fd, struct ip_port *out);

/* Sends what the kernel takes of `n` bytes; their number, or -1 with errno. */
ssize_t socket_send(int fd, const void *p, size_t n);

/* Bytes that were handed to the kernel and that the peer has not acknowledged; 0 if unknown. */
size_t socket_unacked(int fd);

/* Makes close() reset the connection: the peer sees an error, never a clean end. */
void socket_reset_on_close(int fd);

#endif
