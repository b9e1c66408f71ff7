/* dns_srv.c: what is read out of answers with SRV records, and what is refused. */

#include "unit.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/dns_srv.h"

/* Pieces of answers: a header with so many answers, the question, its name as a pointer. */
#define HEAD(n)		"\1\2\x81\x80\0\1\0" n "\0\0\0\0"
#define QUESTION	"\5_http\4_tcp\1x\4test\0\0\x21\0\1"
#define SELF		"\xc0\x0c"
#define RECORD(ttl, n)	SELF "\0\x21\0\1" ttl "\0" n
#define HOUR		"\0\0\x0e\x10"

enum { ROOM = 4 };

struct answer {
	struct str bytes;
	int n;				/* records, or -1 */
	const char *first;		/* target */
	uint32_t ttl_s;
};

static const struct answer answers[] = {
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x0b") "\0\1\0\2\0\x50\1A\1b\0"), 1, "a.b", 3600 },
	/* The end of a name stands elsewhere: x.test is at 23. */
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x0a") "\0\1\0\2\0\x50\1a\xc0\x17"), 1, "a.x.test",
	    3600 },
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x08") "\0\1\0\2\0\x50\xc0\x17"),
	    1, "x.test", 3600 },
	/* The shortest TTL counts, also that of an alias; one with its highest bit set is 0. */
	{ STR(HEAD("\2") QUESTION SELF "\0\5\0\1\0\0\0\7\0\2" SELF RECORD(HOUR, "\x08")
	    "\0\1\0\2\0\x50\xc0\x17"), 1, "x.test", 7 },
	{ STR(HEAD("\1") QUESTION RECORD("\xff\xff\xff\xff", "\x08") "\0\1\0\2\0\x50\xc0\x17"), 1,
	    "x.test", 0 },
	/* No service: RFC 2782. */
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\7") "\0\0\0\0\0\0\0"), 0, NULL, 3600 },
	/* Neither port 0 nor a name that no host has. */
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x08") "\0\1\0\2\0\0\xc0\x17"), 0, NULL, 3600 },
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x0a") "\0\1\0\2\0\x50\2a \0"), 0, NULL, 3600 },
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x0a") "\0\1\0\2\0\x50\2a\n\0"), 0, NULL, 3600 },
	/* Pointers in a circle, and beyond the end. */
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x08") "\0\1\0\2\0\x50\xc0\x35"), -1, NULL, 0 },
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x08") "\0\1\0\2\0\x50\xff\xff"), -1, NULL, 0 },
	/* Data that is longer or shorter than the record, an answer that is cut. */
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x09") "\0\1\0\2\0\x50\xc0\x17" "x"), -1, NULL, 0 },
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\3") "\0\1\0"), -1, NULL, 0 },
	{ STR(HEAD("\1") QUESTION RECORD(HOUR, "\x08") "\0\1\0\2\0"), -1, NULL, 0 },
	{ STR(HEAD("\1") QUESTION), -1, NULL, 0 },
	{ STR(HEAD("\0") QUESTION), 0, NULL, UINT32_MAX },
	{ STR("\1\2"), -1, NULL, 0 },
	{ STR(""), -1, NULL, 0 },
};

START_TEST(answers_are_read)
{
	const struct answer *a = &answers[_i];
	struct dns_srv out[ROOM];
	uint32_t ttl_s;
	/* So that a sanitizer sees a byte too far. */
	uint8_t *exact = mem_alloc(a->bytes.n > 0 ? a->bytes.n : 1);

	memcpy(exact, a->bytes.p, a->bytes.n);
	ck_assert_int_eq(dns_srv_parse(exact, a->bytes.n, out, ROOM, &ttl_s), a->n);
	if (a->n >= 0)
		ck_assert_uint_eq(ttl_s, a->ttl_s);
	if (a->n > 0) {
		ck_assert_str_eq(out[0].target, a->first);
		ck_assert_uint_eq(out[0].priority, 1);
		ck_assert_uint_eq(out[0].weight, 2);
		ck_assert_uint_eq(out[0].port, 80);
	}
	mem_free(exact);
}
END_TEST

/* Adds a label of `length` bytes to a name. */
static size_t
add_label(uint8_t *name, size_t n, unsigned length)
{
	name[n++] = (uint8_t)length;
	memset(name + n, 'a', length);
	return n + length;
}

/* 255 bytes of text fit; what is longer is no name of a host. */
START_TEST(names_have_a_longest)
{
	static const struct str head = STR(HEAD("\1") QUESTION RECORD(HOUR, "\0"));
	struct dns_srv out[ROOM];
	uint8_t bytes[512];
	uint32_t ttl_s;

	for (unsigned fifth = 0; fifth <= 1; fifth++) {
		size_t n = head.n, length;

		memcpy(bytes, head.p, n);
		memcpy(bytes + n, "\0\1\0\2\0\x50", 6);
		n += 6;
		for (unsigned i = 0; i < 4; i++)
			n = add_label(bytes, n, 63);
		if (fifth > 0)
			n = add_label(bytes, n, fifth);
		bytes[n++] = 0;
		length = n - head.n;
		bytes[head.n - 2] = (uint8_t)(length >> 8);
		bytes[head.n - 1] = (uint8_t)length;
		ck_assert_int_eq(dns_srv_parse(bytes, n, out, ROOM, &ttl_s), fifth == 0);
	}
	ck_assert_uint_eq(strlen(out[0].target), 255);
}
END_TEST

START_TEST(room_is_kept_to)
{
	static const struct str three = STR(HEAD("\3") QUESTION
	    RECORD(HOUR, "\x08") "\0\1\0\2\0\x50\xc0\x17"
	    RECORD(HOUR, "\x08") "\0\2\0\2\0\x50\xc0\x17"
	    RECORD(HOUR, "\x08") "\0\3\0\2\0\x50\xc0\x17");
	struct dns_srv out[ROOM];
	uint32_t ttl_s;

	memset(out, 0, sizeof(out));
	ck_assert_int_eq(dns_srv_parse((const uint8_t *)three.p, three.n, out, 2, &ttl_s), 2);
	ck_assert_uint_eq(out[1].priority, 2);
	ck_assert_uint_eq(out[2].priority, 0);
	ck_assert_int_eq(dns_srv_parse((const uint8_t *)three.p, three.n, out, ROOM, &ttl_s), 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dns_srv");
	TCase *tc = tcase_create("dns_srv");

	tcase_add_loop_test(tc, answers_are_read, 0, ARRAY_LEN(answers));
	tcase_add_test(tc, names_have_a_longest);
	tcase_add_test(tc, room_is_kept_to);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
