/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mesh_points.h - where a bed mesh is probed, and the mesh from what was found there.
 *
 * A grid over a rectangle, or over a circle's square, of which only what lies in the circle is probed. A place in
 * a faulty region is replaced by up to four on the region's edge, whose mean counts. Pure. Units: mm, where the
 * probe touches.
 */
#ifndef DAEMON_BED_MESH_POINTS_H
#define DAEMON_BED_MESH_POINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config/machine_probe.h"
#include "daemon/probe/probe_points.h"

/* The mesh to make. */
struct mesh_area {
	bool round;
	double radius_mm, origin_mm[2];
	double min_mm[2], max_mm[2]; /* also of a round one: its square */
	int count[2];
	int pps[2];
	int algorithm; /* 0 lagrange, 1 bicubic, 2 direct */
	double tension;
	const struct machine_mesh_faulty *faulty;
	size_t faulty_count;
};

/* As configured. */
void mesh_area_default(const struct machine_mesh_probing *cfg, struct mesh_area *a);

/* Narrow to the rectangle lo .. hi and a margin around, with as many points fewer. False: nothing of it is
 * on the mesh. */
bool mesh_area_adapt(struct mesh_area *a, const double lo_mm[2], const double hi_mm[2],
		     double margin_mm);

/* Whether counts and algorithm fit each other, and the number of points: NULL, or what was expected. */
const char *mesh_area_check(struct mesh_area *a);

/* The places, in the order in which they are probed: row by row, to and fro. Returns how many; 0: too many, or a faulty region
 * leaves none of a point. */
size_t mesh_points_make(const struct mesh_area *a, double at_mm[][2]);

/* z[count[0] * count[1]], row by row from min on, from the heights at those places. */
void mesh_points_take(const struct mesh_area *a, const double *found_mm, double *z_mm);

#endif
