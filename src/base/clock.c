/*
 * clock.c - the time, read once per turn of the event loop.
 *
 * The wall clock is the monotonic one plus an offset, which is measured once a second: one call a
 * turn, and a step of the wall clock is noticed soon enough.
 */
#include "base/clock.h"


msec clock_cached_ms;
int64_t clock_cached_us;
msec clock_cached_wall_ms;

enum { US_PER_SECOND = 1000000 };

static int64_t wall_offset_us;
static int64_t next_offset_us;		/* when to measure it again; 0: it never was */

static int64_t
read_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * US_PER_SECOND + t.tv_nsec / 1000;
}

int64_t
clock_read_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

void
clock_update(void)
{
	int64_t now = clock_read_us();

	if (now >= next_offset_us) {
		if (next_offset_us == 0)
			tzset();	/* while /etc/localtime is in reach: a chroot may follow */
		wall_offset_us = read_us(CLOCK_REALTIME) - now;
		next_offset_us = now + US_PER_SECOND;
	}
	clock_cached_us = now;
	clock_cached_ms = now / 1000;
	clock_cached_wall_ms = (now + wall_offset_us) / 1000;
}

struct text {
	time_t second;		/* what the text says */
	size_t n;		/* 0: nothing yet */
	char p[64];
};

/* True if the text does not tell the current second, which is then in `tm` to make it anew. */
static bool
outdated(struct text *t, struct tm *tm, struct tm *(*convert)(const time_t *, struct tm *))
{
	time_t now = (time_t)(clock_cached_wall_ms / 1000);

	if (t->n > 0 && t->second == now)
		return false;
	t->second = now;
	convert(&now, tm);
	return true;
}

/* The program never calls setlocale(), so strftime() writes English names. */
struct str
clock_http_date(void)
{
	static struct text t;
	struct tm tm;

	if (outdated(&t, &tm, gmtime_r))
		t.n = strftime(t.p, sizeof(t.p), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return str_make(t.p, t.n);
}

struct str
clock_clf(void)
{
	static struct text t;
	struct tm tm;

	if (outdated(&t, &tm, localtime_r))
		t.n = strftime(t.p, sizeof(t.p), "%d/%b/%Y:%H:%M:%S %z", &tm);
	return str_make(t.p, t.n);
}

struct str
clock_iso8601(void)
{
	static struct text t;
	struct tm tm;

	if (outdated(&t, &tm, localtime_r)) {
		t.n = strftime(t.p, sizeof(t.p), "%Y-%m-%dT%H:%M:%S%z", &tm);
		/* strftime() writes +0100 for +01:00 */
		memmove(t.p + t.n - 1, t.p + t.n - 2, 2);
		t.p[t.n - 2] = ':';
		t.n++;
	}
	return str_make(t.p, t.n);
}
