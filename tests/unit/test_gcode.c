/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interpreter against a machine that writes down its calls: what each command asks for, that
 * bad lines and a full planner leave no trace in the state, and that positions stay exact. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gcode_stub.h"

static struct gcode g;
static struct stub s;

static int setup(void **state)
{
	(void)state;
	stub_init(&s, &g);
	return 0;
}

static enum gcode_result run(const char *text)
{
	return gcode_exec(&g, text, strlen(text), 7);
}

/* Lines separated by '|' from a fresh start, and the calls they must make. */
static void commands(void **state)
{
	static const struct {
		const char *lines, *log;
	} row[] = {
		{ "G1 X10 F600", "move 10 0 0 0 F10;" },
		{ "G0 X1|G0 X1", "move 1 0 0 0 F25;" },
		{ "G1 F1200|G1 Y2", "move 0 2 0 0 F20;" },
		{ "G91|G1 X1|G1 X1 E1", "move 1 0 0 0 F25;move 2 0 0 1 F25;" },
		{ "M83|G1 X1 E1|G1 X1 E1", "move 1 0 0 1 F25;move 1 0 0 2 F25;" },
		{ "G91|G90|G1 X1|G1 X1 E1", "move 1 0 0 0 F25;move 1 0 0 1 F25;" },
		{ "G20|G1 X1 F60", "move 25.4 0 0 0 F25.4;" },
		{ "G20|G21|G1 X1", "move 1 0 0 0 F25;" },
		{ "G1 X10|G92 X0|G1 X5", "move 10 0 0 0 F25;move 15 0 0 0 F25;" },
		{ "G1 X10 Y10|G92|G1 X5", "move 10 10 0 0 F25;move 15 10 0 0 F25;" },
		{ "G1 E5|G92 E0|G1 E5", "move 0 0 0 5 F25;move 0 0 0 10 F25;" },
		{ "M220 S50|G1 X1 F600", "move 1 0 0 0 F5;" },
		{ "M221 S50|G1 E4|G1 E6", "move 0 0 0 2 F25;move 0 0 0 3 F25;" },
		{ "G1 E4|M221 S50|G1 E6", "move 0 0 0 4 F25;move 0 0 0 5 F25;" },
		{ "M221 S50|G1 E4|G92 E0|G1 E4", "move 0 0 0 2 F25;move 0 0 0 4 F25;" },
		{ "SET_GCODE_OFFSET Z=0.2|G1 Z1", "move 0 0 1.2 0 F25;" },
		{ "SET_GCODE_OFFSET Z_ADJUST=.1|SET_GCODE_OFFSET Z_ADJUST=.1|G1 Z1",
		  "move 0 0 1.2 0 F25;" },
		{ "SET_GCODE_OFFSET Z=1|SET_GCODE_OFFSET Z=0|G1 Z1", "move 0 0 1 0 F25;" },
		{ "G92 X5|G28 X|G1 X1", "home 1;move 1 0 0 0 F25;" },
		{ "G28", "home 7;" },
		{ "g28yz", "home 6;" },
		{ "G4 P500|G4 S2|G4", "dwell 0.5;dwell 2;" },
		{ "M204 S1000", "limits 2 0 1000 0 0;" },
		{ "M204 P1000 T500", "limits 2 0 500 0 0;" },
		{ "M204 P1000|M204 T500", "limits 2 0 1000 0 0;" },
		{ "SET_VELOCITY_LIMIT VELOCITY=200 SQUARE_CORNER_VELOCITY=8",
		  "limits 9 200 0 0 8;" },
		{ "SET_VELOCITY_LIMIT ACCEL=4000 ACCEL_TO_DECEL=1000", "limits 6 0 4000 0.75 0;" },
		{ "SET_VELOCITY_LIMIT ACCEL_TO_DECEL=1500", "limits 4 0 0 0.5 0;" },
		{ "SET_KINEMATIC_POSITION X=5 Z=2|G1 X6", "position 5 5 0 2;move 6 0 2 0 F25;" },
		{ "SET_KINEMATIC_POSITION", "position 7 0 0 0;" },
		{ "M400|M84|M18 X", "wait;off 0;off 1;" },
		{ "M106 S127.5|M107|M106", "fan 0 0.500;fan 0 0.000;fan 0 1.000;" },
		{ "M104 S200|M190 R60", "heat 0 -1 200 0;heat 1 -1 60 1;" },
		{ "M112", "stop M112;" },
		{ "firmware_restart|RESTART", "restart 1;restart 0;" },
		{ "M73 P5 R10|M17|M110 N5|M117 hello|M205 X8", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const char *bad;

		stub_init(&s, &g);
		bad = stub_lines(&g, row[i].lines);
		if (bad)
			fail_msg("%s: \"%s\": %s", row[i].lines, bad, s.replies);
		if (strcmp(s.log, row[i].log) != 0)
			fail_msg("%s:\n  have %s\n  want %s", row[i].lines, s.log, row[i].log);
	}
}

static void replies(void **state)
{
	static const struct {
		const char *line, *want;
	} row[] = {
		{ "M114",
		  "X:0.000 Y:0.000 Z:0.000 E:0.000 Count X:1.000 Y:2.000 Z:3.000 E:4.000\n" },
		{ "M115", "FIRMWARE_NAME:stepd FIRMWARE_VERSION:test" },
		{ "M118 a (b) c", "echo: a (b) c\n" },
		{ "M105", "no heaters\n" },
		{ "M220", "FR:100%" },
		{ "SET_VELOCITY_LIMIT", "// VELOCITY=300 ACCEL=3000 MINIMUM_CRUISE_RATIO=0.5 "
					"SQUARE_CORNER_VELOCITY=5\n" },
		{ "STATUS", "// first\n// second\n" },
		{ "HELP", "// SET_VELOCITY_LIMIT [VELOCITY=<mm/s>]" },
		{ "HELP g4", "// G4 [P<ms>] [S<s>]: rest in place\n" },
		{ "GET_POSITION", "// mcu: stepper_x:80\n" },
		{ "M205 X8", "// M205 has no effect" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		stub_clear(&s);
		assert_int_equal(run(row[i].line), GCODE_OK);
		if (!strstr(s.replies, row[i].want))
			fail_msg("\"%s\": %s", row[i].line, s.replies);
	}
}

/* Every bad line: one error reply with line, text and reason; no call; state untouched. */
static void bad_lines(void **state)
{
	static const struct {
		const char *line, *want;
	} row[] = {
		{ "G1 X", "X: expected a number" },
		{ "G1 X1 F0", "F=0: expected a feed rate greater than 0" },
		{ "G1 X1 F-5", "F=-5: expected a feed rate greater than 0" },
		{ "G1 X1 A2", "A: expected X, Y, Z, E and F only" },
		{ "G1 X1 G2", "G: expected X, Y, Z, E and F only" },
		{ "G1 Xnan", "X: expected a decimal number, found \"nan\"" },
		{ "G1 X10000000000", "X: expected a number between" },
		{ "G29.1", "unknown command G29.1" },
		{ "G5", "unknown command G5 (HELP lists all; [gcode_macro G5] can be one)" },
		{ "T9", "unknown command T9: expected an [extruder9] in the configuration" },
		{ "dump_tmc STEPPER=stepper_x",
		  "dump_tmc: expected a driver of a motor, such as [tmc2209 stepper_x]" },
		{ "STAUS", "unknown command STAUS (nearest: STATUS" },
		{ "SET_VELOCITY_LIMITS ACCEL=1", "(nearest: SET_VELOCITY_LIMIT," },
		{ "QQQQQQQQQ", "unknown command QQQQQQQQQ (HELP lists all)" },
		{ "M220 S0", "S=0: expected 1 to 1000 percent" },
		{ "M221 S", "S: expected a number, S<percent>" },
		{ "M204", "expected S, P or T" },
		{ "M204 S0", "acceleration 0: expected more than 0" },
		{ "G4 P-1", "expected 0 to 86400 s" },
		{ "G4 X1", "X: expected only [P<ms>] [S<s>] after G4" },
		{ "G90 X1", "X: expected nothing after G90" },
		{ "M106 S256", "S=256: expected 0 to 255" },
		{ "M106 P1.5", "P=1.5: expected the number of a fan" },
		{ "M104", "expected S: a temperature" },
		{ "M104 S-1", "S=-1: expected 0 to 2000" },
		{ "M84 S60", "S=60: expected no delay" },
		{ "SET_VELOCITY_LIMIT VELOCITY=0", "VELOCITY=0: expected more than 0" },
		{ "SET_VELOCITY_LIMIT VELOCITY=abc", "VELOCITY=abc: expected a decimal number" },
		{ "SET_VELOCITY_LIMIT ACCEL=nan", "ACCEL=nan: expected a decimal number" },
		{ "SET_VELOCITY_LIMIT MINIMUM_CRUISE_RATIO=1", "expected less than 1" },
		{ "SET_VELOCITY_LIMIT SPEED=1", "SPEED: expected only [VELOCITY=" },
		{ "SET_VELOCITY_LIMIT VELOCITY", "VELOCITY: expected only" },
		{ "SET_KINEMATIC_POSITION X=0x10", "X=0x10: expected a decimal number" },
		{ "STATUS X=1", "X: expected nothing after STATUS" },
		{ "HELP NOTHING_LIKE_IT", "unknown command NOTHING_LIKE_IT" },
	};
	struct gcode before;

	(void)state;
	assert_int_equal(run("G92 X5 E3"), GCODE_OK);
	assert_int_equal(run("M83"), GCODE_OK);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char head[64];

		stub_clear(&s);
		before = g;
		if (run(row[i].line) != GCODE_ERROR)
			fail_msg("\"%s\" accepted", row[i].line);
		snprintf(head, sizeof(head), "!! line 7 \"%s\": ", row[i].line);
		if (!strstr(s.replies, row[i].want) || strncmp(s.replies, head, strlen(head)) != 0)
			fail_msg("\"%s\": %s", row[i].line, s.replies);
		assert_string_equal(s.log, "");
		before.errors++;
		before.failures++;
		before.acts = g.acts;
		before.lines++;
		before.line = g.line;
		assert_memory_equal(&before, &g, sizeof(g));
	}
}

/* An operation that has no room or refuses leaves the state alone; the line can come again. */
static void refused_by_machine(void **state)
{
	static const char *const line[] = {
		"G1 X10 Y2 E3 F300",
		"G4 P1",
		"G28 X",
		"M204 S5",
		"M400",
		"M106 S9",
		"M104 S9",
		"SET_VELOCITY_LIMIT ACCEL=9",
		"SET_KINEMATIC_POSITION X=9",
		"M84",
	};
	struct gcode before;

	(void)state;
	assert_int_equal(run("G92 X5 E3"), GCODE_OK);
	for (size_t i = 0; i < sizeof(line) / sizeof(*line); i++) {
		stub_clear(&s);
		before = g;
		s.answer = -EAGAIN;
		s.reason = NULL;
		assert_int_equal(run(line[i]), GCODE_AGAIN);
		assert_string_equal(s.replies, "");
		before.line = g.line;
		assert_memory_equal(&before, &g, sizeof(g));
		s.answer = -ERANGE;
		s.reason = "X=10 outside 0..9";
		assert_int_equal(run(line[i]), GCODE_ERROR);
		assert_non_null(strstr(s.replies, "X=10 outside 0..9"));
		before.errors++;
		before.failures++;
		before.acts = g.acts;
		before.lines++;
		assert_memory_equal(&before, &g, sizeof(g));
		assert_int_equal(run(line[i]), GCODE_OK);
	}
}

static void waiting(void **state)
{
	const double home_mm[MOVE_AXES] = { -3, 0, 0, 0 };

	(void)state;
	s.answer = -EINPROGRESS;
	assert_int_equal(run("G28 X\n"), GCODE_WAIT);
	assert_true(gcode_busy(&g));
	assert_int_equal(run("G1 X1"), GCODE_AGAIN);
	assert_int_equal(gcode_exec_now(&g, "STATUS", 6, 1), GCODE_OK);
	assert_non_null(strstr(s.replies, "waiting for G28 X\n"));
	assert_int_equal(gcode_exec_now(&g, "G1 X1", 5, 1), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "G1 can't run out of band"));
	gcode_set_position(&g, 1u << AXIS_X, home_mm);
	stub_clear(&s);
	gcode_resume(&g, NULL);
	assert_string_equal(s.replies, "");
	assert_int_equal(run("G91"), GCODE_OK);
	assert_int_equal(run("G1 X1"), GCODE_OK);
	assert_string_equal(s.log, "move -2 0 0 0 F25;");

	s.answer = -EINPROGRESS;
	assert_int_equal(run("M400"), GCODE_WAIT);
	stub_clear(&s);
	gcode_resume(&g, "motion stopped");
	assert_string_equal(s.replies, "!! line 7 \"M400\": motion stopped\n");
	gcode_resume(&g, "again"); /* nothing waits: nothing happens */
	assert_string_equal(s.replies, "!! line 7 \"M400\": motion stopped\n");

	s.answer = -EINPROGRESS;
	assert_int_equal(run("M400"), GCODE_WAIT);
	assert_int_equal(gcode_exec_now(&g, "m112\n", 5, 1), GCODE_OK);
	assert_false(gcode_busy(&g));
}

