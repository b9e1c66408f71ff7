/* PROXY headers: read the same from any prefix, and written ones are read back as they were. */

#include <stdio.h>

#include "fuzz.h"
#include "net/proxy_header.h"

/* Reads a prefix, from memory of just that size. */
static int
read_prefix(const uint8_t *data, size_t n, struct proxy_header *h)
{
	char *copy = mem_alloc(n + 1);
	int r;

	memcpy(copy, data, n);
	copy = mem_realloc(copy, n > 0 ? n : 1, 1);
	r = proxy_header_read(copy, n, h);
	CHECK(r >= -1 && r <= (int)n);
	mem_free(copy);
	return r;
}

static bool
same_address(const struct ip_port *a, const struct ip_port *b)
{
	return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, 16) == 0;
}

static void
check_written(const struct proxy_header *h, int version)
{
	char out[PROXY_HEADER_MAX];
	size_t n = proxy_header_write(out, version, &h->source, &h->destination);
	struct proxy_header back;

	CHECK(read_prefix((const uint8_t *)out, n, &back) == (int)n);
	CHECK(read_prefix((const uint8_t *)out, n - 1, &back) == 0);
	CHECK(read_prefix((const uint8_t *)out, n, &back) == (int)n);
	CHECK(back.known && same_address(&h->source, &back.source) &&
	    same_address(&h->destination, &back.destination));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header h, early;
	int r;

	if (size > 1024)
		return 0;
	r = read_prefix(data, size, &h);
	for (size_t n = 0; n < size; n++) {
		int before = read_prefix(data, n, &early);

		if (r > 0)
			CHECK(before == (n < (size_t)r ? 0 : r));
		else
			CHECK(before == 0 || before == r);
	}
	if (r > 0 && h.known) {
		CHECK(h.source.family == AF_INET || h.source.family == AF_INET6);
		check_written(&h, 1);
		check_written(&h, 2);
	}
	return 0;
}
