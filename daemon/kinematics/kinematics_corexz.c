/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_corexz.c - two belts move X and Z: their motors turn with X + Z and X - Z. See kinematics.h. */
#include "daemon/kinematics/kinematics.h"

static void load(struct machine_load *l, struct config_section *printer)
{
	static const double weight[3][3] = { { 1, 0, 1 }, { 0, 1, 0 }, { 1, 0, -1 } };

	(void)printer;
	kinematics_load_sums(l, weight, NULL);
}

const struct kinematics_ops kinematics_corexz = { .name = "corexz", .dual = false, .load = load };
