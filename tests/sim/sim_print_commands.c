/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_print_commands.c - what a front end says to a print, command by command, on the whole machine.
 *
 * Shown: M20 to M27 and SDCARD_RESET_FILE, their errors, progress that is the offset of a line; a disk that fails in
 * mid-print; the speed of the way back of RESUME, and that it stays paused if it can't go; CLEAR_PAUSE; what a host hears;
 * times, filament and layers of the print; M73, M117 and SET_DISPLAY_TEXT in STATUS; M118 and RESPOND in each of their forms;
 * SAVE_VARIABLE with what it refuses, and its file at the next start. A refused line changes nothing.
 * How: the machine in this process (tests/simlib/printing.h) with a folder of files of its own.
 * An argument names the cases to run. STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/printing.h"
#include "tests/simlib/simrun.h"

static char text[1 << 16];

/* The line gives that one error (or says just that). */
static void refused(struct scene *s, const char *line, const char *says)
{
	scene_hush(s);
	scene_run(s, line);
	if (s->errors != 1 || !scene_said(s, says))
		fail_msg("%s: %u errors: %s", line, s->errors, s->said);
	scene_hush(s);
	s->errors = 0;
}

static void says(struct scene *s, const char *line, const char *what)
{
	scene_hush(s);
	scene_run(s, line);
	if (s->errors || !scene_said(s, what))
		fail_msg("%s: %s, expected %s", line, s->said, what);
}

/* ---- the card ---- */

static void card(void **state)
{
	struct scene *s;
	uint64_t at;

	(void)state;
	printing_make(text, sizeof(text), 300);
	printing_file("p.gcode", text);
	s = printing_open("");
	says(s, "M21", "SD card ok");
	says(s, "M27", "Not SD printing.");
	refused(s, "M24", "expected a file to be selected before (M23)");
	refused(s, "M26 S0", "expected a file to be selected before (M23)");
	says(s, "M25", ""); /* nothing to stop */
	says(s, "M23 p.gcode", "File selected");
	refused(s, "M26 S999999", "S=999999: expected an offset in the file, 0 to ");
	refused(s, "M26 S1.5", "expected an offset in the file");
	refused(s, "M26 S-1", "expected an offset in the file");
	says(s, "M27", "SD printing byte 0/");
	says(s, "M22\nM27", "Not SD printing.");
	refused(s, "SDCARD_PRINT_FILE", "FILENAME");
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	printing_until_byte(s, 3000);
	scene_hush(s);
	batch_lines(
		&s->b,
		"M22\nM26 S0\nM23 p.gcode\nM24\nSDCARD_RESET_FILE\nSDCARD_PRINT_FILE FILENAME=p.gcode");
	assert_int_equal(s->errors, 6);
	s->errors = 0;
	assert_true(scene_said(s, "SD busy: p.gcode is being printed"));
	/* Stopped between two lines: all before the place has been made, nothing behind it. */
	batch_lines(&s->b, "M25");
	assert_true(batch_settle(&s->b));
	at = printing_of(s)->sd.position;
	assert_int_equal(printing_of(s)->stats.state, PRINT_PAUSED);
	assert_false(printing_of(s)->pause.on);
	assert_int_equal(text[at - 1], '\n');
	snprintf(text + 60000, 100, "SD printing byte %llu/%zu", (unsigned long long)at,
		 strlen(text));
	says(s, "M27", text + 60000);
	snprintf(text + 60000, 100, "print: paused, p.gcode, %.1f %%, byte %llu/", 0.0,
		 (unsigned long long)at); /* M73 P0 is in the file */
	says(s, "STATUS", text + 60000);
	scene_run(s, "M24");
	assert_true(scene_said(s, "Done printing file"));
	assert_int_equal(s->b.m->gcode.moves, 301);
	says(s, "STATUS", "print: complete, p.gcode");
	says(s, "SDCARD_RESET_FILE\nSTATUS", "print: standby,");
	printing_file("short.gcode", "G1 X7 F6000\n");
	says(s, "M32 short.gcode", "Done printing file");
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 7) < 0.02);
	refused(s, "M32 none.gcode", "none.gcode: No such file");
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

