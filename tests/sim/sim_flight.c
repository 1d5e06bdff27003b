// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_flight.c - the flight recorder through whole runs of the machine.
 *
 * Shown: homing, renamed axes, limits, a changed clock on a second MCU and bytes lost on the wire are all
 * in the record, as often as they happened; with all that, the dump's checks find nothing wrong and each step
 * near its segment. M112 in mid-move freezes it and names file and move. The plan trace that is read from
 * it verifies against the edges that the MCU made. Heaters' targets and outputs are there, too. A ring of the default size holds 30 s of a busy print. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/recorder.h"
#include "daemon/verify.h"
#include "tests/flightlib/flight_dump.h"
#include "tests/simlib/random.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

enum { CPU_S = 60 };

static struct dump d;

static const char moves[] = "SET_VELOCITY_LIMIT ACCEL=3000\n"
			    "G1 X50 Y40 Z5 F6000\n"
			    "G1 X90 Y10 E1\n"
			    "SET_VELOCITY_LIMIT ACCEL=1500 VELOCITY=80\n"
			    "G92 E0\n"
			    "G1 X20 Y80 E2\n"
			    "SET_VELOCITY_LIMIT VELOCITY=80\n" /* nothing changes */
			    "G1 X60 Y60 Z2 E3\n"
			    "G1 X61 Y60.3 E3.1\n"
			    "G1 X60 Y60 E3.2\n";

#define SECOND \
	"mcu second.serial=/run/stepd/sim-second", "stepd_sim second.clock_ppm=60", \
		"stepper_y.step_pin=second:PB0", "stepper_y.dir_pin=second:PB1", \
		"stepper_y.enable_pin=!second:PB2"

static void all_is_in_it(void **state)
{
	static const char *const second[] = { SECOND, NULL };
	const char *flight = simrun_path("flight");
	struct scene *s = scene_open_recorded("etc/sim-cartesian.cfg", second, flight);
	uint64_t runs, planned;

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "G28\n"));
	assert_true(scene_run(s, moves));
	scene_pass(s, 3); /* a few clock maps more */
	runs = s->b.m->engine->status.runs;
	planned = s->b.moves;
	assert_true(scene_exact(s));
	scene_close(s);

	flight_dump_open(&d, flight);
	assert_true(flight_dump_sound(&d));
	assert_true(d.log.closed);
	assert_null(d.check.fault);
	assert_int_equal(d.view.partial, 0);
	assert_int_equal(d.view.runs, runs);
	assert_int_equal(d.view.moves, planned);
	assert_true(d.view.phases >= planned && d.view.phases <= 3 * planned);
	assert_true(d.view.segments > d.view.moves);
	assert_true(d.check.steps_compared > 5000);
	assert_true(d.check.worst_s < 12.7e-6);
	/* Three axes, each approached twice. */
	assert_int_equal(flight_dump_count(&d, FLIGHT_HOLD, ENGINE_HELD_TRIGGER), 6);
	assert_int_equal(flight_dump_count(&d, FLIGHT_HOLD, ENGINE_RESUMED), 6);
	assert_int_equal(flight_dump_count(&d, FLIGHT_RESYNC, -1), 6);
	assert_true(flight_dump_count(&d, FLIGHT_POSITION, -1) >= 7);
	assert_int_equal(flight_dump_count(&d, FLIGHT_PARAM, -1), 3);
	/* The primary's map is repeated, the other's renewed each second. */
	assert_true(flight_dump_count(&d, FLIGHT_MAP, 0) > 5);
	assert_true(flight_dump_count(&d, FLIGHT_MAP, 1) > 10);
	assert_string_equal(d.log.identity.mcu[1].name, "second");
	assert_true(d.log.identity.mcu[1].freq_hz == 50e6);
	flight_dump_close(&d);
}

static void lossy_line(void **state)
{
	const char *flight = simrun_path("lossy.flight");
	struct simrun_args a = { 0 };
	uint64_t resent = 0, bad_crc = 0, bursts = 0;
	struct simrun r;

	(void)state;
	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-corexy.cfg");
	simrun_add(&a, "--wire-faults");
	simrun_add(&a, "1000");
	simrun_add(&a, "--flight");
	simrun_add(&a, "%s", flight);
	simrun_add(&a, "tests/data/small.gcode");
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, "lossy line", 12.6));

	flight_dump_open(&d, flight);
	assert_true(flight_dump_sound(&d));
	for (size_t i = 0; i < d.view.events; i++) {
		const struct flight_rec *rec = d.view.event[i].rec;

		if (rec->kind != FLIGHT_LINK)
			continue;
		resent += rec->link.resent;
		bursts += rec->link.bursts;
		bad_crc += rec->link.bad_crc;
	}
	assert_true(bursts > 5);
	assert_true(resent >= bursts);
	assert_true((double)bursts == simrun_number(&r, "links.mcu.retransmits"));
	assert_true((double)bad_crc == simrun_number(&r, "links.mcu.bad_frames"));
	flight_dump_close(&d);
}

