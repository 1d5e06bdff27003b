/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_hold.c - feed hold and feed rate on the whole machine, measured at the pins.
 *
 * Shown: in the middle of a 280 mm move HOLD and M220 act within the horizon and 10 ms, at horizons of
 * 100 and 20 ms; a hold rests within the time that the speed takes to end besides, and for as long as it
 * is left so; after RESUME every step is exact, and the print ends where it should. The same for
 * hundreds of holds and feed rates at random instants of a print, with homing, dwells, M400 and M112.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; repeat random
 * instants with STEPD_SEED=<printed seed>; STEPD_TEST_SIZE for more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/random.h"
#include "tests/simlib/sample.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define CONFIG "etc/sim-cartesian.cfg"
#define DEMO "etc/demo/demo.gcode"
#define MICROSTEP_MM 0.0125
#define MARGIN_S 0.010

enum { DEMO_LINES = 6000 };

/* Out of band, as from '!', '~' and the second FIFO. */
static void now(struct scene *s, const char *line)
{
	assert_int_equal(scene_now(s, line), GCODE_OK);
}

/* The same, and the machine time at which the rt core hears of it. */
static double now_s(struct scene *s, const char *line)
{
	now(s, line);
	batch_turn(&s->b, false);
	return s->b.m->engine->now_s;
}

static double machine_s(const struct scene *s)
{
	return clocksync_machine_s(&s->b.m->engine->mcu[0].sync, s->b.now_ns);
}

/* The machine, where it believes to be. */
static struct scene *open_scene(const char *const *overrides)
{
	struct scene *s = scene_open(CONFIG, overrides);

	assert_non_null(s);
	assert_true(batch_settle(&s->b));
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		scene_push_mm(s, axis, 0);
	return s;
}

/* In the middle of 280 mm at v. */
static struct scene *under_way(double horizon_s, double v, double accel)
{
	char horizon[64], low_water[64], lines[200];
	const char *overrides[] = { horizon, low_water, NULL };
	struct scene *s;

	snprintf(horizon, sizeof(horizon), "stepd.horizon_ms=%g", horizon_s * 1e3);
	snprintf(low_water, sizeof(low_water), "stepd.low_water_ms=%g", horizon_s * 500);
	s = open_scene(overrides);
	snprintf(lines, sizeof(lines), "M204 S%g\nG1 X5 Y5 F6000\nM400\n", accel);
	assert_true(scene_run(s, lines));
	snprintf(lines, sizeof(lines), "G1 X285 F%g\n", v * 60);
	batch_lines(&s->b, lines);
	scene_pass(s, 0.7);
	assert_true(scene_truth_mm(s, 0) > 20 && scene_truth_mm(s, 0) < 200);
	return s;
}

static void ends_exact(struct scene *s)
{
	const double *end_mm = planner_position(s->b.m->planner);

	assert_true(batch_settle(&s->b));
	assert_int_equal(s->errors, 0);
	for (int i = 0; i < MOVE_AXES; i++)
		assert_true(fabs(s->b.m->status.position_mm[i] - end_mm[i]) < 1e-9);
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

static void hold_long_move(double horizon_s, double v, double accel)
{
	struct scene *s = under_way(horizon_s, v, accel);
	double from_mm = scene_truth_mm(s, 0), rest_mm, acts_s;
	double told_s = now_s(s, "HOLD");

	now(s, "STATUS");
	scene_pass(s, horizon_s + MARGIN_S + v / accel + 0.1);
	rest_mm = scene_truth_mm(s, 0);
	/* At speed for so long, then down. */
	acts_s = (rest_mm - from_mm - v * v / (2 * accel)) / v;
	printf("horizon %.0f ms: hold acts after %.1f ms, rests after %.1f ms\n", horizon_s * 1e3,
	       acts_s * 1e3, (checker_last_s(s->b.checker, 0) - told_s) * 1e3);
	assert_true(acts_s > 0 && acts_s < horizon_s + MARGIN_S);
	assert_true(checker_last_s(s->b.checker, 0) - told_s < horizon_s + MARGIN_S + v / accel);
	scene_hush(s);
	scene_pass(s, 100);
	now(s, "STATUS");
	assert_true(scene_said(s, "hold: at rest"));
	assert_true(scene_truth_mm(s, 0) == rest_mm);
	assert_true(fabs(scene_believed_mm(s, 0) - rest_mm) <= MICROSTEP_MM + 1e-9);
	now(s, "RESUME");
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_truth_mm(s, 0) - 285) < MICROSTEP_MM);
	scene_hush(s);
	now(s, "STATUS");
	assert_true(scene_said(s, "hold: no"));
	ends_exact(s);
}