/* A machine without any optional operation: errors, never a crash. */
static void bare_machine(void **state)
{
	static const char *const line[] = {
		"G1 X1",
		"G4 P1",
		"G28",
		"M204 S5",
		"M84",
		"M104 S9",
		"M112",
		"RESTART",
		"SET_VELOCITY_LIMIT",
		"SET_VELOCITY_LIMIT ACCEL=5",
		"SET_KINEMATIC_POSITION",
	};
	static const char *const fine[] = { "M400",   "M106",         "M114",   "M105",
					    "STATUS", "GET_POSITION", "M117 x", "HELP" };

	(void)state;
	s.ops = (struct gcode_ops){ .ctx = &s, .reply = stub_reply };
	for (size_t i = 0; i < sizeof(line) / sizeof(*line); i++) {
		if (run(line[i]) != GCODE_ERROR)
			fail_msg("\"%s\" accepted", line[i]);
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
		if (run(fine[i]) != GCODE_OK)
			fail_msg("\"%s\": %s", fine[i], s.replies);
	}
}

/* Ten million relative E moves of 0.1 mm (not a binary fraction): within 1e-9 mm of the sum. A
 * plain double sum is off by 1.6e-4 mm here. */
static void no_drift(void **state)
{
	double plain = 0, want = 0.1 * 10e6;
	double user_mm[MOVE_AXES];

	(void)state;
	s.quiet = true;
	assert_int_equal(run("M83"), GCODE_OK);
	for (int i = 0; i < 10000000; i++) {
		plain += 0.1;
		if (gcode_exec(&g, "G1 E.1", 6, 1) != GCODE_OK)
			fail_msg("%s", s.replies);
	}
	print_message("plain sum %.3g mm off, here %.3g mm\n", plain - want,
		      s.last.position_mm[AXIS_E] - want);
	assert_true(fabs(plain - want) > 1e-5);
	assert_true(fabs(s.last.position_mm[AXIS_E] - want) < 1e-9);
	assert_int_equal(s.moves, 10000000);
	/* G92 back to where it began, then the same in absolute mode, reset 10,000 times. */
	assert_int_equal(run("M82"), GCODE_OK);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(gcode_exec(&g, "G92 E0", 6, 1), GCODE_OK);
		assert_int_equal(gcode_exec(&g, "G1 E.1", 6, 1), GCODE_OK);
	}
	assert_true(fabs(s.last.position_mm[AXIS_E] - (want + 1000)) < 1e-9);
	gcode_user_position(&g, user_mm);
	assert_true(fabs(user_mm[AXIS_E] - 0.1) < 1e-12);
}

