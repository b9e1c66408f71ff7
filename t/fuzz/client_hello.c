/* What a client says first: read the same however it comes, with the name that OpenSSL reads too,
 * and refused or answered within bounds. The first byte tells how it is cut in pieces. */

#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/tls_fixture.h"
#include "fuzz.h"
#include "net/tls_hello.h"
#include "net/tls_transport.h"

enum { READ_AT_ONCE = 40000, RECORD_BYTES = 16384 + 5 };

static const unsigned numbers[] = { 0 };
static struct tls_site site = { NULL, numbers, 1, NULL };
static struct tls_listener listener;
static struct made made;

static const struct tls_site *
choose(void *arg, struct str name)
{
	(void)arg;
	CHECK(name.p == NULL || (name.n > 0 && name.n <= TLS_NAME_MAX));
	for (size_t i = 0; i < name.n; i++)
		CHECK(name.p[i] != '\0' && name.p[i] == char_lower[(unsigned char)name.p[i]]);
	return str_ends(name, STR_OF("refused.test")) ? NULL : &site;
}

static void
set_up(void)
{
	static const struct str alpn[] = { STR("http/1.1") };
	static const struct str none = { NULL, 0 };
	struct tls_policy_options o = { .min_version = 12, .alpn = alpn, .nalpn = 1 };
	char error[TLS_ERROR_TEXT];
	struct tls_cert *cert;

	made = fixture_make((struct wish){ .cn = "a.test" });
	cert = tls_cert_new(str_of(made.cert_pem), str_of(made.key_pem), none, error);
	listener = (struct tls_listener){ choose, NULL, tls_store_new(1) };
	CHECK(cert != NULL);
	tls_store_set(listener.store, 0, cert);
	tls_cert_unref(cert);
	site.policy = tls_policy_new(&o, error);
	CHECK(site.policy != NULL);
}

/* Reads bytes that come in pieces of `step`, as a connection does. */
static enum tls_hello_result
read_pieces(const uint8_t *data, size_t size, size_t step, struct tls_hello *hello)
{
	uint8_t *all = mem_alloc(size > 0 ? size : 1);
	enum tls_hello_result r = TLS_HELLO_MORE;
	size_t have = 0;

	for (size_t at = 0; at < size && r == TLS_HELLO_MORE; at += step) {
		size_t n = size - at < step ? size - at : step;

		memcpy(all + have, data + at, n);
		have += n;
		r = tls_hello_read(all, &have, hello);
		CHECK(have <= TLS_HELLO_MAX + 2 * RECORD_BYTES + step);
		CHECK((r == TLS_HELLO_BAD) == (hello->problem != NULL));
	}
	mem_free(all);
	return r;
}

/* What is known about a hello does not depend on how it came. */
static void
check_pieces(const uint8_t *data, size_t size)
{
	struct tls_hello whole, part;
	enum tls_hello_result r = read_pieces(data, size, size, &whole);

	for (size_t step = 1; step < size; step = step * 3 + 1) {
		if (size > 20000 && step < 100)
			continue;
		CHECK(read_pieces(data, size, step, &part) == r);
		CHECK(r == TLS_HELLO_BAD || size == 0 || strcmp(part.name, whole.name) == 0);
	}
}

static void
ignore(struct watcher *w)
{
	(void)w;
}

/* True if the connection goes on. */
static bool
read_some(struct transport *t)
{
	static char bytes[READ_AT_ONCE];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct tls_conn *c = t->tls;
	const char *name;
	ssize_t n;

	/* As an event would. */
	t->watcher.ready = READY_READ | READY_WRITE;
	c->dry = false;
	n = transport_recv(t, &iov, 1);
	CHECK(c->in.end <= TLS_HELLO_MAX + 2 * RECORD_BYTES + READ_AT_ONCE);
	if (c->ssl != NULL) {
		name = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
		CHECK(name == NULL || (c->name != NULL && strcasecmp(name, c->name) == 0));
	}
	if (n == IO_ERROR)
		CHECK(c->error != 0 && transport_recv(t, &iov, 1) <= 0);
	return n == IO_AGAIN;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *loop;
	struct transport t;
	size_t step;
	int fd[2];

	if (size < 1 || size > 512 * 1024)
		return 0;
	if (site.policy == NULL)
		set_up();
	step = data[0] == 0 ? size : data[0];
	data++;
	size--;
	check_pieces(data, size);
	loop = loop_new();
	CHECK(loop != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	CHECK(transport_open_tls_server(&t, loop, fd[0], ignore, &listener) == 0);
	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;

		if (write(fd[1], data + at, n) != (ssize_t)n || !read_some(&t))
			break;
	}
	close(fd[1]);
	if (t.tls->error == 0)
		CHECK(!read_some(&t));
	transport_close(&t, false);
	loop_free(loop);
	return 0;
}
