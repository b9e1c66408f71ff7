/*
 * tls_error.c - OpenSSL's error queue as text.
 */
#include "net/tls_error.h"

#include <openssl/err.h>
#include <stdio.h>

void
tls_error_text(char out[TLS_ERROR_TEXT])
{
	const char *data = NULL, *reason;
	int flags = 0;
	unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);

	out[0] = '\0';
	if (code != 0) {
		reason = ERR_reason_error_string(code);
		snprintf(out, TLS_ERROR_TEXT, "%s", reason != NULL ? reason : "unknown error");
		if ((flags & ERR_TXT_STRING) != 0 && data != NULL && data[0] != '\0')
			snprintf(out, TLS_ERROR_TEXT, "%s (%s)",
			    reason != NULL ? reason : "unknown error", data);
	}
	ERR_clear_error();
}

void
tls_error_report(char out[TLS_ERROR_TEXT], const char *what)
{
	char text[TLS_ERROR_TEXT];

	tls_error_text(text);
	snprintf(out, TLS_ERROR_TEXT, "%.100s: %.150s", what, text);
}
