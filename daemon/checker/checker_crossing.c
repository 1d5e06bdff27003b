// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_crossing.c - from the time line to one stepper's crossings, in long double.
 *
 * A move is monotonic for each joint (path speed is never negative), so each of its three phases is
 * read as a rising stretch, mirrored if it falls. A threshold well inside a stretch is a step at a
 * closed-form time. Near a stretch's end a visit to the band around the threshold opens, and what
 * it amounts to is known when the joint leaves the band, stretches or minutes later.
 */
#include "checker_internal.h"

#include <float.h>
#include <math.h>

long double crossing_joint(struct stepper *s, const long double mm[MOVE_AXES])
{
	long double p = 0;

	if (curve_is(s))
		return curve_steps(s, mm);
	for (int i = 0; i < MOVE_AXES; i++)
		p += (long double)s->cfg.steps_per_mm[i] * mm[i];
	return p;
}

void crossing_init(const struct checker *c, struct stepper *s)
{
	s->gen = (struct crossing){ 0 };
	s->plane[0] = cosl(s->cfg.joint.direction_rad);
	s->plane[1] = sinl(s->cfg.joint.direction_rad);
	s->gen.offset = crossing_joint(s, c->end_mm);
	taps_init(c, s);
}

static inline long double piece_at(const struct piece *p, long double t, long double *speed)
{
	*speed = p->v + (p->a2 / 2 + (3 * p->c3 + 4 * p->c4 * t) * t) * t;
	return p->q0 + (p->v + (p->a2 / 4 + (p->c3 + p->c4 * t) * t) * t) * t;
}

/* The same for a quartic: Newton steps that stay in a bracket. */
static long double piece_time_curved(const struct piece *p, long double q, double *speed)
{
	long double lo = 0, hi = p->dur, t = hi / 2, v = 0;

	for (int i = 0; i < 200 && hi - lo > 1e-15L; i++) {
		long double x = piece_at(p, t, &v) - q, next;

		if (x > 0)
			hi = t;
		else
			lo = t;
		next = v > 0 ? t - x / v : -1;
		if (fabsl(x) < 1e-14L && v > 1)
			break;
		t = next > lo && next < hi ? next : (lo + hi) / 2;
	}
	*speed = (double)v;
	return p->t0 + t;
}

/* When the stretch reaches q, and how fast it is there. */
static inline long double piece_time(struct stepper *s, long double q, double *speed)
{
	struct piece *p = &s->gen.piece;
	long double x = q - p->q0, w2, w, tau;

	if (x <= 0) {
		*speed = (double)p->v;
		return p->t0;
	}
	if (p->curved)
		return curve_reach(s, p, q, speed);
	if (p->c3 != 0 || p->c4 != 0)
		return piece_time_curved(p, q, speed);
	if (p->a2 == 0) {
		*speed = (double)p->v;
		tau = x * p->inv_v;
	} else {
		w2 = p->v2 + p->a2 * x;
		w = w2 > 0 ? sqrtl(w2) : 0;
		*speed = (double)w;
		tau = 2 * x / (p->v + w);
	}
	return p->t0 + (tau < p->dur ? tau : p->dur);
}

long double piece_band(long double t, long double speed)
{
	return CHECKER_BAND_STEPS + CHECKER_BAND_ULPS * DBL_EPSILON * t * speed;
}

static void piece_end(const struct stepper *s, struct piece *p, long double dur)
{
	long double speed = 0;

	p->dur = dur;
	p->q1 = p->curved ? p->sign * curve_at(s, p->t0 + dur) : piece_at(p, dur, &speed);
	if (p->q1 < p->q0)
		p->q1 = p->q0;
	p->band = piece_band(p->t0, fmaxl(p->rush, fabsl(speed))) + s->gen.stretch.doubt;
}

static long double stretch_speed(const struct stretch *st, long double t)
{
	return st->v + (st->a + (3 * st->c3 + 4 * st->c4 * t) * t) * t;
}

