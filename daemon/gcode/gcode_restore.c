// SPDX-License-Identifier: GPL-2.0-or-later
/* SET_GCODE_OFFSET, SAVE_GCODE_STATE and RESTORE_GCODE_STATE. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_path.h"
#include "daemon/gcode/gcode_restore.h"

#define NUDGE_MM_MAX 1.0

/* MOVE and MOVE_SPEED. otherwise_mm_s: the speed if there is none. False: error replied. */
static bool take_move(struct gcode *g, const struct gcode_line *l, double otherwise_mm_s,
		      bool *move, double *speed_mm_s)
{
	bool found;

	if (!gcode_param_flag(g, l, "MOVE", move) ||
	    !gcode_param_limit(g, l, "MOVE_SPEED", 0, true, speed_mm_s, &found))
		return false;
	if (!found)
		*speed_mm_s = otherwise_mm_s;
	return true;
}

static bool accepted(enum gcode_result result)
{
	return result == GCODE_OK || result == GCODE_WAIT;
}

/* ---- SET_GCODE_OFFSET ---- */

static enum gcode_result report_offset(struct gcode *g)
{
	const double *mm = g->offset_mm;

	gcode_reply(g, REPLY_INFO, "X=%.4f Y=%.4f Z=%.4f E=%.4f", mm[AXIS_X], mm[AXIS_Y],
		    mm[AXIS_Z], mm[AXIS_E]);
	return GCODE_OK;
}

/* Out of band: the tool is raised now, in mid-move. */
static enum gcode_result nudge(struct gcode *g, const double offset_mm[MOVE_AXES], bool move)
{
	double by_mm = offset_mm[AXIS_Z] - g->offset_mm[AXIS_Z];
	char err[GCODE_ERR_MAX] = "";
	bool others = false;
	int rc;

	for (int i = 0; i < MOVE_AXES; i++)
		others |= i != AXIS_Z && offset_mm[i] != g->offset_mm[i];
	if (others || !move)
		return gcode_fail(g, "out of band expected Z or Z_ADJUST with MOVE=1, and no other");
	if (!(fabs(by_mm) <= NUDGE_MM_MAX))
		return gcode_fail(g, "Z by %g mm: out of band expected at most %g mm", by_mm,
				  NUDGE_MM_MAX);
	if (!g->ops->nudge)
		return gcode_absent(g);
	rc = g->ops->nudge(g->ops->ctx, by_mm, err);
	if (rc < 0)
		return gcode_finish(g, rc, err);
	gcode_path_raise(g, by_mm);
	return GCODE_OK;
}

static enum gcode_result set_offset(struct gcode *g, const double offset_mm[MOVE_AXES], bool move,
				    double speed_mm_s)
{
	struct gcode_sum next[MOVE_AXES];
	enum gcode_result result = GCODE_OK;

	for (int i = 0; i < MOVE_AXES; i++)
		next[i] = gcode_sum_add(g->position_mm[i], offset_mm[i] - g->offset_mm[i]);
	if (g->out_of_band)
		result = nudge(g, offset_mm, move);
	else if (move)
		result = gcode_path_line(g, next, speed_mm_s);
	if (!accepted(result))
		return result;
	for (int i = 0; i < MOVE_AXES; i++) {
		g->base_mm[i] = gcode_sum_add(g->base_mm[i], offset_mm[i] - g->offset_mm[i]);
		g->offset_mm[i] = offset_mm[i];
	}
	return result;
}

static enum gcode_result set_gcode_offset(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	static const char *const key[MOVE_AXES] = { "X", "Y", "Z", "E" };
	static const char *const adjust[MOVE_AXES] = { "X_ADJUST", "Y_ADJUST", "Z_ADJUST",
						       "E_ADJUST" };
	double offset_mm[MOVE_AXES], by, speed_mm_s;
	bool move;

	(void)ctx;
	if (!l->params)
		return report_offset(g);
	if (!take_move(g, l, g->feed_mm_s * g->speed_factor, &move, &speed_mm_s))
		return GCODE_ERROR;
	for (int i = 0; i < MOVE_AXES; i++) {
		if (!gcode_param_number(g, l, key[i], g->offset_mm[i], &offset_mm[i]) ||
		    !gcode_param_number(g, l, adjust[i], 0, &by))
			return GCODE_ERROR;
		offset_mm[i] += by;
	}
	return set_offset(g, offset_mm, move, speed_mm_s);
}

/* M290, the babystep of other firmware. */
static enum gcode_result babystep(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	double offset_mm[MOVE_AXES];

	(void)ctx;
	if (!gcode_has(l, 'Z'))
		return report_offset(g);
	memcpy(offset_mm, g->offset_mm, sizeof(offset_mm));
	offset_mm[AXIS_Z] += gcode_value(l, 'Z', 0) * g->unit_mm;
	return set_offset(g, offset_mm, true, g->feed_mm_s * g->speed_factor);
}

/* ---- states ---- */

/* The state of that name, NULL if there is none. */
static struct gcode_saved *find_state(struct gcode *g, const char *name)
{
	for (uint32_t i = 0; i < g->saved_count; i++) {
		if (strcmp(g->saved[i].name, name) == 0)
			return &g->saved[i];
	}
	return NULL;
}

