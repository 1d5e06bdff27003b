/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_shaped_joints.c - input shapers where motors are no sums of the axes.
 *
 * Shown, on a delta, a deltesian, a polar machine, a rotary delta and a winch: zv, mzv and ei on X, Y and Z in every
 * order; a feed hold in mid-move comes to rest in time, stays there and goes on; a stop in the middle of a change of
 * shapers; hundreds of random lines with moves, other shapers, pressure advance, names, FORCE_MOVE, dwells and
 * waits, while holds, feed rates and babysteps come in between at random instants: every step within 12.5 us of its
 * exact time, once, in order, and the nozzle where it was sent.
 * How: the whole machine in virtual time, tests/simlib/scene.h.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_shaped_joints; the seed is printed. STEPD_TEST_SIZE for more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/simlib/random.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define MARGIN_S 0.010
enum { KINDS = 5, RANDOM_LINES = 120, STOPS = 4 };

static const char *const kinds[KINDS] = { "delta", "deltesian", "polar", "rotary_delta", "winch" };
static const char *const types[] = { "zv", "mzv", "ei", "zvd", "2hump_ei", "3hump_ei", "none" };
enum { TYPES = sizeof(types) / sizeof(*types) };

static unsigned long seed;

static struct scene *open_scene(const char *kind)
{
	static const char *const overrides[] = { "force_move.enable_force_move=true", NULL };
	char path[64];
	struct scene *s;

	snprintf(path, sizeof(path), "etc/sim-%s.cfg", kind);
	s = scene_open(path, overrides);
	assert_non_null(s);
	assert_true(scene_run(s, "M83\nSET_KINEMATIC_POSITION X=50 Y=0 Z=20\n"));
	return s;
}

static void run_ok(struct scene *s, const char *lines)
{
	assert_true(scene_run(s, lines));
	if (s->errors)
		fail_msg("%s: %s", lines, s->said);
}

static void now(struct scene *s, const char *line)
{
	assert_int_equal(scene_now(s, line), GCODE_OK);
}

static double machine_s(const struct scene *s)
{
	return clocksync_machine_s(&s->b.m->engine->mcu[0].sync, s->b.now_ns);
}

/* When the last of its motors made a step. */
static double last_s(const struct scene *s)
{
	double last_s = 0;

	for (size_t i = 0; i < s->b.mc->stepper_count; i++)
		last_s = fmax(last_s, checker_last_s(s->b.checker, (uint32_t)i));
	return last_s;
}

/* Every axis is believed to be where the steps that the motors made have it, within about a step. */
static void ends_exact(struct scene *s, const char *what)
{
	const double *end_mm = planner_position(s->b.m->planner);

	assert_true(batch_settle(&s->b));
	if (s->errors)
		fail_msg("%s: %s", what, strstr(s->said, "!!") ? strstr(s->said, "!!") : s->said);
	for (int i = 0; i < MOVE_AXES; i++)
		assert_true(fabs(s->b.m->status.position_mm[i] - end_mm[i]) < 1e-9);
	if (!scene_exact(s))
		fail_msg("%s", what);
	scene_close(s);
}

/* ---- each on each axis ---- */

static void test_each(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		for (int i = 0; i < 3; i++) {
			struct scene *s = open_scene(kinds[k]);
			char line[200];

			snprintf(line, sizeof(line),
				 "SET_INPUT_SHAPER SHAPER_TYPE_X=%s SHAPER_TYPE_Y=%s SHAPER_TYPE_Z=%s "
				 "SHAPER_FREQ_X=52 SHAPER_FREQ_Y=37 SHAPER_FREQ_Z=71\n",
				 types[i], types[(i + 1) % 3], types[(i + 2) % 3]);
			run_ok(s, line);
			run_ok(s,
			       "G1 X60 Y20 Z20.4 F18000\nG1 X20 Y55 E2\nG1 X20.3 Y55.1 E0.01\nG1 X19.9 "
			       "Y55.2 E0.01\nG3 X-55 Y20 R60 E4\nG1 X-20 Y-45 Z24 E2\nG1 X-55 "
			       "Y20 F1200\nG1 X-30 Y-10 Z20.2 F12000\nG2 X60 Y0 R70 E3\n");
			ends_exact(s, kinds[k]);
		}
	}
}

