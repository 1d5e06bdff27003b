/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_gcode_objects.c - EXCLUDE_OBJECT: what is passed over, and the way back to the print.
 *
 * Shown: lists, names, replies and errors of the four commands; a new print forgets the one before; moves
 * of an excluded object reach nobody; the E of the rest is the same in absolute and relative mode, with
 * any G92 and retraction in between; the way back rises, travels and goes down, and begins lines where
 * they begin. At random: a print of several objects with some excluded makes, for the others, the
 * same lines as without, and never a line or a dive anywhere else.
 * Repeat: STEPD_SEED; STEPD_TEST_SIZE for more.
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

#include "daemon/gcode/gcode_objects.h"
#include "gcode_stub.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

static struct gcode g;
static struct stub s;
static struct gcode_objects o;

static int setup(void **state)
{
	(void)state;
	stub_init(&s, &g);
	gcode_objects_attach(&g, &o);
	g.retract = (struct gcode_retract){
		.available = true, .length_mm = 0.8, .speed_mm_s = 40, .unretract_speed_mm_s = 30
	};
	return 0;
}

static enum gcode_result run(const char *text)
{
	return gcode_exec(&g, text, strlen(text), 7);
}

static void lines(const char *text)
{
	const char *bad = stub_lines(&g, text);

	if (bad)
		fail_msg("\"%s\": %s", bad, s.replies);
}

/* ---- commands ---- */

static void lists(void **state)
{
	(void)state;
	lines("EXCLUDE_OBJECT_DEFINE|EXCLUDE_OBJECT");
	assert_string_equal(s.replies, "// objects: none\n// excluded objects: none\n");
	lines("EXCLUDE_OBJECT_DEFINE NAME=cube_1 CENTER=10,20.5 POLYGON=[[0,0],[9.5,-1e1],[+9,9]]|"
	      "EXCLUDE_OBJECT_DEFINE NAME='a b'|exclude_object name=CUBE_1");
	stub_clear(&s);
	lines("EXCLUDE_OBJECT_START NAME=\"A B\"|EXCLUDE_OBJECT_DEFINE|EXCLUDE_OBJECT");
	assert_string_equal(s.replies, "// objects: CUBE_1 (excluded) A B (current)\n"
				       "// excluded objects: CUBE_1\n");
	stub_clear(&s);
	lines("EXCLUDE_OBJECT_DEFINE JSON=1");
	assert_string_equal(s.replies, "// {\"name\":\"CUBE_1\",\"center\":[10,20.5],"
				       "\"polygon\":[[0,0],[9.5,-1e1],[+9,9]],\"excluded\":true}\n"
				       "// {\"name\":\"A B\",\"excluded\":false}\n");
	stub_clear(&s);
	lines("STATUS");
	assert_non_null(strstr(s.replies, "// objects: 2, 1 of them excluded, now A B\n"));
	stub_clear(&s);
	lines("EXCLUDE_OBJECT CURRENT=1|EXCLUDE_OBJECT RESET=1 NAME=cube_1|EXCLUDE_OBJECT RESET=1|"
	      "EXCLUDE_OBJECT RESET=1|EXCLUDE_OBJECT NAME=CUBE_1|EXCLUDE_OBJECT NAME=CUBE_1");
	assert_string_equal(s.replies, "// A B is left out from here on\n"
				       "// CUBE_1 is printed again\n"
				       "// A B is printed again\n"
				       "// CUBE_1 is left out from here on\n");
	stub_clear(&s);
	lines("EXCLUDE_OBJECT_DEFINE RESET=1|EXCLUDE_OBJECT_DEFINE");
	assert_string_equal(s.replies, "// objects: none\n");
	/* Out of band, in the middle of whatever there is. */
	lines("EXCLUDE_OBJECT_DEFINE NAME=a");
	assert_int_equal(gcode_exec_now(&g, "EXCLUDE_OBJECT NAME=a", 21, 1), GCODE_OK);
	assert_true(o.object[0].excluded);
}