static void emergency_stop(void **state)
{
	const char *flight = simrun_path("stop.flight");
	struct scene *s = scene_open_recorded("etc/sim-corexy.cfg", NULL, flight);
	char *text;

	(void)state;
	assert_non_null(s);
	batch_lines(&s->b, "G1 X5 F3000\nG1 X200 F1200\n");
	scene_pass(s, 2);
	scene_now(s, "M112");
	scene_pass(s, 0.5);
	assert_true(scene_said(s, "emergency stop"));
	assert_true(scene_said(s, flight));
	scene_close(s);

	flight_dump_open(&d, flight);
	assert_int_equal(d.log.frozen, FLIGHT_FROZEN_EMERGENCY);
	assert_true(flight_dump_sound(&d));
	assert_non_null(d.check.fault);
	assert_true(d.check.move >= 0);
	assert_int_equal(d.view.move[d.check.move].move.line, 2);
	text = flight_dump_text(&d, dump_text);
	assert_non_null(strstr(text, "frozen after an emergency stop"));
	assert_non_null(strstr(text, "move 2 line 2"));
	free(text);
	flight_dump_close(&d);
}

/* What `stepd --trace` writes, and what `mcu-sim --trace` does. */
static void plan_trace(void **state)
{
	const char *plan = simrun_path("plan"), *edges = simrun_path("edges");
	char name[] = "verify",
	     *argv[] = { name, (char *)(uintptr_t)plan, (char *)(uintptr_t)edges, NULL };
	struct batch *b = calloc(1, sizeof(*b));
	struct recorder *r = calloc(1, sizeof(*r));
	char err[256];

	(void)state;
	assert_true(b && r);
	b->opt = (struct batch_options){ .config = "etc/sim-corexy.cfg",
					 .flight = simrun_path("plan.flight"),
					 .trace = edges,
					 .seed = 1,
					 .quiet = true };
	assert_true(batch_open(b));
	assert_int_equal(recorder_open(r, plan, &b->flight.flight, err, sizeof(err)), 0);
	recorder_setup(r, b->m);
	batch_lines(b, moves);
	assert_true(batch_settle(b));
	batch_lines(b, moves);
	for (int i = 0; i < 200; i++) { /* in the middle of it, as the daemon does */
		batch_turn(b, false);
		recorder_drain(r);
	}
	assert_true(batch_settle(b));
	assert_int_equal(recorder_close(r), 0);
	batch_check_finish(b);
	batch_close(b);
	assert_int_equal(verify_main(3, argv), 0);
	free(b);
	free(r);
}

static bool has_event(const char *what)
{
	return !isnan(flight_dump_event_s(&d, what));
}

/* Targets, also one that a fault takes away, and outputs when their pins change; heaters' power is not among them. */
static void outputs_and_targets(void **state)
{
	const char *flight = simrun_path("heat.flight");
	struct scene *s = scene_open_recorded("etc/sim-heated.cfg", NULL, flight);
	double from_s;

	(void)state;
	assert_non_null(s);
	scene_pass(s, 1); /* a temperature is known */
	assert_true(scene_run(s, "M104 S205\nM140 S60\n"));
	scene_pass(s, 2);
	from_s = machine_now_s(s->b.m);
	assert_true(scene_run(s, "G1 X20 F1200\nM106 S128\nG1 X40\nM400\n"));
	assert_true(scene_run(s, "M140 S0\nM107\n"));
	s->b.printer.now_s = batch_world_mcu_s(&s->b, 0);
	printer_warm(&s->b.printer, &s->b.printer.bodies[s->b.body_of[0]]);
	assert_true(thermal_action(&s->b.printer.bodies[s->b.body_of[0]].thermal, "sensor open"));
	scene_pass(s, 3);
	assert_true(scene_exact(s));
	scene_close(s);

	flight_dump_open(&d, flight);
	assert_true(flight_dump_sound(&d));
	assert_true(has_event("heater 0 extruder: target 0.0 -> 205.0 °C, at 2"));
	assert_true(has_event("heater 1 heater_bed: target 0.0 -> 60.0 °C"));
	assert_true(has_event("heater 1 heater_bed: target 60.0 -> 0.0 °C"));
	assert_true(has_event("heater 0 extruder: target 205.0 -> 0.0 °C"));
	assert_int_equal(flight_dump_count(&d, FLIGHT_HEATER, -1), 4);
	assert_true(fabs(flight_dump_event_s(&d, "mcu:PE0: 0.0 -> 50.2 %") - from_s - 1.08) < 0.03);
	assert_true(has_event("mcu:PE0: 50.2 -> 0.0 %"));
	assert_false(has_event("mcu:PG0: ") || has_event("mcu:PG1: "));
	flight_dump_close(&d);
}

