/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_tmc.c - stepper drivers on the whole machine: serial lines that are shared and chosen, SPI, chains.
 *
 * Shown: before the first line runs, each chip holds the registers that were worked out by hand from its data sheet; a
 * print with homing is exact while the drivers are watched; homing by stall; commands read and write the chips; a driver that warns is
 * told, one that gets too hot, loses its supply or falls silent stops the machine, has its registers again when it is
 * back, and can be cleared then only; every error of the commands; words of --events.
 * How: the machine in this process, register models (mcu/boards/sim/chip_tmc.c) behind simulated pins and buses.
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

#include "mcu.h"
#include "tests/simlib/drivers.h"
#include "tests/simlib/simrun.h"

static void expect(const struct scene *s, int driver, uint8_t address, uint32_t value)
{
	uint32_t is = s->b.tmc[driver].reg[address];

	if (is != value)
		fail_msg("[%s] register 0x%02x: 0x%08x, expected 0x%08x",
			 s->b.mc->tmc[driver].section, address, is, value);
}

/* Words as a data sheet's reader would put them together, currents as in test_tmc.c. */
static void registers(void **state)
{
	struct scene *s = drivers_open(false);

	(void)state;
	/* pdn_disable, mstep_reg_select, multistep_filt */
	expect(s, X, 0x00, 0x000001c0);
	expect(s, Y, 0x00, 0x000001c4); /* and en_spreadcycle */
	expect(s, X, 0x10, 8u << 16 | 25 << 8 | 15);
	expect(s, Y, 0x10, 8u << 16 | 21 << 8 | 21);
	expect(s, X, 0x11, 20);
	expect(s, X, 0x13, 94); /* as in test_tmc.c */
	expect(s, Y, 0x13, 0xfffff);
	expect(s, X, 0x40, 77);
	/* dedge, intpol, mres 4, vsense, tbl 2, hstrt 5, toff 3 */
	expect(s, X, 0x6c, 1u << 29 | 1u << 28 | 4 << 24 | 1 << 17 | 2 << 15 | 5 << 4 | 3);
	expect(s, Y, 0x6c, 1u << 29 | 3 << 24 | 2 << 15 | 5 << 4 | 3);
	expect(s, X, 0x70, 0xc80d0e24);
	expect(s, E, 0x6c, 1u << 29 | 1u << 28 | 5 << 24 | 1 << 17 | 1 << 15 | 5 << 4 | 3);
	expect(s, E, 0x10, 8u << 16 | 19 << 8 | 19);
	expect(s, Z, 0x00, 8); /* multistep_filt */
	expect(s, Z, 0x0b, 125);
	expect(s, Z, 0x10, 6u << 16 | 31 << 8 | 14);
	/* dedge, intpol, mres 2, tpfd 4, tbl 2, hend 2, hstrt 5, toff 3 */
	expect(s, Z, 0x6c, 1u << 29 | 1u << 28 | 2 << 24 | 4 << 20 | 2 << 15 | 2 << 7 | 5 << 4 | 3);
	expect(s, Z, 0x6d, (uint32_t)(-10 & 0x7f) << 16);
	expect(s, Z, 0x60, 0xaaaab554);
	expect(s, Z, 0x68, 0xffff8056);
	expect(s, Z, 0x69, 0x00f70000);
	/* by their tags: dedge, intpol, mres 0; tbl 2, hend 3, hstrt 3, toff 4; cs 26; rdsel 1, vsense, ts2g 3 */
	expect(s, A, 0, 1 << 9 | 1 << 8);
	expect(s, A, 4, 2 << 15 | 3 << 7 | 3 << 4 | 4);
	expect(s, A, 6, 26);
	expect(s, A, 7, 1 << 4 | 1 << 6 | 3 << 8);
	expect(s, B, 0x10, 8u << 16 | 19 << 8 | 19);
	expect(s, C, 0x10, 8u << 16 | 12 << 8 | 12);
	/* dedge, intpol, mres 8 and 4, vsense, tbl 1, hend 7, toff 4 */
	expect(s, B, 0x6c, 1u << 29 | 1u << 28 | 8 << 24 | 1 << 17 | 1 << 15 | 7 << 7 | 4);
	expect(s, C, 0x6c, 1u << 29 | 1u << 28 | 4 << 24 | 1 << 17 | 1 << 15 | 7 << 7 | 4);
	expect(s, C, 0x70, 1 << 18 | 1 << 16 | 4 << 8 | 128);
	expect(s, D, 0x0a, 1); /* the 2 A range */
	expect(s, D, 0x0b, 181);
	expect(s, D, 0x10, 4u << 24 | 6u << 16 | 31 << 8 | 15);
	for (int i = 0; i <= D; i++) /* the reset at power-on is no news */
		if (i != A)
			expect(s, i, 0x01, 0);
	assert_int_equal(s->errors, 0);
	scene_close(s);
}