static void bad_commands(void **state)
{
	static const struct {
		const char *line, *want;
	} row[] = {
		{ "EXCLUDE_OBJECT NAME=B",
		  "NAME=B: expected a name that EXCLUDE_OBJECT_DEFINE lists" },
		{ "EXCLUDE_OBJECT CURRENT=1", "CURRENT=1: there is no object at this moment" },
		{ "EXCLUDE_OBJECT CURRENT=1 NAME=A", "CURRENT=1: expected no NAME" },
		{ "EXCLUDE_OBJECT RESET=1 NAME=B", "NAME=B: expected a name" },
		{ "EXCLUDE_OBJECT RESET=x", "RESET=x: expected a decimal number" },
		{ "EXCLUDE_OBJECT FOO=1", "FOO: expected only" },
		{ "EXCLUDE_OBJECT_END", "expected EXCLUDE_OBJECT_START before it" },
		{ "EXCLUDE_OBJECT_START", "EXCLUDE_OBJECT_START: expected NAME=<object>" },
		{ "EXCLUDE_OBJECT_START NAME=\"\"", "NAME: expected a name of 1 to 255 characters" },
		{ "EXCLUDE_OBJECT_START NAME=a\\b", "NAME=a\\b: expected printable characters" },
		{ "EXCLUDE_OBJECT_START NAME=a\x01", "NAME=a\\x01: expected printable characters" },
		{ "EXCLUDE_OBJECT_START NAME=\xc3(", "expected printable characters" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c CENTER=1", "CENTER: expected two numbers" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c CENTER=1,2,3", "CENTER: expected two numbers" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c CENTER=1,nan", "CENTER: expected two numbers" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c POLYGON=[]", "POLYGON: expected points" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c POLYGON=[[1,2]", "POLYGON: expected points" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c POLYGON=[[1,2],]", "POLYGON: expected points" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c POLYGON=[[1,2][3,4]]", "POLYGON: expected points" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c POLYGON=[[1,2,3]]", "POLYGON: expected points" },
		{ "EXCLUDE_OBJECT_DEFINE NAME=c POLYGON=1", "POLYGON: expected points" },
		{ "EXCLUDE_OBJECT_DEFINE CENTER=1,2", "expected NAME=<object>" },
	};
	struct gcode before;
	struct gcode_objects *was = malloc(sizeof(*was));

	(void)state;
	assert_non_null(was);
	lines("EXCLUDE_OBJECT_DEFINE NAME=A");
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		stub_clear(&s);
		before = g;
		*was = o;
		if (run(row[i].line) != GCODE_ERROR)
			fail_msg("\"%s\" accepted", row[i].line);
		if (!strstr(s.replies, row[i].want))
			fail_msg("\"%s\": %s", row[i].line, s.replies);
		before.errors++;
		before.failures++;
		before.acts = g.acts;
		before.lines++;
		before.line = g.line;
		assert_memory_equal(&before, &g, sizeof(g));
		assert_memory_equal(was, &o, sizeof(o));
	}
	free(was);
	lines("EXCLUDE_OBJECT_START NAME=A");
	assert_int_equal(run("EXCLUDE_OBJECT_END NAME=B"), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "NAME=B: expected the object that was started, A"));
	lines("EXCLUDE_OBJECT_END NAME=a");
}

/* The same file printed again begins with what it began with; another object does not. */
static void new_print(void **state)
{
	(void)state;
	lines("EXCLUDE_OBJECT_DEFINE NAME=A|EXCLUDE_OBJECT_DEFINE NAME=B|EXCLUDE_OBJECT NAME=B|"
	      "EXCLUDE_OBJECT_DEFINE NAME=A CENTER=1,2");
	assert_true(o.object[1].excluded); /* nothing has been printed yet */
	lines("EXCLUDE_OBJECT_START NAME=A|EXCLUDE_OBJECT_END|EXCLUDE_OBJECT_DEFINE NAME=C");
	assert_int_equal(o.count, 3);
	assert_true(o.object[1].excluded);
	lines("EXCLUDE_OBJECT_DEFINE NAME=A");
	assert_int_equal(o.count, 1);
	assert_false(o.object[0].excluded);
}

