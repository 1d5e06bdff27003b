// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_extrude.c - the exact motion of an extruder's stepper, see rtcore/extrude.h for the rule.
 *
 * All leaps (checker_filament.c) whose windows are not over are added up for each stretch anew, straight from the
 * formula.
 */
#include "checker_extrude.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const long double HALF_MAX_S = 0.1L;

/* ---- the output ---- */

/* Add a (t + s)^n. */
static void power_add(long double q[5], int n, long double a, long double s)
{
	static const int choose[5][5] = {
		{ 1 }, { 1, 1 }, { 1, 2, 1 }, { 1, 3, 3, 1 }, { 1, 4, 6, 4, 1 }
	};

	for (int k = n; k >= 0; k--) {
		q[k] += a * choose[n][k];
		a *= s;
	}
}

/* What the leap adds about u, as it is at mid: no event lies between. */
static void leap_output(const struct leap *l, long double u, long double mid, long double q[5])
{
	long double ww = l->half * l->half, s = u - l->u, at = mid - l->u;

	if (at >= l->half) {
		power_add(q, 0, l->j[0] + ww / 6 * l->j[2], s);
		power_add(q, 1, l->j[1], s);
		power_add(q, 2, l->j[2], s);
		return;
	}
	for (int n = 0; n < 3; n++) {
		long double a = l->j[n] / ww / ((n + 1) * (n + 2));

		if (at >= -l->half)
			power_add(q, n + 2, a, s + l->half);
		if (at >= 0)
			power_add(q, n + 2, -2 * a, s);
	}
}

static void flow_output(const struct flow *f, long double u, long double q[5])
{
	q[0] += flow_y(f, u) + f->advance * flow_v(f, u) + f->half * f->half / 6 * f->h;
	q[1] += flow_v(f, u) + 2 * f->advance * f->h;
	q[2] += f->h;
}

static long double flow_rush(const struct flow *f, long double u)
{
	return fabsl(flow_v(f, u)) + fabsl(2 * f->advance * f->h);
}

/* At most so fast moves the output when the leap's instant does. */
static long double leap_rush(const struct leap *l)
{
	long double jump = l->half > 0 ? fabsl(l->j[0]) / l->half : 0;

	return jump + fabsl(l->j[1]) + 2 * fabsl(l->j[2]) * l->half;
}

/* The next instant after u at which a window begins, is half over, or ends. */
static long double leaps_next(const struct extruder *x, long double u)
{
	long double next = HUGE_VALL;

	for (uint32_t i = 0; i < x->count; i++) {
		const struct leap *l = leap_at(x, i);

		for (int k = -1; k <= 1; k++)
			if (l->u + k * l->half > u && l->u + k * l->half < next)
				next = l->u + k * l->half;
	}
	return next;
}

static long double widest(const struct extruder *x)
{
	long double w = x->change[x->param].half;

	for (uint32_t i = x->param + 1; i < x->changes; i++)
		w = wider(w, wider(x->change[i].half, HALF_MIN_S));
	return w;
}

/* From u on, machine time is t0 + (u - u0) * rate up to u = *end. */
struct clock_line {
	long double t0, u0, rate, end;
};

static struct clock_line clock_at(const struct checker *c, struct extruder *x)
{
	for (;;) {
		const struct shape_change *ch = &c->shape[x->set + 1];
		long double d0 = c->shape[x->set].set.delay, by, t0, t1;
		struct clock_line line = { x->u + d0, x->u, 1, HUGE_VALL };

		if (x->set + 1 == c->shapes)
			return line;
		if (x->u < ch->at - d0) {
			line.end = ch->at - d0;
			return line;
		}
		by = ch->set.delay - d0;
		for (int k = 0; k < SHAPE_SLICES && ch->end > ch->at; k++) {
			t0 = shape_slice(ch, k);
			t1 = shape_slice(ch, k + 1);
			line.u0 = t0 - d0 - by * shape_share(k);
			line.end = t1 - d0 - by * shape_share(k + 1);
			line.t0 = t0;
			line.rate = (t1 - t0) / (line.end - line.u0);
			if (x->u < line.end)
				return line;
		}
		x->set++;
	}
}

enum taps_next extruder_next(const struct checker *c, struct stepper *s, long double stop)
{
	struct extruder *x = s->extruder;
	struct crossing *g = &s->gen;
	struct clock_line line;
	long double u, until, mid, w, rush, q[5] = { 0 };
	enum look what;