/* Held, slowed and babystepped again and again in the middle of it; the record and the plan trace are sound: each
 * step is where the parts of the moves say. */
static void changed_in_mid_move(void **state)
{
	static const char *const commands[] = { "HOLD",      "RESUME",     "M220 S50",
						"M220 S100", "M290 Z0.05", "M290 Z-0.05" };
	const char *plan = simrun_path("plan"), *edges = simrun_path("edges");
	const char *flight = simrun_path("changed.flight");
	char name[] = "verify",
	     *argv[] = { name, (char *)(uintptr_t)plan, (char *)(uintptr_t)edges, NULL };
	struct batch *b = calloc(1, sizeof(*b));
	struct recorder *r = calloc(1, sizeof(*r));
	uint64_t rng = simrun_seed(1);
	char err[256];

	(void)state;
	assert_true(b && r);
	b->opt = (struct batch_options){ .config = "etc/sim-corexy.cfg",
					 .flight = flight,
					 .trace = edges,
					 .seed = 1,
					 .quiet = true };
	assert_true(batch_open(b));
	assert_int_equal(recorder_open(r, plan, &b->flight.flight, err, sizeof(err)), 0);
	recorder_setup(r, b->m);
	for (int k = 0; k < 6; k++) {
		batch_lines(b, moves);
		for (int i = 0; i < 12; i++) {
			const char *line = commands[(unsigned)i % 6];
			int64_t until_ns = b->now_ns + (int64_t)(random_uniform(&rng, 5e6, 150e6));

			while (b->now_ns < until_ns)
				batch_turn(b, false);
			recorder_drain(r);
			assert_int_equal(gcode_exec_now(&b->m->gcode, line, strlen(line), 0),
					 GCODE_OK);
		}
		assert_true(batch_settle(b));
	}
	assert_int_equal(recorder_close(r), 0);
	batch_check_finish(b);
	assert_int_equal(b->result.violations, 0);
	batch_close(b);
	assert_int_equal(verify_main(3, argv), 0);
	free(b);
	free(r);
	flight_dump_open(&d, flight);
	assert_true(flight_dump_sound(&d));
	assert_true(flight_dump_count(&d, FLIGHT_CUT, FLIGHT_CUT_MOVE) > 10);
	assert_true(d.check.steps_compared > 5000);
	assert_true(d.check.worst_s < 12.7e-6);
	assert_true(has_event("feed hold: 0 -> 1"));
	assert_true(has_event("feed rate: 1 -> 0.5"));
	assert_true(has_event("Z babystep: 0 -> 0.05 mm"));
	assert_true(has_event("what was planned from here on is made anew"));
	flight_dump_close(&d);
}

static void half_a_minute(void **state)
{
	static const char *const prints[] = { "../shared/gcode/benchy_fast.gcode.gz",
					      "etc/demo/demo.gcode" };
	const char *flight = simrun_path("long.flight");
	struct simrun_args a = { 0 };
	struct simrun r;

	(void)state;
	if (simrun_sanitized())
		skip();
	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-corexy.cfg");
	simrun_add(&a, "--no-mcu");
	simrun_add(&a, "--flight");
	simrun_add(&a, "%s", flight);
	simrun_add(&a, "%s", prints[access(prints[0], R_OK) == 0 ? 0 : 1]);
	simrun(&r, &a, CPU_S);
	assert_int_equal(r.status, 0);
	flight_dump_open(&d, flight);
	assert_true(flight_dump_sound(&d));
	assert_int_equal(d.log.count, d.log.capacity);
	assert_true(d.log.written > 2 * d.log.capacity);
	printf("%zu records: %.1f s, %.0f a second\n", d.log.count, d.view.to_s - d.view.from_s,
	       (double)d.log.count / (d.view.to_s - d.view.from_s));
	assert_true(d.view.to_s - d.view.from_s >= 30);
	assert_true(d.check.steps_compared > 500000);
	assert_true(d.check.worst_s < 12.7e-6);
	flight_dump_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_in_it),        cmocka_unit_test(lossy_line),
		cmocka_unit_test(emergency_stop),      cmocka_unit_test(plan_trace),
		cmocka_unit_test(changed_in_mid_move), cmocka_unit_test(half_a_minute),
		cmocka_unit_test(outputs_and_targets),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
