/*
 * cert_files.c - the two files of a certificate: read as they are, and whether they changed.
 */
#include "process/cert_files.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

enum {
	FILE_MAX = 1 << 20,		/* a chain of a hundred certificates has a fifth of it */
	SETTLE_S = 2,			/* FAT ticks every two seconds, others faster */
};

static void
take_stamp(struct cert_stamp *s, const char *path)
{
	int fd = path_open(path, O_PATH, 0);
	struct stat st;

	*s = (struct cert_stamp){ .error = 0 };
	if (fd == -1 || fstat(fd, &st) == -1)
		s->error = errno;
	if (fd != -1)
		close(fd);
	if (s->error != 0)
		return;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->size = st.st_size;
	s->modified = st.st_mtim;
	s->changed = st.st_ctim;
}

void
cert_stamps_take(struct cert_stamps *s, const char *chain_path, const char *key_path)
{
	take_stamp(&s->chain, chain_path);
	take_stamp(&s->key, key_path);
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
same_stamp(const struct cert_stamp *a, const struct cert_stamp *b)
{
	return a->error == b->error && a->dev == b->dev && a->ino == b->ino &&
	    a->size == b->size && same_time(a->modified, b->modified) &&
	    same_time(a->changed, b->changed);
}

bool
cert_stamps_same(const struct cert_stamps *a, const struct cert_stamps *b)
{
	return same_stamp(&a->chain, &b->chain) && same_stamp(&a->key, &b->key);
}

bool
cert_stamps_settled(const struct cert_stamps *s, time_t now_wall_s)
{
	time_t before = now_wall_s - SETTLE_S;

	return s->chain.changed.tv_sec < before && s->key.changed.tv_sec < before;
}

/* All of it; -1 with errno, EFBIG where no certificate can be so large, EINVAL for no file. */
static int
read_fd(int fd, struct buf *b)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	/* Room for all at once: a buffer that grows leaves copies of the key behind. */
	if (st.st_size <= FILE_MAX)
		(void)buf_room(b, (size_t)st.st_size + 2);
	while (b->n <= FILE_MAX) {
		char *room = buf_room(b, 1);
		ssize_t n = read(fd, room, b->cap - b->n);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		b->n += (size_t)n;
	}
	errno = EFBIG;
	return -1;
}

static int
read_file(const char *path, struct buf *b, char error[CERT_ERROR])
{
	/* O_NONBLOCK: a pipe in its place is an error and not a wait. */
	int fd = path_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0), result;

	if (fd == -1) {
		snprintf(error, CERT_ERROR, "%s: %s", path, path_error(errno));
		return -1;
	}
	result = read_fd(fd, b);
	if (result == -1)
		snprintf(error, CERT_ERROR, "%s: %s", path,
		    errno == EINVAL ? "is no regular file" : strerror(errno));
	close(fd);
	return result;
}

int
cert_text_read(struct cert_text *t, const char *chain_path, const char *key_path,
    char error[CERT_ERROR])
{
	struct str parts[2];
	int result;

	*t = (struct cert_text){ .chain = { NULL, 0, 0 }, .key = { NULL, 0, 0 } };
	result = read_file(chain_path, &t->chain, error);
	if (result == 0)
		result = read_file(key_path, &t->key, error);
	parts[0] = result == 0 ? buf_view(&t->chain) : str_of(error);
	parts[1] = result == 0 ? buf_view(&t->key) : STR_OF("");
	digest_sha256(parts, 2, t->digest);
	return result;
}

void
cert_text_fini(struct cert_text *t)
{
	if (t->key.p != NULL)
		explicit_bzero(t->key.p, t->key.n);
	/* A chain file may have the key in it, too. */
	if (t->chain.p != NULL)
		explicit_bzero(t->chain.p, t->chain.n);
	buf_fini(&t->key);
	buf_fini(&t->chain);
}
