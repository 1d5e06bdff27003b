/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_arc.c - arcs from words to points.
 *
 * Shown: arcs worked out by hand, in all planes, both directions, by center and by radius; no piece is
 * farther from the circle than the tolerance nor longer than asked, and with a piece less one would
 * be; points lie on the circle, E and the third axis grow evenly, the end is exact to the bit; arcs
 * that can't be are refused with what was expected.
 * How: random arcs are made from center, radius and angles, and checked in long double against these.
 * Repeat: STEPD_SEED; STEPD_TEST_SIZE for more of them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/gcode/arc.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

#define TOLERANCE_MM 0.005

static uint64_t random_state;

/* Between lo and hi. */
static double uniform(double lo, double hi)
{
	return random_uniform(&random_state, lo, hi);
}

static struct arc_words center_words(enum arc_plane plane, bool clockwise, const double offset_mm[3])
{
	struct arc_words w = { .plane = plane, .clockwise = clockwise };

	for (int i = 0; i < 3; i++) {
		w.offset_mm[i] = offset_mm[i];
		w.has_offset[i] = offset_mm[i] != 0;
	}
	return w;
}

static void make(struct arc *a, const double start_mm[MOVE_AXES], const double end_mm[MOVE_AXES],
		 const struct arc_words *w)
{
	char err[256] = "";

	if (!arc_init(a, start_mm, end_mm, w, err, sizeof(err)))
		fail_msg("refused: %s", err);
}

/* ---- by hand ---- */

/* From start to end; passes mid half-way. By I, J, K or, where radius isn't 0, by R. */
struct known {
	enum arc_plane plane;
	bool clockwise;
	double start_mm[MOVE_AXES], end_mm[MOVE_AXES];
	double offset_mm[3], radius_mm;
	double mid_mm[MOVE_AXES];
	double angle;
};

static const struct known known[] = {
	/* Quarter of the circle of radius 10 about the origin, 0° to 90° and the long way round. */
	{ ARC_PLANE_XY,
	  false,
	  { 10 },
	  { 0, 10 },
	  { -10 },
	  0,
	  { 7.0710678118654755, 7.0710678118654755 },
	  M_PI / 2 },
	{ ARC_PLANE_XY,
	  true,
	  { 10 },
	  { 0, 10 },
	  { -10 },
	  0,
	  { -7.0710678118654755, -7.0710678118654755 },
	  -3 * M_PI / 2 },
	{ ARC_PLANE_XY,
	  false,
	  { 10 },
	  { 0, 10 },
	  { 0 },
	  10,
	  { 7.0710678118654755, 7.0710678118654755 },
	  M_PI / 2 },
	/* The other circle through these points, about (10, 10): clockwise is the short way there. */
	{ ARC_PLANE_XY,
	  true,
	  { 10 },
	  { 0, 10 },
	  { 0 },
	  10,
	  { 2.9289321881345245, 2.9289321881345245 },
	  -M_PI / 2 },
	{ ARC_PLANE_XY,
	  true,
	  { 10 },
	  { 0, 10 },
	  { 0 },
	  -10,
	  { -7.0710678118654755, -7.0710678118654755 },
	  -3 * M_PI / 2 },
	{ ARC_PLANE_XY,
	  false,
	  { 10 },
	  { 0, 10 },
	  { 0 },
	  -10,
	  { 17.071067811865476, 17.071067811865476 },
	  3 * M_PI / 2 },
	/* Half circles: the radius is half the way. */
	{ ARC_PLANE_XY, true, { 5, 5 }, { 11, 5 }, { 0 }, 3, { 8, 8 }, -M_PI },
	{ ARC_PLANE_XY, false, { 5, 5 }, { 11, 5 }, { 3 }, 0, { 8, 2 }, M_PI },
	/* Full circles: half-way is the other side. */
	{ ARC_PLANE_XY, true, { 1, 2, 3, 4 }, { 1, 2, 5, 6 }, { 3, 4 }, 0, { 7, 10, 4, 5 }, -2 * M_PI },
	{ ARC_PLANE_XY, false, { 1, 2 }, { 1, 2 }, { -3 }, 0, { -5, 2 }, 2 * M_PI },
	/* G18: seen from +Y, counter-clockwise runs from Z to X. */
	{ ARC_PLANE_ZX,
	  false,
	  { 0, 1, 10 },
	  { 10, 3, 0 },
	  { 0, 0, -10 },
	  0,
	  { 7.0710678118654755, 2, 7.0710678118654755 },
	  M_PI / 2 },
	{ ARC_PLANE_ZX,
	  true,
	  { 10, 1, 0 },
	  { 0, 1, 10 },
	  { -10 },
	  0,
	  { 7.0710678118654755, 1, 7.0710678118654755 },
	  -M_PI / 2 },
	/* G19: seen from +X, from Y to Z. */
	{ ARC_PLANE_YZ,
	  false,
	  { 1, 10, 0 },
	  { 1, 0, 10 },
	  { 0, -10 },
	  0,
	  { 1, 7.0710678118654755, 7.0710678118654755 },
	  M_PI / 2 },
	{ ARC_PLANE_YZ,
	  true,
	  { 1, 0, 10 },
	  { 1, 10, 0 },
	  { 0 },
	  10,
	  { 1, 7.0710678118654755, 7.0710678118654755 },
	  -M_PI / 2 },
};

