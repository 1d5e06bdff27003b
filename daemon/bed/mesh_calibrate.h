/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mesh_calibrate.h - BED_MESH_CALIBRATE: probe the bed, use the mesh, keep it as a profile.
 *
 * Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_BED_MESH_CALIBRATE_H
#define DAEMON_BED_MESH_CALIBRATE_H

#include "daemon/gcode/gcode_command.h"
#include "daemon/bed/mesh_points.h"

struct mesh_calibration {
	struct mesh_area area;
	char name[GCODE_LABEL_MAX]; /* of the profile */
	size_t zero; /* index of the place of zero_reference_position, if it has one */
};

extern const struct gcode_command mesh_calibrate_commands[];
extern const unsigned mesh_calibrate_command_count;

#endif
