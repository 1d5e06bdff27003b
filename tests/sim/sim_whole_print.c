/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_whole_print.c - a whole print on a whole printer: a sliced file with its start and end code.
 *
 * Shown: etc/sim-printer.cfg, with all that an owner has in it, starts and says what it leaves out; the file heats, homes
 * by stall and with the probe, primes, prints with fan and temperature changes, pauses for another colour, goes on when somebody
 * presses the button, and ends with motors and heaters off. Every step is exact, temperatures and fans are in the
 * summary and on a picture. Without the button the summary says that the print still is paused. What breaks in the middle (a
 * driver's supply, the filament) stops or pauses it; filament that is back and the button bring it to its end, exact.
 * How: `stepd batch`, and the machine in this process, with tests/data/whole-print.gcode as the card's only file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/print/print.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define CONFIG "etc/sim-printer.cfg"
#define GCODE "tests/data/whole-print.gcode"
#define TOLERANCE_US 12.5
enum { CPU_S = 120, LINES = 683 };

/* The button, once the print has paused for the other colour. */
#define PRESSED "200 go_on on\n200.3 go_on off\n"

static char card[PATH_MAX], variables[PATH_MAX];

static void write_text(const char *path, const char *text)
{
	FILE *f = simrun_create(path);

	fputs(text, f);
	fclose(f);
}

static void make_card(void)
{
	char to[PATH_MAX + 32];

	snprintf(card, sizeof(card), "%s", simrun_path("card"));
	snprintf(variables, sizeof(variables), "%s", simrun_path("variables.cfg"));
	mkdir(card, 0777);
	snprintf(to, sizeof(to), "%s/whole-print.gcode", card);
	assert_int_equal(simrun_head(GCODE, to, LINES + 1), LINES);
}

static void print(struct simrun *r, const char *events, const char *plot)
{
	const char *start = simrun_path("start.gcode"), *file = simrun_path("events");
	struct simrun_args a = { 0 };

	make_card();
	write_text(start, "SDCARD_PRINT_FILE FILENAME=whole-print.gcode\n");
	write_text(file, events);
	simrun_add(&a, "-c");
	simrun_add(&a, CONFIG);
	simrun_override(&a, "virtual_sdcard.path=%s", card);
	simrun_override(&a, "save_variables.filename=%s", variables);
	simrun_add(&a, "--events");
	simrun_add(&a, "%s", file);
	if (plot) {
		simrun_add(&a, "--plot");
		simrun_add(&a, "%s", plot);
	}
	simrun_add(&a, "%s", start);
	simrun(r, &a, CPU_S);
}

static void near(const struct simrun *r, const char *path, double expected, double within)
{
	double is = simrun_number(r, path);

	if (!(fabs(is - expected) <= within))
		fail_msg("%s: %g, expected %g", path, is, expected);
}

static void in_batch(void **state)
{
	const char *plot = simrun_path("plot");
	char png[PATH_MAX + 16], *text;
	struct simrun r;
	struct stat st;

	(void)state;
	print(&r, PRESSED, plot);
	assert_true(simrun_exact(&r, "a whole print", TOLERANCE_US));
	assert_string_equal(json_object_get_string(simrun_value(&r, "print.state")), "complete");
	near(&r, "temperatures_degc.extruder.min", 25, 1);
	near(&r, "temperatures_degc.extruder.max", 205, 2);
	near(&r, "temperatures_degc.heater_bed.max", 60, 2);
	near(&r, "temperatures_degc.chamber.max", 25, 1);    /* by its converter */
	near(&r, "temperatures_degc.enclosure.last", 25, 1); /* by I2C */
	assert_true(simrun_number(&r, "temperatures_degc.extruder.overshoot") < 2);
	assert_true(simrun_number(&r, "temperatures_degc.heater_bed.overshoot") < 2);
	near(&r, "temperatures_degc.extruder.target", 0, 0); /* off at the end */
	near(&r, "temperatures_degc.heater_bed.target", 0, 0);
	near(&r, "fans_rpm.hotend.max", 6000, 60); /* it still is hot */
	near(&r, "fans_rpm.hotend.last", 6000, 60);
	assert_true(simrun_number(&r, "fans_rpm.fan.max") > 2000);
	near(&r, "fans_rpm.fan.last", 0, 1);
	assert_true(simrun_number(&r, "steps.extruder") > 10000);
	assert_true(simrun_number(&r, "moves") > 600);
	snprintf(png, sizeof(png), "%s-temp.png", plot);
	if (strstr(r.err, "gnuplot is missing"))
		print_message("no picture: %s", r.err);
	else
		assert_true(stat(png, &st) == 0 && st.st_size > 5000);
	text = simrun_read(variables, NULL);
	assert_non_null(strstr(text, "last = \"done\""));
	free(text);
}

/* Nobody is there. */
static void left_alone(void **state)
{
	struct simrun r;

	(void)state;
	print(&r, "150 encoder filament ok\n", NULL);
	assert_true(simrun_exact(&r, "a print that nobody resumes", TOLERANCE_US));
	assert_string_equal(json_object_get_string(simrun_value(&r, "print.state")), "paused");
	near(&r, "temperatures_degc.extruder.last", 205, 2); /* it waits, hot */
}

/* The filament ends in the first layer; new filament, and the button. The drawing of that picture is longer by the pause. */
static void runout(void **state)
{
	struct simrun r;

	(void)state;
	print(&r,
	      "150 runout off\n170 runout on\n175 go_on on\n175.3 go_on off\n"
	      "240 go_on on\n240.3 go_on off\n",
	      NULL);
	assert_true(simrun_exact(&r, "with a runout", TOLERANCE_US));
	assert_true(simrun_number(&r, "print_time_s") > 220);
	near(&r, "temperatures_degc.extruder.target", 0, 0);
}

static void driver_resets(void **state)
{
	struct simrun r;

	(void)state;
	print(&r, "150 tmc2209_stepper_y reset\n", NULL);
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.err, "stepper_y"));
	assert_non_null(strstr(r.err, "it has been reset: was its supply gone?"));
}