static void full_lists(void **state)
{
	char text[GCODE_LINE_MAX + 1], polygon[3900] = "[";
	unsigned n = 0;

	(void)state;
	for (size_t len = 1; len < sizeof(polygon) - 20; len += 6)
		snprintf(polygon + len, sizeof(polygon) - len, "[0,0],");
	polygon[strlen(polygon) - 1] = ']';
	for (; n < 1000; n++) {
		snprintf(text, sizeof(text), "EXCLUDE_OBJECT_DEFINE NAME=N%u POLYGON=%s", n,
			 polygon);
		if (run(text) != GCODE_OK)
			break;
	}
	assert_int_equal(n, (GCODE_OBJECT_TEXT - 1) / (strlen(polygon) + 1 + 4));
	assert_non_null(strstr(s.replies, "expected names and polygons of at most 262144 bytes"));
	/* The same file once more: its polygons take no more room. */
	o.text_used = 1 + 10 * 4096;
	for (n = 0; n < 1000; n++) {
		snprintf(text, sizeof(text), "EXCLUDE_OBJECT_DEFINE NAME=N5 POLYGON=%s", polygon);
		assert_int_equal(run(text), GCODE_OK);
	}
	assert_int_equal(o.text_used, 1 + 10 * 4096);
	lines("EXCLUDE_OBJECT_DEFINE RESET=1");
	for (n = 0; n <= GCODE_OBJECTS_MAX; n++) {
		snprintf(text, sizeof(text), "EXCLUDE_OBJECT_DEFINE NAME=N%u", n);
		if (run(text) != GCODE_OK)
			break;
	}
	assert_int_equal(n, GCODE_OBJECTS_MAX);
	assert_non_null(strstr(s.replies, "expected at most 1024 objects"));
}

/* ---- moves ---- */

