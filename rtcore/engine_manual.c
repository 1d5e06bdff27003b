// SPDX-License-Identifier: GPL-2.0-or-later
/* Manual steppers: each has a queue like the toolhead's, of one axis, called E. Its moves go from rest to
 * rest, no earlier than the motion before them in the plan ends; from there on both run side by side. All
 * else is common: runs, links, shapers' delay, stops. */
#include <string.h>

#include "engine_private.h"

struct engine_manual *engine_manual_free(struct engine *e)
{
	for (int i = 0; i < ENGINE_MANUALS; i++) {
		bool used = false;

		for (int k = 0; k < ENGINE_STEPPERS; k++)
			used |= e->stepper[k].manual == &e->manual[i];
		if (used)
			continue;
		trapq_init(&e->manual[i].trapq, e->manual[i].phases, ENGINE_MANUAL_PHASES);
		return &e->manual[i];
	}
	return NULL;
}

static double duration_s(const struct move *m)
{
	return m->accel_s + m->cruise_s + m->decel_s;
}

/* The dwell that those behind it see. */
static void wait_for(struct engine *e, const struct trapq *tq)
{
	double end_s = trapq_end_s(tq);

	if (end_s > engine_planned_end_s(e))
		e->rest_until_s = end_s;
}

static bool append(struct engine *e, int stepper, const struct move *from)
{
	struct trapq *tq = &e->stepper[stepper].manual->trapq;
	double start_s = engine_later_s(engine_rest_start_s(e),
					trapq_end_s(tq) + ENGINE_RESTART_GAP_S);
	struct ev_fault fault = { .fault = FAULT_STEPGEN,
				  .mcu = e->stepper[stepper].mcu,
				  .stepper = (uint8_t)stepper,
				  .at_s = start_s };
	struct move m = *from;
	uint64_t phase = tq->head;
	enum trapq_result rc;

	memcpy(m.start_mm, tq->end_mm, sizeof(m.start_mm));
	rc = trapq_append(tq, &m, start_s);
	if (rc != TRAPQ_OK) {
		fault.detail = (uint16_t)rc;
		engine_fault(e, &fault);
		return false;
	}
	e->moving = true;
	engine_tell_manual_move(e, stepper, &m, start_s);
	engine_tell_phases(e, stepper, tq, phase);
	return true;
}

bool engine_take_manual(struct engine *e, const struct plan_rec *rec)
{
	struct engine_manual *manual;

	if (rec->stepper >= ENGINE_STEPPERS || !e->stepper[rec->stepper].manual)
		return true;
	manual = e->stepper[rec->stepper].manual;
	if (rec->move.length_mm > 0) {
		if (trapq_room(&manual->trapq) == 0 || !append(e, rec->stepper, &rec->move))
			return false;
	}
	if (rec->flags & PLAN_MANUAL_SYNC) {
		wait_for(e, &manual->trapq);
		e->status.consumed_s += duration_s(&rec->move);
	}
	return true;
}

void engine_void_manual(struct engine *e, const struct plan_rec *rec)
{
	if (rec->flags & PLAN_MANUAL_SYNC)
		e->status.consumed_s += duration_s(&rec->move);
}

double engine_manual_end_s(const struct engine *e, double at_s)
{
	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].manual)
			at_s = engine_later_s(at_s, trapq_end_s(&e->stepper[i].manual->trapq));
	return at_s;
}

void engine_manual_rest(struct engine *e, double known_s)
{
	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].manual)
			trapq_rest(&e->stepper[i].manual->trapq, known_s);
}

void engine_manual_retire(struct engine *e, double before_s)
{
	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].manual)
			trapq_retire(&e->stepper[i].manual->trapq, before_s);
}

void engine_manual_drop(struct engine *e, double at_s)
{
	double end_mm[MOVE_AXES];

	for (int i = 0; i < e->steppers; i++) {
		if (!e->stepper[i].manual)
			continue;
		shaper_position(&e->shaper, &e->stepper[i].manual->trapq, at_s, end_mm);
		trapq_clear(&e->stepper[i].manual->trapq, at_s, end_mm);
	}
}