static void by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct known *k = &known[i];
		struct arc_words w = center_words(k->plane, k->clockwise, k->offset_mm);
		double mm[MOVE_AXES];
		struct arc a;

		w.has_radius = k->radius_mm != 0;
		w.radius_mm = k->radius_mm;
		make(&a, k->start_mm, k->end_mm, &w);
		a.pieces = 2;
		arc_point(&a, 1, mm);
		if (fabs(a.angle - k->angle) > 1e-14)
			fail_msg("row %zu: angle %.17g, expected %.17g", i, a.angle, k->angle);
		for (int j = 0; j < MOVE_AXES; j++) {
			if (fabs(mm[j] - k->mid_mm[j]) > 1e-14)
				fail_msg("row %zu: %c half-way %.17g, expected %.17g", i, "XYZE"[j],
					 mm[j], k -> mid_mm[j]);
		}
		arc_point(&a, 2, mm);
		assert_memory_equal(mm, k->end_mm, sizeof(mm));
	}
}

/* Radius 10 and tolerance 5 um: a chord over p is off by 10 (1 - cos(p/2)) mm, so p = 0.0632468…; a full
 * circle takes 99.34 of them. Pieces of at most 0.1 mm: 628.3. */
static void piece_counts(void **state)
{
	static const struct {
		double radius_mm, tolerance_mm, piece_mm_max;
		uint32_t pieces;
	} row[] = {
		{ 10, 0.005, 0, 100 }, { 10, 0.005, 0.1, 629 }, { 10, 0.005, 1, 100 },
		{ 10, 1, 1, 63 },      { 0.001, 1, 0, 4 },      { 0.001, 1, 1, 4 },
		{ 100, 0.1, 0, 71 }, /* p = 4 asin(sqrt(0.1 / 200)) = 0.0894502…: 70.24 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const double at[MOVE_AXES] = { 0 }, offset_mm[3] = { row[i].radius_mm, 0, 0 };
		struct arc_words w = center_words(ARC_PLANE_XY, false, offset_mm);
		char err[256];
		struct arc a;

		make(&a, at, at, &w);
		assert_true(
			arc_divide(&a, row[i].tolerance_mm, row[i].piece_mm_max, err, sizeof(err)));
		if (a.pieces != row[i].pieces)
			fail_msg("row %zu: %u pieces, expected %u", i, a.pieces, row[i].pieces);
	}
}

/* ---- at random ---- */

struct made {
	long double center[2], radius, from, turn;
	int axis[3];
	double start_mm[MOVE_AXES], end_mm[MOVE_AXES];
	struct arc_words words;
};

static void on_circle(const struct made *m, long double angle, double mm[MOVE_AXES])
{
	mm[m->axis[0]] = (double)(m->center[0] + m->radius * cosl(angle));
	mm[m->axis[1]] = (double)(m->center[1] + m->radius * sinl(angle));
}

/* A random arc; its ends are rounded to `decimals`, -1: not. */
static void make_random(struct made *m, int decimals)
{
	enum arc_plane plane = (enum arc_plane)uniform(0, 3);
	double scale = pow(10, decimals), offset_mm[3] = { 0 };

	m->axis[0] = plane == ARC_PLANE_XY ? AXIS_X : plane == ARC_PLANE_ZX ? AXIS_Z : AXIS_Y;
	m->axis[1] = (m->axis[0] + 1) % 3;
	m->axis[2] = (m->axis[0] + 2) % 3;
	m->center[0] = uniform(-200, 200);
	m->center[1] = uniform(-200, 200);
	m->radius = pow(10, uniform(decimals < 0 ? -3 : -0.5, 3));
	m->from = uniform(-M_PI, M_PI);
	m->turn = uniform(0, 1) < 0.1 ? 2 * M_PIl : uniform(1e-3, 2 * M_PI - 1e-3);
	m->turn *= uniform(0, 1) < 0.5 ? -1 : 1;
	on_circle(m, m->from, m->start_mm);
	on_circle(m, m->from + m->turn, m->end_mm);
	for (int i = 2; i < 4; i++) {
		int axis = i == 2 ? m->axis[2] : AXIS_E;

		m->start_mm[axis] = uniform(-10, 10);
		m->end_mm[axis] = uniform(-10, 10);
	}
	for (int i = 0; i < 2; i++) {
		int axis = m->axis[i];

		if (decimals >= 0) {
			m->start_mm[axis] = round(m->start_mm[axis] * scale) / scale;
			m->end_mm[axis] = round(m->end_mm[axis] * scale) / scale;
		}
		if (fabsl(m->turn) > 2 * M_PI - 1e-9)
			m->end_mm[axis] = m->start_mm[axis];
		offset_mm[axis] = (double)(m->center[i] - m->start_mm[axis]);
		if (decimals >= 0)
			offset_mm[axis] = round(offset_mm[axis] * scale) / scale;
	}
	m->words = center_words(plane, m->turn < 0, offset_mm);
}

/* How far the middle of a chord and points beside it are from the circle at most. */
static double chord_error(const struct made *m, const double a_mm[MOVE_AXES],
			  const double b_mm[MOVE_AXES])
{
	long double worst = 0;

	for (int i = 0; i <= 8; i++) {
		long double t = i / 8.0L, at[2];

		for (int j = 0; j < 2; j++)
			at[j] = a_mm[m->axis[j]] +
				t * ((long double)b_mm[m->axis[j]] - a_mm[m->axis[j]]) -
				m->center[j];
		worst = fmaxl(worst, fabsl(hypotl(at[0], at[1]) - m->radius));
	}
	return (double)worst;
}

static void check_points(const struct made *m, const struct arc *a, double slack_mm)
{
	double before[MOVE_AXES], mm[MOVE_AXES], want[MOVE_AXES];

	memcpy(before, m->start_mm, sizeof(before));
	for (uint32_t k = 1; k <= a->pieces; k++) {
		long double t = (long double)k / a->pieces;

		arc_point(a, k, mm);
		if (k == a->pieces)
			assert_memory_equal(mm, m->end_mm, sizeof(mm));
		on_circle(m, m->from + t * m->turn, want);
		want[m->axis[2]] = (double)(m->start_mm[m->axis[2]] +
					    t * (m->end_mm[m->axis[2]] - m->start_mm[m->axis[2]]));
		want[AXIS_E] = (double)(m->start_mm[AXIS_E] +
					t * (m->end_mm[AXIS_E] - m->start_mm[AXIS_E]));
		for (int i = 0; i < MOVE_AXES; i++) {
			if (!(fabs(mm[i] - want[i]) <= slack_mm))
				fail_msg("piece %u of %u: %c %.12g, expected %.12g", k, a->pieces,
					 "XYZE"[i], mm[i], want[i]);
		}
		if (!(chord_error(m, before, mm) <= TOLERANCE_MM + slack_mm))
			fail_msg("piece %u of %u: %.9f mm off a circle of radius %.6Lf", k,
				 a->pieces, chord_error(m, before, mm), m->radius);
		memcpy(before, mm, sizeof(before));
	}
}

static void random_arcs(void **state)
{
	unsigned n = 3000 * simrun_size();

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct made m;
		struct arc a;
		char err[256];

		make_random(&m, -1);
		make(&a, m.start_mm, m.end_mm, &m.words);
		if (fabs(a.angle - (double)m.turn) > 1e-6)
			fail_msg("angle %.12g, expected %.12Lg", a.angle, m.turn);
		assert_true(arc_divide(&a, TOLERANCE_MM, 0, err, sizeof(err)));
		/* Center and ends are rounded to doubles: 1e-10 mm at 1 m. */
		check_points(&m, &a, 1e-9);
		/* With one piece less it would not do; none is greater than a quarter and a little. */
		double step = fabs(a.angle) / (a.pieces - 1);

		assert_true(a.pieces == 1 || step > 1.6 ||
			    a.radius_mm * (1 - cos(step / 2)) > TOLERANCE_MM * (1 - 1e-9));
	}
}

/* As files have them: everything rounded. The curve still ends exactly where the line says. */
static void rounded_arcs(void **state)
{
	unsigned n = 3000 * simrun_size();

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct made m;
		struct arc a;
		char err[256];

		make_random(&m, 3);
		make(&a, m.start_mm, m.end_mm, &m.words);
		assert_true(arc_divide(&a, TOLERANCE_MM, 1, err, sizeof(err)));
		assert_true(a.length_mm / a.pieces <= 1);
		/* Half a thousandth of start, end and center each, in two axes. */
		check_points(&m, &a, 0.003);
	}
}

