// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_angle.c - magnetic angle sensors on motors' shafts ([angle]) on the whole machine.
 *
 * Shown: with each of three chips, its bus in hardware or on pins, on the motor's MCU or another whose clock drifts, the
 * angle told is the shaft's, at rest and with the time of each sample in motion; a sensor that falls silent, answers
 * wrongly or has no magnet is told once with what is wrong, and that it is back; registers are read and written;
 * ANGLE_CALIBRATE takes away what a magnet beside its axis is off by, or says what is wrong, and ends where it began; its
 * table is read again; firmware without the commands is refused.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies.
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

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/scene_expect.h"

#define BASE "etc/sim-cartesian.cfg"
#define ON_X(chip) "[angle x]\nsensor_type: " chip "\nstepper: stepper_x\ncs_pin: PG2\n"
#define SECOND "[mcu tool]\nserial: /run/x\n[stepd_sim tool]\nclock_ppm: 60\n"

static const struct {
	const char *chip, *sections;
	double resolution_turns;
} sensors[] = {
	{ "a1333", ON_X("a1333"), 1.0 / 32768 },
	{ "as5047d", ON_X("as5047d"), 1.0 / 16384 },
	{ "tle5012b", ON_X("tle5012b"), 1.0 / 32768 },
	{ "as5047d",
	  ON_X("as5047d") "spi_software_sclk_pin: PG3\nspi_software_mosi_pin: PG4\n"
			  "spi_software_miso_pin: PG5\nsample_period: 0.0004\n",
	  1.0 / 16384 },
	{ "a1333", SECOND "[angle x]\nsensor_type: a1333\nstepper: stepper_x\ncs_pin: tool:PA2\n",
	  1.0 / 32768 },
};
enum { SENSORS = sizeof(sensors) / sizeof(*sensors) };

static double apart(double a, double b)
{
	return fabs(a - b - round(a - b));
}

/* At 100 mm/s the shaft makes 2.5 turns a second: all samples lie on one line. */
static void on_a_line(struct scene *s, const char *chip, double resolution_turns)
{
	const struct angle *a = &s->b.m->angles.sensor[0];
	double sign = s->b.angle[0].reverse ? -1 : 1, first = NAN, worst = 0, seen_s = 0;
	uint64_t had = a->samples;

	batch_lines(&s->b, "G1 X0 F6000\nG1 X250\n");
	for (double from_s = pinwatch_now_s(); pinwatch_now_s() < from_s + 2;) {
		scene_pass(s, 0.0011);
		if (a->at_s == seen_s || pinwatch_now_s() < from_s + 0.6)
			continue; /* it speeds up, or turns */
		seen_s = a->at_s;
		if (isnan(first))
			first = a->turns - sign * 2.5 * seen_s;
		worst = fmax(worst, apart(a->turns - sign * 2.5 * seen_s, first));
	}
	print_message("%s: %llu samples, off a line by %.5f turns\n", chip,
		      (unsigned long long)(a->samples - had), worst);
	/* a microstep, and 0.1 ms */
	assert_true(worst < 1.0 / 3200 + 0.00025 + 2 * resolution_turns);
	assert_in_range(a->samples - had, 0.9 * 2 / a->cfg->period_s, 1.1 * 2 / a->cfg->period_s);
	assert_int_equal(a->lost, 0);
	assert_int_equal(s->errors, 0);
}

static void angles(void **state)
{
	(void)state;
	for (int i = 0; i < SENSORS; i++) {
		struct scene *s = pinwatch_open(BASE, sensors[i].sections);
		const struct angle *a = &s->b.m->angles.sensor[0];
		double worst = 0;

		scene_pass(s, 0.5);
		for (int k = 0; k < 9; k++) {
			run(s, k & 1 ? "G1 X7.37 F3000\n" : "G1 X16.11 F3000\n");
			scene_pass(s, 0.1);
			assert_int_equal(s->errors, 0);
			worst = fmax(worst, apart(a->turns, chip_angle_turns(&s->b.angle[0])));
		}
		assert_true(worst <= sensors[i].resolution_turns);
		on_a_line(s, sensors[i].chip, sensors[i].resolution_turns);
		run(s, "STATUS\n");
		assert_true(scene_said(s, "angle x: ") && scene_said(s, ", 0 without an angle, "));
		pinwatch_finish(s);
	}
}

