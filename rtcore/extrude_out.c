/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extrude_out.c - the quartics of an extruder's output as quadratics in machine time. See extrude.h. */
#include <math.h>

#include "extrude_private.h"

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
	if (ex->slice < 0 && ex->u_s < c->at_s - delay0_s) {
		ex->end_s = c->at_s - delay0_s;
		return;
	}
	ex->slice++;
	if (ex->slice == SHAPER_SLICES || c->end_s <= c->at_s) {
		ex->slice = -1;
		ex->shape++;
		ex->u0_s = ex->u_s;
		ex->t0_s = ex->u_s + c->set.delay_s;
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

static inline double extrude_time_s(const struct extrude *ex, double u_s)
{
	return ex->t0_s + (u_s - ex->u0_s) * ex->stretch;
}

/* ---- pieces ---- */

/* How long a quadratic may stand for the quartic from u_s on, at most most_s. */
static double extrude_step_s(const struct extrude *ex, double most_s)
{
	const double *c = ex->c;
	double t = most_s;

	for (int i = 0; i < 8; i++) {
		double bend = 6.0 * fabs(c[3]) + 24.0 * fabs(c[4]) * t;
		double v0 = c[1], v1 = c[1] + (2.0 * c[2] + (3.0 * c[3] + 4.0 * c[4] * t) * t) * t;
		double slow = v0 * v1 > 0.0 ? extrude_min(fabs(v0), fabs(v1)) - bend * t * t / 8.0
					    : 0.0;
		double error = extrude_max(EXTRUDE_ERROR_STEPS, slow * ex->error_s), room;

		if (bend * t * t * t <= 124.0 * error)
			return t;
		/* the middle of what is left and what fits: few tries */
		room = cbrt(124.0 * error / bend);
		t = room < 0.9 * t ? room : 0.9 * t;
	}
	return cbrt(124.0 * EXTRUDE_ERROR_STEPS / (6.0 * fabs(c[3]) + 24.0 * fabs(c[4]) * most_s));
}

/* Go on by dur_s, to u_s: the polynomial from there. */
static inline void extrude_shift(struct extrude *ex, double dur_s, double u_s)
{
	double *c = ex->c, t = dur_s;

	c[0] += (c[1] + (c[2] + (c[3] + c[4] * t) * t) * t) * t;
	c[1] += (2.0 * c[2] + (3.0 * c[3] + 4.0 * c[4] * t) * t) * t;
	c[2] += (3.0 * c[3] + 6.0 * c[4] * t) * t;
	c[3] += 4.0 * c[4] * t;
	ex->u_s = u_s;
}

/* A quadratic in the making: several parts of the output, from u_s on. */
struct extrude_sum {
	double u_s, p, v, v_end;
	double bend_min, bend_max; /* of the second derivative in it */
	double slow;               /* least speed */
	int32_t parts;
};

/* The quadratic that meets a part's ends and middle. */
static void extrude_fit(const struct extrude *ex, double dur_s, struct joint_piece *out)
{
	const double *c = ex->c;
	double t = 0.5 * dur_s, mid = (c[1] + (c[2] + (c[3] + c[4] * t) * t) * t) * t;

	t = dur_s;
	t = (c[1] + (c[2] + (c[3] + c[4] * t) * t) * t) * t;
	dur_s = 1.0 / dur_s;
	out->v = (4.0 * mid - t) * dur_s;
	out->a = 4.0 * (t - 2.0 * mid) * dur_s * dur_s;
}

/* Add all up to until_s to the quadratic, if that stays as near as it has to. With the second derivative
 * between two bounds, one that meets both ends and the first speed is off by at most 0.046 times
 * their distance times the duration squared. */
static bool extrude_take(struct extrude *ex, struct extrude_sum *sum, struct joint_piece *out)
{
	const double *c = ex->c;
	double t = ex->until_s - ex->u_s, all = ex->until_s - sum->u_s;
	double b0 = 2.0 * c[2], b1 = b0 + (6.0 * c[3] + 12.0 * c[4] * t) * t;
	double v1 = c[1] + (2.0 * c[2] + (3.0 * c[3] + 4.0 * c[4] * t) * t) * t;
	double lo = extrude_min(sum->bend_min, extrude_min(b0, b1));
	double hi = extrude_max(sum->bend_max, extrude_max(b0, b1));
	double slow = v1 * sum->v > 0.0 ? extrude_min(sum->slow, fabs(v1)) : 0.0;

	/* (between the ends it may go beyond both by this) */
	hi += 3.0 * fabs(c[4]) * t * t;
	if (sum->parts > 0 && fabs(c[1] - sum->v_end) * all > EXTRUDE_ERROR_STEPS)
		return false; /* without smoothing the speed jumps */
	if (0.046 * (hi - lo) * all * all >
	    extrude_max(EXTRUDE_ERROR_STEPS, 0.5 * slow * ex->error_s))
		return false;
	if (sum->parts == 0)
		extrude_fit(ex, t, out);
	sum->bend_min = lo;
	sum->bend_max = hi;
	sum->slow = slow;
	sum->v_end = v1;
	sum->parts++;
	extrude_shift(ex, t, ex->until_s);
	return true;
}

/* As much as one quadratic can stand for, up to until_s. */
static void extrude_part(struct extrude *ex, struct joint_piece *out)
{
	double dur_s = ex->until_s - ex->u_s, u_s = ex->until_s, t;

	if (ex->c[3] == 0.0 && ex->c[4] == 0.0) {
		out->v = ex->c[1];
		out->a = 2.0 * ex->c[2];
	} else {
		t = extrude_step_s(ex, dur_s);
		if (t < dur_s) {
			dur_s = 2.0 * t < dur_s ? t : 0.5 * dur_s;
			u_s = ex->u_s + dur_s;
			dur_s = u_s - ex->u_s; /* as rounded */
		}
		extrude_fit(ex, dur_s, out);
	}
	extrude_shift(ex, dur_s, u_s);
}

static inline bool extrude_moves(const struct extrude *ex)
{
	return ex->c[1] != 0.0 || ex->c[2] != 0.0 || ex->c[3] != 0.0 || ex->c[4] != 0.0;
}

/* Set until_s: the next event, the end of what is known (drained), the horizon, a change of the clock.
 * Nothing beyond the horizon is decided: parameters may change there. */
static enum joint_result extrude_until(struct extrude *ex, const struct trapq *tq, double horizon_s)
{
	struct extrude_boundary *b;
	uint64_t which = 0;
	double event_s, limit_s;

	for (;;) {
		if (ex->u_s >= ex->end_s || ex->end_s == INFINITY)
			extrude_clock(ex);
		limit_s = horizon_s - ex->t0_s;
		limit_s = ex->u0_s + (ex->stretch == 1.0 ? limit_s : limit_s / ex->stretch);
		limit_s = limit_s < ex->end_s ? limit_s : ex->end_s;
		event_s = extrude_event(ex, &which);
		for (;;) {
			b = &ex->next;
			ex->read_s = extrude_max(ex->read_s, limit_s + ex->wide_s);
			if (!ex->ahead && !extrude_look(ex, tq, limit_s + ex->wide_s, b))
				return JOINT_LOST;
			ex->ahead = b->known && !b->change && ex->cursor < tq->head;
			if (!b->known || b->at_s - ex->wide_s > extrude_min(event_s, limit_s))
				break;
			ex->ahead = false;
			if (ex->wide_s == 0.0 && ex->tail == ex->head && !b->change) {
				if (b->at_s > ex->u_s) { /* nothing is smoothed: no jumps to keep */
					ex->ahead = ex->cursor < tq->head;
					event_s = b->at_s;
					break;
				}
				extrude_pass(ex, tq, b);
				ex->done = ex->now;
				extrude_sum(ex);
				continue;
			}
			if (!extrude_read(ex, tq, b))
				return JOINT_LOST;
			event_s = extrude_event(ex, &which);
		}
		if (event_s <= ex->u_s) {
			extrude_apply(ex, which);
			continue;
		}
		ex->until_s = event_s < limit_s ? event_s : limit_s;
		if (!b->known && b->at_s - ex->wide_s < ex->until_s)
			ex->until_s = b->at_s - ex->wide_s;
		if (ex->until_s > ex->u_s && ex->until_s < INFINITY)
			return JOINT_PIECE;
		return ex->until_s == limit_s && limit_s < ex->end_s ? JOINT_HORIZON : JOINT_DRAINED;
	}
}

/* The piece is complete: from u to machine time. */
static void extrude_finish(const struct extrude *ex, const struct extrude_sum *sum,
			   struct joint_piece *out)
{
	double dur_s = ex->u_s - sum->u_s, inv = ex->stretch == 1.0 ? 1.0 : 1.0 / ex->stretch;

	if (sum->parts > 1) {
		out->v = sum->v;
		out->a = 2.0 * ((ex->c[0] - sum->p) / dur_s - sum->v) / dur_s;
	}
	out->start_s = extrude_time_s(ex, sum->u_s);
	out->dur_s = dur_s * ex->stretch;
	out->p = sum->p;
	out->v *= inv;
	out->a *= inv * inv;
	out->p_end = ex->c[0];
}

enum joint_result extrude_next(struct extrude *ex, const struct trapq *tq, double horizon_s,
			       struct joint_piece *out)
{
	struct extrude_sum sum = { .parts = 0 };

	for (;;) {
		enum joint_result r = JOINT_PIECE;

		if (ex->u_s >= ex->until_s) {
			if (sum.parts && ex->u_s >= ex->end_s)
				break; /* time goes otherwise from here on */
			r = extrude_time_s(ex, ex->u_s) < horizon_s
				    ? extrude_until(ex, tq, horizon_s)
				    : JOINT_HORIZON;
		}
		if (r != JOINT_PIECE && !sum.parts)
			return r;
		if (r != JOINT_PIECE || (sum.parts && !extrude_moves(ex)))
			break;
		if (!extrude_moves(ex)) {
			ex->u_s = ex->until_s;
			continue;
		}
		if (!sum.parts)
			sum = (struct extrude_sum){ .u_s = ex->u_s,
						    .p = ex->c[0],
						    .v = ex->c[1],
						    .bend_min = INFINITY,
						    .bend_max = -INFINITY,
						    .slow = fabs(ex->c[1]) };
		if (extrude_take(ex, &sum, out))
			continue;
		if (!sum.parts)
			extrude_part(ex, out);
		break;
	}
	extrude_finish(ex, &sum, out);
	return JOINT_PIECE;
}
