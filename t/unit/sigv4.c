/* sigv4.c: signatures as in the published test suite and the examples of the S3 documentation. */

#include "unit.h"

#include "base/check.h"
#include "base/digest.h"
#include "proxy/bucket/sigv4.h"

enum { MAX_FIELDS = 8 };

static const struct sigv4_key suite_key = {
	STR("AKIDEXAMPLE"), STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), STR("us-east-1"),
	STR("service"),
};

static const struct sigv4_key s3_key = {
	STR("AKIAIOSFODNN7EXAMPLE"), STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
	STR("us-east-1"), STR("s3"),
};

#define SUITE_HOST	{ "Host", "example.amazonaws.com" }
#define SUITE_DATE	{ "X-Amz-Date", "20150830T123600Z" }
#define S3_HOST		{ "Host", "examplebucket.s3.amazonaws.com" }
#define S3_DATE		{ "x-amz-date", "20130524T000000Z" }
#define S3_EMPTY	{ "x-amz-content-sha256", SIGV4_EMPTY }

static const struct {
	const char *name;
	const struct sigv4_key *key;
	const char *method;
	const char *path;		/* before sigv4_encode() */
	const char *query;
	struct { const char *name, *value; } fields[MAX_FIELDS];
	const char *payload;
	const char *date;
	const char *names;		/* that are signed */
	const char *signature;
} published[] = {
	{ "get-vanilla", &suite_key, "GET", "/", "", { SUITE_HOST, SUITE_DATE },
	  SIGV4_EMPTY, "20150830T123600Z", "host;x-amz-date",
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "post-vanilla", &suite_key, "POST", "/", "", { SUITE_HOST, SUITE_DATE },
	  SIGV4_EMPTY, "20150830T123600Z", "host;x-amz-date",
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "get-vanilla-query-order-key-case", &suite_key, "GET", "/",
	  "Param1=value1&Param2=value2", { SUITE_HOST, SUITE_DATE },
	  SIGV4_EMPTY, "20150830T123600Z", "host;x-amz-date",
	  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "get-header-key-duplicate", &suite_key, "GET", "/", "",
	  { SUITE_HOST, { "My-Header1", "value2" }, { "My-Header1", "value2" },
	    { "My-Header1", "value1" }, SUITE_DATE },
	  SIGV4_EMPTY, "20150830T123600Z", "host;my-header1;x-amz-date",
	  "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
	{ "get-header-value-order", &suite_key, "GET", "/", "",
	  { SUITE_HOST, { "My-Header1", "value4" }, { "My-Header1", "value1" },
	    { "My-Header1", "value3" }, { "My-Header1", "value2" }, SUITE_DATE },
	  SIGV4_EMPTY, "20150830T123600Z", "host;my-header1;x-amz-date",
	  "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
	{ "get-header-value-trim", &suite_key, "GET", "/", "",
	  { SUITE_HOST, { "My-Header1", " value1" }, { "My-Header2", " \"a   b   c\"" },
	    SUITE_DATE },
	  SIGV4_EMPTY, "20150830T123600Z", "host;my-header1;my-header2;x-amz-date",
	  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
	{ "get-unreserved", &suite_key, "GET",
	  "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "",
	  { SUITE_HOST, SUITE_DATE }, SIGV4_EMPTY, "20150830T123600Z", "host;x-amz-date",
	  "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "get-utf8", &suite_key, "GET", "/\341\210\264", "", { SUITE_HOST, SUITE_DATE },
	  SIGV4_EMPTY, "20150830T123600Z", "host;x-amz-date",
	  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
	{ "get object", &s3_key, "GET", "/test.txt", NULL,
	  { S3_HOST, { "Range", "bytes=0-9" }, S3_EMPTY, S3_DATE },
	  SIGV4_EMPTY, "20130524T000000Z", "host;range;x-amz-content-sha256;x-amz-date",
	  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ "put object", &s3_key, "PUT", "/test$file.text", NULL,
	  { S3_HOST, { "Date", "Fri, 24 May 2013 00:00:00 GMT" }, S3_DATE,
	    { "x-amz-storage-class", "REDUCED_REDUNDANCY" }, { "x-amz-content-sha256",
	    "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" } },
	  "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
	  "20130524T000000Z",
	  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
	  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ "get bucket lifecycle", &s3_key, "GET", "/", "lifecycle=",
	  { S3_HOST, S3_EMPTY, S3_DATE }, SIGV4_EMPTY, "20130524T000000Z",
	  "host;x-amz-content-sha256;x-amz-date",
	  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ "get bucket (list objects)", &s3_key, "GET", "/", "max-keys=2&prefix=J",
	  { S3_HOST, S3_EMPTY, S3_DATE }, SIGV4_EMPTY, "20130524T000000Z",
	  "host;x-amz-content-sha256;x-amz-date",
	  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

START_TEST(signatures)
{
	struct sigv4_request r = {
		.method = str_of(published[_i].method),
		.query = str_of(published[_i].query),
		.payload = str_of(published[_i].payload),
		.date = str_of(published[_i].date),
	};
	struct buf path = { NULL, 0, 0 };
	struct arena arena;
	struct fields fields;
	struct str got, want;

	arena_init(&arena);
	fields_init(&fields, &arena);
	for (unsigned i = 0; i < MAX_FIELDS && published[_i].fields[i].name != NULL; i++)
		fields_add(&fields, str_of(published[_i].fields[i].name),
		    str_of(published[_i].fields[i].value));
	fields_add(&fields, STR_OF("Gone"), STR_OF("x"))->gone = true;
	sigv4_encode(&path, str_of(published[_i].path));
	r.path = buf_view(&path);
	r.fields = &fields;
	got = sigv4_authorization(published[_i].key, &r, &arena);
	want = arena_printf(&arena, "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request,"
	    " SignedHeaders=%s, Signature=%s", published[_i].key->access_key.p, r.date.p,
	    published[_i].key->service.p, published[_i].names, published[_i].signature);
	ck_assert_msg(str_eq(got, want), "%s: %s", published[_i].name, got.p);
	buf_fini(&path);
	arena_fini(&arena);
}
END_TEST

START_TEST(steps)
{
	struct buf out = { NULL, 0, 0 };
	struct arena arena;
	struct fields fields;
	struct sigv4_request r = { .method = STR("GET"), .path = STR("/"), .fields = &fields,
		.payload = STR(SIGV4_EMPTY), .date = STR("20150830T123600Z") };

	arena_init(&arena);
	fields_init(&fields, &arena);
	fields_add(&fields, STR_OF("X-Amz-Date"), r.date);
	fields_add_id(&fields, FIELD_HOST, STR_OF("example.amazonaws.com"));
	sigv4_canonical(&r, &out);
	ck_assert_str_eq(buf_text(&out), "GET\n/\n\nhost:example.amazonaws.com\n"
	    "x-amz-date:20150830T123600Z\n\nhost;x-amz-date\n" SIGV4_EMPTY);
	out.n = 0;
	sigv4_string_to_sign(&suite_key, &r, &out);
	ck_assert_str_eq(buf_text(&out), "AWS4-HMAC-SHA256\n20150830T123600Z\n"
	    "20150830/us-east-1/service/aws4_request\n"
	    "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
	buf_fini(&out);
	arena_fini(&arena);
}
END_TEST

static const struct {
	const char *path, *encoded;
} paths[] = {
	{ "/a/b.txt", "/a/b.txt" },
	{ "/a b+c", "/a%20b%2Bc" },
	{ "/100%", "/100%25" },
	{ "/gr\303\274n", "/gr%C3%BCn" },
	{ "/!*'()$&,;=:@", "/%21%2A%27%28%29%24%26%2C%3B%3D%3A%40" },
	{ "/a//b/", "/a//b/" },
	{ "/[x]?#\\\"<>^`{|}\x7f\x01", "/%5Bx%5D%3F%23%5C%22%3C%3E%5E%60%7B%7C%7D%7F%01" },
};

START_TEST(encoding)
{
	struct buf out = { NULL, 0, 0 };

	sigv4_encode(&out, str_of(paths[_i].path));
	ck_assert_str_eq(buf_text(&out), paths[_i].encoded);
	buf_fini(&out);
}
END_TEST

static const struct {
	int64_t ms;
	const char *text;
} dates[] = {
	{ 0, "19700101T000000Z" },
	{ 1369353600999, "20130524T000000Z" },
	{ 1440938160000, "20150830T123600Z" },
	{ 1709164799000, "20240228T235959Z" },
	{ INT64_MAX, "19700101T000000Z" },
};

START_TEST(times)
{
	char out[SIGV4_DATE];

	sigv4_date(dates[_i].ms, out);
	ck_assert(str_eq(str_make(out, sizeof(out)), str_of(dates[_i].text)));
}
END_TEST

/* RFC 4231, 4.2 and 4.3; FIPS 180-4's example of one block. */
START_TEST(digests)
{
	static const uint8_t jefe[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e };
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea };
	uint8_t out[DIGEST_SHA256];

	digest_hmac_sha256_text(STR_OF("Jefe"), STR_OF("what do ya want for nothing?"), out);
	ck_assert_mem_eq(out, jefe, sizeof(jefe));
	digest_sha256_text(STR_OF("abc"), out);
	ck_assert_mem_eq(out, abc, sizeof(abc));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sigv4");
	TCase *tc = tcase_create("sigv4");

	tcase_add_loop_test(tc, signatures, 0, ARRAY_LEN(published));
	tcase_add_test(tc, steps);
	tcase_add_loop_test(tc, encoding, 0, ARRAY_LEN(paths));
	tcase_add_loop_test(tc, times, 0, ARRAY_LEN(dates));
	tcase_add_test(tc, digests);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
