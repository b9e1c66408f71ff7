/*
 * files_list.c - the page that shows what is in a directory.
 *
 *	start ─► read a piece ─► ... ─► write a piece ─► ... ─► end
 *	             └──── others have their turn ────┘
 *
 * 10,000 entries take 20 ms and more, so that each turn of the loop has a piece of that work.
 * Small directories are one piece, and their pages have a length.
 *
 * Names are held until the client has taken the page, as slowly as it likes: what that takes of
 * memory is bounded over all lists of a worker.  Small directories do not count, as they take no
 * more than what is buffered for any response.
 */
#include "proxy/files/files_list.h"

#include <errno.h>
#include <time.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "proxy/answer.h"
#include "proxy/error_page.h"
#include "proxy/files/files_entries.h"
#include "proxy/runtime.h"
#include "proxy/text/escape.h"

enum {
	TURN_ENTRIES = 128,		/* 0.2 to 0.4 ms */
	TURN_BYTES = 32768,		/* of the page: a filter has work with them too */
	WORKER_BYTES = 32 << 20,	/* of big lists: 10 at the least, as a rule 50 */
	RETRY_S = 5,			/* Retry-After when they are in use */
};

struct list {
	struct exchange *x;
	struct files_entries *entries;	/* NULL: over */
	bool complete;			/* they are all known */
	bool begun;			/* the head of the response has gone out */
	unsigned shown;
	size_t counted;			/* its share of runtime->list_bytes */
	struct watcher again;		/* without a descriptor: only to yield */
};

/* ---- the page */

static const struct str style = STR(
	"<style>body{font:16px/1.5 system-ui,sans-serif;margin:2em}"
	"table{border-spacing:0}td,th{padding:0 2em 0 0;text-align:left;white-space:nowrap}"
	".n{text-align:right;font-variant-numeric:tabular-nums}"
	"@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}"
	"</style>\n");

/* In bytes, or three digits with a unit. */
static void
put_size(struct buf *out, off_t size)
{
	static const char units[] = "KMGTPE";
	double n = (double)size;
	int unit = -1;

	while (n >= 999.5 && units[unit + 1] != '\0') {
		n /= 1024;
		unit++;
	}
	if (unit < 0)
		buf_printf(out, "%d", (int)size);
	else
		buf_printf(out, n < 9.95 ? "%.1f %ciB" : "%.0f %ciB", n, units[unit]);
}

static void
put_entry(struct buf *out, const struct files_entry *e)
{
	struct str name = str_of(e->name);
	const char *slash = e->is_dir ? "/" : "";
	struct buf link = { NULL, 0, 0 };
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&e->changed, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	escape_uri(&link, name, URI_TEXT, URI_IN_PATH);
	/* "./": a name with a colon is no URL. */
	buf_cstr(out, "<tr><td><a href=\"./");
	escape_html(out, buf_view(&link));
	buf_fini(&link);
	buf_printf(out, "%s\">", slash);
	escape_html(out, name);
	buf_printf(out, "%s</a></td><td class=\"n\">", slash);
	if (!e->is_dir)
		put_size(out, e->size);
	buf_printf(out, "</td><td class=\"n\">%s</td></tr>\n", date);
}

