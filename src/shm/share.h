/*
 * share.h - a total that all workers move, and beside it the share of each, to repair a death.
 *
 * A worker may die between any two steps.  It notes its share after it has moved the total, and
 * takes it back before, so a death in between leaves a total too high by one: share_correct()
 * finds that.
 */
#ifndef USHERD_SHM_SHARE_H
#define USHERD_SHM_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Adds one to the total and to the worker's share `mine`; false if it is `max` (not 0) already. */
bool share_take(_Atomic uint32_t *total, _Atomic uint32_t *mine, uint32_t max);

/* Takes one off both; neither falls below zero whatever a dead worker left behind. */
void share_give(_Atomic uint32_t *total, _Atomic uint32_t *mine);

/* Takes the share of a dead worker off the total.  Master. */
void share_repair(_Atomic uint32_t *total, _Atomic uint32_t *mine);

/*
 * Sets a total right that differs from the sum of the `n` shares in the same way at two calls in a
 * row; `*last_look` keeps what the call before saw, 0 at first.  Master.
 */
void share_correct(_Atomic uint32_t *total, const _Atomic uint32_t *shares, int n,
    uint64_t *last_look);

#endif
