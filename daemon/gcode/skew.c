// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/skew.h"

#include <math.h>

void skew_forward(const void *ctx, double mm[MOVE_AXES])
{
	const struct skew *s = ctx;

	mm[AXIS_Y] -= s->yz * mm[AXIS_Z];
	mm[AXIS_X] -= s->xy * mm[AXIS_Y] + s->xz * mm[AXIS_Z];
}

void skew_inverse(const void *ctx, double mm[MOVE_AXES])
{
	const struct skew *s = ctx;

	mm[AXIS_X] += s->xy * mm[AXIS_Y] + s->xz * mm[AXIS_Z];
	mm[AXIS_Y] += s->yz * mm[AXIS_Z];
}

bool skew_measure(double ac, double bd, double ad, double *factor)
{
	double side2, projection, height2, result;

	if (!(ac > 0 && bd > 0 && ad > 0))
		return false;
	/* Parallelogram law: AC² + BD² = 2 AB² + 2 AD². */
	side2 = 0.5 * (ac * ac + bd * bd) - ad * ad;
	/* AC = AB + AD as vectors, so 2 AB·AD = AC² − AB² − AD². AB·AD / AD is the shadow of AB on AD,
	 * and its ratio to the height above AD is the cotangent of the angle between them. */
	projection = 0.5 * (ac * ac - side2 - ad * ad) / ad;
	height2 = side2 - projection * projection;
	if (!(height2 > 0))
		return false;
	result = projection / sqrt(height2);
	if (!(fabs(result) <= SKEW_FACTOR_MAX))
		return false;
	*factor = result;
	return true;
}
