/*
 * file.c - the lines of an INI file, by way of libinih.
 *
 * inih alone cuts lines at 199 bytes and names at 49, takes an indented line for more of the value
 * above, ` ;` for a comment and `:` for `=`, counts no lines, and is silent about empty sections.
 * So the reader below gives it one clean line at a time and keeps the value back:
 *
 *	file                        what inih reads         what it calls the handler with
 *	  [route api]               [route api]             -
 *	                            .=                      "route api", "."
 *	path = /a ; really          path=                   "route api", "path"
 */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <poll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/path.h"
#include "conf/foreign.h"

enum {
	HEADING_MAX = 49,	/* as much as inih keeps of a section and of a key */
	KEY_MAX = 49,
	READ_SIZE = 65536,
	READ_TIMEOUT_MS = 5000,	/* for a pipe, as in -c /dev/stdin */
};

#define HEADING_MARK	"."	/* the key of the line behind each heading */

struct scan {
	struct str rest;
	struct arena *arena;
	const struct conf_file_events *events;
	struct conf_errors *errors;
	struct conf_origin at;		/* of the line that inih has */
	struct str value;		/* of that line */
	bool heading_given;		/* inih has a heading, the mark comes next */
	bool skipping;			/* under a heading that could not be read */
	bool any_heading;		/* one has come, so it is a file of ours */
};