/* Absolute coordinates reach the machine bit for bit when nothing is in between. */
static void absolute_is_exact(void **state)
{
	char text[64];

	(void)state;
	s.quiet = true;
	for (int i = 1; i < 100000; i++) {
		int len = snprintf(text, sizeof(text), "G1 X%d.%03d", i % 300, i % 1000);

		assert_int_equal(gcode_exec(&g, text, (size_t)len, 1), GCODE_OK);
		if (s.last.position_mm[AXIS_X] != strtod(text + 4, NULL))
			fail_msg("%s: %.17g", text, s.last.position_mm[AXIS_X]);
	}
}

static void too_long(void **state)
{
	char text[GCODE_LINE_MAX + 1];

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "G1 X1", 5);
	assert_int_equal(gcode_exec(&g, text, sizeof(text), 3), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "4097 characters: expected at most 4096"));
	assert_int_equal(gcode_exec(&g, text, GCODE_LINE_MAX, 3), GCODE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(commands, setup),
		cmocka_unit_test_setup(replies, setup),
		cmocka_unit_test_setup(bad_lines, setup),
		cmocka_unit_test_setup(refused_by_machine, setup),
		cmocka_unit_test_setup(waiting, setup),
		cmocka_unit_test_setup(bare_machine, setup),
		cmocka_unit_test_setup(no_drift, setup),
		cmocka_unit_test_setup(absolute_is_exact, setup),
		cmocka_unit_test_setup(too_long, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