/* By R: the radius is R, and the shorter way is taken unless R is negative. */
static void random_radius(void **state)
{
	unsigned n = 3000 * simrun_size();

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct made m;
		struct arc a;

		make_random(&m, -1);
		/* Near a half circle the radius says little about the angle, near none little at all. */
		if (fabsl(fabsl(m.turn) - M_PI) < 0.1 || fabsl(m.turn) > 2 * M_PI - 0.01)
			continue;
		memset(m.words.has_offset, 0, sizeof(m.words.has_offset));
		m.words.has_radius = true;
		m.words.radius_mm = (double)(fabsl(m.turn) > M_PI ? -m.radius : m.radius);
		make(&a, m.start_mm, m.end_mm, &m.words);
		if (fabs(a.angle - (double)m.turn) > 1e-5)
			fail_msg("angle %.12g, expected %.12Lg", a.angle, m.turn);
		assert_true(fabs(a.radius_mm - (double)m.radius) < 1e-9 * (double)m.radius);
		assert_true(fabs((double)(m.start_mm[m.axis[0]] - m.center[0]) - a.arm_mm[0]) <
			    1e-6);
		assert_true(fabs((double)(m.start_mm[m.axis[1]] - m.center[1]) - a.arm_mm[1]) <
			    1e-6);
	}
}

