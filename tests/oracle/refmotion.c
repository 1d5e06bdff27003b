/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refmotion.c - exact step times in long double. See refmotion.h. */
#include "refkin.h"
#include "refmotion.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A step that rounding can move by more than this is not known. */
#define SLOW_S 1e-6L

uint64_t ref_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}

double ref_uniform(uint64_t *state, double lo, double hi)
{
	return lo + (hi - lo) * (double)(ref_random(state) >> 11) * 0x1p-53;
}

double ref_loguniform(uint64_t *state, double lo, double hi)
{
	return exp(ref_uniform(state, log(lo), log(hi)));
}

uint64_t ref_seed(const char *what)
{
	const char *env = getenv("STEPD_SEED");
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t seed = env ? strtoull(env, NULL, 0)
			    : (uint64_t)ts.tv_sec * 1000003u + (uint64_t)ts.tv_nsec;

	seed = seed ? seed : 1;
	printf("%s: STEPD_SEED=%llu\n", what, (unsigned long long)seed);
	return seed;
}

bool ref_move(uint64_t *state, struct move *m, const double start_mm[MOVE_AXES],
	      const double dir[MOVE_AXES], double length_mm, double accel_mm_s2, double start_mm_s,
	      double max_mm_s, bool stop)
{
	double v0 = start_mm_s, a = accel_mm_s2;
	double lo2 = v0 * v0 - 2.0 * a * length_mm, hi2 = v0 * v0 + 2.0 * a * length_mm;
	double lo = lo2 > 0.0 ? sqrt(lo2) : 0.0, hi = fmin(sqrt(hi2), max_mm_s);

	if ((stop && lo2 > 0.0) || lo > hi)
		return false;
	double v1 = stop ? 0.0 : ref_uniform(state, lo, hi);
	double peak = sqrt((v0 * v0 + v1 * v1 + 2.0 * a * length_mm) / 2.0);
	double vc = fmax(fmax(v0, v1), fmin(peak, ref_uniform(state, 0.1, 1.0) * max_mm_s));

	if (!(vc > 0.0))
		return false;
	*m = (struct move){ .length_mm = length_mm,
			    .accel_mm_s2 = a,
			    .start_mm_s = v0,
			    .cruise_mm_s = vc,
			    .end_mm_s = v1 };
	memcpy(m->start_mm, start_mm, sizeof(m->start_mm));
	memcpy(m->dir, dir, sizeof(m->dir));
	m->accel_s = (vc - v0) / a;
	m->decel_s = (vc - v1) / a;
	double rest = length_mm - 0.5 * (v0 + vc) * m->accel_s - 0.5 * (v1 + vc) * m->decel_s;

	m->cruise_s = rest > 1e-12 * length_mm ? rest / vc : 0.0;
	return m->accel_s + m->cruise_s + m->decel_s > 0.0;
}

void ref_joint_init(struct ref_joint *j, const double weight[MOVE_AXES])
{
	memset(j, 0, sizeof(*j));
	memcpy(j->weight, weight, sizeof(j->weight));
	j->close_steps = 1.0L;
}

void ref_joint_init_kin(struct ref_joint *j, const struct kin *kin, double steps_per_unit,
			const double start_mm[MOVE_AXES])
{
	const long double at[3] = { start_mm[0], start_mm[1], start_mm[2] };

	memset(j, 0, sizeof(*j));
	j->kin = *kin;
	j->steps_per_unit = steps_per_unit;
	j->angle = refkin_position(kin, at);
	j->offset = j->angle * steps_per_unit;
	j->close_steps = 1.0L;
}

void ref_joint_free(struct ref_joint *j)
{
	free(j->steps);
	j->steps = NULL;
}

static void ref_put(struct ref_joint *j, long double t_s, int dir)
{
	if (j->n == j->cap) {
		j->cap = j->cap ? 2 * j->cap : 4096;
		j->steps = realloc(j->steps, (size_t)j->cap * sizeof(*j->steps));
		if (!j->steps)
			abort();
	}
	j->steps[j->n++] = (struct ref_step){ t_s, dir };
	j->count += dir;
}

/* Time at which p0 + v t + a t^2 / 2 is x, with x between start and end of the monotone stretch:
 * the root formula as a starting point, polished by Newton steps. */
