// SPDX-License-Identifier: GPL-2.0-or-later
/* What a G28 does, step by step, and whether it can be done. */
#include <errno.h>

#include "daemon/homing/homing.h"
#include "daemon/machine/machine.h"

/* Carriages one by one, in the order X, Y, Z, the second one of a pair behind the first. */
static size_t carriage_steps(const struct machine *m, uint32_t mask, struct kinematics_homing *step)
{
	size_t n = 0;

	for (int axis = 0; axis < MACHINE_AXES; axis++)
		for (size_t r = 0; r < m->mc->rail_count && n < KINEMATICS_HOMING_MAX; r++)
			if (m->mc->rails[r].axis == axis && mask & 1u << axis)
				kinematics_home_rail(m->mc, r, &step[n++]);
	return n;
}

/* Whether all of a step's rails have switches that an MCU can watch. */
static int check_endstops(const struct machine *m, const struct kinematics_homing *step, char *err)
{
	for (size_t r = 0; r < m->mc->rail_count; r++) {
		const struct machine_rail *rail = &m->mc->rails[r];
		bool missing = rail->endstop_count == 0;

		for (size_t i = 0; i < rail->endstop_count; i++)
			missing |= rail->endstop[i].pin.mcu < 0;
		if (!missing || !(step->rails & 1u << r))
			continue;
		return kinematics_refuse(err, GCODE_ERR_MAX,
					 "axis %c cannot home; expected an endstop_pin in [%s]",
					 "XYZ"[__builtin_ctz(step->axes)], rail -> name);
	}
	return 0;
}

int homing_start(struct machine *m, uint32_t mask,
		 void (*then)(struct machine *m, const char *error), char *err)
{
	struct homing *h = &m->homing;

	h->steps = m->mc->kinematics->homing ? m->mc->kinematics->homing(m->mc, mask, h->step)
					     : carriage_steps(m, mask, h->step);
	for (size_t i = 0; i < h->steps; i++)
		if (check_endstops(m, &h->step[i], err) < 0)
			return -EINVAL;
	for (size_t i = 0; i < h->steps; i++)
		h->overshot &= ~h->step[i].axes;
	h->at = 0;
	h->lowered = false;
	h->then = then;
	h->manual = (struct homing_manual){ .stepper = NULL };
	h->line.input = NULL;
	h->watch.count = 0;
	h->motors = 0;
	h->state = HOMING_BEGIN;
	return -EINPROGRESS;
}
