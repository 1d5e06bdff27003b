/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_batch.c - `stepd batch` as a program: repeatable, overridable, on printers as users have them.
 *
 * Shown: the same seed gives the same trace and the same figures to the byte, with faults on the wire
 * and two MCUs as well; another seed does not. Outputs change in step with the motion around them. -o
 * overrides what the file says. The printer.cfg of a large CoreXY and of a small bed-slinger print as they
 * are. Bad options and files give exit status 1 or 2 and name what is wrong.
 * How: the program itself, with tests/data/small.gcode and others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/simlib/nasty.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define SMALL "tests/data/small.gcode"
#define TOLERANCE_US 12.5
enum { CPU_S = 120 };

static const char *write_gcode(const char *name, const char *text)
{
	const char *path = simrun_path(name);
	FILE *f = simrun_create(path);

	fputs(text, f);
	fclose(f);
	return path;
}

/* ---- determinism ---- */

struct outcome {
	char *json, *trace, *trace_second;
	size_t trace_len;
};

/* What differs from run to run though nothing else does. */
static void forget_costs(struct simrun *r)
{
	json_object_object_del(r->json, "cpu_s");
	json_object_object_del(r->json, "peak_rss_kib");
}

static void outcome(struct outcome *o, const struct simconfig *c, const char *gcode, unsigned ppm,
		    unsigned long seed)
{
	const char *trace = simrun_path("trace");
	struct simrun_args a = { 0 };
	char second[600];
	struct simrun r;

	snprintf(second, sizeof(second), "%s.mcu", trace);
	simconfig_args(c, &a);
	simrun_add(&a, "--trace");
	simrun_add(&a, "%s", trace);
	simrun_add(&a, "--seed");
	simrun_add(&a, "%lu", seed);
	simrun_add(&a, "--wire-faults");
	simrun_add(&a, "%u", ppm);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, simconfig_text(c), TOLERANCE_US));
	forget_costs(&r);
	o->json = strdup(json_object_to_json_string(r.json));
	o->trace = simrun_read(c->two_mcus ? second : trace, &o->trace_len);
	snprintf(second, sizeof(second), "%s.second", trace);
	o->trace_second = c->two_mcus ? simrun_read(second, NULL) : strdup("");
	assert_non_null(o->json);
	assert_non_null(o->trace);
	assert_non_null(o->trace_second);
	assert_true(o->trace_len > 10000);
}

static void outcome_free(struct outcome *o)
{
	free(o->json);
	free(o->trace);
	free(o->trace_second);
}

static void repeat(const struct simconfig *c, unsigned ppm)
{
	const char *gcode = simrun_path("nasty.gcode");
	FILE *f = simrun_create(gcode);
	struct outcome one, again, other;

	nasty_write(f, 5, 20);
	fclose(f);
	outcome(&one, c, gcode, ppm, 3);
	outcome(&again, c, gcode, ppm, 3);
	outcome(&other, c, gcode, ppm, 4);
	assert_string_equal(one.json, again.json);
	assert_true(strcmp(one.trace, again.trace) == 0);
	assert_true(strcmp(one.trace_second, again.trace_second) == 0);
	assert_true(strcmp(one.trace, other.trace) != 0);
	outcome_free(&one);
	outcome_free(&again);
	outcome_free(&other);
}

static void test_same_seed_same_result(void **state)
{
	static const struct simconfig one = { .kinematics = "corexy",
					      .microsteps = 16,
					      .clock_hz = 50e6 };
	static const struct simconfig two = { .kinematics = "cartesian",
					      .microsteps = 16,
					      .clock_hz = 16e6,
					      .two_mcus = true,
					      .second_clock_hz = 180e6,
					      .second_ppm = 80 };

	(void)state;
	repeat(&one, 0);
	repeat(&two, 0);
	repeat(&one, 100);
	repeat(&two, 100);
}

/* ---- outputs in step with motion ---- */

/* The count of rising edges of a pin before the n-th edge of another one; -1: there is none. */
static long steps_before(const char *trace, const char *step_pin, const char *pin, int n)
{
	const char *p = trace;
	long steps = 0;

	while ((p = strchr(p, '\n')) != NULL && *++p) {
		unsigned long long clock;
		char name[64];
		int level;

		if (sscanf(p, "%llu %63s %d", &clock, name, &level) != 3)
			continue;
		if (strcmp(name, pin) == 0 && n-- == 0)
			return steps;
		steps += strcmp(name, step_pin) == 0 && level == 1;
	}
	return -1;
}

static void test_outputs_in_step(void **state)
{
	/* X: 80 steps/mm. The fan is fully on or off, so that each change is one edge. */
	const char *gcode = write_gcode("fan.gcode", "G1 X50 F6000\nM106 S255\nG1 X75.5\nM106 S0\n"
						     "G1 X100\nM400\nM106 S255\nM107\nM84\n");
	const char *trace = simrun_path("trace");
	struct simrun_args a = { 0 };
	struct simrun r;
	char *text;

	(void)state;
	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-cartesian.cfg");
	simrun_add(&a, "--trace");
	simrun_add(&a, "%s", trace);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, "fan", TOLERANCE_US));
	text = simrun_read(trace, NULL);
	assert_non_null(text);
	/* 12.5 us at 100 mm/s are a tenth of a step. */
	assert_in_range(steps_before(text, "PA0", "PE0", 0), 50 * 80 - 1, 50 * 80 + 1);
	assert_in_range(steps_before(text, "PA0", "PE0", 1), 75.5 * 80 - 1, 75.5 * 80 + 1);
	assert_int_equal(steps_before(text, "PA0", "PE0", 2), 100 * 80);
	assert_int_equal(steps_before(text, "PA0", "PE0", 3), 100 * 80);
	/* The motor is on before its first step and off after the last. (Edge 0 sets it off.) */
	assert_int_equal(steps_before(text, "PA0", "PA2", 0), 0);
	assert_int_equal(steps_before(text, "PA0", "PA2", 1), 0);
	assert_int_equal(steps_before(text, "PA0", "PA2", 2), 100 * 80);
	free(text);
}

