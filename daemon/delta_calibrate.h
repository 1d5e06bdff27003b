/* SPDX-License-Identifier: GPL-2.0-or-later */
/* delta_calibrate.h - DELTA_CALIBRATE: the geometry of a delta with which a flat bed is flat.
 *
 * Where the carriages were when the bed was touched is known whatever the geometry; radius, endstops and two of the
 * towers' angles are fitted (Gauss-Newton, damped) so that the nozzle was at one height each time.
 * Threads: PLAN. Units: mm, degrees.
 */
#ifndef DAEMON_DELTA_CALIBRATE_H
#define DAEMON_DELTA_CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/gcode/gcode_command.h"

/* What of a delta is fitted. */
struct delta_geometry {
	double radius_mm, endstop_mm[3], angle_deg[3], arm_mm[3];
};

enum { DELTA_PLACES_MAX = 32 };

/* travel_mm[i][k]: how far below its switch carriage k was when the nozzle was at height_mm[i]. Changes *d but for
 * angle_deg[2] and the arms. Returns what is left, the root of the mean square in mm; NAN: no geometry fits. */
double delta_fit(struct delta_geometry *d, size_t count, const double travel_mm[][3],
		 const double *height_mm);

extern const struct gcode_command delta_calibrate_commands[];
extern const unsigned delta_calibrate_command_count;

#endif
