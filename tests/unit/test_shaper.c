/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_shaper.c - pulses against the physics, sets of taps, changes without a jump.
 *
 * Shown: what each shaper leaves of a resonance (sum of its pulses turned by their phase) is 0 at the
 * design frequency where the papers say so, also with damping, and 5 % where they say that, and
 * stays below 5 % over the published bands; a set has one delay for all axes and no tap before 0;
 * a change in the middle of a move is continuous, as smooth as it should be, monotone at a
 * constant speed, and leaves a path along one line on that line; when the axes rest.
 * Repeat: build/tests/unit/test_shaper
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "joint.h"
#include "shaper.h"
#include "tests/oracle/refmotion.h"

static const char *const name[SHAPER_TYPES] = { "none", "zv",       "mzv",     "zvd",
						"ei",   "2hump_ei", "3hump_ei" };

/* Vibration that the pulses leave of a resonance, relative to one pulse alone. */
static double residual(const struct shaper_pulses *p, double f_hz, double damping)
{
	double w = 2.0 * M_PI * f_hz, wd = w * sqrt(1.0 - damping * damping), c = 0.0, s = 0.0;

	for (int i = 0; i < p->n; i++) {
		double a = p->amp[i] * exp(damping * w * (p->t_s[i] - p->t_s[p->n - 1]));

		c += a * cos(wd * p->t_s[i]);
		s += a * sin(wd * p->t_s[i]);
	}
	return sqrt(c * c + s * s);
}

static void test_pulses(void **state)
{
	/* At the design frequency undamped; half the width of the band below 5 %, as a share of the
	 * frequency (ZV, ZVD: Singer and Seering; EI: Singhose et al.). */
	static const double at_f[SHAPER_TYPES] = { 1, 0, 0, 0, 0.05, 0, 0.05 };
	static const double band[SHAPER_TYPES] = { 0, 0.03, 0.03, 0.14, 0.199, 0.36, 0.475 };

	(void)state;
	for (uint32_t type = SHAPER_ZV; type < SHAPER_TYPES; type++) {
		struct plan_shaper_axis axis = { .type = type, .freq_hz = 50.0 };
		struct shaper_pulses p;
		double sum = 0.0, worst = 0.0, damped;

		assert_true(shaper_pulses(&axis, &p));
		for (int i = 0; i < p.n; i++) {
			sum += p.amp[i];
			assert_true(p.amp[i] > 0.0 && p.t_s[i] >= 0.0);
			assert_true(i == 0 ? p.t_s[0] == 0.0 : p.t_s[i] > p.t_s[i - 1]);
		}
		assert_true(fabs(sum - 1.0) < 1e-15);
		for (double x = -band[type]; x <= band[type]; x += 0.001)
			worst = fmax(worst, residual(&p, 50.0 * (1.0 + x), 0.0));
		axis.damping_ratio = 0.1;
		assert_true(shaper_pulses(&axis, &p));
		damped = residual(&p, 50.0, 0.1);
		print_message("%-8s %d pulses over %.1f ms; damped %.4f at f, undamped at most %.4f "
			      "within %.1f %%\n",
			      name[type], p.n, 1e3 * p.t_s[p.n - 1], damped, worst,
			      100 * band[type]);
		assert_true(worst < 0.0505);
		axis.damping_ratio = 0.0;
		assert_true(shaper_pulses(&axis, &p));
		assert_true(fabs(residual(&p, 50.0, 0.0) - at_f[type]) < 1e-12);
		assert_true(damped <= 0.0501 && (at_f[type] > 0.0 || damped < 1e-12));
		if (type == SHAPER_ZVD) /* insensitive: no slope there either */
			assert_true(residual(&p, 50.01, 0.0) < 1e-6);
	}
}

