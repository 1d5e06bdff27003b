/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin.h - where a joint is while the axes are at X, Y, Z: kinematics that are no weighted sum.
 *
 * Each function gives the joint's position and its first and second derivative in time while X, Y
 * and Z move along a path that is a quadratic in time each.
 * Pure, no state; any thread. Units: joints in their own unit (mm; rad where it says so), axes in mm.
 */
#ifndef RTCORE_KIN_H
#define RTCORE_KIN_H

#include <stdbool.h>
#include <stdint.h>

enum kin_kind {
	KIN_LINEAR, /* not here: a weighted sum of the axes, see joint.h */
	KIN_ROD,    /* a carriage on a vertical rail, a rod of fixed length to the nozzle (delta) */
	KIN_CABLE,  /* the distance from an anchor (winch) */
	KIN_RADIUS, /* the distance from the Z axis (polar) */
	KIN_ANGLE,  /* rad, the angle around the Z axis (polar) */
	KIN_ELBOW,  /* rad, an arm that turns about a shoulder, a rod from its end (rotary delta) */
	KIN_KINDS
};

/* What a kind does not name is not used. */
struct kin {
	uint32_t kind;  /* enum kin_kind */
	uint32_t flat;  /* ROD: 1: the rod moves in the X-Z plane only (deltesian) */
	double x, y, z; /* ROD: the rail's x, y; CABLE: the anchor; ELBOW: x = radius, z = height */
	double cos_a, sin_a; /* ELBOW: direction of the arm's plane, seen from the Z axis */
	double arm;          /* ELBOW: from shoulder to elbow */
	double rod;          /* ROD, ELBOW: length of the rod */
};

/* X, Y, Z after t s: p + v t + a/2 t^2. For KIN_ANGLE, base is the joint's position at t = 0, which
 * says how many turns there are in it; the path must not leave the half-plane it starts in. */
struct kin_path {
	double p[3], v[3], a[3];
	double base;
};

struct kin_point {
	double p, v, a; /* units, units/s, units/s^2 */
};

/* On the Z axis neither polar joint has a derivative, and the angle is 0; this far from it rounding is of no
 * account, mm. */
#define KIN_POLAR_NEAR 1e-9

/* The joint at xyz. KIN_ANGLE: -pi .. pi. Not a number where the joint can't be. */
double kin_position(const struct kin *k, const double xyz[3]);

/* The joint t s along the path. Cost: 5 to 30 ns. */
void kin_along(const struct kin *k, const struct kin_path *path, double t, struct kin_point *out);

/* The joint's positions and speeds (no accelerations) after at + h/4, h/2, 3h/4 and h. Cost: 15 to 100 ns. */
void kin_quarters(const struct kin *k, const struct kin_path *path, double at, double h,
		  struct kin_point out[4]);

/* The kinds, one file each. */
void kin_rod_quarters(const struct kin *k, const struct kin_path *path, double at, double h,
		      struct kin_point out[4]);
void kin_rod_along(const struct kin *k, const struct kin_path *path, double t,
		   struct kin_point *out);
void kin_cable_along(const struct kin *k, const struct kin_path *path, double t,
		     struct kin_point *out);
void kin_radius_along(const struct kin *k, const struct kin_path *path, double t,
		      struct kin_point *out);
void kin_angle_along(const struct kin *k, const struct kin_path *path, double t,
		     struct kin_point *out);
void kin_elbow_along(const struct kin *k, const struct kin_path *path, double t,
		     struct kin_point *out);

/* One axis of the path at t, less an origin. */
static inline void kin_axis(const struct kin_path *path, int axis, double origin, double t,
			    struct kin_point *out)
{
	out->p = (path->p[axis] - origin) + (path->v[axis] + 0.5 * path->a[axis] * t) * t;
	out->v = path->v[axis] + path->a[axis] * t;
	out->a = path->a[axis];
}

#endif
