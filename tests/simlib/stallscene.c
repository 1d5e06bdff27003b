// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/stallscene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/simlib/simconfig.h"

#define SPI "cs_pin: PE6\nspi_bus: spi2\nrun_current: 0.8\n"
#define SPREAD "stealthchop_threshold: 40\nstall_detect_speed: 40\n"

const struct stall_kind stall_kinds[STALL_KINDS] = {
	{ "tmc2209", STALL_UART STALL_STEALTH "driver_sgthrs: 77\n", "diag_pin: ^PF7\n",
	  "FIELD=en_spreadcycle VALUE=1", "sg_result 10, expected above 154", "SG_RESULT" },
	{ "tmc2226", STALL_UART STALL_STEALTH "driver_sgthrs: 77\n", "diag_pin: ^PF7\n",
	  "FIELD=tpwmthrs VELOCITY=50", "sg_result 10, expected above 154", "SG_RESULT" },
	{ "tmc2130", SPI SPREAD "driver_sgt: 3\n", "diag1_pin: ^!PF7\n", "FIELD=tpwmthrs VALUE=0",
	  "sg_result 0, expected above 0", "DRV_STATUS" },
	{ "tmc5160", SPI SPREAD "sense_resistor: 0.075\ndriver_sgt: 0\n", "diag1_pin: ^!PF7\n",
	  "FIELD=tpwmthrs VELOCITY=150", "sg_result 0, expected above 0", "DRV_STATUS" },
	{ "tmc2240", SPI SPREAD "driver_sgt: 0\n", "diag0_pin: ^!PF7\n", "FIELD=tpwmthrs VALUE=0",
	  "sg_result 0, expected above 0", "DRV_STATUS" },
	{ "tmc2240", SPI STALL_STEALTH "driver_sg4_thrs: 60\n", "diag0_pin: ^!PF7\n",
	  "FIELD=en_pwm_mode VALUE=0", "sg_result 10, expected above 120", "SG4_RESULT" },
	{ "tmc2240", STALL_UART STALL_STEALTH "driver_sg4_thrs: 60\n", "diag0_pin: ^!PF7\n",
	  "FIELD=tpwmthrs VELOCITY=50", "sg_result 10, expected above 120", "SG4_RESULT" },
};

static struct {
	double mm_s, far_mm;
	bool there;
} fed;

struct scene *stall_open(const char *base, const char *sections)
{
	struct scene *s = scene_open(simconfig_behind(base, sections), NULL);

	assert_non_null(s);
	memset(&fed, 0, sizeof(fed));
	return s;
}

struct scene *stall_open_kind(const struct stall_kind *k, const char *more)
{
	char text[2000];
	struct scene *s;

	snprintf(text, sizeof(text), "[%s stepper_x]\n%s%s", k->chip, k->own, more);
	s = stall_open(STALL_BASE, text);
	assert_true(scene_run(s, "G28\nG1 X10 F6000\n"));
	return s;
}

unsigned long stall_count(const struct scene *s)
{
	return s->b.m->react.faults.count[FAULT_CLASS_STALL];
}

void stall_block(struct scene *s, int driver, bool on)
{
	const struct printer_stepper *motor = s->b.tmc[driver].motor;

	assert_true(printer_motor_action(&s->b.printer.steppers[motor - s->b.printer.steppers],
					 on ? "blocked" : "ok", true));
}

void stall_feed(double mm_s, double far_mm)
{
	fed.mm_s = mm_s;
	fed.far_mm = far_mm;
}

void stall_step(struct scene *s)
{
	char line[40];

	snprintf(line, sizeof(line), "G1 X%g F%g", fed.there ? 10 : fed.far_mm, fed.mm_s * 60);
	if (fed.mm_s > 0 && machine_takes_line(s->b.m) &&
	    gcode_exec(&s->b.m->gcode, line, strlen(line), 0) != GCODE_AGAIN)
		fed.there = !fed.there;
	scene_pass(s, STALL_STEP_S);
}

void stall_go(struct scene *s, double mm_s)
{
	stall_feed(mm_s, 190);
	for (double at_s = 0; at_s < 0.5; at_s += STALL_STEP_S)
		stall_step(s);
}

void stall_rest(struct scene *s)
{
	stall_feed(0, 0);
	assert_true(batch_settle(&s->b));
}

double stall_found_after_s(struct scene *s, double most_s)
{
	unsigned long had = stall_count(s);

	for (double at_s = 0; at_s < most_s; at_s += STALL_STEP_S) {
		if (stall_count(s) > had)
			return at_s;
		stall_step(s);
	}
	return NAN;
}

void stall_none(struct scene *s, const struct stall_kind *k, const char *when, double for_s)
{
	if (!isnan(stall_found_after_s(s, for_s)))
		fail_msg("%s: found %s: %s", k->chip, when, s->said);
}
