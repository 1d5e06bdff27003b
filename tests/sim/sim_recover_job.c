// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_recover_job.c - RECOVER_JOB: a print goes on after a cut of the power or a fault that ended it.
 *
 * Shown: the machine says what it knows, RECOVER_JOB says the steps, refuses to go on before they are taken, and then prints the
 * file to its end with every step exact, starting again with the line that was under way, its offsets, plane of arcs and retraction
 * as they were then; from where PAUSE was; near the end of Z; not of another file; not by lines that others have numbered.
 * What moves before that, moves in the journal. A print that ended well is not offered; FORGET=1 drops it.
 * How: tests/simlib/printjob.h. Repeat: STEPD_SEED=n, printed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/simlib/printjob.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

static struct scene *with_journal(const char *sections)
{
	char text[SIMRUN_PATH_MAX + 600], path[SIMRUN_PATH_MAX];

	snprintf(path, sizeof(path), "%s", simrun_path("journal"));
	snprintf(text, sizeof(text), "[virtual_sdcard]\njournal: %s\n%s", path, sections);
	return printjob_open(text);
}

static void recovers(void **state)
{
	uint64_t random = simrun_seed(13);

	(void)state;
	for (int i = 0; i < 4; i++) {
		bool faulty = i == 3;
		struct scene *s;
		double cut_s, e_mm;
		uint64_t offset;

		unlink(simrun_path("journal"));
		s = with_journal("[stepd]\ninject_faults: True\n");
		printjob_begin(s, "");
		cut_s = random_uniform(&random, 1, 30);
		scene_pass(s, cut_s);
		if (faulty) { /* a fault that stops it is known as well */
			scene_now(s, "INJECT_FAULT CLASS=driver_error COMPONENT=stepper_x");
			scene_pass(s, 1);
			assert_int_equal(s->b.m->state, MACHINE_FAULT);
		}
		scene_close(s);

		s = with_journal("");
		assert_true(scene_said(s, "print.gcode has not been printed to its end"));
		assert_int_equal(scene_said(s, "driver has switched off"), faulty);
		offset = s->b.m->print->journal.found.at.offset;
		assert_true(scene_run(s, "RECOVER_JOB\n"));
		assert_true(
			scene_said(s, "step: SET_HEATER_TEMPERATURE HEATER=extruder TARGET=205"));
		assert_true(scene_said(s, "step: RECOVER_JOB GO=1"));
		scene_run(s, "M84\nRECOVER_JOB GO=1\n");
		assert_true(scene_said(s, "expected the axes homed first"));
		scene_run(s, "G28\nRECOVER_JOB GO=1\n");
		assert_true(scene_said(s, "expected 205 °C first"));
		assert_int_equal(s->errors, 2);
		s->errors = 0;
		assert_true(scene_run(s, "M140 S60\nM109 S205\nM190 S60\n"));
		e_mm = s->b.m->gcode.position_mm[AXIS_E].hi;
		batch_lines(&s->b, "RECOVER_JOB GO=1\n");
		scene_pass(s, 5);
		assert_true(s->b.m->print->sd.position >= offset);
		printjob_completes(s);
		assert_int_equal(s->errors, 0);
		/* 0.15 mm of filament for each line that is left */
		e_mm = s->b.m->gcode.position_mm[AXIS_E].hi - e_mm;
		assert_true(fabs(e_mm / 0.15 - round(e_mm / 0.15)) < 1e-6);
		print_message("cut %.1f s after 8 s: on from byte %llu, %.0f lines\n", cut_s,
			      (unsigned long long)offset, e_mm / 0.15);
		assert_true(scene_exact(s));
		scene_close(s);
		s = with_journal(""); /* that one is done */
		assert_false(scene_said(s, "has not been printed to its end"));
		scene_run(s, "RECOVER_JOB\n");
		assert_true(scene_said(s, "none is known"));
		scene_close(s);
	}
}

/* The head is moved while a print is on offer, by hand and by RECOVER_JOB GO=1, and the power goes again: of axes that are known the
 * place is that of then, at most 1 s old; nothing else of the offer is changed. */
