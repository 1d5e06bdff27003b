// SPDX-License-Identifier: GPL-2.0-or-later
/* Where an approach was when its endstops triggered, and where the axes have come to rest. */
#include <string.h>

#include "daemon/homing.h"
#include "daemon/homing_private.h"
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

/* How far motor i has gone on since the switch it stops with was closed, steps. */
static double overrun_steps(const struct machine *m, size_t i, const struct homing_endstop *e)
{
	const struct homing *h = &m->homing;
	const struct homing_path *p = &h->path;
	const struct machine_motor *motor = &m->motor[i];
	int64_t count = motor->cfg->dir_pin.invert ? -h->count[i] : h->count[i];
	double at_mm[MOVE_AXES];

	/* An MCU that polls its switch stops its own motors at that look. Where edges are stamped, the trigger
	 * was before it. Not seen moving: it stood on its endstop. */
	if ((motor->mcu == e->input->pin->mcu && !m->mc->mcu[motor->mcu].host) || p->speed_mm_s <= 0)
		return 0;
	for (int axis = 0; axis < MOVE_AXES; axis++)
		at_mm[axis] = p->position_mm[axis] -
			      h->back[axis] * p->speed_mm_s * (e->trigger_s - p->at_s);
	return p->stepper_at_steps[i] + (double)(count - p->stepper_count[i]) -
	       machine_motor_steps(m, i, at_mm);
}

void homing_found(struct machine *m, double at_mm[MOVE_AXES])
{
	const struct homing *h = &m->homing;
	double steps[ENGINE_STEPPERS], found_mm[MOVE_AXES];

	for (size_t i = 0; i < m->motors; i++)
		steps[i] = machine_motor_steps(m, i, h->home_mm);
	for (size_t k = 0; k < h->endstops; k++)
		for (size_t i = 0; i < m->motors; i++)
			if (h->endstop[k].motors & 1u << i)
				steps[i] += overrun_steps(m, i, &h->endstop[k]);
	memcpy(at_mm, h->home_mm, MOVE_AXES * sizeof(*at_mm));
	memcpy(found_mm, h->home_mm, sizeof(found_mm));
	machine_steppers_to_axes(m, steps, found_mm);
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (found_mm[axis] == found_mm[axis])
			at_mm[axis] = found_mm[axis];
	homing_note_uneven(m, steps, at_mm);
}
