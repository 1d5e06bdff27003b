/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_printing.c - a print from its file, on the whole machine: pause, resume, cancel, runout, a disk that
 * stalls, macros, timers, buttons.
 *
 * Shown: a file of the virtual SD card prints with every step exact; PAUSE in the middle of it, a jog and RESUME
 * bring the tool back to the very position; CANCEL_PRINT ends it; filament sensors pause it; a disk that stalls
 * lets what has been read be printed to its end, at rest on the path, and the rest after it; a refused line ends
 * the print. Macros, also those that replace commands, run in their place and answer like one line.
 * How: the machine in this process (tests/simlib/scene.h) with a folder of files of its own; the stalled disk is
 * a pipe, read in turn and by a thread. An argument names the cases to run. STEPD_ECHO=1 shows the replies; repeat random instants with STEPD_SEED=<printed seed>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/heaters.h"
#include "daemon/print/print.h"
#include "tests/simlib/random.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define BASE "etc/sim-cartesian.cfg"

static const char *folder(void)
{
	static char path[SIMRUN_PATH_MAX];
	const char *in = simrun_path("card/x");

	snprintf(path, sizeof(path), "%.*s", (int)(strlen(in) - 2), in);
	mkdir(path, 0755);
	return path;
}

/* The base machine with these sections behind it, and the card. */
static struct scene *open_scene(const char *sections)
{
	const char *path = simrun_path("printing.cfg");
	char *base = simrun_read(BASE, NULL);
	struct scene *s;
	FILE *f;

	assert_non_null(base);
	f = simrun_create(path);
	fprintf(f, "%s\n[virtual_sdcard]\npath: %s\n%s", base, folder(), sections);
	fclose(f);
	free(base);
	s = scene_open(path, NULL);
	assert_non_null(s);
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		scene_push_mm(s, axis, 0);
	return s;
}

