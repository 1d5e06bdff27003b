/* SPDX-License-Identifier: GPL-2.0-or-later */
/* levelling.h - commands that level a bed or a gantry by what a few probed places say.
 *
 * SCREWS_TILT_CALCULATE tells how to turn screws; Z_TILT_ADJUST and QUAD_GANTRY_LEVEL move the motors of Z one by one;
 * BED_TILT_CALIBRATE finds the plane that [bed_tilt] follows.
 * Owner: struct machine. Threads: PLAN. Units: mm.
 */
#ifndef DAEMON_BED_LEVELLING_H
#define DAEMON_BED_LEVELLING_H

#include "daemon/config/machine_level.h"
#include "daemon/gcode/gcode_command.h"

struct machine;

struct levelling {
	const struct machine_level *level; /* of the motors being levelled */
	bool gantry;
	int retries, tried;
	double tolerance_mm, range_mm; /* of the heights, the last time */
	double by_mm[MACHINE_Z_MOTORS_MAX];
	/* SCREWS_TILT_CALCULATE */
	double deviation_mm; /* MAX_DEVIATION, < 0: none */
	int direction;       /* +1 CW, -1 CCW, 0 any */
	/* [bed_tilt] as it is used */
	struct bed_tilt {
		double x, y, z_mm;
	} tilt;
};

/* [bed_tilt] into the chain. */
void levelling_init(struct machine *m);

/* z = plane[0] + plane[1] * x + plane[2] * y, with the least squares of the differences; places on one line or in one
 * spot give no more tilt than they show. */
void levelling_plane(size_t count, const double at_mm[][2], const double *z_mm, double plane[3]);

extern const struct gcode_command levelling_commands[];
extern const unsigned levelling_command_count;

#endif