static void moved_meanwhile(void **state)
{
	struct journal_record was, r;
	struct scene *s;
	uint64_t random = simrun_seed(17);

	(void)state;
	for (int i = 0; i < 4; i++) {
		double end_s, place_mm[16][3];
		unsigned n = 0;
		bool printing;

		unlink(simrun_path("journal"));
		s = with_journal("");
		printjob_begin(s, "");
		scene_pass(s, random_uniform(&random, 1, 20));
		scene_close(s);
		s = with_journal("");
		was = s->b.m->print->journal.found;
		assert_true(scene_run(s, "M84\n"));
		scene_pass(s, 2);
		assert_memory_equal(s->b.m->print->journal.found.machine_mm, was.machine_mm,
				    sizeof(was.machine_mm));
		assert_true(scene_run(s, "G28\nM140 S60\nM109 S205\nM190 S60\nG1 X33 F6000\n"));
		end_s = printjob_now_s(s) + random_uniform(&random, 0.3, 1.2);
		if (i)
			batch_lines(&s->b, "RECOVER_JOB GO=1\n");
		while (printjob_now_s(s) < end_s) {
			scene_pass(s, 0.1);
			for (int a = 0; a < 3; a++)
				place_mm[n % 16][a] = scene_believed_mm(s, a);
			n++;
		}
		printing = s->b.m->print->sd.printing;
		scene_close(s);
		s = with_journal("");
		r = s->b.m->print->journal.found;
		if (!i)
			assert_true(fabs(r.machine_mm[0] - 33) < 1e-9);
		for (unsigned k = 0; n && k < 10 && k < n; k++) {
			const double *p = place_mm[(n - 1 - k) % 16];

			if (fabs(p[0] - r.machine_mm[0]) + fabs(p[1] - r.machine_mm[1]) < 11 &&
			    fabs(p[2] - r.machine_mm[2]) < 1.1)
				n = 0; /* that was it */
		}
		assert_int_equal(n, 0);
		/* M24 has been read, its first line's motion has not begun */
		assert_true(printing || r.wall_s == was.wall_s);
		assert_int_equal(r.state, was.state);
		assert_int_equal(r.at.offset, was.at.offset);
		for (int a = 0; a < MOVE_AXES; a++) /* as the file says them; E begins anywhere */
			assert_true(fabs(r.at.position_mm[a] - r.at.base_mm[a] -
					 was.at.position_mm[a] + was.at.base_mm[a]) < 1e-6);
		for (int h = 0; h < 2; h++)
			assert_true(r.heater[h].target_degc == was.heater[h].target_degc);
		assert_int_equal(r.homed, was.homed);
		scene_close(s);
	}
}

static void forgets(void **state)
{
	struct scene *s;

	(void)state;
	unlink(simrun_path("journal"));
	s = with_journal("");
	printjob_begin(s, "");
	scene_close(s);
	s = with_journal("");
	assert_true(scene_said(s, "has not been printed to its end"));
	assert_true(scene_run(s, "RECOVER_JOB FORGET=1\n"));
	scene_pass(s, 1);
	scene_close(s);
	s = with_journal("");
	assert_false(scene_said(s, "has not been printed to its end"));
	scene_close(s);
}

/* ---- another file, and what else a print has set ---- */

#define RETRACTION "[firmware_retraction]\nretract_length: 1.5\nunretract_extra_length: 0.25\n"

static void put_file(const char *text)
{
	FILE *f = simrun_create(simrun_path("card/print.gcode"));

	fputs(text, f);
	fclose(f);
}

/* Ready to print: hot and homed. */
static struct scene *hot_with_journal(const char *sections, const char *file)
{
	struct scene *s = with_journal(sections);

	put_file(file);
	assert_true(scene_run(s, "G28\nM140 S60\nM109 S205\nM190 S60\n"));
	return s;
}

static void goes_to_its_end(struct scene *s)
{
	for (int i = 0; i < 6000 && s->b.m->print->stats.state != PRINT_COMPLETE; i++)
		scene_pass(s, 0.1);
	assert_int_equal(s->b.m->print->stats.state, PRINT_COMPLETE);
	assert_true(batch_settle(&s->b));
	assert_int_equal(s->errors, 0);
}