/* ---- details of the machine ---- */

static struct scene *open_printer(void)
{
	char path[PATH_MAX + 32], file[PATH_MAX + 48];
	const char *overrides[] = { path, file, NULL };
	struct scene *s;

	make_card();
	snprintf(path, sizeof(path), "virtual_sdcard.path=%s", card);
	snprintf(file, sizeof(file), "save_variables.filename=%s", variables);
	s = scene_open(CONFIG, overrides);
	assert_non_null(s);
	return s;
}

static struct printer_input *button(struct scene *s)
{
	/* behind the two filament sensors */
	return &s->b.printer.inputs[2];
}

static void press(struct scene *s)
{
	button(s)->on = true;
	scene_pass(s, 0.3);
	button(s)->on = false;
	scene_pass(s, 0.3);
}

static int level(const struct scene *s, const char *pin)
{
	return sim_pin_level(s->b.mcu[0].sim, (uint16_t)sim_pin_number(s->b.mcu[0].sim, pin));
}

static void step_by_step(void **state)
{
	struct scene *s = open_printer();
	const struct print_stats *stats = &s->b.m->print->stats;

	(void)state;
	assert_int_equal(s->b.m->homed, 0);
	assert_int_equal(level(s, "PG5"), 1); /* static */
	batch_lines(&s->b, "SDCARD_PRINT_FILE FILENAME=whole-print.gcode\n");
	assert_true(batch_settle(&s->b));
	assert_int_equal(stats->state, PRINT_PAUSED);
	assert_int_equal(s->b.m->homed, 7);
	assert_true(scene_agrees(s, 3));                         /* a microstep of Z is 2.5 um */
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 20) < 0.1); /* PAUSE's corner */
	assert_int_equal(level(s, "PA2"), 0);                    /* on, inverted: the gantry */
	assert_int_equal(level(s, "PE2"), 1);                    /* the electronics' fan */
	for (size_t i = 0; i < s->b.m->motors; i++) {
		assert_true(s->b.m->motor[i].both_edges);
		assert_true(s->b.printer.steppers[i].edge_count > 100);
	}
	scene_hush(s);
	scene_run(s, "M27\nSTATUS\n");
	assert_true(scene_said(s, "SD printing byte "));
	assert_true(scene_said(s, "print: paused, whole-print.gcode"));
	assert_true(scene_said(s, "Next colour"));
	press(s);
	assert_true(batch_settle(&s->b));
	assert_int_equal(stats->state, PRINT_COMPLETE);
	assert_true(stats->filament_mm > 20);
	scene_hush(s);
	scene_run(s, "STATUS\n");
	assert_true(scene_said(s, "print: complete, whole-print.gcode"));
	assert_true(scene_said(s, "Done"));
	assert_true(fabs(scene_truth_mm(s, AXIS_Y) - 280) < 0.1);
	assert_int_equal(level(s, "PA2"), 1); /* M84 */
	assert_int_equal(level(s, "PG0"), 0);
	assert_int_equal(level(s, "PG1"), 0);
	assert_int_equal(s->errors, 0);
	assert_true(scene_agrees(s, 3)); /* a microstep of Z is 2.5 um */
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_batch),     cmocka_unit_test(left_alone),
		cmocka_unit_test(runout),       cmocka_unit_test(driver_resets),
		cmocka_unit_test(step_by_step),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
