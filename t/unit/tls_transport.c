/* tls_transport.c, tls_io.c: bytes through TLS, whatever the socket does. */

#include "unit.h"

#include <fcntl.h>
#include <malloc.h>

#include "net/tls_hello.h"
#include "tls_pair.h"

static struct made shop;
static struct pair pair;

static void
setup(void)
{
	shop = fixture_make((struct wish){ .cn = "shop.test", .names = "DNS:shop.test" });
	pair_init(&pair, &shop, NULL);
	pair_client(&pair, true, shop.cert_pem, NULL);
}

static void
teardown(void)
{
	pair_fini(&pair);
	fixture_free(&shop);
}

static const struct tls_info *
of_server(void)
{
	return transport_tls(&pair.server.t);
}

START_TEST(handshake)
{
	uint64_t before = tls_counters.handshakes;

	pair_connect(&pair, "Shop.TEST");
	ck_assert(pair_run(&pair, pair_pinged));
	ck_assert(of_server()->ready);
	ck_assert(str_eq(of_server()->protocol, STR_OF("TLSv1.3")));
	ck_assert(str_eq(of_server()->cipher, STR_OF("TLS_AES_128_GCM_SHA256")));
	ck_assert(str_eq(of_server()->alpn, STR_OF("http/1.1")));
	ck_assert(str_eq(of_server()->server_name, STR_OF("shop.test")));
	ck_assert_str_eq(pair.wanted, "shop.test");
	ck_assert_ptr_eq(of_server()->host, &pair);
	ck_assert_ptr_eq(of_server()->policy, pair.policy);
	ck_assert_str_eq(of_server()->client_verify, "NONE");
	ck_assert_uint_eq(tls_counters.handshakes, before + 1);
	ck_assert_str_eq(transport_tls_failure(&pair.server.t), "");
	ck_assert_int_eq(transport_handshake(&pair.server.t), 1);
	ck_assert(!transport_can_splice(&pair.server.t));
}
END_TEST

static bool
server_ready(struct pair *p)
{
	return transport_handshake(&p->client.t) == 1 && transport_tls(&p->server.t)->ready;
}

START_TEST(no_buffers_while_idle)
{
	SSL *ssl;
	size_t used;

	pair_connect(&pair, "shop.test");
	chain_clear(&pair.client.out);
	ck_assert(pair_run(&pair, server_ready));
	ssl = pair.server.t.tls->ssl;
	used = mallinfo2().uordblks;
	ck_assert_int_eq(SSL_free_buffers(ssl), 1);
	ck_assert_uint_eq(mallinfo2().uordblks, used);
}
END_TEST

/* --- bytes ---------------------------------------------------------------------------------- */

enum { MUCH = 3 * 1024 * 1024 };

static char byte_at(size_t i) { return (char)(i * 7 + i / 251 + i / 65537); }

/* Pieces of all sizes, of both kinds. */
static void
add_much(struct chain *c, char *memory)
{
	size_t at = 0, n = 1;

	for (size_t i = 0; i < MUCH; i++)
		memory[i] = byte_at(i);
	while (at < MUCH) {
		n = (n * 5 + 3) % 40000 + 1;
		if (n > MUCH - at)
			n = MUCH - at;
		if (n % 2 == 0)
			chain_add_copy(c, memory + at, n);
		else
			chain_add_ext(c, memory + at, n, NULL, NULL);
		at += n;
	}
}

static bool
is_much(const struct buf *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->p[i] != byte_at(i))
			return false;
	return b->n == MUCH;
}

static bool
all_there(struct pair *p)
{
	return p->server.in.n >= MUCH && p->client.in.n >= MUCH;
}