static void test_refused(void **state)
{
	struct plan_shaper plan = { .axis = { { .type = SHAPER_ZV, .freq_hz = 50.0 } } };
	struct shaper_set set;

	(void)state;
	assert_true(shaper_set_make(&plan, &set));
	plan.axis[1].type = SHAPER_TYPES;
	assert_false(shaper_set_make(&plan, &set));
	plan.axis[1].type = SHAPER_NONE;
	for (int i = 0; i < 5; i++) {
		static const double freq[] = { 0.0, -1.0, NAN, INFINITY, 1.9 };

		plan.axis[0].freq_hz = freq[i];
		assert_false(shaper_set_make(&plan, &set));
	}
	plan.axis[0].freq_hz = 50.0;
	for (int i = 0; i < 3; i++) {
		static const double damping[] = { 1.0, -0.01, NAN };

		plan.axis[0].damping_ratio = damping[i];
		assert_false(shaper_set_make(&plan, &set));
	}
}

static void test_set(void **state)
{
	struct plan_shaper plan = {
		.axis = { { .type = SHAPER_MZV, .freq_hz = 50.6, .damping_ratio = 0.1 },
			  { .type = SHAPER_3HUMP_EI, .freq_hz = 41.8, .damping_ratio = 0.05 } }
	};
	struct shaper_set set;

	(void)state;
	assert_true(shaper_set_make(&plan, &set));
	assert_int_equal(set.n, 3 + 5 + 1);
	for (int k = 0; k < MOVE_AXES; k++) {
		double sum = 0.0, mean_s = 0.0;

		for (uint32_t i = 0; i < set.n; i++) {
			assert_true(set.tap[i].delay_s >= 0.0 && set.tap[i].delay_s <= set.span_s);
			sum += set.tap[i].amp[k];
			mean_s += set.tap[i].amp[k] * set.tap[i].delay_s;
		}
		assert_true(fabs(sum - 1.0) < 1e-14 && fabs(mean_s - set.delay_s) < 1e-14);
	}
	plan.axis[1] = plan.axis[0];
	assert_true(shaper_set_make(&plan, &set));
	assert_int_equal(set.n, 3 + 1); /* taps of one delay are one tap */
	plan.axis[0].type = plan.axis[1].type = SHAPER_NONE;
	assert_true(shaper_set_make(&plan, &set));
	assert_int_equal(set.n, 1);
	assert_true(set.delay_s == 0.0 && set.span_s == 0.0);
}

/* A later change waits for the end of the one before; one that nobody has seen is replaced. */
static void test_changes(void **state)
{
	static struct shaper sh;
	struct plan_shaper plan = { .axis = { { .type = SHAPER_ZV, .freq_hz = 50.0 } } };
	struct shaper_set set;
	double end_s;

	(void)state;
	shaper_init(&sh);
	assert_true(shaper_end_s(&sh) == -INFINITY);
	assert_true(shaper_set_make(&plan, &set));
	assert_true(shaper_append(&sh, &set, 1.0, 0.5));
	end_s = shaper_end_s(&sh);
	assert_true(end_s >= 1.0 + SHAPER_FADE_S);
	assert_true(shaper_append(&sh, &set, 1.01, 1.0001));
	assert_int_equal(sh.head - sh.tail, 3);
	assert_true(shaper_at_index(&sh, 2)->at_s == end_s);
	plan.axis[0].type = SHAPER_ZVD;
	assert_true(shaper_set_make(&plan, &set));
	assert_true(shaper_append(&sh, &set, 1.02, 1.02));
	assert_int_equal(sh.head - sh.tail, 3);
	assert_int_equal(shaper_newest(&sh)->n, 3); /* undamped, the middle pulse is at the mean */
	assert_true(shaper_at_index(&sh, 2)->at_s == end_s);
	/* one for later waits its turn; it does not come early */
	assert_true(shaper_append(&sh, &set, 100.0, 1.02));
	assert_int_equal(sh.head - sh.tail, 4);
	assert_true(shaper_at_index(&sh, 3)->at_s == 100.0);
	shaper_retire(&sh, end_s + 1e-6);
	assert_int_equal(sh.head - sh.tail, 3);
	shaper_settle(&sh);
	assert_int_equal(sh.head - sh.tail, 1);
	for (int i = 1; i < SHAPER_CHANGES; i++)
		assert_true(shaper_append(&sh, &set, 2.0, INFINITY));
	assert_false(shaper_append(&sh, &set, 2.0, INFINITY));
	assert_int_equal(sh.head - sh.tail, SHAPER_CHANGES);
}

