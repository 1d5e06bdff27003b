// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_stall.c - a motor that is blocked in mid-motion, found by its driver.
 *
 * Shown, of each driver that can tell (tmc2209, 2226, 2130, 5160, 2240 by stallGuard2 and 4, at SPI and a serial line): a
 * blocked motor is found within FOUND_S of fast motion, within 1.5 s of short moves, and the message has speed, value and what was
 * expected; not while it is free, at rest, slower than stall_detect_speed, in the chopper mode that can't tell, if one look
 * alone says so, nor while an axis homes by a stall, of that motor or another one. A print is paused; RESUME and CLEAR_FAULT
 * want the axis homed, then it completes with each step exact, also after a second stall, and one of two motors at once. A
 * manual stepper's stall leaves the axes certain. Drivers that share a serial line find it, too, and what is looked at once a
 * second is. As long as the option isn't given, nothing is asked.
 * How: the machine in this process; the model (mcu/boards/sim/chip_tmc.c) shows a stall wherever its value means nothing.
 * An argument names the cases to run. STEPD_ECHO=1 shows the replies.
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

#include "tests/simlib/printjob.h"
#include "tests/simlib/simconfig.h"

#define FOUND_S 0.35
#define LOOK_S 0.1
#define STEP_S 0.005

#define CARTESIAN "etc/sim-cartesian.cfg"
#define UART "uart_pin: PE2\nrun_current: 0.8\n"
#define SPI "cs_pin: PE6\nspi_bus: spi2\nrun_current: 0.8\n"
#define STEALTH "stealthchop_threshold: 160\nstall_detect_speed: 40\n"
#define SPREAD "stealthchop_threshold: 40\nstall_detect_speed: 40\n"

