/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_gcode_motion.c - arcs, firmware retraction, offsets and saved states, skew, in the interpreter.
 *
 * Shown: the moves that each command asks for, with E absolute and relative, in mm and inches, after
 * G92, M220 and M221; replies; errors that leave no trace; a machine that is full in the middle of an
 * arc, refuses one point of it, or stops; positions that stay consistent when transforms and the
 * machine's position change.
 * How: against a machine that writes down what it is asked for (gcode_stub.h).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/gcode/gcode_path.h"
#include "gcode_stub.h"

static struct gcode g;
static struct stub s;

static int setup(void **state)
{
	(void)state;
	stub_init(&s, &g);
	g.retract = (struct gcode_retract){ .available = true,
					    .length_mm = 0.8,
					    .speed_mm_s = 40,
					    .extra_mm = 0.1,
					    .unretract_speed_mm_s = 30 };
	return 0;
}

static enum gcode_result run(const char *text)
{
	return gcode_exec(&g, text, strlen(text), 7);
}

/* Lines separated by '|'; all must be accepted. */
static void lines(const char *text)
{
	const char *bad = stub_lines(&g, text);

	if (bad)
		fail_msg("\"%s\": %s", bad, s.replies);
}

struct row {
	const char *lines, *log;
};

static void check_rows(const struct row *row, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		setup(NULL);
		g.arcs.tolerance_mm = 1; /* a quarter a piece */
		lines(row[i].lines);
		if (strcmp(s.log, row[i].log) != 0)
			fail_msg("%s:\n  have %s\n  want %s", row[i].lines, s.log, row[i].log);
	}
}
#define CHECK_ROWS(row) check_rows(row, sizeof(row) / sizeof(*(row)))

static void user_at(double x, double y, double z, double e)
{
	const double want[MOVE_AXES] = { x, y, z, e };
	double user_mm[MOVE_AXES];

	gcode_user_position(&g, user_mm);
	for (int i = 0; i < MOVE_AXES; i++) {
		if (fabs(user_mm[i] - want[i]) > 1e-9)
			fail_msg("%c reads %.12g, expected %.12g", "XYZE"[i], user_mm[i], want[i]);
	}
}

static void machine_at(double x, double y, double z, double e)
{
	const double want[MOVE_AXES] = { x, y, z, e };
	double mm[MOVE_AXES];

	gcode_machine_position(&g, mm);
	for (int i = 0; i < MOVE_AXES; i++) {
		if (fabs(mm[i] - want[i]) > 1e-9)
			fail_msg("machine %c at %.12g, expected %.12g", "XYZE"[i], mm[i], want[i]);
	}
}

/* ---- arcs ---- */

/* Radius 1 and a quarter a piece: whole numbers at the ends. cos and sin of 45 degrees with a half. */
static void arcs(void **state)
{
	static const struct row row[] = {
		{ "G3 X0 Y0 I1 F600",
		  "move 1 -1 0 0 F10;move 2 0 0 0 F10;move 1 1 0 0 F10;move 0 0 0 0 F10;" },
		{ "G2 I1 F600",
		  "move 1 1 0 0 F10;move 2 0 0 0 F10;move 1 -1 0 0 F10;move 0 0 0 0 F10;" },
		{ "G2 X1 Y1 I1 Z4 E2", "move 1 1 4 2 F25;" },
		{ "G2 X2 R1 Z4 E2", "move 1 1 2 1 F25;move 2 0 4 2 F25;" },
		/* What is relative: the end, never the center. */
		{ "G91|G1 X5 Y5|G2 X1 Y1 I1|M82|G2 X1 Y-1 J-1 E1",
		  "move 5 5 0 0 F25;move 6 6 0 0 F25;move 7 5 0 1 F25;" },
		{ "M83|G2 X1 Y1 R1 E.5|G3 X2 Y2 R1 E.5", "move 1 1 0 0.5 F25;move 2 2 0 1 F25;" },
		{ "G20|G2 X.03937007874015748 Y.03937007874015748 I.03937007874015748 F60",
		  "move 1 1 0 0 F25.4;" },
		{ "G20|G2 X.03937007874015748 Y.03937007874015748 R.03937007874015748",
		  "move 1 1 0 0 F25;" },
		{ "G1 X10 Y10|G92 X0 Y0|G2 X1 Y1 I1", "move 10 10 0 0 F25;move 11 11 0 0 F25;" },
		{ "SET_GCODE_OFFSET Z=2|G1 Z0|G2 X1 Y1 I1", "move 0 0 2 0 F25;move 1 1 2 0 F25;" },
		{ "M220 S50|M221 S200|G2 X1 Y1 I1 E1 F1200", "move 1 1 0 2 F10;" },
		/* Seen from +Y: clockwise goes from X to Z. */
		{ "G18|G2 X1 Z1 K1", "move 1 0 1 0 F25;" },
		{ "G18|G3 X1 Z1 I1 Y3", "move 1 3 1 0 F25;" },
		{ "G19|G2 Y1 Z1 J1", "move 0 1 1 0 F25;" },
		{ "G18|G17|G2 X1 Y1 I1 K0", "move 1 1 0 0 F25;" },
		{ "G2 X1 Y1 I1 F600|G1 X0", "move 1 1 0 0 F10;move 0 1 0 0 F10;" },
	};

	(void)state;
	CHECK_ROWS(row);
}