static void test_hold(void **state)
{
	(void)state;
	hold_long_move(0.1, 100, 1000);
	hold_long_move(0.1, 200, 3000);
	hold_long_move(0.02, 100, 1000);
	hold_long_move(0.02, 100, 10000);
}

static void feed_long_move(double horizon_s, double v, double accel, double factor)
{
	struct scene *s = under_way(horizon_s, v, accel);
	double from_mm = scene_truth_mm(s, 0), to = v * factor, ramp_s = fabs(to - v) / accel;
	char line[40];
	double told_s, way_mm, acts_s;

	snprintf(line, sizeof(line), "M220 S%g", factor * 100);
	told_s = now_s(s, line);
	scene_pass(s, horizon_s + MARGIN_S + ramp_s + 0.05);
	/* v for acts_s, the ramp, and then the new speed up to this moment. */
	way_mm = scene_truth_mm(s, 0) - from_mm;
	acts_s = (way_mm - (v + to) / 2 * ramp_s - to * (machine_s(s) - told_s - ramp_s)) / (v - to);
	printf("horizon %.0f ms: %s acts after %.1f ms\n", horizon_s * 1e3, line, acts_s * 1e3);
	assert_true(acts_s > 0 && acts_s < horizon_s + MARGIN_S);
	/* What follows is planned with the new factor, and needs no rate any more. */
	batch_lines(&s->b, "G1 X250 Y20\nG1 X260\n");
	ends_exact(s);
}

static void test_feed(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		double horizon_s = i ? 0.02 : 0.1;

		feed_long_move(horizon_s, 100, 1000, 0.5);
		feed_long_move(horizon_s, 100, 3000, 0.1);
		feed_long_move(horizon_s, 100, 3000, 1.5);
	}
}

/* In a file a factor is that of the moves behind it; a live one is everybody's; and the next one of the file
 * counts again. */
static void test_feed_in_file(void **state)
{
	struct scene *s = open_scene(NULL);
	double from_s, live_s;

	(void)state;
	assert_true(scene_run(s, "M204 S3000\nG1 X5 Y5 F6000\nM400\n"));
	batch_lines(&s->b, "G1 X205 F6000\nM220 S50\nG1 X5\nM220 S100\nG1 X105\n");
	from_s = machine_s(s);
	scene_pass(s, 1.9);
	assert_true(scene_truth_mm(s, 0) > 160); /* at full speed */
	assert_true(batch_settle(&s->b));
	assert_true(fabs(checker_last_s(s->b.checker, 0) - from_s - 7.2) < 0.2);
	batch_lines(&s->b, "G1 X205 F6000\nM220 S50\nG1 X5\nM220 S100\nG1 X105\n");
	from_s = machine_s(s);
	scene_pass(s, 0.2);
	now(s, "M220 S200");
	assert_true(batch_settle(&s->b));
	live_s = checker_last_s(s->b.checker, 0) - from_s;
	assert_true(live_s > 2.1 && live_s < 2.6); /* not 6 s */
	batch_lines(&s->b, "M220 S100\nG1 X205\n");
	from_s = machine_s(s);
	assert_true(batch_settle(&s->b));
	assert_true(fabs(checker_last_s(s->b.checker, 0) - from_s - 1.15) < 0.1);
	ends_exact(s);
}

