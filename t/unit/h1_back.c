/* h1_back.c: which connections to servers are used again, and when one is given up. */

#include "unit.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "http/h1_back.h"

enum { GIVE_UP_MS = 50000 };

static struct loop *loop;
static struct timer poll_timer, watchdog;
static struct arena arena;
static struct fields fields;
static struct request request;
static struct buf story;		/* what the stream said */
static struct h1_back *idle;		/* the pooled connection */
static int listener, server = -1;	/* the server's descriptors */
static const char *answer;		/* to the request, once it has come */
static struct back_stream *slow;	/* wants more once it has got something */
static char dir[] = "/tmp/usherd-h1_back-XXXXXX";
static const struct back_limits limits = { TIMER_NEVER, TIMER_NEVER, TIMER_NEVER, TIMER_NEVER,
	TIMER_NEVER, 65536 };

static void
on_head(void *user, struct response *r)
{
	(void)user;
	buf_printf(&story, "head %d ", r->status);
}

static void
on_body(void *user, struct chain *moved)
{
	(void)user;
	buf_printf(&story, "body %zu ", moved->len);
	chain_clear(moved);
}

static void
on_end(void *user, const struct fields *trailers)
{
	(void)user;
	(void)trailers;
	buf_cstr(&story, "end ");
	loop_stop(loop);
}

static void
on_failed(void *user, enum back_failure failure, const char *text)
{
	(void)user;
	(void)text;
	buf_printf(&story, "failed %d ", failure);
	loop_stop(loop);
}

static const struct back_stream_events events = {
	.head = on_head, .body = on_body, .end = on_end, .failed = on_failed,
};

static void
on_idle(struct h1_back_owner *owner, struct h1_back *b)
{
	(void)owner;
	idle = b;
}

static void
on_closed(struct h1_back_owner *owner, struct h1_back *b)
{
	(void)owner;
	if (idle != b)
		return;
	idle = NULL;
	buf_cstr(&story, "closed ");
	loop_stop(loop);
}

static struct h1_back_owner owner = { .idle = on_idle, .closed = on_closed };

/* The server's part: when the request is there, its answer. */
static void
on_poll(struct timer *t)
{
	char bytes[1024];

	if (answer != NULL && recv(server, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
		ck_assert_int_eq(write(server, answer, strlen(answer)), (ssize_t)strlen(answer));
		answer = NULL;
	}
	if (slow != NULL && str_ends(buf_view(&story), STR_OF("body 4 "))) {
		slow->ops->want_body(slow, 4);
		slow = NULL;
	}
	loop_timer_set(loop, t, clock_ms() + 1);
}

static void
on_watchdog(struct timer *t)
{
	(void)t;
	ck_abort_msg("nothing came: %s", buf_text(&story));
}

static void
setup(void)
{
	struct addr addr;
	char text[64];

	loop = loop_new();
	arena_init(&arena);
	fields_init(&fields, &arena);
	request = (struct request){ .method = STR("GET"), .method_id = METHOD_GET, .minor = 1 };
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(text, sizeof(text), "unix:%s/s", dir);
	ck_assert(addr_parse(&addr, str_of(text), 0));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, &addr.sa, addr.len), 0);
	ck_assert_int_eq(listen(listener, 5), 0);
	timer_init(&poll_timer, on_poll);
	timer_init(&watchdog, on_watchdog);
	loop_timer_set(loop, &poll_timer, clock_ms());
	loop_timer_set(loop, &watchdog, clock_ms() + GIVE_UP_MS);
}

static void
teardown(void)
{
	char text[64];

	if (idle != NULL)
		h1_back_close(idle);
	loop_free(loop);
	close(server);
	close(listener);
	snprintf(text, sizeof(text), "%s/s", dir);
	unlink(text);
	rmdir(dir);
	buf_fini(&story);
	arena_fini(&arena);
}

static void
ask(struct back_stream *s, uint64_t wanted)
{
	ck_assert_ptr_nonnull(s);
	s->events = &events;
	s->request = &request;
	s->arena = &arena;
	s->ops->send_head(s, &fields, request.method, STR_OF("/"), FRAMING_NONE, 0,
	    (struct str){ NULL, 0 });
	s->ops->send_end(s, NULL);
	s->ops->want_body(s, wanted);
}

