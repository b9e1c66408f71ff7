/* response_buffer.c: what a slow client leaves, and the end behind it. */

#include "unit.h"

#include "base/mem.h"
#include "fixture.h"
#include "proxy/forward/forward.h"
#include "proxy/response_buffer.h"

/* A stream that is full after every piece of STREAM_HIGH. */
static size_t sent;
static unsigned ends;

static enum flow
take_body(struct http_stream *s, struct chain *moved)
{
	size_t n = moved->len;

	(void)s;
	sent += n;
	chain_clear(moved);
	return n >= STREAM_HIGH ? FLOW_FULL : FLOW_OK;
}

static void
take_end(struct http_stream *s, const struct fields *trailers)
{
	(void)s;
	(void)trailers;
	ends++;
}

static const struct http_stream_ops ops = { .send_body = take_body, .send_end = take_end };

static enum flow
add(struct exchange *x, size_t n)
{
	struct chain c;
	char *bytes = mem_zalloc(n, 1);

	chain_init(&c);
	chain_add_copy(&c, bytes, n);
	mem_free(bytes);
	return response_buffer_add(x, &c);
}

static void
set_up(struct fixture *f)
{
	struct response r = { .status = 200 };

	fixture_init(f);
	f->policy.response_buffering = true;
	f->stream.ops = &ops;
	f->x.upstream_response = &r;
	fields_init(&r.fields, &f->stream.arena);
	sent = 0;
	ends = 0;
	f->x.response_buffer = response_buffer_new(&f->x, &r);
	ck_assert_ptr_nonnull(f->x.response_buffer);
}

/* Drains until there is nothing left to tell, as streams do behind the end too. */
START_TEST(one_end)
{
	static const size_t sizes[] = { 1, STREAM_HIGH, STREAM_HIGH * 2, STREAM_HIGH * 2 + 1 };
	struct fixture f;

	set_up(&f);
	ck_assert_int_eq(add(&f.x, STREAM_HIGH), FLOW_OK);
	if (sizes[_i] > STREAM_HIGH)
		ck_assert_int_eq(add(&f.x, sizes[_i] - STREAM_HIGH), FLOW_OK);
	response_buffer_end(&f.x, NULL);
	for (int i = 0; i < 5; i++)
		ck_assert(!response_buffer_drained(&f.x));
	ck_assert_uint_eq(sent, sizes[_i] > STREAM_HIGH ? sizes[_i] : STREAM_HIGH);
	ck_assert_uint_eq(ends, 1);
	fixture_fini(&f);
}
END_TEST

START_TEST(source_waits)
{
	struct fixture f;
	bool go_on = false;

	set_up(&f);
	ck_assert_int_eq(add(&f.x, STREAM_HIGH), FLOW_OK);
	ck_assert_int_eq(add(&f.x, RESPONSE_BUFFER_MAX - 1), FLOW_OK);
	ck_assert_int_eq(add(&f.x, 1), FLOW_FULL);
	while (!go_on && sent < RESPONSE_BUFFER_MAX)
		go_on = response_buffer_drained(&f.x);
	ck_assert(go_on);
	ck_assert_uint_ge(sent, RESPONSE_BUFFER_MAX / 2);
	while (sent < STREAM_HIGH + RESPONSE_BUFFER_MAX)
		(void)response_buffer_drained(&f.x);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("response_buffer");
	TCase *c = tcase_create("all");

	tcase_add_loop_test(c, one_end, 0, 4);
	tcase_add_test(c, source_waits);
	suite_add_tcase(s, c);
	return unit_run(s);
}
