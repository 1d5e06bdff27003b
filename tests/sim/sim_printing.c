/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_printing.c - a print from its file, on the whole machine: pause, resume, cancel, a disk that stalls.
 *
 * Shown: a file of the virtual SD card prints with every step exact; PAUSE in the middle of it, a jog and RESUME
 * bring the tool back to the very position; CANCEL_PRINT ends it; a disk that stalls while enough is read ahead costs no time at
 * all; one that stalls longer lets what has been read be printed to its end, at rest on the path, and the rest after it; a refused line ends
 * the print.
 * How: the machine in this process (tests/simlib/printing.h) with a folder of files of its own; the stalled disk is
 * a pipe, read in turn and by a thread.
 * An argument names the cases to run. STEPD_ECHO=1 shows the replies; repeat random instants with STEPD_SEED=<printed seed>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "daemon/heaters.h"
#include "tests/simlib/printing.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

/* ---- a print ---- */

static char text[1 << 16];

static void whole_print(void **state)
{
	size_t len = printing_make(text, sizeof(text), 300);
	struct scene *s;

	(void)state;
	printing_file("cube.gcode", text);
	s = printing_open("");
	scene_run(s, "M20\nM23 /CUBE.GCODE\nM27\nM24\nM24");
	assert_true(scene_said(s, "Begin file list\ncube.gcode "));
	assert_true(scene_said(s, "File opened:cube.gcode Size:"));
	assert_true(scene_said(s, "File selected\nSD printing byte 0/"));
	assert_true(scene_said(s, "SD busy"));
	assert_true(scene_said(s, "Done printing file"));
	assert_int_equal(printing_of(s)->stats.state, PRINT_COMPLETE);
	assert_true(fabs(printing_of(s)->stats.filament_mm - 60) < 1e-6);
	assert_int_equal(s->b.m->gcode.moves, 301);
	scene_hush(s);
	scene_run(s, "M27\nSTATUS");
	assert_true(scene_said(s, "Not SD printing"));
	assert_true(scene_said(s, "print: complete, cube.gcode"));
	assert_true(len > 8000);
	printing_ends_exact(s);
}

/* PAUSE somewhere, jog, RESUME: the same places again, and nothing left out. */
static void pause_and_resume(void **state)
{
	size_t len = printing_make(text, sizeof(text), 300);
	uint64_t rng = simrun_seed(20261125);

	(void)state;
	printing_file("p.gcode", text);
	for (int round = 0; round < 6; round++) {
		uint64_t at = (uint64_t)random_uniform(&rng, 100, (double)len * 0.8);
		struct scene *s = printing_open("[pause_resume]\nrecover_velocity: 80\n");
		double before_mm[MOVE_AXES], total_mm;

		batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
		printing_until_byte(s, at);
		if (round % 2)
			printing_now(s, "PAUSE"); /* out of band */
		else
			batch_lines(&s->b, "PAUSE");
		assert_true(batch_settle(&s->b));
		assert_true(printing_of(s)->pause.on);
		assert_int_equal(printing_of(s)->stats.state, PRINT_PAUSED);
		memcpy(before_mm, s->b.m->status.position_mm, sizeof(before_mm));
		scene_run(s, "G91\nM83\nG1 Z5 F600\nG1 X-30 Y20 E-2 F9000\nG90\nG92 E0\nM220 S50\n");
		assert_true(fabs(s->b.m->status.position_mm[AXIS_X] - before_mm[AXIS_X]) > 20);
		batch_lines(&s->b, "PAUSE"); /* it is already */
		assert_true(scene_said(s, "Print already paused"));
		total_mm = printing_of(s)->stats.filament_mm;
		assert_true(total_mm < 60);
		/* Back to the place itself: seen as a planned move that ends there. */
		batch_lines(&s->b, "RESUME");
		assert_false(printing_of(s)->pause.on);
		for (int i = 0; i < AXIS_E; i++)
			assert_true(fabs(planner_position(s->b.m->planner)[i] - before_mm[i]) <
					    1e-9 ||
				    printing_of(s)->sd.position > at);
		assert_true(batch_settle(&s->b));
		assert_int_equal(printing_of(s)->stats.state, PRINT_COMPLETE);
		assert_int_equal(s->b.m->gcode.speed_factor * 100, 100);
		assert_true(fabs(s->b.m->status.position_mm[AXIS_X] -
				 (100 + (40 + 10 * sin(2 * M_PI * 299 / 60 * 3)) *
						cos(2 * M_PI * 299 / 60))) < 1e-3);
		assert_int_equal(s->errors, 0);
		printing_ends_exact(s);
	}
}