/* What breaks is told, once, as is its end. */
static void broken(void **state)
{
	static const struct {
		int sensor;
		const char *action, *says;
	} cases[] = {
		{ 0, "weak", "[angle x] no angle for 1 s: its answers are damaged" },
		{ 0, "silent", "[angle x] no angle for 1 s: its answers are damaged" },
		{ 1, "garbled", "[angle x] no angle for 1 s: its answers are damaged" },
		{ 1, "silent", "[angle x] no angle for 1 s: its answers are damaged" },
		{ 2, "silent", "[angle x] no angle for 1 s: its answers are damaged" },
		{ 2, "weak", "[angle x] no angle for 1 s: it has no angle: is there a magnet?" },
	};
	char line[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene *s = pinwatch_open(BASE, sensors[cases[i].sensor].sections);
		const char *first;

		run(s, "G1 X10 F3000\n");
		snprintf(line, sizeof(line), "BREAK_PART PART=angle_x ACTION=\"%s\"\nG1 X20\n",
			 cases[i].action);
		run(s, line);
		scene_pass(s, 3);
		if (!scene_said(s, cases[i].says))
			fail_msg("%s: %s", cases[i].says, s->said);
		first = strstr(s->said, "no angle for");
		assert_null(strstr(first + 1, "no angle for"));
		assert_int_equal(s->errors, 0);
		assert_false(scene_said(s, "is back"));
		run(s, "STATUS\n");
		assert_true(scene_said(s, "angle x: no angle, "));
		run(s, "BREAK_PART PART=angle_x ACTION=ok\nG1 X30\n");
		scene_pass(s, 0.1);
		assert_true(scene_said(s, "[angle x] is back: "));
		pinwatch_finish(s);
	}
}

static void registers(void **state)
{
	static const char *const lines[] = {
		"ANGLE_DEBUG_WRITE CHIP=x REG=0x1a VAL=0x77\nANGLE_DEBUG_READ CHIP=x REG=26\n",
		"ANGLE_DEBUG_WRITE CHIP=x REG=0x18 VAL=0x15\nANGLE_DEBUG_READ CHIP=x REG=0x18\n",
		"ANGLE_DEBUG_WRITE CHIP=x REG=8 VAL=0x801\nANGLE_DEBUG_READ CHIP=x REG=8\n",
	};
	static const char *const says[] = { "angle x: 0x77", "angle x: 0x0015", "angle x: 0x0801" };
	static const char *const wrong[][2] = {
		{ "ANGLE_DEBUG_READ REG=1\n", "CHIP" },
		{ "ANGLE_DEBUG_READ CHIP=y REG=1\n",
		  "CHIP=y: expected the name of an [angle NAME]" },
		{ "ANGLE_DEBUG_READ CHIP=x REG=0x40\n",
		  "REG=0x40: expected a whole number from 0 to 0x3f" },
		{ "ANGLE_DEBUG_READ CHIP=x REG=-1\n", "REG=-1: expected a whole number" },
		{ "ANGLE_DEBUG_WRITE CHIP=x REG=1 VAL=x\n",
		  "VAL=x: expected a whole number from 0 to 0xff" },
	};
	struct scene *s;

	(void)state;
	for (int i = 0; i < 3; i++) {
		uint64_t had;

		s = pinwatch_open(BASE, sensors[i].sections);
		scene_pass(s, 0.5);
		run(s, lines[i]);
		if (!scene_said(s, says[i]))
			fail_msg("%s: %s", says[i], s->said);
		had = s->b.m->angles.sensor[0].samples;
		scene_pass(s, 0.5); /* it is read on */
		assert_in_range(s->b.m->angles.sensor[0].samples - had, 200, 270);
		pinwatch_finish(s);
	}
	s = pinwatch_open(BASE, sensors[0].sections);
	scene_pass(s, 0.5);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		refused(s, wrong[i][0], wrong[i][1]);
	scene_close(s);
}

