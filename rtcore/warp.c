// SPDX-License-Identifier: GPL-2.0-or-later
/* warp.c - feed hold and feed rate. See warp.h. */
#include "warp.h"

#include <math.h>
#include <string.h>

enum { WARP_PHASES = 3 };

/* Speeds that differ by less than this share are the same; the part that follows evens it out. */
#define WARP_SAME 1e-12
/* And places of a move by less than this share of its length. */
#define WARP_TINY 1e-15

/* A nudge takes so long, and so much for each mm; its shares in slices. At the ends of slices the speed changes
 * by at most 1 mm/s. */
#define WARP_NUDGE_S 0.1
#define WARP_NUDGE_S_MM 0.8
enum { WARP_NUDGE_SLICES = 12, WARP_NUDGE_SHARES = 30 };
static const int8_t warp_nudge_shares[WARP_NUDGE_SLICES] = { 2, 3, 3, 3, 3, 3, 3, 3, 3, 2, 1, 1 };

/* Where the path goes less than this, a nudge waits. */
#define WARP_NUDGE_WAY_MM 1e-5

/* A nudge at rest. */
#define WARP_NUDGE_MM_S 3.0
#define WARP_NUDGE_MM_S2 50.0

/* One phase of the move. */
struct warp_phase {
	double from_mm, to_mm;
	double start_mm_s, end_mm_s;
	double a_mm_s2, dur_s;
};

void warp_init(struct warp *w)
{
	memset(w, 0, sizeof(*w));
	w->feed = w->factor = w->rate = w->stretch = 1.0;
	w->on = true;
}

void warp_drop(struct warp *w, double at_s)
{
	w->at_s = at_s;
	w->v_mm_s = w->planned.end_mm_s = 0.0;
	w->until_s = at_s;
	w->nudge.mm = w->nudge.to_mm = w->nudge.asked_mm; /* whoever goes on knows where it is */
	w->moving = w->dwelling = w->given = w->paused = false;
}

void warp_set_feed(struct warp *w, double feed, uint32_t epoch)
{
	w->epoch = epoch;
	w->feed = feed > WARP_FEED_MIN ? feed : WARP_FEED_MIN;
	if (w->feed > WARP_FEED_MAX)
		w->feed = WARP_FEED_MAX;
}

void warp_set_hold(struct warp *w, enum warp_hold why, bool hold)
{
	w->hold = hold ? w->hold | why : w->hold & ~(unsigned)why;
}

void warp_set_stretch(struct warp *w, double rate)
{
	w->stretch = rate;
}

void warp_set_nudge(struct warp *w, double nudge_mm)
{
	w->nudge.asked_mm = nudge_mm;
}

/* ---- the move under way ---- */

static double warp_distance(double v_mm_s, double a_mm_s2, double t_s)
{
	return (v_mm_s + 0.5 * a_mm_s2 * t_s) * t_s;
}

static void warp_phase(const struct move *m, int phase, struct warp_phase *ph)
{
	double d1 = warp_distance(m->start_mm_s, m->accel_mm_s2, m->accel_s);

	ph->start_mm_s = ph->end_mm_s = m->cruise_mm_s;
	if (phase == 0) {
		ph->from_mm = 0.0;
		ph->to_mm = m->cruise_s > 0.0 || m->decel_s > 0.0 ? d1 : m->length_mm;
		ph->start_mm_s = m->start_mm_s;
		ph->a_mm_s2 = m->accel_mm_s2;
		ph->dur_s = m->accel_s;
	} else if (phase == 1) {
		ph->from_mm = d1;
		ph->to_mm = m->decel_s > 0.0 ? d1 + m->cruise_mm_s * m->cruise_s : m->length_mm;
		ph->a_mm_s2 = 0.0;
		ph->dur_s = m->cruise_s;
	} else {
		ph->from_mm = d1 + m->cruise_mm_s * m->cruise_s;
		ph->to_mm = m->length_mm;
		ph->end_mm_s = m->end_mm_s;
		ph->a_mm_s2 = -m->accel_mm_s2;
		ph->dur_s = m->decel_s;
	}
}