/* Object B is excluded. The log is what the machine is asked for. */
static void passing_over(void **state)
{
	static const struct {
		const char *lines, *log;
	} row[] = {
		/* A travel after it goes straight there; nothing else has happened. */
		{ "G1 X1|EXCLUDE_OBJECT_START NAME=B|G1 X50 Y50 E5|G1 X60 E6|EXCLUDE_OBJECT_END|G1 X9 Y9|"
		  "G1 X10 E6.5",
		  "move 1 0 0 0 F25;move 9 9 0 0 F25;move 10 9 0 0.5 F25;" },
		{ "M83|EXCLUDE_OBJECT_START NAME=B|G1 X50 E5|EXCLUDE_OBJECT_END|G1 X9|G1 X10 E.5",
		  "move 9 0 0 0 F25;move 10 0 0 0.5 F25;" },
		{ "EXCLUDE_OBJECT_START NAME=B|G1 X50 E5|G92 E0|G1 X51 E2|EXCLUDE_OBJECT_END|G1 X9|"
		  "G1 X10 E2.5",
		  "move 9 0 0 0 F25;move 10 0 0 0.5 F25;" },
		/* A line that goes on from where the object ended begins there. */
		{ "EXCLUDE_OBJECT_START NAME=B|G1 X50 Y50 E5|EXCLUDE_OBJECT_END|G1 X60 E6 F600",
		  "move 50 50 0 0 F10;move 60 50 0 1 F10;" },
		/* Retracted when it began, and the G-code has been primed since: prime at the place. */
		{ "M83|G1 X1 E3|G1 E-.8 F1800|EXCLUDE_OBJECT_START NAME=B|G1 X50 F6000|G1 E.8 F1800|"
		  "G1 X60 E2 F600|EXCLUDE_OBJECT_END|G1 X70 F6000|G1 X80 E1 F600",
		  "move 1 0 0 3 F25;move 1 0 0 2.2 F30;move 70 0 0 2.2 F100;move 70 0 0 3 F30;"
		  "move 80 0 0 4 F10;" },
		/* Retracted in the object: retract before the travel. */
		{ "M83|G1 X1 E3|EXCLUDE_OBJECT_START NAME=B|G1 X50 E2|G1 E-.8 F1800|EXCLUDE_OBJECT_END|"
		  "G1 X70 F6000|G1 E.8 F1800|G1 X80 E1 F600",
		  "move 1 0 0 3 F25;move 1 0 0 2.2 F30;move 70 0 0 2.2 F100;move 70 0 0 3 F30;"
		  "move 80 0 0 4 F10;" },
		/* The same on both sides: nothing to do. */
		{ "M83|G1 X1 E3|G1 E-.8|EXCLUDE_OBJECT_START NAME=B|G1 X50|G1 E.8|G1 X60 E2|G1 E-.8|"
		  "EXCLUDE_OBJECT_END|G1 X70|G1 E.8|G1 X80 E1",
		  "move 1 0 0 3 F25;move 1 0 0 2.2 F25;move 70 0 0 2.2 F25;move 70 0 0 3 F25;"
		  "move 80 0 0 4 F25;" },
		{ "G1 X1 E3|EXCLUDE_OBJECT_START NAME=B|G1 X50 E5|G10|EXCLUDE_OBJECT_END|G1 X70|G11|"
		  "G1 X80 E6",
		  "move 1 0 0 3 F25;move 1 0 0 2.2 F40;move 70 0 0 2.2 F25;move 70 0 0 3 F30;"
		  "move 80 0 0 4 F25;" },
		{ "G1 X1 E3|G10|EXCLUDE_OBJECT_START NAME=B|G1 X40|G11|G1 X50 E5|EXCLUDE_OBJECT_END|G1 X70|"
		  "G1 X80 E6",
		  "move 1 0 0 3 F25;move 1 0 0 2.2 F40;move 70 0 0 2.2 F25;move 70 0 0 3 F30;"
		  "move 80 0 0 4 F25;" },
		/* A purge in the object is not made, one before it is. */
		{ "M83|G1 E5|EXCLUDE_OBJECT_START NAME=B|G1 X50|G1 E9|G1 X60 E1|EXCLUDE_OBJECT_END|G1 X70|"
		  "G1 X80 E1",
		  "move 0 0 0 5 F25;move 70 0 0 5 F25;move 80 0 0 6 F25;" },
		/* Half of it back, and a line at once: that is where the filament ends now. */
		{ "M83|G1 X1 E3|G1 E-2|G1 E1|EXCLUDE_OBJECT_START NAME=B|G1 X50 E1|G1 E-.5|G1 E.7|"
		  "EXCLUDE_OBJECT_END|G1 X60|G1 X70 E1",
		  "move 1 0 0 3 F25;move 1 0 0 1 F25;move 1 0 0 2 F25;move 60 0 0 2 F25;"
		  "move 70 0 0 3 F25;" },
		{ "M83|G1 X1 E3|G1 E-3|G1 E1|G1 X2 E1|G1 E-.5|EXCLUDE_OBJECT_START NAME=B|G1 E.7|G1 X50 E1|"
		  "EXCLUDE_OBJECT_END|G1 X60|G1 X70 E1",
		  "move 1 0 0 3 F25;move 1 0 0 0 F25;move 1 0 0 1 F25;move 2 0 0 2 F25;"
		  "move 2 0 0 1.5 F25;move 60 0 0 1.5 F25;move 60 0 0 2 F25;move 70 0 0 3 F25;" },
		/* A wipe behind it: retract, then travel. */
		{ "M83|G1 X1 E3|EXCLUDE_OBJECT_START NAME=B|G1 X50 E1|EXCLUDE_OBJECT_END|G1 X60 E-.5",
		  "move 1 0 0 3 F25;move 1 0 0 2.5 F25;move 60 0 0 2.5 F25;" },
		/* Rise, travel, go down: never lower than where it stands on the way. */
		{ "G1 X1 Z.4|EXCLUDE_OBJECT_START NAME=B|G1 X50 E5|EXCLUDE_OBJECT_END|G1 Z1|G1 X70|G1 Z.4",
		  "move 1 0 0.4 0 F25;move 1 0 1 0 F25;move 70 0 1 0 F25;move 70 0 0.4 0 F25;" },
		{ "G1 X1 Z50|EXCLUDE_OBJECT_START NAME=B|G1 X50 Z10 E5|EXCLUDE_OBJECT_END|G1 Z11|G1 X70|"
		  "G1 Z.2",
		  "move 1 0 50 0 F25;move 70 0 50 0 F25;move 70 0 11 0 F25;move 70 0 0.2 0 F25;" },
		{ "G1 X1 Z5|EXCLUDE_OBJECT_START NAME=B|G1 X50 Z6 E5|EXCLUDE_OBJECT_END|G1 X70 Z8",
		  "move 1 0 5 0 F25;move 1 0 8 0 F25;move 70 0 8 0 F25;" },
		{ "G1 X1 Z5|EXCLUDE_OBJECT_START NAME=B|G1 X50 Z6 E5|EXCLUDE_OBJECT_END|G1 X70 E6",
		  "move 1 0 5 0 F25;move 1 0 6 0 F25;move 50 0 6 0 F25;move 70 0 6 1 F25;" },
		/* What needs no X and Y is done where it stands: retract, rise, purge. */
		{ "G1 X1 Z5 E3|EXCLUDE_OBJECT_START NAME=B|G1 X50 E5|EXCLUDE_OBJECT_END|G1 E4.2|G1 Z9|G1 E15|"
		  "EXCLUDE_OBJECT_START NAME=B|G1 E14.5|G1 E16|EXCLUDE_OBJECT_END|G1 X60",
		  "move 1 0 5 3 F25;move 1 0 5 2.2 F25;move 1 0 9 2.2 F25;move 1 0 9 13 F25;"
		  "move 60 0 9 13 F25;" },
		/* Several objects in a row; arcs. */
		{ "EXCLUDE_OBJECT_START NAME=B|G1 X5 E1|EXCLUDE_OBJECT_START NAME=C|G1 X9|G1 X10 E2|"
		  "EXCLUDE_OBJECT_START NAME=B|G1 X20 E3|EXCLUDE_OBJECT_END|G1 X30",
		  "move 9 0 0 0 F25;move 10 0 0 1 F25;move 30 0 0 1 F25;" },
		{ "EXCLUDE_OBJECT_START NAME=B|G2 X2 R1 E1|EXCLUDE_OBJECT_END|G2 X3 Y1 I1 E2",
		  "move 2 0 0 0 F25;move 3 1 0 1 F25;" },
		/* M221 and absolute E. */
		{ "M221 S200|EXCLUDE_OBJECT_START NAME=B|G1 X5 E5|EXCLUDE_OBJECT_END|G1 X6|G1 X7 E6",
		  "move 6 0 0 0 F25;move 7 0 0 2 F25;" },
		/* Not excluded any more in its middle; excluded in its middle. */
		{ "EXCLUDE_OBJECT_START NAME=B|G1 X5 E1|EXCLUDE_OBJECT NAME=B RESET=1|G1 X6 E2",
		  "move 5 0 0 0 F25;move 6 0 0 1 F25;" },
		{ "EXCLUDE_OBJECT_START NAME=C|G1 X5 E1|EXCLUDE_OBJECT CURRENT=1|G1 X6 E2|"
		  "EXCLUDE_OBJECT_END|G1 X7|G1 X8 E3",
		  "move 5 0 0 1 F25;move 7 0 0 1 F25;move 8 0 0 2 F25;" },
		/* Homing and names of positions end it: what is not said stays as it was. */
		{ "EXCLUDE_OBJECT_START NAME=B|G1 X5 E1|EXCLUDE_OBJECT_END|SET_KINEMATIC_POSITION X=3|G1 X4",
		  "position 1 3 0 0;move 4 0 0 0 F25;" },
		/* The offset, with a move, in the object and behind it. */
		{ "EXCLUDE_OBJECT_START NAME=B|G1 X5 Y5 E1|SET_GCODE_OFFSET Z=1 MOVE=1|EXCLUDE_OBJECT_END|"
		  "G1 X7",
		  "move 0 0 1 0 F25;move 7 5 1 0 F25;" },
		{ "SAVE_GCODE_STATE|EXCLUDE_OBJECT_START NAME=B|G1 X5 E1|EXCLUDE_OBJECT_END|"
		  "RESTORE_GCODE_STATE MOVE=1|G1 X1 E1",
		  "move 1 0 0 1 F25;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		setup(NULL);
		g.arcs.tolerance_mm = 1;
		lines("EXCLUDE_OBJECT_DEFINE NAME=B|EXCLUDE_OBJECT NAME=B");
		lines(row[i].lines);
		if (strcmp(s.log, row[i].log) != 0)
			fail_msg("%s:\n  have %s\n  want %s", row[i].lines, s.log, row[i].log);
	}
}

/* The way back in pieces, and refused. */
static void way_back_full(void **state)
{
	(void)state;
	lines("EXCLUDE_OBJECT_DEFINE NAME=B|EXCLUDE_OBJECT NAME=B|G1 X1 Z5|"
	      "EXCLUDE_OBJECT_START NAME=B|G1 X50 Z6 E5|EXCLUDE_OBJECT_END");
	s.reach_mm = 60;
	stub_clear(&s);
	assert_int_equal(run("G1 X70 Z7 E6"), GCODE_ERROR);
	assert_string_equal(s.log, "");
	s.room = 1;
	assert_int_equal(run("G1 X60 Z7 E6"), GCODE_WAIT);
	assert_string_equal(s.log, "move 1 0 6 0 F25;");
	s.room = 1;
	gcode_poll(&g);
	s.room = -1;
	gcode_poll(&g);
	assert_false(gcode_busy(&g));
	assert_string_equal(s.log, "move 1 0 6 0 F25;move 50 0 6 0 F25;move 60 0 7 1 F25;");
	stub_clear(&s);
	lines("G1 X61 E7");
	assert_string_equal(s.log, "move 61 0 7 2 F25;");
}

/* ---- at random ---- */

enum { RANDOM_OBJECTS = 5, RANDOM_LINES_MAX = 20000 };

struct line {
	double from_mm[3], to_mm[3], e_mm;
};

static struct {
	struct line line[RANDOM_LINES_MAX];
	unsigned count;
	double at_mm[MOVE_AXES];
	double front_mm; /* E of the filament's end when it is not retracted */
	double top_mm;   /* highest printed so far */
	bool dived;
} seen;

/* Notes each line (motion in XY with filament), and dives: Z below what is printed, while travelling. */
static int watch(void *ctx, const struct gcode_target *t, char *err)
{
	const double *to = t->position_mm, *at = seen.at_mm;
	bool travels = to[AXIS_X] != at[AXIS_X] || to[AXIS_Y] != at[AXIS_Y];
	double e_mm = to[AXIS_E] - at[AXIS_E];

	(void)ctx;
	(void)err;
	if (travels && e_mm > 0) {
		struct line *l = &seen.line[seen.count++];

		assert_true(seen.count <= RANDOM_LINES_MAX);
		memcpy(l->from_mm, at, sizeof(l->from_mm));
		memcpy(l->to_mm, to, sizeof(l->to_mm));
		l->e_mm = e_mm;
		seen.top_mm = fmax(seen.top_mm, to[AXIS_Z]);
		/* Primed in full before the line: no more, no less. */
		if (fabs(at[AXIS_E] - seen.front_mm) > 1e-9)
			fail_msg("a line begins %.6f mm from the filament's front",
				 at[AXIS_E] - seen.front_mm);
	}
	if (travels && to[AXIS_Z] < seen.top_mm - 1e-9)
		seen.dived = true;
	if (!travels && to[AXIS_E] > seen.front_mm + 1e-9)
		fail_msg("%.6f mm of filament at rest", to[AXIS_E] - seen.front_mm);
	seen.front_mm = fmax(seen.front_mm, to[AXIS_E]);
	memcpy(seen.at_mm, to, sizeof(seen.at_mm));
	return 0;
}

static uint64_t random_state;

static double uniform(double lo, double hi)
{
	return random_uniform(&random_state, lo, hi);
}

struct slicer {
	bool relative, firmware, hop;
	double e_mm, z_mm;
	bool retracted;
};

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (run(text) != GCODE_OK)
		fail_msg("%s: %s", text, s.replies);
}

