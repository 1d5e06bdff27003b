/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_hybrid_corexz.c - Z has a motor of its own, the belt of X runs along with it. See kinematics.h. */
#include "daemon/kinematics/kinematics.h"

static void load(struct machine_load *l, struct config_section *printer)
{
	static const double weight[3][3] = { { 1, 0, -1 }, { 0, 1, 0 }, { 0, 0, 1 } };
	static const double second[3] = { 1, 0, 1 };

	(void)printer;
	kinematics_load_sums(l, weight, second);
}

const struct kinematics_ops kinematics_hybrid_corexz = { .name = "hybrid_corexz",
							 .dual = true,
							 .load = load };
