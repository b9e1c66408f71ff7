/* segment.c: a shared segment with an arbitrary header and length is refused, or safe to use. */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/segment.h"

enum { LAYOUT = 1, RESERVE = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct segment s;

	if (fd == -1 || write(fd, data, size) != (ssize_t)size)
		abort();
	/* The last bit of the content decides whether it could still be cut off. */
	if (size == 0 || (data[size - 1] & 1) == 0)
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
	if (segment_open(&s, fd, LAYOUT, RESERVE) == -1) {
		close(fd);
		return 0;
	}
	if (s.mapped < sizeof(*s.base) || s.mapped > size || s.mapped > RESERVE)
		abort();
	/* Every byte that it tells of can be read. */
	for (size_t i = 0; i < s.mapped; i++)
		(void)*((volatile uint8_t *)s.base + i);
	segment_close(&s);
	return 0;
}