/* A nearly straight arc with its center a kilometre away: points do not jitter. */
static void far_center(void **state)
{
	const double start[MOVE_AXES] = { 0 }, end[MOVE_AXES] = { 10 };
	struct arc_words w = { .has_radius = true, .radius_mm = 1e6 };
	double mm[MOVE_AXES];
	struct arc a;

	(void)state;
	make(&a, start, end, &w);
	a.pieces = 1000;
	for (uint32_t k = 1; k <= a.pieces; k++) {
		double x = 0.01 * k;

		arc_point(&a, k, mm);
		/* Counter-clockwise to +X: it sags towards -Y by x (10 - x) / 2R. */
		assert_true(fabs(mm[AXIS_X] - x) < 1e-9);
		assert_true(fabs(mm[AXIS_Y] + x * (10 - x) / 2e6) < 1e-9);
	}
}

/* ---- what can't be ---- */

static void refused(void **state)
{
	static const struct {
		struct arc_words words;
		double end_mm[MOVE_AXES];
		const char *want;
	} row[] = {
		{ { .plane = ARC_PLANE_XY }, { 1 }, "expected R, a radius, or I and J in plane G17" },
		{ { .plane = ARC_PLANE_ZX }, { 1 }, "I and K in plane G18" },
		{ { .plane = ARC_PLANE_YZ }, { 1 }, "J and K in plane G19" },
		{ { .has_radius = true, .radius_mm = 5, .has_offset = { true } },
		  { 1 },
		  "expected either R or I, J, K" },
		{ { .has_radius = true, .radius_mm = 4.9 },
		  { 6, 8 },
		  "R=4.9 mm: expected at least 5.0000 mm, half the way to the end point" },
		{ { .has_radius = true, .radius_mm = -4.9 },
		  { 6, 8 },
		  "expected at least 5.0000 mm" },
		{ { .has_radius = true, .radius_mm = 0 }, { 6, 8 }, "expected at least 5.0000 mm" },
		{ { .has_radius = true, .radius_mm = 5 }, { 0 }, "a full circle needs I and J" },
		{ { .has_offset = { true }, .offset_mm = { 0 } },
		  { 0 },
		  "radius 0: expected a center away from the start" },
		{ { .has_offset = { true }, .offset_mm = { 10 } },
		  { 20.6 },
		  "the end point is 10.6000 mm from the center: expected 10.0000 mm" },
		{ { .has_offset = { true }, .offset_mm = { 10 } }, { 20.02 }, "expected 10.0000 mm" },
		{ { .has_offset = { true, false, true }, .offset_mm = { 10, 0, 1 } },
		  { 20 },
		  "K: expected I and J in plane G17" },
		{ { .has_offset = { true }, .offset_mm = { NAN } }, { 20 }, "radius 0" },
		{ { .has_offset = { true }, .offset_mm = { 10 } },
		  { NAN },
		  "nan mm from the center" },
		{ { .has_offset = { true }, .offset_mm = { INFINITY } },
		  { 20 },
		  "inf mm from the center" },
	};
	const double start[MOVE_AXES] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char err[256] = "";
		struct arc a;

		if (arc_init(&a, start, row[i].end_mm, &row[i].words, err, sizeof(err)))
			fail_msg("row %zu accepted", i);
		if (!strstr(err, row[i].want))
			fail_msg("row %zu: \"%s\", expected \"%s\"", i, err, row[i].want);
	}
}