void gcode_state_keep(const struct gcode *g, struct gcode_saved *s)
{
	memcpy(s->position_mm, g->position_mm, sizeof(s->position_mm));
	memcpy(s->base_mm, g->base_mm, sizeof(s->base_mm));
	memcpy(s->offset_mm, g->offset_mm, sizeof(s->offset_mm));
	s->feed_mm_s = g->feed_mm_s;
	s->speed_factor = g->speed_factor;
	s->extrude_factor = g->extrude_factor;
	s->unit_mm = g->unit_mm;
	s->plane = g->arcs.plane;
	s->relative = g->relative;
	s->relative_e = g->relative_e;
}

bool gcode_state_save(struct gcode *g, const char *name)
{
	struct gcode_saved *s = find_state(g, name);

	if (!s && g->saved_count == GCODE_SAVED_MAX) {
		gcode_fail(g, "NAME=%s: expected one of the %d names in use", name, GCODE_SAVED_MAX);
		return false;
	}
	if (!s)
		s = &g->saved[g->saved_count++];
	snprintf(s->name, sizeof(s->name), "%s", name);
	gcode_state_keep(g, s);
	return true;
}

static enum gcode_result save_state(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char name[GCODE_LABEL_MAX];

	(void)ctx;
	if (!gcode_param_name(g, l, "NAME", "default", name, sizeof(name)))
		return GCODE_ERROR;
	return gcode_state_save(g, name) ? GCODE_OK : GCODE_ERROR;
}

/* Everything but the position. E goes on from where it is, and reads as it did then. */
static void take_back(struct gcode *g, const struct gcode_saved *s, const struct gcode_sum *e)
{
	memcpy(g->base_mm, s->base_mm, sizeof(g->base_mm));
	g->base_mm[AXIS_E] = gcode_sum_add(s->base_mm[AXIS_E],
					   gcode_sum_minus(*e, s->position_mm[AXIS_E]));
	memcpy(g->offset_mm, s->offset_mm, sizeof(g->offset_mm));
	g->feed_mm_s = s->feed_mm_s;
	g->speed_factor = s->speed_factor;
	g->extrude_factor = s->extrude_factor;
	g->unit_mm = s->unit_mm;
	g->arcs.plane = s->plane;
	g->relative = s->relative;
	g->relative_e = s->relative_e;
}

void gcode_state_put(struct gcode *g, const struct gcode_saved *s)
{
	memcpy(g->position_mm, s->position_mm, sizeof(g->position_mm));
	take_back(g, s, &s->position_mm[AXIS_E]);
}

static enum gcode_result restore(struct gcode *g, const struct gcode_saved *s, bool move,
				 double speed_mm_s)
{
	struct gcode_sum next[MOVE_AXES];
	enum gcode_result result = GCODE_OK;

	memcpy(next, s->position_mm, sizeof(next));
	next[AXIS_E] = g->position_mm[AXIS_E];
	if (move)
		result = gcode_path_line(g, next, speed_mm_s);
	if (accepted(result))
		take_back(g, s, &next[AXIS_E]);
	return result;
}

static enum gcode_result not_saved(struct gcode *g, const char *name)
{
	return gcode_fail(g, "NAME=%s: expected a name that SAVE_GCODE_STATE has saved", name);
}

enum gcode_result gcode_state_restore(struct gcode *g, const char *name, double speed_mm_s)
{
	const struct gcode_saved *s = find_state(g, name);

	return s ? restore(g, s, true, speed_mm_s) : not_saved(g, name);
}

static enum gcode_result restore_state(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char name[GCODE_LABEL_MAX];
	const struct gcode_saved *s;
	double speed_mm_s;
	bool move;

	(void)ctx;
	if (!gcode_param_name(g, l, "NAME", "default", name, sizeof(name)))
		return GCODE_ERROR;
	s = find_state(g, name);
	if (!s)
		return not_saved(g, name);
	if (!take_move(g, l, s->feed_mm_s * s->speed_factor, &move, &speed_mm_s))
		return GCODE_ERROR;
	return restore(g, s, move, speed_mm_s);
}

const struct gcode_command gcode_restore_commands[] = {
	{ "M290", GCODE_CODE('M', 290), GCODE_NOW, babystep, "[Z<mm>]",
	  "raise the tool, out of band in mid-move; alone: report the offset" },
	{ "SET_GCODE_OFFSET", GCODE_EXTENDED, GCODE_NOW, set_gcode_offset,
	  "[X=<mm>] [X_ADJUST=<mm>] [Y=<mm>] [Y_ADJUST=<mm>] [Z=<mm>] [Z_ADJUST=<mm>] [E=<mm>] "
	  "[E_ADJUST=<mm>] [MOVE=<0,1>] [MOVE_SPEED=<mm/s>]",
	  "shift all coordinates, with MOVE=1 the tool as well; alone: report it" },
	{ "SAVE_GCODE_STATE", GCODE_EXTENDED, 0, save_state, "[NAME=<name>]",
	  "keep position, origin, modes and factors" },
	{ "RESTORE_GCODE_STATE", GCODE_EXTENDED, 0, restore_state,
	  "[NAME=<name>] [MOVE=<0,1>] [MOVE_SPEED=<mm/s>]",
	  "take back what was kept; with MOVE=1 go back to its X, Y and Z" },
};
const unsigned gcode_restore_count = sizeof(gcode_restore_commands) /
				     sizeof(*gcode_restore_commands);