/* Takes the next physical line, without its end; false at the end of the text. */
static bool
next_line(struct scan *s, struct str *line)
{
	if (s->rest.n == 0 || !str_cut(&s->rest, '\n', line))
		return false;
	s->at.line++;
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool
has_control(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* Ends the slice with a NUL, in place of the blank, bracket or line end that follows it. */
static struct str
terminate(struct str s)
{
	((char *)(uintptr_t)s.p)[s.n] = '\0';
	return s;
}

static bool
is_heading(struct str heading)
{
	for (size_t i = 0; i < heading.n; i++)
		if (!char_is(heading.p[i], CHAR_ALPHA | CHAR_DIGIT) &&
		    strchr("_.- \t", heading.p[i]) == NULL)
			return false;
	return heading.n > 0;
}

/* `[kind name]` into `out` for inih; false after an error. */
static bool
take_heading(struct scan *s, struct str line, char *out, size_t size)
{
	ptrdiff_t end = str_find(line, ']');
	struct str heading, rest;

	s->skipping = s->any_heading = true;
	if (end < 0) {
		conf_error(s->errors, s->at, "\"%.*s\": no ] at the end", STR_ARG(line));
		return false;
	}
	heading = str_trim(str_make(line.p + 1, (size_t)end - 1));
	rest = str_trim(str_skip(line, (size_t)end + 1));
	if (rest.n > 0) {
		conf_error(s->errors, s->at, "[%.*s] \"%.*s\": nothing may follow the ]"
		    " (a comment is a line of its own)", STR_ARG(heading), STR_ARG(rest));
		return false;
	}
	if (!is_heading(heading)) {
		conf_error(s->errors, s->at, "[%.*s]: not a section (write [kind] or [kind name];"
		    " names are made of letters, digits, _, . and -)", STR_ARG(heading));
		return false;
	}
	if (heading.n > HEADING_MAX || heading.n + sizeof("[]\n") > size) {
		conf_error(s->errors, s->at, "[%.*s]: too long", STR_ARG(heading));
		return false;
	}
	s->skipping = false;
	out[0] = '[';
	memcpy(out + 1, heading.p, heading.n);
	memcpy(out + 1 + heading.n, "]\n", sizeof("]\n"));
	return true;
}

static bool
is_key(struct str key)
{
	for (size_t i = 0; i < key.n; i++)
		if (!char_is(key.p[i], CHAR_ALPHA | CHAR_DIGIT) &&
		    strchr("_-", key.p[i]) == NULL)
			return false;
	return key.n > 0;
}

/* `key=` into `out` for inih, the value into s->value; false after an error. */
static bool
take_key(struct scan *s, struct str line, char *out, size_t size)
{
	ptrdiff_t eq = str_find(line, '=');
	const char *whose;
	struct str key;

	if (eq < 0 && !s->any_heading && (whose = conf_foreign_file(line)) != NULL) {
		conf_error(s->errors, s->at, "\"%.*s\": this is %s (usherd has a language of its"
		    " own: see EXAMPLES in usherd.ini(5))", STR_ARG(line), whose);
		s->rest.n = 0;
		return false;
	}
	if (eq < 0) {
		conf_error(s->errors, s->at, "\"%.*s\": no = in the line (write key = value)",
		    STR_ARG(line));
		return false;
	}
	key = str_trim(str_make(line.p, (size_t)eq));
	if (!is_key(key)) {
		conf_error(s->errors, s->at, "\"%.*s\": not a key (write key ="
		    " value)", STR_ARG(key));
		return false;
	}
	if (key.n > KEY_MAX || key.n + sizeof("=\n") > size) {
		conf_error(s->errors, s->at, "%.*s: unknown key", STR_ARG(key));
		return false;
	}
	s->value = terminate(str_trim(str_skip(line, (size_t)eq + 1)));
	memcpy(out, key.p, key.n);
	memcpy(out + key.n, "=\n", sizeof("=\n"));
	return true;
}

/* One line of the file into `out`; true if inih is to see it. */
static bool
take_line(struct scan *s, struct str line, char *out, size_t size)
{
	if (has_control(line)) {
		conf_error(s->errors, s->at, "the line has a NUL or another control byte");
		return false;
	}
	line = str_trim(line);
	if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
		return false;
	if (line.p[0] == '[') {
		s->heading_given = take_heading(s, line, out, size);
		return s->heading_given;
	}
	return take_key(s, line, out, size) && !s->skipping;
}

/* The reader that inih calls like fgets(). */
static char *
read_line(char *out, int size, void *arg)
{
	struct scan *s = arg;
	struct str line;

	if (s->heading_given) {
		s->heading_given = false;
		memcpy(out, HEADING_MARK "=\n", sizeof(HEADING_MARK "=\n"));
		return out;
	}
	while (next_line(s, &line))
		if (take_line(s, line, out, (size_t)size))
			return out;
	return NULL;
}

/* inih has read a line: pass it on with the value that was kept back. */
static int
on_line(void *arg, const char *section, const char *name, const char *value)
{
	struct scan *s = arg;

	(void)value;
	if (strcmp(name, HEADING_MARK) == 0)
		s->events->section(s->events->arg, str_of(section), s->at);
	else if (section[0] == '\0')
		conf_error(s->errors, s->at, "%s: stands before the first [section]", name);
	else
		s->events->line(s->events->arg, arena_str(s->arena, str_of(name)), s->value, s->at);
	return 1;
}

void
conf_file_scan(struct str text, struct arena *arena, const char *file,
    const struct conf_file_events *events, struct conf_errors *errors)
{
	static const struct str byte_order_mark = STR("\xef\xbb\xbf");
	struct scan s = {
		.rest = text,
		.arena = arena,
		.events = events,
		.errors = errors,
		.at = { file, 0 },
	};

	if (str_starts(s.rest, byte_order_mark))
		s.rest = str_skip(s.rest, byte_order_mark.n);
	/* The reader made all lines, so inih has nothing to refuse; another version of it might. */
	if (ini_parse_stream(read_line, &s, on_line, &s) != 0)
		conf_error(errors, (struct conf_origin){ file, 0 }, "libinih could not read the"
		    " file");
}

/* Waits for a pipe to have bytes, for READ_TIMEOUT_MS at most. */
static bool
wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, READ_TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0;
}

/* Reads to the end, or one byte more than `max`; -1 with errno. */
static int
read_all(int fd, size_t max, struct buf *content)
{
	ssize_t got;

	while (content->n <= max) {
		got = read(fd, buf_room(content, READ_SIZE), READ_SIZE);
		if (got == 0)
			return 0;
		if (got > 0)
			content->n += (size_t)got;
		else if (errno == EAGAIN ? !wait_readable(fd) : errno != EINTR)
			return -1;
	}
	errno = EFBIG;
	return -1;
}

struct str
conf_file_read(struct arena *arena, const char *path, size_t max, const char **why)
{
	struct str text = { NULL, 0 };
	struct buf content;
	int fd = path_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0) {
		*why = path_error(errno);
		return text;
	}
	buf_init(&content);
	if (read_all(fd, max, &content) < 0)
		*why = strerror(errno);
	else
		text = arena_str(arena, buf_view(&content));
	buf_fini(&content);
	close(fd);
	return text;
}
