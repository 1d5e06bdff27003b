/* SPDX-License-Identifier: GPL-2.0-or-later */
/* safe_home.h - G28 as [safe_z_home] wants it: up, X and Y, to a safe place, Z.
 *
 * Owner: struct machine. Threads: PLAN. Units: mm.
 */
#ifndef DAEMON_HOMING_SAFE_HOME_H
#define DAEMON_HOMING_SAFE_HOME_H

#include <stdint.h>

#include "move.h"

struct machine;

struct safe_home {
	uint32_t mask;                 /* axes that G28 names */
	double previous_mm[MOVE_AXES]; /* X, Y before Z is homed */
};

/* Start a G28 of these axes. As homing_start(), and the interpreter goes on in the end. */
int safe_home_start(struct machine *m, uint32_t mask, char *err);

#endif
