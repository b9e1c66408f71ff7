/*
 * limits.c - the descriptors that a process may have, and so how many connections it can bear.
 */
#include "process/limits.h"

#include <sys/resource.h>

#include <stdint.h>

#include "base/log.h"

enum { PER_CONNECTION = 2, LEAST = 8 };

/* What fits if the soft limit is set as high as can be. */
static uint64_t
raise_limit(uint64_t wanted)
{
	struct rlimit limit, more;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1) {
		log_warn("RLIMIT_NOFILE: %m");
		return wanted;
	}
	if (limit.rlim_cur >= wanted)
		return wanted;
	more = (struct rlimit){ .rlim_cur = wanted, .rlim_max = limit.rlim_max };
	if (more.rlim_max < wanted)
		more.rlim_max = wanted;
	if (setrlimit(RLIMIT_NOFILE, &more) == 0)
		return wanted;
	/* Only root may raise the hard limit. */
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		log_warn("RLIMIT_NOFILE %llu: %m", (unsigned long long)limit.rlim_cur);
	return limit.rlim_cur;
}

unsigned
limits_fit(unsigned connections, unsigned others, bool warn)
{
	uint64_t wanted = (uint64_t)connections * PER_CONNECTION + others;
	uint64_t got = raise_limit(wanted), fit;

	if (got >= wanted)
		return connections;
	fit = got > others ? (got - others) / PER_CONNECTION : 0;
	if (fit < LEAST)
		fit = LEAST;
	if (!warn)
		return (unsigned)fit;
	log_warn("max_connections: %u need %llu descriptors, but the limit is %llu: "
	    "%llu connections per worker it is (raise the hard limit, ulimit -Hn or LimitNOFILE=)",
	    connections, (unsigned long long)wanted, (unsigned long long)got,
	    (unsigned long long)fit);
	return (unsigned)fit;
}