/* One RESUME ends the hold, the next one the pause. */
static void hold_and_pause(void **state)
{
	struct scene *s;

	(void)state;
	printing_make(text, sizeof(text), 200);
	printing_file("p.gcode", text);
	s = printing_open("[gcode_macro RESUME]\nrename_existing: PRINTING_BASE_RESUME\n"
			  "gcode:\n  M118 resuming\n  PRINTING_BASE_RESUME VELOCITY=100\n");
	batch_lines(&s->b, "RESUME");
	batch_turn(&s->b, false);
	assert_true(scene_said(s, "Print is not paused, resume aborted"));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	printing_until_byte(s, 3000);
	printing_now(s, "HOLD");
	scene_pass(s, 1);
	assert_true(s->b.m->hold);
	batch_lines(&s->b, "PAUSE");
	scene_hush(s);
	printing_now(s, "RESUME");
	assert_false(s->b.m->hold);
	assert_true(printing_of(s)->pause.on);
	assert_true(scene_said(s, "still paused"));
	assert_false(scene_said(s, "resuming"));
	scene_pass(s, 5);
	assert_true(printing_of(s)->pause.on);
	printing_now(s, "RESUME"); /* out of band, and a macro */
	scene_pass(s, 0.1);
	assert_true(scene_said(s, "echo: resuming"));
	assert_false(printing_of(s)->pause.on);
	assert_true(batch_settle(&s->b));
	assert_int_equal(printing_of(s)->stats.state, PRINT_COMPLETE);
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

static void cancelled(void **state)
{
	struct scene *s;

	(void)state;
	printing_make(text, sizeof(text), 300);
	printing_file("p.gcode", text);
	s = printing_open("[gcode_macro CANCEL_PRINT]\nrename_existing: CANCEL_BASE\n"
			  "gcode:\n  G91\n  G1 Z3 F600\n  G90\n  CANCEL_BASE\n");
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	printing_until_byte(s, 4000);
	batch_lines(&s->b, "CANCEL_PRINT");
	assert_true(batch_settle(&s->b));
	assert_int_equal(printing_of(s)->stats.state, PRINT_CANCELLED);
	assert_false(scene_said(s, "Done printing"));
	/* The same again, from the pause, and from the file itself. */
	printing_file("q.gcode", "G1 X10\nCANCEL_PRINT\nG1 X20\n");
	scene_run(s, "SDCARD_PRINT_FILE FILENAME=p.gcode\nPAUSE\nCANCEL_PRINT\n");
	assert_false(printing_of(s)->pause.on);
	scene_run(s, "SDCARD_PRINT_FILE FILENAME=q.gcode");
	assert_int_equal(printing_of(s)->stats.state, PRINT_CANCELLED);
	assert_true(fabs(s->b.m->status.position_mm[AXIS_X] - 10) < 1e-9);
	assert_int_equal(s->errors, 0);
	scene_run(s, "CANCEL_PRINT");
	assert_true(scene_said(s, "action:cancel"));
	printing_ends_exact(s);
}

/* A line that is refused ends the print; so does a file that isn't there. */
static void refused(void **state)
{
	struct scene *s;

	(void)state;
	printing_file("bad.gcode", "G1 X10\nM400\nG1 X9000\nG1 X20\n");
	s = printing_open("");
	s->b.m->print->cfg->sd_error.text = strdup("M118 on error");
	scene_run(s, "SDCARD_PRINT_FILE FILENAME=bad.gcode");
	assert_int_equal(printing_of(s)->stats.state, PRINT_ERROR);
	assert_true(scene_said(s, "line 3 \"G1 X9000\""));
	assert_true(scene_said(s, "bad.gcode: the print has ended at byte 21"));
	assert_true(scene_said(s, "echo: on error"));
	assert_true(fabs(s->b.m->status.position_mm[AXIS_X] - 10) < 1e-9);
	scene_hush(s);
	scene_run(s, "M23 none.gcode\nM24\nM23 ../x.gcode\nM26 S5\nSDCARD_PRINT_FILE FILENAME=card");
	assert_true(scene_said(s, "none.gcode: No such file"));
	assert_true(scene_said(s, "expected a file to be selected"));
	assert_true(scene_said(s, "../x.gcode: expected the name of a file in the folder"));
	assert_int_equal(s->errors, 5);
	printing_ends_exact(s);
}

/* M25 and M26: the file from another place. */
static void from_the_middle(void **state)
{
	struct scene *s;

	(void)state;
	printing_file("m.gcode", "G1 X10 F6000\nG1 X20\nG1 Y7\nG1 Y8");
	s = printing_open("");
	scene_run(s, "M23 m.gcode\nM26 S20\nM27\nM24");
	assert_true(scene_said(s, "SD printing byte 20/31"));
	assert_true(fabs(s->b.m->status.position_mm[AXIS_X]) < 1e-9);
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Y] - 8) < 1e-9);
	printing_ends_exact(s);
}

