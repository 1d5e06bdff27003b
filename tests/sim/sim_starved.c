// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_starved.c - the planner stands still in mid-print, at random instants for 0.1 to 10 s, on machines of all kinds.
 *
 * Shown: motion slows down along its path and rests before the end of what the rt core has, with no more acceleration
 * at the pins than a print without stalls has; it goes on by itself; the print ends as that one does: the same steps of
 * each motor, every step exact, no fault, nothing late. It is told as planner_stall, in STATUS and in the flight record.
 * A fan that is set between two moves is switched at the same place.
 * How: the whole machine in this process (tests/simlib/scene.h), of which only the planner stands still. The
 * acceleration is that of each motor's counter, read every 10 ms. Repeat with STEPD_SEED=<printed seed>;
 * STEPD_TEST_SIZE for more.
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

#include "tests/flightlib/flight_dump.h"
#include "tests/simlib/pinwatch.h"
#include "tests/simlib/random.h"
#include "tests/simlib/sample.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"
#include "tests/simlib/stepwatch.h"

#define DEMO "etc/demo/demo.gcode"

enum { DEMO_LINES = 2500 };

static struct stepwatch undisturbed, watch;

struct print {
	const char *config;
	const char *overrides[8];
	const char *sections, *first; /* more of the configuration; lines before it */
	struct sample sample;         /* pieces 0: the demo instead */
	bool advance;
};

