/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_print_events.c - what runs lines besides the file: macros, filament sensors, buttons, timers, idleness.
 *
 * Shown: filament sensors pause a print; buttons, timers and idle_timeout run their lines; heaters of a print
 * that is paused or has failed. Macros, also those that replace commands, run in their place and answer like one
 * line; what they are called with and their variables are filled in, and what isn't given or is no number is refused.
 * How: the machine in this process (tests/simlib/printing.h) with a folder of files of its own.
 * An argument names the cases to run. STEPD_ECHO=1 shows the replies.
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

#include "daemon/heaters.h"
#include "tests/simlib/printing.h"
#include "tests/simlib/simrun.h"

/* ---- sensors, buttons, timers ---- */

static char text[1 << 16];

static const char sensors[] = "[filament_switch_sensor spool]\nswitch_pin: ^!PF0\n"
			      "runout_gcode:\n  M118 no more filament\n"
			      "insert_gcode:\n  M118 new filament\n"
			      "[filament_motion_sensor wheel]\nswitch_pin: ^PF1\n"
			      "extruder: extruder\ndetection_length: 3\n"
			      "[gcode_button red]\npin: ^!PF2\npress_gcode: M118 pressed\n"
			      "release_gcode: M118 released\n"
			      "[gcode_button slow]\npin: PF3\ndebounce_delay: 0.2\n"
			      "press_gcode: M118 slowly\n";

static void runout(void **state)
{
	struct scene *s;
	double at_mm[2];

	(void)state;
	printing_make(text, sizeof(text), 300);
	printing_file("p.gcode", text);
	s = printing_open(sensors);
	scene_pass(s, 3);
	scene_run(s, "QUERY_FILAMENT_SENSOR SENSOR=spool");
	assert_true(scene_said(s, "Filament Sensor spool: filament detected"));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	printing_until_byte(s, 2000);
	s->b.printer.inputs[0].on = false;
	assert_true(batch_settle(&s->b));
	assert_true(printing_of(s)->pause.on);
	assert_true(scene_said(s, "echo: no more filament"));
	assert_false(scene_said(s, "Done printing"));
	for (int i = 0; i < 2; i++)
		at_mm[i] = s->b.m->status.position_mm[i];
	scene_pass(s, 5);
	s->b.printer.inputs[0].on = true;
	scene_pass(s, 1);
	assert_true(scene_said(s, "echo: new filament"));
	scene_run(s, "G1 X5 Y5 F9000\nM400\n");
	batch_lines(&s->b, "RESUME");
	for (int i = 0; i < 2; i++)
		assert_true(printing_of(s)->sd.position > 3000 ||
			    fabs(planner_position(s->b.m->planner)[i] - at_mm[i]) < 1e-9);
	/* Out again at once: that is acted on when event_delay is over. */
	scene_hush(s);
	s->b.printer.inputs[0].on = false;
	scene_pass(s, 1);
	assert_true(!scene_said(s, "runout") || printing_of(s)->pause.on);
	scene_pass(s, 4);
	assert_true(scene_said(s, "filament sensor spool: runout"));
	assert_true(batch_settle(&s->b));
	assert_true(printing_of(s)->pause.on);
	s->b.printer.inputs[0].on = true;
	scene_pass(s, 5);
	batch_lines(&s->b, "RESUME");
	/* The wheel stops: a runout after 3 mm of filament, and not with the sensor off. */
	scene_pass(s, 5);
	scene_hush(s);
	printer_input_block(&s->b.printer, &s->b.printer.inputs[1], true);
	assert_true(batch_settle(&s->b));
	assert_true(printing_of(s)->pause.on);
	assert_true(scene_said(s, "filament sensor wheel: runout"));
	scene_run(s, "SET_FILAMENT_SENSOR SENSOR=wheel ENABLE=0\nRESUME\n");
	assert_true(scene_said(s, "Done printing"));
	assert_int_equal(s->b.m->gcode.moves, 302); /* and the way back, which no line asks for */
	assert_int_equal(s->b.m->react.faults.count[FAULT_CLASS_FILAMENT], 3);
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

/* The same by `stepd batch --events`: the program pauses the print and ends. */
static void events_file(void **state)
{
	const char *config = simrun_path("printing.cfg"), *events = simrun_path("events"),
		   *lines = simrun_path("lines");
	struct simrun_args a = { 0 };
	struct simrun r;
	FILE *f;

	(void)state;
	printing_make(text, sizeof(text), 300);
	printing_file("p.gcode", text);
	scene_close(printing_open(sensors));
	f = simrun_create(events);
	fputs("0.5 red on\n6 spool off\n", f);
	fclose(f);
	f = simrun_create(lines);
	fputs("G4 P3000\nSDCARD_PRINT_FILE FILENAME=p.gcode\n", f);
	fclose(f);
	simrun_add(&a, "-c");
	simrun_add(&a, "%s", config);
	simrun_add(&a, "%s", lines);
	simrun_add(&a, "--events");
	simrun_add(&a, "%s", events);
	simrun(&r, &a, 100);
	assert_true(simrun_exact(&r, "runout", 12.5));
	assert_true(simrun_number(&r, "moves") > 10 && simrun_number(&r, "moves") < 250);
	f = simrun_create(events);
	fputs("6 spool stuck\n", f);
	fclose(f);
	simrun(&r, &a, 100);
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.err, "action 'stuck': expected on or off"));
}

