/*
 * cert_files.h - the two files of a certificate: read as they are, and whether they changed.
 */
#ifndef USHERD_PROCESS_CERT_FILES_H
#define USHERD_PROCESS_CERT_FILES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/digest.h"

/* Which bytes a path leads to, as far as one can tell without reading them. */
struct cert_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec modified;
	struct timespec changed;
	int error;			/* errno of a file that cannot be looked at, else 0 */
};

struct cert_stamps {
	struct cert_stamp chain;
	struct cert_stamp key;
};

/* Looks at both, through links.  Without padding bytes that differ: cert_stamps_same() compares. */
void cert_stamps_take(struct cert_stamps *s, const char *chain_path, const char *key_path);
bool cert_stamps_same(const struct cert_stamps *a, const struct cert_stamps *b);

/*
 * False if a file was written so shortly before `now_wall_s` that a later write might leave the
 * same stamp: the clock of a file system ticks slowly.
 */
bool cert_stamps_settled(const struct cert_stamps *s, time_t now_wall_s);

/* What stands in the files.  cert_text_fini() wipes the key. */
struct cert_text {
	struct buf chain;
	struct buf key;
	uint8_t digest[DIGEST_SHA256];	/* of both */
};

enum { CERT_ERROR = 512 };

/*
 * Reads both files.  0; or -1, then `error` says which one and why, and the digest is one of the
 * error.  In both cases cert_text_fini() ends it.
 */
int cert_text_read(struct cert_text *t, const char *chain_path, const char *key_path,
    char error[CERT_ERROR]);
void cert_text_fini(struct cert_text *t);

#endif