static void
put_begin(struct buf *out, struct str path)
{
	buf_cstr(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Index of ");
	escape_html(out, path);
	buf_cstr(out, "</title>\n");
	buf_str(out, style);
	buf_cstr(out, "<h1>Index of ");
	escape_html(out, path);
	buf_cstr(out, "</h1>\n<table>\n<tr><th>Name</th><th class=\"n\">Size</th>"
	    "<th class=\"n\">Changed (UTC)</th></tr>\n");
	if (path.n > 1)
		buf_cstr(out, "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
}

static void
put_end(struct buf *out, const struct list *l)
{
	buf_cstr(out, "</table>\n");
	if (files_entries_cut(l->entries))
		buf_printf(out, "<p>There is more: this page ends after %u entries.</p>\n",
		    l->shown);
	buf_cstr(out, "</html>\n");
}

/* The next piece of the page; true if it is the last one. */
static bool
put_piece(struct list *l, struct buf *out)
{
	const struct files_entry *e;

	/* A long path may fill this piece alone. */
	if (!l->begun)
		put_begin(out, l->x->request->path);
	for (unsigned i = 0; i < TURN_ENTRIES && out->n < TURN_BYTES; i++) {
		e = files_entries_take(l->entries);
		if (e == NULL)
			break;
		put_entry(out, e);
		l->shown++;
	}
	if (!files_entries_empty(l->entries))
		return false;
	put_end(out, l);
	return true;
}

/* ---- the source */

static const struct str html = STR("text/html; charset=utf-8");

static void
end_list(struct list *l)
{
	loop_unwatch(l->x->runtime->loop, &l->again);
	files_entries_free(l->entries);
	l->entries = NULL;
	l->x->runtime->list_bytes -= l->counted;
	l->counted = 0;
}

static void
count_bytes(struct list *l)
{
	size_t bytes = files_entries_bytes(l->entries);

	l->x->runtime->list_bytes += bytes - l->counted;
	l->counted = bytes;
}

/* The head of a page whose length is not known yet. */
static void
begin_response(struct list *l)
{
	struct response *r = answer_new(l->x, 200);

	fields_add_id(&r->fields, FIELD_CONTENT_TYPE, html);
	r->framing = FRAMING_CHUNKED;
	l->begun = true;
	exchange_head(l->x, r);
}

/* Takes over the bytes; true if more can be sent. */
static bool
send_bytes(struct list *l, struct buf *moved)
{
	struct chain c;

	chain_init(&c);
	chain_add_ext(&c, moved->p, moved->n, mem_free, moved->p);
	return exchange_body(l->x, &c) == FLOW_OK && l->entries != NULL;
}

static void
end_response(struct list *l)
{
	end_list(l);
	exchange_end(l->x, NULL);
}

/* Sends a piece of the page. */
static void
write_piece(struct list *l)
{
	struct buf piece = { NULL, 0, 0 };
	bool last = put_piece(l, &piece), more;

	if (last && !l->begun) {
		end_list(l);
		answer_send_buf(l->x, answer_new(l->x, 200), html, &piece);
		return;
	}
	if (!l->begun)
		begin_response(l);
	if (l->x->request->method_id == METHOD_HEAD) {
		buf_fini(&piece);
		end_response(l);
		return;
	}
	more = send_bytes(l, &piece);
	if (l->entries == NULL)
		return;			/* a filter has failed the exchange */
	if (last)
		end_response(l);
	else if (more)
		loop_yield(l->x->runtime->loop, &l->again);
}

static void
refuse(struct exchange *x)
{
	error_page_retry_after(x, RETRY_S);
	exchange_fail(x, 503, "lists-full", "%.*s: lists of directories take %d MB already",
	    STR_ARG(x->conf->files), WORKER_BYTES >> 20);
}

static void
go_on(struct list *l)
{
	if (l->complete) {
		write_piece(l);
		return;
	}
	switch (files_entries_read(l->entries, TURN_ENTRIES)) {
	case ENTRIES_MORE:
		count_bytes(l);
		if (l->x->runtime->list_bytes > WORKER_BYTES)
			refuse(l->x);
		else
			loop_yield(l->x->runtime->loop, &l->again);
		break;
	case ENTRIES_COMPLETE:
		l->complete = true;
		if (l->counted > 0)
			count_bytes(l);
		write_piece(l);
		break;
	case ENTRIES_FAILED:
		exchange_fail(l->x, 500, "file-error", "%.*s: a directory cannot be read: %m",
		    STR_ARG(l->x->conf->files));
		break;
	}
}

static void
on_again(struct watcher *w)
{
	go_on(CONTAINER_OF(w, struct list, again));
}

static enum source_start
start(struct exchange *x)
{
	go_on(x->source_state);
	return SOURCE_TAKEN;
}

static void
resume(struct exchange *x)
{
	struct list *l = x->source_state;

	if (l->entries != NULL)
		loop_yield(x->runtime->loop, &l->again);
}

static void
cancel(struct exchange *x)
{
	end_list(x->source_state);
}

static const struct source source_list = {
	.name = "list",
	.start = start,
	.resume = resume,
	.cancel = cancel,
};

void
files_list(struct exchange *x, const struct files_site *site, const struct files_found *found)
{
	struct list *l = ARENA_NEW(&x->stream->arena, struct list);

	l->x = x;
	l->entries = files_entries_new(site->root, found->name, found->fd);
	if (l->entries == NULL) {
		exchange_fail(x, 500, "file-error", "%.*s: a directory cannot be read: %m",
		    STR_ARG(x->conf->files));
		return;
	}
	watcher_init(&l->again, on_again);
	(void)exchange_set_source(x, &source_list, l);
}