/* The tolerance in force, and the end to the bit where absolute coordinates are concerned. */
static void arc_pieces(void **state)
{
	(void)state;
	s.quiet = true;
	lines("G1 X20 Y10|G3 X20 Y10 I-10 E5");
	assert_int_equal(s.moves, 1 + 100); /* test_arc.c: 99.3 for radius 10 and 5 um */
	assert_true(s.last.position_mm[AXIS_X] == 20 && s.last.position_mm[AXIS_Y] == 10);
	assert_true(s.last.position_mm[AXIS_E] == 5);
	assert_int_equal(g.moves, 2);
	g.arcs.piece_mm_max = 0.1;
	lines("G3 X20.1 Y10.1 R3.3");
	assert_true(s.last.position_mm[AXIS_X] == 20.1 && s.last.position_mm[AXIS_Y] == 10.1);
	assert_true(g.position_mm[AXIS_X].hi == 20.1);
}

static void bad_arcs(void **state)
{
	static const struct {
		const char *line, *want;
	} row[] = {
		{ "G2 X10", "expected R, a radius, or I and J in plane G17, from the start to the" },
		{ "G2", "expected R, a radius" },
		{ "G3 X10 R", "R: expected a number, R<mm>" },
		{ "G3 X10 I", "I: expected a number, I<mm>" },
		{ "G3 X10 R4", "R=4 mm: expected at least 5.0000 mm" },
		{ "G3 R4",
		  "R=4 mm: expected an end point away from the start; a full circle needs I" },
		{ "G3 X10 I5 R5", "expected either R or I, J, K, not both" },
		{ "G3 X10 I4", "the end point is 6.0000 mm from the center: expected 4.0000 mm" },
		{ "G3 X10 I5 K1", "K: expected I and J in plane G17" },
		{ "G3 X10 I0 J0", "radius 0" },
		{ "G3 Xnan I5", "X: expected a decimal number, found \"nan I5\"" },
		{ "G3 X10 Iinf", "I: expected a decimal number" },
		{ "G3 X10 I5 F0", "F=0: expected a feed rate greater than 0" },
		{ "G3 X10 I5 P1", "P: expected only [X<mm>]" },
		{ "G3 I500000000", "expected at most 1000000 pieces" },
		{ "G17 X1", "X: expected nothing after G17" },
		{ "G10", "not available: expected a section [firmware_retraction]" },
		{ "G11", "not available: expected a section [firmware_retraction]" },
		{ "SET_RETRACTION", "not available" },
		{ "GET_RETRACTION", "not available" },
		{ "SET_GCODE_OFFSET Z=1 MOVE_SPEED=0", "MOVE_SPEED=0: expected more than 0" },
		{ "SET_GCODE_OFFSET Z=1 MOVE=x", "MOVE=x: expected a decimal number" },
		{ "SET_GCODE_OFFSET A=1", "A: expected only" },
		{ "RESTORE_GCODE_STATE", "NAME=default: expected a name that SAVE_GCODE_STATE has" },
		{ "RESTORE_GCODE_STATE NAME=a", "NAME=a: expected a name" },
		{ "SAVE_GCODE_STATE NAME=\"a\\b\"", "NAME=a\\b: expected printable characters" },
		{ "SAVE_GCODE_STATE NAME="
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "NAME: expected a name of 1 to 63 characters" },
		{ "SET_SKEW XY=1,2", "XY: expected three lengths, XY=140.4,142.8,99.8" },
		{ "SET_SKEW XY=1,2,3,4", "XY: expected three lengths" },
		{ "SET_SKEW XY=1,2,x", "XY: expected three lengths" },
		{ "SET_SKEW XZ=1,1,100", "XZ=1, 1, 100: expected the diagonals AC and BD" },
		{ "SET_SKEW CLEAR=1 YZ=0,0,0", "YZ=0, 0, 0: expected the diagonals" },
		{ "CALC_MEASURED_SKEW AC=1 BD=1", "CALC_MEASURED_SKEW: expected AD=<mm>" },
		{ "CALC_MEASURED_SKEW AC=1 BD=1 AD=9", "AC, BD, AD: 1, 1, 9: expected" },
		{ "SKEW_PROFILE", "expected one of LOAD, SAVE and REMOVE" },
		{ "SKEW_PROFILE LOAD=a SAVE=b", "expected one of LOAD, SAVE and REMOVE" },
		{ "SKEW_PROFILE LOAD=a", "LOAD=a: expected the name of a profile" },
		{ "SKEW_PROFILE REMOVE=a", "REMOVE=a: expected the name of a profile" },
	};
	struct gcode before;

	(void)state;
	lines("G92 X5 E3|M83");
	g.retract.available = false;
	g.arcs.piece_mm_max = 1;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		if (strstr(row[i].line, "G3 X10"))
			lines("G92 X0");
		stub_clear(&s);
		before = g;
		if (run(row[i].line) != GCODE_ERROR)
			fail_msg("\"%s\" accepted", row[i].line);
		if (!strstr(s.replies, row[i].want))
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

/* ---- a machine that can't take it all ---- */

static void full_machine(void **state)
{
	(void)state;
	g.arcs.tolerance_mm = 1;
	s.room = 2;
	assert_int_equal(run("G2 I1 F600"), GCODE_WAIT);
	assert_true(gcode_busy(&g) && gcode_moving(&g));
	assert_int_equal(s.moves, 2);
	machine_at(2, 0, 0, 0);
	assert_int_equal(run("G1 X5"), GCODE_AGAIN);
	gcode_poll(&g);
	assert_int_equal(s.moves, 2);
	s.room = 1;
	gcode_poll(&g);
	assert_int_equal(s.moves, 3);
	assert_true(gcode_busy(&g));
	s.room = 5;
	gcode_poll(&g);
	assert_int_equal(s.moves, 4);
	assert_false(gcode_busy(&g) || gcode_moving(&g));
	user_at(0, 0, 0, 0);
	gcode_poll(&g);
	assert_int_equal(s.moves, 4);
	assert_int_equal(g.moves, 1);
	/* Full from the start: accepted all the same. */
	s.room = 0;
	assert_int_equal(run("G2 I1"), GCODE_WAIT);
	s.room = -1;
	gcode_poll(&g);
	assert_int_equal(s.moves, 8);
	assert_string_equal(s.replies, "");
	/* A straight move comes again instead. */
	s.room = 0;
	assert_int_equal(run("SET_GCODE_OFFSET Z=1 MOVE=1"), GCODE_AGAIN);
	assert_true(g.offset_mm[AXIS_Z] == 0);
	assert_int_equal(run("G10"), GCODE_AGAIN);
	assert_false(g.retract.retracted);
}

/* One point out of reach: nothing moves. Refused or stopped on the way: the position is where the last
 * move that was taken ends. */
static void refused_on_the_way(void **state)
{
	struct gcode before;

	(void)state;
	g.arcs.tolerance_mm = 1;
	s.reach_mm = 1.5;
	before = g;
	assert_int_equal(run("G2 I1 E4 F60"), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "X=2 is out of reach"));
	assert_string_equal(s.log, "");
	assert_true(g.feed_mm_s == before.feed_mm_s);
	assert_memory_equal(before.position_mm, g.position_mm, sizeof(g.position_mm));
	s.reach_mm = 0;

	s.room = 1;
	assert_int_equal(run("G2 I1 E4"), GCODE_WAIT);
	s.room = -1;
	s.answer = -ERANGE;
	s.reason = "too thick";
	gcode_poll(&g);
	assert_non_null(strstr(s.replies, "line 7 \"G2 I1 E4\": too thick"));
	assert_false(gcode_busy(&g) || gcode_moving(&g));
	machine_at(1, 1, 0, 1);

	lines("G1 X0 Y0 E0");
	s.room = 2;
	assert_int_equal(run("G2 I1 E4"), GCODE_WAIT);
	gcode_resume(&g, "stopped");
	s.room = -1;
	stub_clear(&s);
	gcode_poll(&g);
	assert_string_equal(s.log, "");
	machine_at(2, 0, 0, 2);
}