/* Within a turn, how much the angle told is off the shaft's, but for where its 0 is. Degrees. */
static double off_degrees(struct scene *s)
{
	const struct angle *a = &s->b.m->angles.sensor[0];
	double sign = s->b.angle[0].reverse ? -1 : 1, first = NAN, least = 0, most = 0;
	char line[40];

	for (int i = 0; i < 23; i++) {
		double shaft, off;

		snprintf(line, sizeof(line), "G1 X%.3f F3000\n", 60 + 1.7321 * i);
		run(s, line);
		scene_pass(s, 0.1);
		assert_int_equal(s->errors, 0);
		shaft = sign * (double)s->b.printer.steppers[0].pos_steps / 3200;
		off = a->turns - shaft - (isnan(first) ? 0 : first);
		off -= round(off);
		if (isnan(first))
			first = off;
		else
			least = fmin(least, off), most = fmax(most, off);
	}
	return (most - least) * 360;
}

static void calibrated(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		char sections[2000], *end = sections;
		struct scene *s = pinwatch_open(BASE, sensors[i].sections);
		struct angle_table table;
		double before, after, from_mm;

		s->b.angle[0].reverse = i == 1;
		s->b.angle[0].bend_turns = 5.0 / 360;
		s->b.angle[0].bend_at = 0.3 * i;
		s->b.angle[0].noise_turns = 0.05 / 360;
		run(s, "G28\nG1 X100 F3000\n");
		before = off_degrees(s);
		from_mm = scene_truth_mm(s, 0);
		run(s, "ANGLE_CALIBRATE CHIP=x\n");
		if (!scene_said(s, "[angle x] calibrated: it was up to 5.0") &&
		    !scene_said(s, "[angle x] calibrated: it was up to 4.9"))
			fail_msg("%s", s->said);
		assert_true(fabs(scene_truth_mm(s, 0) - from_mm) < 1e-6);
		assert_true(scene_agrees(s, 1));
		table = s->b.m->angles.sensor[0].table;
		after = off_degrees(s);
		print_message("%s: %.2f degrees off, calibrated %.2f\n", sensors[i].chip, before,
			      after);
		assert_true(before > 8 && after < 0.25);
		assert_int_equal(s->b.m->react.faults.count[FAULT_CLASS_STALL], 0);
		pinwatch_finish(s);
		end += sprintf(end, "%scalibrate: ", sensors[i].sections);
		for (int k = 0; k < ANGLE_TABLE; k++)
			end += sprintf(end, "%s%.4f", k ? ", " : "", table.turns[k] * 360);
		strcpy(end, "\n");
		s = pinwatch_open(BASE, sections);
		for (int k = 0; k < ANGLE_TABLE; k++)
			assert_true(fabs(s->b.m->angles.sensor[0].table.turns[k] - table.turns[k]) <
				    1e-6);
		scene_close(s);
	}
}

/* It ends where it began, with what is wrong. */
static void not_calibrated(void **state)
{
	static const struct {
		const char *sections, *before, *says;
	} cases[] = {
		{ "[angle x]\nsensor_type: a1333\ncs_pin: PG2\n", "G1 X50 F3000\n",
		  "[angle x] expected stepper in the configuration" },
		{ ON_X("a1333"), "G28\nG1 X270 F3000\n",
		  "stepper_x makes a turn there and back: X=310.0000 mm is out of reach" },
		{ ON_X("as5047d"), "G1 X50 F3000\nBREAK_PART PART=angle_x ACTION=weak\n",
		  "[angle x] it gives no angle" },
		{ ON_X("tle5012b"), "G1 X50 F3000\nBREAK_PART PART=stepper_x ACTION=blocked\n",
		  "[angle x] while the motor makes a turn its angle makes " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene *s = pinwatch_open(BASE, cases[i].sections);
		double from_mm;

		scene_pass(s, 0.5);
		run(s, cases[i].before);
		from_mm = scene_truth_mm(s, 0);
		refused(s, "ANGLE_CALIBRATE CHIP=x\n", cases[i].says);
		assert_true(fabs(scene_truth_mm(s, 0) - from_mm) < 1e-6);
		assert_int_equal(s->b.m->state, MACHINE_READY);
		assert_null(s->b.m->angles.calibration.of);
		scene_close(s);
	}
}

static void firmware(void **state)
{
	(void)state;
	pinwatch_refused(BASE, "[stepd_sim]\nwithout: angle\n" ON_X("a1333"),
			 "mcu 'mcu': its firmware has no command 'config_spi_angle oid=%c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(angles),     cmocka_unit_test(broken),
		cmocka_unit_test(registers),  cmocka_unit_test(firmware),
		cmocka_unit_test(calibrated), cmocka_unit_test(not_calibrated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
