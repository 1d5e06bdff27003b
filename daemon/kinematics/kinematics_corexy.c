/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_corexy.c - two belts move X and Y: their motors turn with X + Y and X - Y. See kinematics.h. */
#include "daemon/kinematics/kinematics.h"

static void load(struct machine_load *l, struct config_section *printer)
{
	static const double weight[3][3] = { { 1, 1, 0 }, { 1, -1, 0 }, { 0, 0, 1 } };

	(void)printer;
	kinematics_load_sums(l, weight, NULL);
}

const struct kinematics_ops kinematics_corexy = { .name = "corexy", .dual = false, .load = load };
