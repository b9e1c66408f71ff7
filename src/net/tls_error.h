/*
 * tls_error.h - OpenSSL's error queue as text.
 */
#ifndef USHERD_NET_TLS_ERROR_H
#define USHERD_NET_TLS_ERROR_H

#include "net/tls_cert.h"

/* Writes what the oldest error of the queue says, which names the cause, and empties the queue;
 * "" if there is none. */
void tls_error_text(char out[TLS_ERROR_TEXT]);

/* The same behind "what: ". */
void tls_error_report(char out[TLS_ERROR_TEXT], const char *what);

#endif
