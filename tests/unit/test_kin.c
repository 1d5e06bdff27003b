/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_kin.c - the non-linear joints: their formulas, and their cutting into quadratics.
 *
 * Shown: position and both derivatives along random paths agree with a long-double reference of other
 * formulas; the pieces of a path join without a gap, in time and in position, none of them turns, each
 * crosses positions within the share of the tolerance of when the joint does (bisection in long
 * double), and turning points are found. Paths beyond the reach are said to be so.
 * Repeat: STEPD_SEED=<printed> build/tests/unit/test_kin
 */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "kin.h"
#include "kin_cut.h"
#include "tests/oracle/refkin.h"
#include "tests/oracle/refmotion.h"

static uint64_t rng;

static int size(void)
{
	const char *env = getenv("SIZE");

	return env && atoi(env) > 0 ? atoi(env) : 1;
}

/* A stretch of a move, or of a shaped one (each axis on its own), of up to some 30 mm. */
static double random_path(const double xyz[3], struct kin_path *path, int shaped)
{
	double v = ref_loguniform(&rng, 0.1, 500.0), a = ref_uniform(&rng, -1.0, 1.0) * 10000.0;
	double length = ref_loguniform(&rng, 0.01, 30.0), dur, d[3], n = 0.0;

	a = ref_random(&rng) >> 62 ? a : 0.0;
	v = a > 0.0 && ref_random(&rng) >> 62 == 0 ? 0.0 : v; /* from rest */
	n = v * v + 2.0 * a * length;
	dur = n > 0.0 ? 2.0 * length / (v + sqrt(n)) : -v / a; /* to rest */
	n = 0.0;
	for (int i = 0; i < 3; i++) {
		d[i] = ref_uniform(&rng, -1.0, 1.0);
		n = hypot(n, d[i]);
	}
	for (int i = 0; i < 3; i++) {
		path->p[i] = xyz[i];
		path->v[i] = v * d[i] / n;
		path->a[i] = a * d[i] / n;
		if (shaped)
			path->a[i] += ref_uniform(&rng, -1.0, 1.0) * 40.0 / (dur * dur);
	}
	path->base = atan2(xyz[1], xyz[0]) + 2.0 * M_PI * (double)((int)(ref_random(&rng) % 9) - 4);
	return dur;
}

/* How near the Z axis the path comes. */
static double nearest_mm(const struct kin_path *path, double dur)
{
	double least = INFINITY;

	for (int i = 0; i <= 200; i++) {
		double t = dur * i / 200;
		double x = path->p[0] + (path->v[0] + 0.5 * path->a[0] * t) * t;
		double y = path->p[1] + (path->v[1] + 0.5 * path->a[1] * t) * t;

		least = fmin(least, hypot(x, y));
	}
	return least;
}

static void test_derivatives(void **state)
{
	(void)state;
	for (int i = 0; i < 20000 * size(); i++) {
		enum kin_kind kind = (enum kin_kind)(1 + i % (KIN_KINDS - 1));
		struct kin_path path;
		struct kin_point at;
		struct kin k;
		double xyz[3], dur, t;
		long double p[5], v, a, h, scale, rounding;

		refkin_random(&rng, kind, &k, xyz);
		dur = random_path(xyz, &path, 1);
		if (nearest_mm(&path, dur) < 0.2)
			continue;
		t = ref_uniform(&rng, 0.1, 0.9) * dur;
		h = dur * 1e-4L;
		for (int j = 0; j < 5; j++)
			p[j] = refkin_along(&k, &path, t + (j - 2) * h);
		if (p[0] != p[0] || p[4] != p[4])
			continue; /* out of reach */
		v = (p[0] - 8 * p[1] + 8 * p[3] - p[4]) / (12 * h);
		a = (-p[0] + 16 * p[1] - 30 * p[2] + 16 * p[3] - p[4]) / (12 * h * h);
		kin_along(&k, &path, t, &at);
		scale = fabsl(v) + fabsl(a) * dur + 1 / dur;
		rounding = 8 * LDBL_EPSILON * fabsl(p[2]) / h; /* of the differences */
		if (!(fabsl(at.p - p[2]) < 1e-11L))
			fail_msg("kind %d: %.15g, expected %.15Lg", kind, at.p, p[2]);
		if (!(fabsl(at.v - v) < 1e-8L * scale + rounding) ||
		    !(fabsl(at.a - a) < 1e-6L * scale / dur + rounding / h))
			fail_msg("kind %d: speed %.15g, expected %.15Lg; acceleration %.15g, "
				 "expected %.15Lg",
				 kind, at.v, v, at.a, a);
	}
}

/* The time error of a piece at a fraction of its way, against the tolerance. */
static long double crossing_error(const struct kin *k, const struct kin_path *path,
				  const struct kin_piece *q, double part)
{
	long double p = q->p + part * ((long double)q->p_end - q->p), x = fabsl(p - q->p);
	long double v = fabs(q->v),
		    a = q->v * (q->p_end - q->p) < 0.0 || q->p_end < q->p ? -q->a : q->a;
	long double d = v * v + 2 * a * x;
	long double t = 2 * x / (v + sqrtl(d > 0 ? d : 0));

	return t + q->at_s - refkin_time(k, path, p, q->at_s, (long double)q->at_s + q->dur_s);
}

