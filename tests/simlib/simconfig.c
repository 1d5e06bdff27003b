// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/simconfig.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Y and Z with all their pins on a second MCU. */
static void write_two_mcus(const struct simconfig *c, const char *path)
{
	char base[64], full[PATH_MAX];
	FILE *f = simrun_create(path);

	snprintf(base, sizeof(base), "etc/sim-%s.cfg", c->kinematics);
	fprintf(f, "[include %s]\n[mcu second]\nserial: /run/stepd/sim-second\n",
		realpath(base, full) ? full : base);
	fprintf(f, "[stepd_sim second]\nclock_hz: %.0f\nclock_ppm: %g\n", c->second_clock_hz,
		c->second_ppm);
	fprintf(f, "[stepper_y]\nstep_pin: second:PB0\ndir_pin: second:PB1\n"
		   "enable_pin: !second:PB2\nendstop_pin: ^second:PB3\n");
	fprintf(f, "[stepper_z]\nstep_pin: second:PC0\ndir_pin: second:PC1\n"
		   "enable_pin: !second:PC2\nendstop_pin: ^second:PC3\n");
	fclose(f);
}

void simconfig_args(const struct simconfig *c, struct simrun_args *a)
{
	static const char *const motors[] = { "stepper_x", "stepper_y", "stepper_z", "extruder" };
	const char *path;

	simrun_add(a, "-c");
	if (c->two_mcus) {
		path = simrun_path("two.cfg");
		write_two_mcus(c, path);
		simrun_add(a, "%s", path);
		simrun_override(a, "stepd_sim mcu.clock_hz=%.0f", c->clock_hz);
	} else {
		simrun_add(a, "etc/sim-%s.cfg", c->kinematics);
		simrun_override(a, "stepd_sim.clock_hz=%.0f", c->clock_hz);
	}
	for (size_t i = 0; i < sizeof(motors) / sizeof(motors[0]); i++) {
		simrun_override(a, "%s.microsteps=%d", motors[i], c->microsteps);
		/* 500 mm/s along X on CoreXY is more at 128 microsteps than pulses of 2 us allow. */
		if (c->microsteps > 16)
			simrun_override(a, "%s.step_pulse_duration=0.0000004", motors[i]);
	}
}

const char *simconfig_text(const struct simconfig *c)
{
	static char text[160];
	int n = snprintf(text, sizeof(text), "%s, %d microsteps, %.0f MHz", c->kinematics,
			 c->microsteps, c->clock_hz * 1e-6);

	if (c->two_mcus)
		snprintf(text + n, sizeof(text) - (size_t)n, " and %.0f MHz %+.0f ppm",
			 c->second_clock_hz * 1e-6, c->second_ppm);
	return text;
}

const char *simconfig_behind(const char *config, const char *sections)
{
	const char *path = simrun_path("behind.cfg");
	char full[PATH_MAX];
	FILE *f = simrun_create(path);

	fprintf(f, "[include %s]\n%s", realpath(config, full), sections);
	fclose(f);
	return path;
}

const char *simconfig_copy(const char *config, const char *fmt, ...)
{
	const char *path = simrun_path("printer.cfg");
	char *text = simrun_read(config, NULL);
	FILE *f = simrun_create(path);
	va_list args;

	if (!text) {
		fprintf(stderr, "%s can't be read\n", config);
		exit(1);
	}
	fputs(text, f);
	free(text);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	fclose(f);
	return path;
}
