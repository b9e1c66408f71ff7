/* h1_write.c: heads and chunks as they go out. */

#include "unit.h"

#include "base/check.h"
#include "base/mem.h"
#include "http/h1_write.h"

static struct arena arena;
static struct fields fields;
static struct chain out;

static void
setup(void)
{
	arena_init(&arena);
	fields_init(&fields, &arena);
	chain_init(&out);
}

static void
teardown(void)
{
	chain_clear(&out);
	arena_fini(&arena);
}

static void
check_out(const char *want)
{
	char *got = mem_zalloc(out.len + 1, 1);

	chain_copy_out(&out, got, out.len);
	ck_assert_str_eq(got, want);
	mem_free(got);
	chain_clear(&out);
}

static void
add_some(void)
{
	fields_add(&fields, STR_OF("host"), STR_OF("a.test"));
	fields_add(&fields, STR_OF("X-Gone"), STR_OF("x"))->gone = true;
	fields_add(&fields, STR_OF("X-Empty"), STR_OF(""));
}

static const struct {
	enum framing framing;
	uint64_t length;
	bool upgrade;
	const char *adds;
} requests[] = {
	{ FRAMING_NONE, 0, false, "" },
	{ FRAMING_LENGTH, 0, false, "Content-Length: 0\r\n" },
	{ FRAMING_LENGTH, UINT64_MAX, false, "Content-Length: 18446744073709551615\r\n" },
	{ FRAMING_CHUNKED, 0, false, "Transfer-Encoding: chunked\r\n" },
	{ FRAMING_NONE, 0, true, "Connection: Upgrade\r\nUpgrade: websocket\r\n" },
};

START_TEST(request_heads)
{
	struct h1_request_head head = { STR_OF("POST"), STR_OF("/a?b"), &fields,
		requests[_i].framing, requests[_i].length, { NULL, 0 } };

	if (requests[_i].upgrade)
		head.upgrade = STR_OF("websocket");
	add_some();
	h1_write_request(&out, &head);
	check_out(arena_printf(&arena, "POST /a?b HTTP/1.1\r\nhost: a.test\r\nX-Empty: \r\n%s\r\n",
	    requests[_i].adds).p);
}
END_TEST

static const struct {
	int status;
	struct str reason;
	enum framing framing;
	enum h1_connection connection;
	const char *line, *adds;
} responses[] = {
	{ 200, STR("OK"), FRAMING_NONE, H1_DEFAULT, "200 OK", "" },
	{ 404, STR(""), FRAMING_LENGTH, H1_CLOSE, "404 ",
	  "Content-Length: 7\r\nConnection: close\r\n" },
	{ 200, STR("OK"), FRAMING_CHUNKED, H1_KEEP_ALIVE, "200 OK",
	  "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n" },
	{ 200, STR("OK"), FRAMING_CLOSE, H1_CLOSE, "200 OK", "Connection: close\r\n" },
	{ 101, STR("x"), FRAMING_NONE, H1_UPGRADE, "101 x", "Connection: Upgrade\r\n" },
};

/* Connection as it stands in a head with Upgrade. */
static const struct {
	int status;
	enum h1_connection connection;
	const char *adds;
} upgrades[] = {
	{ 101, H1_UPGRADE, "Connection: Upgrade\r\n" },
	{ 426, H1_DEFAULT, "Connection: Upgrade\r\n" },
	{ 426, H1_KEEP_ALIVE, "Connection: keep-alive, Upgrade\r\n" },
	{ 426, H1_CLOSE, "Connection: close, Upgrade\r\n" },
};

START_TEST(responses_with_upgrade)
{
	struct response r = { .status = upgrades[_i].status, .reason = STR_OF("x") };

	fields_add_id(&fields, FIELD_UPGRADE, STR_OF("a/1"));
	r.fields = fields;
	h1_write_response(&out, &r, FRAMING_NONE, 0, upgrades[_i].connection);
	check_out(arena_printf(&arena, "HTTP/1.1 %d x\r\nUpgrade: a/1\r\n%s\r\n", r.status,
	    upgrades[_i].adds).p);
}
END_TEST

START_TEST(response_heads)
{
	struct response r = { .status = responses[_i].status, .reason = responses[_i].reason };

	add_some();
	r.fields = fields;
	h1_write_response(&out, &r, responses[_i].framing, 7, responses[_i].connection);
	check_out(arena_printf(&arena, "HTTP/1.1 %s\r\nhost: a.test\r\nX-Empty: \r\n%s\r\n",
	    responses[_i].line, responses[_i].adds).p);
}
END_TEST

/* A head may be greater than a block. */
START_TEST(great_heads)
{
	struct h1_request_head head = { STR_OF("GET"), STR_OF("/"), &fields, FRAMING_NONE, 0,
		{ NULL, 0 } };
	size_t n = strlen("GET / HTTP/1.1\r\n\r\n");

	for (int i = 0; i < 1000; i++) {
		fields_add(&fields, STR_OF("X-Name"), STR_OF("a value of some length, 1000 times"));
		n += strlen("X-Name: a value of some length, 1000 times\r\n");
	}
	h1_write_request(&out, &head);
	ck_assert_uint_eq(out.len, n);
}
END_TEST

START_TEST(chunks)
{
	struct chain body;

	chain_init(&body);
	h1_write_chunk(&out, &body, false);
	ck_assert(chain_empty(&out));
	chain_add_copy(&body, "0123456789abcdef", 16);
	chain_add_ext(&body, "x", 1, NULL, NULL);
	h1_write_chunk(&out, &body, false);
	ck_assert(chain_empty(&body));
	check_out("11\r\n0123456789abcdefx\r\n");
	h1_write_last_chunk(&out, NULL);
	check_out("0\r\n\r\n");
	h1_write_last_chunk(&out, &fields);
	check_out("0\r\n\r\n");
	add_some();
	h1_write_last_chunk(&out, &fields);
	check_out("0\r\nhost: a.test\r\nX-Empty: \r\n\r\n");
}
END_TEST

static unsigned released;

static void
count_release(void *arg)
{
	(void)arg;
	released++;
}

/* Small bodies join the head; others move as they are. */
START_TEST(bodies)
{
	static char large[4096];
	struct chain body;

	chain_init(&body);
	chain_add_copy(&out, "head ", 5);
	chain_add_ext(&body, "small", 5, count_release, NULL);
	h1_write_body(&out, &body, false);
	ck_assert(chain_empty(&body) && out.len == 10 && out.first->next == NULL);
	ck_assert_uint_eq(released, 1);
	chain_add_ext(&body, large, sizeof(large), count_release, NULL);
	h1_write_body(&out, &body, false);
	ck_assert(chain_empty(&body) && out.len == 10 + sizeof(large));
	ck_assert_ptr_eq(out.first->next->p, large);
	ck_assert_uint_eq(released, 1);
	chain_clear(&out);
	ck_assert_uint_eq(released, 2);
	chain_add_ext(&body, "alone", 5, NULL, NULL);
	h1_write_body(&out, &body, false);
	check_out("alone");
	h1_write_body(&out, &body, false);
	ck_assert(chain_empty(&out));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("h1_write");
	TCase *tc = tcase_create("h1_write");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, request_heads, 0, ARRAY_LEN(requests));
	tcase_add_loop_test(tc, responses_with_upgrade, 0, ARRAY_LEN(upgrades));
	tcase_add_loop_test(tc, response_heads, 0, ARRAY_LEN(responses));
	tcase_add_test(tc, great_heads);
	tcase_add_test(tc, chunks);
	tcase_add_test(tc, bodies);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
