/* SPDX-License-Identifier: GPL-2.0-or-later */
/* histogram.h - how long things took, ns: eight buckets an octave, from 256 ns to 67 ms.
 *
 * A bucket is 9 % to 13 % wide. Below and above there is one bucket each; the greatest is kept exactly.
 * Threads: whoever owns the struct; adding is for the rt thread: no call, no division.
 */
#ifndef DAEMON_HISTOGRAM_H
#define DAEMON_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_LOW_BITS = 8,   /* 256 ns */
	HISTOGRAM_HIGH_BITS = 26, /* 67 ms */
	HISTOGRAM_BUCKETS = (HISTOGRAM_HIGH_BITS - HISTOGRAM_LOW_BITS) * 8 + 2,
};

struct histogram {
	uint32_t count[HISTOGRAM_BUCKETS]; /* stays at its greatest value rather than wrap */
	uint64_t max_ns;
};

static inline unsigned int histogram_bucket(uint64_t ns)
{
	unsigned int octave;

	if (ns < 1u << HISTOGRAM_LOW_BITS)
		return 0;
	if (ns >= 1u << HISTOGRAM_HIGH_BITS)
		return HISTOGRAM_BUCKETS - 1;
	octave = 63u - (unsigned int)__builtin_clzll(ns);
	return 1 + (octave - HISTOGRAM_LOW_BITS) * 8 + (unsigned int)(ns >> (octave - 3) & 7);
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
	uint32_t *count = &h->count[histogram_bucket(ns)];

	*count += *count != UINT32_MAX;
	h->max_ns = ns > h->max_ns ? ns : h->max_ns;
}

/* Where bucket i ends, ns; the last one has no end: UINT64_MAX. */
uint64_t histogram_upper_ns(unsigned int i);

/* All that was added. */
uint64_t histogram_total(const struct histogram *h);

/* A share 0..1 of all took at most this long, as if those in a bucket were spread evenly; 1: the greatest. 0 if empty. */
uint64_t histogram_share_ns(const struct histogram *h, double share);

#endif