static const struct kind {
	const char *chip, *own;
	const char *pin;   /* where a stall shows for homing */
	const char *wrong; /* sets the chopper to the mode that can't tell */
	const char *expected;
	const char *dump;
} kinds[] = {
	{ "tmc2209", UART STEALTH "driver_sgthrs: 77\n", "diag_pin: ^PF7\n",
	  "FIELD=en_spreadcycle VALUE=1", "sg_result 10, expected above 154", "SG_RESULT" },
	{ "tmc2226", UART STEALTH "driver_sgthrs: 77\n", "diag_pin: ^PF7\n",
	  "FIELD=tpwmthrs VELOCITY=50", "sg_result 10, expected above 154", "SG_RESULT" },
	{ "tmc2130", SPI SPREAD "driver_sgt: 3\n", "diag1_pin: ^!PF7\n", "FIELD=tpwmthrs VALUE=0",
	  "sg_result 0, expected above 0", "DRV_STATUS" },
	{ "tmc5160", SPI SPREAD "sense_resistor: 0.075\ndriver_sgt: 0\n", "diag1_pin: ^!PF7\n",
	  "FIELD=tpwmthrs VELOCITY=150", "sg_result 0, expected above 0", "DRV_STATUS" },
	{ "tmc2240", SPI SPREAD "driver_sgt: 0\n", "diag0_pin: ^!PF7\n", "FIELD=tpwmthrs VALUE=0",
	  "sg_result 0, expected above 0", "DRV_STATUS" },
	{ "tmc2240", SPI STEALTH "driver_sg4_thrs: 60\n", "diag0_pin: ^!PF7\n",
	  "FIELD=en_pwm_mode VALUE=0", "sg_result 10, expected above 120", "SG4_RESULT" },
	{ "tmc2240", UART STEALTH "driver_sg4_thrs: 60\n", "diag0_pin: ^!PF7\n",
	  "FIELD=tpwmthrs VELOCITY=50", "sg_result 10, expected above 120", "SG4_RESULT" },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static struct scene *open_with(const char *base, const char *sections)
{
	struct scene *s = scene_open(simconfig_behind(base, sections), NULL);

	assert_non_null(s);
	s->echo = getenv("STEPD_ECHO") != NULL;
	return s;
}

/* Lines that are fed as the machine takes them: there and back at that speed; 0: none. */
static double feed_mm_s, far_mm;
static bool there;

static char text[2000];

static struct scene *open_kind(const struct kind *k, const char *more)
{
	struct scene *s;

	snprintf(text, sizeof(text), "[%s stepper_x]\n%s%s", k->chip, k->own, more);
	s = open_with(CARTESIAN, text);
	feed_mm_s = 0;
	there = false;
	assert_true(scene_run(s, "G28\nG1 X10 F6000\n"));
	return s;
}

static unsigned long stalls(const struct scene *s)
{
	return s->b.m->react.faults.count[FAULT_CLASS_STALL];
}

static void block(struct scene *s, int driver, bool on)
{
	const struct printer_stepper *motor = s->b.tmc[driver].motor;

	assert_true(printer_motor_action(&s->b.printer.steppers[motor - s->b.printer.steppers],
					 on ? "blocked" : "ok", true));
}

static void step(struct scene *s)
{
	char line[40];

	snprintf(line, sizeof(line), "G1 X%g F%g", there ? 10 : far_mm, feed_mm_s * 60);
	if (feed_mm_s > 0 && machine_takes_line(s->b.m) &&
	    gcode_exec(&s->b.m->gcode, line, strlen(line), 0) != GCODE_AGAIN)
		there = !there;
	scene_pass(s, STEP_S);
}

static void go(struct scene *s, double speed_mm_s)
{
	feed_mm_s = speed_mm_s;
	far_mm = 190;
	for (double at_s = 0; at_s < 0.5; at_s += STEP_S)
		step(s);
}

static void rest(struct scene *s)
{
	feed_mm_s = 0;
	assert_true(batch_settle(&s->b));
}

/* Until a stall is found, for at most so long; NAN: none was. */
static double found_after_s(struct scene *s, double most_s)
{
	unsigned long had = stalls(s);

	for (double at_s = 0; at_s < most_s; at_s += STEP_S) {
		if (stalls(s) > had)
			return at_s;
		step(s);
	}
	return NAN;
}

static void none(struct scene *s, const struct kind *k, const char *when, double for_s)
{
	if (!isnan(found_after_s(s, for_s)))
		fail_msg("%s: found %s: %s", k->chip, when, s->said);
}

/* How long the next look of a driver takes. */
static double look_s(struct scene *s, int driver)
{
	const struct tmc_driver *d = &s->b.m->tmc.driver[driver];
	int64_t next_ns = d->stall.look_ns, from_ns;

	for (int i = 0; d->stall.look_ns == next_ns && i < 4000; i++)
		batch_turn(&s->b, false);
	from_ns = s->b.now_ns;
	for (int i = 0; d->open && i < 4000; i++)
		batch_turn(&s->b, false);
	return 1e-9 * (double)(s->b.now_ns - from_ns);
}

static void look_times(struct scene *s, const char *when)
{
	double worst_s = 0, sum_s = 0;

	for (int n = 0; n < 20; n++) {
		double took_s = look_s(s, 0);

		worst_s = fmax(worst_s, took_s);
		sum_s += took_s;
	}
	print_message("%s a look takes %.1f ms, %.1f at most\n", when, 1e3 * sum_s / 20,
		      1e3 * worst_s);
	assert_true(worst_s < LOOK_S);
}

static void is_found(void **state)
{
	double worst_s = 0;

	(void)state;
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct scene *s = open_kind(k, "");

		none(s, k, "at rest", 1);
		look_times(s, "at rest");
		go(s, 100);
		none(s, k, "while it is free", 8);
		look_times(s, "in fast motion");
		snprintf(text, sizeof(text), "DUMP_TMC STEPPER=stepper_x REGISTER=%s\n", k->dump);
		batch_lines(&s->b, text);
		none(s, k, "while it is free", 0.5);
		assert_true(scene_said(s, "sg_result=") || scene_said(s, "sg4_result="));
		assert_false(scene_said(s, "stst"));
		for (int n = 0; n < 4; n++) {
			double s_found;

			scene_hush(s);
			block(s, 0, true);
			s_found = found_after_s(s, 1);
			if (!(s_found <= FOUND_S))
				fail_msg("%s: found after %.3f s: %s", k->chip, s_found, s->said);
			worst_s = fmax(worst_s, s_found);
			if (n == 0 && !scene_said(s, k->expected))
				fail_msg("%s: %s", k->chip, s->said);
			assert_true(n > 0 || scene_said(s, "stepper_x: steps are lost: "));
			assert_true(n > 0 || scene_said(s, "stalls at 10"));
			assert_int_equal(s->b.m->uncertain, 1);
			none(s, k, "again in one and the same stall", 0.5);
			block(s, 0, false);
			scene_pass(s, 0.1 + 0.13 * n);
		}
		rest(s);
		none(s, k, "at rest", 1);
		assert_int_equal(scene_violations(s), 0);
		scene_close(s);
	}
	print_message("found after %.3f s at most\n", worst_s);
}