enum { PHASES = 64 };

/* One long move at 100 mm/s: it accelerates from 1 to 1.05 s, and slows down from 2.05 s on. */
static void long_move(struct trapq *tq)
{
	struct move m = { .dir = { 0.6, 0.8 },
			  .length_mm = 105.0,
			  .accel_mm_s2 = 2000.0,
			  .cruise_mm_s = 100.0,
			  .accel_s = 0.05,
			  .cruise_s = 1.0,
			  .decel_s = 0.05 };

	assert_int_equal(trapq_append(tq, &m, 1.0), TRAPQ_OK);
	trapq_rest(tq, 10.0);
}

/* The joint's pieces, those between the two times in detail: returns the greatest jump of speed. */
static double change_pieces(struct joint *j, const struct trapq *tq, double from_s, double end_s,
			    double *slowest, double *fastest)
{
	struct joint_piece q;
	double p = 0.0, v = 0.0, t = 0.0, jump = 0.0;
	enum joint_result r;

	*slowest = INFINITY;
	*fastest = -INFINITY;
	while ((r = joint_next(j, tq, 9.0, &q)) == JOINT_PIECE) {
		double v_end = q.v + q.a * q.dur_s;

		if (t > 0.0) {
			assert_true(q.start_s >= t - 1e-12); /* later: at rest between */
			assert_true(fabs(q.p - p) < 1e-9);
		}
		if (q.start_s >= from_s && q.start_s + q.dur_s <= end_s) {
			if (t > 0.0)
				jump = fmax(jump, fabs(q.v - v));
			*slowest = fmin(*slowest, fmin(q.v, v_end));
			*fastest = fmax(*fastest, fmax(q.v, v_end));
		}
		assert_true(fabs(q.p + (q.v + 0.5 * q.a * q.dur_s) * q.dur_s - q.p_end) < 1e-9);
		p = q.p_end;
		v = v_end;
		t = q.start_s + q.dur_s;
	}
	assert_int_not_equal(r, JOINT_LOST);
	assert_true(fabs(p - joint_end(j, tq)) < 1e-9);
	return jump;
}

/* A change from set to set at at_s, while the move above runs. */
static double change_at(const struct shaper_set set[2], double at_s, int axis, double *lo,
			double *hi)
{
	static struct shaper sh;
	struct trapq_phase phases[PHASES];
	double weight[MOVE_AXES] = { 0 };
	struct trapq tq;
	struct joint j;

	weight[axis] = 80.0;
	shaper_init(&sh);
	assert_true(shaper_append(&sh, &set[0], 0.0, -1.0));
	shaper_settle(&sh);
	trapq_init(&tq, phases, PHASES);
	joint_init(&j, weight, &sh, NULL, &tq);
	long_move(&tq);
	assert_true(shaper_append(&sh, &set[1], at_s, 0.0));
	return change_pieces(&j, &tq, at_s, shaper_end_s(&sh), lo, hi);
}

