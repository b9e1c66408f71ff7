/* tls_hello.c: what clients say first, in any size and shape. */

#include "unit.h"

#include "net/tls_hello.h"
#include "tls_pair.h"

static struct made shop;
static struct pair pair;
static int raw;			/* the client's end of a connection to the server */

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

static void
connect_raw(void)
{
	int fd[2];

	pair_disconnect(&pair);
	pair_sockets(fd);
	peer_open_server(&pair, fd[0]);
	raw = fd[1];
}

/* With the alert of RFC 8446 for each. */
static const struct {
	const char *bytes;
	size_t n;
	const char *failure;
	uint8_t alert;
} garbage[] = {
	{ "\0\0\0", 3, "no TLS handshake", SSL_AD_UNEXPECTED_MESSAGE },
	{ "\x80\x2e\x01\x03\x01", 5, "no TLS handshake", SSL_AD_UNEXPECTED_MESSAGE },
	{ "\x15\x03\x01\x00\x02\x01\x00", 7, "no TLS handshake", SSL_AD_UNEXPECTED_MESSAGE },
	{ "\x17\x03\x01\x00\x01\x00", 6, "no TLS handshake", SSL_AD_UNEXPECTED_MESSAGE },
	{ "\x16\x02\x00\x00\x05", 5, "no TLS handshake", SSL_AD_PROTOCOL_VERSION },
	{ "\x16\x03\x01\x00\x00", 5, "empty record", SSL_AD_UNEXPECTED_MESSAGE },
	{ "\x16\x03\x01\x40\x01", 5, "record too large", SSL_AD_RECORD_OVERFLOW },
	{ "\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9, "no ClientHello",
	    SSL_AD_UNEXPECTED_MESSAGE },
	{ "\x16\x03\x01\x40\x00\x02", 6, "no ClientHello", SSL_AD_UNEXPECTED_MESSAGE },
	{ "\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9, "ClientHello too large",
	    SSL_AD_ILLEGAL_PARAMETER },
	{ "\x16\x03\x01\x40\x00\x01\x01\x00\x00", 9, "ClientHello too large",
	    SSL_AD_ILLEGAL_PARAMETER },
	{ "\x16\x03\x01\x00\x01\x01\x15\x03\x01", 9, "no TLS handshake",
	    SSL_AD_UNEXPECTED_MESSAGE },
	{ "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, "malformed ClientHello",
	    SSL_AD_DECODE_ERROR },
};

START_TEST(garbage_is_refused)
{
	uint64_t before = tls_counters.failed;
	uint8_t alert[16];

	connect_raw();
	ck_assert_int_eq(write(raw, garbage[_i].bytes, garbage[_i].n), (ssize_t)garbage[_i].n);
	ck_assert(pair_run(&pair, server_ended));
	ck_assert_str_eq(transport_tls_failure(&pair.server.t), garbage[_i].failure);
	ck_assert_int_eq(read(raw, alert, sizeof(alert)), 7);
	ck_assert_int_eq(alert[0], 21);
	ck_assert_int_eq(alert[6], garbage[_i].alert);
	ck_assert_uint_eq(tls_counters.failed, before + 1);
	close(raw);
}
END_TEST

static const struct {
	size_t message;			/* bytes of the ClientHello, padded */
	size_t record;			/* payload of each record */
	bool good;
} hellos[] = {
	{ 600, 1, true },
	{ 600, 3, true },
	{ 16384, 16384, true },
	{ 16385, 16384, true },
	{ 65536, 16384, true },
	{ 65536, 1000, true },
	{ 65536, 16383, true },
	{ 65536, 1, true },
	{ 65537, 16384, false },
	{ 65537, 1, false },
};

/* The ClientHello that our client sends, with its header. */
static size_t
get_hello(uint8_t *message, size_t size)
{
	ssize_t n;
	int fd[2];

	pair_sockets(fd);
	peer_open_client(&pair, fd[0], "shop.test");
	ck_assert_int_eq(transport_handshake(&pair.client.t), IO_AGAIN);
	n = read(fd[1], message, 5);
	ck_assert_int_eq(n, 5);
	n = read(fd[1], message, size);
	ck_assert_int_gt(n, 100);
	close(fd[1]);
	return (size_t)n;
}

static void
add_number(uint8_t *at, int bytes, size_t more)
{
	size_t v = more;

	for (int i = 0; i < bytes; i++)
		v += (size_t)at[i] << (8 * (bytes - 1 - i));
	for (int i = bytes; i-- > 0; v >>= 8)
		at[i] = (uint8_t)v;
}

/* Makes it `size` bytes long by an extension (RFC 7685). */
static void
pad(uint8_t *message, size_t n, size_t size)
{
	uint8_t *extensions = message + 4 + 2 + 32;
	size_t more = size - n;

	extensions += 1 + extensions[0];
	extensions += 2 + (extensions[0] << 8 | extensions[1]);
	extensions += 1 + extensions[0];
	memset(message + n, 0, more);
	message[n + 1] = 21;
	add_number(message + n + 2, 2, more - 4);
	add_number(extensions, 2, more);
	add_number(message + 1, 3, more);
}

/* Writes it in pieces of `step` bytes, which the server reads one by one. */
static void
feed(const char *p, size_t n, size_t step)
{
	for (size_t at = 0; at < n && pair.server.end == 1; at += step) {
		struct tls_conn *c = pair.server.t.tls;
		size_t part = n - at < step ? n - at : step;

		ck_assert_int_eq(write(raw, p + at, part), (ssize_t)part);
		pair.server.t.watcher.ready |= READY_READ;	/* as an event would */
		c->dry = false;
		peer_read(&pair.server);
		ck_assert_uint_le(c->in.end, TLS_HELLO_MAX + 2 * 16384 + 40000);
	}
}

START_TEST(hello_of_any_shape)
{
	size_t size = hellos[_i].message, n;
	uint8_t *message = mem_zalloc(1, size + 4096);
	uint8_t answer[4096];
	struct buf records;

	n = get_hello(message, 4096);
	ck_assert_uint_lt(n + 4, size);
	pad(message, n, size);
	buf_init(&records);
	for (size_t at = 0; at < size; at += hellos[_i].record) {
		size_t part = size - at < hellos[_i].record ? size - at : hellos[_i].record;
		char header[] = { 22, 3, 1, (char)(part >> 8), (char)part };

		buf_add(&records, header, sizeof(header));
		buf_add(&records, message + at, part);
	}
	for (size_t step = records.n > 5000 ? 10001 : 1; step < 40000; step += 29998) {
		connect_raw();
		feed(records.p, records.n, step);
		ck_assert_int_gt(read(raw, answer, sizeof(answer)), 6);
		ck_assert_int_eq(answer[0], hellos[_i].good ? 22 : 21);
		if (hellos[_i].good)
			ck_assert_str_eq(pair.wanted, "shop.test");
		else
			ck_assert_int_eq(answer[6], SSL_AD_ILLEGAL_PARAMETER);
		close(raw);
	}
	buf_fini(&records);
	mem_free(message);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tls_hello");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, garbage_is_refused, 0, (int)ARRAY_LEN(garbage));
	tcase_add_loop_test(tc, hello_of_any_shape, 0, (int)ARRAY_LEN(hellos));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
