/*
 * rng.h - fast random numbers for balancing, jitter and identifiers; not for secrets.
 */
#ifndef USHERD_BASE_RNG_H
#define USHERD_BASE_RNG_H

#include <stdint.h>

/* Seeds from the kernel.  To be called by every process after a fork, lest it repeat its parent. */
void rng_init(void);

/* 64 random bits. */
uint64_t rng_next(void);

/* A number from 0 to n - 1, each equally likely; n > 0. */
uint64_t rng_below(uint64_t n);

#endif
