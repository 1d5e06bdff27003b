/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin_cut.c - non-linear joints as quadratics. See kin_cut.h.
 *
 * Over a length h the quadratic through both ends and the middle is off by h^3 p''' / 125 at most, and
 * a quarter from either end by nearly that, with opposite signs. At a turning point the speed takes
 * the place of the middle. Both are measured, not estimated from p'''.
 */
#include "kin_cut.h"

#include <math.h>

enum {
	KIN_CUT_TRIES = 48,
	KIN_CUT_NEWTON = 64,
};

/* Of KIN_CUT_SHARE: the error as measured, against the largest there can be between. */
#define KIN_CUT_MEASURED 0.25
/* Shorter pieces than this, s, are not looked at: up to a turning point just ahead, or to the end of the
 * reach. */
#define KIN_CUT_SHORTEST 1e-9
/* Speeds below this share of the fastest are zero but for rounding, and below that of the axes'. */
#define KIN_CUT_REST 1e-9
#define KIN_CUT_REST_AXES 1e-12

void kin_cut_begin(struct kin_cut *c, const struct kin *k, const struct kin_path *path, double dur_s)
{
	c->kin = k;
	c->path = *path;
	c->dur_s = dur_s;
	c->at_s = 0.0;
	c->slow = 0.0;
	for (int i = 0; i < 3; i++)
		c->slow += KIN_CUT_REST_AXES * (fabs(path->v[i]) + fabs(path->a[i]) * dur_s);
	kin_along(k, path, 0.0, &c->here);
}

double kin_cut_turn(const struct kin *k, const struct kin_path *path, double lo_s, double hi_s)
{
	struct kin_point at;
	double t = 0.5 * (lo_s + hi_s), step;
	bool up;

	kin_along(k, path, lo_s, &at);
	up = at.v < 0.0;
	for (int i = 0; i < KIN_CUT_NEWTON; i++) {
		kin_along(k, path, t, &at);
		if (at.v == 0.0)
			return t;
		if ((at.v > 0.0) == up)
			hi_s = t;
		else
			lo_s = t;
		step = t - at.v / at.a;
		/* Newton's step if it stays inside, else the middle. */
		if (!(step > lo_s && step < hi_s))
			step = 0.5 * (lo_s + hi_s);
		if (fabs(step - t) <= 1e-12 || step <= lo_s || step >= hi_s)
			return step;
		t = step;
	}
	return t;
}

/* Largest of the errors in units of what is allowed: speed * tolerance. */
static double kin_cut_error(const struct kin_piece *q, const struct kin_point at[5], double share_s)
{
	double worst = 0.0;

	for (int i = 1; i < 4; i++) {
		double t = 0.25 * i * q->dur_s;
		double e = fabs(q->p + (q->v + 0.5 * q->a * t) * t - at[i].p);
		double allowed = fabs(at[i].v) * share_s;

		allowed = allowed > KIN_CUT_STILL ? allowed : KIN_CUT_STILL;
		worst = e > worst * allowed ? e / allowed : worst;
	}
	return worst;
}

/* Not a number if the joint can't be at one of the points. */
static double kin_cut_fastest(const struct kin_point at[5])
{
	double v = 0.0, sum = 0.0;

	for (int i = 0; i < 5; i++) {
		v = fabs(at[i].v) > v ? fabs(at[i].v) : v;
		sum += at[i].p + at[i].v;
	}
	return sum - sum == 0.0 ? v : NAN;
}

/* The quadratic over h from c->here, at[]: the joint there and after each quarter of h. False if it would
 * not be monotone. */
static bool kin_cut_fit(const struct kin_point at[5], double h, double rest, struct kin_piece *q)
{
	double up = at[4].p - at[0].p;
	bool turn0 = fabs(at[0].v) <= rest, turn1 = fabs(at[4].v) <= rest;

	q->p = at[0].p;
	q->p_end = at[4].p;
	q->dur_s = h;
	if (turn0 && turn1)
		return false;
	if (turn0) {
		q->v = 0.0;
		q->a = 2.0 * up / (h * h);
	} else if (turn1) {
		q->v = 2.0 * up / h;
		q->a = -q->v / h;
	} else {
		q->v = (4.0 * (at[2].p - at[0].p) - up) / h;
		q->a = 4.0 * (up - 2.0 * (at[2].p - at[0].p)) / (h * h);
		return q->v * up >= 0.0 && (q->v + q->a * h) * up >= 0.0;
	}
	return true;
}