/* From a line that comes in while nothing moves to the first edge of a step pin. */
static void test_idle(void **state)
{
	struct scene *s = open_scene(NULL);
	double from_s, worst_s = 0;
	uint64_t seed = simrun_seed(1);

	(void)state;
	assert_true(scene_run(s, "M204 S3000\nG1 X5 Y5 F3000\nM400\n"));
	for (int i = 0; i < 40; i++) {
		double last_s = checker_last_s(s->b.checker, 0);

		scene_pass(s, random_uniform(&seed, 0.2, 0.4));
		from_s = machine_s(s);
		batch_lines(&s->b, i % 2 ? "G1 X5 F3000\n" : "G1 X105 F3000\nG1 Y6\nG1 Y5\n");
		for (int k = 0; k < 10000 && checker_last_s(s->b.checker, 0) == last_s; k++)
			scene_pass(s, 1e-4);
		worst_s = fmax(worst_s, checker_last_s(s->b.checker, 0) - from_s);
		assert_true(batch_settle(&s->b));
	}
	printf("idle to the first step: at most %.1f ms\n", worst_s * 1e3);
	assert_true(worst_s > 0 && worst_s <= 0.110);
	ends_exact(s);
}

/* ---- babysteps ---- */

/* The time at which Z of the printer model begins to move, within 0.1 ms. */
static double z_moves_s(struct scene *s, double from_mm)
{
	for (int i = 0; i < 10000 && scene_truth_mm(s, AXIS_Z) == from_mm; i++)
		scene_pass(s, 1e-4);
	return machine_s(s);
}

/* In the middle of 280 mm: Z, still until then, moves in time, smoothly, and stays where it was sent; moves that
 * are planned later go on from there, and so does the G-code's idea of it. */
static void babystep_long_move(double horizon_s, const char *line, double by_mm)
{
	struct scene *s = under_way(horizon_s, 100, 1000);
	double z_mm = scene_truth_mm(s, AXIS_Z), told_s = now_s(s, line), acts_s;

	acts_s = z_moves_s(s, z_mm) - told_s;
	printf("horizon %.0f ms: %s: first step after %.1f ms\n", horizon_s * 1e3, line,
	       acts_s * 1e3);
	assert_true(acts_s > 0 && acts_s < horizon_s + MARGIN_S);
	scene_pass(s, 0.3);
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - z_mm - by_mm) < 0.0013);
	assert_true(scene_truth_mm(s, 0) < 280); /* still under way */
	batch_lines(&s->b, "G1 X250 Y20\n");
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - z_mm - by_mm) < 0.0013);
	batch_lines(&s->b, "G1 Z7\n"); /* with the offset */
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - 7 - by_mm) < 0.0013);
	batch_lines(&s->b, "SET_GCODE_OFFSET Z=0 MOVE=1\n");
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - 7) < 0.0013);
	ends_exact(s);
}

static void test_babystep(void **state)
{
	struct scene *s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		babystep_long_move(i ? 0.02 : 0.1, "SET_GCODE_OFFSET Z_ADJUST=0.05 MOVE=1", 0.05);
		babystep_long_move(i ? 0.02 : 0.1, "SET_GCODE_OFFSET Z_ADJUST=0.3 MOVE=1", 0.3);
		babystep_long_move(i ? 0.02 : 0.1, "M290 Z0.03", 0.03);
	}
	/* At rest, in a hold, and what is refused. */
	s = open_scene(NULL);
	assert_true(scene_run(s, "G1 X20 Y20 Z3 F6000\n"));
	now(s, "M290 Z-0.1");
	assert_true(batch_settle(&s->b));
	scene_pass(s, 1);
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - 2.9) < 0.0013);
	now(s, "HOLD");
	now(s, "M290 Z0.2");
	scene_pass(s, 2);
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - 2.9) < 0.0013);
	now(s, "RESUME");
	scene_pass(s, 1);
	assert_true(fabs(scene_truth_mm(s, AXIS_Z) - 3.1) < 0.0013);
	assert_int_equal(s->errors, 0);
	scene_now(s, "M290 Z-2");
	assert_true(scene_said(s, "expected at most 1 mm"));
	scene_now(s, "SET_GCODE_OFFSET X=1 MOVE=1");
	assert_true(scene_said(s, "expected Z or Z_ADJUST with MOVE=1"));
	assert_int_equal(s->errors, 2);
	s->errors = 0;
	ends_exact(s);
}

