/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_cartesian.c - each motor moves its own axis. See kinematics.h. */
#include "daemon/kinematics/kinematics.h"

static void load(struct machine_load *l, struct config_section *printer)
{
	static const double weight[3][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };

	(void)printer;
	kinematics_load_sums(l, weight, NULL);
}

const struct kinematics_ops kinematics_cartesian = { .name = "cartesian",
						     .dual = true,
						     .load = load };