static void buttons(void **state)
{
	struct scene *s = printing_open(sensors);
	struct printer_input *red = &s->b.printer.inputs[2], *slow = &s->b.printer.inputs[3];

	(void)state;
	scene_pass(s, 1);
	assert_false(scene_said(s, "pressed"));
	for (int i = 0; i < 20; i++) {
		scene_hush(s);
		red->on = true;
		scene_pass(s, 0.03);
		assert_true(scene_said(s, "echo: pressed"));
		red->on = false;
		scene_pass(s, 0.03);
		assert_true(scene_said(s, "echo: released"));
	}
	/* Shorter than two looks, or than debounce_delay: nothing. */
	scene_hush(s);
	for (int i = 0; i < 20; i++) {
		slow->on = true;
		scene_pass(s, 0.1);
		slow->on = false;
		scene_pass(s, 0.1);
	}
	assert_false(scene_said(s, "slowly"));
	slow->on = true;
	scene_pass(s, 0.3);
	assert_true(scene_said(s, "echo: slowly"));
	printing_ends_exact(s);
}

static void timers(void **state)
{
	struct scene *s = printing_open(
		"[delayed_gcode start]\ninitial_duration: 2\n"
		"gcode:\n  M118 tick\n"
		"  UPDATE_DELAYED_GCODE ID=start DURATION=2\n"
		"[delayed_gcode other]\ngcode:\n  G1 X3 F600\n  M118 other\n");

	(void)state;
	scene_pass(s, 1.9);
	assert_false(scene_said(s, "tick"));
	scene_pass(s, 0.2);
	assert_true(scene_said(s, "tick"));
	scene_hush(s);
	scene_pass(s, 1.8);
	assert_false(scene_said(s, "tick"));
	scene_pass(s, 0.2);
	assert_true(scene_said(s, "tick"));
	scene_run(s, "UPDATE_DELAYED_GCODE ID=start DURATION=0\n"
		     "UPDATE_DELAYED_GCODE ID=other DURATION=1.5");
	scene_hush(s);
	scene_pass(s, 10);
	assert_string_equal(s->said, "echo: other\n");
	assert_true(fabs(s->b.m->status.position_mm[AXIS_X] - 3) < 1e-9);
	scene_run(s, "UPDATE_DELAYED_GCODE ID=none DURATION=1");
	assert_int_equal(s->errors, 1);
	printing_ends_exact(s);
}