/* The move's speed at a point of the phase, without rounding beyond those at its ends. */
static double warp_speed(const struct warp_phase *ph, double s_mm)
{
	double v2 = ph->start_mm_s * ph->start_mm_s + 2.0 * ph->a_mm_s2 * (s_mm - ph->from_mm);
	bool up = ph->a_mm_s2 > 0.0;
	double least = up ? ph->start_mm_s : ph->end_mm_s;
	double most = up ? ph->end_mm_s : ph->start_mm_s;
	double v;

	if (s_mm <= ph->from_mm)
		return ph->start_mm_s;
	if (s_mm >= ph->to_mm)
		return ph->end_mm_s;
	v = v2 > 0.0 ? sqrt(v2) : 0.0;
	return v < least ? least : v > most ? most : v;
}

double warp_left_s(const struct warp *w)
{
	double left_s = w->dwelling ? w->dwell_end_s - w->at_s : 0.0;
	struct warp_phase ph;

	for (int i = w->phase; w->moving && i < WARP_PHASES; i++) {
		warp_phase(&w->move, i, &ph);
		if (!(ph.dur_s > 0.0) || w->s_mm >= ph.to_mm)
			continue;
		if (w->s_mm <= ph.from_mm)
			left_s += ph.dur_s;
		else
			left_s += 2.0 * (ph.to_mm - w->s_mm) /
				  (warp_speed(&ph, w->s_mm) + ph.end_mm_s + 1e-300);
	}
	return left_s;
}

/* The planned move with its cruise speed raised as far as its length and limit allow. */
static void warp_raise(struct move *m, double factor)
{
	double v0 = m->start_mm_s, v1 = m->end_mm_s, a = m->accel_mm_s2;
	double v2 = a * m->length_mm + 0.5 * (v0 * v0 + v1 * v1);
	double v = m->cruise_mm_s * factor, way_mm;

	if (v > m->limit_mm_s)
		v = m->limit_mm_s;
	if (!(a > 0.0) || v * v >= v2 * (1.0 - 1e-9))
		v = sqrt(v2 * (1.0 - 1e-9)); /* leaves a cruise phase, which takes the rounding */
	if (!(v > m->cruise_mm_s))
		return;
	way_mm = m->length_mm - (v * v - 0.5 * (v0 * v0 + v1 * v1)) / a;
	m->cruise_mm_s = v;
	m->accel_s = (v - v0) / a;
	m->decel_s = (v - v1) / a;
	m->cruise_s = way_mm > 0.0 ? way_mm / v : 0.0;
}

/* What is asked for of the move under way, as a factor of its planned speed. */
static double warp_factor(const struct warp *w)
{
	if (w->hold)
		return 0.0;
	if (w->planned.feed_factor > 0.0 && (int32_t)(w->epoch - w->planned.feed_epoch) > 0)
		return w->feed / w->planned.feed_factor * w->stretch;
	return w->stretch;
}

/* The rate for the move under way has changed (or it is new): its speeds, and what rate of them. */
static void warp_aim(struct warp *w)
{
	w->factor = warp_factor(w);
	w->move = w->planned;
	if (w->factor > 1.0)
		warp_raise(&w->move, w->factor);
	w->rate = w->factor < 1.0 ? w->factor : 1.0;
	w->phase = 0;
}

void warp_move(struct warp *w, const struct move *m, double start_s)
{
	double rate = w->rate;

	w->planned = *m;
	w->s_mm = 0.0;
	w->at_s = start_s;
	warp_aim(w);
	/* At rest the speed is the same at all rates. */
	w->on = m->start_mm_s <= 0.0 || (w->on && w->rate == rate);
	w->plain = w->on && w->rate == 1.0;
	w->moving = true;
	w->given = false;
}

