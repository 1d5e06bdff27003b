/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_phase.h - [endstop_phase NAME]: at which microstep of its driver's table a switch triggers.
 *
 * Part of struct machine_config: owner, threads and units are its.
 */
#ifndef DAEMON_CONFIG_MACHINE_PHASE_H
#define DAEMON_CONFIG_MACHINE_PHASE_H

#include <stdbool.h>
#include <stddef.h>

enum { MACHINE_PHASE_MAX = 12 };

struct machine_phase {
	char section[80]; /* "endstop_phase stepper_z" */
	size_t stepper;   /* index in machine_config.steppers[] */
	size_t driver;    /* index in machine_config.tmc[] */
	int phases;       /* microsteps of four full steps: then the currents are the same again */
	int trigger;      /* trigger_phase, of these; rises with the axis. -1: not known */
	double accuracy_mm; /* 0: as much as can be told */
	bool align_zero;    /* position 0 is to be at a full step */
	double endstop_mm;  /* position_endstop of its rail */
};
#endif
