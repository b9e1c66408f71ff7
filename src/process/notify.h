/*
 * notify.h - systemd's protocols: the state of the service told, listening sockets handed in.
 */
#ifndef USHERD_PROCESS_NOTIFY_H
#define USHERD_PROCESS_NOTIFY_H

/*
 * Sends lines such as "READY=1\nSTATUS=..." to the socket that NOTIFY_SOCKET names, if it names
 * one.  A failure is logged and has no consequence.
 */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* RELOADING=1 with the monotonic time, as Type=notify-reload wants it. */
void notify_reloading(void);

/*
 * How many listening sockets were handed in (LISTEN_PID, LISTEN_FDS); they begin at descriptor
 * NOTIFY_FIRST_FD.  Takes the variables out of the environment.
 */
enum { NOTIFY_FIRST_FD = 3 };
int notify_inherited_sockets(void);

#endif