void warp_dwell(struct warp *w, double start_s, double dwell_s)
{
	w->at_s = start_s;
	w->v_mm_s = 0.0;
	w->dwell_end_s = start_s + dwell_s;
	w->dwelling = true;
	w->given = false;
}

/* ---- parts ---- */

/* From where it is at constant acceleration to this point and speed. False: rounding made nothing of it. */
static bool warp_part(struct warp *w, double to_mm, double end_mm_s)
{
	struct move *p = &w->part;
	double way_mm = to_mm - w->s_mm, v = w->v_mm_s, dur_s = 2.0 * way_mm / (v + end_mm_s);

	w->v_mm_s = end_mm_s;
	if (!(dur_s > 0.0 && dur_s < INFINITY)) {
		w->s_mm = to_mm;
		return false;
	}
	*p = w->planned;
	for (int i = 0; i < MOVE_AXES; i++)
		p->start_mm[i] += p->dir[i] * w->s_mm;
	p->length_mm = way_mm;
	p->start_mm_s = v;
	p->cruise_mm_s = v > end_mm_s ? v : end_mm_s;
	p->end_mm_s = end_mm_s;
	p->accel_mm_s2 = fabs(end_mm_s - v) / dur_s;
	p->accel_s = end_mm_s > v ? dur_s : 0.0;
	p->decel_s = end_mm_s < v ? dur_s : 0.0;
	p->cruise_s = end_mm_s == v ? dur_s : 0.0;
	w->part_s = w->at_s;
	w->part_mm = w->s_mm;
	w->at_s += dur_s;
	w->s_mm = to_mm;
	w->given = true;
	return true;
}

/* All of the move. */
static void warp_whole(struct warp *w)
{
	const struct move *m = &w->move;

	w->part = *m;
	w->part_s = w->at_s;
	w->part_mm = 0.0;
	w->at_s += (m->accel_s + m->cruise_s) + m->decel_s;
	w->s_mm = m->length_mm;
	w->v_mm_s = m->end_mm_s;
	w->moving = false;
	w->given = true;
}

/* The part in which the speed goes to what is asked for, or as far as this phase lasts: where the lines
 * v^2 + 2 a d and rate^2 (speed^2 + 2 phase_a d) meet. False: they meet here, but for rounding of the
 * place; what that makes in speed (near rest, its root) is for the part that follows. */
static bool warp_change(struct warp *w, const struct warp_phase *ph, double speed_mm_s, bool *made)
{
	double aim = w->rate * speed_mm_s, v = w->v_mm_s;
	double a = v < aim ? w->move.accel_mm_s2 : -w->move.accel_mm_s2;
	double closing = a - w->rate * w->rate * ph->a_mm_s2;
	double left_mm = ph->to_mm - w->s_mm, meet_mm = INFINITY, v2, end;
	double tiny_mm = WARP_TINY * w->move.length_mm;

	if (fabs(closing) > 1e-9 * fabs(a)) /* else they are parallel */
		meet_mm = 0.5 * (aim - v) * (aim + v) / closing;
	if (meet_mm <= tiny_mm)
		return false;
	if (meet_mm <= left_mm + tiny_mm) {
		double to_mm = meet_mm < left_mm - tiny_mm ? w->s_mm + meet_mm : ph->to_mm;

		*made = warp_part(w, to_mm, w->rate * warp_speed(ph, to_mm));
		return true;
	}
	v2 = v * v + 2.0 * a * left_mm;
	end = v2 > 0.0 ? sqrt(v2) : 0.0;
	*made = warp_part(w, ph->to_mm, end < ph->end_mm_s ? end : ph->end_mm_s);
	return true;
}