/* Whoever waits for motion waits for the hold; a dwell does not pass in it; homing goes on. */
static void test_waits(void **state)
{
	struct scene *s = under_way(0.1, 100, 1000);
	double from_s;

	(void)state;
	now(s, "HOLD");
	assert_int_equal(gcode_exec(&s->b.m->gcode, "M400", 4, 1), GCODE_WAIT);
	scene_pass(s, 20);
	assert_true(gcode_busy(&s->b.m->gcode));
	now(s, "RESUME");
	assert_true(batch_settle(&s->b));
	assert_false(gcode_busy(&s->b.m->gcode));
	from_s = machine_s(s);
	batch_lines(&s->b, "G4 P2000\nG1 X280\n");
	scene_pass(s, 1);
	now(s, "HOLD");
	scene_pass(s, 10);
	assert_true(fabs(scene_truth_mm(s, 0) - 285) < MICROSTEP_MM);
	now(s, "RESUME");
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_truth_mm(s, 0) - 280) < MICROSTEP_MM);
	assert_true(checker_last_s(s->b.checker, 0) - from_s > 2 + 10 - 0.2);
	batch_lines(&s->b, "G28 X\n");
	for (int i = 0; i < 12; i++) {
		scene_pass(s, 0.31);
		now(s, i % 2 ? "RESUME" : "HOLD");
	}
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_truth_mm(s, 0)) < 0.25);
	/* Held with nothing to do: what comes waits. */
	now(s, "HOLD");
	scene_pass(s, 1);
	batch_lines(&s->b, "G1 X10 F6000\n");
	scene_pass(s, 5);
	assert_true(scene_truth_mm(s, 0) < 1);
	now(s, "RESUME");
	ends_exact(s);
}

