// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/homing/safe_home.h"

#include <errno.h>
#include <string.h>

#include "daemon/machine/machine.h"

#define MASK_XY (1u << AXIS_X | 1u << AXIS_Y)
#define MASK_Z (1u << AXIS_Z)

static void end(struct machine *m, const char *error)
{
	gcode_resume(&m->gcode, error);
}

static void z_homed(struct machine *m, const char *error)
{
	const struct machine_safe_z *cfg = &m->mc->safe_z;

	if (error) {
		end(m, error);
		return;
	}
	acts_begin(m);
	if (planner_position(m->planner)[AXIS_Z] < cfg->hop_mm)
		acts_move_axis(m, AXIS_Z, cfg->hop_mm, cfg->hop_speed_mm_s);
	if (cfg->move_to_previous && !(m->safe_home.mask & MASK_XY))
		acts_move(m, MASK_XY, m->safe_home.previous_mm, cfg->speed_mm_s);
	acts_run(m, end);
}

static void go_on(struct machine *m, uint32_t mask,
		  void (*then)(struct machine *m, const char *error))
{
	char err[GCODE_ERR_MAX] = "";

	if (homing_start(m, mask, then, err) != -EINPROGRESS)
		end(m, err);
}

static void over_the_bed(struct machine *m, const char *error)
{
	if (error)
		end(m, error);
	else
		go_on(m, MASK_Z, z_homed);
}

static void xy_homed(struct machine *m, const char *error)
{
	const struct machine_safe_z *cfg = &m->mc->safe_z;
	double to_mm[MOVE_AXES] = { cfg->x_mm, cfg->y_mm };

	if (error || !(m->safe_home.mask & MASK_Z)) {
		end(m, error);
		return;
	}
	memcpy(m->safe_home.previous_mm, planner_position(m->planner),
	       sizeof(m->safe_home.previous_mm));
	acts_begin(m);
	acts_move(m, MASK_XY, to_mm, cfg->speed_mm_s);
	acts_run(m, over_the_bed);
}

static void lifted(struct machine *m, const char *error)
{
	uint32_t mask = m->safe_home.mask & MASK_XY;

	if (!error && mask)
		go_on(m, mask, xy_homed);
	else
		xy_homed(m, error);
}

int safe_home_start(struct machine *m, uint32_t mask, char *err)
{
	const struct machine_safe_z *cfg = &m->mc->safe_z;
	double z_mm = planner_position(m->planner)[AXIS_Z];
	bool known = m->homed & MASK_Z;

	if (!cfg->present)
		return homing_start(m, mask, NULL, err);
	if (mask & MASK_Z && ~(m->homed | mask) & MASK_XY) {
		strcpy(err,
		       "axes X and Y have no known position; expected G28 X Y before G28 Z, for "
		       "home_xy_position");
		return -EINVAL;
	}
	m->safe_home.mask = mask;
	acts_begin(m);
	if (cfg->hop_mm > 0 && (!known || z_mm < cfg->hop_mm)) {
		acts_move_axis(m, AXIS_Z, known ? cfg->hop_mm : z_mm + cfg->hop_mm,
			       cfg->hop_speed_mm_s);
		m->acts.act[0].unchecked = !known;
	}
	acts_run(m, lifted);
	return -EINPROGRESS;
}