/* The next part. Returns false at the end of the move, or at rest in a hold. */
static bool warp_make(struct warp *w)
{
	struct warp_phase ph;

	if (w->plain) {
		warp_whole(w);
		return true;
	}
	while (w->phase < WARP_PHASES) {
		bool made = false;
		double speed;

		warp_phase(&w->move, w->phase, &ph);
		if (!(ph.dur_s > 0.0) || w->s_mm >= ph.to_mm) {
			w->phase++;
			continue;
		}
		speed = warp_speed(&ph, w->s_mm);
		if (!w->on)
			w->on = fabs(w->v_mm_s - w->rate * speed) <= WARP_SAME * speed ||
				!warp_change(w, &ph, speed, &made);
		if (w->on && w->rate <= 0.0) {
			w->v_mm_s = 0.0;
			w->paused = true;
			return false;
		}
		if (w->on)
			made = warp_part(w, ph.to_mm, w->rate * ph.end_mm_s);
		if (made)
			return true;
	}
	w->moving = false;
	return false;
}

/* The part ends at the end of the slice of the nudge, if it goes so far. */
static void warp_to_slice(struct warp *w)
{
	double end_s = w->part_s + w->nudge.left_s;

	if (w->at_s <= end_s || !warp_shorten(&w->part, w->nudge.left_s))
		return;
	w->at_s = end_s;
	w->s_mm = w->part_mm + w->part.length_mm;
	w->v_mm_s = w->part.end_mm_s;
	w->moving = true;
	w->plain = false;
	w->phase = 0;
}

/* Z of the part, which has just been made. */
static void warp_nudge(struct warp *w)
{
	struct move *p = &w->part;
	double dur_s, by_mm;

	w->nudge.part_mm = w->nudge.mm;
	p->start_mm[AXIS_Z] += w->nudge.mm - w->planned.nudge_mm;
	if (w->nudge.to_mm != w->nudge.asked_mm) {
		w->nudge.from_mm = w->nudge.mm;
		w->nudge.to_mm = w->nudge.asked_mm;
		w->nudge.slice = 0;
		w->nudge.slice_s = fmax(WARP_NUDGE_S,
					WARP_NUDGE_S_MM * fabs(w->nudge.to_mm - w->nudge.mm)) /
				   WARP_NUDGE_SLICES;
		w->nudge.left_s = w->nudge.slice_s;
	}
	if (w->nudge.mm == w->nudge.to_mm)
		return;
	warp_to_slice(w);
	if (p->length_mm < WARP_NUDGE_WAY_MM)
		return;
	dur_s = w->at_s - w->part_s;
	by_mm = (w->nudge.to_mm - w->nudge.from_mm) * (dur_s / w->nudge.slice_s) *
		warp_nudge_shares[w->nudge.slice] / WARP_NUDGE_SHARES;
	w->nudge.left_s -= dur_s;
	if (w->nudge.left_s <= 1e-3 * w->nudge.slice_s) {
		w->nudge.left_s = w->nudge.slice_s;
		w->nudge.slice++;
	}
	if (w->nudge.slice == WARP_NUDGE_SLICES)
		by_mm = w->nudge.to_mm - w->nudge.mm;
	p->dir[AXIS_Z] += by_mm / p->length_mm;
	w->nudge.mm += by_mm;
	if (w->nudge.slice == WARP_NUDGE_SLICES)
		w->nudge.mm = w->nudge.to_mm;
}

bool warp_nudge_move(struct warp *w, struct move *m)
{
	double by_mm = w->nudge.asked_mm - w->nudge.mm, v = sqrt(WARP_NUDGE_MM_S2 * fabs(by_mm));

	if (by_mm == 0.0 || w->hold || warp_busy(w) || w->v_mm_s > 0.0)
		return false;
	w->nudge.mm = w->nudge.to_mm = m->nudge_mm = w->nudge.asked_mm;
	v = v < WARP_NUDGE_MM_S ? v : WARP_NUDGE_MM_S;
	m->dir[AXIS_Z] = by_mm > 0.0 ? 1.0 : -1.0;
	m->length_mm = fabs(by_mm);
	m->accel_mm_s2 = WARP_NUDGE_MM_S2;
	m->cruise_mm_s = v;
	m->accel_s = m->decel_s = v / WARP_NUDGE_MM_S2;
	m->cruise_s = fmax(m->length_mm / v - m->accel_s, 0.0);
	return m->length_mm >= 1e-9;
}

