// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_joint.c - joints that are no weighted sums: positions in long double, stretches of a move in which
 * they go one way, and crossings by bracketing.
 *
 * A move is a straight line, so a joint is a function of the distance along it; distance grows with time. Turning
 * points are where its numeric derivative changes sign: looked for at PARTS places, then bisected.
 */
#include "checker_internal.h"

#include <math.h>

enum { PARTS = 32, HALVINGS = 80, TRIES = 200 };

#define STEP_MM 1e-4L /* of the numeric derivative */
#define EXACT_STEPS 1e-11L

/* ---- positions, in the joint's unit ---- */

static long double elbow(const struct stepper *st, const long double at[3])
{
	const struct checker_joint *j = &st->cfg.joint;
	long double out = at[0] * st->plane[0] + at[1] * st->plane[1] - j->x_mm;
	long double across = at[1] * st->plane[0] - at[0] * st->plane[1], up = at[2] - j->z_mm;
	/* In the arm's plane the rod is shorter. A triangle of arm, rod and the line to the nozzle. */
	long double rod2 = (long double)j->rod_mm * j->rod_mm - across * across;
	long double d2 = out * out + up * up, arm = j->arm_mm;
	long double inner = acosl((arm * arm + d2 - rod2) / (2 * arm * sqrtl(d2)));
	long double angle = atan2l(up, out) + inner;

	return angle > M_PIl ? angle - 2 * M_PIl : angle;
}

long double joint_position(const struct stepper *st, const long double at[3])
{
	const struct checker_joint *j = &st->cfg.joint;
	long double dx = at[0] - j->x_mm, dy = at[1] - j->y_mm, dz = at[2] - j->z_mm;

	switch (j->kind) {
	case CHECKER_ROD:
		return at[2] + sqrtl((long double)j->rod_mm * j->rod_mm - dx * dx - dy * dy);
	case CHECKER_ROD_FLAT:
		return at[2] + sqrtl((long double)j->rod_mm * j->rod_mm - dx * dx);
	case CHECKER_CABLE:
		return sqrtl(dx * dx + dy * dy + dz * dz);
	case CHECKER_RADIUS:
		return hypotl(at[0], at[1]);
	case CHECKER_ANGLE:
		return atan2l(at[1], at[0]);
	default:
		return elbow(st, at);
	}
}

/* ---- along a move ---- */

long double curve_at(const struct stepper *st, const struct curve *c, long double s)
{
	const struct checker_joint *j = &st->cfg.joint;
	long double at[3], p;

	for (int i = 0; i < 3; i++)
		at[i] = c->start[i] + c->dir[i] * s;
	p = joint_position(st, at);
	if (j->kind == CHECKER_ANGLE) /* on from the start, less than half a turn */
		p = c->angle + remainderl(p - c->angle, 2 * M_PIl);
	return p * j->steps_per_unit - st->gen.offset;
}

static long double curve_slope(const struct stepper *st, const struct curve *c, long double s)
{
	return (curve_at(st, c, s + STEP_MM) - curve_at(st, c, s - STEP_MM)) / (2 * STEP_MM);
}

/* The end of the stretch from s on in which the joint goes one way. */
static long double curve_turn(const struct stepper *st, const struct curve *c, long double s)
{
	long double part = (c->s_end - s) / PARTS, lo = s;
	bool up = false, known = false;

	for (int i = 0; i <= PARTS; i++) {
		long double at = i < PARTS ? s + part * i : c->s_end, hi = at;
		long double slope = curve_slope(st, c, at);

		if (fabsl(slope) < 1e-9L * fabs(st->cfg.joint.steps_per_unit))
			continue; /* it stands, or turns just here */
		if (known && (slope > 0) != up) {
			for (int k = 0; k < HALVINGS; k++) {
				long double mid = (lo + hi) / 2;

				if ((curve_slope(st, c, mid) > 0) == up)
					lo = mid;
				else
					hi = mid;
			}
			return hi;
		}
		up = slope > 0;
		known = true;
		lo = at;
	}
	return c->s_end;
}

long double curve_time(const struct curve *c, long double s)
{
	long double x = s - c->s_from, w2 = c->v * c->v + 2 * c->a * x;
	long double v = c->v + sqrtl(w2 > 0 ? w2 : 0);

	return x > 0 && v > 0 ? c->t_from + 2 * x / v : c->t_from;
}

bool curve_load(struct stepper *st)
{
	struct crossing *g = &st->gen;
	struct curve *c = &g->curve;
	struct piece *p = &g->piece;
	long double s0 = c->s, p0, p1;

	if (!c->active)
		return false;
	c->s = curve_turn(st, c, s0);
	c->active = c->s < c->s_end;
	p0 = curve_at(st, c, s0);
	p1 = curve_at(st, c, c->s);
	*p = (struct piece){ .curved = true, .loaded = true, .sign = p1 >= p0 ? 1 : -1 };
	p->t0 = curve_time(c, s0);
	p->dur = curve_time(c, c->s) - p->t0;
	p->q0 = p->sign * p0;
	p->q1 = p->sign * p1;
	p->s0 = s0;
	p->s1 = c->s;
	/* at an end at most twice the mean speed */
	p->band = piece_band(p->t0, p->dur > 0 ? 2 * (p->q1 - p->q0) / p->dur : 0);
	c->p_last = p1;
	return true;
}

long double curve_reach(const struct stepper *st, const struct piece *p, long double q,
			double *speed)
{
	const struct curve *c = &st->gen.curve;
	long double lo = p->s0, hi = p->s1, f_lo = p->q0 - q, f_hi = p->q1 - q, s = hi, w2;

	/* False position; an end that stays is worth half (Illinois), and every third time the middle. */
	for (int i = 0; i < TRIES && hi - lo > 1e-17L * (1 + fabsl(hi)); i++) {
		long double f;

		s = i % 3 < 2 ? lo - f_lo * (hi - lo) / (f_hi - f_lo) : (lo + hi) / 2;
		if (!(s > lo && s < hi))
			s = (lo + hi) / 2;
		f = p->sign * curve_at(st, c, s) - q;
		if (fabsl(f) < EXACT_STEPS)
			break;
		if (f > 0) {
			hi = s;
			f_hi = f;
			f_lo /= 2;
		} else {
			lo = s;
			f_lo = f;
			f_hi /= 2;
		}
	}
	w2 = c->v * c->v + 2 * c->a * (s - c->s_from);
	*speed = (double)(fabsl(curve_slope(st, c, s)) * sqrtl(w2 > 0 ? w2 : 0));
	return curve_time(c, s);
}
