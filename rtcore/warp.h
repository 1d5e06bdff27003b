/* SPDX-License-Identifier: GPL-2.0-or-later */
/* warp.h - the time warp: moves as planned become motion on the time line, held, slowed or sped up.
 *
 * A move is given out whole, as planned, unless something else is asked for. At a rate below 1 its speed at
 * each point of the path is the planned one times the rate: the planned phases with v * r, a * r^2, dur / r.
 * Above 1 only the cruise speed is raised, up to the move's limit; junctions and accelerations stay.
 * When the rate changes, what was given out and no joint has come to is taken back, and the speed goes to
 * the new one with the acceleration of the move being executed, over junctions if need be, and never above
 * what the move allows at that point. So the path stays the same, no junction is taken faster than
 * planned, the acceleration along the path is never above the move's own, and a hold (rate 0) takes just
 * speed / acceleration. In the plane of distance and squared speed both the plan and such a change are
 * straight lines: nothing has to be sliced. Every part starts at a point of the move's line, nothing is
 * integrated.
 * A babystep (nudge) is spread over a tenth of a second or more, in slices: in each, Z goes up in proportion to
 * the way on the path, so parts are straight lines still. Moves carry what they were planned with: only the
 * rest is added.
 * Dwells last as long as they say, but do not pass in a hold.
 * Owner:   whoever owns the struct. Threads: RT only.
 * Units:   _s machine time; _mm, _mm_s, _mm_s2 along the path.
 */
#ifndef RTCORE_WARP_H
#define RTCORE_WARP_H

#include <stdbool.h>

#include "move.h"

/* No feed rate is outside of these. */
#define WARP_FEED_MIN 0.01
#define WARP_FEED_MAX 100.0

/* Who holds: all have to let go. */
enum warp_hold {
	WARP_HOLD_ASKED = 1,   /* the user, a fault */
	WARP_HOLD_STARVED = 2, /* what follows is not known */
	WARP_HOLD_LATE = 4,    /* steps would come late */
};

enum warp_result {
	WARP_PART,  /* .part from .part_s on is motion that follows what was given out */
	WARP_AHEAD, /* all is said up to until_s */
	WARP_DONE,  /* what there was ends at at_s: what is next? */
};

struct warp {
	double at_s;    /* motion is given out up to here */
	double v_mm_s;  /* the speed there */
	double s_mm;    /* and the distance on the move */
	double until_s; /* latest that was asked for */
	struct move planned;
	struct move move; /* the same; its cruise speed raised if the rate is above 1 */
	struct move part; /* the last part of it that was given out, a move itself ... */
	double part_s;    /* ... from then ... */
	double part_mm;   /* ... and there on */
	double dwell_end_s;
	double feed;    /* asked for: feed rate, 1: as commanded */
	double rate;    /* kept, or gone to: 0 .. 1 of warp.move's speeds */
	double factor;  /* asked for the move under way: feed / its feed_factor, stretched */
	double stretch; /* all motion by this, 0 .. 1 */
	struct {
		double asked_mm;        /* Z is to be this much higher than at first, in all */
		double mm;              /* it is, at at_s; */
		double part_mm;         /* at part_s */
		double from_mm, to_mm;  /* it goes from here to there, in slices of … */
		double slice_s, left_s; /* … this length, and what is left of the next */
		int slice;
	} nudge;
	uint32_t epoch; /* of feed */
	int phase;      /* of the move, 0 .. 2 */
	unsigned hold;  /* enum warp_hold, or-ed */
	bool moving;    /* there is more of the move ... */
	bool dwelling;  /* ... or of a dwell */
	bool given;     /* part is the last motion there is */
	bool on;        /* the speed is the rate times the move's; else on the way there */
	bool plain;     /* nothing but the move as planned was ever asked for */
	bool paused;    /* at rest in a hold */
};

/* At rest at time 0, feed rate 1, no hold. */
void warp_init(struct warp *w);

/* Forget the move or dwell: at rest at at_s. Feed rate and hold stay. */
void warp_drop(struct warp *w, double at_s);

/* From at_s on. The feed rate is kept within WARP_FEED_MIN .. MAX. */
void warp_set_feed(struct warp *w, double feed, uint32_t epoch);
void warp_set_stretch(struct warp *w, double rate);
void warp_set_nudge(struct warp *w, double nudge_mm);
void warp_set_hold(struct warp *w, enum warp_hold why, bool hold);

/* Whether a move or a dwell is under way. */
static inline bool warp_busy(const struct warp *w)
{
	return w->moving || w->dwelling;
}

/* How long what is left of it takes at rate 1. */
double warp_left_s(const struct warp *w);

/* After WARP_DONE: the next move, which keeps the invariants of struct move, from start_s >= at_s on. Later
 * than at_s only if both rest there. */
void warp_move(struct warp *w, const struct move *m, double start_s);

/* After WARP_DONE, at rest: stay so for dwell_s after start_s >= at_s. */
void warp_dwell(struct warp *w, double start_s, double dwell_s);

/* Motion up to until_s and as far beyond it as its last part goes, a part a call. In a hold at rest only time
 * passes. */
enum warp_result warp_next(struct warp *w, double until_s);

/* If the rate or the nudge has changed: what was given out from *from_s >= least_s on is void, warp_next() says what
 * comes instead. False: there is no such change, or what was given out ends by keep_s, and it can wait for what
 * follows. */
bool warp_take_back(struct warp *w, double least_s, double keep_s, double *from_s);

/* With nothing left, at rest: a move that makes what is left of a nudge, from m->start_mm on. False: nothing is
 * left of one. */
bool warp_nudge_move(struct warp *w, struct move *m);

/* The move ends after_s after its start, at speed. False: nothing is left of it (it is as before then). */
bool warp_shorten(struct move *m, double after_s);

#endif
