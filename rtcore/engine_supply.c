// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether what the planner has delivered is enough to come to rest on; if not, motion is held on its path until it is
 * fed again.
 *
 * A hold goes down along the path with the acceleration a of each move: v^2 falls by 2 a d over a distance d of it,
 * and never lies above what was planned. So motion that has the speed v can come to rest before the known path ends
 * if v^2 is at most the sum of 2 a d over what is left of it, and surely if that path itself ends at rest. This is
 * looked at where motion can be held still: before a part of a move makes the one before it final, and at the end of
 * what is final after this cycle. So there is always time, however late the cycle comes.
 * The sums are whole numbers, and each record is looked at once. */
#include "engine_private.h"

/* v^2 is taken to be this much more: near rest, rounding makes speeds of nothing. */
#define SUPPLY_SLACK_MM2_S2 1.0
/* What is in the ring lasts so long, or ends at rest, or fills it: motion goes on. */
#define SUPPLY_GO_ON_NS 300000000
#define SUPPLY_UNITS 1e3 /* of (mm/s)^2 */
/* Sums of so many records can't overflow. */
#define SUPPLY_MAX 1e12

static int64_t supply_whole(double x)
{
	return x > 0 ? (int64_t)engine_earlier_s(x, SUPPLY_MAX) : 0; /* 0 for what is no number */
}

static double supply_stop(const struct move *m, double length_mm)
{
	return 2 * m->accel_mm_s2 * length_mm;
}

static void supply_count(struct engine *e, const struct plan_rec *rec, int by)
{
	const struct move *m = &rec->move;

	if (rec->kind != PLAN_MOVE)
		return;
	e->supply.stop += by * supply_whole(SUPPLY_UNITS * supply_stop(m, m->length_mm));
	e->supply.dur_ns += by * supply_whole(1e9 * (m->accel_s + m->cruise_s + m->decel_s));
	e->supply.rests += by * (m->end_mm_s <= 0);
}

void engine_supply_forget(struct engine *e)
{
	e->supply.seen = 0;
	e->supply.stop = e->supply.dur_ns = e->supply.rests = 0;
}

void engine_supply_take(struct engine *e, const struct plan_rec *rec)
{
	if (e->supply.seen == 0)
		return;
	supply_count(e, rec, -1);
	e->supply.seen--;
}

/* Look at records until these have a rest, or so much in them. */
static bool supply_has(struct engine *e, int64_t stop, int64_t dur_ns)
{
	struct ring *ring = e->cfg.plan;

	while (e->supply.rests == 0 && (e->supply.stop < stop || e->supply.dur_ns < dur_ns)) {
		if (e->supply.seen >= ring_used(ring))
			return false;
		supply_count(e, ring_peek_at(ring, e->supply.seen++), 1);
	}
	return true;
}

static void supply_hold(struct engine *e, bool on)
{
	struct ev_rec ev = { .kind = EV_HOLD,
			     .hold = { .why = EV_HOLD_MOVES,
				       .level = on ? 2 : 0,
				       .mcu = UINT8_MAX,
				       .at_s = e->warp.at_s } };

	engine_tell_param(e, PLAN_PARAM_STALL_HOLD, !on, on);
	warp_set_hold(&e->warp, WARP_HOLD_STARVED, on);
	e->status.stalls += on;
	engine_event(e, &ev);
}

void engine_supply_end(struct engine *e)
{
	if (e->warp.hold & WARP_HOLD_STARVED)
		supply_hold(e, false);
}

/* The move under way, or the last one, ends at rest. In a hold, others may, too. */
static bool supply_rests(const struct warp *w)
{
	return w->planned.end_mm_s <= 0;
}

void engine_supply_go_on(struct engine *e)
{
	const struct warp *w = &e->warp;

	if (!(w->hold & WARP_HOLD_STARVED))
		return;
	if (supply_rests(w) || supply_has(e, 0, SUPPLY_GO_ON_NS) ||
	    ring_used(e->cfg.plan) == e->cfg.plan->capacity)
		supply_hold(e, false);
}

/* From at_s on, which is within the last part or where it ends. */
static bool supply_enough(struct engine *e, double at_s)
{
	const struct warp *w = &e->warp;
	double v_mm_s = w->v_mm_s, left_mm = 0;

	if (supply_rests(w))
		return true;
	if (w->moving)
		left_mm = w->planned.length_mm - w->s_mm;
	if (w->given && at_s < w->at_s) {
		struct move before = w->part;

		v_mm_s = before.start_mm_s;
		left_mm += before.length_mm;
		if (warp_shorten(&before, at_s - w->part_s)) {
			v_mm_s = before.end_mm_s;
			left_mm -= before.length_mm;
		}
	}
	return supply_has(e,
			  supply_whole(SUPPLY_UNITS * (v_mm_s * v_mm_s + SUPPLY_SLACK_MM2_S2)) -
				  supply_whole(SUPPLY_UNITS * supply_stop(&w->planned, left_mm)),
			  0);
}

bool engine_supply_low(struct engine *e, double at_s)
{
	if (e->held || e->warp.hold & WARP_HOLD_STARVED || supply_enough(e, at_s))
		return false;
	supply_hold(e, true);
	return true;
}