/* ---- out of band ---- */

static enum gcode_result now(const char *line)
{
	return gcode_exec_now(&g, line, strlen(line), 9);
}

/* M220 and babysteps act at once, also on an arc that is under way; in a file they stay in their place. */
static void live(void **state)
{
	(void)state;
	lines("M220 S80|M290 Z0.5");
	assert_string_equal(s.log, "move 0 0 0.5 0 F20;");
	stub_clear(&s);
	assert_int_equal(now("M220 S50"), GCODE_OK);
	assert_int_equal(now("M290 Z-0.1"), GCODE_OK);
	assert_int_equal(now("SET_GCODE_OFFSET Z=0.6 MOVE=1"), GCODE_OK);
	assert_string_equal(s.log, "feed 0.5 1;nudge -0.1;nudge 0.2;");
	machine_at(0, 0, 0.6, 0);
	user_at(0, 0, 0, 0);
	stub_clear(&s);
	lines("G1 X1 Z1");
	assert_string_equal(s.log, "move 1 0 1.6 0 F12.5;");
	assert_true(s.last.feed_factor == 0.5 && s.last.feed_epoch == 1);
	assert_int_equal(now("SET_GCODE_OFFSET Z=0 MOVE=1"), GCODE_OK);
	lines("G1 X0 Z0");
	/* An arc that has no room yet. */
	g.arcs.tolerance_mm = 1;
	s.room = 1;
	stub_clear(&s);
	assert_int_equal(run("G2 I1"), GCODE_WAIT);
	assert_int_equal(now("M290 Z0.25"), GCODE_OK);
	assert_int_equal(now("M220 S100"), GCODE_OK);
	s.room = -1;
	gcode_poll(&g);
	assert_string_equal(s.log, "move 1 1 0 0 F12.5;nudge 0.25;feed 1 2;move 2 0 0.25 0 F12.5;"
				   "move 1 -1 0.25 0 F12.5;move 0 0 0.25 0 F12.5;");
	assert_true(s.last.feed_factor == 0.5 && s.last.feed_epoch == 1);
	user_at(0, 0, 0, 0);
	stub_clear(&s);
	/* What is refused changes nothing. */
	assert_int_equal(now("M290 Z1.5"), GCODE_ERROR);
	assert_int_equal(now("SET_GCODE_OFFSET X=1 Z=1 MOVE=1"), GCODE_ERROR);
	assert_int_equal(now("SET_GCODE_OFFSET Z=0.1"), GCODE_ERROR);
	s.answer = -ERANGE;
	s.reason = "too low";
	assert_int_equal(now("M290 Z-0.5"), GCODE_ERROR);
	s.answer = -EAGAIN;
	assert_int_equal(now("M290 Z-0.5"), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "too low"));
	assert_string_equal(s.log, "");
	assert_true(g.offset_mm[AXIS_Z] == 0.25);
	machine_at(0, 0, 0.25, 0);
}