static void put_file(const char *name, const char *content)
{
	char path[SIMRUN_PATH_MAX + 40];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder(), name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

static struct print *print_of(struct scene *s)
{
	return s->b.m->print;
}

static void now(struct scene *s, const char *line)
{
	assert_int_equal(gcode_exec_now(&s->b.m->gcode, line, strlen(line), 0), GCODE_OK);
}

/* Some hundred short moves around a polygon, and extrusion. Returns the length of text. */
static size_t make_print(char *text, size_t cap, unsigned corners)
{
	size_t n = (size_t)snprintf(text, cap, "G90\nM83\nG1 X100 Y100 Z0.3 F6000\nM73 P0 R1\n");

	for (unsigned i = 0; i < corners && n < cap; i++) {
		double a = 2 * M_PI * i / 60, r = 40 + 10 * sin(a * 3);

		n += (size_t)snprintf(text + n, cap - n, "G1 X%.3f Y%.3f E%.4f F3000 ; %u\n",
				      100 + r * cos(a), 100 + r * sin(a), 0.2, i);
	}
	assert_true(n < cap);
	return n;
}

static void ends_exact(struct scene *s)
{
	const double *end_mm = planner_position(s->b.m->planner);

	assert_true(batch_settle(&s->b));
	for (int i = 0; i < MOVE_AXES; i++)
		assert_true(fabs(s->b.m->status.position_mm[i] - end_mm[i]) < 1e-9);
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

/* Run until the print is so far, or ends. */
static void until_byte(struct scene *s, uint64_t byte)
{
	int64_t limit_ns = s->b.now_ns + (int64_t)600 * 1000000000;

	while (print_of(s)->sd.position < byte && s->b.now_ns < limit_ns)
		batch_turn(&s->b, false);
	assert_true(s->b.now_ns < limit_ns);
}

/* ---- a print ---- */

static char text[1 << 16];

static void whole_print(void **state)
{
	size_t len = make_print(text, sizeof(text), 300);
	struct scene *s;

	(void)state;
	put_file("cube.gcode", text);
	s = open_scene("");
	scene_run(s, "M20\nM23 /CUBE.GCODE\nM27\nM24\nM24");
	assert_true(scene_said(s, "Begin file list\ncube.gcode "));
	assert_true(scene_said(s, "File opened:cube.gcode Size:"));
	assert_true(scene_said(s, "File selected\nSD printing byte 0/"));
	assert_true(scene_said(s, "SD busy"));
	assert_true(scene_said(s, "Done printing file"));
	assert_int_equal(print_of(s)->stats.state, PRINT_COMPLETE);
	assert_true(fabs(print_of(s)->stats.filament_mm - 60) < 1e-6);
	assert_int_equal(s->b.m->gcode.moves, 301);
	scene_hush(s);
	scene_run(s, "M27\nSTATUS");
	assert_true(scene_said(s, "Not SD printing"));
	assert_true(scene_said(s, "print: complete, cube.gcode"));
	assert_true(len > 8000);
	ends_exact(s);
}

/* PAUSE somewhere, jog, RESUME: the same places again, and nothing left out. */
static void pause_and_resume(void **state)
{
	size_t len = make_print(text, sizeof(text), 300);
	uint64_t rng = simrun_seed(20261125);

	(void)state;
	put_file("p.gcode", text);
	for (int round = 0; round < 6; round++) {
		uint64_t at = (uint64_t)random_uniform(&rng, 100, (double)len * 0.8);
		struct scene *s = open_scene("[pause_resume]\nrecover_velocity: 80\n");
		double before_mm[MOVE_AXES], total_mm;

		batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
		until_byte(s, at);
		if (round % 2)
			now(s, "PAUSE"); /* out of band */
		else
			batch_lines(&s->b, "PAUSE");
		assert_true(batch_settle(&s->b));
		assert_true(print_of(s)->pause.on);
		assert_int_equal(print_of(s)->stats.state, PRINT_PAUSED);
		memcpy(before_mm, s->b.m->status.position_mm, sizeof(before_mm));
		scene_run(s, "G91\nM83\nG1 Z5 F600\nG1 X-30 Y20 E-2 F9000\nG90\nG92 E0\nM220 S50\n");
		assert_true(fabs(s->b.m->status.position_mm[AXIS_X] - before_mm[AXIS_X]) > 20);
		batch_lines(&s->b, "PAUSE"); /* it is already */
		assert_true(scene_said(s, "Print already paused"));
		total_mm = print_of(s)->stats.filament_mm;
		assert_true(total_mm < 60);
		/* Back to the place itself: seen as a planned move that ends there. */
		batch_lines(&s->b, "RESUME");
		assert_false(print_of(s)->pause.on);
		for (int i = 0; i < AXIS_E; i++)
			assert_true(fabs(planner_position(s->b.m->planner)[i] - before_mm[i]) <
					    1e-9 ||
				    print_of(s)->sd.position > at);
		assert_true(batch_settle(&s->b));
		assert_int_equal(print_of(s)->stats.state, PRINT_COMPLETE);
		assert_int_equal(s->b.m->gcode.speed_factor * 100, 100);
		assert_true(fabs(s->b.m->status.position_mm[AXIS_X] -
				 (100 + (40 + 10 * sin(2 * M_PI * 299 / 60 * 3)) *
						cos(2 * M_PI * 299 / 60))) < 1e-3);
		assert_int_equal(s->errors, 0);
		ends_exact(s);
	}
}

/* One RESUME ends the hold, the next one the pause. */
static void hold_and_pause(void **state)
{
	struct scene *s;

	(void)state;
	make_print(text, sizeof(text), 200);
	put_file("p.gcode", text);
	s = open_scene("[gcode_macro RESUME]\nrename_existing: BASE_RESUME\n"
		       "gcode:\n  M118 resuming\n  BASE_RESUME VELOCITY=100\n");
	batch_lines(&s->b, "RESUME");
	batch_turn(&s->b, false);
	assert_true(scene_said(s, "Print is not paused, resume aborted"));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	until_byte(s, 3000);
	now(s, "HOLD");
	scene_pass(s, 1);
	assert_true(s->b.m->hold);
	batch_lines(&s->b, "PAUSE");
	scene_hush(s);
	now(s, "RESUME");
	assert_false(s->b.m->hold);
	assert_true(print_of(s)->pause.on);
	assert_true(scene_said(s, "still paused"));
	assert_false(scene_said(s, "resuming"));
	scene_pass(s, 5);
	assert_true(print_of(s)->pause.on);
	now(s, "RESUME"); /* out of band, and a macro */
	scene_pass(s, 0.1);
	assert_true(scene_said(s, "echo: resuming"));
	assert_false(print_of(s)->pause.on);
	assert_true(batch_settle(&s->b));
	assert_int_equal(print_of(s)->stats.state, PRINT_COMPLETE);
	assert_int_equal(s->errors, 0);
	ends_exact(s);
}

static void cancelled(void **state)
{
	struct scene *s;

	(void)state;
	make_print(text, sizeof(text), 300);
	put_file("p.gcode", text);
	s = open_scene("[gcode_macro CANCEL_PRINT]\nrename_existing: CANCEL_BASE\n"
		       "gcode:\n  G91\n  G1 Z3 F600\n  G90\n  CANCEL_BASE\n");
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	until_byte(s, 4000);
	batch_lines(&s->b, "CANCEL_PRINT");
	assert_true(batch_settle(&s->b));
	assert_int_equal(print_of(s)->stats.state, PRINT_CANCELLED);
	assert_false(scene_said(s, "Done printing"));
	/* The same again, from the pause, and from the file itself. */
	put_file("q.gcode", "G1 X10\nCANCEL_PRINT\nG1 X20\n");
	scene_run(s, "SDCARD_PRINT_FILE FILENAME=p.gcode\nPAUSE\nCANCEL_PRINT\n");
	assert_false(print_of(s)->pause.on);
	scene_run(s, "SDCARD_PRINT_FILE FILENAME=q.gcode");
	assert_int_equal(print_of(s)->stats.state, PRINT_CANCELLED);
	assert_true(fabs(s->b.m->status.position_mm[AXIS_X] - 10) < 1e-9);
	assert_int_equal(s->errors, 0);
	scene_run(s, "CANCEL_PRINT");
	assert_true(scene_said(s, "action:cancel"));
	ends_exact(s);
}

/* A line that is refused ends the print; so does a file that isn't there. */
static void refused(void **state)
{
	struct scene *s;

	(void)state;
	put_file("bad.gcode", "G1 X10\nM400\nG1 X9000\nG1 X20\n");
	s = open_scene("");
	s->b.m->print->cfg->sd_error.text = strdup("M118 on error");
	scene_run(s, "SDCARD_PRINT_FILE FILENAME=bad.gcode");
	assert_int_equal(print_of(s)->stats.state, PRINT_ERROR);
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
	ends_exact(s);
}

/* M25 and M26: the file from another place. */
static void from_the_middle(void **state)
{
	struct scene *s;

	(void)state;
	put_file("m.gcode", "G1 X10 F6000\nG1 X20\nG1 Y7\nG1 Y8");
	s = open_scene("");
	scene_run(s, "M23 m.gcode\nM26 S20\nM27\nM24");
	assert_true(scene_said(s, "SD printing byte 20/31"));
	assert_true(fabs(s->b.m->status.position_mm[AXIS_X]) < 1e-9);
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Y] - 8) < 1e-9);
	ends_exact(s);
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
	size_t len = make_print(text, sizeof(text), 300), half;
	struct scene *s = open_scene("");
	double rest_mm[2];

	(void)state;
	assert_int_equal(pipe2(stalling, O_NONBLOCK), 0);
	print_of(s)->sd.open = open_pipe;
	half = len / 2;
	while (text[half - 1] != '\n')
		half++;
	half += 4; /* in the middle of a line */
	assert_int_equal(write(stalling[1], text, half), (ssize_t)half);
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=pipe");
	scene_pass(s, 120);
	/* It rests where the last whole line ends, and waits. */
	assert_true(machine_rests(s->b.m));
	assert_true(sdcard_printing(&print_of(s)->sd));
	assert_int_equal(print_of(s)->sd.position, half - 4);
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
	assert_int_equal(print_of(s)->stats.state, PRINT_COMPLETE);
	assert_int_equal(s->b.m->gcode.moves, 301);
	ends_exact(s);
}

