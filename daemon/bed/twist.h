/* SPDX-License-Identifier: GPL-2.0-or-later */
/* twist.h - an axis that is twisted, so that the probe is higher or lower beside the nozzle along its way.
 *
 * What is added to a probed height is interpolated between values evenly spread along an axis, level beyond them:
 * [axis_twist_compensation], found by AXIS_TWIST_COMPENSATION_CALIBRATE.
 * Owner: struct machine. Threads: PLAN. Units: mm, machine coordinates of the nozzle.
 */
#ifndef DAEMON_BED_TWIST_H
#define DAEMON_BED_TWIST_H

#include "daemon/config/machine_probe.h"
#include "daemon/gcode/gcode_command.h"

struct machine;

struct twist {
	struct machine_twist_axis axis[2]; /* in use */
	/* the calibration under way */
	int along;
	size_t count, at;
	double place_mm[MACHINE_TWIST_MAX][2], result_mm[MACHINE_TWIST_MAX];
};

void twist_init(struct machine *m);
/* What to add to a height that was probed with the nozzle there. */
double twist_mm(const struct machine *m, double x_mm, double y_mm);

extern const struct gcode_command twist_commands[];
extern const unsigned twist_command_count;

#endif
