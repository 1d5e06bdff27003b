/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stepcompress.c - the longest run through a list of slots. See stepcompress.h. */
#include "stepcompress.h"

/* Each pass cuts off at least the add it tried, usually all but a few; a search that has not ended
 * by then keeps what it has. */
#define STEPCOMPRESS_PASSES 24

/* The longest prefix for one add, its range of interval, and what blocks a longer one: slot p's
 * lower end stands above slot q's upper end. */
struct stepcompress_pass {
	int32_t len, p, q;
	double lo, hi;
};

/* floor() as arithmetic: without SSE4.1 it would be a call. |v| < 2^62. */
static double stepcompress_floor(double v)
{
	double r = (double)(int64_t)v;

	return r > v ? r - 1.0 : r;
}

static bool stepcompress_holds_integer(double lo, double hi)
{
	return hi - lo >= 1.0 || stepcompress_floor(hi) >= lo;
}

static void stepcompress_run(const struct stepcompress *sc, double add, int32_t from,
			     struct stepcompress_pass *r)
{
	double lo = r->lo, hi = r->hi;
	int32_t i;

	for (i = from; i < sc->n; i++) {
		double l = sc->slot_lo[i] - add * sc->x[i], h = sc->slot_hi[i] - add * sc->x[i];
		double lo2 = l > lo ? l : lo, hi2 = h < hi ? h : hi;

		r->p = l > lo ? i : r->p;
		r->q = h < hi ? i : r->q;
		if (hi2 - lo2 < 1.0 && !stepcompress_holds_integer(lo2, hi2))
			break;
		lo = lo2;
		hi = hi2;
	}
	r->len = i;
	r->lo = lo;
	r->hi = hi;
}

/* Shrink the range of add to where the two blocking slots let a line (with an integer interval,
 * as far as widening the gap can bring that) through. False: no add does. */
static bool stepcompress_cut(struct stepcompress *sc, double add,
			     const struct stepcompress_pass *r)
{
	if (r->p == r->q)
		return false;
	double bound = (sc->slot_lo[r->p] - sc->slot_hi[r->q]) / (sc->x[r->p] - sc->x[r->q]);

	if (!(bound > STEPCOMPRESS_ADD_MIN - 2.0))
		bound = STEPCOMPRESS_ADD_MIN - 2.0;
	if (!(bound < STEPCOMPRESS_ADD_MAX + 2.0))
		bound = STEPCOMPRESS_ADD_MAX + 2.0;
	if (r->p > r->q) {
		bound = -stepcompress_floor(-bound);
		bound = bound > add ? bound : add + 1.0;
		if (bound > sc->add_lo)
			sc->add_lo = bound;
	} else {
		bound = stepcompress_floor(bound);
		bound = bound < add ? bound : add - 1.0;
		if (bound < sc->add_hi)
			sc->add_hi = bound;
	}
	return sc->add_lo <= sc->add_hi;
}

bool stepcompress_search(struct stepcompress *sc, double guess)
{
	double add = stepcompress_floor(guess + 0.5);

	for (int pass = 0; pass < STEPCOMPRESS_PASSES && sc->add_lo <= sc->add_hi; pass++) {
		struct stepcompress_pass r = {.lo = -0x1p60, .hi = 0x1p60};

		add = add < sc->add_lo ? sc->add_lo : add > sc->add_hi ? sc->add_hi : add;
		stepcompress_run(sc, add, 0, &r);
		if (r.len > sc->best) {
			sc->best = r.len;
			sc->add = add;
			sc->lo = r.lo;
			sc->hi = r.hi;
		}
		if (r.len == sc->n)
			return true;
		if (!stepcompress_cut(sc, add, &r))
			break;
	}
	return false;
}

void stepcompress_extend(struct stepcompress *sc)
{
	struct stepcompress_pass r = {.lo = sc->lo, .hi = sc->hi};

	stepcompress_run(sc, sc->add, sc->best, &r);
	sc->best = r.len;
	sc->lo = r.lo;
	sc->hi = r.hi;
}