/* Without M73 progress is what has been read and run of the file. */
static void progress(void **state)
{
	struct scene *s;
	double share;

	(void)state;
	printing_make(text, sizeof(text), 300);
	memcpy(strstr(text, "M73 P0 R1"), "; M73    ", 9);
	printing_file("p.gcode", text);
	s = printing_open("[virtual_sdcard]\nread_ahead_kib: 16\n");
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	for (uint64_t at = 2000; at < strlen(text); at += 2000) {
		printing_until_byte(s, at);
		share = 100.0 * (double)printing_of(s)->sd.position / (double)strlen(text);
		snprintf(text + 60000, 60, "p.gcode, %.1f %%, byte", share);
		scene_hush(s);
		printing_now(s, "STATUS");
		assert_true(scene_said(s, text + 60000));
	}
	assert_true(batch_settle(&s->b));
	printing_ends_exact(s);
}

static int broken_disk(void *ctx, const char *name, uint64_t *size)
{
	(void)ctx;
	(void)name;
	*size = 1000;
	return open("/proc/self/mem", O_RDONLY); /* EIO at 0 */
}

static void disk_fails(void **state)
{
	struct scene *s = printing_open("on_error_gcode:\n  M118 what now\n");

	(void)state;
	printing_of(s)->sd.open = broken_disk;
	refused(s, "SDCARD_PRINT_FILE FILENAME=x.gcode",
		"x.gcode: the print has ended at byte 0: Input/output error");
	assert_int_equal(printing_of(s)->stats.state, PRINT_ERROR);
	says(s, "STATUS", "print: error, x.gcode");
	assert_true(scene_said(s, ": Input/output error"));
	/* another file is printed all the same */
	printing_of(s)->sd.open = NULL;
	printing_file("q.gcode", "G1 X10 F6000\n");
	says(s, "SDCARD_PRINT_FILE FILENAME=q.gcode", "Done printing file");
	printing_ends_exact(s);
}

static void no_card(void **state)
{
	struct scene *s = scene_open(PRINTING_BASE, NULL);

	(void)state;
	assert_non_null(s);
	refused(s, "M20", "expected [virtual_sdcard] path in the configuration");
	refused(s, "SDCARD_PRINT_FILE FILENAME=a.gcode", "expected [virtual_sdcard] path");
	refused(s, "SAVE_VARIABLE VARIABLE=a VALUE=1", "expected [save_variables] filename");
	scene_close(s);
}

/* ---- pause and resume ---- */

/* Seconds of motion that the line makes. */
static double takes_s(struct scene *s, const char *line)
{
	double before_s = s->b.m->pushed_s;

	scene_run(s, line);
	return s->b.m->pushed_s - before_s;
}

static void way_back(void **state)
{
	struct scene *s;

	(void)state;
	printing_file("p.gcode", "SET_VELOCITY_LIMIT ACCEL=1000\nG1 X100 F6000\nPAUSE\nM118 on\n");
	s = printing_open("[pause_resume]\nrecover_velocity: 80\n");
	for (int i = 0; i < 2; i++) {
		double v = i ? 20 : 80, is_s;

		scene_run(s, "SDCARD_PRINT_FILE FILENAME=p.gcode\n");
		assert_true(printing_of(s)->pause.on);
		refused(s, "RESUME VELOCITY=0", "VELOCITY=0: expected more than 0");
		refused(s, "RESUME VELOCITY=fast", "VELOCITY=fast: expected a decimal number");
		assert_true(printing_of(s)->pause.on);
		scene_run(s, "G1 X40 F6000\n");
		assert_true(fabs(scene_truth_mm(s, AXIS_X) - 40) < 0.02);
		is_s = takes_s(s, i ? "RESUME VELOCITY=20\n" : "RESUME\n");
		assert_true(fabs(is_s - (60 / v + v / 1000)) < 1e-6);
		assert_true(fabs(scene_truth_mm(s, AXIS_X) - 100) < 0.02);
		assert_true(scene_said(s, "echo: on"));
	}
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

static void cleared(void **state)
{
	struct scene *s;

	(void)state;
	printing_file("p.gcode", "G1 X100 F6000\nPAUSE\nG1 X110\nPAUSE\nG1 X120\n");
	s = printing_open("");
	scene_run(s, "SDCARD_PRINT_FILE FILENAME=p.gcode\n");
	scene_run(s, "G1 X50\n");
	says(s, "CLEAR_PAUSE\nRESUME", "Print is not paused, resume aborted");
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 50) < 0.02);
	/* the file is still there, and its next line is what comes */
	says(s, "M24", "");
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 110) < 0.02);
	assert_true(printing_of(s)->pause.on);
	says(s, "G1 X60\nM24", "Done printing file"); /* as RESUME: it is paused */
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 120) < 0.02);
	printing_ends_exact(s);
}