static void print(void **state)
{
	struct scene *s = drivers_open(false);

	(void)state;
	assert_true(scene_run(s, "G28\nG1 X20 Y20 Z5 F6000\nM83\n"));
	for (int i = 0; i < 40; i++)
		assert_true(scene_run(
			s, "G1 X120 E2 F4800\nG1 Y120 E2\nG1 X20 E2\nG1 Y20 Z6 E2\nG1 Z5\n"));
	assert_true(scene_run(s, "SET_TMC_CURRENT STEPPER=stepper_x CURRENT=1.2\nG1 X100 Y90 F6000\n"
				 "MANUAL_STEPPER STEPPER=a MOVE=5 SPEED=10\n"));
	scene_pass(s, 3);
	assert_int_equal(s->errors, 0);
	expect(s, X, 0x10, 8u << 16 | 21 << 8 | 8);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* Homing by stall: the chips look for one while it lasts, and not after; one that doesn't look finds none. */
static void sensorless(void **state)
{
	struct scene *s = drivers_open(false);
	uint32_t writes;

	(void)state;
	scene_push_mm(s, AXIS_X, 70);
	writes = s->b.tmc[X].pieces;
	assert_true(scene_run(s, "G28 X Y Z\nG4 P1\n"));
	assert_int_equal(s->errors, 0);
	assert_int_equal(s->b.m->homed, 7);
	assert_true(scene_agrees(s, 1));
	assert_int_equal(s->b.tmc[X].pieces - writes,
			 4); /* TPWMTHRS and TCOOLTHRS, there and back */
	expect(s, X, 0x13, 94);
	expect(s, X, 0x14, 0);
	expect(s, Z, 0x00, 8);
	expect(s, Z, 0x14, 0);
	scene_run(s, "SET_TMC_FIELD STEPPER=stepper_x FIELD=sgthrs VALUE=0\nG28 X\n");
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "homing X: "));
	expect(s, X, 0x13, 94);
	expect(s, X, 0x14, 0);
	scene_close(s);
}

static void commands(void **state)
{
	struct scene *s = drivers_open(false);

	(void)state;
	scene_run(s, "DUMP_TMC STEPPER=stepper_x\n");
	assert_true(scene_said(
		s, "GCONF        0x000001c0 pdn_disable=1 mstep_reg_select=1 multistep_filt=1"));
	assert_true(
		scene_said(s, "IHOLD_IRUN   0x0008190f ihold=15 irun=25 iholddelay=8 (written)"));
	assert_true(scene_said(s, "IOIN         0x21000000 version=33"));
	assert_true(scene_said(s, "DRV_STATUS   0xc00f0000 cs_actual=15 stealth=1 stst=1"));
	scene_hush(s);
	scene_run(s, "DUMP_TMC STEPPER=stepper_z REGISTER=globalscaler\n");
	assert_true(scene_said(s, "GLOBALSCALER 0x0000007d globalscaler=125 (written)"));
	assert_false(scene_said(s, "GCONF"));
	scene_run(s, "SET_TMC_FIELD STEPPER=stepper_z FIELD=sgt VALUE=-5\n"
		     "SET_TMC_FIELD STEPPER=stepper_y FIELD=TPWMTHRS VELOCITY=50\n");
	scene_pass(s, 0.2);
	expect(s, Z, 0x6d, (uint32_t)(-5 & 0x7f) << 16);
	expect(s, Y, 0x13, 188); /* 0.00625 mm of 32 microsteps at 50 mm/s: 187.5 */
	scene_hush(s);
	scene_run(s, "SET_TMC_CURRENT STEPPER=manual_stepper_none\n");
	assert_true(
		scene_said(s, "STEPPER=manual_stepper_none: expected one of stepper_x stepper_y"));
	scene_run(s, "SET_TMC_CURRENT STEPPER=stepper_x\n");
	assert_true(scene_said(s, "stepper_x: run current 0.795 A, hold current 0.490 A"));
	scene_run(s, "SET_TMC_CURRENT STEPPER=stepper_x CURRENT=0.4 HOLDCURRENT=1\n");
	scene_pass(s, 0.2);
	expect(s, X, 0x10, 8u << 16 | 12 << 8 | 12); /* 13.07 */
	/* Registers that something has disturbed. */
	s->b.tmc[X].reg[0x6c] = 0;
	s->b.tmc[C].reg[0x10] = 0;
	scene_run(s, "INIT_TMC STEPPER=stepper_x\nINIT_TMC STEPPER=\"manual_stepper c\"\nG4 P1\n");
	expect(s, X, 0x6c, 1u << 29 | 1u << 28 | 4 << 24 | 1 << 17 | 2 << 15 | 5 << 4 | 3);
	expect(s, C, 0x10, 8u << 16 | 12 << 8 | 12);
	scene_close(s);
}

