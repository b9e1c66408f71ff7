/* negotiate.c: which content coding a client likes best. */

#include "unit.h"

#include "base/buf.h"
#include "base/check.h"
#include "http/negotiate.h"

static const struct str offered[] = { STR("br"), STR("zstd"), STR("gzip") };

/* Fields separated by newlines; NULL: none. */
static const struct {
	const char *accept, *want;
} rows[] = {
	{ NULL, "" },
	{ "", "" },
	{ "gzip", "gzip" },
	{ "GZIP", "gzip" },
	{ "x-gzip", "gzip" },
	{ "X-GZip", "gzip" },
	{ "gzip, deflate, br", "br gzip" },
	{ "gzip, deflate, br, zstd", "br zstd gzip" },
	{ "gzip,deflate,,br", "br gzip" },
	{ "gzip\nbr", "br gzip" },
	{ "*", "br zstd gzip" },
	{ "*;q=0", "" },
	{ "*;q=0, gzip", "gzip" },
	{ "gzip;q=0, *", "br zstd" },
	{ "gzip, *;q=0", "gzip" },
	{ "gzip;q=1.0, br;q=0.5", "gzip br" },
	{ "gzip;q=0.5, br;q=1.0", "br gzip" },
	{ "zstd;q=0.9, gzip;q=0.9, br;q=0.8", "zstd gzip br" },
	{ "gzip;q=0.001", "gzip" },
	{ "gzip;q=0", "" },
	{ "gzip;q=0.0", "" },
	{ "gzip;q=0.000", "" },
	{ "gzip ; q=0.5", "gzip" },
	{ "gzip;Q=0.5", "gzip" },
	{ "gzip;q=0.5;x=y, br;q=0.6", "br gzip" },
	{ "gzip;level=9", "gzip" },
	{ "identity", "" },
	{ "identity, gzip;q=0.5", "" },
	{ "identity;q=0.5, gzip", "gzip" },
	{ "identity;q=0.5, gzip;q=0.5", "gzip" },
	{ "identity;q=0.5, gzip;q=0.4, br;q=0.6", "br" },
	{ "identity;q=0", "" },
	{ "identity;q=0, gzip", "gzip" },
	{ "deflate", "" },
	{ "compress, x-compress", "" },
	{ "gzip;q=1.001", "" },
	{ "gzip;q=2", "" },
	{ "gzip;q=-1", "" },
	{ "gzip;q=.5", "" },
	{ "gzip;q=0.1234", "" },
	{ "gzip;q=", "" },
	{ "gzip;q=abc", "" },
	{ "gzip;q=0.5x", "" },
	{ "gzip;q=0,5", "" },
	{ "gzipp", "" },
	{ "gzi", "" },
	{ "gz ip", "" },
	{ "\"gzip\"", "" },
	{ ";q=1", "" },
	{ ",,,", "" },
	{ "x-", "" },
	{ "br;q=bad, gzip", "gzip" },
};

START_TEST(codings)
{
	unsigned order[NEGOTIATE_MAX], n;
	struct arena arena;
	struct fields fields;
	struct str rest = str_of(rows[_i].accept), line;
	struct buf got = { NULL, 0, 0 };

	arena_init(&arena);
	fields_init(&fields, &arena);
	while (str_cut(&rest, '\n', &line))
		fields_add(&fields, STR_OF("accept-encoding"), line);
	n = negotiate_codings(&fields, offered, ARRAY_LEN(offered), order);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&got, "%s%.*s", i > 0 ? " " : "", STR_ARG(offered[order[i]]));
	ck_assert_str_eq(buf_text(&got), rows[_i].want);
	buf_fini(&got);
	arena_fini(&arena);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("negotiate");
	TCase *tc = tcase_create("negotiate");

	tcase_add_loop_test(tc, codings, 0, ARRAY_LEN(rows));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
