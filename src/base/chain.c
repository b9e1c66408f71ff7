/*
 * chain.c - body bytes on their way: lists of segments that move without being copied.
 */
#include "base/chain.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/pool.h"

/* What a segment must have to be worth the block that it holds.  One block may be held for less. */
enum { KEEP_WHOLE = BLOCK_SIZE / 4 * 3, KEEP_FIRST = BLOCK_SIZE / 4 };

/* 4 MiB of blocks: what a busy worker takes and gives back within a few turns of its loop. */
static struct pool blocks = POOL(sizeof(struct block) + BLOCK_SIZE, 256);
static struct pool segs = POOL(sizeof(struct seg), 1024);

_Static_assert(offsetof(struct block, data) % 16 == 0, "data is aligned");

struct block *
block_new(size_t size)
{
	struct block *b;

	CHECK(size <= UINT32_MAX);
	b = size == BLOCK_SIZE ? pool_take(&blocks) : mem_alloc(sizeof(*b) + size);
	b->refs = 1;
	b->size = (uint32_t)size;
	b->used = 0;
	return b;
}

void
block_unref(struct block *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	if (b->size == BLOCK_SIZE)
		pool_give(&blocks, b);
	else
		mem_free(b);
}

/* The release callback of a segment that was cut, shared by its parts. */
struct lease {
	unsigned refs;
	void (*release)(void *arg);
	void *arg;
};

static void
lease_drop(void *arg)
{
	struct lease *lease = arg;

	if (--lease->refs > 0)
		return;
	lease->release(lease->arg);
	mem_free(lease);
}

/* Makes `part` hold what `s` holds: the last of both to end calls the release. */
static void
share_release(struct seg *s, struct seg *part)
{
	struct lease *lease;

	if (s->release == NULL)
		return;
	if (s->release != lease_drop) {
		lease = mem_alloc(sizeof(*lease));
		*lease = (struct lease){ 1, s->release, s->arg };
		s->release = lease_drop;
		s->arg = lease;
	}
	lease = s->arg;
	lease->refs++;
	part->release = lease_drop;
	part->arg = lease;
}

static struct seg *
last_seg(const struct chain *c)
{
	return c->first != NULL ? CONTAINER_OF(c->last_next, struct seg, next) : NULL;
}

static void
link_seg(struct chain *c, struct seg *s)
{
	s->next = NULL;
	*c->last_next = s;
	c->last_next = &s->next;
	c->len += s->len;
}

static struct seg *
unlink_first(struct chain *c)
{
	struct seg *s = c->first;

	c->first = s->next;
	if (c->first == NULL)
		c->last_next = &c->first;
	c->len -= s->len;
	return s;
}

static void
free_seg(struct seg *s)
{
	if (s->kind == SEG_MEM)
		block_unref(s->block);
	else if (s->release != NULL)
		s->release(s->arg);
	pool_give(&segs, s);
}

static struct seg *
new_seg(struct chain *c, enum seg_kind kind, size_t len)
{
	struct seg *s = pool_take(&segs);

	*s = (struct seg){ .kind = kind, .len = len, .fd = -1 };
	link_seg(c, s);
	return s;
}

void
chain_clear(struct chain *c)
{
	struct seg *next;

	for (struct seg *s = c->first; s != NULL; s = next) {
		next = s->next;
		free_seg(s);
	}
	chain_init(c);
}

/* True if bytes at `p` of `block` continue the last segment. */
static bool
continues(const struct chain *c, const struct block *block, const char *p)
{
	const struct seg *last = last_seg(c);

	return last != NULL && last->kind == SEG_MEM && last->block == block &&
	    last->p + last->len == p;
}

static void
extend_last(struct chain *c, size_t len)
{
	last_seg(c)->len += len;
	c->len += len;
}

void
chain_add_block(struct chain *c, struct block *block, char *p, size_t len)
{
	struct seg *s;

	if (len == 0)
		return;
	if (continues(c, block, p)) {
		extend_last(c, len);
		return;
	}
	s = new_seg(c, SEG_MEM, len);
	s->block = block_ref(block);
	s->p = p;
}