/* The file with stalls (0: none), from rest to rest. */
static void print_with(const struct print *p, const char *path, int stalls, uint64_t seed)
{
	const char *config = p->sections ? simconfig_behind(p->config, p->sections) : p->config;
	struct scene *s = scene_open(config, p->overrides);
	const struct engine_status *st;
	struct scene_file file;
	int64_t next_ns = INT64_MAX;
	int done = 0;

	assert_non_null(s);
	st = &s->b.m->engine->status;
	assert_true(batch_settle(&s->b));
	if (p->first)
		assert_true(scene_run(s, p->first));
	stepwatch_start(&watch, s);
	assert_true(scene_file_open(&file, path, DEMO_LINES));
	if (stalls)
		next_ns = s->b.now_ns + (int64_t)(random_uniform(&seed, 0.05, 1) * 1e9);
	while (scene_feed(s, &file)) {
		batch_turn(&s->b, file.more);
		if (s->b.m->state != MACHINE_READY)
			fail_msg("%s: %s", p->config, s->b.m->reason);
		if (s->b.now_ns < next_ns)
			continue;
		scene_planner_busy(s, pow(10, random_uniform(&seed, done++ % 4 ? 0 : -1, 1)));
		next_ns = done < stalls
				  ? s->b.now_ns + (int64_t)(random_uniform(&seed, 0.02, 5) * 1e9)
				  : INT64_MAX;
	}
	scene_file_close(&file);
	assert_true(batch_settle(&s->b));
	stepwatch_end(&watch);
	printf("%s: %d stalls of the planner, %llu of motion, %.0f s\n", p->config, done,
	       (unsigned long long)st->stalls, st->now_s);
	assert_int_equal(s->errors, 0);
	assert_int_equal(st->stalled, 0);
	if (stalls)
		assert_true(st->stalls > 2 && scene_said(s, "it is fed"));
	else
		assert_int_equal(st->stalls, 0);
	assert_true(s->b.m->react.faults.count[FAULT_CLASS_STARVED] == st->stalls);
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

#define SHAPERS \
	"input_shaper.shaper_freq_x=50.6", "input_shaper.shaper_freq_y=41.8", \
		"extruder.pressure_advance=0.04"

static const struct print prints[] = {
	{ .config = "etc/sim-cartesian.cfg" },
	{ .config = "etc/sim-cartesian.cfg",
	  .sections = "[bed_mesh]\nmesh_min: 120, 110\nmesh_max: 180, 190\n"
		      "[bed_mesh default]\npoints: 0.1,-0.2,0.3, -0.1,0.2,-0.3, 0.2,0.1,0\n"
		      "x_count: 3\ny_count: 3\nalgo: lagrange\nmin_x: 120\nmax_x: 180\n"
		      "min_y: 110\nmax_y: 190\n",
	  .first = "BED_MESH_PROFILE LOAD=default\nG1 Z1 F600\n" },
	{ .config = "etc/sim-corexy.cfg", .overrides = { SHAPERS }, .advance = true },
	{ .config = "etc/sim-cartesian.cfg",
	  .overrides = { SHAPERS, "stepd.horizon_ms=20", "stepd.low_water_ms=10" },
	  .advance = true },
	{ .config = "etc/sim-delta.cfg",
	  .sample = { .far_mm = 129, .low_mm = 0, .high_mm = 120, .pieces = 120, .axes = 2 },
	  .overrides = { "extruder.pressure_advance=0.04" },
	  .advance = true },
	{ .config = "etc/sim-polar.cfg",
	  .sample = { .least_mm = 0.3, .far_mm = 149, .high_mm = 100, .pieces = 60, .axes = 2 } },
	{ .config = "etc/sim-rotary_delta.cfg",
	  .sample = { .far_mm = 120, .low_mm = 10, .high_mm = 100, .pieces = 60, .axes = 2 } },
	{ .config = "etc/sim-winch.cfg",
	  .sample = { .far_mm = 900, .high_mm = 900, .pieces = 40, .axes = 2 } },
};

static void stalls(void **state)
{
	unsigned long seed = simrun_seed(1);

	(void)state;
	for (size_t i = 0; i < sizeof(prints) / sizeof(*prints); i++) {
		const struct print *p = &prints[i];
		const char *path = p->sample.pieces ? simrun_path("sample.gcode") : DEMO;

		if (p->sample.pieces) {
			struct sample sample = p->sample;
			FILE *f = simrun_create(path);

			sample.seed = seed;
			sample_write(f, &sample);
			fclose(f);
		}
		print_with(p, path, 0, seed);
		undisturbed = watch;
		for (unsigned n = 0; n < simrun_size(); n++) {
			print_with(p, path, 40, seed + n);
			stepwatch_same(p->config, &undisturbed, &watch, p->advance);
		}
	}
}

/* ---- what goes in step with the motion ---- */

#define FAN_STEPS (100 * 80) /* X where it is set, as steps */

static struct {
	int pin;
	long count, on_at;
} fan;

static void on_fan_step(void *ctx, int motor, int dir, uint64_t clock)
{
	(void)ctx, (void)clock;
	if (motor != 0)
		return;
	if (fan.on_at < 0 && pinwatch.duty[fan.pin] > 0)
		fan.on_at = fan.count;
	fan.count += dir > 0 ? 1 : -1;
}

static void fan_in_step(void **state)
{
	uint64_t seed = simrun_seed(1);
	unsigned before = 0, behind = 0;

	(void)state;
	for (int n = 0; n < 30; n++) {
		struct scene *s = pinwatch_open(
			"etc/sim-heated.cfg",
			"[fan_generic fast]\npin: PE4\nhardware_pwm: true\nkick_start_time: 0\n");
		char lines[8000] = "";
		size_t len = 0;
		double rests_mm;

		fan.pin = pinwatch_pin("PE4");
		assert_true(scene_run(s, "G1 X0 F6000\nM400\n"));
		s->b.stepped = on_fan_step;
		fan.count = 0;
		fan.on_at = -1;
		for (int x = 1; x <= 200; x++)
			len += (size_t)snprintf(lines + len, sizeof(lines) - len,
						"G1 X%d F3600\n%s", x,
						x == 100 ? "SET_FAN_SPEED FAN=fast SPEED=1\n" : "");
		for (char *p = lines, *end; *p; p = end) { /* one a turn: it has just what it took */
			end = strchr(p, '\n') + 1;
			while (gcode_exec(&s->b.m->gcode, p, (size_t)(end - p), 1) == GCODE_AGAIN)
				batch_turn(&s->b, true);
			if (p == lines)
				continue;
			batch_turn(&s->b, true);
			if (fan.count > n * 80 && s->b.m->status.stalls == 0)
				scene_planner_busy(s, random_uniform(&seed, 2, 4));
		}
		rests_mm = (double)fan.count / 80;
		assert_int_equal(s->b.m->engine->status.stalls, 1);
		assert_true(batch_settle(&s->b));
		printf("held at %.1f mm, fan on at %.3f mm\n", rests_mm, (double)fan.on_at / 80);
		assert_int_equal(fan.count, 200 * 80);
		assert_true(labs(fan.on_at - FAN_STEPS) <= 2);
		before += rests_mm < 100;
		behind += rests_mm > 100;
		pinwatch_finish(s);
	}
	assert_true(before > 0 && behind > 0);
}

/* ---- what is told ---- */

static void told(void **state)
{
	const char *flight = simrun_path("starved.flight");
	struct scene *s = scene_open_recorded("etc/sim-cartesian.cfg", NULL, flight);
	static struct dump d;
	double held_s;

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "G1 X1 F6000\nM400\n"));
	for (int x = 2; x <= 300; x++) {
		char line[40];

		snprintf(line, sizeof(line), "G1 X%d F3600", x);
		while (gcode_exec(&s->b.m->gcode, line, strlen(line), 1) == GCODE_AGAIN)
			batch_turn(&s->b, true);
		batch_turn(&s->b, true);
		if (x == 150)
			scene_planner_busy(s, 4);
		if (x != 151)
			continue;
		scene_now(s, "STATUS");
		assert_true(scene_said(s, "hold: no, waits for moves"));
		scene_now(s, "FAULTS");
		assert_true(
			scene_said(s, "planner_stall motion: motion has run out of moves; hold"));
	}
	assert_true(
		scene_said(s, "motion: motion has run out of moves: motion is held on its path"));
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_believed_mm(s, 0) - 300) < 1e-9);
	scene_hush(s);
	scene_now(s, "FAULTS");
	assert_true(scene_said(s, "no fault is latched"));
	assert_true(scene_said(s, "planner_stall: 1 since start"));
	assert_true(scene_exact(s));
	scene_close(s);
	flight_dump_open(&d, flight);
	assert_true(flight_dump_sound(&d));
	held_s = flight_dump_event_s(&d, "held for want of moves: 0 -> 1");
	assert_true(flight_dump_event_s(&d, "held for want of moves: 1 -> 0") > held_s + 1);
	assert_true(flight_dump_event_s(&d, "fault class, reaction") >= held_s);
	flight_dump_close(&d);
}

/* Stalls that come again and again within the time from one word to the next are told, not only the first. */
static void told_again(void **state)
{
	struct scene *s = scene_open("etc/sim-cartesian.cfg", NULL);
	struct ev_hold ev = { .why = EV_HOLD_MOVES, .mcu = UINT8_MAX };
	int words = 0;

	(void)state;
	assert_non_null(s);
	for (int i = 0; i < 9; i++) { /* 6 s apart: every other one */
		scene_hush(s);
		ev.level = 2;
		react_hold(s->b.m, &ev);
		words += scene_said(s, "motion has run out of moves");
		ev.level = 0;
		react_hold(s->b.m, &ev);
		scene_pass(s, 6);
	}
	assert_int_equal(words, 5);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stalls),
		cmocka_unit_test(fan_in_step),
		cmocka_unit_test(told),
		cmocka_unit_test(told_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
