// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_crossing.c - from the time line to one stepper's crossings, in long double.
 *
 * A move is monotonic for each joint (path speed is never negative), so each of its three phases is
 * read as a rising stretch, mirrored if it falls. A threshold well inside a stretch is a step at a
 * closed-form time. Near a stretch's end a visit to the band around the threshold opens, and what
 * it amounts to is known when the joint leaves the band, stretches or minutes later.
 */
#include "checker_internal.h"

#include <math.h>

long double crossing_joint(const struct stepper *s, const double mm[MOVE_AXES])
{
	long double p = 0;

	for (int i = 0; i < MOVE_AXES; i++)
		p += (long double)s->cfg.steps_per_mm[i] * mm[i];
	return p;
}

void crossing_init(const struct checker *c, struct stepper *s)
{
	s->gen = (struct crossing){ .offset = crossing_joint(s, c->cfg.start_mm) };
}

/* When the stretch reaches q, and how fast it is there. */
static inline long double piece_time(const struct piece *p, long double q, double *speed)
{
	long double x = q - p->q0, w2, w, tau;

	if (x <= 0) {
		*speed = (double)p->v;
		return p->t0;
	}
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

static void piece_end(struct piece *p, long double dur)
{
	p->dur = dur;
	p->q1 = p->q0 + (p->v + p->a2 * dur / 4) * dur;
	if (p->q1 < p->q0)
		p->q1 = p->q0;
}

static void piece_load(struct crossing *g, long double q0, int sign, long double rate,
		       long double v_mm, long double a_mm, long double dur)
{
	struct piece *p = &g->piece;

	p->t0 = g->t;
	p->sign = sign;
	p->q0 = q0;
	p->v = rate * v_mm;
	p->a2 = 2 * rate * a_mm;
	p->v2 = p->v * p->v;
	p->inv_v = p->v > 0 ? 1 / p->v : 0;
	p->loaded = true;
	piece_end(p, dur);
}

/* Load the next phase of a move that takes time and moves this joint. false: the move is done. */
static bool move_phase(struct stepper *s, const struct item *it)
{
	const struct move *m = &it->move;
	struct crossing *g = &s->gen;
	long double rate = 0, base;

	if (g->phase == 0) {
		g->s = 0;
		g->t = it->start;
	}
	for (int i = 0; i < MOVE_AXES; i++)
		rate += (long double)s->cfg.steps_per_mm[i] * m->dir[i];
	base = crossing_joint(s, m->start_mm) - g->offset;
	while (g->phase < 3) {
		const long double dur[3] = { m->accel_s, m->cruise_s, m->decel_s };
		const long double v[3] = { m->start_mm_s, m->cruise_mm_s, m->cruise_mm_s };
		const long double a[3] = { m->accel_mm_s2, 0, -(long double)m->accel_mm_s2 };
		unsigned n = g->phase++;
		long double d = dur[n], s0 = g->s;

		if (it->cut && d > it->end - g->t)
			d = it->end - g->t;
		if (d <= 0)
			continue;
		g->s += (v[n] + a[n] * d / 2) * d;
		g->p_last = base + rate * g->s;
		if (rate != 0) {
			int sign = rate > 0 ? 1 : -1;

			piece_load(g, (base + rate * s0) * sign, sign, fabsl(rate), v[n], a[n], d);
			g->t += d;
			return true;
		}
		g->t += d;
	}
	return false;
}

static struct event visit_close(struct crossing *g, long double t, int64_t to)
{
	struct event ev = { .kind = EVENT_STEP, .lo = g->visit_t, .hi = t };

	ev.t = (ev.lo + ev.hi) / 2;
	ev.speed = t > g->visit_t ? (double)(2 * CHECKER_BAND_STEPS / (t - g->visit_t)) : 0;
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
	g->visit_t = t;
}

/* The visit goes on, or this stretch ends it. */
static bool piece_visit(struct crossing *g, struct event *ev)
{
	const struct piece *p = &g->piece;
	int64_t above = p->sign > 0 ? g->visit_k + 1 : g->visit_k;
	int64_t below = p->sign > 0 ? g->visit_k : g->visit_k + 1;
	long double q = p->sign * ((long double)g->visit_k + 0.5L);
	double speed;

	if (p->q1 > q + CHECKER_BAND_STEPS) {
		*ev = visit_close(g, piece_time(p, q + CHECKER_BAND_STEPS, &speed), above);
		return true;
	}
	g->piece.loaded = false;
	if (p->q0 < q - CHECKER_BAND_STEPS) { /* only by a jump between moves */
		*ev = visit_close(g, p->t0, below);
		return true;
	}
	return false;
}

/* The next event in the loaded stretch; false and unloaded when it has none left. */
static bool piece_event(struct crossing *g, struct event *ev)
{
	struct piece *p = &g->piece;
	int64_t k = p->sign * g->k; /* counter in the mirror */
	long double q = (long double)k + 0.5L;
	double speed;

	if (g->visit)
		return piece_visit(g, ev);
	if (p->q1 > q + CHECKER_BAND_STEPS) {
		if (fabsl(p->q0 - q) <= CHECKER_BAND_STEPS) {
			visit_open(g, p->sign > 0 ? g->k : g->k - 1, p->t0);
			return piece_visit(g, ev);
		}
		ev->kind = EVENT_STEP;
		ev->dir = (int8_t)p->sign;
		ev->t = ev->lo = ev->hi = piece_time(p, q, &speed);
		ev->speed = speed;
		if (speed < 100) { /* slow: the band takes a noticeable time */
			long double slack = CHECKER_BAND_STEPS / (speed > 1e-9 ? speed : 1e-9);

			ev->lo -= slack;
			ev->hi += slack;
		}
		g->k += p->sign;
		return true;
	}
	p->loaded = false;
	if (p->q1 >= q - CHECKER_BAND_STEPS)
		visit_open(g, p->sign > 0 ? g->k : g->k - 1,
			   piece_time(p, q - CHECKER_BAND_STEPS, &speed));
	return false;
}

/* The joint ends inside a visit (at the end of the run or at a resync). */
static void visit_end(struct crossing *g, long double t, struct event *ev)
{
	int64_t other = g->visit_k == g->k ? g->k + 1 : g->visit_k;

	*ev = (struct event){ .kind = EVENT_MAYBE,
			      .dir = other > g->k ? 1 : -1,
			      .t = g->visit_t,
			      .lo = g->visit_t,
			      .hi = t };
	g->end_either = true;
	g->end_k_other = other;
	g->visit = false;
}

static bool resync_event(const struct stepper *s, struct crossing *g, const struct item *it,
			 struct event *ev)
{
	if (g->visit) {
		visit_end(g, it->start, ev);
		g->end_either = false;
		return true; /* and come back for the resync */
	}
	g->k = it->pos.count;
	g->p_last = (long double)g->k;
	g->offset = crossing_joint(s, it->pos.mm) - g->p_last;
	*ev = (struct event){
		.kind = EVENT_RESYNC, .t = it->start, .lo = it->start, .hi = it->start, .k = g->k
	};
	g->item++;
	g->phase = 0;
	return true;
}

bool crossing_next(const struct checker *c, struct stepper *s, struct event *ev, long double *bound)
{
	struct crossing *g = &s->gen;

	for (;;) {
		const struct item *it;

		if (g->piece.loaded) {
			if (piece_event(g, ev))
				return true;
			continue;
		}
		if (g->item == c->item_first + c->item_count)
			break;
		it = checker_item(c, g->item);
		if (it->kind == ITEM_RESYNC && it->pos.stepper == s->index)
			return resync_event(s, g, it, ev);
		if (it->kind == ITEM_POSITION)
			g->offset = crossing_joint(s, it->pos.mm) - g->p_last;
		else if (it->kind == ITEM_MOVE && move_phase(s, it))
			continue;
		g->item++;
		g->phase = 0;
	}
	if (c->finishing && !g->ended) {
		g->ended = true;
		if (g->visit) {
			visit_end(g, HUGE_VALL, ev);
			return true;
		}
	}
	*bound = g->visit ? g->visit_t : c->end;
	if (c->finishing)
		*bound = HUGE_VALL;
	return false;
}

void crossing_cut(struct stepper *s, long double at)
{
	struct crossing *g = &s->gen;
	struct piece *p = &g->piece;

	if (p->loaded && p->t0 + p->dur > at) {
		piece_end(p, at > p->t0 ? at - p->t0 : 0);
		g->p_last = p->sign * p->q1;
	}
	if (g->visit && g->visit_t > at)
		g->visit = false;
}
