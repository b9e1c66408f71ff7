/*
 * segment.c - memory shared by master and workers: a memfd with a header that says what it is.
 *
 * The whole range is mapped at once although the file is shorter: pages beyond its end become
 * usable in every process as soon as the master makes it longer, at the addresses all know.
 */
#include "shm/segment.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/check.h"

#define MAGIC 0x7573686572647331ULL	/* "usherds1" */

static uint64_t
fnv(uint64_t hash, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL;
	return hash;
}

uint64_t
segment_layout(const char *name, const size_t *numbers, size_t n)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *name != '\0'; name++)
		hash = fnv(hash, (const unsigned char *)name, 1);
	return fnv(hash, (const unsigned char *)numbers, n * sizeof(*numbers));
}

static void *
map_range(int fd, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* The range is mostly empty and all too long for a core file. */
	(void)madvise(p, n, MADV_DONTDUMP);
	return p;
}

int
segment_new(struct segment *s, const char *name, uint64_t layout, size_t size, size_t reserve)
{
	int saved;

	CHECK(size >= sizeof(struct segment_header) && size <= reserve);
	*s = (struct segment){ .fd = -1 };
	s->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->fd == -1)
		return -1;
	if (ftruncate(s->fd, (off_t)size) == -1)
		goto fail;
	/* Nobody can cut off pages and so kill with SIGBUS those who read them. */
	if (fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK) == -1)
		goto fail;
	s->base = map_range(s->fd, reserve);
	if (s->base == NULL)
		goto fail;
	s->reserved = reserve;
	s->mapped = size;
	s->base->magic = MAGIC;
	s->base->layout = layout;
	atomic_store(&s->base->size, size);
	return 0;

fail:
	saved = errno;
	close(s->fd);
	s->fd = -1;
	errno = saved;
	return -1;
}

/* The size that the header tells, or 0 when it is not to be believed. */
static size_t
believable_size(const struct segment_header *h, uint64_t layout, size_t file_size, size_t reserve)
{
	uint64_t size = atomic_load(&h->size);

	if (h->magic != MAGIC || h->layout != layout)
		return 0;
	if (size < sizeof(*h) || size > file_size || size > reserve)
		return 0;
	return size;
}

int
segment_open(struct segment *s, int fd, uint64_t layout, size_t reserve)
{
	struct segment_header *base;
	struct stat st;
	size_t size;
	int seals;

	*s = (struct segment){ .fd = -1 };
	if (fstat(fd, &st) == -1)
		return -1;
	seals = fcntl(fd, F_GET_SEALS);
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(struct segment_header) ||
	    reserve < sizeof(struct segment_header) || seals == -1 ||
	    (seals & F_SEAL_SHRINK) == 0) {
		errno = EINVAL;
		return -1;
	}
	base = map_range(fd, reserve);
	if (base == NULL)
		return -1;
	size = believable_size(base, layout, (size_t)st.st_size, reserve);
	if (size == 0) {
		munmap(base, reserve);
		errno = EINVAL;
		return -1;
	}
	*s = (struct segment){ .fd = fd, .base = base, .reserved = reserve, .mapped = size };
	return 0;
}

int
segment_grow(struct segment *s, size_t size)
{
	if (size <= s->mapped)
		return 0;
	if (size > s->reserved) {
		errno = ENOMEM;
		return -1;
	}
	if (ftruncate(s->fd, (off_t)size) == -1)
		return -1;
	s->mapped = size;
	atomic_store(&s->base->size, size);
	return 0;
}

void
segment_close(struct segment *s)
{
	if (s->base != NULL)
		munmap(s->base, s->reserved);
	if (s->fd != -1)
		close(s->fd);
	*s = (struct segment){ .fd = -1 };
}
