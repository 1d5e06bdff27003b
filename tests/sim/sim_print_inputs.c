/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_print_inputs.c - filament sensors, buttons, timers and idleness: their times and lengths, and what is wrong.
 *
 * Shown: runout_gcode runs pause_delay after the pause, without pause_on_runout the print goes on; a motion sensor tells after
 * detection_length of its own extruder's filament, pulled back or not; event_delay and debounce_delay as long as they say;
 * insert_gcode when nothing prints, and runouts only while something does; a sensor that is off; what a line of any of them that is
 * refused says, and that others go on; idle_timeout with lines, not in a wait; heater_timeout alone; the errors of each command.
 * How: the machine in this process (tests/simlib/printing.h), the simulated printer's switches and wheel. Repeat: no seed
 * but the machine's own, 1.
 * An argument names the cases to run. STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/heaters.h"
#include "tests/simlib/pinwatch.h"
#include "tests/simlib/printing.h"

static char text[1 << 16];

static double now_s(const struct scene *s)
{
	return (double)s->b.now_ns * 1e-9;
}

static void says(struct scene *s, const char *line, const char *what, unsigned errors)
{
	scene_hush(s);
	s->errors = 0;
	scene_run(s, line);
	if (s->errors != errors || !scene_said(s, what))
		fail_msg("%s: %s, expected %s", line, s->said, what);
	scene_hush(s);
	s->errors = 0;
}

/* Seconds until that is said. */
static double said_after_s(struct scene *s, const char *what, double within_s)
{
	double from_s = now_s(s);

	while (!scene_said(s, what) && now_s(s) < from_s + within_s)
		scene_pass(s, 0.01);
	if (!scene_said(s, what))
		fail_msg("not said within %g s: %s; but %s", within_s, what, s->said);
	return now_s(s) - from_s;
}

static struct scene *start_print(const char *sections)
{
	struct scene *s;

	printing_make(text, sizeof(text), 300);
	printing_file("p.gcode", text);
	s = printing_open(sections);
	scene_pass(s, 3);
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	printing_until_byte(s, 2000);
	scene_hush(s);
	return s;
}

static struct printer_input *input(struct scene *s, int i)
{
	return &s->b.printer.inputs[i];
}

/* ---- filament ---- */

#define SPOOL "[filament_switch_sensor spool]\nswitch_pin: ^!PF0\n"

