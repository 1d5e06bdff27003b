/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepcompress.h - the longest queue_step run through a list of tolerance bands.
 *
 * Step j of a run is at j * interval + add * j(j-1)/2 ticks after its base. Divided by j, a band
 * on its time is a vertical slot at x = (j-1)/2 through which the line interval + add * x has to
 * pass. Wanted: integers interval and add that pass the longest prefix of the slots.
 * For a fixed add one pass over the slots finds the longest prefix, and the two slots that block
 * it say on which side a longer one needs add to be: a cutting-plane search over the integers.
 * Owner: the caller; pure, no state but the struct. Units: ticks.
 */
#ifndef RTCORE_STEPCOMPRESS_H
#define RTCORE_STEPCOMPRESS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	STEPCOMPRESS_SLOTS = 128,
};

#define STEPCOMPRESS_ADD_MIN (-32768.0)
#define STEPCOMPRESS_ADD_MAX 32767.0

/* A prefix of best slots passes with this add (an integer) and any integer interval in lo .. hi,
 * which holds one. */
struct stepcompress_fit {
	double add, lo, hi;
	int32_t best;
};

struct stepcompress {
	int32_t n;   /* slots in the list */
	uint32_t at; /* fit[at] is the best so far, the other one scratch */
	struct stepcompress_fit fit[2];
	double bound[2]; /* a longer prefix needs an add in bound[1] .. -bound[0]; empty: none does */
	/* The slots, by rising j; writers may go one beyond the last: */
	double x[STEPCOMPRESS_SLOTS + 2];       /* (j - 1) / 2 */
	double slot_lo[STEPCOMPRESS_SLOTS + 2]; /* (exact time - tolerance) / j */
	double slot_hi[STEPCOMPRESS_SLOTS + 2];
	double tau[STEPCOMPRESS_SLOTS + 2]; /* exact time after the base; not used by the search */
};

/* Start a new list. */
static inline void stepcompress_reset(struct stepcompress *sc)
{
	sc->n = 0;
	sc->at = 0;
	sc->fit[0].best = 0;
	sc->bound[0] = -STEPCOMPRESS_ADD_MAX;
	sc->bound[1] = STEPCOMPRESS_ADD_MIN;
}

/* The best so far. */
static inline struct stepcompress_fit *stepcompress_best(struct stepcompress *sc)
{
	return &sc->fit[sc->at];
}

/* The add of a run through the middle of a slot and of the one half as far: a guess to start with. */
double stepcompress_chord(const struct stepcompress *sc, int32_t slot);

/* Find the longest prefix of the list, or one nearly as long (on real motion 1 % more commands),
 * starting with an add near guess. If all passed, slots may be appended and the search called again:
 * it goes on from what it knows.
 * Returns whether all n slots pass. best == 0 afterwards: not even the first one holds an integer. */
bool stepcompress_search(struct stepcompress *sc, double guess);

/* The slots after best have been replaced by others: extend the prefix with add as it is. */
void stepcompress_extend(struct stepcompress *sc);

#endif