static long double ref_root(long double v, long double a, long double x, long double dur)
{
	long double d = v * v + 2.0L * a * x;
	long double s = d > 0.0L ? sqrtl(d) : 0.0L;
	long double den = v < 0.0L || (v == 0.0L && x < 0.0L) ? v - s : v + s;
	long double t = den != 0.0L ? 2.0L * x / den : 0.0L;

	for (int i = 0; i < 2; i++) {
		long double slope = v + a * t;

		if (fabsl(slope) > 1e-3L * fabsl(v))
			t -= (v * t + 0.5L * a * t * t - x) / slope;
	}
	return t < 0.0L ? 0.0L : t > dur ? dur : t;
}

void ref_joint_phase(struct ref_joint *j, long double start_s, long double p0, long double v,
		     long double a, long double dur)
{
	long double p1 = p0 + v * dur + 0.5L * a * dur * dur;
	long double near = fabsl(p0 + 0.5L - roundl(p0 + 0.5L));
	/* Where one phase ends and the next starts, what is computed in doubles of seconds is off by this. */
	long double slack = (fabsl(j->end_v) + fabsl(v)) * start_s * DBL_EPSILON;

	if (slack > near && (v * j->end_v <= 0.0L || fabsl(v) * SLOW_S < slack))
		j->close_steps = -1.0L;
	j->end_v = v + a * dur;
	near = fabsl(p1 + 0.5L - roundl(p1 + 0.5L));
	if (near < j->close_steps && p1 != p0)
		j->close_steps = near;
	while (p1 > p0 && (long double)j->count + 0.5L <= p1)
		ref_put(j, start_s + ref_root(v, a, (long double)j->count + 0.5L - p0, dur), 1);
	while (p1 < p0 && (long double)j->count - 0.5L >= p1)
		ref_put(j, start_s + ref_root(v, a, (long double)j->count - 0.5L - p0, dur), -1);
}

static long double ref_kin_at(const struct ref_joint *j, const struct kin_path *path, long double t)
{
	return refkin_along(&j->kin, path, t) * j->steps_per_unit - j->offset;
}

static bool ref_kin_up(const struct ref_joint *j, const struct kin_path *path, long double t,
		       long double h)
{
	return ref_kin_at(j, path, t + h) > ref_kin_at(j, path, t - h);
}

/* From lo_s on the joint goes one way until this time, hi_s at the latest: looked for at 64 places, by the
 * sign of differences, then by halving. */
static long double ref_kin_turn(const struct ref_joint *j, const struct kin_path *path,
				long double lo_s, long double hi_s)
{
	long double part = (hi_s - lo_s) / 64, h = part / 1000;
	bool up = ref_kin_up(j, path, lo_s + 2 * h, h);

	for (int i = 1; i <= 64; i++) {
		long double a = lo_s + part * (i - 1), b = lo_s + part * i;

		if (ref_kin_up(j, path, i < 64 ? b : b - 2 * h, h) == up)
			continue;
		for (int k = 0; k < 60; k++) {
			long double mid = (a + b) / 2;

			if (ref_kin_up(j, path, mid, h) == up)
				a = mid;
			else
				b = mid;
		}
		return b;
	}
	return hi_s;
}

static void ref_kin_phase(struct ref_joint *j, struct kin_path *path, long double start_s,
			  long double dur)
{
	long double from = 0.0L;

	while (from < dur) {
		long double to = ref_kin_turn(j, path, from, dur);
		long double p0 = ref_kin_at(j, path, from), p1 = ref_kin_at(j, path, to);
		long double near = fabsl(p1 + 0.5L - roundl(p1 + 0.5L));
		int dir = p1 > p0 ? 1 : -1;

		if (near < j->close_steps && fabsl(p1 - p0) > 1e-9L)
			j->close_steps = near;
		for (;;) {
			long double x = (long double)j->count + 0.5L * dir;

			if (dir * (p1 - x) < 0.0L || dir * (x - p0) < 0.0L)
				break;
			ref_put(j,
				start_s + refkin_time(&j->kin, path,
						      (x + j->offset) / j->steps_per_unit, from, to),
				dir);
		}
		from = to;
	}
}