/* The same with a thread that stands in read(). */
static void stalled_thread(void **state)
{
	size_t len = make_print(text, sizeof(text), 300), half = len / 2;
	struct scene *s = open_scene("");

	(void)state;
	assert_int_equal(pipe2(stalling, 0), 0);
	print_of(s)->sd.open = open_pipe;
	print_of(s)->threads = true;
	while (text[half - 1] != '\n')
		half++;
	for (int part = 0; part < 2; part++) {
		size_t from = part ? half : 0, to = part ? len : half;

		assert_int_equal(write(stalling[1], text + from, to - from), (ssize_t)(to - from));
		if (!part)
			batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=pipe");
		/* The thread is as fast as it is: give it a while for each turn of ours. */
		for (int i = 0; i < 20000 && print_of(s)->sd.position < to; i++) {
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
			batch_turn(&s->b, false);
		}
		scene_pass(s, 60);
		assert_int_equal(print_of(s)->sd.position, to);
		assert_true(machine_rests(s->b.m));
		assert_true(sdcard_printing(&print_of(s)->sd));
	}
	close(stalling[1]);
	for (int i = 0; i < 20000 && sdcard_printing(&print_of(s)->sd); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		batch_turn(&s->b, false);
	}
	assert_int_equal(print_of(s)->stats.state, PRINT_COMPLETE);
	assert_int_equal(s->b.m->gcode.moves, 301);
	assert_int_equal(s->errors, 0);
	ends_exact(s);
}

