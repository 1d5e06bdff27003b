/* SPDX-License-Identifier: GPL-2.0-or-later */
/* simconfig.h - the machines that whole-machine tests print on, from etc/sim-*.cfg.
 *
 * Threads: one. Units: _hz nominal, _ppm how much faster the second MCU's true clock is.
 */
#ifndef TESTS_SIMLIB_SIMCONFIG_H
#define TESTS_SIMLIB_SIMCONFIG_H

#include <stdbool.h>

#include "tests/simlib/simrun.h"

struct simconfig {
	const char *kinematics; /* "cartesian" or "corexy" */
	int microsteps;
	double clock_hz;
	bool two_mcus; /* Y and Z on a second one */
	double second_clock_hz, second_ppm;
};

/* Command line options for that machine; writes a file for the second MCU. */
void simconfig_args(const struct simconfig *c, struct simrun_args *a);
/* "corexy, 16 microsteps, 50 MHz". Static buffer. */
const char *simconfig_text(const struct simconfig *c);

/* A file with these sections behind that configuration, which it includes. */
const char *simconfig_behind(const char *config, const char *sections);
/* A file for SAVE_CONFIG: the configuration's own text, and sections, as by printf. */
const char *simconfig_copy(const char *config, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