/* ---- overrides ---- */

static double steps_with(const char *stepper, const char *override)
{
	const char *gcode = write_gcode("over.gcode", "G1 X80 Y-7 Z2 E3 F3000\n");
	struct simrun_args a = { 0 };
	struct simrun r;
	char path[64];

	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-cartesian.cfg");
	if (override)
		simrun_override(&a, "%s", override);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, override ? override : "no override", TOLERANCE_US));
	snprintf(path, sizeof(path), "steps.%s", stepper);
	return simrun_number(&r, path);
}

static void test_overrides(void **state)
{
	(void)state;
	assert_true(steps_with("stepper_x", NULL) == 6400);
	assert_true(steps_with("stepper_x", "stepper_x.microsteps=32") == 12800);
	assert_true(steps_with("stepper_x", "stepper_x.rotation_distance=80") == 3200);
	assert_true(steps_with("stepper_x", "stepper_x.gear_ratio=3:1") == 19200);
	assert_true(steps_with("stepper_y", "stepper_y.dir_pin=!PB1") == 560);
	assert_true(steps_with("stepper_x", "stepd.horizon_ms=40") == 6400);
	assert_true(steps_with("stepper_x", "mcu.baud=57600") == 6400);
	assert_true(steps_with("stepper_x", "stepd_sim.move_count=16") == 6400);
}

static void fails(int status, const char *what, const char *option, const char *value,
		  const char *gcode)
{
	struct simrun_args a = { 0 };
	struct simrun r;

	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-cartesian.cfg");
	if (option) {
		simrun_add(&a, "%s", option);
		simrun_add(&a, "%s", value);
	}
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	if (r.status != status || !strstr(r.err, what))
		fail_msg("%s %s %s: exit status %d, expected %d and \"%s\": %s",
			 option ? option : "", option ? value : "", gcode, r.status, status, what,
			 r.err);
}

static void test_errors_are_named(void **state)
{
	(void)state;
	fails(1, "microsteps", "-o", "stepper_x.microsteps=0", SMALL);
	fails(1, "rotation_distance", "-o", "stepper_x.rotation_distanc=3", SMALL);
	fails(2, "usage", "--seed", "minus one", SMALL);
	fails(2, "usage", "--nosuch", "1", SMALL);
	fails(1, "nosuch.gcode", NULL, NULL, "nosuch.gcode");
	fails(1, "line 2", NULL, NULL, write_gcode("bad.gcode", "G1 X1 F600\nG1 X999\nG1 X2\n"));
	fails(1, "trace", "--trace", "/nosuch/folder/trace", SMALL);
}

/* A print that is over before a thermometer, the host's own, has said anything is reported without its temperature. */
static void test_no_reading(void **state)
{
	struct simrun_args a = { 0 };
	struct simrun r;

	(void)state;
	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-heated.cfg");
	simrun_add(&a, "%s", write_gcode("empty.gcode", ""));
	simrun(&r, &a, CPU_S);
	assert_int_equal(r.status, 0);
	assert_non_null(simrun_value(&r, "temperatures_degc.host.target"));
	assert_null(simrun_value(&r, "temperatures_degc.host.min"));
	assert_null(simrun_value(&r, "temperatures_degc.host.last"));
}

/* It only heats: pictures all the same, of no step. */
static void test_no_step(void **state)
{
	const char *gcode = write_gcode("heats.gcode", "M104 S50\nG4 P3000\n");
	const char *plot = simrun_path("heats");
	char png[SIMRUN_PATH_MAX + 20];
	struct simrun_args a = { 0 };
	struct simrun r;

	(void)state;
	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-heated.cfg");
	simrun_add(&a, "--plot");
	simrun_add(&a, "%s", plot);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_int_equal(r.status, 0);
	if (strstr(r.err, "gnuplot is missing")) {
		print_message("skipped: %s", r.err);
		skip();
	}
	if (strstr(r.err, "gnuplot failed"))
		fail_msg("%s", r.err);
	snprintf(png, sizeof(png), "%s-error.png", plot);
	assert_int_equal(access(png, R_OK), 0);
}

/* ---- printers as users have them ---- */

static void foreign(const char *config, const char *option)
{
	struct simrun_args a = { 0 };
	struct simrun r;

	simrun_add(&a, "-c");
	simrun_add(&a, "%s", config);
	if (option)
		simrun_override(&a, "%s", option);
	simrun_add(&a, SMALL);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, config, TOLERANCE_US));
	assert_true(simrun_number(&r, "steps.stepper_x") > 1000);
	assert_true(simrun_number(&r, "steps.extruder") > 500);
}

static void test_printers_of_users(void **state)
{
	(void)state;
	foreign("tests/data/voron-like.cfg", NULL);
	foreign("tests/data/ender-like.cfg", NULL);
	foreign("etc/sim-cartesian.cfg", NULL);
	foreign("etc/sim-corexy.cfg", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_result),
		cmocka_unit_test(test_outputs_in_step),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_errors_are_named),
		cmocka_unit_test(test_no_reading),
		cmocka_unit_test(test_no_step),
		cmocka_unit_test(test_printers_of_users),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
