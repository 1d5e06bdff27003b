/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extrude_out.c - the quartics of an extruder's output as quadratics in machine time. See extrude.h. */
#include <math.h>
#include <string.h>

#include "extrude_private.h"

#define EXTRUDE_TOUCH 1e-12     /* s; events nearer than this come together */
#define EXTRUDE_SUM_HALVES 16.0 /* half windows from one summing up to the next */

/* ---- machine time ---- */

/* From u_s on, how does machine time go? */
static void extrude_clock(struct extrude *ex)
{
	const struct shaper_change *c;
	double delay0_s, delay_s, from_s, until_s;

	ex->end_s = INFINITY;
	if (!ex->shaper || ex->shape + 1 == ex->shaper->head)
		return;
	c = shaper_at_index(ex->shaper, ex->shape + 1);
	delay0_s = shaper_at_index(ex->shaper, ex->shape)->set.delay_s;
	if (ex->slice < 0 && ex->at < (c->at_s - delay0_s) - ex->epoch_s) {
		ex->end_s = c->at_s - delay0_s;
		return;
	}
	ex->slice++;
	if (ex->slice == SHAPER_SLICES || c->end_s <= c->at_s) {
		ex->slice = -1;
		ex->shape++;
		ex->u0_s = extrude_u_s(ex);
		ex->t0_s = extrude_u_s(ex) + c->set.delay_s;
		ex->stretch = 1.0;
		extrude_clock(ex);
		return;
	}
	delay_s = c->set.delay_s - delay0_s;
	from_s = shaper_slice_s(c, ex->slice);
	until_s = shaper_slice_s(c, ex->slice + 1);
	ex->t0_s = from_s;
	ex->u0_s = from_s - (delay0_s + shaper_share(ex->slice) * delay_s);
	ex->end_s = until_s - (delay0_s + shaper_share(ex->slice + 1) * delay_s);
	ex->stretch = (until_s - from_s) / (ex->end_s - ex->u0_s);
}

/* Up to where it may be decided, since the epoch: parameters may change at the horizon. */
static double extrude_limit(struct extrude *ex, double horizon_s)
{
	double limit_s;

	if (ex->end_s == INFINITY || ex->at >= ex->end_s - ex->epoch_s)
		extrude_clock(ex);
	ex->allow_s = ex->stretch > 1.0 ? ex->error_s / ex->stretch : ex->error_s;
	limit_s = horizon_s - ex->t0_s;
	limit_s = ex->u0_s + (ex->stretch == 1.0 ? limit_s : limit_s / ex->stretch);
	return (limit_s < ex->end_s ? limit_s : ex->end_s) - ex->epoch_s;
}

/* ---- pieces ---- */

/* A quadratic in the making: several parts of the output, from at on. It meets them at both ends, and its
 * speed changes by as much; where in between the second derivative is from lo to hi, it is off by at
 * most (hi - lo) T^2 / 32, and its speed by (hi - lo) T / 4. */
struct extrude_sum {
	double at, p, v, v_end;
	double lo, hi;
	bool begun;
};

/* The output some time later. */
struct extrude_later {
	double p, v, c2, c3;
};

/* (Taylor's shift, by repeated division) */
static inline struct extrude_later extrude_later(const double c[5], double t)
{
	double x = c[4] * t, y = c[3] + x, z = c[2] + y * t, w = c[1] + z * t, p = c[0] + w * t;

	y += x;
	z += y * t;
	w += z * t;
	y += x;
	z += y * t;
	return (struct extrude_later){ .p = p, .v = w, .c2 = z, .c3 = y + x };
}

/* Go on to there. */
static inline void extrude_go(struct extrude *ex, const struct extrude_later *to, double at)
{
	ex->c[0] = to->p;
	ex->c[1] = to->v;
	ex->c[2] = to->c2;
	ex->c[3] = to->c3;
	ex->at = at;
}

/* A step's error there, of a motion that is as slow as v and bends at most so much. */
static inline double extrude_allow(const struct extrude *ex, double v, double bend)
{
	return v < ex->turn_s * bend ? extrude_min(ex->allow_s, EXTRUDE_PAIR_S) : ex->allow_s;
}

/* How far off the quadratic may be near where it is slowest, and turns perhaps: no step
 * there comes or goes, and the first one is not too slow. (Upside down if need be, the output is convex.) */
