// SPDX-License-Identifier: GPL-2.0-or-later
/* A straight way until a switch closes: what a probe does. Positions keep their names. */
#include <math.h>
#include <string.h>

#include "daemon/homing.h"
#include "daemon/homing_private.h"
#include "daemon/machine.h"

void homing_start_line(struct machine *m, const struct homing_line *how)
{
	struct homing *h = &m->homing;

	h->line = *how;
	h->line.sights = 0;
	h->manual = (struct homing_manual){ .stepper = NULL };
	h->watch.count = 0;
	h->motors = 0;
	h->state = HOMING_BEGIN;
}

void homing_line_approach(struct machine *m)
{
	struct homing *h = &m->homing;
	struct homing_line *line = &h->line;
	double length = 0;

	memcpy(line->from_mm, planner_position(m->planner), sizeof(line->from_mm));
	memcpy(h->home_mm, line->to_mm, sizeof(h->home_mm));
	memset(h->back, 0, sizeof(h->back));
	memset(line->dir, 0, sizeof(line->dir));
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		length = hypot(length, line->to_mm[axis] - line->from_mm[axis]);
	for (int axis = 0; axis < MACHINE_AXES && length > 0; axis++) {
		line->dir[axis] = (line->to_mm[axis] - line->from_mm[axis]) / length;
		h->back[axis] = -line->dir[axis];
	}
	homing_look(m);
	h->motors = 0;
	h->endstop[0] = (struct homing_endstop){ .input = line->input };
	h->endstops = 1;
	homing_choose_others(m);
	if (!homing_choose_trsyncs(m))
		homing_fail(m, "motors and switch are on more MCUs than can be watched");
	else
		homing_approach(m, line->velocity_mm_s);
}

/* ---- where it was when ---- */

void homing_line_look(struct machine *m)
{
	struct homing_line *line = &m->homing.line;
	const struct engine_status *st = &m->status;
	struct homing_sight *last = &line->sight[(line->sights + HOMING_SIGHTS - 1) % HOMING_SIGHTS];
	double along_mm = 0;

	/* At rest it says nothing: before the start, or stopped already. */
	if (!(st->speed_mm_s > 0) || (line->sights && st->now_s <= last->at_s))
		return;
	homing_look(m);
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		along_mm += (st->position_mm[axis] - line->from_mm[axis]) * line->dir[axis];
	line->sight[line->sights++ % HOMING_SIGHTS] = (struct homing_sight){ st->now_s, along_mm,
									     st->speed_mm_s };
}

/* Between two sights: by the cubic that has both their places and speeds, which is exact where the
 * acceleration is constant. */
static double between(const struct homing_sight *a, const struct homing_sight *b, double at_s)
{
	double h = b->at_s - a->at_s, u = (at_s - a->at_s) / h, v = 1 - u;

	return a->along_mm * v * v * (1 + 2 * u) + b->along_mm * u * u * (3 - 2 * u) +
	       h * u * v * (a->speed_mm_s * v - b->speed_mm_s * u);
}

/* How far along the way it was at that time. */
static double along_at(const struct homing_line *line, double at_s)
{
	uint32_t n = line->sights < HOMING_SIGHTS ? line->sights : HOMING_SIGHTS;
	const struct homing_sight *after = NULL;

	for (uint32_t i = 1; i <= n; i++) {
		const struct homing_sight *s = &line->sight[(line->sights - i) % HOMING_SIGHTS];

		if (s->at_s <= at_s)
			return after ? between(s, after, at_s)
				     : s->along_mm + s->speed_mm_s * (at_s - s->at_s);
		after = s;
	}
	/* Before the first sight: at its speed, but not behind the start. */
	return after ? fmax(0, after->along_mm - after->speed_mm_s * (after->at_s - at_s)) : 0;
}

/* ---- the end ---- */

static void stop_place(struct machine *m, double stop_mm[MOVE_AXES])
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
	memcpy(stop_mm, h->line.from_mm, sizeof(h->line.from_mm));
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (moved & 1u << axis && found_mm[axis] == found_mm[axis])
			stop_mm[axis] = found_mm[axis];
	homing_note_uneven(m, steps, stop_mm);
}

/* When the switch closed: in the mean half the time between two looks before the one that saw it, unless its
 * edge has a stamp. */
static double closed_s(const struct machine *m)
{
	const struct homing_endstop *e = &m->homing.endstop[0];
	int mcu = e->input->pin->mcu;

	if (m->mc->mcu[mcu].host || e->input->sensor)
		return e->trigger_s;
	return e->trigger_s - 0.5 * e->rest_ticks / m->status.mcu[mcu].map.freq_hz;
}

void homing_line_found(struct machine *m, bool triggered)
{
	struct homing_line *line = &m->homing.line;
	double along_mm;

	stop_place(m, line->stop_mm);
	line->hit = triggered;
	memcpy(line->trigger_mm, line->stop_mm, sizeof(line->trigger_mm));
	along_mm = along_at(line, closed_s(m));
	for (int axis = 0; axis < MACHINE_AXES && triggered; axis++)
		line->trigger_mm[axis] = line->from_mm[axis] + line->dir[axis] * along_mm;
	machine_resume_motion(m, line->stop_mm);
	if (!homing_even(m, homing_finish))
		homing_finish(m, NULL);
}
