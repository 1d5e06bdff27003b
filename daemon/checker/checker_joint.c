// SPDX-License-Identifier: GPL-2.0-or-later
/* checker_joint.c - joints that are no weighted sums: positions in long double, stretches of a move in which
 * they go one way, and crossings by bracketing.
 *
 * X, Y and Z are quadratics in time each. Turning points are where the joint's numeric derivative along the path changes
 * sign: looked for at PARTS places (on a short way PARTS_SHORT), then bisected.
 */
#include "checker_internal.h"

#include <math.h>

enum { PARTS = 32, PARTS_SHORT = 6, HALVINGS = 80, TRIES = 200 };

#define STEP_MM 1e-4L /* of the numeric derivative */
#define SHORT_MM 2
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
		return hypotl(at[0], at[1]) < 1e-9L ? 0 : atan2l(at[1], at[0]);
	default:
		return elbow(st, at);
	}
}

/* ---- along a stretch ---- */

static long double steps_at(const struct stepper *st, const long double at[3])
{
	const struct checker_joint *j = &st->cfg.joint;
	long double p = joint_position(st, at), angle = st->gen.curve.angle;

	if (j->kind == CHECKER_ANGLE) /* on from the start, less than half a turn */
		p = angle + remainderl(p - angle, 2 * M_PIl);
	return p * j->steps_per_unit - st->gen.offset;
}

long double curve_at(const struct stepper *st, long double t)
{
	const struct curve *c = &st->gen.curve;
	long double at[3], dt = t - c->t0;

	for (int i = 0; i < 3; i++)
		at[i] = c->p[i] + (c->v[i] + c->a[i] * dt / 2) * dt;
	return steps_at(st, at);
}

/* Steps per s: by its derivative along the way that the axes go. */
static long double curve_slope(const struct stepper *st, long double t)
{
	const struct curve *c = &st->gen.curve;
	long double a[3], b[3], v[3], dt = t - c->t0, speed = 0;

	for (int i = 0; i < 3; i++) {
		v[i] = c->v[i] + c->a[i] * dt;
		speed += v[i] * v[i];
	}
	speed = sqrtl(speed);
	if (speed == 0)
		return 0;
	for (int i = 0; i < 3; i++) {
		long double at = c->p[i] + (c->v[i] + c->a[i] * dt / 2) * dt;

		a[i] = at - v[i] / speed * STEP_MM;
		b[i] = at + v[i] / speed * STEP_MM;
	}
	return (steps_at(st, b) - steps_at(st, a)) / (2 * STEP_MM) * speed;
}

/* No less than the axes' way, mm. */
static long double curve_way(const struct curve *c, long double from, long double end)
{
	long double way = 0;

	for (int i = 0; i < 3; i++)
		way += (fabsl(c->v[i] + c->a[i] * (from - c->t0)) +
			fabsl(c->a[i]) * (end - from) / 2) *
		       (end - from);
	return way;
}

/* The end of the part from `from` on in which the joint goes one way. */
static long double curve_turn(const struct stepper *st, long double from, long double end)
{
	const int parts = curve_way(&st->gen.curve, from, end) < SHORT_MM ? PARTS_SHORT : PARTS;
	long double part = (end - from) / parts, lo = from;
	bool up = false, known = false;

	for (int i = 0; i <= parts; i++) {
		long double at = i < parts ? from + part * i : end, hi = at;
		long double slope = curve_slope(st, at);

		if (fabsl(slope) < 1e-9L * fabs(st->cfg.joint.steps_per_unit))
			continue; /* it stands, or turns just here */
		if (known && (slope > 0) != up) {
			for (int k = 0; k < HALVINGS; k++) {
				long double mid = (lo + hi) / 2;

				if (!(mid > lo && mid < hi))
					break;
				if ((curve_slope(st, mid) > 0) == up)
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
	return end;
}

/* By the speeds of all that makes up X, Y and Z, whatever their signs; steps/s. */
static long double curve_rush(const struct stepper *st, long double t)
{
	const struct curve *c = &st->gen.curve;
	long double at[3], rush = 0, dt = t - c->t0;

	for (int i = 0; i < 3; i++)
		at[i] = c->p[i] + (c->v[i] + c->a[i] * dt / 2) * dt;
	for (int i = 0; i < 3; i++) {
		long double here = at[i], up;

		if (c->rush[i] == 0)
			continue;
		at[i] = here + STEP_MM;
		up = steps_at(st, at);
		at[i] = here - STEP_MM;
		rush += fabsl(up - steps_at(st, at)) / (2 * STEP_MM) * c->rush[i];
		at[i] = here;
	}
	return rush == rush ? rush : 0; /* at the edge of its reach */
}

void curve_load(struct stepper *st)
{
	struct curve *c = &st->gen.curve;
	struct stretch *left = &st->gen.stretch;
	struct piece *p = &st->gen.piece;
	long double t0 = left->t, end = t0 + left->dur, t1, p0, p1;
	bool moves = false;

	for (int i = 0; i < 3; i++)
		moves = moves || c->v[i] != 0 || c->a[i] != 0;
	if (!moves) {
		left->dur = 0;
		return;
	}
	t1 = curve_turn(st, t0, end);
	p0 = curve_at(st, t0);
	p1 = curve_at(st, t1);
	*p = (struct piece){ .curved = true, .loaded = true, .sign = p1 >= p0 ? 1 : -1 };
	p->t0 = t0;
	p->dur = t1 - t0;
	p->q0 = p->sign * p0;
	p->q1 = p->sign * p1;
	p->rush = curve_rush(st, t0);
	/* at an end at most twice the mean speed */
	p->band = piece_band(t0, fmaxl(p->rush, p->dur > 0 ? 2 * (p->q1 - p->q0) / p->dur : 0));
	left->t = t1;
	left->dur = end - t1;
}

long double curve_reach(const struct stepper *st, struct piece *p, long double q, double *speed)
{
	long double lo = p->t0, hi = p->t0 + p->dur, from = lo, f_from = p->q0 - q, t;

	/* Secants, from the crossing before this on; where one leads out of the bracket and every fourth time, the
	 * middle. */
	if (p->near_v > 0 && p->near_q <= q) {
		from = lo = p->near_t;
		f_from = p->near_q - q;
		t = lo - f_from / p->near_v;
	} else {
		t = lo - f_from * (hi - lo) / (p->q1 - p->q0);
	}
	for (int i = 1; i <= TRIES; i++) {
		long double f, next;

		if (!(t > lo && t < hi) || i % 4 == 0)
			t = (lo + hi) / 2;
		if (!(t > lo && t < hi))
			break;
		f = p->sign * curve_at(st, t) - q;
		if (f > 0)
			hi = t;
		else
			lo = t;
		if (fabsl(f) < EXACT_STEPS)
			break;
		next = t - f * (t - from) / (f - f_from);
		from = t;
		f_from = f;
		t = next;
	}
	p->near_t = t;
	p->near_q = q;
	p->near_v = fabsl(curve_slope(st, t));
	*speed = (double)p->near_v;
	return t;
}
