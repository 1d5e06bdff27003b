/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_recon.h - where X and Y stand, from the executed steps of the steppers.
 *
 * Inverts the joint weights (cartesian, CoreXY, any linear XY kinematics). A name that the axes get at rest, by homing or by
 * command, holds for the steps after it: how far they had really gone, after an endstop's trigger, is what the steps say.
 * Owner: the caller places struct path_recon. Threads: any one. Units: _mm, _steps.
 */
#ifndef PATH_RECON_H
#define PATH_RECON_H

#include <stdint.h>

#include "daemon/checker/checker.h"

enum { PATH_RECON_NAMES = 8 };

struct path_recon {
	uint32_t stepper[2]; /* the two that fix X and Y */
	double inv[2][2];    /* mm per step */
	double base_mm[2];   /* X and Y at count 0 */
	int64_t count[2];
	int dir_sign[2];
	/* Names that the steps have not reached. */
	struct path_recon_name {
		double at_s, mm[2];
	} name[PATH_RECON_NAMES];
	uint32_t names;
};

/* -ENOTSUP: no two steppers fix X and Y. */
int path_recon_init(struct path_recon *r, const struct checker_config *cfg);

/* An executed step at time_s, in order of time; the other arguments as of checker_step(). Returns 1 if X or Y moved, else 0. */
int path_recon_step(struct path_recon *r, uint32_t stepper, int dir, double time_s);

/* The axes, at rest from at_s on, are called mm. In order of time; of more than PATH_RECON_NAMES without a step after the first,
 * the oldest count as reached. */
void path_recon_position(struct path_recon *r, double at_s, const double mm[MOVE_AXES]);

static inline double path_recon_mm(const struct path_recon *r, enum move_axis axis)
{
	return r->base_mm[axis] + r->inv[axis][0] * (double)r->count[0] +
	       r->inv[axis][1] * (double)r->count[1];
}

#endif