	line = clock_at(c, x);
	if (!c->finishing && c->seen < stop) /* parameters may change later than that */
		stop = c->seen;
	if (line.u0 + (stop - line.t0) / line.rate < line.end) /* that, a cut or a resync comes */
		line.end = line.u0 + (stop - line.t0) / line.rate;
	for (;;) {
		what = filament_look(c, s, x, line.end + widest(x), &u);
		until = leaps_next(x, x->u);
		w = what == LOOK_CHANGE ? wider(widest(x), HALF_MIN_S) : widest(x);
		if (what == LOOK_UNKNOWN || u - w > (until < line.end ? until : line.end))
			break;
		if (filament_leap(c, s, x, u, what))
			return TAPS_UNKNOWN;
	}
	if (line.end < until)
		until = line.end;
	if (what == LOOK_UNKNOWN && u - w < until)
		until = u - w;
	if (until == HUGE_VALL || until <= x->u)
		return TAPS_UNKNOWN;
	mid = x->u + (until - x->u) / 2;
	while (x->count && leap_at(x, 0)->u + leap_at(x, 0)->half <= mid) {
		x->done = leap_at(x, 0)->after;
		x->first++;
		x->count--;
	}
	flow_output(&x->done, x->u, q);
	rush = flow_rush(&x->done, x->u);
	for (uint32_t i = 0; i < x->count; i++) {
		leap_output(leap_at(x, i), x->u, mid, q);
		rush += leap_rush(leap_at(x, i));
	}
	g->stretch = (struct stretch){ .t = line.t0 + (x->u - line.u0) * line.rate,
				       .dur = (until - x->u) * line.rate,
				       .p = q[0] - g->offset,
				       .v = q[1] / line.rate,
				       .a = 2 * q[2] / (line.rate * line.rate),
				       .c3 = q[3] / (line.rate * line.rate * line.rate),
				       .c4 = q[4] / (line.rate * line.rate * line.rate * line.rate),
				       .rush = rush,
				       .doubt = x->doubt };
	x->u = until;
	g->t = line.t0 + (x->u - line.u0) * line.rate;
	return TAPS_STRETCH;
}

/* ---- set-up, stops ---- */

uint64_t extruder_item(const struct stepper *s)
{
	return s->extruder->item;
}

long double extruder_at(const struct stepper *s)
{
	return s->extruder->now.y;
}

void extruder_stop(const struct checker *c, struct stepper *s, uint64_t item, long double at,
		   uint32_t set)
{
	struct extruder *x = s->extruder;
	struct crossing *g = &s->gen;

	/* The stepper may come to the cut much later than it was told: what was told since isn't meant. */
	while (x->param + 1 < x->changes && x->change[x->param + 1].floor < item)
		x->param++;
	x->item = item;
	x->phase = 0;
	x->cur.ok = x->peek.ok = x->joined = false;
	x->count = 0;
	x->set = set;
	x->u = at;
	filament_rest(x, at, g->offset + (long double)g->k);
	x->done = x->now;
	g->t = at + c->shape[set].set.delay; /* until then it rests, whatever else is cut */
}

int extruder_new(struct stepper *s)
{
	struct extruder *x = calloc(1, sizeof(*x));

	s->extruder = x;
	if (!x)
		return -ENOMEM;
	x->change = calloc(1, sizeof(*x->change));
	x->leap = calloc(64, sizeof(*x->leap));
	x->mask = 63;
	if (!x->change || !x->leap)
		return -ENOMEM;
	x->changes = 1;
	x->change[0] = (struct extrude_change){ -HUGE_VALL, s->cfg.advance_s, s->cfg.half_s,
						s->cfg.source, 0 };
	if (s->cfg.advance_s > 0)
		x->change[0].half = wider(x->change[0].half, HALF_MIN_S);
	x->u = -1e15L;
	filament_rest(x, 0, s->gen.offset);
	x->done = x->now;
	s->gen.t = x->u;
	return 0;
}

void extruder_free(struct stepper *s)
{
	if (!s->extruder)
		return;
	free(s->extruder->change);
	free(s->extruder->leap);
	free(s->extruder);
}

int checker_extrude(struct checker *c, uint32_t stepper, double at_s, int source, double advance_s,
		    double half_s)
{
	struct extruder *x;
	struct extrude_change *grown, *e;

	if (stepper >= c->cfg.steppers || !c->stepper[stepper].extruder ||
	    !checker_sane(at_s, -1e12, 1e12) || !checker_sane(advance_s, 0, 100) ||
	    !checker_sane(half_s, 0, (double)HALF_MAX_S))
		return -EINVAL;
	x = c->stepper[stepper].extruder;
	for (e = &x->change[x->changes - 1];
	     x->changes - 1 > x->param && e->at >= at_s && e->floor == c->floor; e--)
		x->changes--;
	grown = realloc(x->change, (x->changes + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	x->change = grown;
	e = &x->change[x->changes++];
	*e = (struct extrude_change){ at_s, advance_s, half_s, source, c->floor };
	if (e->advance > 0 && e->half < HALF_MIN_S)
		e->half = HALF_MIN_S;
	return 0;
}
