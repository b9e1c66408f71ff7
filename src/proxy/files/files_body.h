/*
 * files_body.h - sends the bytes of a file, and never waits long for a disk.
 *
 *	plain socket, many bytes ─► pieces for sendfile()
 *	TLS, filters, few bytes  ─► pieces read into blocks
 *
 * Either way a piece is looked for in the page cache first; when it is not there the kernel is
 * asked to read it, and other requests have their turn meanwhile.
 */
#ifndef USHERD_PROXY_FILES_FILES_BODY_H
#define USHERD_PROXY_FILES_FILES_BODY_H

#include <stdint.h>

#include "proxy/exchange.h"

struct files_body;

/* Bytes of the file, and the text that goes before them (may be empty; lives in the arena). */
struct files_part {
	struct str before;
	uint64_t offset;
	uint64_t len;
};

/*
 * Takes over `fd`; `parts` (in the arena) are sent in their order, then `after`.  Call it after
 * exchange_head().  A file that has become too short, or cannot be read, fails the exchange.
 * files_body_end() has to be called, at any time.
 */
struct files_body *files_body_new(struct exchange *x, int fd, struct files_part *parts,
    unsigned nparts, struct str after);

/* Sends as much as can go now; the end of the response too. */
void files_body_send(struct files_body *b);

/* Sends no more; the file is closed when its last bytes have left. */
void files_body_end(struct files_body *b);

#endif