static double extrude_slow_room(const struct extrude *ex, const struct extrude_sum *sum, double p1,
				double v1, double lo, double hi, double allow_s)
{
	double up = lo >= 0.0 ? 1.0 : -1.0, bend = lo >= 0.0 ? lo : -hi, least, most, v = 0.0, step;
	double p0 = up * (sum->p - ex->offset) - 0.5;

	p1 = up * (p1 - ex->offset) - 0.5;
	if (!(bend > 0.0))
		return 0.0;
	if (up * sum->v >= 0.0) {
		least = most = p0;
		v = sum->v;
	} else if (up * v1 <= 0.0) {
		least = most = p1;
		v = v1;
	} else {
		least = p0 - 0.5 * sum->v * sum->v / bend;
		most = p0 - 0.5 * sum->v * sum->v / (lo >= 0.0 ? hi : -lo);
	}
	if (!(fabs(least) < 0x1p52))
		return 0.0;
	step = (double)(int64_t)most; /* the next step above */
	step += step <= most ? 1.0 : 0.0;
	least = 0.5 * extrude_min(step - most, least - (step - 1.0));
	if (step > p0 && step > p1)
		return least;
	return extrude_min(least, allow_s * sqrt(v * v + bend * (step - most)));
}

/* How far off the quadratic that goes on to there in t may be, if its error is about that. */
static inline double extrude_room(const struct extrude *ex, const struct extrude_sum *sum,
				  const struct extrude_later *to, double t, double lo, double hi,
				  double error)
{
	double v0 = fabs(sum->v), v1 = fabs(to->v), v = 0.0, room, bend, allow_s;

	if (sum->v * to->v > 0.0)
		v = extrude_min(v0, v1);
	allow_s = extrude_allow(ex, v, extrude_max(-lo, hi));
	room = allow_s * (v - 0.25 * (hi - lo) * t);
	if (room < EXTRUDE_ERROR_STEPS)
		room = EXTRUDE_ERROR_STEPS;
	bend = extrude_max(lo, -hi); /* a step away it may be as fast as that allows */
	if (error <= room ||
	    (fabs(to->p - sum->p) >= 1.0 && error * error > allow_s * allow_s * (v * v + bend)))
		return room;
	return extrude_max(room, extrude_slow_room(ex, sum, to->p, to->v, lo, hi, allow_s));
}