static void idle(void **state)
{
	struct scene *s = printing_open("[idle_timeout]\ntimeout: 100\nmotor_timeout: 30\n"
					"[gcode_macro TURN_OFF_HEATERS]\ngcode: M118 cold\n");

	(void)state;
	scene_run(s, "G1 X5 F600");
	assert_true(s->b.m->motors_on);
	scene_pass(s, 28);
	assert_true(s->b.m->motors_on);
	scene_pass(s, 3);
	assert_false(s->b.m->motors_on);
	assert_false(scene_said(s, "cold"));
	scene_pass(s, 67);
	assert_false(scene_said(s, "cold"));
	scene_pass(s, 3);
	assert_true(scene_said(s, "cold"));
	/* Once, until something happens. A question is nothing. */
	scene_hush(s);
	scene_pass(s, 300);
	assert_string_equal(s->said, "");
	scene_run(s, "SET_KINEMATIC_POSITION X=5 Y=0 Z=0\nSET_IDLE_TIMEOUT TIMEOUT=20 MOTORS=10\n");
	scene_hush(s);
	for (int i = 0; i < 18; i++) {
		scene_pass(s, 1);
		printing_now(s, "M105");
	}
	assert_true(scene_said(s, "motors off"));
	assert_false(scene_said(s, "cold"));
	scene_pass(s, 3);
	assert_true(scene_said(s, "cold"));
	printing_ends_exact(s);
}

/* With real heaters: off after a while in a pause, with the motors still on; off with CANCEL_PRINT. */
static void heat(void **state)
{
	char path[SIMRUN_PATH_MAX + 32];
	const char *overrides[] = { path, "idle_timeout.timeout=300",
				    "idle_timeout.motor_timeout=100000", NULL };
	struct scene *s;
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text), "M140 S50\nM109 S180\n");
	printing_make(text + n, sizeof(text) - n, 200);
	printing_file("p.gcode", text);
	snprintf(path, sizeof(path), "virtual_sdcard.path=%s", printing_folder());
	s = scene_open("etc/sim-heated.cfg", overrides);
	assert_non_null(s);
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		scene_push_mm(s, axis, 0);
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	printing_until_byte(s, 2500);
	batch_lines(&s->b, "PAUSE");
	scene_pass(s, 290);
	assert_true(s->b.m->heaters.status.heater[0].target_degc > 0);
	scene_pass(s, 30);
	for (int i = 0; i < 2; i++)
		assert_true(s->b.m->heaters.status.heater[i].target_degc == 0);
	assert_true(scene_said(s, "idle for 300 s: heaters off"));
	assert_true(s->b.m->motors_on && printing_of(s)->pause.on);
	scene_run(s, "M140 S50\nM109 S180\nRESUME\n");
	assert_true(scene_said(s, "Done printing file"));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	printing_until_byte(s, 2500);
	assert_true(s->b.m->heaters.status.heater[0].target_degc > 0);
	batch_lines(&s->b, "CANCEL_PRINT");
	assert_true(batch_settle(&s->b));
	for (int i = 0; i < 2; i++)
		assert_true(s->b.m->heaters.status.heater[i].target_degc == 0);
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

/* ---- macros ---- */

static void macros(void **state)
{
	struct scene *s = printing_open(
		"[gcode_macro G28]\nrename_existing: G9928\n"
		"gcode:\n  M118 homing\n  G9928 X Y\n  M118 homed\n"
		"[gcode_macro M117]\nrename_existing: M117.1\ngcode: M117.1 by macro\n"
		"[gcode_macro SQUARE]\ndescription: a square\nvariable_size: 10\n"
		"gcode:\n  G91\n  G1 X10 F3000\n  G1 Y10\n\n  G1 X-10\n  G1 Y-10\n  G90\n  M400\n"
		"[gcode_macro TWICE]\ngcode:\n  SQUARE\n  SQUARE\n"
		"[gcode_macro LOOP]\ngcode:\n  M118 in\n  LOOP2\n"
		"[gcode_macro LOOP2]\ngcode:\n  LOOP\n  M118 never\n"
		"[gcode_macro WRONG]\ngcode:\n  G1 X1\n  G1 X9000\n  M118 never\n"
		"[gcode_macro TEMPLATED]\ngcode: G1 X{params.X + 1}\n");

	(void)state;
	scene_run(s, "G28\nM117 hello\nTWICE");
	assert_true(scene_said(s, "echo: homing\n"));
	assert_true(scene_said(s, "echo: homed\n"));
	assert_int_equal(s->b.m->homed & 3, 3);
	assert_string_equal(s->b.m->gcode.message, "by macro");
	assert_int_equal(s->b.m->gcode.moves, 8);
	assert_int_equal(s->errors, 0);
	scene_run(s,
		  "HELP SQUARE\nSET_GCODE_VARIABLE MACRO=square VARIABLE=size VALUE=\"[1, 'a']\"");
	assert_true(scene_said(s, "a square"));
	assert_string_equal(printing_of(s)->cfg->macros.macro[2].variable[0].value, "[1, 'a']");
	assert_int_equal(s->errors, 0);
	scene_run(s, "SET_GCODE_VARIABLE MACRO=square VARIABLE=size VALUE=a-b\n"
		     "SET_GCODE_VARIABLE MACRO=square VARIABLE=none VALUE=1\n"
		     "SET_GCODE_VARIABLE MACRO=none VARIABLE=size VALUE=1");
	assert_int_equal(s->errors, 3);
	scene_hush(s);
	scene_run(s, "LOOP");
	assert_true(scene_said(s, "[gcode_macro LOOP2] line 1 \"LOOP\": [gcode_macro LOOP]: expected "
				  "not to be called by itself"));
	scene_run(s, "WRONG");
	assert_true(scene_said(s, "[gcode_macro WRONG] line 2 \"G1 X9000\""));
	scene_run(s, "TEMPLATED");
	assert_true(scene_said(s, "[gcode_macro TEMPLATED] (") &&
		    scene_said(s, "templates ({…}) can't be run yet"));
	assert_false(scene_said(s, "never"));
	assert_int_equal(s->errors, 3);
	printing_ends_exact(s);
}