/* ---- retraction ---- */

static void retraction(void **state)
{
	static const struct row row[] = {
		{ "G10|G11", "move 0 0 0 -0.8 F40;move 0 0 0 0.1 F30;" },
		{ "G11|G10|G10|G11|G11", "move 0 0 0 -0.8 F40;move 0 0 0 0.1 F30;" },
		/* E reads the same, absolute and relative. */
		{ "G1 E5|G10|G1 X1|G11|G1 X2 E6",
		  "move 0 0 0 5 F25;move 0 0 0 4.2 F40;move 1 0 0 4.2 F25;move 1 0 0 5.1 F30;"
		  "move 2 0 0 6.1 F25;" },
		{ "M83|G1 E5|G10|G11|G1 X2 E1",
		  "move 0 0 0 5 F25;move 0 0 0 4.2 F40;move 0 0 0 5.1 F30;move 2 0 0 6.1 F25;" },
		{ "G10|G92 E0|G11|G1 X1 E1",
		  "move 0 0 0 -0.8 F40;move 0 0 0 0.1 F30;move 1 0 0 1.1 F25;" },
		/* Filament is filament, whatever the factors; the feed of G1 is not touched. */
		{ "M220 S50|M221 S200|G1 E1 F1200|G10|G11|G1 X1 E2",
		  "move 0 0 0 2 F10;move 0 0 0 1.2 F40;move 0 0 0 2.1 F30;move 1 0 0 4.1 F10;" },
		{ "SET_RETRACTION RETRACT_LENGTH=2 RETRACT_SPEED=50|G10", "move 0 0 0 -2 F50;" },
		/* What was retracted comes back, though the length has changed. */
		{ "G10|SET_RETRACTION RETRACT_LENGTH=2 UNRETRACT_EXTRA_LENGTH=0 UNRETRACT_SPEED=9|G11",
		  "move 0 0 0 -0.8 F40;move 0 0 0 0 F9;" },
		{ "SET_RETRACTION RETRACT_LENGTH=0 UNRETRACT_EXTRA_LENGTH=0|G10|G11|G1 E1",
		  "move 0 0 0 1 F25;" },
	};

	(void)state;
	CHECK_ROWS(row);
	setup(NULL);
	lines("GET_RETRACTION");
	assert_string_equal(s.replies, "// RETRACT_LENGTH=0.80000 RETRACT_SPEED=40.00000 "
				       "UNRETRACT_EXTRA_LENGTH=0.10000 UNRETRACT_SPEED=30.00000\n");
	assert_int_equal(run("SET_RETRACTION RETRACT_LENGTH=-1"), GCODE_ERROR);
	assert_int_equal(run("SET_RETRACTION RETRACT_LENGTH=5 RETRACT_SPEED=0.5"), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "RETRACT_SPEED=0.5: expected at least 1"));
	assert_true(g.retract.length_mm == 0.8);
	s.answer = -ERANGE;
	assert_int_equal(run("G10"), GCODE_ERROR);
	assert_false(g.retract.retracted);
	user_at(0, 0, 0, 0);
}

