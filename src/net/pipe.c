/*
 * pipe.c - pipes that splice() moves body bytes through.
 */
#include "net/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { REST_MS = 1000 };	/* after the kernel refused a pipe */

static struct pipe *spare;
static unsigned open_pipes;
static msec refused_ms;

static void
end(struct pipe *p)
{
	close(p->read_fd);
	close(p->write_fd);
	mem_free(p);
	open_pipes--;
}

static struct pipe *
make(void)
{
	struct pipe *p;
	int fds[2];

	if (open_pipes >= PIPES_MAX || clock_ms() < refused_ms)
		return NULL;
	refused_ms = clock_ms() + REST_MS;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
		return NULL;
	p = MEM_NEW(struct pipe);
	p->read_fd = fds[0];
	p->write_fd = fds[1];
	open_pipes++;
	if (fcntl(p->write_fd, F_SETPIPE_SZ, PIPE_BYTES) < PIPE_BYTES) {
		end(p);			/* 64 KiB moves no faster than copying */
		return NULL;
	}
	refused_ms = 0;
	return p;
}

struct pipe *
pipe_take(void)
{
	struct pipe *p = spare;

	if (p == NULL)
		return make();
	spare = p->next;
	return p;
}

void
pipe_give(struct pipe *p)
{
	if (p->held > 0) {
		end(p);
		return;
	}
	p->next = spare;
	spare = p;
}

void
pipe_release(void *pipe)
{
	pipe_give(pipe);
}