/* The motors were off meanwhile. */
static void nowhere_to_go(void **state)
{
	struct scene *s;

	(void)state;
	printing_file("p.gcode", "G1 X100 Y50 Z5 F6000\nPAUSE\nG1 X110\n");
	s = printing_open("");
	scene_run(s, "G28\nSDCARD_PRINT_FILE FILENAME=p.gcode\n");
	scene_run(s, "M84\n");
	refused(s, "RESUME", "XYZ not homed; expected G28 first");
	assert_true(printing_of(s)->pause.on);
	assert_int_equal(printing_of(s)->stats.state, PRINT_PAUSED);
	says(s, "G28\nRESUME", "Done printing file");
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 110) < 0.02);
	assert_true(fabs(scene_truth_mm(s, AXIS_Y) - 50) < 0.02);
	printing_ends_exact(s);
}

/* A host that sends the print itself is told. */
static void for_a_host(void **state)
{
	struct scene *s = printing_open("");

	(void)state;
	scene_run(s, "G1 X100 F6000\n");
	says(s, "PAUSE", "action:paused");
	scene_run(s, "G91\nG1 X-30 F3000\n");
	says(s, "RESUME", "action:resumed");
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 100) < 0.02);
	says(s, "G1 X90", ""); /* absolute again */
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 90) < 0.02);
	says(s, "CANCEL_PRINT", "action:cancel");
	printing_ends_exact(s);
}

/* ---- what has become of it ---- */

static double now_s(const struct scene *s)
{
	return (double)s->b.now_ns * 1e-9;
}

static void durations(void **state)
{
	struct scene *s;
	double begin_s, end_s, pause_s;
	const struct print_stats *stats;

	(void)state;
	/* 10 s before the first filament; 20 mm, of which 2 go and come; the last half of it halved by M221 */
	printing_file("p.gcode", "G4 P10000\nM83\nG1 X50 E10 F600\nG1 E-2 F1200\nG1 E2\nPAUSE\n"
				 "M221 S50\nG1 X100 E10 F600\nM221 S100\n");
	s = printing_open("");
	stats = &printing_of(s)->stats;
	begin_s = now_s(s);
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	assert_true(batch_settle(&s->b));
	pause_s = now_s(s);
	assert_true(fabs(stats->filament_mm - 10) < 1e-9);
	scene_pass(s, 100);
	pause_s = now_s(s) - pause_s;
	batch_lines(&s->b, "RESUME");
	assert_true(batch_settle(&s->b));
	end_s = now_s(s);
	assert_int_equal(stats->state, PRINT_COMPLETE);
	assert_true(fabs(stats->filament_mm - 20) < 1e-9);
	scene_pass(s, 50); /* after the end nothing is counted */
	/* lines are read at most 2 s ahead of their motion; settling waits for some 0.5 s more */
	assert_true(fabs(print_stats_total_s(stats, s->b.now_ns) - (end_s - begin_s)) < 0.7);
	assert_true(fabs(print_stats_print_s(stats, s->b.now_ns) -
			 (end_s - begin_s - pause_s - 10)) < 3);
	assert_true(print_stats_print_s(stats, s->b.now_ns) > 8);
	printing_ends_exact(s);
}