static void test_smooth(void **state)
{
	uint64_t rng = ref_seed("smooth changes");
	double worst = 0.0, slow = INFINITY, fast = 0.0;

	(void)state;
	for (int n = 0; n < 1000; n++) {
		struct shaper_set set[2];
		double lo, hi, jump, shift_s;

		for (int i = 0; i < 2; i++) {
			struct plan_shaper plan;

			for (int k = 0; k < SHAPER_AXES; k++)
				plan.axis[k] = (struct plan_shaper_axis){
					.type = (uint32_t)(ref_random(&rng) % SHAPER_TYPES),
					.freq_hz = ref_uniform(&rng, 35.0, 80.0),
					.damping_ratio = 0.1,
				};
			assert_true(shaper_set_make(&plan, &set[i]));
		}
		for (int axis = 0; axis < 2; axis++) {
			double v = (axis ? 0.8 : 0.6) * 80.0 * 100.0;

			/* any time: continuous */
			change_at(set, ref_uniform(&rng, 1.0, 2.2), axis, &lo, &hi);
			/* cruising: monotone, and nearly at that speed; at it if the delay stays */
			jump = change_at(set, 1.2, axis, &lo, &hi) / v;
			shift_s = fabs(set[1].delay_s - set[0].delay_s);
			worst = fmax(worst, jump);
			slow = fmin(slow, lo / v);
			fast = fmax(fast, hi / v);
			assert_true(lo > 0.85 * v && hi < 1.15 * v);
			assert_true(jump < 0.01);
			if (shift_s < 1e-12)
				assert_true(lo > (1.0 - 1e-9) * v && hi < (1.0 + 1e-9) * v);
		}
	}
	print_message("cruising: speed %.3f to %.3f of its own, steps of it up to %.4f\n", slow,
		      fast, worst);
}

/* Both axes of a straight line stay in step where they cruise, whatever their shapers. */
static void test_in_step(void **state)
{
	struct plan_shaper plan = { .axis = { { SHAPER_ZV, 0, 60.0, 0.1 },
					      { SHAPER_3HUMP_EI, 0, 40.0, 0.05 } } };
	struct trapq_phase phases[PHASES];
	static struct shaper sh;
	struct shaper_set set;
	struct trapq tq;
	double pos[MOVE_AXES], before[MOVE_AXES] = { 0 };

	(void)state;
	shaper_init(&sh);
	assert_true(shaper_set_make(&plan, &set));
	assert_true(shaper_append(&sh, &set, 1.3, 0.0));
	trapq_init(&tq, phases, PHASES);
	long_move(&tq);
	for (double t = 1.15; t < 2.05; t += 0.0001) {
		shaper_position(&sh, &tq, t, pos);
		assert_true(fabs(pos[0] * 0.8 - pos[1] * 0.6) < 1e-9);
		assert_true(pos[0] > before[0]);
		memcpy(before, pos, sizeof(before));
	}
}

/* The move's end in the middle of a change: the axes rest when shaper_rest_s() says, and not when the last tap
 * has come to it, since the slice under way still makes up for where it began. */
static void test_rest(void **state)
{
	struct plan_shaper plan = { .axis = { { SHAPER_3HUMP_EI, 0, 40.0, 0.1 } } };
	const double motion_end_s = 2.1;
	struct trapq_phase phases[PHASES];
	static struct shaper sh;
	struct shaper_set set;
	struct trapq tq;
	bool late = false;

	(void)state;
	trapq_init(&tq, phases, PHASES);
	long_move(&tq);
	assert_true(shaper_set_make(&plan, &set));
	for (double at_s = 1.5; at_s < 2.6; at_s += 0.003) {
		double pos[MOVE_AXES], taps_s = motion_end_s + set.span_s, rest_s;

		shaper_init(&sh);
		assert_true(shaper_append(&sh, &set, at_s, 0.0));
		rest_s = shaper_rest_s(&sh, motion_end_s);
		assert_true(rest_s >= taps_s && rest_s < taps_s + 0.02);
		assert_true(rest_s == taps_s || rest_s <= shaper_end_s(&sh));
		shaper_position(&sh, &tq, taps_s, pos);
		late = late || fabs(pos[0] - tq.end_mm[0]) > 1e-6;
		for (double t = rest_s; t < 4.0; t += 0.0007) {
			shaper_position(&sh, &tq, t, pos);
			assert_true(fabs(pos[0] - tq.end_mm[0]) < 1e-9);
		}
	}
	assert_true(late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pulses), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_set),    cmocka_unit_test(test_changes),
		cmocka_unit_test(test_smooth), cmocka_unit_test(test_in_step),
		cmocka_unit_test(test_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
