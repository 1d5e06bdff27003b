// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_faults.c - faults in mid-print on the whole machine: what is done, how soon at the pins, what survives.
 *
 * Shown: the story of docs/FAULTS.md - the hotend's sensor opens in mid-print; its heater pin is off within 1 s, the
 * print pauses on its path, position, homing and the bed's heat are kept, the head is moved to where it can be
 * repaired, CLEAR_FAULT is refused until the sensor is well, then it heats up again and RESUME completes the print
 * with every step exact. A glitch only counts; a bad contact that comes and goes for a minute ends in a pause. Two
 * heaters at once stop motion; one that heats while off shuts down; shutdown_on_error does; [fault] runs its
 * G-code and is obeyed; a heater that a fault has switched off is off at once, and RESUME wants it back; a clock that
 * no estimate can follow holds it.
 * How: tests/simlib/scene.h, a file of the virtual SD card. Repeat: no seed but the machine's own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/simrun.h"

/* ---- the story ---- */

static void story_with(const char *sections)
{
	struct scene *s = printjob_start(sections);
	double broken_s = printjob_now_s(s), off_s, rest_s, at_mm[3];

	printjob_act(s, HOTEND, "sensor open");
	scene_pass(s, 1);
	off_s = printjob_pins.changed_s[HOTEND] - broken_s;
	assert_true(!printjob_pins.on[HOTEND] && off_s > 0 && off_s < 1);
	rest_s = printjob_rests_after_s(s) + 1;
	print_message("heater off after %.3f s, at rest after %.2f s\n", off_s, rest_s);
	assert_true(scene_said(s, "extruder: sensor out of range"));
	assert_true(scene_said(s, "it is off until CLEAR_FAULT; the rest works on"));
	assert_true(s->b.m->print->pause.on);
	/* What survives. */
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 7);
	for (int i = 0; i < 3; i++)
		at_mm[i] = scene_truth_mm(s, i);
	scene_pass(s, 60);
	assert_true(fabs(printjob_bed_degc(s) - 60) < 1);
	assert_int_equal(sim_shutdown_reason(s->b.mcu[0].sim) != NULL, 0);
	/* To where it can be repaired. */
	assert_true(scene_run(s, "G91\nG1 Z20 F600\nG90\nG1 X10 Y10 F6000\n"));
	scene_hush(s);
	scene_run(s, "M104 S205\nFAULTS\nCLEAR_FAULT\n");
	assert_true(scene_said(s, "extruder is switched off for a fault"));
	assert_true(scene_said(s, "heater_sensor extruder: sensor out of range"));
	assert_true(scene_said(s, "repair it first"));
	assert_int_equal(s->errors, 2);
	printjob_act(s, HOTEND, "sensor ok");
	scene_pass(s, 2);
	scene_hush(s);
	s->errors = 0;
	assert_true(scene_run(s, "M104 S205\n")); /* latched all the same */
	assert_true(scene_said(s, "switched off for a fault"));
	s->errors = 0;
	assert_true(scene_run(s, "CLEAR_FAULT CLASS=heater_sensor COMPONENT=extruder\nM109 S205\n"));
	assert_true(scene_said(s, "1 cleared, 0 latched"));
	assert_int_equal(s->errors, 0);
	batch_lines(&s->b, "RESUME\n");
	printjob_completes(s);
	assert_int_equal(s->errors, 0);
	assert_true(at_mm[2] < 1);
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

/* Also with firmware that is not ours: this side is sooner than its own check of the range, which it takes away. */
static void story(void **state)
{
	(void)state;
	story_with("[respond]\n");
	story_with("[respond]\n[stepd_sim]\nextensions: False\n");
}

/* ---- glitches ---- */

/* Until one falls on a conversion. */
static void glitch_once(struct scene *s)
{
	const struct heat_sensor_status *st = &s->b.m->heaters.status.sensor[HOTEND];
	uint32_t before = st->glitches;

	for (int i = 0; i < 10000 && st->glitches == before; i++) {
		printjob_act(s, HOTEND, "sensor glitch");
		scene_pass(s, 0.005);
	}
	assert_int_equal(st->glitches, before + 1);
}

static void glitches(void **state)
{
	struct scene *s = printjob_start("");
	bool paused = false;
	int i;

	(void)state;
	glitch_once(s);
	scene_pass(s, 3);
	assert_true(s->b.m->react.faults.count[FAULT_CLASS_GLITCH] == 1);
	assert_false(s->b.m->print->pause.on);
	assert_true(s->b.m->heaters.status.heater[HOTEND].target_degc == 205);
	assert_int_equal(s->errors, 0);
	for (i = 0; i < 60 && !paused; i++) { /* comes and goes for a minute */
		glitch_once(s);
		scene_pass(s, 1);
		paused = s->b.m->print->pause.on;
	}
	print_message("a bad contact pauses after %d s\n", i);
	assert_true(paused && i > 10);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_true(s->b.m->heaters.status.heater[HOTEND].target_degc == 205);
	assert_true(scene_run(s, "CLEAR_FAULT\n"));
	printjob_ends_well(s);
}

