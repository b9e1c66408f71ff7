/*
 * files_body.c - sends the bytes of a file, and never waits long for a disk.
 */
#include "proxy/files/files_body.h"

#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "proxy/runtime.h"

enum {
	COPY_BLOCKS = 4,
	COPY_PIECE = COPY_BLOCKS * BLOCK_SIZE,
	SENDFILE_PIECE = 524288,	/* a quarter costs 1.6 times as much CPU a byte */
	SENDFILE_MIN = 65536,		/* fewer bytes are sent with the head, in one call */
	SENDFILE_TURN = 2 * SENDFILE_PIECE,	/* then the others have their turn: 0.1 ms */
	COPY_TURN = 4 * COPY_PIECE,
	FILTER_TURN = COPY_PIECE,	/* to compress 64 KiB takes 1 to 2 ms */
	AHEAD_BYTES = 1048576,		/* asked for when a page is missing */
	COLD_TRIES = 10,		/* then it is read, however long that takes */
};

/* Shared with the segments that wait for the socket. */
struct open_file {
	int fd;
	unsigned refs;
};

struct files_body {
	struct exchange *x;
	struct open_file *file;		/* NULL: ended */
	struct files_part *parts;
	unsigned nparts;
	unsigned next;			/* the part that is being sent */
	struct str after;
	bool by_sendfile;
	bool ended;			/* exchange_end() was called */
	bool waits_blindly;		/* the file system cannot tell what is in memory */
	unsigned cold_tries;
	uint64_t turn;			/* of the loop */
	uint64_t turn_bytes;		/* sent in it */
	struct timer cold;
	struct watcher again;		/* without a descriptor: only to yield */
};

enum progress { SENT, FULL, COLD, OVER };

static void
drop_file(void *arg)
{
	struct open_file *f = arg;

	if (--f->refs > 0)
		return;
	close(f->fd);
	mem_free(f);
}

static void
on_cold_timer(struct timer *t)
{
	files_body_send(CONTAINER_OF(t, struct files_body, cold));
}

static void
on_again(struct watcher *w)
{
	files_body_send(CONTAINER_OF(w, struct files_body, again));
}

struct files_body *
files_body_new(struct exchange *x, int fd, struct files_part *parts, unsigned nparts,
    struct str after)
{
	struct files_body *b = ARENA_NEW(&x->stream->arena, struct files_body);
	uint64_t most = 0;

	b->x = x;
	b->file = MEM_NEW(struct open_file);
	*b->file = (struct open_file){ fd, 1 };
	b->parts = parts;
	b->nparts = nparts;
	b->after = after;
	for (unsigned i = 0; i < nparts; i++)
		most = parts[i].len > most ? parts[i].len : most;
	b->by_sendfile = most > SENDFILE_MIN && (x->stream->takes & SEG_FILE) &&
	    x->filters == NULL;
	timer_init(&b->cold, on_cold_timer);
	watcher_init(&b->again, on_again);
	return b;
}

void
files_body_end(struct files_body *b)
{
	struct loop *loop = b->x->runtime->loop;

	if (b->file == NULL)
		return;
	loop_timer_cancel(loop, &b->cold);
	loop_unwatch(loop, &b->again);
	drop_file(b->file);
	b->file = NULL;
}

/* ---- the disk */

