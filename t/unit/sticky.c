/* sticky.c: values of cookies, made and read back; whatever is not ours is nobody's. */

#include "unit.h"

#include <string.h>

#include "base/digest.h"
#include "proxy/balance/sticky.h"

static const uint8_t key[STICKY_KEY] = "0123456789abcdef0123456789abcde";
static const struct conf_backend app =
    { .name = STR("app"), .sticky.cookie = STR("srv"), .sticky.ttl_ms = CONF_OFF };

static struct str
encode(const struct sticky_cookie *c, char out[STICKY_VALUE])
{
	return str_make(out, sticky_encode(key, &app, c, out));
}

START_TEST(test_there_and_back)
{
	static const struct sticky_cookie cookies[] = {
		{ 1, 0 }, { UINT64_MAX, 0 }, { 0x0123456789abcdef, 1700000000 },
		{ 1, INT64_MAX }, { 0x00ff000000000000, 1 },
	};
	char out[STICKY_VALUE];

	for (size_t i = 0; i < ARRAY_LEN(cookies); i++) {
		struct str value = encode(&cookies[i], out);
		struct sticky_cookie c;

		ck_assert_uint_le(value.n, STICKY_VALUE);
		ck_assert(sticky_decode(key, &app, value, &c));
		ck_assert_uint_eq(c.id, cookies[i].id);
		ck_assert_uint_eq(c.expiry_s, cookies[i].expiry_s);
	}
}
END_TEST

/* Every byte counts, and so does the length. */
START_TEST(test_forged)
{
	const struct sticky_cookie cookie = { 0xfeed, 1700000000 };
	char out[STICKY_VALUE], changed[STICKY_VALUE + 1];
	struct str value = encode(&cookie, out);
	struct sticky_cookie c;

	for (size_t i = 0; i < value.n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(changed, value.p, value.n);
			changed[i] = (char)(changed[i] ^ 1 << bit);
			ck_assert(!sticky_decode(key, &app, str_make(changed, value.n), &c));
		}
	}
	for (size_t n = 0; n < value.n; n++) {
		ck_assert(!sticky_decode(key, &app, str_make(value.p, n), &c));
		ck_assert(!sticky_decode(key, &app, str_skip(value, value.n - n), &c));
	}
	memcpy(changed, value.p, value.n);
	changed[value.n] = '0';
	ck_assert(!sticky_decode(key, &app, str_make(changed, value.n + 1), &c));
}
END_TEST

START_TEST(test_foreign)
{
	static const uint8_t other_key[STICKY_KEY] = "x";
	static const struct conf_backend other_backend =
	    { .name = STR("api"), .sticky.cookie = STR("srv") };
	static const struct conf_backend other_cookie =
	    { .name = STR("app"), .sticky.cookie = STR("sid") };
	/* Together the same text as app and srv. */
	static const struct conf_backend shifted =
	    { .name = STR("apps"), .sticky.cookie = STR("rv") };
	const struct sticky_cookie cookie = { 7, 0 };
	char out[STICKY_VALUE];
	struct str value = encode(&cookie, out);
	struct sticky_cookie c;

	ck_assert(!sticky_decode(other_key, &app, value, &c));
	ck_assert(!sticky_decode(key, &other_backend, value, &c));
	ck_assert(!sticky_decode(key, &other_cookie, value, &c));
	ck_assert(!sticky_decode(key, &shifted, value, &c));
	ck_assert(sticky_decode(key, &app, value, &c));
}
END_TEST

START_TEST(test_garbage)
{
	static const char *const values[] = {
		"", ".", "..", "0000000000000001", "0000000000000001.",
		"0000000000000000.00000000000000000000000000000000",
		"0000000000000001.00000000000000000000000000000000",
		"0000000000000001..00000000000000000000000000000000",
		"0000000000000001.-1.00000000000000000000000000000000",
		"0000000000000001.99999999999999999999.00000000000000000000000000000000",
		"0000000000000001.1.1.00000000000000000000000000000000",
		"000000000000000g.00000000000000000000000000000000",
		"................................................................",
	};
	struct sticky_cookie c;

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		ck_assert_msg(!sticky_decode(key, &app, str_of(values[i]), &c), "%s", values[i]);
}
END_TEST

/* Computed by Python's hmac: the vectors of RFC 4231 have no lengths in their messages. */
START_TEST(test_hmac)
{
	static const uint8_t want[] = {
		0x71, 0x47, 0xa8, 0x85, 0x2f, 0x1b, 0xae, 0x7b, 0x07, 0xdf, 0xc5, 0x83,
		0xda, 0xd5, 0x89, 0xc2, 0x05, 0x83, 0xe0, 0x25, 0x44, 0x0b, 0xfc, 0x4c,
		0x64, 0x31, 0xd8, 0xd0, 0xd9, 0x01, 0x88, 0x0b,
	};
	const struct str parts[] = { STR("what do ya want "), STR("for nothing?") };
	uint8_t one[DIGEST_SHA256], two[DIGEST_SHA256];

	digest_hmac_sha256(STR_OF("Jefe"), parts, 2, one);
	ck_assert(digest_equal(one, want, sizeof(one)));
	digest_hmac_sha256(STR_OF("Jeff"), parts, 2, two);
	ck_assert(!digest_equal(one, two, sizeof(one)));
	digest_hmac_sha256(STR_OF("Jefe"), parts, 1, two);
	ck_assert(!digest_equal(one, two, sizeof(one)));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sticky");
	TCase *t = tcase_create("all");

	tcase_add_test(t, test_there_and_back);
	tcase_add_test(t, test_forged);
	tcase_add_test(t, test_foreign);
	tcase_add_test(t, test_garbage);
	tcase_add_test(t, test_hmac);
	suite_add_tcase(s, t);
	return unit_run(s);
}
