/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arc.h - one arc of G2 or G3: from its words to its geometry, and points along it.
 *
 * A circle's arc in one of three planes, linear in the third axis (helix) and in E. Where start and
 * end are not quite as far from the center (rounded numbers), the radius changes evenly along it.
 * Threads: any. Pure.
 * Units:   _mm; angles in radians, positive from the plane's first axis to its second.
 */
#ifndef DAEMON_GCODE_ARC_H
#define DAEMON_GCODE_ARC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "move.h"

enum { ARC_PIECES_MAX = 1000000 };

/* G17, G18, G19. Right-handed, as RS274/NGC has them: seen from the positive end of the third axis, G2
 * runs clockwise. So the first axis of G18 is Z and the second X. */
enum arc_plane { ARC_PLANE_XY, ARC_PLANE_ZX, ARC_PLANE_YZ };

/* The words of the line, in mm. */
struct arc_words {
	enum arc_plane plane;
	bool clockwise;
	bool has_offset[3]; /* I, J, K: from the start to the center */
	bool has_radius;    /* R: negative for the longer way round */
	double offset_mm[3];
	double radius_mm;
};

struct arc {
	int first, second; /* axes of the plane */
	double start_mm[MOVE_AXES], end_mm[MOVE_AXES];
	double arm_mm[2]; /* from the center to the start */
	double angle;     /* from start to end */
	double growth;    /* of the radius, as a part of that at the start */
	double radius_mm; /* the greater of those at both ends */
	double length_mm; /* along the path, the third axis included */
	uint32_t pieces;  /* arc_divide() */
};

/* Lay out the arc. False: it can't be; err (cap bytes) says what was found and what was expected. */
bool arc_init(struct arc *a, const double start_mm[MOVE_AXES], const double end_mm[MOVE_AXES],
	      const struct arc_words *w, char *err, size_t cap);

/* Cut it into equal pieces: none of them, as a straight line, is farther than tolerance_mm (> 0) from the
 * arc, none longer than piece_mm_max (0: any length). False: more than ARC_PIECES_MAX. */
bool arc_divide(struct arc *a, double tolerance_mm, double piece_mm_max, char *err, size_t cap);

/* Where piece k ends, k = 1 .. pieces. The last one ends at end_mm to the bit. */
void arc_point(const struct arc *a, uint32_t k, double mm[MOVE_AXES]);

#endif