static void check_piece(const struct kin *k, const struct kin_path *path, const struct kin_piece *q,
			double tol_s)
{
	double v_end = q->v + q->a * q->dur_s, up = q->p_end - q->p;

	assert_true(q->dur_s > 0.0);
	assert_true(fabsl(q->p - refkin_along(k, path, q->at_s)) < 1e-11L);
	assert_true(q->v * up >= 0.0 && v_end * up >= -1e-9 * fabs(q->v * up));
	assert_true(fabs(q->p + (q->v + 0.5 * q->a * q->dur_s) * q->dur_s - q->p_end) < 1e-10);
	if (fabs(up) < 1e-7)
		return;
	for (int i = 0; i < 4; i++) {
		double part = i ? ref_uniform(&rng, 0.0, 1.0) : ref_loguniform(&rng, 1e-4, 1e-2);
		long double e = crossing_error(k, path, q, part);

		/* as positions, a few 1e-11 mm are rounding */
		if (fabsl(e) > KIN_CUT_SHARE * tol_s + 1e-12L &&
		    fabsl(e) * (fabs(q->v) + fabs(v_end)) > 1e-9L)
			fail_msg("kind %u: %.4Lg of the tolerance off at %.4f of a piece of %.4g s, "
				 "speed %.6g to %.6g",
				 k->kind, e / tol_s, part, q->dur_s, q->v, v_end);
	}
}

static void test_pieces(void **state)
{
	int pieces = 0, paths = 0, turns = 0;

	(void)state;
	for (int i = 0; i < 6000 * size(); i++) {
		enum kin_kind kind = (enum kin_kind)(1 + i % (KIN_KINDS - 1));
		double tol_s = ref_random(&rng) >> 63 ? 12.5e-6 : 1e-6, xyz[3], dur, at_s = 0.0;
		struct kin_cut c = { .step_s = 0.0 };
		struct kin_piece q, last = { 0 };
		struct kin_path path;
		struct kin k;
		bool fine;
		int n = 0;

		refkin_random(&rng, kind, &k, xyz);
		dur = random_path(xyz, &path, i % 4 == 0);
		if (nearest_mm(&path, dur) < 0.2 || nearest_mm(&path, dur) > 110.0)
			continue;
		kin_cut_begin(&c, &k, &path, dur);
		while (kin_cut_next(&c, tol_s, &q, &fine)) {
			if (!fine)
				break;
			assert_true(q.at_s == at_s);
			if (n++) {
				assert_true(q.p == last.p_end);
				turns += (q.p_end - q.p) * (last.p_end - last.p) < 0.0;
			}
			check_piece(&k, &path, &q, tol_s);
			at_s = c.at_s;
			last = q;
			if (n >= 3000)
				fail_msg("kind %u: %d pieces up to %.9f of %.9f s", k.kind, n, at_s,
					 dur);
		}
		if (!fine)
			continue;
		assert_true(at_s == dur);
		assert_true(fabsl(last.p_end - refkin_along(&k, &path, dur)) < 1e-10L);
		pieces += n;
		paths++;
	}
	printf("%d paths, %d pieces, %d turning points\n", paths, pieces, turns);
	assert_true(paths > 3000 && turns > 100);
}

static void test_turn(void **state)
{
	/* A carriage 250 mm above a nozzle that passes under its rail. */
	struct kin k = { .kind = KIN_ROD, .x = 10.0, .y = 3.0, .rod = 250.0 };
	struct kin_path path = { .p = { -10.0, 0.0, 0.0 }, .v = { 100.0, 0.0, 0.0 } };

	(void)state;
	assert_true(fabs(kin_cut_turn(&k, &path, 0.0, 0.5) - 0.2) < 1e-12);
	assert_true(fabs(kin_cut_turn(&k, &path, 0.19, 10.0) - 0.2) < 1e-12);
	path.v[2] = -4.0;
	/* z' = -4 and the carriage's own speed at lean d: -100 d / up */
	double t = kin_cut_turn(&k, &path, 0.0, 0.5), d = 100.0 * t - 20.0;

	assert_true(fabs(100.0 * d / sqrt(250.0 * 250.0 - d * d - 9.0) + 4.0) < 1e-9);
}

/* An arm that Z does not move, whatever length the path before had suggested. */
static void test_still(void **state)
{
	struct kin k = { .kind = KIN_RADIUS };
	struct kin_path path = { .p = { 58.0, 17.0, 37.0 }, .v = { 0.0, 0.0, 2.27 } };
	struct kin_cut c = { .step_s = 5e-11 };
	struct kin_piece q;
	bool fine = true;
	int n = 0;

	(void)state;
	kin_cut_begin(&c, &k, &path, 1.35);
	while (kin_cut_next(&c, 12.5e-6, &q, &fine)) {
		assert_true(fine && q.p_end == q.p);
		assert_true(n++ < 50);
	}
	assert_true(c.at_s == 1.35);
}

static void test_beyond(void **state)
{
	struct kin k = { .kind = KIN_ROD, .rod = 250.0 };
	struct kin_path path = { .p = { 200.0, 0.0, 0.0 }, .v = { 100.0, 0.0, 0.0 } };
	struct kin_cut c = { .step_s = 0.0 };
	struct kin_piece q;
	bool fine = true;
	int n = 0;

	(void)state;
	kin_cut_begin(&c, &k, &path, 2.0);
	while (fine && kin_cut_next(&c, 12.5e-6, &q, &fine))
		assert_true(n++ < 3000);
	assert_false(fine);
	assert_true(isnan(kin_position(&k, (double[3]){ 300.0, 0.0, 0.0 })));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derivatives), cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_turn),        cmocka_unit_test(test_still),
		cmocka_unit_test(test_beyond),
	};

	rng = ref_seed("kin");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