static void layers(void **state)
{
	static const char *const bad[] = { "TOTAL_LAYER=-1", "TOTAL_LAYER=1.5", "CURRENT_LAYER=-2",
					   "CURRENT_LAYER=x" };
	struct scene *s = printing_open("");
	char line[80];

	(void)state;
	scene_run(s, "STATUS");
	assert_false(scene_said(s, ", layer "));
	says(s, "SET_PRINT_STATS_INFO TOTAL_LAYER=20\nSTATUS", ", layer 0/20");
	says(s, "SET_PRINT_STATS_INFO CURRENT_LAYER=7\nSTATUS", ", layer 7/20");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(line, sizeof(line), "SET_PRINT_STATS_INFO %s", bad[i]);
		refused(s, line, "expected a");
	}
	says(s, "STATUS", ", layer 7/20");
	says(s, "SET_PRINT_STATS_INFO CURRENT_LAYER=30\nSTATUS", ", layer 20/20");
	scene_hush(s);
	scene_run(s, "SET_PRINT_STATS_INFO TOTAL_LAYER=0\nSTATUS");
	assert_false(scene_said(s, ", layer "));
	printing_ends_exact(s);
}

static void display(void **state)
{
	struct scene *s = printing_open("");

	(void)state;
	printing_file("p.gcode", "G4 P10\n");
	says(s, "M73 P25 R12\nSTATUS", "25.0 %");
	assert_true(scene_said(s, "12 min left"));
	says(s, "M73 P50\nSTATUS", "12 min left");
	assert_true(scene_said(s, "50.0 %"));
	says(s, "M73 R3\nSTATUS", "50.0 %");
	assert_true(scene_said(s, "3 min left"));
	refused(s, "M73 P101", "P=101: expected 0 to 100 %");
	refused(s, "M73 P-1 R7", "P=-1: expected 0 to 100 %");
	refused(s, "M73 R-1", "R=-1: expected minutes, 0 or more");
	says(s, "STATUS", "50.0 %");
	assert_true(scene_said(s, "3 min left"));
	scene_hush(s);
	scene_run(s, "M23 p.gcode\nSTATUS"); /* another file */
	assert_false(scene_said(s, "min left") || scene_said(s, "50.0 %"));
	says(s, "M117 Layer 3; not this\nSTATUS", "Layer 3");
	assert_false(scene_said(s, "not this"));
	says(s, "SET_DISPLAY_TEXT MSG=\"two words; one\"\nSTATUS", "two words; one");
	assert_string_equal(s->b.m->gcode.message, "two words; one");
	scene_run(s, "SET_DISPLAY_TEXT");
	assert_string_equal(s->b.m->gcode.message, "");
	scene_run(s, "M117 a");
	scene_run(s, "M117");
	assert_string_equal(s->b.m->gcode.message, "");
	printing_ends_exact(s);
}

/* ---- respond ---- */

static void respond(void **state)
{
	static const struct {
		const char *sections, *line, *reply;
	} rows[] = {
		{ "", "M118 one  two ; three", "echo: one  two\n" },
		{ "", "M118", "echo: \n" },
		{ "", "RESPOND MSG=x", "echo: x\n" },
		{ "", "RESPOND TYPE=echo MSG=\"a b\"", "echo: a b\n" },
		{ "", "RESPOND TYPE=command MSG=action:pause", "// action:pause\n" },
		{ "", "RESPOND TYPE=error MSG=oh", "!! oh\n" },
		{ "", "RESPOND TYPE=echo_no_space MSG=x", "echo:x\n" },
		{ "", "RESPOND PREFIX=tgalarm MSG=x", "tgalarm x\n" },
		{ "", "RESPOND TYPE=error PREFIX=mine MSG=x", "mine x\n" },
		{ "[respond]\ndefault_type: command\n", "M118 x", "// x\n" },
		{ "[respond]\ndefault_type: error\n", "RESPOND MSG=x", "!! x\n" },
		{ "[respond]\ndefault_type: error\n", "RESPOND TYPE=echo MSG=x", "echo: x\n" },
		{ "[respond]\ndefault_type: command\ndefault_prefix: Q:\n", "M118 x", "Q: x\n" },
		{ "[respond]\ndefault_prefix: Q:\n", "RESPOND TYPE=command MSG=x", "// x\n" },
	};
	struct scene *s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		s = printing_open(rows[i].sections);
		scene_hush(s);
		scene_run(s, rows[i].line);
		assert_string_equal(s->said, rows[i].reply);
		scene_close(s);
	}
	s = printing_open("");
	refused(s, "RESPOND TYPE=shout MSG=x",
		"TYPE: expected echo, command, error or echo_no_space");
	scene_close(s);
	pinwatch_refused(PRINTING_BASE, "[respond]\ndefault_type: shout\n",
			 "default_type: value 'shout': expected");
}

