// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/arc.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Closer than this, start and end are the same point: a full circle. Shorter moves vanish in the
 * planner, too. */
#define SAME_MM 1e-6
/* What rounded numbers may make of the two radii: both distances are to be exceeded for an error. */
#define RADIUS_OFF_MM 0.005
#define RADIUS_OFF_SHARE 0.001
#define RADIUS_OFF_MM_MAX 0.5
/* Greatest angle of a piece, for circles smaller than the tolerance: a quarter and a little. */
#define PIECE_ANGLE_MAX 1.6

/* First, second and third axis of each plane; offset letters are in the same order. */
static const int plane_axis[3][3] = {
	[ARC_PLANE_XY] = { AXIS_X, AXIS_Y, AXIS_Z },
	[ARC_PLANE_ZX] = { AXIS_Z, AXIS_X, AXIS_Y },
	[ARC_PLANE_YZ] = { AXIS_Y, AXIS_Z, AXIS_X },
};
static const char *const plane_words[3] = { "I and J in plane G17", "I and K in plane G18",
					    "J and K in plane G19" };

static double radius_off_max(double radius_mm)
{
	return fmin(fmax(RADIUS_OFF_MM, RADIUS_OFF_SHARE * radius_mm), RADIUS_OFF_MM_MAX);
}

static bool fail(char *err, size_t cap, const char *text)
{
	snprintf(err, cap, "%s", text);
	return false;
}

/* From R to the arm. chord: from start to end, not zero. */
static bool arm_of_radius(struct arc *a, const struct arc_words *w, const double chord[2],
			  char *err, size_t cap)
{
	double half_mm = 0.5 * hypot(chord[0], chord[1]), radius_mm = fabs(w->radius_mm), along,
	       side;

	if (2 * half_mm <= SAME_MM) {
		snprintf(err, cap,
			 "R=%g mm: expected an end point away from the start; a full circle needs %s",
			 w->radius_mm, plane_words[w->plane]);
		return false;
	}
	if (radius_mm < half_mm - radius_off_max(radius_mm)) {
		snprintf(err, cap,
			 "R=%g mm: expected at least %.4f mm, half the way to the end point",
			 w->radius_mm, half_mm);
		return false;
	}
	/* The center lies on the chord's bisector: left of the way for the shorter arc counter-
	 * clockwise and the longer one clockwise, right of it for the others. */
	along = radius_mm > half_mm ? sqrt((radius_mm - half_mm) * (radius_mm + half_mm)) : 0;
	side = w->clockwise != (w->radius_mm < 0) ? -1 : 1;
	a->arm_mm[0] = -0.5 * chord[0] + side * along * chord[1] / (2 * half_mm);
	a->arm_mm[1] = -0.5 * chord[1] - side * along * chord[0] / (2 * half_mm);
	return true;
}

/* The center that the words give, as the arm from it to the start. */
static bool find_arm(struct arc *a, const struct arc_words *w, const double chord[2], char *err,
		     size_t cap)
{
	const int *axis = plane_axis[w->plane];
	bool offset = w->has_offset[0] || w->has_offset[1] || w->has_offset[2];

	if (!offset && !w->has_radius) {
		snprintf(err, cap, "expected R, a radius, or %s, from the start to the center",
			 plane_words[w->plane]);
		return false;
	}
	if (offset && w->has_radius)
		return fail(err, cap, "expected either R or I, J, K, not both");
	if (w->has_radius)
		return arm_of_radius(a, w, chord, err, cap);
	if (w->has_offset[axis[2]] && w->offset_mm[axis[2]] != 0) {
		snprintf(err, cap, "%c: expected %s", "IJK"[axis[2]], plane_words[w->plane]);
		return false;
	}
	a->arm_mm[0] = -w->offset_mm[axis[0]];
	a->arm_mm[1] = -w->offset_mm[axis[1]];
	return true;
}

