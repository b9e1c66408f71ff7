/* coder.c and its kinds: what was coded comes back, however it was cut and flushed. */

#include "unit.h"

#include <brotli/decode.h>
#include <malloc.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proxy/filter/coder.h"

enum { LARGE = 400000 };

static const enum conf_coding codings[] = { CODING_GZIP, CODING_BR, CODING_ZSTD };
static char plain[LARGE], coded[2 * LARGE], back[LARGE + 1];

/* Decoders: what `n` coded bytes hold; -1 if they are broken; `*whole` at a proper end. */
static long
read_gzip(size_t n, bool *whole)
{
	z_stream z = { .next_in = (Bytef *)coded, .avail_in = (uInt)n };
	int r;

	ck_assert_int_eq(inflateInit2(&z, 31), Z_OK);
	z.next_out = (Bytef *)back;
	z.avail_out = sizeof(back);
	r = inflate(&z, Z_SYNC_FLUSH);
	*whole = r == Z_STREAM_END && z.avail_in == 0;
	inflateEnd(&z);
	return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? (long)z.total_out : -1;
}

static long
read_br(size_t n, bool *whole)
{
	BrotliDecoderState *s = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	const uint8_t *from = (const uint8_t *)coded;
	uint8_t *to = (uint8_t *)back;
	size_t left = sizeof(back), total = 0;
	BrotliDecoderResult r = BrotliDecoderDecompressStream(s, &n, &from, &left, &to, &total);

	*whole = r == BROTLI_DECODER_RESULT_SUCCESS && n == 0;
	BrotliDecoderDestroyInstance(s);
	return r == BROTLI_DECODER_RESULT_ERROR ? -1 : (long)total;
}

static long
read_zstd(size_t n, bool *whole)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer from = { coded, n, 0 };
	ZSTD_outBuffer to = { back, sizeof(back), 0 };
	size_t r = 1, before;

	do {
		before = from.pos + to.pos;
		r = ZSTD_decompressStream(d, &to, &from);
	} while (!ZSTD_isError(r) && r > 0 && from.pos + to.pos > before);
	*whole = r == 0 && from.pos == n;
	ZSTD_freeDCtx(d);
	return ZSTD_isError(r) ? -1 : (long)to.pos;
}

static long (*const readers[])(size_t n, bool *whole) = { read_gzip, read_br, read_zstd };

static void
check_back(int kind, const struct chain *out, size_t n, bool end)
{
	bool whole = false;

	ck_assert_uint_le(out->len, sizeof(coded));
	chain_copy_out(out, coded, out->len);
	ck_assert_int_eq(readers[kind](out->len, &whole), (long)n);
	ck_assert_int_eq(memcmp(back, plain, n), 0);
	ck_assert_int_eq(whole, end);
}

/* Words that repeat, or noise. */
static void
fill(bool noise)
{
	static const char *const words[] = { "the ", "<div>", "\n", "wherever ", "0,1,", "body" };
	size_t at = 0;

	while (noise && at < LARGE)
		plain[at++] = (char)rng_next();
	while (at < LARGE) {
		const char *word = words[rng_next() % ARRAY_LEN(words)];

		for (; *word != '\0' && at < LARGE; word++)
			plain[at++] = *word;
	}
}

static void
write_at_random(struct coder *c, int kind, size_t n, struct chain *out)
{
	for (size_t at = 0, step; at < n; at += step) {
		step = rng_next() % 4 == 0 ? 1 + rng_next() % 65536 : 1 + rng_next() % 3000;
		step = step < n - at ? step : n - at;
		ck_assert(coder_write(c, plain + at, step, out));
		if (rng_next() % 16 == 0) {
			ck_assert(coder_flush(c, out));
			check_back(kind, out, at + step, false);
		}
	}
}

START_TEST(round_trip)
{
	static const size_t sizes[] = { 0, 1, 100, 16384, 65536, 131072, LARGE };
	size_t n = sizes[_i / 2];

	fill(_i % 2 == 1);
	for (int kind = 0; kind < 3; kind++) {
		for (int again = 0; again < 2; again++) {
			struct coder *c = coder_new(codings[kind], again ? -1 : (int64_t)n);
			struct chain out;

			chain_init(&out);
			ck_assert_ptr_nonnull(c);
			write_at_random(c, kind, n, &out);
			ck_assert(coder_end(c, &out));
			check_back(kind, &out, n, true);
			ck_assert_uint_le(out.len, n + n / 50 + 1000);
			coder_free(c);
			chain_clear(&out);
		}
	}
}
END_TEST

