/*
 * h1_write.c - writes HTTP/1 heads and chunks: RFC 9112.
 */
#include "http/h1_write.h"

#include "base/buf.h"
#include "base/check.h"

static char *
put(char *p, struct str s)
{
	memcpy(p, s.p, s.n);
	return p + s.n;
}

#define PUT(p, lit)	(memcpy((p), (lit), sizeof(lit) - 1), (p) + sizeof(lit) - 1)

static size_t
fields_size(const struct fields *fields)
{
	size_t n = 0;

	FIELDS_EACH(f, fields)
		n += f->name.n + f->value.n + 4;
	return n;
}

static char *
put_fields(char *p, const struct fields *fields)
{
	FIELDS_EACH(f, fields) {
		p = put(p, f->name);
		p = PUT(p, ": ");
		p = put(p, f->value);
		p = PUT(p, "\r\n");
	}
	return p;
}

static char *
put_framing(char *p, enum framing framing, uint64_t length)
{
	if (framing == FRAMING_CHUNKED)
		return PUT(p, "Transfer-Encoding: chunked\r\n");
	if (framing != FRAMING_LENGTH)
		return p;
	p = PUT(p, "Content-Length: ");
	p += fmt_uint(p, length);
	return PUT(p, "\r\n");
}

enum {
	FIXED = 160,		/* bytes at most besides method, target, reason and fields */
	COPY_MAX = 1024,	/* send() of one buffer costs less than sendmsg() of two */
};

void
h1_write_request(struct chain *out, const struct h1_request_head *h)
{
	size_t room;
	size_t size = FIXED + h->method.n + h->target.n + h->upgrade.n + fields_size(h->fields);
	char *start = chain_room(out, size, &room);
	char *p = put(start, h->method);

	*p++ = ' ';
	p = put(p, h->target);
	p = PUT(p, " HTTP/1.1\r\n");
	p = put_fields(p, h->fields);
	p = put_framing(p, h->framing, h->content_length);
	if (h->upgrade.p != NULL) {
		p = PUT(p, "Connection: Upgrade\r\nUpgrade: ");
		p = put(p, h->upgrade);
		p = PUT(p, "\r\n");
	}
	p = PUT(p, "\r\n");
	CHECK((size_t)(p - start) <= size);
	chain_commit(out, (size_t)(p - start));
}

/* Who sends Upgrade sends its option too: RFC 9110, 7.8. */
static char *
put_connection(char *p, enum h1_connection c, bool has_upgrade)
{
	static const struct str lines[2][4] = {
		{ STR(""), STR("Connection: keep-alive\r\n"), STR("Connection: close\r\n"),
		  STR("Connection: Upgrade\r\n") },
		{ STR("Connection: Upgrade\r\n"), STR("Connection: keep-alive, Upgrade\r\n"),
		  STR("Connection: close, Upgrade\r\n"), STR("Connection: Upgrade\r\n") },
	};

	return put(p, lines[has_upgrade][c]);
}

void
h1_write_response(struct chain *out, const struct response *r, enum framing framing,
    uint64_t content_length, enum h1_connection connection)
{
	size_t room;
	size_t size = FIXED + r->reason.n + fields_size(&r->fields);
	bool has_upgrade = r->status == 426 && fields_find(&r->fields, FIELD_UPGRADE) != NULL;
	char *start = chain_room(out, size, &room);
	char *p = PUT(start, "HTTP/1.1 ");

	p += fmt_uint(p, (uint64_t)r->status);
	*p++ = ' ';
	p = put(p, r->reason);
	p = PUT(p, "\r\n");
	p = put_fields(p, &r->fields);
	p = put_framing(p, framing, content_length);
	p = put_connection(p, connection, has_upgrade);
	p = PUT(p, "\r\n");
	CHECK((size_t)(p - start) <= size);
	chain_commit(out, (size_t)(p - start));
}

void
h1_write_body(struct chain *out, struct chain *moved, bool waits)
{
	size_t n = moved->len, room;

	if (waits && chain_kinds(moved) == SEG_MEM) {
		chain_keep(out, moved);
		chain_clear(moved);
		return;
	}
	if (n == 0 || n > COPY_MAX || chain_empty(out) ||
	    (chain_kinds(moved) & ~(unsigned)(SEG_MEM | SEG_EXT))) {
		chain_move(out, moved);
		return;
	}
	chain_copy_out(moved, chain_room(out, n, &room), n);
	chain_commit(out, n);
	chain_clear(moved);
}

void
h1_write_chunk(struct chain *out, struct chain *moved, bool waits)
{
	char line[18];
	size_t n;

	if (chain_empty(moved))
		return;
	n = fmt_hex(line, moved->len);
	line[n++] = '\r';
	line[n++] = '\n';
	chain_add_copy(out, line, n);
	h1_write_body(out, moved, waits);
	chain_add_copy(out, "\r\n", 2);
}

void
h1_write_last_chunk(struct chain *out, const struct fields *trailers)
{
	size_t size = 5 + (trailers != NULL ? fields_size(trailers) : 0);
	size_t room;
	char *start = chain_room(out, size, &room);
	char *p = PUT(start, "0\r\n");

	if (trailers != NULL)
		p = put_fields(p, trailers);
	p = PUT(p, "\r\n");
	chain_commit(out, (size_t)(p - start));
}