/* Between which quarters the joint turns first: the later one's number, 0 if it doesn't. */
static int kin_cut_turns(const struct kin_point at[5], double rest)
{
	int from = fabs(at[0].v) <= rest ? 1 : 0;

	for (int i = from + 1; i < 5; i++)
		if (fabs(at[i].v) > rest && at[i].v * at[from].v < 0.0)
			return i;
	return 0;
}

/* Nothing better: a straight line to the end. */
static void kin_cut_line(struct kin_cut *c, double h, const struct kin_point *end,
			 struct kin_piece *q)
{
	*q = (struct kin_piece){ .at_s = c->at_s, .dur_s = h, .p = c->here.p, .p_end = end->p };
	q->v = (q->p_end - q->p) / h;
}

static void kin_cut_advance(struct kin_cut *c, double h, const struct kin_point *end)
{
	c->at_s += h;
	c->here = *end;
	if (c->dur_s - c->at_s <= 1e-12)
		c->at_s = c->dur_s;
}

/* The joint after each quarter of h, and whether it turns: h then ends there. */
static bool kin_cut_look(struct kin_cut *c, struct kin_point at[5], double *h, bool *turned)
{
	double to_s;
	int turn;

	kin_quarters(c->kin, &c->path, c->at_s, *h, &at[1]);
	if (*turned)
		at[4].v = 0.0;
	c->rest = KIN_CUT_REST * kin_cut_fastest(at);
	c->rest = c->rest > c->slow ? c->rest : c->slow;
	turn = kin_cut_turns(at, c->rest);
	*turned = turn != 0;
	if (!turn)
		return false;
	to_s = kin_cut_turn(c->kin, &c->path, c->at_s + 0.25 * (turn - 1) * *h,
			    c->at_s + 0.25 * turn * *h);
	if (to_s - c->at_s < 0.1 * KIN_CUT_SHORTEST) { /* it turns right here */
		at[0].v = 0.0;
		*turned = false;
	} else {
		*h = to_s - c->at_s;
	}
	return true;
}

/* A quadratic over h that is good enough, or h as it should be instead. */
static bool kin_cut_try(struct kin_cut *c, const struct kin_point at[5], double share_s,
			double left, double *h, struct kin_piece *out)
{
	double worst;

	if (!kin_cut_fit(at, *h, c->rest, out)) {
		*h *= 0.5;
		return false;
	}
	worst = kin_cut_error(out, at, share_s);
	if (worst <= 1.0) {
		if (*h < left) /* else nothing was learned of how long a piece may be */
			c->step_s = *h * (worst > 0.01 ? 0.9 / cbrt(worst) : 4.0);
		return true;
	}
	worst = 0.85 / cbrt(worst);
	*h *= worst > 0.05 ? worst : 0.05;
	return false;
}

bool kin_cut_next(struct kin_cut *c, double tol_s, struct kin_piece *out, bool *fine)
{
	double share_s = KIN_CUT_SHARE * KIN_CUT_MEASURED * tol_s, left = c->dur_s - c->at_s;
	double h = c->step_s > 0.0 && c->step_s < left ? c->step_s : left;
	struct kin_point at[5];
	bool turned = false;

	*fine = true;
	if (!(left > 0.0))
		return false;
	if (left - h < 0.25 * h)
		h = left;
	at[0] = c->here;
	out->at_s = c->at_s;
	for (int i = 0; i < KIN_CUT_TRIES; i++) {
		if (kin_cut_look(c, at, &h, &turned))
			continue;
		if (!(kin_cut_fastest(at) > c->slow)) { /* it stands still; or it can't be there */
			c->step_s = 4.0 * h;
			break;
		}
		if (h < KIN_CUT_SHORTEST && !(at[4].v == 0.0)) {
			h = left < KIN_CUT_SHORTEST ? left : KIN_CUT_SHORTEST;
			kin_quarters(c->kin, &c->path, c->at_s, h, &at[1]);
			c->step_s = 4.0 * h;
			break;
		}
		if (kin_cut_try(c, at, share_s, left, &h, out)) {
			kin_cut_advance(c, h, &at[4]);
			return true;
		}
	}
	*fine = kin_cut_fastest(at) >= 0.0;
	kin_cut_line(c, h, &at[4], out);
	kin_cut_advance(c, h, &at[4]);
	return true;
}
