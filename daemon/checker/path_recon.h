/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_recon.h - where X and Y stand, from the executed steps of the steppers.
 *
 * Inverts the joint weights (cartesian, CoreXY, any linear XY kinematics).
 * Owner: the caller places struct path_recon. Threads: any one. Units: _mm, _steps.
 */
#ifndef PATH_RECON_H
#define PATH_RECON_H

#include <stdint.h>

#include "daemon/checker/checker.h"

struct path_recon {
	uint32_t stepper[2]; /* the two that fix X and Y */
	double inv[2][2];    /* mm per step */
	double base_mm[2];   /* X and Y at count 0 */
	int64_t count[2];
	int dir_sign[2];
};

/* -ENOTSUP: no two steppers fix X and Y. */
int path_recon_init(struct path_recon *r, const struct checker_config *cfg);

/* An executed step, arguments as of checker_step(). Returns 1 if X or Y moved, else 0. */
int path_recon_step(struct path_recon *r, uint32_t stepper, int dir);

/* The axes, so far called before_mm, are now called after_mm. */
void path_recon_position(struct path_recon *r, const double before_mm[MOVE_AXES],
			 const double after_mm[MOVE_AXES]);

static inline double path_recon_mm(const struct path_recon *r, enum move_axis axis)
{
	return r->base_mm[axis] + r->inv[axis][0] * (double)r->count[0] +
	       r->inv[axis][1] * (double)r->count[1];
}

#endif
