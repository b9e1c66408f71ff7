/* mime.c: media types by endings; files_find.c: names below a root. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "proxy/files/files_find.h"
#include "proxy/files/mime.h"

static const char table[] =
	"# a comment\ttxt\n"
	"application/x-mine mine MiNe2\r\n"
	"\n"
	"text/x-other\t\tother\n"
	"text/plain html\n"			/* the first that names an ending wins */
	"notype nothing\n"
	"/half half\n"
	"a/b;c=d semicolon\n"
	"application/x-none\n"
	"application/x-long abcdefghijklmnopq\n"
	"application/x-last last";

static const struct {
	const char *name, *type;
} rows[] = {
	{ "a.mine", "application/x-mine" },
	{ "a.MINE2", "application/x-mine" },
	{ "a.other", "text/x-other; charset=utf-8" },
	{ "a.html", "text/plain; charset=utf-8" },
	{ "a.last", "application/x-last" },
	{ "a.txt", "text/plain; charset=utf-8" },
	{ "a.CSS", "text/css; charset=utf-8" },
	{ "a.mjs", "text/javascript; charset=utf-8" },
	{ "a.json", "application/json" },
	{ "a.svg", "image/svg+xml" },
	{ "a.woff2", "font/woff2" },
	{ "a.wasm", "application/wasm" },
	{ "dir.html/a.png", "image/png" },
	{ "a.tar.gz", "application/gzip" },
	{ "a.nothing", "application/octet-stream" },
	{ "a.half", "application/octet-stream" },
	{ "a.semicolon", "application/octet-stream" },
	{ "a.abcdefghijklmnopq", "application/octet-stream" },
	{ "a", "application/octet-stream" },
	{ "html", "application/octet-stream" },
	{ "", "application/octet-stream" },
	{ "a.", "application/octet-stream" },
	{ ".", "application/octet-stream" },
	{ "dir.html/a", "application/octet-stream" },
	{ "a.html ", "application/octet-stream" },
};

static struct mime *mime;

static void
setup(void)
{
	char path[] = "/tmp/usherd-mime-XXXXXX";
	int fd = mkstemp(path), error;

	ck_assert(fd >= 0);
	ck_assert(write(fd, table, sizeof(table) - 1) == (ssize_t)sizeof(table) - 1);
	close(fd);
	mime = mime_new(path, &error);
	ck_assert_int_eq(error, 0);
	unlink(path);
}

static void
teardown(void)
{
	mime_free(mime);
}

START_TEST(types)
{
	struct str type = mime_type(mime, str_of(rows[_i].name));

	ck_assert_msg(str_eq(type, str_of(rows[_i].type)), "%s: %.*s", rows[_i].name,
	    STR_ARG(type));
}
END_TEST

START_TEST(without_file)
{
	int error;
	struct mime *own = mime_new("/nonexistent/mime.types", &error);

	ck_assert_int_eq(error, ENOENT);
	ck_assert(str_eq(mime_type(own, STR_OF("x.html")), STR_OF("text/html; charset=utf-8")));
	mime_free(own);
	own = mime_new("/", &error);
	ck_assert_int_ne(error, 0);
	mime_free(own);
	own = mime_new("/dev/zero", &error);	/* endless */
	ck_assert_int_eq(error, EFBIG);
	mime_free(own);
}
END_TEST

static const struct {
	const char *path, *name;	/* NULL: no file may have it */
} names[] = {
	{ "/", "" },
	{ "/a", "a" },
	{ "/a/", "a/" },
	{ "/a/b.c", "a/b.c" },
	{ "/a..b", "a..b" },
	{ "/a.", "a." },
	{ "/100%25", "100%" },
	{ "/%252e%252e/x", "%2e%2e/x" },
	{ "/%25%25", "%%" },
	{ "/.well-known", ".well-known" },
	{ "/.well-known/x", ".well-known/x" },
	{ "/\xc3\xa4", "\xc3\xa4" },
	{ "/a b", "a b" },
	{ "", NULL },
	{ "a", NULL },
	{ "*", NULL },
	{ "/.", NULL },
	{ "/..", NULL },
	{ "/../x", NULL },
	{ "/a/..", NULL },
	{ "/.x", NULL },
	{ "/a/.x", NULL },
	{ "/a/.x/b", NULL },
	{ "/a/.well-known/b", NULL },
	{ "/.well-known/.x", NULL },
	{ "/.well-knownx", NULL },
	{ "/a%2Fb", NULL },
	{ "/a%5Cb", NULL },
	{ "/a\\b", NULL },
	{ "/%", NULL },
	{ "/%2", NULL },
	{ "/%00", NULL },
};

START_TEST(file_names)
{
	struct arena arena;
	struct str name;

	arena_init(&arena);
	name = files_name(&arena, str_of(names[_i].path));
	ck_assert_msg((name.p == NULL) == (names[_i].name == NULL), "%s", names[_i].path);
	if (name.p != NULL) {
		ck_assert_str_eq(name.p, names[_i].name);
		ck_assert_uint_eq(name.n, strlen(names[_i].name));
	}
	arena_fini(&arena);
}
END_TEST

/* A NUL would end the name for the kernel, but not for us. */
START_TEST(nul)
{
	struct arena arena;

	arena_init(&arena);
	ck_assert_ptr_null(files_name(&arena, STR_OF("/a\0b")).p);
	arena_fini(&arena);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("mime");
	TCase *tc = tcase_create("mime");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, types, 0, ARRAY_LEN(rows));
	tcase_add_test(tc, without_file);
	tcase_add_loop_test(tc, file_names, 0, ARRAY_LEN(names));
	tcase_add_test(tc, nul);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