/* Moves so short that it is slow for nearly half of the time. */
static void to_and_fro(void **state)
{
	double worst_s = 0;

	(void)state;
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct scene *s = open_kind(k, "");

		feed_mm_s = 100;
		far_mm = 13;
		none(s, k, "in short moves", 20);
		for (int n = 0; n < 5; n++) {
			double s_found;

			block(s, 0, true);
			s_found = found_after_s(s, 3);
			if (!(s_found <= 1.5))
				fail_msg("%s: found after %.3f s in short moves", k->chip, s_found);
			worst_s = fmax(worst_s, s_found);
			block(s, 0, false);
			none(s, k, "in short moves", 2);
		}
		rest(s);
		scene_close(s);
	}
	print_message("found after %.3f s at most in short moves\n", worst_s);
}

static void is_not_found(void **state)
{
	char line[100];

	(void)state;
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct scene *s = open_kind(k, "");

		block(s, 0, true);
		none(s, k, "at rest", 1);
		go(s, 38);
		none(s, k, "in slow motion", 3);
		rest(s);
		snprintf(line, sizeof(line), "SET_TMC_FIELD STEPPER=stepper_x %s\n", k->wrong);
		scene_run(s, line);
		go(s, 100);
		none(s, k, "in the wrong mode", 3);
		rest(s);
		scene_run(s, "INIT_TMC STEPPER=stepper_x\nG4 P100\n");
		assert_int_equal(s->errors, 0);
		scene_close(s);
	}
}

/* A value that is low for less than two looks. */
static void once(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct scene *s = open_kind(k, "");
		unsigned seen = 0;

		go(s, 100);
		for (int n = 0; n < 30; n++) {
			block(s, 0, true);
			none(s, k, "in one look", 0.75 * LOOK_S);
			seen += s->b.m->tmc.driver[0].stall.looks == 1;
			block(s, 0, false);
			none(s, k, "after one look", 0.23);
		}
		assert_true(seen >= 15);
		scene_close(s);
	}
}

static void homing(void **state)
{
	char more[200], chip[20];

	(void)state;
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct scene *s;

		snprintf(chip, sizeof(chip), "%s", k->chip);
		snprintf(more, sizeof(more),
			 "%s[stepper_x]\nendstop_pin: %s_stepper_x:virtual_endstop\n"
			 "homing_retract_dist: 0\nhoming_speed: 60\n",
			 k->pin, chip);
		s = open_kind(k, more);
		for (int n = 0; n < 3; n++) {
			assert_true(scene_run(s, "G1 X150 F6000\n"));
			batch_lines(&s->b, "G28 X\n");
			scene_pass(s, 0.5);
			block(s, 0, true);
			none(s, k, "in homing by its stall", 0.5);
			block(s, 0, false);
			none(s, k, "in homing by its stall", 1);
			assert_true(batch_settle(&s->b));
			assert_int_equal(s->b.m->homed & 1, 1);
			assert_int_equal(s->b.m->uncertain, 0);
		}
		go(s, 100);
		block(s, 0, true);
		assert_true(found_after_s(s, 1) <= FOUND_S); /* it is looked for again */
		scene_close(s);
	}
}

/* On the way to a switch it is told, and the switch says where the axis is. */
static void homing_switch(void **state)
{
	struct scene *s = open_kind(&kinds[0], "[stepper_x]\nhoming_speed: 60\n");

	(void)state;
	assert_true(scene_run(s, "G1 X150 F6000\n"));
	batch_lines(&s->b, "G28 X\n");
	scene_pass(s, 0.5);
	block(s, 0, true);
	assert_true(found_after_s(s, 1) <= FOUND_S);
	block(s, 0, false);
	rest(s);
	assert_int_equal(s->b.m->homed, 7);
	assert_int_equal(s->b.m->uncertain, 0);
	assert_true(scene_run(s, "RESUME\nG1 X50 F6000\n"));
	assert_int_equal(s->errors, 1); /* the stall's own */
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	assert_true(scene_agrees(s, 1.5));
	scene_close(s);
}

