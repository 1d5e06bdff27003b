/* SPDX-License-Identifier: GPL-2.0-or-later */
/* skew.h - a machine whose axes are not quite square: its geometry.
 *
 * With the machine's axes at x', y', z' the tool is at
 *	x = x' + xy·y' + xz·z',  y = y' + yz·z',  z = z'.
 * Each factor is the tangent of the angle by which two axes miss 90 degrees; positive if the angle
 * between them is smaller. They are the numbers of [skew_correction NAME] xy_skew and so on.
 * Threads: any. Pure.
 */
#ifndef DAEMON_GCODE_SKEW_H
#define DAEMON_GCODE_SKEW_H

#include <stdbool.h>

#include "move.h"

#define SKEW_FACTOR_MAX 1.0 /* 45 degrees: beyond it something else is wrong */

struct skew {
	double xy, xz, yz;
};

/* Where the axes must go for the tool to get to mm, in place; and back. ctx: const struct skew *.
 * Links of struct transform. */
void skew_forward(const void *ctx, double mm[MOVE_AXES]);
void skew_inverse(const void *ctx, double mm[MOVE_AXES]);

/* The factor from a printed square ABCD, whose sides AB and AD were to be along the first and the second
 * axis: lengths of the diagonals AC and BD and of the side AD, as measured, in one unit. False: no
 * parallelogram has these, or its angle is out of range; *factor is untouched. */
bool skew_measure(double ac, double bd, double ad, double *factor);

#endif