/* Just right: rounding in the file is taken. */
static void tolerated(void **state)
{
	const double start[MOVE_AXES] = { 0 }, near[MOVE_AXES] = { 20.004 }, far[MOVE_AXES] = { 10 };
	struct arc_words w = { .has_offset = { true }, .offset_mm = { 10 } };
	struct arc_words r = { .has_radius = true, .radius_mm = 4.996 };
	double mm[MOVE_AXES];
	struct arc a;

	(void)state;
	make(&a, start, near, &w);
	a.pieces = 2;
	arc_point(&a, 1, mm); /* half-way the radius is the mean */
	assert_true(fabs(mm[AXIS_X] - 10) < 1e-12 && fabs(mm[AXIS_Y] + 10.002) < 1e-12);
	make(&a, start, far, &r);
	assert_true(fabs(a.radius_mm - 5) < 1e-12);
}

static void too_many(void **state)
{
	const double at[MOVE_AXES] = { 0 };
	struct arc_words w = { .has_offset = { true }, .offset_mm = { 1e6 } };
	char err[256];
	struct arc a;

	(void)state;
	make(&a, at, at, &w);
	assert_false(arc_divide(&a, 1e-4, 0.1, err, sizeof(err)));
	assert_non_null(strstr(err, "expected at most 1000000 pieces, not 6.28319e+07"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),       cmocka_unit_test(piece_counts),
		cmocka_unit_test(random_arcs),   cmocka_unit_test(rounded_arcs),
		cmocka_unit_test(random_radius), cmocka_unit_test(far_center),
		cmocka_unit_test(refused),       cmocka_unit_test(tolerated),
		cmocka_unit_test(too_many),
	};

	random_state = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
