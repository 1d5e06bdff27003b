// SPDX-License-Identifier: GPL-2.0-or-later
/* Where an approach was when its endstop triggered, and where the axes have come to rest. */
#include <string.h>

#include "daemon/homing.h"
#include "daemon/machine.h"

void homing_look(struct machine *m)
{
	struct homing_path *p = &m->homing.path;

	p->at_s = m->status.now_s;
	p->speed_mm_s = m->status.speed_mm_s;
	memcpy(p->position_mm, m->status.position_mm, sizeof(p->position_mm));
	memcpy(p->stepper_at_steps, m->status.stepper_at_steps, sizeof(p->stepper_at_steps));
	memcpy(p->stepper_count, m->status.stepper_count, sizeof(p->stepper_count));
}

void homing_overrun(const struct machine *m, double by_mm[MOVE_AXES])
{
	const struct homing *h = &m->homing;
	const struct homing_path *p = &h->path;
	const struct machine_axis *a = &m->mc->axes[h->axis];
	double steps[ENGINE_STEPPERS] = { 0 }, at_mm[MOVE_AXES];

	memcpy(at_mm, p->position_mm, sizeof(at_mm));
	at_mm[h->axis] += (a->homing_positive ? 1 : -1) * p->speed_mm_s * (h->trigger_s - p->at_s);
	for (size_t i = 0; i < m->motors; i++) {
		const struct machine_motor *motor = &m->motor[i];
		int64_t count = motor->cfg->dir_pin.invert ? -h->count[i] : h->count[i];

		/* Not seen moving: it stood on its endstop. */
		if (!(h->motors & 1u << i) || motor->mcu == a->endstop_pin.mcu || p->speed_mm_s <= 0)
			continue;
		steps[i] = p->stepper_at_steps[i] + (double)(count - p->stepper_count[i]);
		for (int axis = 0; axis < MOVE_AXES; axis++)
			steps[i] -= motor->steps_per_mm[axis] * at_mm[axis];
	}
	machine_steppers_to_axes(m, steps, by_mm);
}
