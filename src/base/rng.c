/*
 * rng.c - fast random numbers: xoshiro256++ (Blackman and Vigna, 2019), seeded by the kernel.
 */
#include "base/rng.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

static uint64_t state[4];
static bool seeded;

/* A seed for a system that refuses getrandom(), such as a sandbox: times and the process id. */
static void
seed_poorly(void)
{
	struct timespec now;

	for (unsigned i = 0; i < ARRAY_LEN(state); i++) {
		clock_gettime(CLOCK_REALTIME, &now);
		state[i] = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^
		    (uint64_t)getpid() << (16 * i);
		state[i] = (state[i] + i + 1) * 0x9e3779b97f4a7c15u;
	}
}

void
rng_init(void)
{
	ssize_t n;

	do
		n = getrandom(state, sizeof(state), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(state))
		seed_poorly();
	if ((state[0] | state[1] | state[2] | state[3]) == 0)
		state[0] = 1;		/* all zero would stay so */
	seeded = true;
}

static inline uint64_t
rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

uint64_t
rng_next(void)
{
	uint64_t result, shifted;

	if (unlikely(!seeded))
		rng_init();
	result = rotate(state[0] + state[3], 23) + state[0];
	shifted = state[1] << 17;
	state[2] ^= state[0];
	state[3] ^= state[1];
	state[1] ^= state[2];
	state[0] ^= state[3];
	state[2] ^= shifted;
	state[3] = rotate(state[3], 45);
	return result;
}

uint64_t
rng_below(uint64_t n)
{
	uint64_t uneven, x;

	CHECK(n > 0);
	/* The lowest 2^64 mod n values would come up once more than the others. */
	uneven = -n % n;
	do
		x = rng_next();
	while (x < uneven);
	return x % n;
}