/* A segment without bytes has no place in a chain: its end comes at once. */
static bool
ends_at_once(size_t len, void (*release)(void *), void *arg)
{
	if (len == 0 && release != NULL)
		release(arg);
	return len == 0;
}

void
chain_add_ext(struct chain *c, const char *p, size_t len, void (*release)(void *), void *arg)
{
	struct seg *s;

	if (ends_at_once(len, release, arg))
		return;
	s = new_seg(c, SEG_EXT, len);
	s->p = (char *)p;
	s->release = release;
	s->arg = arg;
}

void
chain_add_file(struct chain *c, int fd, off_t offset, size_t len, void (*release)(void *),
    void *arg)
{
	struct seg *s;

	if (ends_at_once(len, release, arg))
		return;
	s = new_seg(c, SEG_FILE, len);
	s->fd = fd;
	s->offset = offset;
	s->release = release;
	s->arg = arg;
}

void
chain_add_pipe(struct chain *c, struct pipe *pipe, size_t len, void (*release)(void *))
{
	struct seg *s;

	if (ends_at_once(len, release, pipe))
		return;
	s = new_seg(c, SEG_PIPE, len);
	s->release = release;
	s->arg = pipe;
}

void
chain_add_copy(struct chain *c, const void *p, size_t len)
{
	const char *from = p;
	size_t room, n;
	char *to;

	while (len > 0) {
		to = chain_room(c, 1, &room);
		n = len < room ? len : room;
		memcpy(to, from, n);
		chain_commit(c, n);
		from += n;
		len -= n;
	}
}

/* The free bytes behind the last segment, if nobody else fills or reads that block. */
static size_t
room_of(const struct seg *s)
{
	const struct block *b;

	if (s == NULL || s->kind != SEG_MEM)
		return 0;
	b = s->block;
	return b->refs == 1 && s->p + s->len == b->data + b->used ? b->size - b->used : 0;
}

char *
chain_room(struct chain *c, size_t min, size_t *room)
{
	struct seg *last = last_seg(c);

	*room = room_of(last);
	if (*room == 0 || *room < min) {
		/* Empty until chain_commit(), the only segment that ever is. */
		last = new_seg(c, SEG_MEM, 0);
		last->block = block_new(min > BLOCK_SIZE ? min : BLOCK_SIZE);
		last->p = last->block->data;
		*room = last->block->size;
	}
	return last->p + last->len;
}

/* Takes away the last segment, which is empty. */
static void
remove_last(struct chain *c)
{
	struct seg **at = &c->first, *last = last_seg(c);

	while (*at != last)
		at = &(*at)->next;
	*at = NULL;
	c->last_next = at;
	free_seg(last);
}

void
chain_commit(struct chain *c, size_t n)
{
	struct seg *last = last_seg(c);

	CHECK(n <= room_of(last));
	last->block->used += (uint32_t)n;
	extend_last(c, n);
	if (last->len == 0)
		remove_last(c);
}

/* Moves the first segment, whole. */
static void
take_whole(struct chain *c, struct chain *from)
{
	struct seg *s = unlink_first(from);

	if (s->kind == SEG_MEM && continues(c, s->block, s->p)) {
		extend_last(c, s->len);
		free_seg(s);
	} else {
		link_seg(c, s);
	}
}

void
chain_move(struct chain *c, struct chain *moved)
{
	if (moved->first != NULL)
		take_whole(c, moved);	/* which may merge with the last one of `c` */
	if (moved->first == NULL)
		return;
	*c->last_next = moved->first;
	c->last_next = moved->last_next;
	c->len += moved->len;
	chain_init(moved);
}

/* Appends a segment for the first `n` bytes of `s`, which keeps them. */
static void
add_head_of(struct chain *c, struct seg *s, size_t n)
{
	struct seg *part;

	CHECK(s->kind != SEG_PIPE);
	if (s->kind == SEG_MEM) {
		chain_add_block(c, s->block, s->p, n);
		return;
	}
	part = new_seg(c, s->kind, n);
	part->fd = s->fd;
	part->offset = s->offset;
	part->p = s->p;
	share_release(s, part);
}

