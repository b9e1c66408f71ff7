/*
 * log_file.h - whole lines to a descriptor that several processes share, without ever waiting.
 */
#ifndef USHERD_PROXY_LOG_LOG_FILE_H
#define USHERD_PROXY_LOG_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum { LOG_PIPE_WRITE = 4096 };		/* PIPE_BUF: what a pipe takes in one piece */

struct log_file {
	int fd;				/* -1: none */
	bool stream;			/* a pipe, socket or terminal: LOG_PIPE_WRITE at a time */
	bool torn;			/* it ends within a line that could not be finished */
};

/* Takes over the descriptor, which may be -1. */
void log_file_open(struct log_file *f, int fd);
void log_file_close(struct log_file *f);

/*
 * Writes lines, each with its newline.  Returns how many bytes of them went out: whole lines only.
 * When these are not all errno says why; EAGAIN: the reader of a stream is slow.  To a stream, a
 * line that is longer than LOG_PIPE_WRITE goes in pieces.
 */
size_t log_file_write(struct log_file *f, const char *lines, size_t n);

#endif
