/*
 * explain.c - --explain: what would happen to a request, and why.
 */
#include "process/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/idn.h"
#include "http/target.h"
#include "proxy/explain/explain_question.h"

enum { EXIT_USAGE = 2 };

static bool
complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static bool
complain(const char *fmt, ...)
{
	va_list ap;

	fputs("usherd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return false;
}

/* An internationalised name as a browser sends it; a port may follow. */
static struct str
ascii_authority(struct arena *arena, struct str authority)
{
	struct str rest = authority, name, ascii;

	str_cut(&rest, ':', &name);
	ascii = idn_to_ascii(arena, name);
	if (ascii.p == NULL || rest.p == NULL)
		return ascii;
	return arena_printf(arena, "%.*s:%.*s", STR_ARG(ascii), STR_ARG(rest));
}

/* `https://HOST[:PORT]`; what is left of `*url` is the path. */
static bool
cut_authority(struct str *url, struct arena *arena, struct explain_question *q)
{
	static const struct str http = STR("http://"), https = STR("https://");
	struct str rest, authority, name;
	size_t n = 0;

	q->https = str_starts(*url, https);
	if (!q->https && !str_starts(*url, http))
		return complain("--explain: \"%.*s\" is no URL (use https://HOST/PATH, or /PATH"
		    " with -H 'Host: NAME')", STR_ARG(*url));
	rest = str_skip(*url, q->https ? https.n : http.n);
	while (n < rest.n && strchr("/?#", rest.p[n]) == NULL)
		n++;
	q->host = authority = str_make(rest.p, n);
	if (idn_is_needed(q->host))
		q->host = ascii_authority(arena, q->host);
	if (!target_authority(q->host, &name, &q->port))
		return complain("--explain: \"%.*s\" is no host", STR_ARG(authority));
	if (q->port == 0)
		q->port = q->https ? 443 : 80;
	*url = str_skip(rest, n);
	return true;
}

/* Browsers keep the fragment to themselves, and send a path for none. */
static void
set_target(struct str rest, struct arena *arena, struct explain_question *q)
{
	ptrdiff_t fragment = str_find(rest, '#');

	if (fragment >= 0)
		rest.n = (size_t)fragment;
	q->target = str_starts(rest, STR_OF("/")) || str_eq(rest, STR_OF("*")) ? rest :
	    arena_printf(arena, "/%.*s", STR_ARG(rest));
}

static bool
check_headers(const struct options *o)
{
	for (unsigned i = 0; i < o->nheaders; i++)
		if (strpbrk(o->headers[i], "\r\n") != NULL || strchr(o->headers[i], ':') == NULL)
			return complain("-H: \"%s\" is no header (use 'Name: value')",
			    o->headers[i]);
	return true;
}

static bool
read_question(const struct options *o, struct arena *arena, struct explain_question *q)
{
	struct str url = str_trim(str_of(o->explain));

	*q = (struct explain_question){
		.headers = o->headers, .nheaders = o->nheaders, .port = 80,
	};
	if (str_find(url, ' ') < 0 && str_find(url, '/') >= 0)
		q->method = STR_OF("GET");
	else
		str_cut(&url, ' ', &q->method);
	url = str_trim(url);
	if (q->method.n == 0 || url.n == 0)
		return complain("--explain: \"%s\" is no request (use 'GET https://HOST/PATH')",
		    o->explain);
	if (!ip_parse(&q->from, str_of(o->from != NULL ? o->from : "127.0.0.1")))
		return complain("--from: \"%s\" is no address", o->from);
	if (!str_starts(url, STR_OF("/")) && !str_eq(url, STR_OF("*")) &&
	    !cut_authority(&url, arena, q))
		return false;
	set_target(url, arena, q);
	return check_headers(o);
}

int
explain(const struct options *o, const struct config *c)
{
	struct explain_question q;
	struct arena arena;
	struct buf out;
	int status = EXIT_USAGE;

	arena_init(&arena);
	buf_init(&out);
	if (read_question(o, &arena, &q))
		status = proxy_explain(c->proxy, c->certificates.store, &q, &out);
	if (status == -1) {
		fprintf(stderr, "usherd: --explain: epoll: %m\n");
		status = EXIT_FAILURE;
	}
	fwrite(buf_text(&out), 1, out.n, stdout);
	buf_fini(&out);
	arena_fini(&arena);
	if (fflush(stdout) == EOF && status != EXIT_USAGE) {
		fprintf(stderr, "usherd: stdout: %m\n");
		return EXIT_FAILURE;
	}
	return status;
}
