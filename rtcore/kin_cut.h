/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kin_cut.h - a joint of kin.h along a path, cut into monotone quadratics in time.
 *
 * What comes after it (crossings, runs, checks) then is the same as for a weighted sum of the axes, and
 * pays nothing per step for the kinematics. A cut is made at every turning point, found by a bracketed
 * Newton iteration, and as often as needed for the quadratic to cross every position within a
 * given time of when the joint does; pieces meet exactly on the joint's own positions.
 * Pure; the caller owns the struct. Units: s, units of the joint (kin.h).
 */
#ifndef RTCORE_KIN_CUT_H
#define RTCORE_KIN_CUT_H

#include <stdbool.h>

#include "kin.h"

/* p + v t + a/2 t^2 from at_s of the path on for dur_s; p_end there. Its speed does not change sign. */
struct kin_piece {
	double at_s, dur_s;
	double p, v, a;
	double p_end;
};

struct kin_cut {
	const struct kin *kin;
	struct kin_path path;
	double dur_s;          /* of the path */
	double at_s;           /* up to here it has been cut */
	double step_s;         /* what to try next; kept over paths */
	struct kin_point here; /* at at_s */
	double slow, rest;     /* speeds below are none: on this path, in the last length tried */
};

/* A position may be this share of the time tolerance early or late; what is left goes to the runs. */
#define KIN_CUT_SHARE 0.04

/* An error below this, in units of position, is rounding to whoever compares. */
#define KIN_CUT_STILL 1e-11

/* A new path; step_s stays as a guess (0 at first). */
void kin_cut_begin(struct kin_cut *c, const struct kin *k, const struct kin_path *path,
		   double dur_s);

/* The next piece, to within tol_s (KIN_CUT_SHARE of it). Returns false at the end of the path. *fine: false
 * if the joint could not be followed there (a path beyond its reach), the piece is a line then.
 * Cost: about 50 ns. */
bool kin_cut_next(struct kin_cut *c, double tol_s, struct kin_piece *out, bool *fine);

/* Where the joint turns, between lo_s and hi_s, where its speed has opposite signs. To 1e-12 s, or
 * to rounding. */
double kin_cut_turn(const struct kin *k, const struct kin_path *path, double lo_s, double hi_s);

#endif