static void command_errors(void **state)
{
	static const char *const lines[][2] = {
		{ "DUMP_TMC", "STEPPER" },
		{ "DUMP_TMC STEPPER=extruder REGISTER=x",
		  "REGISTER=x: expected one that a tmc2208 has" },
		{ "SET_TMC_FIELD STEPPER=stepper_x FIELD=sgt VALUE=1",
		  "FIELD=sgt: expected one that a tmc2209 has and that can be written" },
		{ "SET_TMC_FIELD STEPPER=stepper_x FIELD=sg_result VALUE=1", "that can be written" },
		{ "SET_TMC_FIELD STEPPER=stepper_x FIELD=toff",
		  "expected either VALUE or VELOCITY" },
		{ "SET_TMC_FIELD STEPPER=stepper_x FIELD=toff VALUE=16",
		  "VALUE=16: expected a whole number from 0 to 15" },
		{ "SET_TMC_FIELD STEPPER=stepper_x FIELD=toff VALUE=1.5",
		  "VALUE=1.5: expected a whole number" },
		{ "SET_TMC_FIELD STEPPER=stepper_x FIELD=toff VELOCITY=5",
		  "VELOCITY: expected a field of a threshold" },
		{ "SET_TMC_CURRENT STEPPER=stepper_x CURRENT=3",
		  "CURRENT and HOLDCURRENT: expected more than 0 and at most 2 A" },
		{ "SET_TMC_CURRENT STEPPER=stepper_x CURRENT=0", "expected more than 0" },
		{ "SET_TMC_FIELD STEPPER=stepper_x FIELD=dedge VALUE=0",
		  "FIELD=dedge: it is as steps are sent" },
	};
	struct scene *s = drivers_open(false);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		scene_hush(s);
		scene_run(s, lines[i][0]);
		if (!scene_said(s, lines[i][1]) || s->errors != 1)
			fail_msg("%s: %s", lines[i][0], s->said);
	}
	scene_close(s);
}

static void hot(void **state)
{
	struct scene *s = drivers_open(true);

	(void)state;
	scene_run(s, "G28\n");
	assert_true(chip_tmc_action(&s->b.tmc[Y], "hot", true));
	assert_true(scene_run(s, "G1 X50 Y50 F600\n"));
	assert_true(scene_said(s, "stepper_y"));
	assert_true(scene_said(s, "tmc2209: overtemperature warning"));
	scene_hush(s);
	scene_pass(s, 5);
	assert_false(scene_said(s, "overtemperature")); /* once */
	assert_true(chip_tmc_action(&s->b.tmc[Z], "overheated", true));
	scene_pass(s, 3);
	assert_true(scene_said(s, "tmc5160: overtemperature"));
	scene_hush(s);
	scene_run(s, "CLEAR_FAULT\n");
	assert_true(scene_said(s, "stepper_z: overtemperature"));
	assert_true(chip_tmc_action(&s->b.tmc[Z], "ok", true));
	scene_pass(s, 3);
	scene_hush(s);
	scene_run(s, "CLEAR_FAULT\n");
	assert_true(scene_said(s, "1 cleared, 0 latched"));
	scene_close(s);
}

static void supply(void **state)
{
	struct scene *s = drivers_open(true);

	(void)state;
	scene_run(s, "G28\n");
	chip_tmc_action(&s->b.tmc[E], "reset", true);
	assert_int_equal(s->b.tmc[E].reg[0x6c], 0x10000053);
	scene_pass(s, 3);
	assert_true(scene_said(s, "tmc2208: it has been reset: was its supply gone?"));
	expect(s, E, 0x6c, 1u << 29 | 1u << 28 | 5 << 24 | 1 << 17 | 1 << 15 | 5 << 4 | 3);
	expect(s, E, 0x01, 0);
	scene_hush(s);
	assert_int_equal(scene_now(s, "CLEAR_FAULT"), GCODE_OK);
	assert_true(scene_said(s, "1 cleared, 0 latched"));
	scene_close(s);
}

