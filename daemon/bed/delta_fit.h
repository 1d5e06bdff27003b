/* SPDX-License-Identifier: GPL-2.0-or-later */
/* delta_fit.h - the geometry of a delta or rotary delta that fits what was measured.
 *
 * Where the joints were is known whatever the geometry: so many steps below their switches. With the right geometry the
 * nozzle was at the height that was felt each time, and as far from one place to another as a printed object says.
 * Least squares by Gauss-Newton; what the measurements say nothing of stays nearest to what it was.
 * Pure; any thread. Units: mm, degrees.
 */
#ifndef DAEMON_BED_DELTA_FIT_H
#define DAEMON_BED_DELTA_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config/machine_level.h"
#include "kin.h"

struct delta_geometry {
	bool rotary;
	double radius_mm;     /* of the towers, or of the shoulders */
	double shoulder_mm;   /* rotary: how high they are */
	double endstop_mm[3]; /* height of the nozzle in the middle at the switch */
	double angle_deg[3];
	double arm_mm[3];   /* rods */
	double upper_mm[3]; /* rotary: the arms that turn */
	double step[3];     /* of each joint: mm, or rad; stays as it is */
};

/* Joint k of it. */
struct kin delta_joint(const struct delta_geometry *d, int k);
/* How many steps below its switch each joint is with the nozzle there. */
void delta_below(const struct delta_geometry *d, const double xyz_mm[3], double below_steps[3]);
/* The other way round. False: impossible. */
bool delta_nozzle(const struct delta_geometry *d, const double below_steps[3], double xyz_mm[3]);

/* Change *d to fit the heights; extended: and the distances, each of which counts half; then all that there is of a
 * geometry, else what heights tell: endstops, radius and height of shoulders, and of a delta two angles.
 * Returns what is left of the heights, the root of the mean square in mm; NAN: no geometry fits, *d is of no use. */
double delta_fit(struct delta_geometry *d, const struct machine_delta_data *data, bool extended);
/* The same of the distances. */
double delta_distances_left(const struct delta_geometry *d, const struct machine_delta_data *data);

#endif
