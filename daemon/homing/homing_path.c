// SPDX-License-Identifier: GPL-2.0-or-later
/* Where an approach was when its endstops triggered, and where the axes have come to rest. */
#include <math.h>
#include <string.h>

#include "daemon/homing/homing.h"
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

/* Speeds that differ by less are the same. */
#define SAME_SHARE 1e-9

static void keep_counts(struct machine *m)
{
	struct homing_path *p = &m->homing.path;

	memcpy(p->stepper_at_steps, m->status.stepper_at_steps, sizeof(p->stepper_at_steps));
	memcpy(p->stepper_count, m->status.stepper_count, sizeof(p->stepper_count));
}

void homing_path_begin(struct machine *m)
{
	struct homing_path *p = &m->homing.path;

	p->sights = 0;
	p->begin_s = machine_now_s(m);
	memcpy(p->from_mm, planner_position(m->planner), sizeof(p->from_mm));
	for (int axis = 0; axis < MOVE_AXES; axis++)
		p->dir[axis] = -m->homing.back[axis];
	keep_counts(m);
}

/* ---- where it was when ---- */

static struct homing_sight *sight(struct homing_path *p, uint32_t number)
{
	return &p->sight[number % HOMING_SIGHTS];
}

static bool same_speed(const struct homing_sight *a, const struct homing_sight *b)
{
	return fabs(a->speed_mm_s - b->speed_mm_s) <= SAME_SHARE * b->speed_mm_s;
}

void homing_path_look(struct machine *m)
{
	struct homing_path *p = &m->homing.path;
	const struct engine_status *st = &m->status;
	struct homing_sight now = { .at_s = st->now_s, .speed_mm_s = st->speed_mm_s };
	uint32_t n = p->sights;

	/* At rest it says nothing: before the start, or stopped already. */
	if (!(st->speed_mm_s > 0) || st->now_s <= (n ? sight(p, n - 1)->at_s : p->begin_s))
		return;
	keep_counts(m);
	for (int axis = 0; axis < MOVE_AXES; axis++)
		now.along_mm += (st->position_mm[axis] - p->from_mm[axis]) * p->dir[axis];
	if (n >= 2 && same_speed(sight(p, n - 2), &now) && same_speed(sight(p, n - 1), &now))
		n--;
	*sight(p, n) = now;
	p->sights = n + 1;
}

/* Between two sights: by the cubic that has both their places and speeds, which is exact where the
 * acceleration is constant. */
static double between(const struct homing_sight *a, const struct homing_sight *b, double at_s)
{
	double h = b->at_s - a->at_s, u = (at_s - a->at_s) / h, v = 1 - u;

	return a->along_mm * v * v * (1 + 2 * u) + b->along_mm * u * u * (3 - 2 * u) +
	       h * u * v * (a->speed_mm_s * v - b->speed_mm_s * u);
}

double homing_path_along_mm(const struct homing_path *p, double at_s)
{
	uint32_t n = p->sights < HOMING_SIGHTS ? p->sights : HOMING_SIGHTS;
	const struct homing_sight *after = NULL;

	for (uint32_t i = 1; i <= n; i++) {
		const struct homing_sight *s = &p->sight[(p->sights - i) % HOMING_SIGHTS];

		if (s->at_s <= at_s)
			return after ? between(s, after, at_s)
				     : s->along_mm + s->speed_mm_s * (at_s - s->at_s);
		after = s;
	}
	/* Before the first sight: at its speed, but not behind the start. */
	return after ? fmax(0, after->along_mm - after->speed_mm_s * (after->at_s - at_s)) : 0;
}

/* ---- where it is now ---- */

double homing_closed_s(const struct machine *m, const struct homing_endstop *e)
{
	int mcu = e->input->pin->mcu;

	if (m->mc->mcu[mcu].host || e->input->sensor)
		return e->trigger_s;
	return e->trigger_s - 0.5 * e->rest_ticks / m->status.mcu[mcu].map.freq_hz;
}

/* How far motor i has gone on since the switch it stops with was closed, steps. It is where its steps have brought it;
 * its position on the path is in the mean that one. */
double homing_overrun_steps(const struct machine *m, size_t i, const struct homing_endstop *e)
{
	const struct homing *h = &m->homing;
	const struct homing_path *p = &h->path;
	int64_t count = m->motor[i].cfg->dir_pin.invert ? -h->count[i] : h->count[i];
	double along_mm, at_mm[MOVE_AXES];

	/* Not seen moving: it stood on its endstop. */
	if (p->sights == 0)
		return 0;
	along_mm = homing_path_along_mm(p, homing_closed_s(m, e));
	for (int axis = 0; axis < MOVE_AXES; axis++)
		at_mm[axis] = p->from_mm[axis] + p->dir[axis] * along_mm;
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
				steps[i] += homing_overrun_steps(m, i, &h->endstop[k]) +
					    h->shift_steps[i];
	memcpy(at_mm, h->home_mm, MOVE_AXES * sizeof(*at_mm));
	memcpy(found_mm, h->home_mm, sizeof(found_mm));
	machine_steppers_to_axes(m, steps, found_mm);
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (found_mm[axis] == found_mm[axis])
			at_mm[axis] = found_mm[axis];
	homing_note_uneven(m, steps, at_mm);
}