/* ---- variables ---- */

static void variables(void **state)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{ "SAVE_VARIABLE VARIABLE=a", "VALUE" },
		{ "SAVE_VARIABLE VALUE=1", "VARIABLE" },
		{ "SAVE_VARIABLE VARIABLE=1a VALUE=1",
		  "VARIABLE=1a: expected letters, digits and _" },
		{ "SAVE_VARIABLE VARIABLE=a.b VALUE=1", "expected letters, digits and _" },
		{ "SAVE_VARIABLE VARIABLE=a VALUE=word", "VALUE=word: expected a number" },
		{ "SAVE_VARIABLE VARIABLE=a VALUE=[1,", "expected a number, a string in quotes" },
	};
	char sections[SIMRUN_PATH_MAX + 40], *is;
	const char *path = simrun_path("values.cfg");
	struct scene *s;

	(void)state;
	snprintf(sections, sizeof(sections), "[save_variables]\nfilename: %s\n", path);
	s = printing_open(sections);
	scene_run(s, "SAVE_VARIABLE VARIABLE=Offset VALUE=0.25\n"
		     "SAVE_VARIABLE VARIABLE=name VALUE='\"two words\"'\n"
		     "SAVE_VARIABLE VARIABLE=list VALUE=\"[1, 'a', {'k': None}]\"\n"
		     "SAVE_VARIABLE VARIABLE=offset VALUE=-0.5\n");
	assert_int_equal(s->errors, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused(s, bad[i].line, bad[i].says);
	is = simrun_read(path, NULL);
	assert_string_equal(is, "[Variables]\nlist = [1, 'a', {'k': None}]\nname = \"two words\"\n"
				"offset = -0.5\n");
	free(is);
	/* one that can't be written: the old value stays */
	free(printing_of(s)->variables.path);
	printing_of(s)->variables.path = strdup("/nowhere/values.cfg");
	refused(s, "SAVE_VARIABLE VARIABLE=offset VALUE=7",
		"/nowhere/values.cfg: No such file or directory; nothing has changed");
	assert_string_equal(variables_find(&printing_of(s)->variables, "offset"), "-0.5");
	scene_close(s);
	/* the next start */
	s = printing_open(sections);
	assert_string_equal(variables_find(&printing_of(s)->variables, "name"), "\"two words\"");
	scene_run(s, "SAVE_VARIABLE VARIABLE=more VALUE=True\n");
	assert_int_equal(s->errors, 0);
	scene_close(s);
	is = simrun_read(path, NULL);
	assert_non_null(strstr(is, "more = True\nname = \"two words\"\n"));
	free(is);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(card),          cmocka_unit_test(progress),
		cmocka_unit_test(disk_fails),    cmocka_unit_test(no_card),
		cmocka_unit_test(way_back),      cmocka_unit_test(cleared),
		cmocka_unit_test(nowhere_to_go), cmocka_unit_test(for_a_host),
		cmocka_unit_test(durations),     cmocka_unit_test(layers),
		cmocka_unit_test(display),       cmocka_unit_test(respond),
		cmocka_unit_test(variables),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, printing_teardown);
}