bool arc_init(struct arc *a, const double start_mm[MOVE_AXES], const double end_mm[MOVE_AXES],
	      const struct arc_words *w, char *err, size_t cap)
{
	const int *axis = plane_axis[w->plane];
	double chord[2], to[2], start_radius_mm, end_radius_mm;

	a->first = axis[0];
	a->second = axis[1];
	memcpy(a->start_mm, start_mm, sizeof(a->start_mm));
	memcpy(a->end_mm, end_mm, sizeof(a->end_mm));
	chord[0] = end_mm[axis[0]] - start_mm[axis[0]];
	chord[1] = end_mm[axis[1]] - start_mm[axis[1]];
	if (!find_arm(a, w, chord, err, cap))
		return false;
	to[0] = a->arm_mm[0] + chord[0];
	to[1] = a->arm_mm[1] + chord[1];
	start_radius_mm = hypot(a->arm_mm[0], a->arm_mm[1]);
	end_radius_mm = hypot(to[0], to[1]);
	if (!(start_radius_mm > SAME_MM))
		return fail(err, cap, "radius 0: expected a center away from the start");
	if (!(fabs(end_radius_mm - start_radius_mm) <= radius_off_max(start_radius_mm))) {
		snprintf(err, cap,
			 "the end point is %.4f mm from the center: expected %.4f mm, as the start",
			 end_radius_mm, start_radius_mm);
		return false;
	}
	if (hypot(chord[0], chord[1]) <= SAME_MM) {
		a->angle = w->clockwise ? -2 * M_PI : 2 * M_PI;
	} else {
		a->angle = atan2(a->arm_mm[0] * to[1] - a->arm_mm[1] * to[0],
				 a->arm_mm[0] * to[0] + a->arm_mm[1] * to[1]);
		if (w->clockwise && a->angle >= 0)
			a->angle -= 2 * M_PI;
		else if (!w->clockwise && a->angle <= 0)
			a->angle += 2 * M_PI;
	}
	a->growth = end_radius_mm / start_radius_mm - 1;
	a->radius_mm = fmax(start_radius_mm, end_radius_mm);
	a->length_mm = hypot(fabs(a->angle) * a->radius_mm, end_mm[axis[2]] - start_mm[axis[2]]);
	a->pieces = 1;
	return true;
}

bool arc_divide(struct arc *a, double tolerance_mm, double piece_mm_max, char *err, size_t cap)
{
	/* A chord over the angle p is off by r(1 − cos(p/2)) = 2r sin²(p/4) in its middle. */
	double step = 4 * asin(sqrt(fmin(0.5, tolerance_mm / (2 * a->radius_mm))));
	double pieces = ceil(fabs(a->angle) / fmin(step, PIECE_ANGLE_MAX));

	if (piece_mm_max > 0)
		pieces = fmax(pieces, ceil(a->length_mm / piece_mm_max));
	if (!(pieces <= ARC_PIECES_MAX)) {
		snprintf(err, cap,
			 "arc of %.6g mm within %g mm of the circle: expected at most %d pieces, not %.6g",
			 a->length_mm, tolerance_mm, ARC_PIECES_MAX, pieces);
		return false;
	}
	a->pieces = pieces >= 1 ? (uint32_t)pieces : 1;
	return true;
}

void arc_point(const struct arc *a, uint32_t k, double mm[MOVE_AXES])
{
	double t = (double)k / a->pieces, turn = a->angle * t, half = sin(0.5 * turn);
	double grown = a->growth * t, scale = 1 + grown;
	/* cos − 1 without cancellation: points near the start stay near it, however far the center. */
	double cos1 = -2 * half * half, sine = sin(turn);

	if (k == a->pieces) {
		memcpy(mm, a->end_mm, sizeof(a->end_mm));
		return;
	}
	for (int i = 0; i < MOVE_AXES; i++)
		mm[i] = a->start_mm[i] + t * (a->end_mm[i] - a->start_mm[i]);
	mm[a->first] = a->start_mm[a->first] + grown * a->arm_mm[0] +
		       scale * (cos1 * a->arm_mm[0] - sine * a->arm_mm[1]);
	mm[a->second] = a->start_mm[a->second] + grown * a->arm_mm[1] +
			scale * (cos1 * a->arm_mm[1] + sine * a->arm_mm[0]);
}