/* Both motors of a CoreXY hit the end, and only one of them is the switch. */
static void homing_corexy(void **state)
{
	struct scene *s = open_with("etc/sim-corexy.cfg",
				    "[tmc2209 stepper_x]\n" UART STEALTH "driver_sgthrs: 77\n"
				    "diag_pin: ^PF7\n[tmc2209 stepper_y]\n" UART STEALTH
				    "uart_address: 1\ndriver_sgthrs: 77\n[stepper_x]\n"
				    "endstop_pin: tmc2209_stepper_x:virtual_endstop\n"
				    "homing_retract_dist: 0\nhoming_speed: 60\n");

	(void)state;
	feed_mm_s = 0;
	assert_true(scene_run(s, "G28\nG1 X150 F6000\n"));
	batch_lines(&s->b, "G28 X\n");
	scene_pass(s, 0.5);
	block(s, 0, true);
	block(s, 1, true);
	none(s, &kinds[0], "in homing by a stall", 0.5);
	block(s, 0, false);
	block(s, 1, false);
	none(s, &kinds[0], "in homing by a stall", 1);
	rest(s);
	assert_int_equal(s->b.m->homed, 7);
	block(s, 1, true);
	batch_lines(&s->b, "G1 X150 F6000\n");
	assert_true(found_after_s(s, 1) < 0.6);
	assert_true(scene_said(s, "stepper_y: steps are lost"));
	assert_int_equal(s->b.m->uncertain, 3);
	scene_close(s);
}

/* ---- a print ---- */

#define PRINT_SPEED "stealthchop_threshold: 160\nstall_detect_speed: 20\ndriver_sgthrs: 77\n"
#define DRIVERS \
	"[tmc2209 stepper_x]\n" UART PRINT_SPEED "[tmc2209 stepper_y]\n" UART PRINT_SPEED \
	"uart_address: 1\n"

/* Steps are lost, somebody frees it, homes, and it goes on. */
static void free_and_resume(struct scene *s, uint32_t axes)
{
	char lines[100] = "G28";

	scene_pass(s, 1);
	assert_true(s->b.m->print->pause.on);
	assert_int_equal(s->b.m->uncertain, axes);
	for (int i = 0; i < 2; i++) {
		block(s, i, false);
		if (axes >> i & 1)
			strcat(lines, i ? " Y" : " X");
	}
	scene_hush(s);
	assert_true(scene_run(s, "RESUME\nCLEAR_FAULT\n"));
	assert_true(scene_said(s, "may be lost; expected G28 first"));
	assert_true(scene_said(s, "where it is, is uncertain: home it first"));
	assert_true(scene_run(s, strcat(lines, "\n")));
	assert_int_equal(s->b.m->uncertain, 0);
	/* The second of two was taken more seriously. */
	if (axes == 3) {
		assert_true(scene_run(s, "RESUME\n"));
		assert_true(scene_said(s, "is latched; expected CLEAR_FAULT first"));
		assert_true(s->b.m->print->pause.on);
		assert_true(scene_run(s, "CLEAR_FAULT\n"));
	}
	batch_lines(&s->b, "RESUME\n");
	scene_pass(s, 4);
	assert_false(s->b.m->print->pause.on);
	assert_int_equal(s->b.m->react.faults.latched_count, 0);
	scene_hush(s);
}

