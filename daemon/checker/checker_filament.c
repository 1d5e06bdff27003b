// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_filament.c - what an extruder's stepper follows, before it is smoothed.
 *
 * Boundaries are read off the time line one by one: what was the stepper in before, what after?
 */
#include "checker_extrude.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* A change and a phase are at one instant, but for rounding. */
static const long double SAME_S = 1e-7L;

/* ---- phases ---- */

static void peek_load(const struct checker *c, const struct stepper *s, struct extruder *x)
{
	uint64_t end = c->item_first + c->item_count;

	for (; !x->peek.ok && x->item < end; x->item++, x->phase = 0) {
		const struct item *it = checker_item(c, x->item);
		const struct move *m = &it->move;
		const long double dur[3] = { m->accel_s, m->cruise_s, m->decel_s };
		const long double v[3] = { m->start_mm_s, m->cruise_mm_s, m->cruise_mm_s };
		const long double a[3] = { m->accel_mm_s2, 0, -(long double)m->accel_mm_s2 };

		if (it->kind == ITEM_CUT)
			return;
		if (it->kind != ITEM_MOVE)
			continue;
		if (x->phase == 0) {
			x->s = 0;
			x->t = it->start;
		}
		for (; !x->peek.ok && x->phase < 3; x->phase++) {
			unsigned n = x->phase;
			long double d = dur[n];

			if (it->cut && d > it->end - x->t)
				d = it->end - x->t;
			if (d <= 0)
				continue;
			x->peek = (struct filament_phase){
				.start = x->t,
				.end = x->t + d,
				.v = v[n],
				.a = a[n],
				.dir = (long double)s->cfg.steps_per_mm[AXIS_E] * m->dir[AXIS_E],
				.pos = (long double)s->cfg.steps_per_mm[AXIS_E] *
				       (it->start_mm[AXIS_E] + m->dir[AXIS_E] * x->s),
				.extruder = m->extruder,
				.extrudes = m->dir[AXIS_E] > 0,
				.goes = m->dir[AXIS_X] != 0 || m->dir[AXIS_Y] != 0,
				.ok = true,
			};
			x->s += (v[n] + a[n] * d / 2) * d;
			x->t += d;
		}
		if (x->peek.ok)
			return;
	}
}

static bool follows(const struct extruder *x, const struct filament_phase *p)
{
	return p->ok && p->extruder == x->change[x->param].source && p->dir != 0;
}

void filament_rest(struct extruder *x, long double u, long double y)
{
	x->now = (struct flow){ .u0 = u, .y = y, .half = x->change[x->param].half };
	x->moving = false;
}

/* In phase x->cur from u on. */
static void flow_enter(struct extruder *x, long double u, long double y)
{
	const struct filament_phase *p = &x->cur;
	long double t = u - p->start;

	if (!x->joined)
		x->shift = p->pos + p->dir * (p->v + p->a * t / 2) * t - y;
	x->now = (struct flow){
		.u0 = p->start,
		.y = p->pos - x->shift,
		.v = p->dir * p->v,
		.h = p->dir * p->a / 2,
		.advance = p->extrudes && p->goes ? x->change[x->param].advance : 0,
		.half = x->change[x->param].half,
	};
	x->moving = x->joined = true;
}

/* ---- boundaries ---- */

