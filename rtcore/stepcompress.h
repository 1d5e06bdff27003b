/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepcompress.h - the longest queue_step run through a list of tolerance bands.
 *
 * Step j of a run is at j * interval + add * j(j-1)/2 ticks after its base. Divided by j, a band
 * on its time is a vertical slot at x = (j-1)/2 through which the line interval + add * x has to
 * pass. Wanted: integers interval and add that pass the longest prefix of the slots.
 * For a fixed add one pass over the slots finds the longest prefix, and the two slots that block
 * it say on which side a longer one needs add to be: a cutting-plane search over the integers.
 * Owner: the caller; pure. Units: ticks.
 */
#ifndef RTCORE_STEPCOMPRESS_H
#define RTCORE_STEPCOMPRESS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	STEPCOMPRESS_SLOTS = 128,
};

struct stepcompress {
	int32_t n;           /* slots in the list */
	int32_t best;        /* longest prefix found, in slots; 0: none yet */
	int32_t add;         /* its add */
	double lo, hi;       /* its range of interval, holds an integer */
	double add_lo, add_hi; /* what more than best slots need of add */
	/* The slots, by rising j: */
	double x[STEPCOMPRESS_SLOTS];
	double slot_lo[STEPCOMPRESS_SLOTS];
	double slot_hi[STEPCOMPRESS_SLOTS];
};

#endif