static void move_e(struct slicer *c, const char *words, double by_mm)
{
	c->e_mm = c->relative ? 0 : c->e_mm;
	c->e_mm += by_mm;
	say("G1 %s E%.5f F1800", words, c->e_mm);
}

static void slice_retract(struct slicer *c, bool retract)
{
	if (c->retracted == retract)
		return;
	c->retracted = retract;
	if (c->firmware)
		say(retract ? "G10" : "G11");
	else
		move_e(c, "", retract ? -0.8 : 0.8);
	if (c->hop)
		say("G1 Z%.3f F600", c->z_mm + (retract ? 0.6 : 0));
}

/* One object in one layer. The commands that belong to the travel are in the object or before it. */
static void slice_object(struct slicer *c, int i)
{
	bool early = uniform(0, 1) < 0.5, retracts = uniform(0, 1) < 0.8;
	char words[64];

	if (early)
		say("EXCLUDE_OBJECT_START NAME=O%d", i);
	if (retracts)
		slice_retract(c, true);
	say("G0 X%.3f Y%.3f F9000", 50.0 * i + 1, uniform(0, 10));
	if (!early)
		say("EXCLUDE_OBJECT_START NAME=O%d", i);
	slice_retract(c, false);
	if (c->hop)
		say("G1 Z%.3f", c->z_mm);
	for (int k = (int)uniform(1, 8); k > 0; k--) {
		snprintf(words, sizeof(words), "X%.3f Y%.3f", 50.0 * i + uniform(0, 10),
			 uniform(0, 10));
		move_e(c, words, uniform(0.01, 2));
		if (uniform(0, 1) < 0.05) {
			say("G92 E0");
			c->e_mm = 0;
		}
		if (uniform(0, 1) < 0.1) { /* a wipe, then on */
			snprintf(words, sizeof(words), "X%.3f", 50.0 * i + uniform(0, 10));
			move_e(c, words, -0.5);
			move_e(c, "", 0.5);
		}
	}
	if (uniform(0, 1) < 0.5)
		slice_retract(c, true);
	say("EXCLUDE_OBJECT_END NAME=O%d", i);
}

