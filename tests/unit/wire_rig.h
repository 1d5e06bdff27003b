/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire_rig.h - what the tests of the wire share: random numbers from one seed, which is printed and which STEPD_SEED gives; bytes from text.
 *
 * Threads: one.
 */
#ifndef WIRE_RIG_H
#define WIRE_RIG_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/random.h"

static uint64_t rng_state;

static inline void rng_seed(void)
{
	const char *env = getenv("STEPD_SEED");

	rng_state = env ? strtoull(env, NULL, 0) : 20260801;
	printf("STEPD_SEED=%" PRIu64 "\n", rng_state);
}

static inline uint32_t rng_next(void)
{
	random_step(&rng_state);
	return (uint32_t)(rng_state >> 32);
}

static inline uint32_t rng_below(uint32_t n)
{
	return (uint32_t)((uint64_t)rng_next() * n >> 32);
}

/* Returns: how many bytes; between them there may be spaces. */
static inline size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; *hex; hex++) {
		char pair[3] = { hex[0], hex[0] == ' ' ? 0 : hex[1], 0 };

		if (hex[0] == ' ')
			continue;
		out[n++] = (uint8_t)strtoul(pair, NULL, 16);
		hex++;
	}
	return n;
}

#endif
