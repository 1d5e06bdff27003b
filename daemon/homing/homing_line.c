// SPDX-License-Identifier: GPL-2.0-or-later
/* A straight way until a switch closes: what a probe does. Positions keep their names. */
#include <math.h>
#include <string.h>

#include "daemon/homing/homing.h"
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

void homing_start_line(struct machine *m, const struct homing_line *how)
{
	struct homing *h = &m->homing;

	h->line = *how;
	h->manual = (struct homing_manual){ .stepper = NULL };
	h->watch.count = 0;
	h->lowered = false;
	h->motors = 0;
	h->state = HOMING_BEGIN;
}

void homing_line_approach(struct machine *m)
{
	struct homing *h = &m->homing;
	struct homing_line *line = &h->line;
	const double *from_mm = planner_position(m->planner);
	double length = 0;
	const char *why;

	memcpy(h->home_mm, line->to_mm, sizeof(h->home_mm));
	memset(h->back, 0, sizeof(h->back));
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		length = hypot(length, line->to_mm[axis] - from_mm[axis]);
	for (int axis = 0; axis < MACHINE_AXES && length > 0; axis++)
		h->back[axis] = (from_mm[axis] - line->to_mm[axis]) / length;
	h->motors = 0;
	h->endstop[0] = (struct homing_endstop){ .input = line->input };
	h->endstops = 1;
	homing_choose_others(m);
	why = homing_choose_trsyncs(m);
	if (why)
		homing_fail(m, why);
	else
		homing_approach(m, line->velocity_mm_s);
}

/* ---- the end ---- */

void homing_rest_place(struct machine *m, double stop_mm[MOVE_AXES])
{
	const struct homing *h = &m->homing;
	const struct homing_path *p = &h->path;
	double steps[ENGINE_STEPPERS], found_mm[MOVE_AXES];
	uint32_t moved = 0;

	memcpy(steps, p->stepper_at_steps, sizeof(steps));
	for (size_t i = 0; i < m->motors; i++) {
		int64_t count = m->motor[i].cfg->dir_pin.invert ? -h->count[i] : h->count[i];

		if (!(h->motors & 1u << i))
			continue;
		steps[i] += (double)(count - p->stepper_count[i]);
		moved |= m->motor[i].axes;
	}
	machine_steppers_to_axes(m, steps, found_mm);
	memcpy(stop_mm, p->from_mm, sizeof(p->from_mm));
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (moved & 1u << axis && found_mm[axis] == found_mm[axis])
			stop_mm[axis] = found_mm[axis];
	homing_note_uneven(m, steps, stop_mm);
}

void homing_line_found(struct machine *m, bool triggered)
{
	struct homing_line *line = &m->homing.line;
	const struct homing_path *p = &m->homing.path;
	double along_mm;

	homing_rest_place(m, line->stop_mm);
	line->hit = triggered;
	memcpy(line->trigger_mm, line->stop_mm, sizeof(line->trigger_mm));
	along_mm = homing_path_along_mm(p, homing_closed_s(m, &m->homing.endstop[0]));
	for (int axis = 0; axis < MACHINE_AXES && triggered; axis++)
		line->trigger_mm[axis] = p->from_mm[axis] + p->dir[axis] * along_mm;
	machine_resume_motion(m, line->stop_mm);
	if (!homing_even(m, homing_finish))
		homing_finish(m, NULL);
}