/* Print five objects, those in mask left out, one of them (or -1) in the middle. */
static void print_objects(uint64_t seed, uint32_t mask, int later)
{
	struct slicer c = { .e_mm = 0 };

	stub_init(&s, &g);
	gcode_objects_attach(&g, &o);
	s.ops.move = watch;
	g.retract = (struct gcode_retract){
		.available = true, .length_mm = 0.8, .speed_mm_s = 40, .unretract_speed_mm_s = 30
	};
	memset(&seen, 0, sizeof(seen));
	random_state = seed;
	c.relative = uniform(0, 1) < 0.5;
	c.firmware = uniform(0, 1) < 0.3;
	c.hop = uniform(0, 1) < 0.5;
	for (int i = 0; i < RANDOM_OBJECTS; i++)
		say("EXCLUDE_OBJECT_DEFINE NAME=o%d", i);
	for (int i = 0; i < RANDOM_OBJECTS; i++)
		if (mask & 1u << i)
			say("EXCLUDE_OBJECT NAME=O%d", i);
	say(c.relative ? "M83" : "M82");
	for (int layer = 0; layer < 12; layer++) {
		c.z_mm = 0.2 * (layer + 1);
		if (!c.hop || !c.retracted)
			say("G1 Z%.3f F600", c.z_mm);
		for (int i = 0; i < RANDOM_OBJECTS; i++)
			slice_object(&c, i);
		if (layer == 5 && later >= 0)
			say("EXCLUDE_OBJECT NAME=O%d", later);
	}
}