/* What a macro is called with, and its variables. */
static void parameters(void **state)
{
	static const struct {
		const char *line, *says;
	} good[] = {
		{ "MOVE X=12.5", "echo: to 12.5 at 3000 in mm" },
		{ "move x=7 Speed=1200 unit='an inch'", "echo: to 7 at 1200 in an inch" },
		{ "NUMBERS A=3.7 B=2", "echo: 3 2 4.5" },
		{ "NUMBERS A=-3.7 B=.50", "echo: -3 0.5 4.5" },
		{ "SAY a=1  b=\"x y\" ; a comment", "echo: <a=1  b=\"x y\">" },
		{ "SAY", "echo: <>" },
		{ "M600 X5.25 Y-3 Z", "echo: M600 5.25 -3 <>" },
		{ "M117 Layer {2}", "echo: shown Layer {2}" },
		{ "SIZES", "echo: 10 small" },
		{ "SET_GCODE_VARIABLE MACRO=SIZES VARIABLE=size VALUE=12.5\n"
		  "SET_GCODE_VARIABLE MACRO=SIZES VARIABLE=word VALUE=\"'big one'\"\nSIZES",
		  "echo: 12.5 big one" },
		{ "OUTER T=210", "echo: to 210 at 60 in mm" },
	};
	static const struct {
		const char *line, *says;
	} bad[] = {
		{ "MOVE", "[gcode_macro MOVE]: expected X= in the call" },
		{ "NUMBERS A=red B=2", "[gcode_macro NUMBERS]: A=red: expected a number" },
		{ "NUMBERS A=1", "[gcode_macro NUMBERS]: expected B= in the call" },
		{ "M600 X5", "[gcode_macro M600]: expected Y= in the call" },
		{ "MOVE X=9000", "[gcode_macro MOVE] line 2 \"G1 X9000 F3000\"" },
	};
	struct scene *s = printing_open(
		"[gcode_macro MOVE]\ngcode:\n"
		"  M118 to {params.X} at { params.SPEED | default(3000) } in {params.unit|default(\"mm\")}\n"
		"  G1 X{params.X} F{params.SPEED|default(3000)}\n"
		"[gcode_macro NUMBERS]\ngcode: M118 {params.A|int} {params.B|float} {params.C|default('4.50')|float}\n"
		"[gcode_macro SAY]\ngcode: M118 <{rawparams}>\n"
		"[gcode_macro M600]\ngcode: M118 M600 {params.X} {params.Y} <{params.Z}>\n"
		"[gcode_macro M117]\nrename_existing: M117.1\ngcode: M118 shown {rawparams}\n"
		"[gcode_macro SIZES]\nvariable_size: 10\nvariable_word: 'small'\n"
		"gcode: M118 {size} {word}\n"
		"[gcode_macro OUTER]\ngcode: MOVE X={params.T} SPEED=60\n");

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		scene_hush(s);
		scene_run(s, good[i].line);
		if (s->errors || !scene_said(s, good[i].says))
			fail_msg("%s: %s, expected %s", good[i].line, s->said, good[i].says);
	}
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 210) < 0.02);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		scene_hush(s);
		s->errors = 0;
		scene_run(s, bad[i].line);
		if (s->errors != 1 || !scene_said(s, bad[i].says))
			fail_msg("%s: %s, expected %s", bad[i].line, s->said, bad[i].says);
	}
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 210) < 0.02);
	printing_ends_exact(s);
}

