// SPDX-License-Identifier: GPL-2.0-or-later
/* Extruders' steppers: set-up, and changes that act at once. Those in step with the moves: engine_plan.c. */
#include <math.h>

#include "engine_private.h"

void engine_extrude_init(struct engine *e, struct engine_stepper *s, const struct ctl_stepper *c)
{
	const struct extrude_param none = { .source = EXTRUDE_NONE };
	const struct plan_extrude x = { .fields = EXTRUDE_ALL, .param = c->extrude };

	extrude_init(s->extrude, c->steps_per_mm[AXIS_E], &none, &e->shaper, &e->trapq);
	extrude_change_add(s->extrude, &x, -INFINITY);
	extrude_skip(s->extrude, &e->trapq);
}

/* Of all that are in force or to come. */
static double least_delay_s(const struct shaper *sh)
{
	double least_s = shaper_newest(sh)->delay_s;

	for (uint64_t i = sh->tail; i < sh->head; i++)
		least_s = engine_earlier_s(least_s, shaper_at_index(sh, i)->set.delay_s);
	return least_s;
}

/* Where it may come at the earliest, with windows of half_s at most. The output may have been read to limit_s,
 * which is the motion less the delay, and motion to half a window beyond that. It has to stay as it is, and so
 * has the output before the change's own window. */
static double earliest_s(const struct engine *e, struct extrude *ex, double half_s)
{
	double delay_s = least_delay_s(&e->shaper);
	double limit_s = engine_later_s(e->limit_s, e->now_s) - delay_s, at_s;

	ex->read_s = engine_later_s(ex->read_s, limit_s + extrude_half_s(ex));
	at_s = engine_later_s(ex->read_s, limit_s + engine_later_s(half_s, EXTRUDE_HALF_MIN_S)) +
	       ENGINE_RESTART_GAP_S;
	return half_s > delay_s ? engine_later_s(at_s, shaper_end_s(&e->shaper)) : at_s;
}

void engine_change_extrude(struct engine *e, const struct plan_extrude *x)
{
	double at_s, half_s;
	struct extrude *ex;
	uint64_t i;

	if (x->stepper >= ENGINE_STEPPERS || !e->stepper[x->stepper].extrude)
		return;
	ex = e->stepper[x->stepper].extrude;
	half_s = extrude_change_half_s(ex, x);
	at_s = earliest_s(e, ex, half_s);
	/* The planner saw to it that it fits behind all others, if not before. */
	if (half_s > shaper_newest(&e->shaper)->delay_s)
		at_s = engine_later_s(
			at_s, engine_later_s(trapq_end_s(&e->trapq), extrude_change_last_s(ex)));
	if (!extrude_change_insert(ex, x, at_s))
		return;
	for (i = ex->change_head; i - 1 > ex->change; i--)
		if (ex->changes[(i - 1) & (EXTRUDE_CHANGES - 1)].at_s < at_s)
			break;
	engine_tell_extrude(e, (int)x->stepper, i);
}
