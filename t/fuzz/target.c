/* Request targets: a normalised path keeps its promises, and a plainer way to make one agrees. */

#include <stdio.h>

#include "fuzz.h"

/* The path in pieces: decoded first, then split at slashes; -1 for one to be refused. */
static int
plain_decode(struct str path, char *out)
{
	static const char hex[] = "0123456789ABCDEF";
	int n = 0;

	for (size_t i = 0; i < path.n; i++) {
		int c;

		if (path.p[i] != '%') {
			out[n++] = path.p[i];
			continue;
		}
		if (path.n - i < 3 || char_hex(path.p[i + 1]) < 0 || char_hex(path.p[i + 2]) < 0)
			return -1;
		c = char_hex(path.p[i + 1]) << 4 | char_hex(path.p[i + 2]);
		i += 2;
		if (c == 0)
			return -1;
		if (strchr("/%\\", c) != NULL)
			n += sprintf(out + n, "%%%c%c", hex[c >> 4], hex[c & 15]);
		else
			out[n++] = (char)c;
	}
	return n;
}

static bool
plain_normalise(struct str path, struct buf *out)
{
	char *decoded = mem_alloc(path.n + 4);
	int n = plain_decode(path, decoded);
	struct str rest = str_make(decoded, (size_t)(n > 0 ? n : 0)), segment;
	bool ok = n > 0, slash = false;

	(void)str_cut(&rest, '/', &segment);
	buf_char(out, '/');
	while (ok && str_cut(&rest, '/', &segment)) {
		slash = false;
		if (segment.n == 0 || str_eq(segment, STR_OF("."))) {
			slash = true;
		} else if (str_eq(segment, STR_OF(".."))) {
			ok = out->n > 1;
			for (out->n--; ok && out->p[out->n - 1] != '/'; out->n--)
				continue;
			slash = true;
		} else {
			buf_str(out, segment);
			buf_char(out, '/');
		}
	}
	if (ok && !slash)
		out->n--;
	mem_free(decoded);
	return ok;
}

static bool
contains(struct str s, const char *needle)
{
	return memmem(s.p, s.n, needle, strlen(needle)) != NULL;
}

static void
check_path(struct str path)
{
	struct arena arena;
	struct buf plain = { NULL, 0, 0 };
	struct str normal, again;

	arena_init(&arena);
	normal = target_normalise(&arena, path);
	CHECK(plain_normalise(path, &plain) == (normal.p != NULL));
	if (normal.p != NULL) {
		CHECK(str_eq(normal, buf_view(&plain)));
		CHECK(normal.n > 0 && normal.n <= path.n && normal.p[0] == '/');
		CHECK(!contains(normal, "//") && !contains(normal, "/../"));
		CHECK(!contains(normal, "/./"));
		CHECK(!str_ends(normal, STR_OF("/..")) && !str_ends(normal, STR_OF("/.")));
		CHECK(memchr(normal.p, '\0', normal.n) == NULL);
		again = target_normalise(&arena, normal);
		CHECK(again.p != NULL && str_eq(normal, again));
	}
	buf_fini(&plain);
	arena_fini(&arena);
}

static void
check_target(struct str text)
{
	struct target t;
	struct str host;
	uint16_t port;

	if (!target_parse(&t, text))
		return;
	for (size_t i = 0; i < text.n; i++)
		CHECK(text.p[i] > ' ' && text.p[i] < 0x7f && text.p[i] != '#');
	CHECK(t.form != TARGET_AUTHORITY);
	CHECK((t.form == TARGET_ABSOLUTE) == (t.authority.p != NULL));
	CHECK(t.authority.p == NULL || target_authority(t.authority, &host, &port));
	CHECK(t.query.p == NULL || t.query.n < text.n);
	if (t.form == TARGET_ASTERISK)
		return;
	CHECK(t.path.n > 0 && t.path.p[0] == '/' && str_find(t.path, '?') < 0);
	check_path(t.path);
}

static void
check_authority(struct str text)
{
	struct str host;
	uint16_t port;

	if (!target_authority(text, &host, &port))
		return;
	CHECK(host.n > 0 && host.p >= text.p && host.p + host.n <= text.p + text.n);
	for (size_t i = 0; i < text.n; i++)
		CHECK(text.p[i] > ' ' && text.p[i] < 0x7f &&
		    strchr("@/?#\\,\"<>", text.p[i]) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	char *path = mem_alloc(size + 1);

	check_target(text);
	check_authority(text);
	/* Bytes that no target can have, such as 8-bit ones, may come to the normaliser later. */
	path[0] = '/';
	memcpy(path + 1, data, size);
	if (memchr(path, '\0', size + 1) == NULL)
		check_path(str_make(path, size + 1));
	mem_free(path);
	return 0;
}