/* ---- a disk that stalls ---- */

static int stalling[2];

static int open_pipe(void *ctx, const char *name, uint64_t *size)
{
	(void)ctx;
	(void)name;
	*size = 1000000;
	return stalling[0];
}

static void stalled_disk(void **state)
{
	size_t len = printing_make(text, sizeof(text), 300), half;
	struct scene *s = printing_open("");
	double rest_mm[2];

	(void)state;
	assert_int_equal(pipe2(stalling, O_NONBLOCK), 0);
	printing_of(s)->sd.open = open_pipe;
	half = len / 2;
	while (text[half - 1] != '\n')
		half++;
	half += 4; /* in the middle of a line */
	assert_int_equal(write(stalling[1], text, half), (ssize_t)half);
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=pipe");
	scene_pass(s, 120);
	/* It rests where the last whole line ends, and waits. */
	assert_true(machine_rests(s->b.m));
	assert_true(sdcard_printing(&printing_of(s)->sd));
	assert_int_equal(printing_of(s)->sd.position, half - 4);
	for (int i = 0; i < 2; i++) {
		rest_mm[i] = s->b.m->status.position_mm[i];
		assert_true(fabs(rest_mm[i] - planner_position(s->b.m->planner)[i]) < 1e-9);
	}
	assert_int_equal(s->errors, 0);
	assert_int_equal(s->b.m->status.underruns, 0);
	/* Others may do something meanwhile. */
	batch_lines(&s->b, "M117 waiting");
	assert_int_equal(write(stalling[1], text + half, len - half), (ssize_t)(len - half));
	close(stalling[1]);
	assert_true(batch_settle(&s->b));
	assert_int_equal(printing_of(s)->stats.state, PRINT_COMPLETE);
	assert_int_equal(s->b.m->gcode.moves, 301);
	printing_ends_exact(s);
}

