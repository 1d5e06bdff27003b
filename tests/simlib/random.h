/* SPDX-License-Identifier: GPL-2.0-or-later */
/* random.h - repeatable random numbers for tests: one state, seeded by the test. */
#ifndef TESTS_SIMLIB_RANDOM_H
#define TESTS_SIMLIB_RANDOM_H

#include <stdint.h>

static inline void random_step(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
}

/* Less than n. */
static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
	random_step(state);
	return (uint32_t)(*state >> 33) % n;
}

/* At least lo, less than hi. */
static inline double random_uniform(uint64_t *state, double lo, double hi)
{
	random_step(state);
	return lo + (hi - lo) * (double)(*state >> 11) * 0x1p-53;
}

#endif
