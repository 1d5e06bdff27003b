/* SPDX-License-Identifier: GPL-2.0-or-later */
/* z_thermal.h - [z_thermal_adjust]: Z follows the temperature of a frame that grows with it.
 *
 * Z goes down by temp_coeff for each degree above the temperature at which Z was homed. The change is a babystep in small
 * parts while the machine moves, so no step comes out of its order, and positions keep their names: it is the last link of
 * the chain of transforms. Owner: struct machine. Threads: PLAN. Units: _mm, _degc, _s of machine time.
 */
#ifndef DAEMON_BED_Z_THERMAL_H
#define DAEMON_BED_Z_THERMAL_H

#include <stdbool.h>

#include "daemon/gcode/gcode_command.h"

struct machine;

struct z_thermal {
	bool enabled;
	double coeff_mm_k;
	double smooth_degc; /* NAN: not measured yet */
	double ref_degc;    /* at homing; NAN: Z has not been homed */
	double by_mm;       /* in use */
	double looked_s;
};

void z_thermal_init(struct machine *m);
void z_thermal_poll(struct machine *m);
/* Z has been homed, and is about to be named: the difference begins at 0. */
void z_thermal_homed(struct machine *m);

extern const struct gcode_command z_thermal_commands[];
extern const unsigned z_thermal_command_count;

#endif