static void pause_delay(void **state)
{
	static const struct {
		const char *option;
		double least_s, most_s;
	} rows[] = { { "", 0.5, 0.6 },
		     { "pause_delay: 2\n", 2, 2.1 },
		     { "pause_delay: 0\n", 0, 0.1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char sections[300];
		struct scene *s;
		double s_is;

		snprintf(sections, sizeof(sections), "%s" SPOOL "%srunout_gcode:\n  M118 empty\n",
			 "[gcode_macro PAUSE]\nrename_existing: PAUSE_BASE\ngcode:\n  PAUSE_BASE\n  M118 paused\n",
			 rows[i].option);
		s = start_print(sections);
		input(s, 0)->on = false;
		said_after_s(s, "filament sensor spool: runout", 1);
		s_is = said_after_s(s, "echo: empty", 5);
		/* the pause's own lines are before it in any case */
		assert_true(strstr(s->said, "echo: paused") < strstr(s->said, "echo: empty"));
		if (!(s_is >= rows[i].least_s - 0.02 && s_is <= rows[i].most_s + 0.3))
			fail_msg("%s: after %g s", rows[i].option, s_is);
		assert_true(printing_of(s)->pause.on);
		assert_int_equal(s->errors, 0);
		scene_run(s, "CANCEL_PRINT");
		printing_ends_exact(s);
	}
}

static void no_pause(void **state)
{
	struct scene *s = start_print(SPOOL "pause_on_runout: False\nrunout_gcode:\n  M118 empty\n");

	(void)state;
	input(s, 0)->on = false;
	assert_true(said_after_s(s, "echo: empty", 1) < 0.2);
	assert_false(printing_of(s)->pause.on);
	assert_true(batch_settle(&s->b));
	assert_int_equal(printing_of(s)->stats.state, PRINT_COMPLETE);
	assert_int_equal(s->b.m->gcode.moves, 301);
	assert_int_equal(s->b.m->react.faults.count[FAULT_CLASS_FILAMENT], 1);
	printing_ends_exact(s);
	/* with nothing to do about it, it is told and counted all the same */
	s = start_print(SPOOL "pause_on_runout: False\n");
	input(s, 0)->on = false;
	assert_true(said_after_s(s, "filament sensor spool: runout", 1) < 0.2);
	assert_int_equal(s->b.m->react.faults.count[FAULT_CLASS_FILAMENT], 1);
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	assert_false(printing_of(s)->pause.on);
	assert_true(batch_settle(&s->b));
	printing_ends_exact(s);
}

/* Runouts only while something moves, insertions only while nothing does, and not of a sensor that is off. */
static void when(void **state)
{
	struct scene *s = start_print(SPOOL "event_delay: 5\nrunout_gcode:\n  M118 empty\n"
					    "insert_gcode:\n  M118 new\n");
	double is_s;

	(void)state;
	scene_run(s, "SET_FILAMENT_SENSOR SENSOR=spool ENABLE=0\n");
	assert_true(batch_settle(&s->b));
	printing_now(s, "STATUS");
	assert_true(scene_said(s, "filament sensor spool: filament, off"));
	input(s, 0)->on = false;
	scene_pass(s, 1);
	says(s, "QUERY_FILAMENT_SENSOR SENSOR=SPOOL",
	     "Filament Sensor spool: filament not detected", 0);
	input(s, 0)->on = true;
	scene_pass(s, 8);
	assert_false(scene_said(s, "echo:"));
	scene_run(s, "SET_FILAMENT_SENSOR SENSOR=spool ENABLE=1\n");
	/* nothing prints: no runout */
	scene_pass(s, 2);
	input(s, 0)->on = false;
	scene_pass(s, 3);
	assert_false(scene_said(s, "empty"));
	input(s, 0)->on = true;
	said_after_s(s, "echo: new", 1);
	/* within event_delay: later, if it still is so */
	scene_hush(s);
	input(s, 0)->on = false;
	scene_pass(s, 1);
	input(s, 0)->on = true;
	scene_pass(s, 8);
	assert_false(scene_said(s, "echo:"));
	input(s, 0)->on = false;
	scene_pass(s, 1);
	input(s, 0)->on = true;
	said_after_s(s, "echo: new", 1);
	scene_hush(s);
	input(s, 0)->on = false;
	is_s = now_s(s);
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	said_after_s(s, "echo: empty", 8);
	is_s = now_s(s) - is_s;
	assert_true(is_s > 4.5 && is_s < 6.5);
	scene_run(s, "CANCEL_PRINT");
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

static void debounced(void **state)
{
	struct scene *s = start_print(SPOOL "debounce_delay: 1\n");
	double is_s;

	(void)state;
	for (int i = 0; i < 5; i++) { /* a knot */
		input(s, 0)->on = false;
		scene_pass(s, 0.8);
		input(s, 0)->on = true;
		scene_pass(s, 0.2);
	}
	assert_false(scene_said(s, "runout"));
	input(s, 0)->on = false;
	is_s = said_after_s(s, "filament sensor spool: runout at ", 2);
	assert_true(is_s > 0.98 && is_s < 1.1);
	scene_run(s, "CANCEL_PRINT");
	printing_ends_exact(s);
}

#define WHEEL "[filament_motion_sensor wheel]\nswitch_pin: ^PF0\nextruder: extruder\n"

/* mm of filament from the block on until it is told. */
static double told_after_mm(const char *option)
{
	char sections[200];
	struct scene *s;
	double e_mm;

	snprintf(sections, sizeof(sections), WHEEL "%s", option);
	s = start_print(sections);
	scene_pass(s, 1);
	printer_input_block(&s->b.printer, input(s, 0), true);
	e_mm = scene_truth_mm(s, AXIS_E);
	said_after_s(s, "filament sensor wheel: runout", 20);
	e_mm = scene_truth_mm(s, AXIS_E) - e_mm;
	assert_true(batch_settle(&s->b));
	assert_true(printing_of(s)->pause.on);
	scene_run(s, "CANCEL_PRINT");
	printing_ends_exact(s);
	return e_mm;
}

static void lengths(void **state)
{
	static const struct {
		const char *option;
		double mm;
	} rows[] = { { "", 7 },
		     { "detection_length: 3\n", 3 },
		     { "detection_length: 12.5\n", 12.5 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		double is_mm = told_after_mm(rows[i].option);

		print_message("%g mm: told after %.2f mm\n", rows[i].mm, is_mm);
		/* less by what has passed since the wheel's last edge, more by 20 ms at 2.4 mm/s */
		assert_true(is_mm <= rows[i].mm + 0.1 && is_mm >= rows[i].mm - 2);
	}
}

static void filament_errors(void **state)
{
	struct scene *s = printing_open(SPOOL);

	(void)state;
	says(s, "QUERY_FILAMENT_SENSOR", "SENSOR", 1);
	says(s, "QUERY_FILAMENT_SENSOR SENSOR=none",
	     "SENSOR=none: expected the name of a filament sensor", 1);
	says(s, "SET_FILAMENT_SENSOR SENSOR=spool ENABLE=maybe",
	     "ENABLE=maybe: expected a decimal number", 1);
	says(s, "SET_FILAMENT_SENSOR SENSOR=none ENABLE=1", "SENSOR=none", 1);
	scene_close(s);
	pinwatch_refused(PRINTING_BASE, SPOOL "pause_delay: -1\n",
			 "pause_delay: value '-1': expected");
	pinwatch_refused(PRINTING_BASE, SPOOL "event_delay: 0\n",
			 "event_delay: value '0': expected");
	pinwatch_refused(PRINTING_BASE, SPOOL "detection_length: 5\n", "detection_length");
	pinwatch_refused(PRINTING_BASE, "[filament_motion_sensor w]\nswitch_pin: PF0\n",
			 "extruder: missing: expected a section such as extruder");
	pinwatch_refused(PRINTING_BASE,
			 "[filament_motion_sensor w]\nswitch_pin: PF0\nextruder: extruder4\n",
			 "extruder: value 'extruder4': expected a section");
	pinwatch_refused(PRINTING_BASE, WHEEL "detection_length: 0\n",
			 "detection_length: value '0'");
}

/* ---- lines that are refused ---- */

static void bad_lines(void **state)
{
	struct scene *s = printing_open(
		"[gcode_button b]\npin: PF0\npress_gcode:\n  M118 pressed\n  G1 X9000\n  M118 never\n"
		"release_gcode:\n  M118 released\n"
		"[delayed_gcode once]\ngcode:\n  NO_SUCH\n  M118 never\n"
		"[delayed_gcode fine]\ngcode:\n  M118 fine\n");

	(void)state;
	scene_pass(s, 3);
	input(s, 0)->on = true;
	scene_pass(s, 0.3);
	assert_true(scene_said(s, "echo: pressed"));
	assert_true(scene_said(s, "[gcode_button b] line 2 \"G1 X9000\""));
	input(s, 0)->on = false;
	scene_pass(s, 0.3);
	assert_true(scene_said(s, "echo: released"));
	says(s, "QUERY_BUTTON BUTTON=B", "b: RELEASED, at ", 0);
	says(s, "QUERY_BUTTON BUTTON=none", "BUTTON=none: expected the name of a gcode_button", 1);
	scene_run(
		s,
		"UPDATE_DELAYED_GCODE ID=once DURATION=1\nUPDATE_DELAYED_GCODE ID=FINE DURATION=1.01");
	assert_int_equal(s->errors, 0);
	scene_pass(s, 2);
	assert_true(scene_said(s, "[delayed_gcode once] line 1 \"NO_SUCH\""));
	assert_true(scene_said(s, "echo: fine"));
	assert_false(scene_said(s, "never"));
	says(s, "UPDATE_DELAYED_GCODE ID=fine", "DURATION", 1);
	says(s, "UPDATE_DELAYED_GCODE DURATION=1", "ID", 1);
	says(s, "UPDATE_DELAYED_GCODE ID=fine DURATION=-1", "DURATION=-1: expected at least 0", 1);
	says(s, "UPDATE_DELAYED_GCODE ID=fine DURATION=1e8",
	     "DURATION=1e+08: expected at most 1e+07 s", 1);
	says(s, "UPDATE_DELAYED_GCODE ID=none DURATION=1",
	     "ID=none: expected the name of a [delayed_gcode", 1);
	printing_ends_exact(s);
}

/* ---- idleness ---- */

static void idle_lines(void **state)
{
	struct scene *s = printing_open("[idle_timeout]\ntimeout: 10\n"
					"gcode:\n  M118 tired\n  G1 X5 F600\n");

	(void)state;
	/* not in a dwell, nor in motion, however long */
	scene_run(s, "G4 P30000\nG1 X300 F600\n");
	assert_false(scene_said(s, "tired"));
	scene_pass(s, 9);
	assert_false(scene_said(s, "tired"));
	scene_pass(s, 2);
	assert_true(scene_said(s, "idle for 10 s: gcode\necho: tired"));
	assert_true(batch_settle(&s->b));
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 5) < 0.02);
	scene_hush(s);
	scene_pass(s, 60); /* what it does itself is no activity */
	assert_string_equal(s->said, "");
	says(s, "STATUS", "idle_timeout: Idle", 0);
	says(s, "SET_IDLE_TIMEOUT TIMEOUT=0", "TIMEOUT=0: expected more than 0", 1);
	says(s, "SET_IDLE_TIMEOUT TIMEOUT=1e9", "TIMEOUT=1e+09: expected at most 1e+07 s", 1);
	says(s, "SET_IDLE_TIMEOUT HEATERS=soon", "HEATERS=soon: expected a decimal number", 1);
	says(s, "SET_IDLE_TIMEOUT TIMEOUT=25", "idle_timeout: gcode 25 s, motors 0 s, heaters 0 s",
	     0);
	scene_pass(s, 24);
	assert_false(scene_said(s, "tired"));
	scene_pass(s, 2);
	assert_true(scene_said(s, "tired"));
	printing_ends_exact(s);
	pinwatch_refused(PRINTING_BASE, "[idle_timeout]\ntimeout: 0\n",
			 "timeout: value '0': expected");
}

static void idle_heaters(void **state)
{
	static const char *const overrides[] = { "idle_timeout.timeout=1000",
						 "idle_timeout.heater_timeout=20", NULL };
	struct scene *s = scene_open("etc/sim-heated.cfg", overrides);

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "M140 S60\nM190 S60\nG4 P100\n")); /* it takes longer than that */
	assert_int_equal(s->errors, 0);
	assert_true(s->b.m->heaters.status.heater[1].target_degc == 60);
	scene_pass(s, 19);
	assert_true(s->b.m->heaters.status.heater[1].target_degc == 60);
	scene_pass(s, 2);
	assert_true(scene_said(s, "idle for 20 s: heaters off"));
	assert_true(s->b.m->heaters.status.heater[1].target_degc == 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pause_delay),  cmocka_unit_test(no_pause),
		cmocka_unit_test(when),         cmocka_unit_test(debounced),
		cmocka_unit_test(lengths),      cmocka_unit_test(filament_errors),
		cmocka_unit_test(bad_lines),    cmocka_unit_test(idle_lines),
		cmocka_unit_test(idle_heaters),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, printing_teardown);
}
