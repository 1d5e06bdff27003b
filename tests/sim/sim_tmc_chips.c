/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_tmc_chips.c - each kind of stepper driver does all of what drivers do.
 *
 * Shown, of tmc2208, 2209, 2225, 2226, 2130, 2240, 2660 and 5160 alike, at a motor that is stepped at both edges: DUMP_TMC, SET_TMC_FIELD, SET_TMC_CURRENT and
 * INIT_TMC, by the registers in the chip (words of test_tmc_words); a warning and an overtemperature are found within two seconds, at
 * rest and in motion; homing by stall where the chip has one, and a clear refusal where it has none; exact steps.
 * How: the machine in this process with one driver at stepper_x, register models (mcu/boards/sim/chip_tmc.c).
 * An argument names the cases to run. STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/simrun.h"

#define UART "uart_pin: PC0\n"
#define SPI "cs_pin: PC4\nspi_bus: spi2\n"

/* Those that go by several names. */
#define TMC2208(name) \
	{ \
		name, "tmc2208", UART "sense_resistor: 0.11\n", NULL, \
			"CURRENT=0.65 HOLDCURRENT=0.3", { 0x10, 0x10 }, \
			{ 0x00081409, 0x00081409 }, 0x6c, "IOIN" \
	}
#define TMC2209(name) \
	{ \
		name, "tmc2209", UART "sense_resistor: 0.11\n", \
			"diag_pin: ^PB0\ndriver_sgthrs: 77\n", "CURRENT=0.98 HOLDCURRENT=0.5", \
			{ 0x10, 0x10 }, { 0x00081108, 0x00081108 }, 0x6c, "IOIN" \
	}