/* ---- offsets and states ---- */

static void offsets(void **state)
{
	static const struct row row[] = {
		{ "SET_GCODE_OFFSET Z=0.2 MOVE=1|G1 Z1", "move 0 0 0.2 0 F25;move 0 0 1.2 0 F25;" },
		{ "SET_GCODE_OFFSET Z=0.2 MOVE=1 MOVE_SPEED=5", "move 0 0 0.2 0 F5;" },
		{ "M220 S50|SET_GCODE_OFFSET X=1 MOVE=1", "move 1 0 0 0 F12.5;" },
		{ "SET_GCODE_OFFSET Z_ADJUST=.1 MOVE=1|SET_GCODE_OFFSET Z_ADJUST=.1 MOVE=1",
		  "move 0 0 0.1 0 F25;move 0 0 0.2 0 F25;" },
		{ "SET_GCODE_OFFSET Z=1 MOVE=1|SET_GCODE_OFFSET Z=0 MOVE=1",
		  "move 0 0 1 0 F25;move 0 0 0 0 F25;" },
		{ "SET_GCODE_OFFSET X=1 Y=2 Z=3 E=4 MOVE=1", "move 1 2 3 4 F25;" },
		{ "SET_GCODE_OFFSET Z=1 MOVE=0|G1 X1", "move 1 0 0 0 F25;" },
		{ "SET_GCODE_OFFSET MOVE=1", "" },
		/* G92 puts its origin on top of the offset: taking the offset back moves it, too. */
		{ "SET_GCODE_OFFSET Z=1|G1 Z0|G92 Z5|SET_GCODE_OFFSET Z=0|G1 Z5",
		  "move 0 0 1 0 F25;move 0 0 0 0 F25;" },
		{ "SET_GCODE_OFFSET Z=1|G92 Z0|G1 Z1|G28 Z|G1 Z0", "move 0 0 1 0 F25;home 4;" },
		/* Millimetres, whatever G20 says. */
		{ "G20|SET_GCODE_OFFSET X=1 MOVE=1|G1 X1", "move 1 0 0 0 F25;move 26.4 0 0 0 F25;" },
	};

	(void)state;
	CHECK_ROWS(row);
	setup(NULL);
	lines("SET_GCODE_OFFSET Z=0.25|SET_GCODE_OFFSET");
	assert_string_equal(s.replies, "// X=0.0000 Y=0.0000 Z=0.2500 E=0.0000\n");
}