/* ---- more than one, and worse ---- */

static void two_heaters(void **state)
{
	struct scene *s = printjob_start("");

	(void)state;
	printjob_act(s, HOTEND, "sensor open");
	scene_pass(s, 2);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	printjob_act(s, BED, "sensor open");
	scene_pass(s, 2);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_true(scene_said(s, "heater_bed: sensor out of range"));
	assert_true(scene_said(s, "taken more seriously"));
	assert_true(!printjob_pins.on[HOTEND] && !printjob_pins.on[BED]);
	assert_null(sim_shutdown_reason(s->b.mcu[0].sim)); /* motors stay on */
	/* What stopped motion is repaired: the machine can be moved, the other heater stays off. */
	printjob_act(s, BED, "sensor ok");
	scene_pass(s, 2);
	scene_hush(s);
	scene_now(s, "CLEAR_FAULT");
	assert_true(scene_said(s, "1 cleared, 1 latched"));
	assert_true(scene_said(s, "extruder: its sensor still says nothing plausible"));
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 7);
	s->errors = 0;
	assert_true(scene_run(s, "G91\nG1 Z5 F600\nM104 S205\n"));
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "extruder is switched off for a fault"));
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

static void shuts_down(const char *sections, const char *action, const char *says)
{
	struct scene *s = printjob_start(sections);
	double from_s = printjob_now_s(s);

	printjob_act(s, HOTEND, action);
	while (s->b.m->state == MACHINE_READY && printjob_now_s(s) < from_s + 600)
		scene_pass(s, 0.1);
	assert_int_equal(s->b.m->state, MACHINE_SHUTDOWN);
	assert_true(scene_said(s, says));
	scene_pass(s, 0.5);
	assert_non_null(sim_shutdown_reason(s->b.mcu[0].sim));
	assert_true(!printjob_pins.on[HOTEND] && !printjob_pins.on[BED]);
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

static void shutdowns(void **state)
{
	(void)state;
	shuts_down("[extruder]\nshutdown_on_error: True\n", "sensor open",
		   "everything is shut down");
	shuts_down("", "heater on", "too hot, or heats while off");
}

static void configured(void **state)
{
	struct scene *s = printjob_start(
		"[respond]\n[extruder]\non_error_gcode: M118 the hotend has failed\n"
		"[fault heater_sensor heater_bed]\nreaction: stop-motion\n");

	(void)state;
	printjob_act(s, HOTEND, "sensor open");
	scene_pass(s, 5);
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_true(scene_said(s, "the hotend has failed"));
	printjob_ends_well(s);
	s = printjob_start("[fault heater_sensor heater_bed]\nreaction: stop-motion\n");
	printjob_act(s, BED, "sensor open");
	scene_pass(s, 2);
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_true(printjob_pins.on[HOTEND] || printjob_now_s(s) - printjob_pins.changed_s[HOTEND] <
							2); /* it is still heated */
	printjob_ends_well(s);
}

/* ---- heaters that a fault has switched off ---- */

/* The bed's sensor fails: the print does not go on with a cold bed, unless somebody says so. */
static void cold_bed(void **state)
{
	(void)state;
	for (int without = 0; without < 2; without++) {
		struct scene *s = printjob_start("");

		printjob_act(s, BED, "sensor open");
		scene_pass(s, 2);
		assert_true(s->b.m->print->pause.on);
		scene_hush(s);
		scene_run(s, "RESUME\nM140 S60\n");
		assert_true(
			scene_said(s, "heater_bed is off since its fault; expected CLEAR_FAULT"));
		assert_true(scene_said(s, "HEATER=heater_bed TARGET=60"));
		assert_int_equal(s->errors, 2);
		printjob_act(s, BED, "sensor ok");
		scene_pass(s, 2);
		s->errors = 0;
		scene_run(s, "CLEAR_FAULT\nRESUME\n"); /* the bed is still off */
		assert_int_equal(s->errors, 1);
		assert_true(s->b.m->print->pause.on);
		s->errors = 0;
		assert_true(scene_run(s, without ? "M140 S0\n" : "M190 S60\n"));
		batch_lines(&s->b, "RESUME\n");
		printjob_completes(s);
		assert_int_equal(s->errors, 0);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* However much motion is planned, its heater is off at once. */
static void slow_move(void **state)
{
	struct scene *s = printjob_open("[stepd]\ninject_faults: True\n"
					"[heater_fan nose]\npin: PH5\nheater: extruder\n");
	double from_s;

	(void)state;
	assert_true(scene_run(s, "G28\nM109 S205\n"));
	batch_lines(&s->b, "G1 X250 F300\nG1 X10\n");
	scene_pass(s, 3);
	from_s = printjob_now_s(s);
	assert_int_equal(scene_now(s, "INJECT_FAULT CLASS=hotend_fan COMPONENT=nose"), GCODE_OK);
	scene_pass(s, 20);
	assert_true(!printjob_pins.on[HOTEND] && printjob_pins.changed_s[HOTEND] < from_s + 0.5);
	assert_true(s->b.m->heaters.status.heater[HOTEND].target_degc == 0);
	scene_close(s);
}

/* ---- a stop, and on without a restart ---- */

/* Positions are read back from the MCU; heaters stay hot; RECOVER_JOB goes on with the line that was under way. */
static void stop_and_on(void **state)
{
	static const struct {
		const char *line;
		uint32_t homed;
	} fault[] = {
		{ "INJECT_FAULT CLASS=invariant COMPONENT=x", 7 },
		{ "INJECT_FAULT CLASS=driver_error COMPONENT=stepper_x", 6 },
	};
	char sections[SIMRUN_PATH_MAX + 100], journal[SIMRUN_PATH_MAX];

	(void)state;
	snprintf(journal, sizeof(journal), "%s", simrun_path("journal"));
	snprintf(sections, sizeof(sections),
		 "[stepd]\ninject_faults: True\n[virtual_sdcard]\njournal: %s\n", journal);
	/* A driver's fault beside another component's is taken one level up: no stop. */
	for (unsigned i = 0; i < 2 * sizeof(fault) / sizeof(fault[0]) - 1; i++) {
		const char *line = fault[i / 2].line;
		bool aside = i % 2; /* while a print stands aside */
		struct scene *s = printjob_start(sections);

		if (aside) {
			scene_now(s, "INJECT_FAULT CLASS=filament COMPONENT=it");
			scene_pass(s, 1);
			batch_lines(&s->b, "G91\nG1 X30 F3000\n");
			scene_pass(s, 0.2);
		}
		scene_now(s, line);
		assert_int_equal(s->b.m->state, MACHINE_FAULT);
		s->errors = 0;
		scene_now(s, "CLEAR_FAULT");
		assert_true(scene_said(s, "being read back: try again"));
		scene_pass(s, 1);
		s->errors = 0;
		scene_now(s, "CLEAR_FAULT");
		assert_true(scene_said(s, "ready again; positions read back"));
		assert_int_equal(s->b.m->state, MACHINE_READY);
		assert_int_equal(s->b.m->homed, fault[i / 2].homed);
		assert_int_equal(s->errors, 0);
		scene_pass(s, 0.5);
		assert_true(scene_agrees(s, 1));
		assert_true(s->b.m->heaters.status.heater[HOTEND].target_degc == 205);
		scene_run(s, "G1 X120\n");
		assert_int_equal(s->errors, fault[i / 2].homed != 7);
		s->errors = 0;
		assert_true(scene_run(s, fault[i / 2].homed == 7 ? "G90\n" : "G90\nG28 X\n"));
		batch_lines(&s->b, "RECOVER_JOB GO=1\n");
		scene_pass(s, 5);
		printjob_completes(s);
		assert_int_equal(s->errors, 0);
		assert_true(scene_agrees(s, 1));
		assert_int_equal(scene_violations(s), 0);
		scene_close(s);
	}
}

/* The hold is released in the very moment in which the rt core is told to set the print aside: it is, and RESUME goes on. */
static void released(void **state)
{
	struct scene *s = printjob_start("[stepd]\ninject_faults: True\n");

	(void)state;
	scene_now(s, "INJECT_FAULT CLASS=filament COMPONENT=it");
	for (int i = 0; i < 10000 && !s->b.m->sidetrack.asked; i++)
		batch_turn(&s->b, false);
	assert_true(s->b.m->sidetrack.asked);
	machine_hold(s->b.m, false);
	scene_pass(s, 1);
	assert_false(sidetrack_busy(&s->b.m->sidetrack));
	assert_int_equal(s->b.m->status.side, s->b.m->sidetrack.state == SIDETRACK_ON);
	batch_lines(&s->b, "G91\nG1 Z5 F600\nG90\nRESUME\n");
	printjob_completes(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- a clock ---- */

/* Its crystal breaks: the frequency changes faster than any estimate can follow. The print is held on its path, and goes on
 * once the clock is steady. One that drifts as crystals do is followed. */
static void clocks(void **state)
{
	struct scene *s = printjob_start("[mcu tool]\nserial: /run/x\nrole: optional\n"
					 "[output_pin lamp]\npin: tool:PA1\n");

	(void)state;
	for (unsigned i = 0; i < 400 && !s->b.m->hold; i++) {
		assert_true(i > 200 || s->b.m->react.faults.count[FAULT_CLASS_CLOCK] == 0);
		scene_clock_rate(s, 1, i < 200 ? 0.01 * i : 400.0 * (i - 200));
		scene_pass(s, 0.1);
	}
	assert_true(s->b.m->hold);
	assert_true(scene_said(s, "tool: its clock can't be followed: at least"));
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_int_equal(s->b.m->homed, 7);
	scene_pass(s, 30);
	batch_lines(&s->b, "CLEAR_FAULT\nRESUME\n");
	printjob_completes(s);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(story),       cmocka_unit_test(glitches),
		cmocka_unit_test(two_heaters), cmocka_unit_test(shutdowns),
		cmocka_unit_test(configured),  cmocka_unit_test(stop_and_on),
		cmocka_unit_test(clocks),      cmocka_unit_test(released),
		cmocka_unit_test(cold_bed),    cmocka_unit_test(slow_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