/* The first time in 0 .. dur at which the speed changes its sign; dur if it doesn't. */
static long double stretch_turn(const struct stretch *st)
{
	/* between the ends and where the speed itself turns it is monotonic */
	long double mark[4] = { 0, st->dur, st->dur, st->dur }, a = 12 * st->c4, b = 6 * st->c3;
	long double d = b * b - 4 * a * st->a, r[2] = { -1, -1 };

	if (a == 0 && b != 0) {
		r[0] = -st->a / b;
	} else if (a != 0 && d >= 0) {
		long double h = -(b + (b > 0 ? sqrtl(d) : -sqrtl(d))) / 2;

		r[0] = h / a;
		r[1] = h != 0 ? st->a / h : -1;
		if (r[0] > r[1]) {
			long double swap = r[0];

			r[0] = r[1];
			r[1] = swap;
		}
	}
	for (int i = 0, n = 1; i < 2; i++)
		if (r[i] > 0 && r[i] < st->dur)
			mark[n++] = r[i];
	for (int i = 0; i < 3; i++) {
		long double lo = mark[i], hi = mark[i + 1];
		long double v0 = stretch_speed(st, lo), v1 = stretch_speed(st, hi);

		if (v0 == 0 || v1 == 0 || (v0 < 0) == (v1 < 0))
			continue;
		for (int k = 0; k < 80; k++) {
			long double mid = (lo + hi) / 2;

			if ((stretch_speed(st, mid) < 0) == (v0 < 0))
				lo = mid;
			else
				hi = mid;
		}
		return hi;
	}
	return st->dur;
}

/* The next part of the stretch in which the joint goes one way. */
static void piece_load(struct stepper *s)
{
	struct crossing *g = &s->gen;
	struct stretch *st = &g->stretch;
	struct piece *p = &g->piece;
	bool curved = st->c3 != 0 || st->c4 != 0;
	long double v1 = st->v + st->a * st->dur, dur = st->dur, t;
	bool turns = (st->v > 0 && v1 < 0) || (st->v < 0 && v1 > 0);

	if (curved) {
		dur = stretch_turn(st);
		turns = dur < st->dur;
		v1 = stretch_speed(st, dur);
	} else if (turns) {
		dur = -st->v / st->a;
		v1 = 0;
	}
	if (st->v != 0 || v1 != 0 || curved) {
		long double end = st->v + (st->a / 2 + (st->c3 + st->c4 * dur) * dur) * dur;

		p->t0 = st->t;
		p->sign = end > 0 ? 1 : -1; /* the mean speed but for the beginning's part */
		p->q0 = st->p * p->sign;
		p->v = curved ? st->v * p->sign : fabsl(st->v);
		p->a2 = 2 * st->a * p->sign;
		p->c3 = st->c3 * p->sign;
		p->c4 = st->c4 * p->sign;
		p->v2 = p->v * p->v;
		p->rush = st->rush;
		p->inv_v = p->v > 0 ? 1 / p->v : 0;
		p->curved = false;
		p->loaded = true;
		piece_end(s, p, dur);
	}
	t = dur;
	st->t += t;
	st->p += (st->v + (st->a / 2 + (st->c3 + st->c4 * t) * t) * t) * t;
	st->v = v1;
	st->a += (6 * st->c3 + 12 * st->c4 * t) * t;
	st->c3 += 4 * st->c4 * t;
	st->dur = turns ? st->dur - dur : 0;
}

static struct event visit_close(struct crossing *g, long double t, int64_t to)
{
	struct event ev = { .kind = EVENT_STEP, .lo = g->visit_t, .hi = t };

	ev.t = (ev.lo + ev.hi) / 2;
	ev.speed = t > g->visit_t ? (double)(2 * g->visit_band / (t - g->visit_t)) : 0;
	if (to == g->k) {
		ev.kind = EVENT_PAIR;
		ev.dir = g->visit_k == g->k ? 1 : -1;
	} else {
		ev.dir = to > g->k ? 1 : -1;
	}
	g->k = to;
	g->visit = false;
	return ev;
}

static void visit_open(struct crossing *g, int64_t visit_k, long double t)
{
	g->visit = true;
	g->visit_k = visit_k;
	g->visit_band = g->piece.band;
	g->visit_t = t;
}

/* The visit goes on, or this stretch ends it. */
static bool piece_visit(struct stepper *s, struct event *ev)
{
	struct crossing *g = &s->gen;
	const struct piece *p = &g->piece;
	int64_t above = p->sign > 0 ? g->visit_k + 1 : g->visit_k;
	int64_t below = p->sign > 0 ? g->visit_k : g->visit_k + 1;
	long double q = p->sign * ((long double)g->visit_k + 0.5L);
	double speed;

	if (p->q1 > q + g->visit_band) {
		*ev = visit_close(g, piece_time(s, q + g->visit_band, &speed), above);
		return true;
	}
	g->piece.loaded = false;
	if (p->q0 < q - g->visit_band) { /* only by a jump between moves */
		*ev = visit_close(g, p->t0, below);
		return true;
	}
	return false;
}