/* Offsets, the plane of arcs and filament that G10 has retracted are as they were at the line under way. */
static void modes(void **state)
{
	static const char file[] =
		"G90\nM83\nSET_GCODE_OFFSET X=1 Z=0.2\nG1 X100 Y100 Z20 F6000\nG18\nG10\n"
		"G1 X150 F600\nG11\nG2 X160 Z20 I5 K0\nSET_GCODE_OFFSET Z=0.3\n"
		"G1 X170 Y110 Z22 E0.1 F6000\nSET_GCODE_OFFSET X=0\nG1 X50 Y50\n";
	double mm[2][3], e_mm;
	struct scene *s;

	(void)state;
	unlink(simrun_path("journal"));
	s = hot_with_journal(RETRACTION, file);
	assert_true(scene_run(s, "SDCARD_PRINT_FILE FILENAME=print.gcode\n"));
	goes_to_its_end(s);
	for (int a = 0; a < 3; a++)
		mm[0][a] = scene_truth_mm(s, a);
	assert_true(scene_run(s, "SET_GCODE_OFFSET X=0 Y=0 Z=0\nG17\n"));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=print.gcode\n");
	for (int i = 0; i < 600 && !(scene_truth_mm(s, 2) > 20.1 && scene_truth_mm(s, 0) > 120 &&
				     scene_truth_mm(s, 0) < 140);
	     i++)
		scene_pass(s, 0.05);
	scene_pass(s, 1);
	scene_close(s);

	s = hot_with_journal(RETRACTION, file);
	e_mm = s->b.m->gcode.position_mm[AXIS_E].hi;
	batch_lines(&s->b, "RECOVER_JOB GO=1\n");
	goes_to_its_end(s);
	assert_true(fabs(s->b.m->gcode.position_mm[AXIS_E].hi - e_mm - 1.85) < 1e-6);
	for (int a = 0; a < 3; a++) {
		mm[1][a] = scene_truth_mm(s, a);
		print_message("axis %d: %.3f and %.3f mm\n", a, mm[0][a], mm[1][a]);
		assert_true(fabs(mm[1][a] - mm[0][a]) < 0.03);
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

/* Of a print whose file is another now, or gone, nothing moves. */
static void another_file(void **state)
{
	static const char *const said[] = { "expected", "expected", "No such file" };
	struct scene *s;
	char *file;

	(void)state;
	unlink(simrun_path("journal"));
	s = with_journal("");
	printjob_begin(s, "");
	scene_close(s);
	s = with_journal("");
	file = simrun_read(simrun_path("card/print.gcode"), NULL);
	assert_true(scene_run(s, "G28\nM140 S60\nM109 S205\nM190 S60\nG1 X10 Y10 Z30 F6000\n"));
	for (int i = 0; i < 3; i++) {
		if (i == 0)
			file[strlen(file) - 40] = '\0';
		if (i == 1)
			strcat(file, "; another line\n");
		if (i == 2)
			unlink(simrun_path("card/print.gcode"));
		else
			put_file(file);
		scene_hush(s);
		scene_run(s, "RECOVER_JOB GO=1\n");
		assert_int_equal(s->errors, 1);
		assert_true(scene_said(s, said[i]));
		assert_true(fabs(scene_truth_mm(s, 2) - 30) < 0.01);
		assert_false(s->b.m->print->sd.printing);
		s->errors = 0;
	}
	free(file);
	scene_close(s);
}

/* In a pause that is behind the moves that were planned, it is from there that the print goes on. */
static void paused(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct journal_record r;
		double mm[2];
		uint64_t offset;
		struct scene *s;

		unlink(simrun_path("journal"));
		s = with_journal("");
		printjob_begin(s, "");
		batch_lines(&s->b, "PAUSE\n");
		scene_pass(s, 0.05);
		assert_true(batch_settle(&s->b));
		for (int a = 0; a < 2; a++)
			mm[a] = scene_truth_mm(s, a);
		if (i)
			assert_true(scene_run(s, "G91\nG1 Z20 F600\nG90\nG1 X10 Y10 F6000\n"));
		scene_pass(s, 1);
		offset = s->b.m->print->sd.position;
		scene_close(s);
		s = with_journal("");
		r = s->b.m->print->journal.found;
		print_message("byte %llu of %llu read\n", (unsigned long long)r.at.offset,
			      (unsigned long long)offset);
		assert_int_equal(r.at.offset, offset);
		assert_int_equal(r.state, JOURNAL_PAUSED);
		for (int a = 0; a < 2; a++)
			assert_true(fabs(r.at.position_mm[a] - mm[a]) < 0.02);
		assert_int_equal(r.at.flags, JOURNAL_RELATIVE_E);
		scene_close(s);
	}
}

/* Lines that other sources have numbered are not taken for the file's. */
static void other_numbers(void **state)
{
	char lines[1000] = "";
	uint64_t offset;
	struct scene *s;

	(void)state;
	unlink(simrun_path("journal"));
	s = with_journal("");
	printjob_begin(s, "");
	scene_close(s);
	s = with_journal("");
	offset = s->b.m->print->journal.found.at.offset;
	assert_true(scene_run(s, "G28\nM140 S60\nM109 S205\nM190 S60\nG1 X10 Y10 F6000\n"));
	for (int i = 0; i < 100; i++)
		strcat(lines, "M105\n");
	strcat(lines, "G1 Z40 F600\nRECOVER_JOB GO=1\n");
	batch_lines(&s->b, lines);
	for (int i = 0; i < 200 && !s->b.m->print->sd.printing; i++)
		scene_pass(s, 0.05);
	assert_true(s->b.m->print->sd.printing);
	scene_pass(s, 0.6);
	assert_true(scene_truth_mm(s, 2) > 0.35); /* not there yet */
	scene_close(s);
	s = with_journal("");
	assert_int_equal(s->b.m->print->journal.found.at.offset, offset);
	scene_close(s);
}

/* Near its end an axis has no room to be raised. */
static void near_the_top(void **state)
{
	static const char file[] = "G90\nG1 X100 Y100 F6000\nG1 Z298 F1200\nG1 X150 F600\nG1 X60\n";
	struct scene *s;

	(void)state;
	unlink(simrun_path("journal"));
	s = hot_with_journal("", file);
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=print.gcode\n");
	for (int i = 0; i < 600 && scene_truth_mm(s, 0) < 110; i++)
		scene_pass(s, 0.1);
	scene_close(s);
	s = hot_with_journal("", file);
	batch_lines(&s->b, "RECOVER_JOB GO=1\n");
	goes_to_its_end(s);
	assert_true(fabs(scene_truth_mm(s, 0) - 60) < 0.02);
	assert_true(fabs(scene_truth_mm(s, 2) - 298) < 0.02);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recovers),      cmocka_unit_test(moved_meanwhile),
		cmocka_unit_test(forgets),       cmocka_unit_test(modes),
		cmocka_unit_test(another_file),  cmocka_unit_test(paused),
		cmocka_unit_test(other_numbers), cmocka_unit_test(near_the_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