/* ---- holds ---- */

static void test_hold(void **state)
{
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct scene *s = open_scene(kinds[k]);
		double told_s, rest_s, span_s;

		run_ok(s, "SET_INPUT_SHAPER SHAPER_TYPE=ei SHAPER_TYPE_Y=3hump_ei SHAPER_FREQ_X=45 "
			  "SHAPER_FREQ_Y=40 SHAPER_FREQ_Z=60\nM204 S1000\nG1 X50 Y-60 F6000\n");
		span_s = shaper_span_s(&s->b.m->engine->shaper);
		batch_lines(&s->b, "G1 X40 Y70 Z26 F3000\nG1 X-40 Y70\n");
		scene_pass(s, 1.5);
		now(s, "HOLD");
		batch_turn(&s->b, false);
		told_s = machine_s(s);
		scene_pass(s, 60);
		rest_s = last_s(s) - told_s;
		printf("%s: hold rests after %.1f ms\n", kinds[k], 1e3 * rest_s);
		assert_true(rest_s > 0.05 && rest_s < 0.1 + MARGIN_S + 50.0 / 1000 + span_s);
		scene_hush(s);
		now(s, "STATUS");
		assert_true(scene_said(s, "hold: at rest"));
		now(s, "SET_PRESSURE_ADVANCE ADVANCE=0.05");
		now(s, "RESUME");
		ends_exact(s, kinds[k]);
	}
}

/* ---- stops ---- */

static void test_stops(void **state)
{
	uint64_t rng = seed;

	(void)state;
	for (int i = 0; i < KINDS * STOPS; i++) {
		struct scene *s = open_scene(kinds[i % KINDS]);

		run_ok(s, "SET_INPUT_SHAPER SHAPER_TYPE=ei SHAPER_FREQ_X=45 SHAPER_FREQ_Y=40\n"
			  "G1 X50 Y-60 F6000\n");
		batch_lines(&s->b,
			    "G1 X40 Y30 Z26 F3000\nSET_INPUT_SHAPER SHAPER_TYPE=zv SHAPER_FREQ_Y=60 "
			    "SHAPER_FREQ_Z=50\nG1 X-40 Y70\nG1 X-60 Y-20\n");
		scene_pass(s, random_uniform(&rng, 1.7, 2.6));
		scene_run(s, "M112\n");
		assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
		scene_pass(s, 1);
		assert_int_equal(scene_violations(s), 0);
		scene_close(s);
	}
}

/* ---- at random ---- */

struct drawn {
	uint64_t rng;
	const struct machine_config *mc;
	double x_mm, y_mm, z_mm;
};

static double uniform(struct drawn *d, double lo, double hi)
{
	return random_uniform(&d->rng, lo, hi);
}

static unsigned one_of(struct drawn *d, unsigned n)
{
	unsigned i = (unsigned)uniform(d, 0, n);

	return i < n ? i : n - 1;
}

/* A place on a ring around the middle: no move leads through that. */
static void place(struct drawn *d)
{
	double angle = atan2(d->y_mm, d->x_mm) + uniform(d, -1.2, 1.2), far = uniform(d, 35, 70);

	if (one_of(d, 3) == 0) { /* hardly any way */
		d->x_mm += uniform(d, -0.3, 0.3);
		d->y_mm += uniform(d, -0.3, 0.3);
		return;
	}
	d->x_mm = far * cos(angle);
	d->y_mm = far * sin(angle);
	d->z_mm = one_of(d, 3) == 0 ? uniform(d, 18, 30) : d->z_mm;
}