static struct back_stream *
connection(const struct back_limits *l)
{
	struct addr addr;
	char text[64];

	snprintf(text, sizeof(text), "unix:%s/s", dir);
	ck_assert(addr_parse(&addr, str_of(text), 0));
	return h1_back_connect(loop, &addr, &owner, l);
}

/* A first request on a new connection. */
static void
first_request(const char *with)
{
	ask(connection(&limits), 65536);
	server = accept(listener, NULL, NULL);
	ck_assert_int_ge(server, 0);
	answer = with;
	loop_run(loop);
}

#define OK	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

START_TEST(used_again)
{
	first_request(OK);
	ck_assert_ptr_nonnull(idle);
	answer = OK;
	ask(h1_back_attach(idle, &limits), 65536);
	idle = NULL;
	loop_run(loop);
	ck_assert_str_eq(buf_text(&story), "head 200 body 2 end head 200 body 2 end ");
	ck_assert_ptr_nonnull(idle);
	ck_assert_uint_eq(h1_back_requests(idle), 2);
}
END_TEST

/* Many servers say 408 to an idle connection before they close it: it is the answer to nothing. */
START_TEST(bytes_while_idle_close_it)
{
	static const char late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";

	first_request(OK);
	ck_assert_ptr_nonnull(idle);
	ck_assert_int_eq(write(server, late, strlen(late)), (ssize_t)strlen(late));
	loop_run(loop);
	ck_assert_str_eq(buf_text(&story), "head 200 body 2 end closed ");
}
END_TEST

START_TEST(the_end_while_idle_closes_it)
{
	first_request(OK);
	ck_assert_ptr_nonnull(idle);
	ck_assert_int_eq(shutdown(server, SHUT_WR), 0);
	loop_run(loop);
	ck_assert_str_eq(buf_text(&story), "head 200 body 2 end closed ");
}
END_TEST

/* Never pooled: what a server sends beyond its answer, or after it said that it will close. */
static const char *const unfit[] = {
	OK "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
	OK "\r\n",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
};

START_TEST(not_pooled)
{
	first_request(unfit[_i]);
	ck_assert_str_eq(buf_text(&story), "head 200 body 2 end ");
	ck_assert_ptr_null(idle);
}
END_TEST

/* The same behind a body that was read to its last byte and no further. */
START_TEST(not_pooled_after_a_large_body)
{
	enum { LENGTH = 40000 };
	static const char evil[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
	char *bytes = mem_alloc(LENGTH + 256);
	int n = sprintf(bytes, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LENGTH);

	memset(bytes + n, 'x', LENGTH);
	memcpy(bytes + n + LENGTH, evil, sizeof(evil));
	first_request(bytes);
	ck_assert(str_starts(buf_view(&story), STR_OF("head 200 body ")));
	ck_assert(str_ends(buf_view(&story), STR_OF("end ")));
	ck_assert_ptr_null(idle);
	mem_free(bytes);
}
END_TEST

/* The time of a server runs again when more is wanted, though nothing is there to be read. */
START_TEST(silent_after_a_pause)
{
	struct back_limits impatient = limits;
	char expected[64];

	impatient.read_timeout_ms = 100;
	slow = connection(&impatient);
	ask(slow, 4);
	server = accept(listener, NULL, NULL);
	answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbody";
	loop_run(loop);
	sprintf(expected, "head 200 body 4 failed %d ", BACK_READ_TIMEOUT);
	ck_assert_str_eq(buf_text(&story), expected);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("h1_back");
	TCase *tc = tcase_create("h1_back");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, used_again);
	tcase_add_test(tc, bytes_while_idle_close_it);
	tcase_add_test(tc, the_end_while_idle_closes_it);
	tcase_add_loop_test(tc, not_pooled, 0, ARRAY_LEN(unfit));
	tcase_add_test(tc, not_pooled_after_a_large_body);
	tcase_add_test(tc, silent_after_a_pause);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