static const struct kind {
	const char *chip, *model, *wires, *stall;
	const char *current; /* of SET_TMC_CURRENT, and what it makes of two registers */
	uint8_t at[2];
	uint32_t is[2];
	uint8_t chopconf;
	const char *dump;
} kinds[] = {
	TMC2208("tmc2208"),
	TMC2208("tmc2225"),
	TMC2209("tmc2209"),
	TMC2209("tmc2226"),
	{ "tmc2130",
	  "tmc2130",
	  SPI "sense_resistor: 0.11\n",
	  "diag1_pin: ^!PB0\ndriver_sgt: -10\n",
	  "CURRENT=0.65 HOLDCURRENT=0.3",
	  { 0x10, 0x10 },
	  { 0x00081409, 0x00081409 },
	  0x6c,
	  "IOIN" },
	{ "tmc2240",
	  "tmc2240",
	  SPI "rref: 12000\n",
	  "diag0_pin: ^!PB0\ndriver_sgt: -10\n",
	  "CURRENT=0.4 HOLDCURRENT=0.4",
	  { 0x0b, 0x10 },
	  { 0x94, 0x04061f1f },
	  0x6c,
	  "IOIN" },
	{ "tmc5160",
	  "tmc5160",
	  SPI "sense_resistor: 0.075\n",
	  "diag1_pin: ^!PB0\ndriver_sgt: -10\n",
	  "CURRENT=0.8 HOLDCURRENT=0.8",
	  { 0x0b, 0x10 },
	  { 0x43, 0x00061f1f },
	  0x6c,
	  "IOIN" },
	{ "tmc2660",
	  "tmc2660",
	  SPI "sense_resistor: 0.1\n",
	  "diag_pin: PB0\ndriver_sgt: 10\ndriver_chm: 1\n", /* no stallGuard with that */
	  "CURRENT=1.1",
	  { 6, 6 },
	  { 0x1d, 0x1d },
	  4,
	  "READRSP" },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static char text[1500];

static const char *config(const struct kind *k, bool stall)
{
	const char *path = simrun_path("driver.cfg");
	FILE *f = simrun_create(path);

	snprintf(text, sizeof(text),
		 "[mcu]\nserial: /dev/null\n"
		 "[printer]\nkinematics: cartesian\nmax_velocity: 300\nmax_accel: 3000\n"
		 "[stepper_x]\nstep_pin: PA0\ndir_pin: PA1\nrotation_distance: 40\n"
		 "endstop_pin: %s%s\nposition_endstop: 0\nposition_max: 200\nmicrosteps: 16\n"
		 "homing_retract_dist: 0\n"
		 "[stepper_y]\nstep_pin: PA2\ndir_pin: PA3\nrotation_distance: 40\nendstop_pin: PB1\n"
		 "position_endstop: 0\nposition_max: 200\nmicrosteps: 16\n"
		 "[stepper_z]\nstep_pin: PA4\ndir_pin: PA5\nrotation_distance: 8\nendstop_pin: PB2\n"
		 "position_endstop: 0\nposition_max: 200\nmicrosteps: 16\n"
		 "[%s stepper_x]\n%srun_current: 0.5\n%s",
		 stall ? k->chip : "PB0", stall ? "_stepper_x:virtual_endstop" : "", k->chip,
		 k->wires, stall ? k->stall : "");
	fputs(text, f);
	fclose(f);
	return path;
}

static struct scene *open_kind(const struct kind *k, bool stall)
{
	struct scene *s = scene_open(config(k, stall), NULL);

	assert_non_null(s);
	scene_run(s, "G4 P10\n");
	assert_true(s->b.m->motor[0].both_edges && s->b.tmc[0].both_edges);
	return s;
}

/* Its registers once all has been written. */
static uint32_t reg(struct scene *s, uint8_t address)
{
	scene_pass(s, 0.3);
	return s->b.tmc[0].reg[address];
}

static void said(const struct scene *s, const struct kind *k, const char *what)
{
	if (!scene_said(s, what))
		fail_msg("%s: expected %s: %s", k->chip, what, s->said);
}

static void commands(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct scene *s = open_kind(k, false);
		uint32_t chopconf;
		char line[100];

		scene_run(s, "SET_TMC_FIELD STEPPER=stepper_x FIELD=toff VALUE=5\n");
		chopconf = reg(s, k->chopconf);
		assert_int_equal(chopconf & 15, 5);
		snprintf(line, sizeof(line), "SET_TMC_CURRENT STEPPER=stepper_x %s\n", k->current);
		scene_run(s, line);
		said(s, k, "stepper_x: run current ");
		for (int n = 0; n < 2; n++)
			if (reg(s, k->at[n]) != k->is[n])
				fail_msg("%s: register 0x%02x: 0x%08x, expected 0x%08x", k->chip,
					 k->at[n], reg(s, k->at[n]), k->is[n]);
		chopconf = reg(s, k->chopconf); /* vsense goes with the current */
		assert_int_equal(chopconf & 15, 5);
		scene_hush(s);
		scene_run(s, "DUMP_TMC STEPPER=stepper_x\n");
		said(s, k, "CHOPCONF     0x");
		said(s, k, "toff=5");
		said(s, k, k->dump);
		scene_hush(s);
		scene_run(s, "DUMP_TMC STEPPER=stepper_x REGISTER=chopconf\n");
		said(s, k, "CHOPCONF     0x");
		assert_null(strstr(s->said, k->dump));
		/* as set since, not as configured */
		s->b.tmc[0].reg[k->chopconf] = 0;
		s->b.tmc[0].reg[k->at[1]] = 0;
		scene_run(s, "INIT_TMC STEPPER=stepper_x\n");
		assert_int_equal(reg(s, k->chopconf), chopconf);
		assert_int_equal(reg(s, k->at[1]), k->is[1]);
		assert_true(scene_run(s, "G28\nG1 X100 Y20 F6000\nG1 X3.3\n"));
		assert_true(scene_agrees(s, 1.5));
		assert_int_equal(s->errors, 0);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void watched(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct scene *s = open_kind(k, false);
		char what[60];

		scene_run(s, "G28\n");
		assert_true(chip_tmc_action(&s->b.tmc[0], "hot", true));
		scene_pass(s, 2);
		snprintf(what, sizeof(what), "%s: overtemperature warning", k->model);
		said(s, k, what);
		assert_int_equal(s->b.m->react.faults.count[FAULT_CLASS_DRIVER_WARNING], 1);
		assert_int_equal(s->errors, 0);
		assert_true(chip_tmc_action(&s->b.tmc[0], "ok", true));
		batch_lines(&s->b, "G1 X190 F1200\n");
		scene_pass(s, 3);
		scene_hush(s);
		assert_true(chip_tmc_action(&s->b.tmc[0], "overheated", true));
		scene_pass(s, 2);
		snprintf(what, sizeof(what), "%s: overtemperature", k->model);
		said(s, k, what);
		assert_int_equal(s->b.m->state, MACHINE_FAULT);
		assert_int_equal(scene_violations(s), 0);
		scene_close(s);
	}
}

static void stalls(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct scene *s;
		uint32_t chopconf;

		if (!k->stall)
			continue;
		s = open_kind(k, true);
		chopconf = reg(s, k->chopconf);
		scene_push_mm(s, AXIS_X, 70);
		scene_run(s, "G28 X\nG4 P1\n");
		if (s->errors)
			fail_msg("%s: %s", k->chip, s->said);
		assert_int_equal(s->b.m->homed & 1, 1);
		assert_int_equal(reg(s, k->chopconf), chopconf);
		scene_run(s, "G1 X50 F6000\n");
		assert_true(fabs(scene_off_microsteps(s, 0)) < 1.5);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* Those that show no stall at a pin. */
static void no_stall(void **state)
{
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		struct kind k = kinds[i];
		struct simrun_args a = { 0 };
		struct simrun r;

		if (k.stall)
			continue;
		k.stall = "";
		simrun_add(&a, "-c");
		simrun_add(&a, "%s", config(&k, true));
		simrun_add(&a, "%s", simrun_path("driver.cfg")); /* never read */
		simrun(&r, &a, 30);
		if (r.status == 0 || !strstr(r.err, "and a driver that has one, for its stall"))
			fail_msg("%s: %s", k.chip, r.err);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(watched),
		cmocka_unit_test(stalls),
		cmocka_unit_test(no_stall),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