static void silent(void **state)
{
	static const int who[] = { X, Z, E, C };

	(void)state;
	for (size_t i = 0; i < sizeof(who) / sizeof(*who); i++) {
		struct scene *s = drivers_open(true);
		char text[128];

		scene_run(s, "G28\n");
		chip_tmc_action(&s->b.tmc[who[i]], "silent", true);
		scene_pass(s, 4);
		snprintf(text, sizeof(text),
			 "it does not answer on mcu:%s; expected a driver with power there",
			 who[i] == X   ? "PC0"
			 : who[i] == Z ? "PC4"
			 : who[i] == E ? "PC1"
				       : "PC6");
		assert_true(scene_said(s, text));
		scene_hush(s);
		snprintf(text, sizeof(text), "DUMP_TMC STEPPER=\"%s\"\n", s->b.mc->tmc[who[i]].name);
		scene_run(s, text);
		assert_true(scene_said(s, "the driver does not answer"));
		scene_run(s, "CLEAR_FAULT\n");
		assert_true(scene_said(s, "it still does not answer"));
		chip_tmc_action(&s->b.tmc[who[i]], "ok", true);
		s->b.tmc[who[i]].reg[0x6c] = 0;
		scene_pass(s, 4);
		assert_true(s->b.tmc[who[i]].reg[0x6c] != 0); /* written anew */
		scene_hush(s);
		scene_run(s, "CLEAR_FAULT\n");
		assert_true(scene_said(s, "cleared, 0 latched"));
		scene_close(s);
	}
}

/* A driver that isn't there when it is to be written: without other words for it, motion stops. */
static void absent(void **state)
{
	struct scene *s = drivers_open(false);

	(void)state;
	chip_tmc_action(&s->b.tmc[X], "silent", true);
	scene_hush(s);
	scene_run(s, "INIT_TMC STEPPER=stepper_x\nG4 P10\nM114\n");
	scene_pass(s, 1);
	assert_true(scene_said(s, "it does not answer on mcu:PC0"));
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	scene_close(s);
}

/* An MCU that has shut down is no fault of each driver at it. */
static void mcu_shutdown_alone(void **state)
{
	struct scene *s = drivers_open(false);

	(void)state;
	scene_run(s, "G28\n");
	scene_hush(s);
	sim_fail(s->b.mcu[0].sim, MCU_REASON_BOARD);
	scene_pass(s, 8);
	assert_true(scene_said(s, "Board failure"));
	assert_false(scene_said(s, "driver"));
	scene_close(s);
}

/* A TMC2660 has its share of the current while nothing moves, and all of it before a step is made. */
static uint64_t low_steps;

static void on_step(void *ctx, int motor, int dir, uint64_t clock)
{
	const struct scene *s = ctx;

	(void)dir, (void)clock;
	if (s->b.m->motor[motor].manual && (s->b.tmc[A].reg[6] & 0x1f) != 26)
		low_steps++;
}

static void idle_current(void **state)
{
	static const char *const overrides[] = { "tmc2660 manual_stepper a.idle_current_percent=50",
						 NULL };
	struct scene *s;

	(void)state;
	scene_close(drivers_open(false)); /* writes the file */
	s = drivers_open_file(overrides);
	s->b.stepped = on_step;
	s->b.stepped_ctx = s;
	low_steps = 0;
	for (int i = 0; i < 3; i++) {
		scene_pass(s, 2);
		/* 1 A is 26 of 0..31, as in test_tmc.c: 27 parts, of which half are 13.5 */
		assert_in_range(s->b.tmc[A].reg[6] & 0x1f, 12, 13);
		assert_true(scene_run(s, i % 2 ? "MANUAL_STEPPER STEPPER=a MOVE=0 SPEED=5\n"
					       : "MANUAL_STEPPER STEPPER=a MOVE=4 SPEED=5\n"));
		assert_int_equal(s->b.tmc[A].reg[6] & 0x1f, 26);
	}
	assert_true(scene_exact(s));
	assert_int_equal(low_steps, 0);
	scene_close(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers),
		cmocka_unit_test(idle_current),
		cmocka_unit_test(print),
		cmocka_unit_test(sensorless),
		cmocka_unit_test(commands),
		cmocka_unit_test(command_errors),
		cmocka_unit_test(hot),
		cmocka_unit_test(supply),
		cmocka_unit_test(silent),
		cmocka_unit_test(absent),
		cmocka_unit_test(mcu_shutdown_alone),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