static void states(void **state)
{
	static const struct row row[] = {
		{ "SAVE_GCODE_STATE|G91|M83|G20|M220 S50|M221 S50|G92 X5 Y6|G1 X1 F60|"
		  "RESTORE_GCODE_STATE|G1 Y1",
		  "move 25.4 0 0 0 F12.7;move 25.4 1 0 0 F25;" },
		{ "G1 X1 Y2 Z3|SAVE_GCODE_STATE NAME=a|G1 X5 Z9 F600|RESTORE_GCODE_STATE NAME=a MOVE=1",
		  "move 1 2 3 0 F25;move 5 2 9 0 F10;move 1 2 3 0 F25;" },
		{ "SAVE_GCODE_STATE|G1 X5|RESTORE_GCODE_STATE MOVE=1 MOVE_SPEED=7",
		  "move 5 0 0 0 F25;move 0 0 0 0 F7;" },
		/* E goes on from where it is and reads as it did. */
		{ "G1 E5|SAVE_GCODE_STATE|G91|G1 E-2|RESTORE_GCODE_STATE|G1 E6",
		  "move 0 0 0 5 F25;move 0 0 0 3 F25;move 0 0 0 4 F25;" },
		{ "M221 S50|G1 E4|SAVE_GCODE_STATE|M221 S100|G1 E9|RESTORE_GCODE_STATE|G1 E6",
		  "move 0 0 0 2 F25;move 0 0 0 7 F25;move 0 0 0 8 F25;" },
		{ "SET_GCODE_OFFSET Z=1|SAVE_GCODE_STATE|SET_GCODE_OFFSET Z=0|RESTORE_GCODE_STATE|"
		  "G1 Z1|SET_GCODE_OFFSET Z=0|G1 Z1",
		  "move 0 0 2 0 F25;move 0 0 1 0 F25;" },
		{ "G18|SAVE_GCODE_STATE|G17|RESTORE_GCODE_STATE|G2 Z1 X1 K1", "move 1 0 1 0 F25;" },
		/* Names differ by case; saving again replaces. */
		{ "SAVE_GCODE_STATE NAME=a|G91|SAVE_GCODE_STATE NAME=A|G1 X1|SAVE_GCODE_STATE NAME=a|"
		  "G1 X1|RESTORE_GCODE_STATE NAME=a MOVE=1|G1 X1",
		  "move 1 0 0 0 F25;move 2 0 0 0 F25;move 1 0 0 0 F25;move 2 0 0 0 F25;" },
	};
	char text[64];

	(void)state;
	CHECK_ROWS(row);
	setup(NULL);
	for (int i = 0; i < GCODE_SAVED_MAX; i++) {
		snprintf(text, sizeof(text), "SAVE_GCODE_STATE NAME=s%d", i);
		lines(text);
	}
	assert_int_equal(run("SAVE_GCODE_STATE NAME=more"), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "NAME=more: expected one of the 32 names in use"));
	lines("SAVE_GCODE_STATE NAME=s5|RESTORE_GCODE_STATE NAME=s31");
	/* The way back is refused: nothing is restored. */
	lines("G91|G1 X1");
	s.answer = -ERANGE;
	assert_int_equal(run("RESTORE_GCODE_STATE NAME=s1 MOVE=1"), GCODE_ERROR);
	assert_true(g.relative);
}

/* ---- skew ---- */