/* The same with a thread that stands in read(). */
static void stalled_thread(void **state)
{
	size_t len = printing_make(text, sizeof(text), 300), half = len / 2;
	struct scene *s = printing_open("");

	(void)state;
	assert_int_equal(pipe2(stalling, 0), 0);
	printing_of(s)->sd.open = open_pipe;
	printing_of(s)->threads = true;
	while (text[half - 1] != '\n')
		half++;
	for (int part = 0; part < 2; part++) {
		size_t from = part ? half : 0, to = part ? len : half;

		assert_int_equal(write(stalling[1], text + from, to - from), (ssize_t)(to - from));
		if (!part)
			batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=pipe");
		/* The thread is as fast as it is: give it a while for each turn of ours. */
		for (int i = 0; i < 20000 && printing_of(s)->sd.position < to; i++) {
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
			batch_turn(&s->b, false);
		}
		scene_pass(s, 60);
		assert_int_equal(printing_of(s)->sd.position, to);
		assert_true(machine_rests(s->b.m));
		assert_true(sdcard_printing(&printing_of(s)->sd));
	}
	close(stalling[1]);
	for (int i = 0; i < 20000 && sdcard_printing(&printing_of(s)->sd); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		batch_turn(&s->b, false);
	}
	assert_int_equal(printing_of(s)->stats.state, PRINT_COMPLETE);
	assert_int_equal(s->b.m->gcode.moves, 301);
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

/* The thread has read all that there is. Time passes only while it takes nothing: its buffer is full. */
static void read_ahead(struct scene *s)
{
	int left = 1, same = 0;

	for (int i = 0; i < 100000 && left > 0; i++) {
		int before = left;

		assert_int_equal(ioctl(stalling[0], FIONREAD, &left), 0);
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		same = left == before ? same + 1 : 0;
		if (same < 10)
			continue;
		batch_turn(&s->b, false);
	}
	assert_int_equal(left, 0);
}

/* The seconds that the motion of a print takes whose disk has given so much of it, and the rest stall_s later. Virtual time
 * passes while the thread is not scheduled: before the first motion and after the last that means nothing. */
static double print_s(size_t len, size_t first, double stall_s)
{
	struct scene *s = printing_open("");
	double motion_s;

	assert_int_equal(pipe2(stalling, 0), 0);
	printing_of(s)->sd.open = open_pipe;
	printing_of(s)->threads = true;
	assert_int_equal(write(stalling[1], text, first), (ssize_t)first);
	s->b.moves = 0; /* the first one is to be the print's */
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=pipe");
	read_ahead(s);
	for (double t = 0; t < stall_s; t += 0.05) {
		scene_pass(s, 0.05);
		assert_false(machine_rests(s->b.m));
	}
	assert_int_equal(write(stalling[1], text + first, len - first), (ssize_t)(len - first));
	read_ahead(s);
	close(stalling[1]);
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	for (int i = 0; i < 100000 &&
			!(printing_of(s)->stats.state == PRINT_COMPLETE && machine_rests(s->b.m));
	     i++)
		scene_pass(s, 0.01);
	assert_int_equal(printing_of(s)->stats.state, PRINT_COMPLETE);
	assert_int_equal(s->errors, 0);
	motion_s = s->b.last_move_s - s->b.first_move_s;
	printing_ends_exact(s);
	return motion_s;
}

/* A disk that stalls while there is enough: nobody sees it. */
static void unseen_stall(void **state)
{
	size_t len = printing_make(text, sizeof(text), 300), half = len / 2;
	double without_s = print_s(len, len, 0), stall_s = without_s / 3;
	double with_s = print_s(len, half, stall_s);

	(void)state;
	print_message("%.2f s, with a stall of %.2f s %.2f s\n", without_s, stall_s, with_s);
	assert_true(stall_s > 2);
	assert_true(fabs(with_s - without_s) < 0.03);
}

/* Fed in dribbles, so that it stops again and again on its path. */
static void dribbling_disk(void **state)
{
	size_t len = printing_make(text, sizeof(text), 120), at = 0;
	uint64_t rng = simrun_seed(7);
	struct scene *s = printing_open("");

	(void)state;
	assert_int_equal(pipe2(stalling, O_NONBLOCK), 0);
	printing_of(s)->sd.open = open_pipe;
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=pipe");
	while (at < len) {
		size_t n = (size_t)random_uniform(&rng, 1, 300);

		n = n < len - at ? n : len - at;
		assert_int_equal(write(stalling[1], text + at, n), (ssize_t)n);
		at += n;
		scene_pass(s, random_uniform(&rng, 0, 3));
	}
	close(stalling[1]);
	assert_true(batch_settle(&s->b));
	assert_int_equal(s->b.m->gcode.moves, 121);
	assert_int_equal(s->errors, 0);
	printing_ends_exact(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_print),    cmocka_unit_test(pause_and_resume),
		cmocka_unit_test(hold_and_pause), cmocka_unit_test(cancelled),
		cmocka_unit_test(refused),        cmocka_unit_test(from_the_middle),
		cmocka_unit_test(stalled_disk),   cmocka_unit_test(dribbling_disk),
		cmocka_unit_test(stalled_thread), cmocka_unit_test(unseen_stall),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, printing_teardown);
}
