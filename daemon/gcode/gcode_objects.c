// SPDX-License-Identifier: GPL-2.0-or-later
/* Passing over the moves of an excluded object, and coming back to the print. The commands are in
 * gcode_exclude.c. */
#include "daemon/gcode/gcode_objects.h"

#include <math.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"

static void position_hi(const struct gcode *g, double mm[MOVE_AXES])
{
	for (int i = 0; i < MOVE_AXES; i++)
		mm[i] = g->position_mm[i].hi;
}

void gcode_objects_pass(struct gcode *g, const struct gcode_sum next[MOVE_AXES], double feed_mm_s)
{
	struct gcode_objects *o = g->objects;
	double from_mm[MOVE_AXES];
	struct gcode_sum e = next[AXIS_E];
	bool travels, presses;

	position_hi(g, from_mm);
	travels = next[AXIS_X].hi != from_mm[AXIS_X] || next[AXIS_Y].hi != from_mm[AXIS_Y];
	presses = e.hi > from_mm[AXIS_E];
	if (!o->away)
		memcpy(o->at_mm, from_mm, sizeof(from_mm));
	o->away = true;
	if (e.hi != from_mm[AXIS_E] && !travels)
		o->retract_feed_mm_s = feed_mm_s;
	/* Where a line begins the filament is at its front, and so it is where the line ends. E alone goes
	 * up to the front at most. What is beyond was never pressed out: the origin moves instead. */
	if (presses && travels)
		o->front_mm = from_mm[AXIS_E];
	if (presses && e.hi > o->front_mm)
		e = (struct gcode_sum){ o->front_mm, 0 };
	g->base_mm[AXIS_E] = gcode_sum_add(g->base_mm[AXIS_E], gcode_sum_minus(e, next[AXIS_E]));
	memcpy(g->position_mm, next, sizeof(g->position_mm));
	g->position_mm[AXIS_E] = e;
}

/* Add a lead to mm unless that is where the one before ends. */
static void lead_to(struct gcode_path *p, double at_mm[MOVE_AXES], const double mm[MOVE_AXES],
		    double feed_mm_s)
{
	if (memcmp(at_mm, mm, sizeof(double) * MOVE_AXES) == 0)
		return;
	memcpy(p->lead[p->leads].mm, mm, sizeof(p->lead[0].mm));
	p->lead[p->leads++].feed_mm_s = feed_mm_s;
	memcpy(at_mm, mm, sizeof(double) * MOVE_AXES);
}

/* Neither X nor Y moves: stay away. Z goes up only, for what has been printed is below. */
static void stay(const struct gcode *g, const double next_mm[MOVE_AXES], double feed_mm_s,
		 struct gcode_path *p)
{
	double at_mm[MOVE_AXES], to_mm[MOVE_AXES];

	memcpy(at_mm, g->objects->at_mm, sizeof(at_mm));
	memcpy(to_mm, at_mm, sizeof(to_mm));
	if (next_mm[AXIS_Z] != g->position_mm[AXIS_Z].hi)
		to_mm[AXIS_Z] = fmax(at_mm[AXIS_Z], next_mm[AXIS_Z]);
	if (next_mm[AXIS_E] != g->position_mm[AXIS_E].hi)
		to_mm[AXIS_E] = next_mm[AXIS_E];
	lead_to(p, at_mm, to_mm, feed_mm_s);
}

bool gcode_objects_return(struct gcode *g, const struct gcode_sum next[MOVE_AXES], bool prints,
			  double feed_mm_s, struct gcode_path *p)
{
	const struct gcode_objects *o = g->objects;
	double begin_mm[MOVE_AXES], next_mm[MOVE_AXES], at_mm[MOVE_AXES], to_mm[MOVE_AXES];
	double e_feed_mm_s = o->retract_feed_mm_s > 0 ? o->retract_feed_mm_s : feed_mm_s;

	position_hi(g, begin_mm);
	for (int i = 0; i < MOVE_AXES; i++)
		next_mm[i] = next[i].hi;
	if (!prints) {
		if (next_mm[AXIS_X] == begin_mm[AXIS_X] && next_mm[AXIS_Y] == begin_mm[AXIS_Y]) {
			stay(g, next_mm, feed_mm_s, p);
			return false;
		}
		memcpy(begin_mm, next_mm, sizeof(begin_mm));
	}
	memcpy(at_mm, o->at_mm, sizeof(at_mm));
	memcpy(to_mm, o->at_mm, sizeof(to_mm));
	to_mm[AXIS_E] = fmin(to_mm[AXIS_E], begin_mm[AXIS_E]);
	lead_to(p, at_mm, to_mm, e_feed_mm_s);
	to_mm[AXIS_Z] = fmax(to_mm[AXIS_Z], begin_mm[AXIS_Z]);
	lead_to(p, at_mm, to_mm, feed_mm_s);
	to_mm[AXIS_X] = begin_mm[AXIS_X];
	to_mm[AXIS_Y] = begin_mm[AXIS_Y];
	lead_to(p, at_mm, to_mm, feed_mm_s);
	to_mm[AXIS_Z] = begin_mm[AXIS_Z];
	lead_to(p, at_mm, to_mm, feed_mm_s);
	to_mm[AXIS_E] = begin_mm[AXIS_E];
	lead_to(p, at_mm, to_mm, e_feed_mm_s);
	return prints;
}