enum look filament_look(const struct checker *c, const struct stepper *s, struct extruder *x,
			long double limit, long double *u)
{
	long double change = x->param + 1 < x->changes ? x->change[x->param + 1].at : HUGE_VALL;
	enum look what = LOOK_PHASE;

	if (x->moving) {
		*u = x->cur.end;
		peek_load(c, s, x);
		/* one instant but for rounding */
		if (x->peek.ok && fabsl(x->peek.start - *u) < CHECKER_TIME_SLACK_S)
			*u = x->peek.start;
		else if (fabsl(change - *u) < CHECKER_TIME_SLACK_S)
			*u = change;
		if (!x->peek.ok && !c->finishing && c->end <= *u + SAME_S)
			what = LOOK_UNKNOWN;
	} else {
		*u = c->finishing ? HUGE_VALL : c->end;
		what = LOOK_UNKNOWN;
		for (;;) {
			peek_load(c, s, x);
			if (!x->peek.ok)
				break;
			if (follows(x, &x->peek)) {
				*u = x->peek.start;
				what = LOOK_PHASE;
				break;
			}
			/* one that ends when they change, but for rounding, is over */
			if (x->peek.end > change + SAME_S || x->peek.end > limit)
				break;
			if (x->peek.dir != 0)
				x->joined = false;
			x->peek.ok = false;
		}
	}
	/* At one instant, but for rounding: an end of motion comes first, else the change. */
	if (change < *u + (x->moving ? -SAME_S : SAME_S) && change < HUGE_VALL) {
		*u = change > x->now.u0 ? change : x->now.u0; /* behind that end also in time */
		/* what begins there may not have been told yet */
		what = !x->moving && !x->peek.ok && !c->finishing && c->end <= change + SAME_S
			       ? LOOK_UNKNOWN
			       : LOOK_CHANGE;
	}
	return what;
}

static void pass(const struct checker *c, const struct stepper *s, struct extruder *x,
		 long double u, enum look what)
{
	long double y = flow_y(&x->now, u);

	if (what == LOOK_CHANGE) {
		x->param++;
		if (x->moving && follows(x, &x->cur)) {
			flow_enter(x, u, y);
		} else if (x->moving) {
			x->joined = false;
			filament_rest(x, u, y);
		} else if (x->cur.ok && x->cur.end > u + SAME_S && follows(x, &x->cur)) {
			flow_enter(x, u, y); /* once more */
		} else if (x->peek.ok && x->peek.start <= u + SAME_S && follows(x, &x->peek)) {
			x->cur = x->peek;
			x->peek.ok = x->joined = false;
			flow_enter(x, u, y);
		} else {
			filament_rest(x, u, y);
		}
		return;
	}
	peek_load(c, s, x);
	x->cur.ok = false;
	if (x->peek.ok && x->peek.start <= u + CHECKER_TIME_SLACK_S && follows(x, &x->peek)) {
		x->cur = x->peek;
		x->peek.ok = false;
		flow_enter(x, u, y);
	} else {
		filament_rest(x, u, y);
	}
}

int filament_leap(const struct checker *c, const struct stepper *s, struct extruder *x,
		  long double u, enum look what)
{
	struct flow old = x->now;
	long double w0 = old.half, w1, w;
	struct leap *l;

	if (x->count > x->mask) {
		uint32_t cap = 2 * (x->mask + 1);
		struct leap *grown = calloc(cap, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		for (uint32_t i = 0; i < x->count; i++)
			grown[i] = *leap_at(x, i);
		free(x->leap);
		x->leap = grown;
		x->first = 0;
		x->mask = cap - 1;
	}
	pass(c, s, x, u, what);
	if (what == LOOK_CHANGE)
		x->doubt += piece_band(u, fabsl(flow_v(&x->now, u) - flow_v(&old, u))) -
			    CHECKER_BAND_STEPS;
	w1 = x->now.half;
	w = wider(w0, w1);
	if (what == LOOK_CHANGE)
		w = wider(w, HALF_MIN_S);
	l = leap_at(x, x->count++);
	l->u = u;
	l->half = w;
	l->j[0] = x->now.advance * flow_v(&x->now, u) - old.advance * flow_v(&old, u) +
		  (w1 * w1 * x->now.h - w0 * w0 * old.h - w * w * (x->now.h - old.h)) / 6;
	l->j[1] = flow_v(&x->now, u) + 2 * x->now.advance * x->now.h - flow_v(&old, u) -
		  2 * old.advance * old.h;
	l->j[2] = x->now.h - old.h;
	l->after = x->now;
	return 0;
}
