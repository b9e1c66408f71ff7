/*
 * tls_memory.h - where OpenSSL's objects come from.
 */
#ifndef USHERD_NET_TLS_MEMORY_H
#define USHERD_NET_TLS_MEMORY_H

/* From now on out of free lists of this process.  Once, before the first call of OpenSSL: later it
 * does nothing. */
void tls_memory_use(void);

#endif