static void
shrink_buffers(void)
{
	int small = 4096;

	setsockopt(pair.server.t.watcher.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(pair.client.t.watcher.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
}

START_TEST(much_both_ways)
{
	char *a = mem_alloc(MUCH), *b = mem_alloc(MUCH);

	pair_connect(&pair, "shop.test");
	chain_clear(&pair.client.out);
	if (_i == 1)
		shrink_buffers();
	add_much(&pair.client.out, a);
	add_much(&pair.server.out, b);
	ck_assert(pair_run(&pair, all_there));
	ck_assert(is_much(&pair.server.in));
	ck_assert(is_much(&pair.client.in));
	ck_assert(chain_empty(&pair.server.out) && chain_empty(&pair.client.out));
	ck_assert_ptr_null(pair.server.t.tls->in.p);
	ck_assert_ptr_null(pair.server.t.tls->out.p);
	pair_disconnect(&pair);
	mem_free(a);
	mem_free(b);
}
END_TEST

static bool
server_blocked(struct pair *p)
{
	return !(p->server.t.watcher.ready & READY_WRITE);
}

/* An empty chain would tell that the kernel has it all, and that the connection may be closed. */
START_TEST(chain_keeps_what_is_not_sent)
{
	char *memory = mem_alloc(MUCH);

	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	pair.client.deaf = true;
	add_much(&pair.server.out, memory);
	ck_assert(pair_run(&pair, server_blocked));
	ck_assert_uint_gt(pair.server.out.len, 0);
	ck_assert_uint_gt(pair.server.t.tls->owed, 0);
	ck_assert_uint_lt(pair.server.t.tls->out.end, 128 * 1024);
	ck_assert_int_eq(transport_send(&pair.server.t, &pair.server.out, false), 0);
	pair_disconnect(&pair);
	mem_free(memory);
}
END_TEST

/* Of the first records a part is with the client: it may have seen it. */
START_TEST(part_of_a_record_is_told_of)
{
	char *memory = mem_alloc(MUCH);

	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	ck_assert(!pair.server.t.untold);
	shrink_buffers();
	pair.client.deaf = true;
	add_much(&pair.server.out, memory);
	ck_assert(pair_run(&pair, server_blocked));
	ck_assert_uint_eq(pair.server.out.len, MUCH);
	ck_assert(pair.server.t.untold);
	pair_disconnect(&pair);
	mem_free(memory);
}
END_TEST

static bool
server_hears_something(struct pair *p)
{
	return (p->server.t.watcher.ready & READY_READ) != 0;
}

static bool
much_is_there(struct pair *p)
{
	return server_hears_something(p) && !(p->client.t.watcher.ready & READY_WRITE);
}

/* Data counts from its first record on, however much is taken in one call. */
START_TEST(read_in_one_bite)
{
	char *memory = mem_alloc(MUCH);
	struct iovec iov;
	ssize_t n;

	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	pair.server.deaf = true;
	add_much(&pair.client.out, memory);
	ck_assert(pair_run(&pair, much_is_there));
	iov = (struct iovec){ buf_room(&pair.server.in, MUCH), MUCH };
	n = transport_recv(&pair.server.t, &iov, 1);
	ck_assert_int_gt(n, 100000);
	ck_assert_int_eq(pair.server.t.tls->error, 0);
	pair_disconnect(&pair);
	mem_free(memory);
}
END_TEST

START_TEST(read_in_small_bites)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	chain_add_copy(&pair.client.out, "abc", 3);
	peer_write(&pair.client);
	chain_add_copy(&pair.client.out, "d", 1);
	peer_write(&pair.client);
	/* As an event would. */
	pair.server.t.watcher.ready |= READY_READ;
	pair.server.t.tls->dry = false;
	for (const char *p = "abcd"; *p != '\0'; p++) {
		ck_assert(pair.server.t.watcher.ready & READY_READ);
		ck_assert_int_eq(transport_recv(&pair.server.t, &iov, 1), 1);
		ck_assert_int_eq(byte, *p);
	}
	ck_assert_int_eq(transport_recv(&pair.server.t, &iov, 1), IO_AGAIN);
	ck_assert(!(pair.server.t.watcher.ready & READY_READ));
	ck_assert_ptr_null(pair.server.t.tls->in.p);
}
END_TEST

/* --- ends ----------------------------------------------------------------------------------- */

START_TEST(close_is_a_clean_end)
{
	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	transport_close(&pair.client.t, false);
	ck_assert(pair_run(&pair, server_ended));
	ck_assert_int_eq(pair.server.end, IO_EOF);
	ck_assert_ptr_null(transport_tls(&pair.client.t));
	transport_close(&pair.client.t, false);
}
END_TEST

START_TEST(bare_end_is_an_error)
{
	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	transport_plain_ops.shutdown(&pair.client.t);
	ck_assert(pair_run(&pair, server_ended));
	ck_assert_int_eq(pair.server.end, IO_ERROR);
	ck_assert_int_eq(pair.server.error, ECONNRESET);
	ck_assert_ptr_nonnull(strstr(transport_tls_failure(&pair.server.t), "close_notify"));
}
END_TEST

START_TEST(half_closed)
{
	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	transport_shutdown(&pair.client.t);
	ck_assert(pair_run(&pair, server_ended));
	ck_assert_int_eq(pair.server.end, IO_EOF);
	pair.server.end = 1;
	pair.server.deaf = true;
	chain_add_copy(&pair.server.out, "bye", 3);
	peer_write(&pair.server);
	transport_close(&pair.server.t, false);
	ck_assert(pair_run(&pair, client_ended));
	ck_assert(str_eq(buf_view(&pair.client.in), STR_OF("bye")));
}
END_TEST

/* close_notify while the socket stays open. */
static void
say_end(struct peer *p)
{
	tls_enter(p->t.tls);
	ck_assert_int_ge(SSL_shutdown(p->t.tls->ssl), 0);
	tls_leave(p->t.tls, false);
}

static bool
server_sees_end(struct pair *p)
{
	return transport_look(&p->server.t) == IO_EOF;
}

START_TEST(end_is_looked_for)
{
	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	pair.server.deaf = true;
	ck_assert_int_eq(transport_look(&pair.server.t), IO_AGAIN);
	say_end(&pair.client);
	ck_assert(pair_run(&pair, server_sees_end));
	ck_assert(transport_is_half_closed(&pair.server.t));
	ck_assert(!(pair.server.t.watcher.ready & READY_EOF));
	chain_add_copy(&pair.server.out, "bye", 3);
	peer_write(&pair.server);
	transport_close(&pair.server.t, false);
	ck_assert(pair_run(&pair, client_ended));
	ck_assert_int_eq(pair.client.end, IO_EOF);
	ck_assert(str_eq(buf_view(&pair.client.in), STR_OF("bye")));
}
END_TEST

START_TEST(look_takes_no_bytes)
{
	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	pair.server.deaf = true;
	pair.server.in.n = 0;
	chain_add_copy(&pair.client.out, "more", 4);
	ck_assert(pair_run(&pair, server_hears_something));
	say_end(&pair.client);
	ck_assert_int_eq(transport_look(&pair.server.t), IO_AGAIN);
	ck_assert_int_eq(transport_look(&pair.server.t), IO_AGAIN);
	ck_assert(!transport_is_half_closed(&pair.server.t));
	pair.server.deaf = false;
	ck_assert(pair_run(&pair, server_ended));
	ck_assert_int_eq(pair.server.end, IO_EOF);
	ck_assert(transport_is_half_closed(&pair.server.t));
	ck_assert(str_eq(buf_view(&pair.server.in), STR_OF("more")));
}
END_TEST

/* A socket that is closed without close_notify can still be sent to. */
START_TEST(look_does_no_harm)
{
	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	pair.server.deaf = true;
	pair.server.t.watcher.ready |= READY_READ;
	pair.server.t.tls->dry = false;
	ck_assert_int_eq(shutdown(pair.client.t.watcher.fd, SHUT_WR), 0);
	ck_assert_int_eq(transport_look(&pair.server.t), IO_AGAIN);
	chain_add_copy(&pair.server.out, "bye", 3);
	peer_write(&pair.server);
	ck_assert_int_eq(pair.server.end, 1);
	ck_assert(chain_empty(&pair.server.out));
}
END_TEST

/* New keys again and again, but no data: the server ends it, whether it reads or only looks. */
static const bool deafness[] = { false, true };

static unsigned changes;

static bool
server_gives_up(struct pair *p)
{
	struct tls_conn *c = p->client.t.tls;

	if (p->server.deaf)
		(void)transport_look(&p->server.t);
	if (p->server.t.tls->error != 0)
		return true;
	for (unsigned i = 0; i < 16 && changes < 10000; i++, changes++) {
		tls_enter(c);
		ck_assert_int_eq(SSL_key_update(c->ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(c->ssl), 1);
		tls_leave(c, false);
	}
	return false;
}

START_TEST(keys_without_data)
{
	pair_connect(&pair, "shop.test");
	ck_assert(pair_run(&pair, pair_pinged));
	pair.server.deaf = deafness[_i];
	ck_assert(pair_run(&pair, server_gives_up));
	ck_assert_uint_gt(changes, 100);
	ck_assert_str_eq(transport_tls_failure(&pair.server.t), "too many records without data");
}
END_TEST

/* --- alerts --------------------------------------------------------------------------------- */

/* A record that no key fits. */
static const char bad_record[] = "\x17\x03\x03\x00\x20" "0123456789abcdef0123456789abcdef";

static void
write_bad_record(const struct peer *p)
{
	ck_assert_int_eq(write(p->t.watcher.fd, bad_record, sizeof(bad_record) - 1),
	    sizeof(bad_record) - 1);
}

static bool
client_has_finished(struct pair *p)
{
	if (transport_handshake(&p->client.t) == 1)
		p->server.deaf = true;
	return p->server.deaf && server_hears_something(p);
}

/* The server reads a client's Finished and a bad record at once: its tickets do not hold back the
 * alert.  The handshake ends within recv or before it. */
START_TEST(bad_record_behind_the_handshake)
{
	pair_connect(&pair, "shop.test");
	chain_clear(&pair.client.out);
	ck_assert(pair_run(&pair, client_has_finished));
	write_bad_record(&pair.client);
	pair.server.deaf = false;
	if (_i == 1)
		ck_assert_int_eq(transport_handshake(&pair.server.t), 1);
	ck_assert(pair_run(&pair, pair_ended));
	ck_assert_ptr_nonnull(strstr(transport_tls_failure(&pair.server.t), "bad record mac"));
	ck_assert_ptr_nonnull(strstr(transport_tls_failure(&pair.client.t), "bad record mac"));
	ck_assert_uint_eq(pair.server.t.tls->out.end, 0);
}
END_TEST

static bool
server_has_spoken(struct pair *p)
{
	if (p->server.t.tls->ssl != NULL)
		p->server.deaf = true;
	return p->server.deaf;
}

/* Likewise a client, which would send its last flight together with a request. */
START_TEST(bad_record_of_the_server)
{
	pair_connect(&pair, "shop.test");
	pair.client.deaf = true;
	pair.client.t.watcher.ready = READY_WRITE;
	peer_write(&pair.client);
	ck_assert(pair_run(&pair, server_has_spoken));
	write_bad_record(&pair.server);
	chain_clear(&pair.client.out);
	pair.client.deaf = false;
	pair.client.t.watcher.ready |= READY_READ;
	pair.client.t.tls->dry = false;
	peer_read(&pair.client);
	ck_assert_int_eq(pair.client.end, IO_ERROR);
	ck_assert_ptr_nonnull(strstr(transport_tls_failure(&pair.client.t), "bad record mac"));
	transport_close(&pair.client.t, false);
	pair.server.deaf = false;
	ck_assert(pair_run(&pair, server_ended));
	ck_assert(transport_tls(&pair.server.t)->ready);
	ck_assert_ptr_nonnull(strstr(transport_tls_failure(&pair.server.t), "bad record mac"));
}
END_TEST

/* --- what clients send instead -------------------------------------------------------------- */

static int raw;

/* The server's connection, with the other end in `raw`. */
static void
connect_raw(void)
{
	int fd[2];

	pair_disconnect(&pair);
	pair_sockets(fd);
	peer_open_server(&pair, fd[0]);
	raw = fd[1];
}

static bool
plain_http(struct pair *p)
{
	return transport_tls_is_plain_http(&p->server.t);
}

START_TEST(plain_http_is_answered)
{
	char answer[8] = "";

	connect_raw();
	ck_assert_int_eq(write(raw, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	ck_assert(pair_run(&pair, plain_http));
	ck_assert_int_eq(pair.server.end, IO_ERROR);
	ck_assert_ptr_nonnull(strstr(transport_tls_failure(&pair.server.t), "plain HTTP"));
	chain_add_copy(&pair.server.out, "400", 3);
	ck_assert_int_eq(transport_send(&pair.server.t, &pair.server.out, false), 3);
	ck_assert_int_eq(read(raw, answer, sizeof(answer)), 3);
	ck_assert_str_eq(answer, "400");
	close(raw);
}
END_TEST

START_TEST(leaves_without_a_word)
{
	uint64_t before = tls_counters.failed;

	connect_raw();
	close(raw);
	ck_assert(pair_run(&pair, server_ended));
	ck_assert_str_eq(transport_tls_failure(&pair.server.t), "");
	ck_assert_uint_eq(tls_counters.failed, before);
}
END_TEST

START_TEST(leaves_within_the_hello)
{
	connect_raw();
	ck_assert_int_eq(write(raw, "\x16\x03\x01\x01\x00\x01", 6), 6);
	close(raw);
	ck_assert(pair_run(&pair, server_ended));
	ck_assert_str_eq(transport_tls_failure(&pair.server.t), "closed during the handshake");
}
END_TEST

/* --- pieces --------------------------------------------------------------------------------- */

/* Carries a byte between two sockets, if there is one and room for it. */
static void
carry(int from, int to)
{
	char byte;

	if (recv(from, &byte, 1, MSG_PEEK) == 1 && write(to, &byte, 1) == 1)
		ck_assert_int_eq(read(from, &byte, 1), 1);
}

static int relay_server, relay_client;

static bool
carried(struct pair *p)
{
	carry(relay_client, relay_server);
	carry(relay_server, relay_client);
	return p->server.in.n >= 4 && p->client.in.n >= 4;
}

static void
on_tick(struct timer *t)
{
	pair_check();
	loop_timer_set(pair.loop, t, clock_ms() + 1);
}

START_TEST(one_byte_at_a_time)
{
	struct timer tick;
	int a[2], b[2];

	pair_disconnect(&pair);
	pair_sockets(a);
	pair_sockets(b);
	relay_server = a[1];
	relay_client = b[1];
	peer_open_server(&pair, a[0]);
	peer_open_client(&pair, b[0], "shop.test");
	chain_add_copy(&pair.client.out, "ping", 4);
	chain_add_copy(&pair.server.out, "pong", 4);
	timer_init(&tick, on_tick);
	loop_timer_set(pair.loop, &tick, clock_ms() + 1);
	ck_assert(pair_run(&pair, carried));
	ck_assert(str_eq(buf_view(&pair.server.in), STR_OF("ping")));
	ck_assert(str_eq(buf_view(&pair.client.in), STR_OF("pong")));
	loop_timer_cancel(pair.loop, &tick);
	close(relay_server);
	close(relay_client);
}
END_TEST

/* Behind a PROXY header the hello may have been read already, in part or whole. */
START_TEST(early_bytes)
{
	char hello[4096];
	ssize_t n;
	int fd[2];

	pair_disconnect(&pair);
	pair_sockets(fd);
	peer_open_client(&pair, fd[0], "shop.test");
	chain_add_copy(&pair.client.out, "ping", 4);
	pair.client.t.watcher.ready = READY_WRITE;
	peer_write(&pair.client);
	n = read(fd[1], hello, sizeof(hello));
	ck_assert_int_gt(n, 100);
	ck_assert_int_eq(transport_open_plain(&pair.server.t, pair.loop, fd[1], peer_ready), 0);
	pair.server.end = 1;
	transport_start_tls_server(&pair.server.t, &pair.listener,
	    str_make(hello, _i == 0 ? (size_t)n : 0));
	if (_i == 1) {
		pair_disconnect(&pair);
	} else {
		ck_assert(pair_run(&pair, pair_pinged));
		ck_assert_str_eq(pair.wanted, "shop.test");
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tls_transport");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, handshake);
	tcase_add_test(tc, no_buffers_while_idle);
	tcase_add_loop_test(tc, much_both_ways, 0, 2);
	tcase_add_test(tc, chain_keeps_what_is_not_sent);
	tcase_add_test(tc, part_of_a_record_is_told_of);
	tcase_add_test(tc, read_in_one_bite);
	tcase_add_test(tc, read_in_small_bites);
	tcase_add_test(tc, close_is_a_clean_end);
	tcase_add_test(tc, bare_end_is_an_error);
	tcase_add_test(tc, half_closed);
	tcase_add_test(tc, end_is_looked_for);
	tcase_add_test(tc, look_takes_no_bytes);
	tcase_add_test(tc, look_does_no_harm);
	tcase_add_loop_test(tc, keys_without_data, 0, (int)ARRAY_LEN(deafness));
	tcase_add_loop_test(tc, bad_record_behind_the_handshake, 0, 2);
	tcase_add_test(tc, bad_record_of_the_server);
	tcase_add_test(tc, plain_http_is_answered);
	tcase_add_test(tc, leaves_without_a_word);
	tcase_add_test(tc, leaves_within_the_hello);
	tcase_add_test(tc, one_byte_at_a_time);
	tcase_add_loop_test(tc, early_bytes, 0, 2);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