/* At rest in a hold, time passes. */
static enum warp_result warp_wait(struct warp *w, double until_s)
{
	w->given = false;
	if (until_s > w->at_s) {
		w->dwell_end_s += until_s - w->at_s;
		w->at_s = until_s;
	}
	return WARP_AHEAD;
}

enum warp_result warp_next(struct warp *w, double until_s)
{
	w->until_s = until_s > w->until_s ? until_s : w->until_s;
	w->paused = w->hold && (w->paused || (!w->moving && w->v_mm_s <= 0.0));
	if (w->paused)
		return warp_wait(w, until_s);
	if (w->dwelling && w->dwell_end_s > until_s) {
		w->at_s = until_s > w->at_s ? until_s : w->at_s;
		return WARP_AHEAD;
	}
	if (w->dwelling)
		w->at_s = w->dwell_end_s;
	w->dwelling = false;
	if (w->at_s >= until_s)
		return WARP_AHEAD;
	if (!w->moving)
		return WARP_DONE;
	if (w->factor != warp_factor(w)) {
		warp_aim(w);
		w->on = w->plain = false;
	}
	if (warp_make(w)) {
		warp_nudge(w);
		return WARP_PART;
	}
	return w->paused ? warp_wait(w, until_s) : WARP_DONE;
}

/* ---- changes in the middle of a part ---- */

bool warp_shorten(struct move *m, double after_s)
{
	double left_s = after_s, a = m->accel_mm_s2;
	double up_s = left_s < m->accel_s ? left_s : m->accel_s, flat_s, down_s;

	left_s -= up_s;
	flat_s = left_s < m->cruise_s ? left_s : m->cruise_s;
	left_s -= flat_s;
	down_s = left_s < m->decel_s ? left_s : m->decel_s;
	if (!(after_s > 0.0))
		return false;
	if (up_s == m->accel_s && flat_s == m->cruise_s && down_s == m->decel_s)
		return true;
	m->length_mm = warp_distance(m->start_mm_s, a, up_s);
	if (up_s < m->accel_s)
		m->cruise_mm_s = m->start_mm_s + a * up_s;
	m->length_mm += m->cruise_mm_s * flat_s + warp_distance(m->cruise_mm_s, -a, down_s);
	m->end_mm_s = m->cruise_mm_s - a * down_s;
	m->end_mm_s = m->end_mm_s > 0.0 ? m->end_mm_s : 0.0;
	m->accel_s = up_s;
	m->cruise_s = flat_s;
	m->decel_s = down_s;
	return m->length_mm > 0.0;
}

bool warp_take_back(struct warp *w, double least_s, double keep_s, double *from_s)
{
	double at_s = least_s > w->part_s ? least_s : w->part_s, way_mm = w->part.length_mm;

	if (!w->given || (w->factor == warp_factor(w) && w->nudge.to_mm == w->nudge.asked_mm))
		return false;
	if (w->at_s <= keep_s || w->at_s <= at_s)
		return false;
	w->s_mm = w->part_mm;
	w->v_mm_s = w->part.start_mm_s;
	if (warp_shorten(&w->part, at_s - w->part_s)) {
		w->s_mm += w->part.length_mm;
		w->v_mm_s = w->part.end_mm_s;
		w->nudge.mm = w->nudge.part_mm +
			      (w->nudge.mm - w->nudge.part_mm) * (w->part.length_mm / way_mm);
	} else {
		at_s = w->part_s;
		w->nudge.mm = w->nudge.part_mm;
	}
	w->nudge.to_mm = w->nudge.mm; /* if that is not what is asked for, it goes on from there */
	w->at_s = *from_s = at_s;
	w->moving = true;
	w->on = w->plain = w->given = false;
	warp_aim(w);
	return true;
}
