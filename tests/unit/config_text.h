/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config_text.h - texts behind a small base configuration, read as the program reads them. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/config/config.h"
#include "daemon/config/machine_config.h"

static const char base[] = "[mcu]\n"
			   "serial: /dev/ttyACM0\n"
			   "[printer]\n"
			   "kinematics: cartesian\n"
			   "max_velocity: 300\n"
			   "max_accel: 3000\n"
			   "[stepper_x]\n"
			   "step_pin: PA0\n"
			   "dir_pin: !PA1\n"
			   "rotation_distance: 40\n"
			   "microsteps: 16\n"
			   "endstop_pin: ^PA3\n"
			   "position_endstop: 0\n"
			   "position_max: 200\n"
			   "[stepper_y]\n"
			   "step_pin: PB0\n"
			   "dir_pin: PB1\n"
			   "rotation_distance: 40\n"
			   "microsteps: 16\n"
			   "endstop_pin: PB3\n"
			   "position_endstop: 200\n"
			   "position_max: 200\n"
			   "[stepper_z]\n"
			   "step_pin: PC0\n"
			   "dir_pin: PC1\n"
			   "rotation_distance: 8\n"
			   "microsteps: 16\n"
			   "endstop_pin: PC3\n"
			   "position_endstop: 0\n"
			   "position_max: 200\n"
			   "[extruder]\n"
			   "step_pin: PD0\n"
			   "dir_pin: PD1\n"
			   "rotation_distance: 20\n"
			   "microsteps: 16\n"
			   "nozzle_diameter: 0.4\n"
			   "filament_diameter: 1.75\n";
enum { BASE_LINES = 37 };

static char file[] = "/tmp/stepd-machine-XXXXXX";

static inline void write_config(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The base without the lines that start with drop (first section that has one), plus more. */
static inline void write_base(const char *section, const char *drop, const char *more)
{
	char text[8192] = "", *cut;

	strcat(text, base);
	if (drop) {
		cut = section ? strstr(text, section) : text;
		assert_non_null(cut);
		cut = strstr(cut, drop);
		assert_non_null(cut);
		char *end = strchr(cut, '\n') + 1;

		memmove(cut, end, strlen(end) + 1);
	}
	strcat(text, more);
	write_config(text);
}

static inline int check(const char *path, char **out)
{
	size_t size = 0;
	FILE *f = open_memstream(out, &size);
	int status = config_check(&path, 1, NULL, 0, f);

	fclose(f);
	return status;
}

static inline struct machine_config *load(const char *more)
{
	const char *path = file;

	write_base(NULL, NULL, more);
	struct machine_config *mc = machine_config_load(&path, 1, NULL, 0, NULL);

	if (!mc)
		machine_config_load(&path, 1, NULL, 0, stderr);
	assert_non_null(mc);
	return mc;
}

static inline int scratch(void **state)
{
	int fd = mkstemp(file);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static inline int clean(void **state)
{
	(void)state;
	return unlink(file);
}

#endif