/* What is more than that stays a template. */
static void no_parameters(void **state)
{
	static const char *const lines[] = {
		"{params.X + 1}", "{params}",  "{params.X|upper}",
		"{% if x %}",     "{unknown}", "{params.X|default([1])}",
		"{params.X",      "{# c #}",   "{params.X|default('a\\n')}"
	};
	char sections[200];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct scene *s;

		snprintf(sections, sizeof(sections), "[gcode_macro TAKE]\ngcode: M118 %s\n",
			 lines[i]);
		s = printing_open(sections);
		scene_run(s, "TAKE X=1");
		if (s->errors != 1 || !scene_said(s, "templates ({…}) can't be run yet"))
			fail_msg("%s: %s", lines[i], s->said);
		scene_close(s);
	}
}

/* A template can't be run: what matters happens all the same. */
static void templates(void **state)
{
	struct scene *s;

	(void)state;
	printing_make(text, sizeof(text), 100);
	printing_file("p.gcode", text);
	s = printing_open("[gcode_macro CANCEL_PRINT]\nrename_existing: CANCEL_BASE\n"
			  "gcode:\n  {% if printer.toolhead %}\n  CANCEL_BASE\n  {% endif %}\n"
			  "[gcode_macro TURN_OFF_HEATERS]\ngcode: M118 cold\n"
			  "[idle_timeout]\ntimeout: 50\ngcode:\n  {% set x = 1 %}\n  M84\n");
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	printing_until_byte(s, 2000);
	batch_lines(&s->b, "CANCEL_PRINT");
	assert_int_equal(printing_of(s)->stats.state, PRINT_CANCELLED);
	assert_true(scene_said(s, "CANCEL_PRINT itself runs instead"));
	assert_true(batch_settle(&s->b));
	assert_int_equal(s->errors, 1);
	scene_hush(s);
	scene_pass(s, 60);
	assert_true(scene_said(s, "echo: cold"));
	assert_false(s->b.m->motors_on);
	assert_int_equal(s->errors, 1);
	printing_ends_exact(s);
}

/* More files than replies fit a queue. */
static void long_list(void **state)
{
	char name[32];
	struct scene *s;

	(void)state;
	for (int i = 0; i < 350; i++) {
		snprintf(name, sizeof(name), "f%03d.g", i);
		printing_file(name, "G4 P1\n");
	}
	s = printing_open("");
	scene_run(s, "M20");
	assert_true(scene_said(s, "f000.g 6\n") && scene_said(s, "f349.g 6\n"));
	assert_true(strstr(s->said, "End file list") > strstr(s->said, "f349.g"));
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

/* Deeper than there is room for: an error, and the machine goes on. */
static void too_deep(void **state)
{
	size_t n = 0;
	struct scene *s;

	(void)state;
	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "[gcode_macro DEEP_%d]\ngcode: DEEP_%d\n", i, i + 1);
	snprintf(text + n, sizeof(text) - n, "[gcode_macro DEEP_40]\ngcode: M118 bottom\n");
	s = printing_open(text);
	scene_run(s, "DEEP_20\nDEEP_5");
	assert_true(scene_said(s, "echo: bottom"));
	assert_true(scene_said(s, "expected at most 32 macros that call each other"));
	assert_int_equal(s->errors, 1);
	printing_ends_exact(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runout),      cmocka_unit_test(buttons),
		cmocka_unit_test(events_file), cmocka_unit_test(timers),
		cmocka_unit_test(idle),        cmocka_unit_test(heat),
		cmocka_unit_test(macros),      cmocka_unit_test(too_deep),
		cmocka_unit_test(templates),   cmocka_unit_test(long_list),
		cmocka_unit_test(parameters),  cmocka_unit_test(no_parameters),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, printing_teardown);
}