static void skewed(void **state)
{
	const double homed_mm[MOVE_AXES] = { 20, 40, 10, 0 };

	(void)state;
	lines("G1 X100 Y50 Z10 E1");
	stub_clear(&s);
	/* An angle whose tangent is 1/3: AB = (1, 3), AD = (1, 0) times 10. */
	lines("SET_SKEW XY=36.05551275463989,30,10");
	assert_string_equal(s.log, "");
	machine_at(100, 50, 10, 1);
	user_at(100 + 50.0 / 3, 50, 10, 1); /* where the tool has been all along */
	lines("G1 X100 Y60|G1 X100");
	assert_string_equal(s.log, "move 80 60 10 1 F25;");
	assert_true(g.detour & GCODE_DETOUR_TRANSFORM);
	/* E alone: the axes stay where they are to the bit. */
	stub_clear(&s);
	lines("G1 E2");
	assert_string_equal(s.log, "move 80 60 10 2 F25;");
	/* Names of the machine's position are the machine's. */
	gcode_set_position(&g, 1u << AXIS_X, homed_mm);
	machine_at(20, 60, 10, 2);
	user_at(40, 60, 10, 2);
	gcode_set_position(&g, GCODE_MASK_ALL, homed_mm);
	machine_at(20, 40, 10, 0);
	user_at(20 + 40.0 / 3, 40, 10, 0);
	stub_clear(&s);
	lines("SET_KINEMATIC_POSITION Y=0");
	machine_at(20, 0, 10, 0);
	user_at(20, 0, 10, 0);
	lines("G92 X0|G91|G1 Y3");
	user_at(0, 3, 10, 0);
	machine_at(19, 3, 10, 0);
	lines("SET_SKEW CLEAR=1");
	machine_at(19, 3, 10, 0);
	user_at(-1, 3, 10, 0);
	assert_false(g.detour);
	stub_clear(&s);
	lines("GET_POSITION");
	assert_non_null(strstr(s.replies, "// toolhead: X:19.000000 Y:3.000000 Z:10.000000"));
}

static void skew_replies(void **state)
{
	(void)state;
	lines("CALC_MEASURED_SKEW AC=36.05551275463989 BD=30 AD=10");
	assert_string_equal(s.replies, "// skew: 0.321751 radians, 18.4349 degrees\n");
	assert_false(g.chain.active);
	stub_clear(&s);
	lines("SET_SKEW XY=36.05551275463989,30,10 XZ=\"141.421356237, 141.421356237, 100\"|SET_SKEW");
	assert_string_equal(s.replies, "// XY skew: 0.321751 radians, 18.4349 degrees\n"
				       "// XZ skew: 0.000000 radians, 0.0000 degrees\n"
				       "// YZ skew: 0.000000 radians, 0.0000 degrees\n");
	stub_clear(&s);
	lines("SKEW_PROFILE SAVE=mine|SET_SKEW CLEAR=1");
	assert_non_null(strstr(s.replies, "profile mine is kept"));
	assert_false(g.chain.active);
	lines("SKEW_PROFILE LOAD=mine");
	assert_true(fabs(g.skews.now.xy - 1.0 / 3) < 1e-12);
	stub_clear(&s);
	lines("SKEW_PROFILE REMOVE=mine|GET_CURRENT_SKEW");
	assert_non_null(strstr(s.replies, "// XY skew: 0.321751")); /* in use as it was */
	assert_int_equal(run("SKEW_PROFILE LOAD=mine"), GCODE_ERROR);
	for (int i = 0; i < GCODE_SKEW_PROFILES; i++) {
		char text[64];

		snprintf(text, sizeof(text), "SKEW_PROFILE SAVE=p%d", i);
		lines(text);
	}
	assert_int_equal(run("SKEW_PROFILE SAVE=more"), GCODE_ERROR);
	lines("SKEW_PROFILE REMOVE=p3|SKEW_PROFILE LOAD=p15|SKEW_PROFILE SAVE=more");
	assert_int_equal(run("SKEW_PROFILE LOAD=p3"), GCODE_ERROR);
}

/* An arc on a skewed machine: each point goes through the chain. */
static void skewed_arc(void **state)
{
	(void)state;
	g.arcs.tolerance_mm = 1;
	lines("SET_SKEW XY=36.05551275463989,30,10|G2 X3 Y3 I3");
	assert_string_equal(s.log, "move 2 3 0 0 F25;");
	user_at(3, 3, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(arcs, setup),
		cmocka_unit_test_setup(arc_pieces, setup),
		cmocka_unit_test_setup(bad_arcs, setup),
		cmocka_unit_test_setup(full_machine, setup),
		cmocka_unit_test_setup(refused_on_the_way, setup),
		cmocka_unit_test_setup(live, setup),
		cmocka_unit_test_setup(retraction, setup),
		cmocka_unit_test_setup(offsets, setup),
		cmocka_unit_test_setup(states, setup),
		cmocka_unit_test_setup(skewed, setup),
		cmocka_unit_test_setup(skew_replies, setup),
		cmocka_unit_test_setup(skewed_arc, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