static int object_of(const struct line *l)
{
	return (int)floor(l->to_mm[0] / 50 + 1e-6);
}

static unsigned long compared;

static void compare(const struct line *all, unsigned all_count, uint32_t mask, int later)
{
	unsigned n = 0;

	for (unsigned i = 0; i < all_count; i++) {
		const struct line *a = &all[i], *b = &seen.line[n];
		bool left_out = mask & 1u << object_of(a) ||
				(object_of(a) == later && a->to_mm[2] > 1.3);

		if (left_out)
			continue;
		assert_true(n < seen.count);
		for (int k = 0; k < 3; k++) {
			if (fabs(a->from_mm[k] - b->from_mm[k]) > 1e-9 ||
			    fabs(a->to_mm[k] - b->to_mm[k]) > 1e-9)
				fail_msg("line %u of object %d: %c from %.4f to %.4f, expected %.4f to "
					 "%.4f",
					 i, object_of(a), "XYZ"[k], b -> from_mm[k], b -> to_mm[k],
					 a -> from_mm[k], a -> to_mm[k]);
		}
		if (fabs(a->e_mm - b->e_mm) > 1e-9)
			fail_msg("line %u: %.6f mm of filament, expected %.6f", i, b->e_mm, a->e_mm);
		n++;
	}
	assert_int_equal(n, seen.count);
	compared += n;
	assert_false(seen.dived);
}

static void random_prints(void **state)
{
	static struct line all[RANDOM_LINES_MAX];
	uint64_t seed = simrun_seed(1);

	(void)state;
	for (unsigned i = 0; i < 200 * simrun_size(); i++) {
		uint32_t mask;
		int later;
		unsigned count;

		random_step(&seed);
		print_objects(seed, 0, -1);
		count = seen.count;
		memcpy(all, seen.line, sizeof(all));
		assert_false(seen.dived);
		mask = (uint32_t)(seed >> 40) & 31;
		later = (int)(seed >> 50) % RANDOM_OBJECTS;
		print_objects(seed, mask, later);
		compare(all, count, mask, later);
	}
	print_message("%lu lines are the same\n", compared);
	assert_true(compared > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lists, setup),
		cmocka_unit_test_setup(bad_commands, setup),
		cmocka_unit_test_setup(new_print, setup),
		cmocka_unit_test_setup(full_lists, setup),
		cmocka_unit_test_setup(passing_over, setup),
		cmocka_unit_test_setup(way_back_full, setup),
		cmocka_unit_test_setup(random_prints, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