/* Fed in dribbles, so that it stops again and again on its path. */
static void dribbling_disk(void **state)
{
	size_t len = make_print(text, sizeof(text), 120), at = 0;
	uint64_t rng = simrun_seed(7);
	struct scene *s = open_scene("");

	(void)state;
	assert_int_equal(pipe2(stalling, O_NONBLOCK), 0);
	print_of(s)->sd.open = open_pipe;
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
	ends_exact(s);
}

/* ---- sensors, buttons, timers ---- */

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
	make_print(text, sizeof(text), 300);
	put_file("p.gcode", text);
	s = open_scene(sensors);
	scene_pass(s, 3);
	scene_run(s, "QUERY_FILAMENT_SENSOR SENSOR=spool");
	assert_true(scene_said(s, "Filament Sensor spool: filament detected"));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	until_byte(s, 2000);
	s->b.printer.inputs[0].on = false;
	assert_true(batch_settle(&s->b));
	assert_true(print_of(s)->pause.on);
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
		assert_true(print_of(s)->sd.position > 3000 ||
			    fabs(planner_position(s->b.m->planner)[i] - at_mm[i]) < 1e-9);
	/* Out again at once: that is acted on when event_delay is over. */
	scene_hush(s);
	s->b.printer.inputs[0].on = false;
	scene_pass(s, 1);
	assert_true(!scene_said(s, "runout") || print_of(s)->pause.on);
	scene_pass(s, 4);
	assert_true(scene_said(s, "filament sensor spool: runout"));
	assert_true(batch_settle(&s->b));
	assert_true(print_of(s)->pause.on);
	s->b.printer.inputs[0].on = true;
	scene_pass(s, 5);
	batch_lines(&s->b, "RESUME");
	/* The wheel stops: a runout after 3 mm of filament, and not with the sensor off. */
	scene_pass(s, 5);
	scene_hush(s);
	printer_input_block(&s->b.printer, &s->b.printer.inputs[1], true);
	assert_true(batch_settle(&s->b));
	assert_true(print_of(s)->pause.on);
	assert_true(scene_said(s, "filament sensor wheel: runout"));
	scene_run(s, "SET_FILAMENT_SENSOR SENSOR=wheel ENABLE=0\nRESUME\n");
	assert_true(scene_said(s, "Done printing"));
	assert_int_equal(s->b.m->gcode.moves, 303);
	assert_int_equal(s->errors, 0);
	ends_exact(s);
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
	make_print(text, sizeof(text), 300);
	put_file("p.gcode", text);
	scene_close(open_scene(sensors));
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
	struct scene *s = open_scene(sensors);
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
	ends_exact(s);
}