static void print_goes_on(void **state)
{
	struct scene *s = printjob_start(DRIVERS);
	bool both = false;

	(void)state;
	scene_pass(s, 3);
	for (int n = 0; n < 2; n++) {
		double after_s;

		block(s, 0, true);
		after_s = found_after_s(s, 3);
		print_message("found after %.3f s in the print\n", after_s);
		assert_true(after_s <= 1.5); /* X is that slow for up to 1.05 s of a turn */
		free_and_resume(s, 1);
	}
	/* Both at once, as the head has hit something: mostly both are found before they rest. */
	for (int n = 0; n < 4 && !both; n++) {
		while (fabs(scene_truth_mm(s, 0) - PRINTJOB_CENTRE_MM) < 26 ||
		       fabs(scene_truth_mm(s, 1) - PRINTJOB_CENTRE_MM) < 26)
			scene_pass(s, STEP_S);
		block(s, 0, true);
		block(s, 1, true);
		assert_true(found_after_s(s, 3) <= FOUND_S);
		scene_pass(s, 1);
		both = s->b.m->uncertain == 3;
		free_and_resume(s, s->b.m->uncertain);
	}
	assert_true(both);
	printjob_completes(s);
	assert_true(scene_agrees(s, 1.5));
	assert_int_equal(scene_violations(s), 0);
	scene_close(s);
}

/* ---- others ---- */

static const char four[] =
	"[tmc2209 stepper_x]\n" UART PRINT_SPEED "[tmc2209 stepper_y]\n" UART PRINT_SPEED
	"uart_address: 1\n[tmc2209 stepper_z]\n" UART
	"uart_address: 2\nstealthchop_threshold: 160\nstall_detect_speed: 3\ndriver_sgthrs: 77\n"
	"[tmc2209 manual_stepper m]\n" UART "uart_address: 3\nstealthchop_threshold: 160\n"
	"stall_detect_speed: 30\ndriver_sgthrs: 77\n"
	"[manual_stepper m]\nstep_pin: PD8\ndir_pin: PD9\nrotation_distance: 40\nmicrosteps: 16\n";

/* Four at one line, all of which are looked at. */
static void shared_line(void **state)
{
	double worst_s = 0;
	struct scene *s = open_with(CARTESIAN, four);

	(void)state;
	feed_mm_s = 0;
	there = false;
	assert_true(scene_run(s, "G28\nG1 X10 F6000\n"));
	go(s, 100);
	for (int n = 0; n < 12; n++) {
		double s_found;

		block(s, 0, true);
		s_found = found_after_s(s, 1);
		worst_s = fmax(worst_s, s_found);
		assert_true(s_found <= FOUND_S);
		block(s, 0, false);
		for (double at_s = 0; at_s < 0.31 + 0.017 * n; at_s += STEP_S)
			step(s);
	}
	look_times(s, "four at a line:");
	print_message("four at a line: found after %.3f s at most\n", worst_s);
	assert_true(chip_tmc_action(&s->b.tmc[1], "hot", true));
	for (double at_s = 0; at_s < 2; at_s += STEP_S)
		step(s);
	assert_true(scene_said(s, "stepper_y: driver is near its limits"));
	rest(s);
	scene_close(s);
}

/* What moves no axis makes none uncertain. */
static void no_axis(void **state)
{
	struct scene *s = open_with(CARTESIAN, four);

	(void)state;
	assert_true(scene_run(s, "G28\n"));
	block(s, 3, true);
	batch_lines(&s->b, "MANUAL_STEPPER STEPPER=m MOVE=100 SPEED=50\n");
	scene_pass(s, 1.5);
	assert_true(
		scene_said(s, "manual_stepper m: steps are lost: tmc2209: its motor stalls at 5"));
	assert_int_equal(s->b.m->uncertain, 0);
	scene_close(s);
}

/* It is not asked for: no driver is looked at more than once a second, whatever its value. */
static void off(void **state)
{
	struct scene *s = open_with(CARTESIAN,
				    "[tmc2209 stepper_x]\n" UART "stealthchop_threshold: 160\n"
				    "driver_sgthrs: 77\n");

	(void)state;
	feed_mm_s = 0;
	there = false;
	assert_true(scene_run(s, "G28\nG1 X10 F6000\n"));
	block(s, 0, true);
	go(s, 100);
	assert_true(isnan(found_after_s(s, 5)));
	assert_int_equal(s->b.m->tmc.driver[0].stall.look_ns, 0);
	scene_close(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_found),      cmocka_unit_test(to_and_fro),
		cmocka_unit_test(is_not_found),  cmocka_unit_test(once),
		cmocka_unit_test(homing),        cmocka_unit_test(homing_switch),
		cmocka_unit_test(homing_corexy), cmocka_unit_test(print_goes_on),
		cmocka_unit_test(shared_line),   cmocka_unit_test(no_axis),
		cmocka_unit_test(off),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
