// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/histogram.h"

#include <math.h>

uint64_t histogram_upper_ns(unsigned int i)
{
	unsigned int octave = HISTOGRAM_LOW_BITS + (i - 1) / 8;

	if (i == 0)
		return 1u << HISTOGRAM_LOW_BITS;
	if (i >= HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;
	return (uint64_t)(8 + (i - 1) % 8 + 1) << (octave - 3);
}

uint64_t histogram_total(const struct histogram *h)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += h->count[i];
	return total;
}

uint64_t histogram_share_ns(const struct histogram *h, double share)
{
	double want = share * (double)histogram_total(h);
	double below = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		double count = h->count[i], lower = i > 0 ? (double)histogram_upper_ns(i - 1) : 0;
		double upper = fmin((double)histogram_upper_ns(i), (double)h->max_ns);

		if (count > 0 && below + count >= want)
			return (uint64_t)(lower + (upper - lower) * fmax(want - below, 0) / count);
		below += count;
	}
	return h->max_ns;
}