/* Cube root, to 5 %, of 1e-30 or more. */
static inline double extrude_cbrt(double v)
{
	float f = (float)v;
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	bits = bits / 3 + 709921077;
	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

/* The first part up to t from now, and how far off it may be at that. */
static inline double extrude_first(const struct extrude *ex, struct extrude_sum *sum, double t,
				   struct extrude_later *to, double *room)
{
	const double *c = ex->c;
	double b0 = 2.0 * c[2], b1, error, bulge = fabs(c[4]) * t * t;

	*to = extrude_later(c, t);
	b1 = 2.0 * to->c2;
	/* t^3 and t^4 less such quadratics, about the middle */
	error = (0.0482 * fabs(c[3] + 2.0 * c[4] * t) * t + bulge * (1.0 / 16.0)) * t * t;
	sum->lo = extrude_min(b0, b1) - 3.0 * bulge;
	sum->hi = extrude_max(b0, b1) + 3.0 * bulge;
	*room = extrude_room(ex, sum, to, t, sum->lo, sum->hi, error);
	return error;
}

/* Begin with what comes now, as much as one quadratic can stand for. */
static inline void extrude_begin(struct extrude *ex, struct extrude_sum *sum)
{
	double t = ex->until - ex->at, at = ex->until, room, error, aim = 0.0;
	struct extrude_later to;

	sum->at = ex->at;
	sum->p = ex->c[0];
	sum->v = ex->c[1];
	sum->begun = true;
	error = extrude_first(ex, sum, t, &to, &room);
	if (error > room) /* as far as it may be off where a step is half a step farther */
		aim = ex->allow_s * sqrt(sum->v * sum->v + fabs(ex->c[2]));
	for (; error > room; aim *= 0.25) {
		double share = extrude_cbrt(0.8 * extrude_max(room, aim) / error);

		t *= share < 0.9 ? share : 0.9;
		at = ex->at + t;
		error = extrude_first(ex, sum, t, &to, &room);
	}
	extrude_go(ex, &to, at);
	sum->v_end = to.v;
}

/* Whether the quadratic can stand for several parts up to there. */
__attribute__((noinline)) static bool extrude_near(const struct extrude *ex,
						   const struct extrude_sum *sum,
						   const struct extrude_later *to, double all,
						   double lo, double hi)
{
	double error = (hi - lo) * all * all * (1.0 / 32.0);

	return error <= extrude_room(ex, sum, to, all, lo, hi, error);
}

/* Add all up to `until` to the quadratic, if that stays as near as it has to. */
static bool extrude_take(struct extrude *ex, struct extrude_sum *sum)
{
	double t = ex->until - ex->at, all = ex->until - sum->at, *c = ex->c;
	double bulge = 3.0 * fabs(c[4]) * t * t;
	struct extrude_later to = extrude_later(c, t);
	double lo = extrude_min(sum->lo, 2.0 * extrude_min(c[2], to.c2) - bulge);
	double hi = extrude_max(sum->hi, 2.0 * extrude_max(c[2], to.c2) + bulge);

	/* without smoothing the speed jumps */
	if (fabs(c[1] - sum->v_end) * all > EXTRUDE_ERROR_STEPS ||
	    !extrude_near(ex, sum, &to, all, lo, hi))
		return false;
	sum->lo = lo;
	sum->hi = hi;
	sum->v_end = to.v;
	extrude_go(ex, &to, ex->until);
	return true;
}

/* Pass events, all windows being of one width, as long as the quadratic can stand for what is between them.
 * False: it can't. */
static bool extrude_run(struct extrude *ex, struct extrude_sum *sum)
{
	const double far = ex->far, allow_s = ex->allow_s, up = sum->v < 0.0 ? -1.0 : 1.0;
	const double v0 = up * sum->v;
	double c[5] = { ex->c[0], ex->c[1], ex->c[2], ex->c[3], ex->c[4] }, at = ex->at;
	const double turn_s = 2.0 * ex->turn_s;
	double lo = 0.5 * sum->lo, hi = 0.5 * sum->hi, v_end = sum->v_end; /* as c2 */
	bool fits = true;

	while (ex->head - ex->event[2] > 1) { /* (more happens when the last one is complete) */
		const struct extrude_jump *j;
		uint64_t which;
		double due = extrude_next_event(ex, &which), t = due - at;

		if (due > far)
			break;
		if (t > EXTRUDE_TOUCH) {
			struct extrude_later to = extrude_later(c, t);
			double all = due - sum->at, bulge = 1.5 * fabs(c[4]) * t * t;
			double l = extrude_min(lo, extrude_min(c[2], to.c2) - bulge);
			double h = extrude_max(hi, extrude_max(c[2], to.c2) + bulge);
			double error = (h - l) * all, slow = extrude_min(v0, up * to.v);

			if ((error * all > 16.0 * allow_s * (slow - 0.5 * error) ||
			     slow < turn_s * extrude_max(-l, h)) &&
			    !extrude_near(ex, sum, &to, all, 2.0 * l, 2.0 * h)) {
				ex->until = due;
				fits = false;
				break;
			}
			lo = l;
			hi = h;
			c[0] = to.p;
			c[1] = v_end = to.v;
			c[2] = to.c2;
			c[3] = to.c3;
			at = due;
		}
		j = extrude_take_event(ex, which);
		c[2] += extrude_times[which] * j->k2;
		c[3] += extrude_times[which] * j->k3;
		c[4] += extrude_times[which] * j->k4;
	}
	for (int i = 0; i < 5; i++)
		ex->c[i] = c[i];
	ex->at = at;
	ex->tail = ex->event[2];
	sum->lo = 2.0 * lo;
	sum->hi = 2.0 * hi;
	sum->v_end = v_end;
	return fits;
}

static inline bool extrude_moves(const struct extrude *ex)
{
	return ex->c[1] != 0.0 || ex->c[2] != 0.0 || ex->c[3] != 0.0 || ex->c[4] != 0.0;
}

/* Set until: the next event, the end of what is known (drained), the limit. */
static enum joint_result extrude_until(struct extrude *ex, const struct trapq *tq, double limit)
{
	struct extrude_boundary *b = &ex->next;
	uint64_t which = 0;

	ex->read_s = extrude_max(ex->read_s, ex->epoch_s + limit + ex->wide_s);
	for (;;) {
		double begin, due = extrude_event(ex, &which);

		if (!ex->ahead) {
			double limit_s = ex->epoch_s + limit + ex->wide_s;

			extrude_read_phases(ex, tq, limit_s);
			if (!extrude_look(ex, tq, limit_s, b))
				return JOINT_LOST;
			due = extrude_event(ex, &which);
		}
		ex->ahead = b->known && !b->change && ex->cursor < tq->head;
		begin = (b->at_s - ex->epoch_s) - ex->wide_s;
		if (b->known && begin <= extrude_min(due, limit)) {
			ex->ahead = false;
			if (!extrude_read(ex, tq, b))
				return JOINT_LOST;
			continue;
		}
		if (due <= ex->at + EXTRUDE_TOUCH) {
			extrude_apply(ex, which);
			continue;
		}
		ex->until = due < limit ? due : limit;
		if (!b->known && begin < ex->until)
			ex->until = begin;
		ex->far = limit < begin ? limit : begin;
		if (ex->until - ex->at > EXTRUDE_TOUCH && ex->until < INFINITY)
			return JOINT_PIECE;
		ex->at = extrude_max(ex->at, ex->until < INFINITY ? ex->until : ex->at);
		return ex->until == limit && limit < ex->end_s - ex->epoch_s ? JOINT_HORIZON
									     : JOINT_DRAINED;
	}
}

/* From at, dur long, to now: in machine time. v and a are as they are in u. */
static inline void extrude_put(const struct extrude *ex, double at, double dur,
			       struct joint_piece *out)
{
	out->start_s = ex->t0_s + ((ex->epoch_s - ex->u0_s) + at) * ex->stretch;
	out->dur_s = dur * ex->stretch;
	if (ex->stretch != 1.0) {
		double inv = 1.0 / ex->stretch;

		out->v *= inv;
		out->a *= inv * inv;
	}
}

/* The piece is complete. */
static void extrude_finish(const struct extrude *ex, const struct extrude_sum *sum,
			   struct joint_piece *out)
{
	double dur = ex->at - sum->at, per = 1.0 / dur;

	out->p = sum->p;
	out->p_end = ex->c[0];
	out->a = (sum->v_end - sum->v) * per;
	out->v = (out->p_end - sum->p) * per - 0.5 * out->a * dur;
	extrude_put(ex, sum->at, dur, out);
}

/* Nothing is smoothed, and will be: the motion as it is, from boundary to boundary. */
static enum joint_result extrude_next_plain(struct extrude *ex, const struct trapq *tq,
					    double horizon_s, struct joint_piece *out)
{
	const struct extrude_motion *m = &ex->now;
	struct extrude_boundary *b = &ex->next;
	double limit = extrude_limit(ex, horizon_s), stop, until, t, dur;

	for (;;) {
		if (ex->at >= ex->end_s - ex->epoch_s)
			limit = extrude_limit(ex, horizon_s);
		ex->read_s = extrude_max(ex->read_s, ex->epoch_s + limit);
		if (!ex->ahead && !extrude_look(ex, tq, ex->epoch_s + limit, b))
			return JOINT_LOST;
		ex->ahead = b->known && ex->cursor < tq->head;
		stop = b->at_s - ex->epoch_s;
		if (b->known && stop <= ex->at) {
			extrude_pass(ex, tq, b);
			ex->ahead = false;
			ex->epoch_s = b->at_s;
			ex->at = 0.0;
			limit = extrude_limit(ex, horizon_s);
			continue;
		}
		until = stop < limit ? stop : limit;
		if (!(until > ex->at))
			return until == limit && limit < ex->end_s - ex->epoch_s ? JOINT_HORIZON
										 : JOINT_DRAINED;
		if (m->v != 0.0 || m->ah != 0.0)
			break;
		ex->at = until;
	}
	dur = until - ex->at;
	t = (ex->epoch_s - m->start_s) + ex->at;
	out->p = m->y + (m->v + m->ah * t) * t;
	out->v = m->v + 2.0 * m->ah * t;
	out->a = 2.0 * m->ah;
	out->p_end = out->p + (out->v + m->ah * dur) * dur;
	extrude_put(ex, ex->at, dur, out);
	ex->at = until;
	return JOINT_PIECE;
}

enum joint_result extrude_next(struct extrude *ex, const struct trapq *tq, double horizon_s,
			       struct joint_piece *out)
{
	struct extrude_sum sum = { .begun = false };
	double limit;

	if (extrude_plain(ex)) {
		ex->plain = true;
		return extrude_next_plain(ex, tq, horizon_s, out);
	}
	if (ex->plain)
		extrude_leave_plain(ex);
	if (ex->at > EXTRUDE_SUM_HALVES * ex->wide_s)
		extrude_sum(ex);
	limit = extrude_limit(ex, horizon_s);
	for (;;) {
		if (ex->at >= ex->until) {
			enum joint_result r = JOINT_HORIZON;

			if (ex->at >= ex->end_s - ex->epoch_s) {
				if (sum.begun)
					break; /* time goes otherwise from here on */
				limit = extrude_limit(ex, horizon_s);
			}
			if (ex->at < limit)
				r = extrude_until(ex, tq, limit);
			if (r != JOINT_PIECE) {
				if (!sum.begun)
					return r;
				break;
			}
		}
		if (!extrude_moves(ex)) {
			if (sum.begun)
				break;
			ex->at = ex->until;
		} else if (!sum.begun) {
			extrude_begin(ex, &sum);
			if (ex->at < ex->until)
				break;
		} else if (!extrude_take(ex, &sum)) {
			break;
		}
		if (ex->at >= ex->until && sum.begun && ex->tail >= ex->mixed &&
		    !extrude_run(ex, &sum))
			break;
	}
	extrude_finish(ex, &sum, out);
	return JOINT_PIECE;
}
