/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepcompress.c - the longest run through a list of slots. See stepcompress.h.
 */
#include "stepcompress.h"

/* Each pass cuts off at least the add it tried, usually all but a few; a search that has not ended
 * by then keeps what it has. */
#define STEPCOMPRESS_PASSES 16

/* A range of add that moves the line at the best prefix's end by less than this share of the slot there
 * is not worth a pass: 0.9 % of the commands for 8 % of the time. */
#define STEPCOMPRESS_ENOUGH 1.0

/* The integer at or below v, without a branch or a call: |v| < 2^51. What is less than 2^-22 below an
 * integer counts as that: a run's steps move by less than its rounding allows. */
static inline double stepcompress_floor(double v)
{
	return ((v - (0.5 - 0x1p-22)) + 0x1.8p52) - 0x1.8p52;
}

/* What blocks a longer prefix: the slot after it, with its lower end or else its upper one. */
struct stepcompress_block {
	bool lower;
};

/* One add's longest prefix, from a slot on with the bounds in *f so far. */
static inline struct stepcompress_block stepcompress_run(const struct stepcompress *sc, double add,
							 int32_t from, struct stepcompress_fit *f)
{
	const double *restrict x = sc->x, *restrict sl = sc->slot_lo, *restrict sh = sc->slot_hi;
	struct stepcompress_block block = { false };
	double lo = f->lo, hi = f->hi;
	int32_t i, n = sc->n;

	for (i = from; i < n; i++) {
		double l = sl[i] - add * x[i], h = sh[i] - add * x[i];
		double lo2 = l > lo ? l : lo, hi2 = h < hi ? h : hi;

		if (hi2 - lo2 < 1.0 && stepcompress_floor(hi2) < lo2) {
			block.lower = l > lo;
			break;
		}
		lo = lo2;
		hi = hi2;
	}
	f->best = i;
	f->add = add;
	f->lo = lo;
	f->hi = hi;
	return block;
}

/* Shrink the range of add to where the slot that blocks and the one that made the bound on the other
 * side let a line (with an integer interval, as far as widening the gap can bring that) through.
 * (With branches: guessed right half of the time they beat selects, which wait for all there is.) */
static inline void stepcompress_cut(struct stepcompress *sc, const struct stepcompress_fit *f,
				    struct stepcompress_block block)
{
	const double *restrict x = sc->x, *restrict sl = sc->slot_lo, *restrict sh = sc->slot_hi;
	int32_t e = f->best, i = e - 1;
	double gap, need, sign = block.lower ? 1.0 : -1.0, least = sign * f->add + 1.0;

	if (block.lower) {
		while (i > 0 && sh[i] - f->add * x[i] > f->hi)
			i--;
		gap = sl[e] - sh[i];
	} else {
		while (i > 0 && sl[i] - f->add * x[i] < f->lo)
			i--;
		gap = sl[i] - sh[e];
	}
	need = gap / (x[e] - x[i]);
	need = need < 0x1p17 ? need : 0x1p17;
	need = -stepcompress_floor(-need);
	need = need > least ? need : least;
	if (need > sc->bound[block.lower])
		sc->bound[block.lower] = need;
}

double stepcompress_chord(const struct stepcompress *sc, int32_t slot)
{
	int32_t m = slot / 2;

	return slot == m ? 0.0
			 : 0.5 *
				   ((sc->slot_lo[slot] + sc->slot_hi[slot]) -
				    (sc->slot_lo[m] + sc->slot_hi[m])) /
				   (sc->x[slot] - sc->x[m]);
}

/* Where to try next. The bound just cut is the nearest add that may do better, but usually the next
 * pair of slots cuts a little further: with bounds from both sides go to the middle, with one go on
 * half as far again. */
static inline double stepcompress_next(const struct stepcompress *sc, double add)
{
	double lo = sc->bound[1], hi = -sc->bound[0];

	if (lo > STEPCOMPRESS_ADD_MIN && hi < STEPCOMPRESS_ADD_MAX)
		return 0.5 * (lo + hi);
	return lo > add ? lo + 0.5 * (lo - add) : hi - 0.5 * (add - hi);
}

/* No range of add is left that is worth a pass. The bounds themselves may be tried: one more. */
static inline bool stepcompress_done(const struct stepcompress *sc)
{
	int32_t e = sc->fit[sc->at].best;

	return 1.0 - (sc->bound[0] + sc->bound[1]) <
	       STEPCOMPRESS_ENOUGH * (sc->slot_hi[e] - sc->slot_lo[e]) / (sc->x[e] + 1.0);
}

/* The integer nearest to add, within the bounds. */
static inline double stepcompress_clamp(const struct stepcompress *sc, double add)
{
	add = add > sc->bound[1] ? add : sc->bound[1];
	add = add < -sc->bound[0] ? add : -sc->bound[0];
	return stepcompress_floor(add + 0.5);
}

bool stepcompress_search(struct stepcompress *sc, double guess)
{
	struct stepcompress_fit *f = &sc->fit[sc->at];
	struct stepcompress_block block;
	double add = f->add;

	if (f->best == 0) {
		add = stepcompress_clamp(sc, guess);
		f->lo = -0x1p40;
		f->hi = 0x1p40;
	}
	/* More slots behind a prefix of all: go on where it ended. */
	block = stepcompress_run(sc, add, f->best, f);
	for (int pass = 1; f->best < sc->n; pass++) {
		if (f->best == 0)
			return false;
		stepcompress_cut(sc, f, block);
		if (stepcompress_done(sc) || pass == STEPCOMPRESS_PASSES)
			return false;
		add = pass > 1 ? stepcompress_next(sc, add) : stepcompress_chord(sc, f->best);
		add = stepcompress_clamp(sc, add);
		f = &sc->fit[sc->at ^ 1];
		f->lo = -0x1p40;
		f->hi = 0x1p40;
		block = stepcompress_run(sc, add, 0, f);
		sc->at ^= f->best > sc->fit[sc->at].best;
	}
	return true;
}

void stepcompress_extend(struct stepcompress *sc)
{
	struct stepcompress_fit *f = stepcompress_best(sc);

	stepcompress_run(sc, f->add, f->best, f);
}