/* The next event in the loaded stretch; false and unloaded when it has none left. */
static bool piece_event(struct stepper *s, struct event *ev)
{
	struct crossing *g = &s->gen;
	struct piece *p = &g->piece;
	int64_t k = p->sign * g->k; /* counter in the mirror */
	long double q = (long double)k + 0.5L;
	double speed;

	if (g->visit)
		return piece_visit(s, ev);
	if (p->q1 > q + p->band) {
		if (fabsl(p->q0 - q) <= p->band) {
			visit_open(g, p->sign > 0 ? g->k : g->k - 1, p->t0);
			return piece_visit(s, ev);
		}
		ev->kind = EVENT_STEP;
		ev->maybe = false;
		ev->dir = (int8_t)p->sign;
		ev->t = ev->lo = ev->hi = piece_time(s, q, &speed);
		ev->speed = speed;
		if (speed < 1e8L * p->band) { /* slow: the band takes a noticeable time */
			long double slack = p->band / (speed > 1e-9 ? speed : 1e-9);

			ev->lo -= slack;
			ev->hi += slack;
		}
		g->k += p->sign;
		return true;
	}
	p->loaded = false;
	if (p->q1 >= q - p->band)
		visit_open(g, p->sign > 0 ? g->k : g->k - 1, piece_time(s, q - p->band, &speed));
	return false;
}

/* The joint ends inside a visit (at the end of the run or at a resync). */
static void visit_end(struct crossing *g, long double t, struct event *ev)
{
	int64_t other = g->visit_k == g->k ? g->k + 1 : g->visit_k;

	*ev = (struct event){ .kind = EVENT_MAYBE,
			      .maybe = true,
			      .dir = other > g->k ? 1 : -1,
			      .t = g->visit_t,
			      .lo = g->visit_t,
			      .hi = t };
	g->end_either = true;
	g->end_k_other = other;
	g->visit = false;
}

static void resync_event(struct stepper *s, struct crossing *g, const struct item *it,
			 struct event *ev)
{
	if (g->visit) {
		visit_end(g, it->start, ev);
		g->end_either = false;
		return; /* and come back for the resync */
	}
	g->k = it->pos.count;
	*ev = (struct event){
		.kind = EVENT_RESYNC, .t = it->start, .lo = it->start, .hi = it->start, .k = g->k
	};
	g->special++;
	if (curve_is(s))
		curve_names(s, it);
	g->offset = s->extruder ? extruder_at(s) : crossing_joint(s, it->start_mm);
	g->offset -= (long double)g->k;
}

bool crossing_next(const struct checker *c, struct stepper *s, struct event *ev, long double *bound)
{
	struct crossing *g = &s->gen;
	const struct item *it;

	for (;;) {
		enum taps_next next;

		if (g->piece.loaded) {
			if (piece_event(s, ev))
				return true;
			continue;
		}
		if (g->stretch.dur > 0) {
			if (curve_is(s))
				curve_load(s);
			else
				piece_load(s);
			continue;
		}
		next = taps_next(c, s, &it);
		if (next == TAPS_VISIT) {
			visit_end(g, it->start, ev);
			g->end_either = false;
			return true; /* and come back for the cut */
		}
		if (next == TAPS_RESYNC) {
			resync_event(s, g, it, ev);
			return true;
		}
		if (next == TAPS_UNKNOWN)
			break;
	}
	if (c->finishing && !g->ended) {
		g->ended = true;
		if (g->visit) {
			visit_end(g, HUGE_VALL, ev);
			return true;
		}
	}
	*bound = g->visit ? g->visit_t : g->t;
	if (c->finishing)
		*bound = HUGE_VALL;
	return false;
}

void crossing_cut(struct stepper *s, long double at)
{
	struct crossing *g = &s->gen;
	struct piece *p = &g->piece;
	struct stretch *st = &g->stretch;

	if (p->loaded && p->t0 >= at)
		p->loaded = false;
	else if (p->loaded && p->t0 + p->dur > at)
		piece_end(s, p, at - p->t0);
	if (st->t + st->dur > at)
		st->dur = at > st->t ? at - st->t : 0;
	if (g->visit && g->visit_t > at)
		g->visit = false;
}