/* The next body must not see anything of one that was given up. */
START_TEST(given_up)
{
	fill(false);
	for (int kind = 0; kind < 3; kind++) {
		for (int i = 0; i < 20; i++) {
			struct coder *c = coder_new(codings[kind], -1);
			struct chain out;

			chain_init(&out);
			ck_assert(coder_write(c, plain, (size_t)(i * 5000), &out));
			if (i % 2 == 0) {
				ck_assert(coder_end(c, &out));
				check_back(kind, &out, (size_t)(i * 5000), true);
			}
			coder_free(c);
			chain_clear(&out);
		}
	}
}
END_TEST

START_TEST(flush)
{
	for (int kind = 0; kind < 3; kind++) {
		struct coder *c = coder_new(codings[kind], -1);
		struct chain out;
		size_t n;

		chain_init(&out);
		fill(false);
		ck_assert(coder_flush(c, &out));
		ck_assert_uint_eq(out.len, 0);		/* nothing has been written */
		ck_assert(coder_write(c, plain, 10, &out));
		ck_assert(coder_flush(c, &out));
		check_back(kind, &out, 10, false);
		n = out.len;
		ck_assert(coder_flush(c, &out));
		ck_assert(coder_write(c, plain, 0, &out));
		ck_assert(coder_flush(c, &out));
		ck_assert_uint_eq(out.len, n);		/* nor since */
		ck_assert(coder_end(c, &out));
		check_back(kind, &out, 10, true);
		coder_free(c);
		chain_clear(&out);
	}
}
END_TEST

START_TEST(bounded)
{
	static struct coder *many[CODERS_BYTES / (1 << 20)];
	unsigned n = 0;

	while (n < ARRAY_LEN(many) && (many[n] = coder_new(CODING_BR, -1)) != NULL)
		n++;
	ck_assert_uint_eq(n, CODERS_BYTES / coder_br.memory_bytes);
	ck_assert_ptr_null(coder_new(CODING_ZSTD, -1));
	coder_free(many[--n]);
	many[n] = coder_new(CODING_ZSTD, -1);
	ck_assert_ptr_nonnull(many[n++]);
	while (n > 0)
		coder_free(many[--n]);
	coder_free(NULL);
}
END_TEST

/* Bytes on the heap; 0 where the C library does not tell. */
static size_t
allocated(void)
{
#ifdef __GLIBC__
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
#else
	return 0;
#endif
}

/* What counts against CODERS_BYTES is the truth, whatever the size and the bytes. */
START_TEST(memory)
{
	static const int64_t sizes[] = { -1, 1000, 100000, 10000000, INT64_MAX };
	const struct coder_kind *kind;
	struct chain out;

	chain_init(&out);
	fill(_i % 2 == 1);
	chain_add_copy(&out, plain, LARGE);
	chain_clear(&out);			/* now there are blocks to use again */
	for (int k = 0; !MEM_CHECKED && k < 3; k++) {
		size_t before = allocated();
		struct coder *c = coder_new(codings[k], sizes[_i / 2]);

		kind = c->kind;
		for (int i = 0; i < 5; i++) {
			ck_assert(coder_write(c, plain, LARGE, &out));
			ck_assert(coder_flush(c, &out));
			chain_clear(&out);
		}
		ck_assert_msg(allocated() - before <= kind->memory_bytes, "%.*s: %zu",
		    STR_ARG(kind->name), allocated() - before);
		coder_free(c);
	}
}
END_TEST

START_TEST(names)
{
	char text[128], little[8];

	ck_assert(str_eq(coder_name(CODING_GZIP), STR_OF("gzip")));
	ck_assert(str_eq(coder_name(CODING_BR), STR_OF("br")));
	ck_assert(str_eq(coder_name(CODING_ZSTD), STR_OF("zstd")));
	coder_libraries(text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "zlib 1."));
	ck_assert_ptr_nonnull(strstr(text, ", brotli 1."));
	ck_assert_ptr_nonnull(strstr(text, ", zstd 1."));
	coder_libraries(little, sizeof(little));
	ck_assert_uint_lt(strlen(little), sizeof(little));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("coder");
	TCase *t = tcase_create("coder");

	rng_init();
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, round_trip, 0, 14);
	tcase_add_test(t, given_up);
	tcase_add_test(t, flush);
	tcase_add_test(t, bounded);
	tcase_add_loop_test(t, memory, 0, 10);
	tcase_add_test(t, names);
	suite_add_tcase(suite, t);
	return unit_run(suite);
}