static void draw_line(struct drawn *d, char *line, size_t size)
{
	const struct machine_stepper *motor;
	double by, from_mm[2];

	switch (one_of(d, 12)) {
	case 0:
	case 1:
		snprintf(line, size,
			 "SET_INPUT_SHAPER SHAPER_TYPE_X=%s SHAPER_TYPE_Y=%s SHAPER_TYPE_Z=%s "
			 "SHAPER_FREQ_X=%.1f SHAPER_FREQ_Y=%.1f SHAPER_FREQ_Z=%.1f\n",
			 types[one_of(d, TYPES)], types[one_of(d, TYPES)], types[one_of(d, TYPES)],
			 uniform(d, 30, 90), uniform(d, 30, 90), uniform(d, 30, 90));
		return;
	case 2:
		snprintf(line, size, "SET_PRESSURE_ADVANCE ADVANCE=%.3f SMOOTH_TIME=%.3f\n",
			 uniform(d, 0, 0.1), uniform(d, 0.01, 0.1));
		return;
	case 3: /* the same place by another name */
		d->x_mm = uniform(d, 35, 50);
		d->y_mm = uniform(d, -30, 30);
		snprintf(line, size, "SET_KINEMATIC_POSITION X=%.4f Y=%.4f\n", d->x_mm, d->y_mm);
		return;
	case 4:
		motor = &d->mc->steppers[one_of(d, (unsigned)d->mc->stepper_count)];
		by = motor->step_distance_mm * uniform(d, -300, 300);
		snprintf(line, size,
			 "FORCE_MOVE STEPPER=\"%s\" DISTANCE=%.6f VELOCITY=%.6f ACCEL=%.6f\n",
			 motor->name, by, 5 * fabs(by), one_of(d, 2) ? 30 * fabs(by) : 0.0);
		return;
	case 5:
		snprintf(line, size, one_of(d, 3) ? "G4 P%.0f\n" : "M400\n", uniform(d, 1, 200));
		return;
	default:
		from_mm[0] = d->x_mm;
		from_mm[1] = d->y_mm;
		place(d);
		snprintf(line, size, "G1 X%.4f Y%.4f Z%.4f E%.5f F%.0f\n", d->x_mm, d->y_mm, d->z_mm,
			 uniform(d, 0, 0.05) * hypot(d->x_mm - from_mm[0], d->y_mm - from_mm[1]),
			 uniform(d, 600, 15000));
	}
}

/* Something out of band. */
static void disturb(struct scene *s, struct drawn *d, bool *held)
{
	char line[64];

	switch (one_of(d, 8)) {
	case 0:
		*held = true;
		now(s, "HOLD");
		return;
	case 1:
		snprintf(line, sizeof(line), "M220 S%.0f", uniform(d, 30, 180));
		now(s, line);
		return;
	case 2:
		snprintf(line, sizeof(line), "M290 Z%.3f", uniform(d, -0.05, 0.05));
		now(s, line);
		return;
	default:
		if (*held)
			now(s, "RESUME");
		*held = false;
	}
}

static void random_lines(const char *kind, uint64_t rng)
{
	struct scene *s = open_scene(kind);
	struct drawn d = { .rng = rng, .mc = s->b.mc, .x_mm = 50, .z_mm = 20 };
	char what[80], line[300];
	bool held = false;

	snprintf(what, sizeof(what), "%s, %llu", kind, (unsigned long long)rng);
	for (int i = 0; i < RANDOM_LINES && !s->errors; i++) {
		draw_line(&d, line, sizeof(line));
		batch_lines(&s->b, line);
		for (int n = (int)one_of(&d, 3); n > 0; n--) {
			scene_pass(s, uniform(&d, 0, 0.3));
			disturb(s, &d, &held);
		}
		if (held) /* the next line may have to wait for room */
			now(s, "RESUME");
		held = false;
	}
	ends_exact(s, what);
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * KINDS * simrun_size(); i++)
		random_lines(kinds[i % KINDS], seed * 1000 + i);
}

/* An argument names the tests to run: a pattern. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_random),
	};

	seed = simrun_seed(1);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
