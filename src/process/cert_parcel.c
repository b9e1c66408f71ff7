/*
 * cert_parcel.c - a certificate with its key on the way from the master to a worker.
 */
#include "process/cert_parcel.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, PARCEL_MAX = 4 << 20 };

/* What the parcel begins with; the chain follows, then the key. */
struct label {
	uint64_t chain_bytes;
	uint64_t key_bytes;
};

int
cert_parcel_make(const struct cert_text *t)
{
	struct label label = { t->chain.n, t->key.n };
	struct iovec iov[3] = {
		{ &label, sizeof(label) }, { t->chain.p, t->chain.n }, { t->key.p, t->key.n },
	};
	size_t total = sizeof(label) + t->chain.n + t->key.n;
	int fd = memfd_create("usherd-certificate", MFD_CLOEXEC | MFD_ALLOW_SEALING), saved;
	ssize_t n;

	if (fd == -1)
		return -1;
	n = writev(fd, iov, 3);
	if (n == (ssize_t)total && fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0)
		return fd;
	saved = n >= 0 && n != (ssize_t)total ? ENOSPC : errno;
	close(fd);
	errno = saved;
	return -1;
}

static bool
read_all(int fd, char *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = pread(fd, p + at, n - at, (off_t)at);

		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

/* How many bytes the parcel has; 0 if it is none. */
static size_t
parcel_size(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals == -1 || (seals & SEALS) != SEALS || fstat(fd, &st) == -1)
		return 0;
	if (st.st_size < (off_t)sizeof(struct label) || st.st_size > PARCEL_MAX)
		return 0;
	return (size_t)st.st_size;
}

struct tls_cert *
cert_parcel_open(int fd, struct str passphrase, char error[TLS_ERROR_TEXT])
{
	size_t size = parcel_size(fd), rest = size - sizeof(struct label);
	struct tls_cert *cert = NULL;
	struct label label;
	char *bytes;

	snprintf(error, TLS_ERROR_TEXT, "is no certificate from the master");
	if (size == 0)
		return NULL;
	bytes = mem_alloc(size);
	if (read_all(fd, bytes, size)) {
		memcpy(&label, bytes, sizeof(label));
		if (label.chain_bytes <= rest && label.key_bytes == rest - label.chain_bytes) {
			const char *chain = bytes + sizeof(label);

			cert = tls_cert_new(str_make(chain, label.chain_bytes),
			    str_make(chain + label.chain_bytes, label.key_bytes), passphrase,
			    error);
		}
	}
	explicit_bzero(bytes, size);
	mem_free(bytes);
	return cert;
}
