/*
 * failure.c - what a failed attempt says about its server.
 */
#include "proxy/fetch/failure.h"

#include <errno.h>

static const enum metrics_failure metrics[] = {
	[BACK_CONNECT] = FAIL_CONNECT,
	[BACK_CONNECT_TIMEOUT] = FAIL_CONNECT_TIMEOUT,
	[BACK_CLOSED] = FAIL_RESET,
	[BACK_FIRST_BYTE_TIMEOUT] = FAIL_TIMEOUT,
	[BACK_READ_TIMEOUT] = FAIL_TIMEOUT,
	[BACK_WRITE_TIMEOUT] = FAIL_TIMEOUT,
	[BACK_BAD_RESPONSE] = FAIL_BAD_RESPONSE,
	[BACK_TLS] = FAIL_TLS,
	[BACK_TLS_VERIFY] = FAIL_TLS_VERIFY,
	[BACK_TUNNEL_TIMEOUT] = FAIL_TIMEOUT,
};

void
failure_count(struct backend *b, struct server *s, enum back_failure failure)
{
	metrics_add(&backend_cell(b)->failures[metrics[failure]], 1);
	metrics_add(&s->cell->failures[metrics[failure]], 1);
}

bool
failure_is_stale(const struct back_stream *back, enum back_failure failure)
{
	return failure == BACK_CLOSED && back->reused && !back->got_bytes;
}

static bool
is_ours(const struct back_stream *back)
{
	return back == NULL && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
	    errno == ENOBUFS || errno == EADDRNOTAVAIL);
}

enum backend_outcome
failure_outcome(const struct back_stream *back, enum back_failure failure)
{
	return is_ours(back) || failure_is_stale(back, failure) ? OUTCOME_NEUTRAL : OUTCOME_BAD;
}