static void test_stop_in_hold(void **state)
{
	struct scene *s = under_way(0.1, 100, 1000);

	(void)state;
	now(s, "HOLD");
	scene_pass(s, 1);
	now(s, "M112");
	scene_pass(s, 1);
	assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

/* ---- prints ---- */

struct print {
	const char *config;
	const char *overrides[8];
	struct sample sample;        /* pieces 0: the demo instead */
	const char *const *commands; /* in between, at random */
	int holds;
};

static const char *const feeds[] = { "M220 S%.0f", "M290 Z0.0%.0f", "M290 Z-0.0%.0f", NULL };
static const char *const parameters[] = {
	"M220 S%.0f",
	"M290 Z0.0%.0f",
	"M290 Z-0.0%.0f",
	"SET_PRESSURE_ADVANCE ADVANCE=0.0%.0f",
	"SET_PRESSURE_ADVANCE SMOOTH_TIME=0.0%.0f",
	"SET_INPUT_SHAPER SHAPER_FREQ_X=1%.0f",
	"SET_INPUT_SHAPER SHAPER_TYPE_X=ei",
	"SET_INPUT_SHAPER SHAPER_TYPE_X=zv",
	NULL,
};

/* One of them, out of band if it is a feed rate or a babystep, else as a line of the file. */
static void random_command(struct scene *s, const char *const *commands, uint64_t *seed)
{
	char line[80];
	int n = 0;

	while (commands[n])
		n++;
	n = (int)(random_uniform(seed, 0, 1) * n);
	snprintf(line, sizeof(line), commands[n], random_uniform(seed, 20, 99));
	if (line[0] == 'M')
		now(s, line);
	else
		assert_int_equal(gcode_exec(&s->b.m->gcode, line, strlen(line), 0), GCODE_OK);
}

/* The file, held and changed at random. */
static void print_with_holds(const struct print *p, uint64_t seed)
{
	const char *path = p->sample.pieces ? simrun_path("sample.gcode") : DEMO;
	struct scene *s = scene_open(p->config, p->overrides);
	struct sample sample = p->sample;
	struct scene_file file;
	int64_t next_ns;
	int holds = 0;

	assert_non_null(s);
	if (sample.pieces) {
		sample.seed = seed;
		FILE *f = simrun_create(path);

		sample_write(f, &sample);
		fclose(f);
	}
	assert_true(scene_file_open(&file, path, DEMO_LINES));
	assert_true(batch_settle(&s->b));
	next_ns = s->b.now_ns + 100000000;
	for (int i = 0; scene_feed(s, &file) || holds % 2; i++) {
		assert_true(i < 10000000);
		batch_turn(&s->b, file.more);
		if (s->b.m->state != MACHINE_READY)
			fail_msg("%s, seed %llu: %s", p->config, (unsigned long long)seed,
				 s->b.m->reason);
		if (s->b.now_ns < next_ns)
			continue;
		next_ns = s->b.now_ns + (int64_t)(random_uniform(&seed, 0.005, 0.6) * 1e9);
		if (random_uniform(&seed, 0, 1) < 0.3) {
			if (!file.have && machine_accepts(s->b.m))
				random_command(s, p->commands, &seed);
		} else if (holds < 2 * p->holds || holds % 2) {
			now(s, holds++ % 2 ? "RESUME" : "HOLD");
		}
	}
	scene_file_close(&file);
	printf("%s: %d holds, %.0f s\n", p->config, holds / 2, machine_s(s));
	assert_true(holds >= p->holds);
	assert_true(batch_settle(&s->b));
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

#define SHAPERS \
	"input_shaper.shaper_freq_x=50.6", "input_shaper.shaper_freq_y=41.8", \
		"extruder.pressure_advance=0.04"

static const struct print prints[] = {
	{ .config = CONFIG, .commands = feeds, .holds = 300 },
	{ .config = "etc/sim-corexy.cfg", .overrides = { SHAPERS }, .commands = feeds, .holds = 300 },
	{ .config = "etc/sim-corexy.cfg",
	  .overrides = { SHAPERS },
	  .commands = parameters,
	  .holds = 300 },
	{ .config = CONFIG,
	  .overrides = { SHAPERS, "stepd.horizon_ms=20", "stepd.low_water_ms=10" },
	  .commands = parameters,
	  .holds = 300 },
	{ .config = "etc/sim-delta.cfg",
	  .sample = { .far_mm = 129, .low_mm = 0, .high_mm = 120, .pieces = 150, .axes = 2 },
	  .overrides = { "extruder.pressure_advance=0.04" },
	  .commands = feeds,
	  .holds = 50 },
	{ .config = "etc/sim-polar.cfg",
	  .sample = { .least_mm = 0.3, .far_mm = 149, .high_mm = 100, .pieces = 150, .axes = 2 },
	  .commands = feeds,
	  .holds = 50 },
	{ .config = "etc/sim-rotary_delta.cfg",
	  .sample = { .far_mm = 120, .low_mm = 10, .high_mm = 100, .pieces = 150, .axes = 2 },
	  .commands = feeds,
	  .holds = 50 },
	{ .config = "etc/sim-winch.cfg",
	  .sample = { .far_mm = 900, .high_mm = 900, .pieces = 80, .axes = 2 },
	  .commands = feeds,
	  .holds = 50 },
};

static void test_print(void **state)
{
	unsigned long seed = simrun_seed(1);

	(void)state;
	for (unsigned n = 0; n < simrun_size(); n++)
		for (size_t i = 0; i < sizeof(prints) / sizeof(*prints); i++)
			print_with_holds(&prints[i], seed + n);
}

/* A file that holds and does not resume in time ends with an error, not never. */
static void test_held_file(void **state)
{
	struct scene *s = under_way(0.1, 100, 1000);

	(void)state;
	batch_lines(&s->b, "HOLD\n");
	batch_settle(&s->b);
	assert_non_null(strstr(s->b.error, "held"));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hold),         cmocka_unit_test(test_feed),
		cmocka_unit_test(test_waits),        cmocka_unit_test(test_stop_in_hold),
		cmocka_unit_test(test_feed_in_file), cmocka_unit_test(test_idle),
		cmocka_unit_test(test_babystep),     cmocka_unit_test(test_held_file),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