static ssize_t
read_with(struct files_body *b, const struct iovec *iov, int n, uint64_t offset, int flags)
{
	ssize_t got;

	do
		got = preadv2(b->file->fd, iov, n, (off_t)offset, flags);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Reads from the page cache, or, when that did not help for long, from wherever it is. */
static ssize_t
read_now(struct files_body *b, const struct iovec *iov, int n, uint64_t offset)
{
	ssize_t got;

	if (b->waits_blindly || b->cold_tries >= COLD_TRIES)
		return read_with(b, iov, n, offset, 0);
	got = read_with(b, iov, n, offset, RWF_NOWAIT);
	if (got >= 0 || errno != EOPNOTSUPP)
		return got;
	b->waits_blindly = true;
	return read_with(b, iov, n, offset, 0);
}

/* What a read that gave nothing means. */
static enum progress
no_bytes(struct files_body *b, ssize_t got, uint64_t offset)
{
	msec wait_ms = 1 << b->cold_tries / 2;

	if (got == 0) {
		exchange_fail(b->x, 500, "file-shrank", "a file became shorter while it was sent");
		return OVER;
	}
	if (errno != EAGAIN) {
		exchange_fail(b->x, 500, "file-error", "a file cannot be read: %m");
		return OVER;
	}
	if (b->cold_tries++ == 0)
		(void)posix_fadvise(b->file->fd, (off_t)offset, AHEAD_BYTES, POSIX_FADV_WILLNEED);
	loop_timer_set(b->x->runtime->loop, &b->cold, clock_ms() + wait_ms);
	return COLD;
}

/* Appends the next piece of the file, read into blocks. */
static enum progress
add_copied(struct files_body *b, struct files_part *part, struct chain *c)
{
	struct block *blocks[COPY_BLOCKS];
	struct iovec iov[COPY_BLOCKS];
	uint64_t want = part->len < COPY_PIECE ? part->len : COPY_PIECE, left = want;
	ssize_t got, rest;
	int n = 0;

	for (; left > 0; n++) {
		blocks[n] = block_new(BLOCK_SIZE);
		iov[n].iov_base = blocks[n]->data;
		iov[n].iov_len = left < BLOCK_SIZE ? left : BLOCK_SIZE;
		left -= iov[n].iov_len;
	}
	rest = got = read_now(b, iov, n, part->offset);
	for (int i = 0; i < n; i++) {
		size_t used = rest <= 0 ? 0 : (size_t)rest < iov[i].iov_len ? (size_t)rest :
		    iov[i].iov_len;

		blocks[i]->used = (uint32_t)used;
		chain_add_block(c, blocks[i], blocks[i]->data, used);
		block_unref(blocks[i]);
		rest -= (ssize_t)used;
	}
	if (got <= 0)
		return no_bytes(b, got, part->offset);
	part->offset += (uint64_t)got;
	part->len -= (uint64_t)got;
	return SENT;
}

/* Appends the next piece as a part of the file, when its last page is in memory: the pages before
 * it are read with it, or were. */
static enum progress
add_part(struct files_body *b, struct files_part *part, struct chain *c)
{
	size_t n = part->len < SENDFILE_PIECE ? (size_t)part->len : SENDFILE_PIECE;
	char byte;
	const struct iovec iov = { &byte, 1 };
	ssize_t got = read_now(b, &iov, 1, part->offset + n - 1);

	if (got <= 0)
		return no_bytes(b, got, part->offset);
	b->file->refs++;
	chain_add_file(c, b->file->fd, (off_t)part->offset, n, drop_file, b->file);
	part->offset += n;
	part->len -= n;
	return SENT;
}

/* ---- the response */

static enum progress
add_piece(struct files_body *b, struct chain *c)
{
	struct files_part *part = &b->parts[b->next];
	enum progress r = SENT;

	chain_add_ext(c, part->before.p, part->before.n, NULL, NULL);
	if (part->len > 0)
		r = b->by_sendfile ? add_part(b, part, c) : add_copied(b, part, c);
	if (r != SENT)
		return r;
	b->cold_tries = 0;
	part->before.n = 0;
	if (part->len > 0)
		return SENT;
	if (++b->next == b->nparts)
		chain_add_ext(c, b->after.p, b->after.n, NULL, NULL);
	return SENT;
}

static enum progress
send_piece(struct files_body *b)
{
	struct chain c;
	enum progress r;

	chain_init(&c);
	r = add_piece(b, &c);
	if (r != SENT) {
		chain_clear(&c);
		return r;
	}
	b->turn_bytes += c.len;
	if (exchange_body(b->x, &c) == FLOW_FULL)
		return FULL;
	return b->file != NULL ? SENT : OVER;	/* a filter may have failed it */
}

static uint64_t
turn_limit(const struct files_body *b)
{
	if (b->by_sendfile)
		return SENDFILE_TURN;
	return b->x->filters != NULL ? FILTER_TURN : COPY_TURN;
}

/* True if other connections have waited long enough. */
static bool
turn_is_over(struct files_body *b)
{
	struct loop *loop = b->x->runtime->loop;

	if (loop_turn(loop) != b->turn) {
		b->turn = loop_turn(loop);
		b->turn_bytes = 0;
	}
	if (b->turn_bytes < turn_limit(b))
		return false;
	loop_yield(loop, &b->again);
	return true;
}

void
files_body_send(struct files_body *b)
{
	enum progress r = SENT;

	if (b->ended)
		return;
	/* It may be waiting for the disk. */
	loop_timer_cancel(b->x->runtime->loop, &b->cold);
	while (b->next < b->nparts) {
		if (turn_is_over(b))
			return;
		r = send_piece(b);
		if (r == COLD || r == OVER || (r == FULL && b->next < b->nparts))
			return;
	}
	b->ended = true;
	exchange_end(b->x, NULL);
}