void
chain_take(struct chain *c, struct chain *from, size_t n)
{
	CHECK(n <= from->len);
	while (n > 0 && from->first->len <= n) {
		n -= from->first->len;
		take_whole(c, from);
	}
	if (n > 0) {
		add_head_of(c, from->first, n);
		chain_drop(from, n);
	}
}

void
chain_drop(struct chain *c, size_t n)
{
	struct seg *s;

	CHECK(n <= c->len);
	while (n > 0 && c->first->len <= n) {
		s = unlink_first(c);
		n -= s->len;
		free_seg(s);
	}
	if (n == 0)
		return;
	s = c->first;
	s->len -= n;
	c->len -= n;
	if (s->kind == SEG_FILE)
		s->offset += (off_t)n;
	else if (s->kind & (SEG_MEM | SEG_EXT))
		s->p += n;
}

void
chain_spend(struct chain *c, size_t n)
{
	struct chain rest;

	if (n == 0)
		return;
	chain_drop(c, n);
	chain_init(&rest);
	chain_move(&rest, c);
	new_seg(c, SEG_SPENT, n);
	chain_move(c, &rest);
}

void
chain_share(struct chain *c, const struct chain *from)
{
	for (const struct seg *s = from->first; s != NULL; s = s->next) {
		CHECK(s->kind == SEG_MEM);
		chain_add_block(c, s->block, s->p, s->len);
	}
}

/* Whether a segment costs `c` less memory as it is than as a copy. */
static bool
is_worth_its_block(const struct chain *c, const struct seg *s)
{
	const struct seg *last = last_seg(c);

	if (last == NULL)
		return s->len >= KEEP_FIRST;
	return s->len >= KEEP_WHOLE || (last->kind == SEG_MEM && last->block == s->block);
}

void
chain_keep(struct chain *c, const struct chain *from)
{
	for (const struct seg *s = from->first; s != NULL; s = s->next) {
		CHECK(s->kind == SEG_MEM);
		if (is_worth_its_block(c, s))
			chain_add_block(c, s->block, s->p, s->len);
		else
			chain_add_copy(c, s->p, s->len);
	}
}

/* Bytes of the blocks that the chain holds. */
static size_t
held_by(const struct chain *c)
{
	const struct block *last = NULL;
	size_t n = 0;

	for (const struct seg *s = c->first; s != NULL; s = s->next) {
		if (s->block != last)
			n += s->block->size;
		last = s->block;
	}
	return n;
}

void
chain_pack(struct chain *c)
{
	struct chain packed;

	if (chain_kinds(c) != SEG_MEM || held_by(c) < 2 * c->len + BLOCK_SIZE)
		return;
	chain_init(&packed);
	chain_keep(&packed, c);
	chain_clear(c);
	chain_move(c, &packed);
}

int
chain_iov(const struct chain *c, struct iovec *iov, int max, size_t *bytes)
{
	int n = 0;

	*bytes = 0;
	for (const struct seg *s = c->first; s != NULL && n < max; s = s->next) {
		if ((s->kind & (SEG_MEM | SEG_EXT)) == 0)
			break;
		iov[n++] = (struct iovec){ s->p, s->len };
		*bytes += s->len;
	}
	return n;
}

unsigned
chain_kinds(const struct chain *c)
{
	unsigned kinds = 0;

	for (const struct seg *s = c->first; s != NULL; s = s->next)
		kinds |= s->kind;
	return kinds;
}

void
chain_copy_out(const struct chain *c, char *out, size_t n)
{
	CHECK(n <= c->len);
	for (const struct seg *s = c->first; n > 0; s = s->next) {
		size_t part = s->len < n ? s->len : n;

		CHECK((s->kind & (SEG_MEM | SEG_EXT)) != 0);
		memcpy(out, s->p, part);
		out += part;
		n -= part;
	}
}
