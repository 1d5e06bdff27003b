/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics_none.c - no axes at all: X, Y and Z are numbers that nothing follows. See kinematics.h. */
#include <math.h>

#include "daemon/kinematics/kinematics.h"

static void load(struct machine_load *l, struct config_section *printer)
{
	(void)l;
	(void)printer;
}

static bool forward(const struct machine_config *mc, const double *joint, double xyz_mm[3])
{
	(void)mc;
	(void)joint;
	(void)xyz_mm;
	return true;
}

static int reach(const struct machine_config *mc, const double from_mm[3], const double to_mm[3],
		 char *err, size_t size)
{
	(void)mc;
	(void)from_mm;
	(void)to_mm;
	(void)err;
	(void)size;
	return 0;
}

static size_t homing(const struct machine_config *mc, uint32_t axes,
		     struct kinematics_homing steps[KINEMATICS_HOMING_MAX])
{
	(void)mc;
	steps[0] = (struct kinematics_homing){
		.axes = axes, .dual = -1, .home_mm = { NAN, NAN, NAN }, .far_mm = { NAN, NAN, NAN }
	};
	return 1;
}

const struct kinematics_ops kinematics_none = {
	.name = "none", .load = load, .forward = forward, .reach = reach, .homing = homing
};