void ref_joint_path(struct ref_joint *j, struct kin_path *path, long double start_s, long double dur)
{
	const long double at[3] = { path->p[0], path->p[1], path->p[2] };

	path->base = 0.0;
	if (j->kin.kind == KIN_ANGLE) {
		long double now = refkin_position(&j->kin, at);

		path->base = (double)(now + 2 * M_PIl * roundl((j->angle - now) / (2 * M_PIl)));
	}
	ref_kin_phase(j, path, start_s, dur);
	if (j->kin.kind == KIN_ANGLE)
		j->angle = refkin_along(&j->kin, path, dur);
}

static void ref_kin_move(struct ref_joint *j, const struct move *m, double start_s)
{
	const long double dur[3] = { m->accel_s, m->cruise_s, m->decel_s };
	const long double v[3] = { m->start_mm_s, m->cruise_mm_s, m->cruise_mm_s };
	const long double a[3] = { m->accel_mm_s2, 0.0L, -(long double)m->accel_mm_s2 };
	long double s = 0.0L, t = start_s;

	for (int n = 0; n < 3; n++) {
		struct kin_path path;
		long double at[3];

		for (int i = 0; i < 3; i++) {
			at[i] = m->start_mm[i] + m->dir[i] * s;
			path.p[i] = (double)at[i];
			path.v[i] = (double)(m->dir[i] * v[n]);
			path.a[i] = (double)(m->dir[i] * a[n]);
		}
		if (dur[n] > 0.0L)
			ref_joint_path(j, &path, t, dur[n]);
		s += (v[n] + 0.5L * a[n] * dur[n]) * dur[n];
		t += dur[n];
	}
}

void ref_joint_move(struct ref_joint *j, const struct move *m, double start_s)
{
	if (j->kin.kind != KIN_LINEAR) {
		if (m->dir[0] != 0.0 || m->dir[1] != 0.0 || m->dir[2] != 0.0)
			ref_kin_move(j, m, start_s);
		return;
	}

	long double w = 0.0L, p = -j->offset, t = start_s;
	long double v0 = m->start_mm_s, vc = m->cruise_mm_s, a = m->accel_mm_s2;

	for (int i = 0; i < MOVE_AXES; i++) {
		w += (long double)j->weight[i] * m->dir[i];
		p += (long double)j->weight[i] * (m->start_mm[i] - j->shift_mm[i]);
	}
	ref_joint_phase(j, t, p, w * v0, w * a, m->accel_s);
	t += m->accel_s;
	p += w * (v0 * m->accel_s + 0.5L * a * m->accel_s * m->accel_s);
	ref_joint_phase(j, t, p, w * vc, 0.0L, m->cruise_s);
	t += m->cruise_s;
	p += w * vc * m->cruise_s;
	ref_joint_phase(j, t, p, w * vc, -w * a, m->decel_s);
}

void ref_joint_rename(struct ref_joint *j, const double old_mm[MOVE_AXES],
		      const double new_mm[MOVE_AXES])
{
	const long double at[3] = { new_mm[0], new_mm[1], new_mm[2] };
	const long double was[3] = { old_mm[0], old_mm[1], old_mm[2] };

	for (int i = 0; i < MOVE_AXES; i++)
		j->shift_mm[i] += (long double)new_mm[i] - old_mm[i];
	if (j->kin.kind == KIN_LINEAR)
		return;
	long double now = refkin_position(&j->kin, at), before = refkin_position(&j->kin, was);

	if (j->kin.kind == KIN_ANGLE) {
		before += 2 * M_PIl * roundl((j->angle - before) / (2 * M_PIl));
		j->angle = now;
	}
	j->offset += (now - before) * j->steps_per_unit;
}

long double ref_joint_filter(struct ref_joint *j, long double filter_s)
{
	long double tie = 1.0L;
	int64_t out = 0;

	for (int64_t i = 0; i < j->n; i++) {
		if (i + 1 < j->n && j->steps[i].dir != j->steps[i + 1].dir) {
			long double gap = j->steps[i + 1].t_s - j->steps[i].t_s;

			tie = fminl(tie, fabsl(gap - filter_s));
			if (gap < filter_s) {
				i++;
				continue;
			}
		}
		j->steps[out++] = j->steps[i];
	}
	j->n = out;
	return tie;
}
