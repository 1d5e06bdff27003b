// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/checker/path_recon.h"

#include <errno.h>
#include <math.h>
#include <string.h>

int path_recon_init(struct path_recon *r, const struct checker_config *cfg)
{
	memset(r, 0, sizeof(*r));
	for (uint32_t i = 0; i < cfg->steppers; i++) {
		for (uint32_t j = i + 1; j < cfg->steppers; j++) {
			const struct checker_stepper *a = &cfg->stepper[i], *b = &cfg->stepper[j];
			double ax = a->steps_per_mm[AXIS_X], ay = a->steps_per_mm[AXIS_Y];
			double bx = b->steps_per_mm[AXIS_X], by = b->steps_per_mm[AXIS_Y];
			double det = ax * by - ay * bx;

			if (fabs(det) < 1e-9)
				continue;
			r->stepper[0] = i;
			r->stepper[1] = j;
			r->dir_sign[0] = a->dir_sign;
			r->dir_sign[1] = b->dir_sign;
			r->inv[0][0] = by / det;
			r->inv[0][1] = -ay / det;
			r->inv[1][0] = -bx / det;
			r->inv[1][1] = ax / det;
			r->base_mm[0] = cfg->start_mm[AXIS_X];
			r->base_mm[1] = cfg->start_mm[AXIS_Y];
			return 0;
		}
	}
	return -ENOTSUP;
}

static void reach(struct path_recon *r)
{
	for (int i = 0; i < 2; i++)
		r->base_mm[i] = r->name[0].mm[i] - r->inv[i][0] * (double)r->count[0] -
				r->inv[i][1] * (double)r->count[1];
	memmove(&r->name[0], &r->name[1], --r->names * sizeof(r->name[0]));
}

int path_recon_step(struct path_recon *r, uint32_t stepper, int dir, double time_s)
{
	for (int i = 0; i < 2; i++) {
		if (r->stepper[i] == stepper) {
			while (r->names > 0 && time_s > r->name[0].at_s)
				reach(r);
			r->count[i] += dir > 0 ? r->dir_sign[i] : -r->dir_sign[i];
			return 1;
		}
	}
	return 0;
}

void path_recon_position(struct path_recon *r, double at_s, const double mm[MOVE_AXES])
{
	if (r->names == PATH_RECON_NAMES)
		reach(r);
	r->name[r->names++] = (struct path_recon_name){ .at_s = at_s,
							.mm = { mm[AXIS_X], mm[AXIS_Y] } };
}
