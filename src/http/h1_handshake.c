/*
 * h1_handshake.c - HTTP/1 connections of clients: the TLS handshake, and what goes wrong later.
 */
#include "base/log.h"
#include "http/h1_front_internal.h"
#include "net/tls_server.h"

static void
ended(struct h1_front *f, bool done)
{
	f->options->on_handshake(f->options->arg, done, done && f->peer.tls->resumed);
}

static void
tell(const struct h1_front *f, const char *what, const char *reason)
{
	char client[ADDR_TEXT];

	if (log_get_level() < LOG_LEVEL_INFO)
		return;
	ip_text(&f->peer.client, client);
	log_info("client %s: tls%s: %s", client, what, reason);
}

static void
failed(struct h1_front *f, const char *reason)
{
	ended(f, false);
	tell(f, " handshake failed", reason);
}

void
h1_front_tell_tls(const struct h1_front *f)
{
	const char *reason = transport_tls_failure(&f->transport);

	if (f->peer.tls != NULL && f->peer.tls->ready && *reason != '\0')
		tell(f, "", reason);
}

/* Somebody speaks HTTP to a TLS port: the answer says so, in the same tongue. */
static void
answer_plainly(struct h1_front *f)
{
	static const struct refusal plain = {
		400, "plain-http", "this port speaks only HTTPS, and the request came as plain HTTP"
	};

	f->peer.tls = NULL;
	f->head_start_us = clock_us();
	h1_front_begin(f, NULL, &plain);
}

static void
broken(struct h1_front *f)
{
	const char *reason = transport_tls_failure(&f->transport);

	if (transport_tls_is_plain_http(&f->transport)) {
		ended(f, false);
		answer_plainly(f);
		return;
	}
	failed(f, *reason != '\0' ? reason : "the client closed the connection");
	h1_front_linger(f);
}

void
h1_front_handshake(struct h1_front *f)
{
	int r = transport_handshake(&f->transport);

	if (r == IO_AGAIN)
		return;
	if (r == IO_ERROR) {
		broken(f);
		return;
	}
	ended(f, true);
	f->state = FRONT_IDLE;
	f->head_start_us = clock_us();
	h1_front_set_timer(f, msec_after(clock_ms(), f->options->header_timeout_ms));
	h1_front_input(f);
}

void
h1_front_start_tls(struct h1_front *f, struct str early)
{
	transport_start_tls_server(&f->transport, f->options->tls, early);
	f->peer.tls = transport_tls(&f->transport);
	f->state = FRONT_HANDSHAKE;
}

void
h1_front_handshake_timeout(struct h1_front *f)
{
	failed(f, "not complete in time");
	h1_front_close(f, false);
}
