/* SPDX-License-Identifier: GPL-2.0-or-later */
/* splitmix.h - repeatable random numbers for the lines and buses under the virtual clock: splitmix64 (Steele, Lea, Flood 2014).
 *
 * One word of state, the caller's: any seed will do. Threads: any.
 */
#ifndef DAEMON_SPLITMIX_H
#define DAEMON_SPLITMIX_H

#include <stdint.h>

static inline uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Less than n. */
static inline uint32_t splitmix_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((splitmix(state) >> 32) * n >> 32);
}

/* At least 0, less than 1. */
static inline double splitmix_uniform(uint64_t *state)
{
	return (double)(splitmix(state) >> 11) * 0x1p-53;
}

#endif
