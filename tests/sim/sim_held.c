// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_held.c - nobody comes to a print in a feed hold.
 *
 * Shown: idle_timeout switches the heaters off, and moves nothing; RESUME, and '~', then heat them again and are refused until they
 * are hot; the print goes on in mid-move, to its end. Commands put the time-out off. What somebody has set meanwhile counts. A
 * fault that pauses the print in that hold makes RESUME ask for the heaters; after one that stops it nothing is heated again.
 * How: tests/simlib/printjob.h. Repeat: no seed but the machine's own.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/printjob.h"

static double target_degc(const struct scene *s, int i)
{
	return s->b.m->heaters.status.heater[i].target_degc;
}

static struct scene *held(const char *sections)
{
	char all[300];
	struct scene *s;

	snprintf(all, sizeof(all), "[stepd]\ninject_faults: True\n[idle_timeout]\ntimeout: 100\n%s",
		 sections);
	s = printjob_start(all);
	assert_int_equal(scene_now(s, "HOLD"), GCODE_OK);
	scene_pass(s, 90);
	assert_true(target_degc(s, HOTEND) == 205 && target_degc(s, BED) == 60);
	return s;
}

static struct scene *timed_out(const char *sections)
{
	struct scene *s = held(sections);

	scene_pass(s, 20);
	assert_true(target_degc(s, HOTEND) == 0 && target_degc(s, BED) == 0);
	assert_true(scene_said(s, "idle for 100 s in a hold: heaters off"));
	scene_pass(s, 100);
	assert_true(s->b.m->hold);
	assert_int_equal(s->errors, 0);
	return s;
}

static void goes_on(void **state)
{
	struct scene *s = timed_out("gcode:\n M84\n TURN_OFF_HEATERS\n");
	double x_mm = scene_truth_mm(s, 0), y_mm = scene_truth_mm(s, 1);
	char err[GCODE_ERR_MAX] = "";

	(void)state;
	assert_int_equal(scene_now(s, "RESUME"), GCODE_ERROR);
	assert_true(scene_said(s, "was switched off by idle_timeout and heats again"));
	scene_pass(s, 1);
	assert_true(s->b.m->hold);
	assert_true(target_degc(s, HOTEND) == 205 && target_degc(s, BED) == 60);
	assert_true(s->b.m->ops.hold(s->b.m, false, err) < 0); /* '~' */
	scene_pass(s, 95);
	assert_true(target_degc(s, HOTEND) == 205); /* somebody was there */
	assert_true(scene_truth_mm(s, 0) == x_mm && scene_truth_mm(s, 1) == y_mm);
	assert_int_equal(s->b.m->homed, 7);
	assert_int_equal(scene_now(s, "RESUME"), GCODE_OK);
	printjob_completes(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void again(void **state)
{
	struct scene *s = timed_out("");

	(void)state;
	scene_now(s, "RESUME");
	scene_pass(s, 120);
	assert_true(target_degc(s, HOTEND) == 0 && target_degc(s, BED) == 0);
	printjob_ends_well(s);
}

static void somebody_there(void **state)
{
	struct scene *s = held("");

	(void)state;
	batch_lines(&s->b, "M104 S200\n");
	scene_pass(s, 90);
	assert_true(target_degc(s, HOTEND) == 200 && target_degc(s, BED) == 60);
	scene_pass(s, 20);
	assert_true(target_degc(s, HOTEND) == 0 && target_degc(s, BED) == 0);
	batch_lines(&s->b, "M140 S0\nM104 S205\n");
	scene_pass(s, 60);
	assert_int_equal(scene_now(s, "RESUME"), GCODE_OK);
	assert_true(target_degc(s, BED) == 0);
	printjob_completes(s);
	scene_close(s);
}

static void paused_then(void **state)
{
	struct scene *s = timed_out("");

	(void)state;
	assert_int_equal(scene_now(s, "INJECT_FAULT CLASS=filament COMPONENT=a"), GCODE_OK);
	scene_pass(s, 3);
	assert_false(s->b.m->hold);
	assert_true(s->b.m->print->pause.on);
	batch_lines(&s->b, "RESUME\n");
	assert_true(scene_said(
		s,
		"the print can't go on: extruder was switched off by idle_timeout; expected SET_HEATER"));
	assert_true(scene_run(s, "M140 S60\nM109 S205\n"));
	batch_lines(&s->b, "RESUME\n");
	printjob_completes(s);
	scene_close(s);
}

static void stopped_then(void **state)
{
	struct scene *s = timed_out("");

	(void)state;
	machine_stop(s->b.m, "a fault", 0);
	scene_pass(s, 1);
	assert_int_equal(scene_now(s, "CLEAR_FAULT"),
			 GCODE_OK); /* nothing is latched: the stop alone */
	assert_int_equal(s->b.m->heaters.idled, 0);
	assert_true(target_degc(s, HOTEND) == 0);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on),        cmocka_unit_test(again),
		cmocka_unit_test(somebody_there), cmocka_unit_test(paused_then),
		cmocka_unit_test(stopped_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
