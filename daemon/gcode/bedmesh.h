/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bedmesh.h - a bed that is not flat: its surface from probed points, and Z that follows it.
 *
 * Probed points are filled up with pps points between two of them, by the polynomial through all of a row
 * (Lagrange) or by cubic Hermite splines whose slope is tension times the difference of the
 * neighbours; between the points of that finer grid the surface is bilinear, beyond its edge level.
 * With a fade, the part of the surface that differs from the target goes down in proportion between the heights
 * start and end, and above it only the target is left. A straight move over the surface is cut where the
 * chord would leave it by more than a tolerance.
 * Owner:   the caller; the grid is allocated by bedmesh_build(). Threads: PLAN only.
 * Units:   mm, machine coordinates.
 */
#ifndef DAEMON_GCODE_BEDMESH_H
#define DAEMON_GCODE_BEDMESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "move.h"

enum {
	BEDMESH_SIDE_MIN = 3,
	BEDMESH_SIDE_MAX = 64,
	BEDMESH_LAGRANGE_MAX = 6, /* points a side: beyond, the polynomial swings */
	BEDMESH_PPS_MAX = 20,
};

enum bedmesh_algorithm { BEDMESH_LAGRANGE, BEDMESH_BICUBIC };

/* What was probed. */
struct bedmesh_points {
	uint32_t x_count, y_count; /* BEDMESH_SIDE_MIN .. _MAX */
	uint32_t x_pps, y_pps;     /* points to put between two; 0: none */
	int algorithm;             /* enum bedmesh_algorithm */
	double tension;            /* of BICUBIC, 0 .. 2 */
	double min_x, max_x, min_y, max_y;
	const double *z; /* x_count values for each y, from min_y on */
};

struct bedmesh {
	uint32_t nx, ny;
	double min_x, min_y, step_x, step_y;
	double lowest, highest, mean; /* of the grid */
	double *z;                    /* nx values for each y; NULL: no mesh */
};

/* The surface as it is used. */
struct bedmesh_link {
	const struct bedmesh *mesh;
	double offset_x, offset_y;   /* the mesh is moved by that: of another nozzle */
	double fade_start, fade_end; /* end <= start: no fade */
	double target;               /* what is left above the fade; without one 0 */
};

/* Fill *m, which was empty or built before. 0, -EINVAL (counts, ranges or the algorithm don't fit, or a
 * value is not finite) or -ENOMEM: *m is empty then. */
int bedmesh_build(struct bedmesh *m, const struct bedmesh_points *p);

/* Empty it. */
void bedmesh_free(struct bedmesh *m);

/* The surface at x, y; m is not empty. */
double bedmesh_z(const struct bedmesh *m, double x, double y);

/* Whether every height has its own height above the surface: the fade is not steeper than the surface
 * is high. */
bool bedmesh_invertible(const struct bedmesh_link *l);

/* Z in place: from the height over the bed to the machine's, and back. Links of struct transform;
 * ctx: const struct bedmesh_link *. */
void bedmesh_forward(const void *ctx, double mm[MOVE_AXES]);
void bedmesh_inverse(const void *ctx, double mm[MOVE_AXES]);

/* On the straight line from a to b, before bedmesh_forward(): the share of it, above from, up to which the
 * machine may go straight and be within tolerance_mm of the surface. 1 at the end.
 * Error: 0 < tolerance_mm. Cost: below 1 us. */
double bedmesh_split(const struct bedmesh_link *l, const double a[MOVE_AXES],
		     const double b[MOVE_AXES], double from, double tolerance_mm);

#endif