static void timers(void **state)
{
	struct scene *s = open_scene("[delayed_gcode start]\ninitial_duration: 2\n"
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
	ends_exact(s);
}

static void idle(void **state)
{
	struct scene *s = open_scene("[idle_timeout]\ntimeout: 100\nmotor_timeout: 30\n"
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
		now(s, "M105");
	}
	assert_true(scene_said(s, "motors off"));
	assert_false(scene_said(s, "cold"));
	scene_pass(s, 3);
	assert_true(scene_said(s, "cold"));
	ends_exact(s);
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
	make_print(text + n, sizeof(text) - n, 200);
	put_file("p.gcode", text);
	snprintf(path, sizeof(path), "virtual_sdcard.path=%s", folder());
	s = scene_open("etc/sim-heated.cfg", overrides);
	assert_non_null(s);
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		scene_push_mm(s, axis, 0);
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	until_byte(s, 2500);
	batch_lines(&s->b, "PAUSE");
	scene_pass(s, 290);
	assert_true(s->b.m->heaters.status.heater[0].target_degc > 0);
	scene_pass(s, 30);
	for (int i = 0; i < 2; i++)
		assert_true(s->b.m->heaters.status.heater[i].target_degc == 0);
	assert_true(scene_said(s, "idle for 300 s: heaters off"));
	assert_true(s->b.m->motors_on && print_of(s)->pause.on);
	scene_run(s, "M140 S50\nM109 S180\nRESUME\n");
	assert_true(scene_said(s, "Done printing file"));
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	until_byte(s, 2500);
	assert_true(s->b.m->heaters.status.heater[0].target_degc > 0);
	batch_lines(&s->b, "CANCEL_PRINT");
	assert_true(batch_settle(&s->b));
	for (int i = 0; i < 2; i++)
		assert_true(s->b.m->heaters.status.heater[i].target_degc == 0);
	assert_int_equal(s->errors, 0);
	ends_exact(s);
}

/* ---- macros ---- */

static void macros(void **state)
{
	struct scene *s = open_scene(
		"[gcode_macro G28]\nrename_existing: G9928\n"
		"gcode:\n  M118 homing\n  G9928 X Y\n  M118 homed\n"
		"[gcode_macro M117]\nrename_existing: M117.1\ngcode: M117.1 by macro\n"
		"[gcode_macro SQUARE]\ndescription: a square\nvariable_size: 10\n"
		"gcode:\n  G91\n  G1 X10 F3000\n  G1 Y10\n\n  G1 X-10\n  G1 Y-10\n  G90\n  M400\n"
		"[gcode_macro TWICE]\ngcode:\n  SQUARE\n  SQUARE\n"
		"[gcode_macro LOOP]\ngcode:\n  M118 in\n  LOOP2\n"
		"[gcode_macro LOOP2]\ngcode:\n  LOOP\n  M118 never\n"
		"[gcode_macro WRONG]\ngcode:\n  G1 X1\n  G1 X9000\n  M118 never\n"
		"[gcode_macro TEMPLATED]\ngcode: G1 X{params.X}\n");

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
	assert_string_equal(print_of(s)->cfg->macros.macro[2].variable[0].value, "[1, 'a']");
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
	ends_exact(s);
}

/* A template can't be run: what matters happens all the same. */
static void templates(void **state)
{
	struct scene *s;

	(void)state;
	make_print(text, sizeof(text), 100);
	put_file("p.gcode", text);
	s = open_scene("[gcode_macro CANCEL_PRINT]\nrename_existing: CANCEL_BASE\n"
		       "gcode:\n  {% if printer.toolhead %}\n  CANCEL_BASE\n  {% endif %}\n"
		       "[gcode_macro TURN_OFF_HEATERS]\ngcode: M118 cold\n"
		       "[idle_timeout]\ntimeout: 50\ngcode:\n  {% set x = 1 %}\n  M84\n");
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=p.gcode");
	until_byte(s, 2000);
	batch_lines(&s->b, "CANCEL_PRINT");
	assert_int_equal(print_of(s)->stats.state, PRINT_CANCELLED);
	assert_true(scene_said(s, "CANCEL_PRINT itself runs instead"));
	assert_true(batch_settle(&s->b));
	assert_int_equal(s->errors, 1);
	scene_hush(s);
	scene_pass(s, 60);
	assert_true(scene_said(s, "echo: cold"));
	assert_false(s->b.m->motors_on);
	assert_int_equal(s->errors, 1);
	ends_exact(s);
}

/* More files than replies fit a queue. */
static void long_list(void **state)
{
	char name[32];
	struct scene *s;

	(void)state;
	for (int i = 0; i < 350; i++) {
		snprintf(name, sizeof(name), "f%03d.g", i);
		put_file(name, "G4 P1\n");
	}
	s = open_scene("");
	scene_run(s, "M20");
	assert_true(scene_said(s, "f000.g 6\n") && scene_said(s, "f349.g 6\n"));
	assert_true(strstr(s->said, "End file list") > strstr(s->said, "f349.g"));
	assert_int_equal(s->errors, 0);
	ends_exact(s);
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
	s = open_scene(text);
	scene_run(s, "DEEP_20\nDEEP_5");
	assert_true(scene_said(s, "echo: bottom"));
	assert_true(scene_said(s, "expected at most 32 macros that call each other"));
	assert_int_equal(s->errors, 1);
	ends_exact(s);
}

static int setup(void **state)
{
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	DIR *d = opendir(folder());
	struct dirent *e;

	(void)state;
	while (d && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(folder());
	simrun_cleanup();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_print),    cmocka_unit_test(pause_and_resume),
		cmocka_unit_test(hold_and_pause), cmocka_unit_test(cancelled),
		cmocka_unit_test(refused),        cmocka_unit_test(from_the_middle),
		cmocka_unit_test(stalled_disk),   cmocka_unit_test(dribbling_disk),
		cmocka_unit_test(stalled_thread), cmocka_unit_test(runout),
		cmocka_unit_test(buttons),        cmocka_unit_test(events_file),
		cmocka_unit_test(timers),         cmocka_unit_test(idle),
		cmocka_unit_test(heat),           cmocka_unit_test(macros),
		cmocka_unit_test(too_deep),       cmocka_unit_test(templates),
		cmocka_unit_test(long_list),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, setup, teardown);
}
