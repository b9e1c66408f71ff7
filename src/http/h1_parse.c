/*
 * h1_parse.c - HTTP/1 heads: where one ends, and what stands in it.
 */
#include "http/h1_parse.h"

#include <llhttp.h>

#include "base/check.h"

static enum h1_scan_result
bad(struct refusal *r, int status, const char *why, const char *text)
{
	*r = (struct refusal){ status, why, text };
	return H1_SCAN_BAD;
}

static enum h1_scan_result
malformed(struct refusal *r, const char *text)
{
	return bad(r, 400, "bad-request", text);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The line from s->line to `end` is complete; its CRLF, or LF, follows. */
static enum h1_scan_result
end_line(struct h1_scan *s, const char *p, size_t end, const struct h1_limits *limits,
    struct refusal *refusal)
{
	bool bare = p[end] == '\n';

	if (s->start_line_end == 0) {
		s->start_line_end = end;
	} else if (end > s->line) {
		if (++s->fields > limits->max_fields)
			return bad(refusal, 431, "header-limit", "too many header fields");
		if (is_blank(p[s->line]))
			return malformed(refusal, "a folded header line");
		s->odd_ends |= is_blank(p[end - 1]);
	}
	s->odd_ends |= bare;
	s->pos = end + (bare ? 1 : 2);
	if (end == s->line)
		return H1_SCAN_DONE;
	s->line = s->pos;
	return H1_SCAN_MORE;
}

enum h1_scan_result
h1_scan_head(struct h1_scan *s, const char *p, size_t n, const struct h1_limits *limits,
    struct refusal *refusal)
{
	size_t i = s->pos;

	if (n > 0 && !char_is(p[0], CHAR_TOKEN))
		return malformed(refusal, "no HTTP message");
	for (;;) {
		enum h1_scan_result r;

		i += str_value_span(str_make(p + i, n - i));
		if (s->start_line_end == 0 && i - s->line > limits->max_line)
			return bad(refusal, 414, "uri-limit", "a request line that is too long");
		if (i > limits->max_head)
			return bad(refusal, 431, "header-limit", "a head that is too long");
		if (i >= n || (p[i] == '\r' && i + 1 >= n)) {
			s->pos = i;
			return H1_SCAN_MORE;
		}
		if (p[i] == '\n' && limits->bare_lf != H1_BARE_LF_ACCEPT)
			return malformed(refusal, limits->bare_lf == H1_BARE_LF_REJECT ?
			    "a line that ends without CR (bare_lf = accept would take it)" :
			    "a line that ends without CR");
		if (p[i] != '\r' && p[i] != '\n')
			return malformed(refusal, "a control character in the head");
		if (p[i] == '\r' && p[i + 1] != '\n')
			return malformed(refusal, "a CR without LF");
		r = end_line(s, p, i, limits, refusal);
		if (r != H1_SCAN_MORE)
			return r;
		i = s->pos;
	}
}

/* What llhttp reports is collected here.  It reports an end by an empty piece, which may lie
 * elsewhere. */
struct splitter {
	llhttp_t parser;
	struct fields *fields;
	struct str name;
	struct str value;
};

static int
on_name(llhttp_t *p, const char *at, size_t n)
{
	struct splitter *sp = p->data;

	if (n == 0)
		return 0;
	if (sp->name.p == NULL)
		sp->name.p = at;
	sp->name.n = (size_t)(at + n - sp->name.p);
	return 0;
}

static int
on_value(llhttp_t *p, const char *at, size_t n)
{
	struct splitter *sp = p->data;

	if (n == 0)
		return 0;
	if (sp->value.p == NULL)
		sp->value.p = at;
	sp->value.n = (size_t)(at + n - sp->value.p);
	return 0;
}

static int
on_value_complete(llhttp_t *p)
{
	struct splitter *sp = p->data;

	if (sp->name.n == 0)
		return -1;
	if (sp->value.p == NULL)
		sp->value = STR_OF("");
	fields_add(sp->fields, sp->name, str_trim(sp->value));
	sp->name = sp->value = (struct str){ NULL, 0 };
	return 0;
}

static int
on_head_complete(llhttp_t *p)
{
	(void)p;
	return HPE_PAUSED;		/* bodies are decoded in h1_body.c */
}

static const llhttp_settings_t settings = {
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_header_value_complete = on_value_complete,
	.on_headers_complete = on_head_complete,
};

/* Line by line, with the ends that llhttp wants: it takes no LF alone, and it takes blanks at the
 * end of some values for part of them. */
static llhttp_errno_t
execute_lines(llhttp_t *parser, struct str text)
{
	llhttp_errno_t err = HPE_OK;
	struct str line;

	while (err == HPE_OK && text.n > 0 && str_cut(&text, '\n', &line)) {
		if (str_ends(line, STR_OF("\r")))
			line.n--;
		while (line.n > 0 && is_blank(line.p[line.n - 1]))
			line.n--;
		err = llhttp_execute(parser, line.p, line.n);
		if (err == HPE_OK)
			err = llhttp_execute(parser, "\r\n", 2);
	}
	return err;
}

/* What users read when llhttp refuses field lines; its own words are for programmers. */
static const char *
refusal_text(llhttp_errno_t err)
{
	switch (err) {
	case HPE_OK:
		return "an incomplete head";
	case HPE_CB_HEADER_VALUE_COMPLETE:	/* on_value_complete() */
	case HPE_INVALID_HEADER_TOKEN:
		return "a header line that does not begin with a name and a colon";
	case HPE_INVALID_CONTENT_LENGTH:
		return BAD_CONTENT_LENGTH;
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		return "more than one Content-Length, or one beside Transfer-Encoding";
	case HPE_INVALID_TRANSFER_ENCODING:
		return CHUNKED_NOT_LAST;
	default:
		return "malformed header lines";
	}
}

/*
 * Splits field lines, the empty line at their end included.  llhttp gets a start line of ours: it
 * knows a closed list of methods, while any token may be one.  NULL, or what is wrong.
 */
static const char *
split_fields(struct str text, bool odd_ends, struct fields *fields)
{
	static const char start[] = "GET / HTTP/1.1\r\n";
	struct splitter sp = { .fields = fields };
	llhttp_errno_t err;

	llhttp_init(&sp.parser, HTTP_REQUEST, &settings);
	sp.parser.data = &sp;
	err = llhttp_execute(&sp.parser, start, sizeof(start) - 1);
	if (err == HPE_OK)
		err = odd_ends ? execute_lines(&sp.parser, text) :
		    llhttp_execute(&sp.parser, text.p, text.n);
	return err == HPE_PAUSED ? NULL : refusal_text(err);
}

/* What stands between the start line and the body. */
static const char *
split_head(const char *head, const struct h1_scan *s, struct fields *fields)
{
	size_t from = s->start_line_end + (head[s->start_line_end] == '\n' ? 1 : 2);

	return split_fields(str_make(head + from, s->pos - from), s->odd_ends, fields);
}

/* Cuts `line` at the next space; what precedes it must not be empty. */
static bool
cut_space(struct str *line, struct str *part)
{
	ptrdiff_t at = str_find(*line, ' ');

	if (at <= 0)
		return false;
	*part = str_make(line->p, (size_t)at);
	*line = str_skip(*line, (size_t)at + 1);
	return true;
}

/* `HTTP/1.0` or `HTTP/1.1`; a higher minor version counts as 1.1 (RFC 9110, 2.5).  -1: another. */
static int
parse_version(struct str v)
{
	if (v.n != 8 || memcmp(v.p, "HTTP/1.", 7) != 0 || !char_is(v.p[7], CHAR_DIGIT))
		return -1;
	return v.p[7] == '0' ? 0 : 1;
}

static bool
looks_like_http(struct str v)
{
	return v.n == 8 && memcmp(v.p, "HTTP/", 5) == 0 && char_is(v.p[5], CHAR_DIGIT) &&
	    v.p[6] == '.' && char_is(v.p[7], CHAR_DIGIT);
}

bool
h1_parse_request(const char *head, const struct h1_scan *s, struct arena *arena,
    struct request *r, struct refusal *refusal)
{
	struct str line = str_make(head, s->start_line_end);
	const char *wrong;

	fields_init(&r->fields, arena);
	r->head_bytes = s->pos;
	if (!cut_space(&line, &r->method) || !str_all(r->method, CHAR_TOKEN) ||
	    !cut_space(&line, &r->raw_target))
		return malformed(refusal, "a malformed request line") == H1_SCAN_DONE;
	r->method_id = method_lookup(r->method);
	r->minor = parse_version(line);
	if (r->minor < 0) {
		r->minor = 1;
		if (looks_like_http(line))
			bad(refusal, 505, "http-version", "a version other than HTTP/1");
		else
			malformed(refusal, "a malformed request line");
		return false;
	}
	wrong = split_head(head, s, &r->fields);
	if (wrong != NULL)
		malformed(refusal, wrong);
	return wrong == NULL;
}

static bool
bad_response(struct refusal *refusal, const char *text)
{
	*refusal = (struct refusal){ 502, "bad-response", text };
	return false;
}

bool
h1_parse_response(const char *head, const struct h1_scan *s, struct arena *arena,
    struct response *r, struct refusal *refusal)
{
	struct str line = str_make(head, s->start_line_end);
	struct str version, code;
	uint64_t status;
	const char *wrong;

	fields_init(&r->fields, arena);
	r->head_bytes = s->pos;
	if (!cut_space(&line, &version) || (r->minor = parse_version(version)) < 0)
		return bad_response(refusal, "no HTTP/1 status line");
	/* Old servers leave out the blank before an empty reason. */
	code = line.n > 3 ? str_make(line.p, 3) : line;
	if (code.n != 3 || !str_uint(code, 599, &status) || status < 100 ||
	    (line.n > 3 && line.p[3] != ' '))
		return bad_response(refusal, "a status that is not 100 to 599");
	r->status = (int)status;
	r->reason = line.n > 4 ? str_skip(line, 4) : STR_OF("");
	wrong = split_head(head, s, &r->fields);
	return wrong == NULL || bad_response(refusal, wrong);
}

/*
 * Fields that usherd itself looks at mean something only before the body (RFC 9110, 6.5.1):
 * framing, routing, conditions, negotiation, credentials.  A tag may be known at the end alone.
 */
static bool
may_trail(const struct field *f)
{
	return (f->id == FIELD_OTHER || f->id == FIELD_ETAG) &&
	    !field_describes_client(f->id, f->name);
}

struct fields *
h1_parse_trailers(struct str raw, struct arena *arena)
{
	struct fields *out = ARENA_NEW(arena, struct fields);
	struct str kept = arena_str(arena, raw);

	fields_init(out, arena);
	if (split_fields(kept, true, out) != NULL)
		return NULL;
	FIELDS_EACH(f, out)
		f->gone = !may_trail(f);
	return out;
}

#define TEXT(x)		#x
#define VERSION_TEXT(x)	TEXT(x)

const char h1_parse_library[] = "llhttp " VERSION_TEXT(LLHTTP_VERSION_MAJOR) "."
    VERSION_TEXT(LLHTTP_VERSION_MINOR) "." VERSION_TEXT(LLHTTP_VERSION_PATCH);
