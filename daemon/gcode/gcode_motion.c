/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classic commands that set modal state or move, other than G0 and G1 (gcode.c). */
#include <math.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_macro.h"

#define INCH_MM 25.4
#define DWELL_MAX_S 86400.0

static enum gcode_result dwell(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	double dwell_s = gcode_value(l, 'P', 0) / 1000 + gcode_value(l, 'S', 0);
	char err[GCODE_ERR_MAX] = "";

	(void)ctx;
	if (!(dwell_s >= 0 && dwell_s <= DWELL_MAX_S))
		return gcode_fail(g, "dwell of %g s: expected 0 to %.0f s", dwell_s, DWELL_MAX_S);
	if (dwell_s == 0)
		return GCODE_OK;
	if (!g->ops->dwell)
		return gcode_absent(g);
	return gcode_finish(g, g->ops->dwell(g->ops->ctx, dwell_s, err), err);
}

static uint32_t axis_mask(const struct gcode_line *l)
{
	return (gcode_has(l, 'X') ? 1u << AXIS_X : 0) | (gcode_has(l, 'Y') ? 1u << AXIS_Y : 0) |
	       (gcode_has(l, 'Z') ? 1u << AXIS_Z : 0) | (gcode_has(l, 'E') ? 1u << AXIS_E : 0);
}

/* Whether a G28 of these axes is somebody else's: not from within its lines. */
static bool is_overridden(const struct gcode *g, uint32_t mask)
{
	for (uint32_t i = 0; i < g->script.depth; i++)
		if (g->script.frame[i].macro == g->home_override)
			return false;
	return g->home_override && g->home_override->axes & mask;
}

static enum gcode_result home_otherwise(struct gcode *g)
{
	const struct gcode_home_override *o = g->home_override;
	char err[GCODE_ERR_MAX] = "";
	int rc = o->names ? g->ops->set_position(g->ops->ctx, o->names, o->name_mm, err) : 0;

	if (rc < 0)
		return gcode_finish(g, rc, err);
	if (o->names)
		gcode_set_position(g, o->names, o->name_mm);
	return gcode_lines_call(g, "[homing_override]", &o->lines, o);
}

static enum gcode_result home(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	uint32_t mask = axis_mask(l);
	char err[GCODE_ERR_MAX] = "";
	enum gcode_result done;

	(void)ctx;
	if (!mask)
		mask = GCODE_MASK_XYZ;
	if (!g->ops->home)
		return gcode_absent(g);
	if (is_overridden(g, mask))
		return home_otherwise(g);
	done = gcode_finish(g, g->ops->home(g->ops->ctx, mask, err), err);
	if (done == GCODE_OK || done == GCODE_WAIT) {
		/* Homing names the axis anew: what G92 called it is forgotten. */
		for (int i = 0; i < MOVE_AXES; i++) {
			if (mask & 1u << i)
				g->base_mm[i] = (struct gcode_sum){ g->offset_mm[i], 0 };
		}
	}
	return done;
}

static enum gcode_result units(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)ctx;
	g->unit_mm = l->code == GCODE_CODE('G', 20) ? INCH_MM : 1;
	return GCODE_OK;
}

static enum gcode_result relative(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)ctx;
	g->relative = l->code == GCODE_CODE('G', 91);
	return GCODE_OK;
}

static enum gcode_result relative_e(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)ctx;
	g->relative_e = l->code == GCODE_CODE('M', 83);
	return GCODE_OK;
}

/* The user's zero so that the present position reads value (user units). */
static void set_zero(struct gcode *g, int axis, double user)
{
	double mm = user * g->unit_mm;

	if (axis == AXIS_E)
		mm *= g->extrude_factor;
	g->base_mm[axis] = gcode_sum_add(g->position_mm[axis], -mm);
}

static enum gcode_result set_origin(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	uint32_t mask = axis_mask(l);

	(void)ctx;
	if (!mask)
		mask = GCODE_MASK_ALL;
	for (int i = 0; i < MOVE_AXES; i++) {
		if (mask & 1u << i)
			set_zero(g, i, gcode_value(l, "XYZE"[i], 0));
	}
	return GCODE_OK;
}

static enum gcode_result accel(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_limits limits = { .mask = GCODE_LIMIT_ACCEL };
	double print = gcode_value(l, 'P', HUGE_VAL), travel = gcode_value(l, 'T', HUGE_VAL);
	char err[GCODE_ERR_MAX] = "";

	(void)ctx;
	limits.accel_mm_s2 = gcode_value(l, 'S', fmin(print, travel));
	if (!l->mask)
		return gcode_fail(g, "expected S, P or T: an acceleration in mm/s2");
	if (!(limits.accel_mm_s2 > 0))
		return gcode_fail(g, "acceleration %g: expected more than 0 mm/s2",
				  limits.accel_mm_s2);
	if (!(l->mask & (GCODE_BIT('S') | GCODE_BIT('P') | GCODE_BIT('T'))))
		return GCODE_OK;
	/* T alone is for travel moves, R for retractions: neither has limits of its own. */
	if (!gcode_has(l, 'S') && !gcode_has(l, 'P'))
		return GCODE_OK;
	if (!g->ops->set_limits)
		return gcode_absent(g);
	return gcode_finish(g, g->ops->set_limits(g->ops->ctx, &limits, err), err);
}

static enum gcode_result speed_factor(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	double percent = gcode_value(l, 'S', 100);

	(void)ctx;
	if (!gcode_has(l, 'S')) {
		gcode_reply(g, REPLY_RAW, "FR:%g%%", g->speed_factor * 100);
		return GCODE_OK;
	}
	if (!(percent >= 1 && percent <= 1000))
		return gcode_fail(g, "S=%g: expected 1 to 1000 percent", percent);
	g->speed_factor = percent / 100;
	if (g->out_of_band && g->ops->speed_factor)
		g->ops->speed_factor(g->ops->ctx, g->speed_factor, ++g->feed_epoch);
	return GCODE_OK;
}

static enum gcode_result extrude_factor(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	double percent = gcode_value(l, 'S', 100), user_mm[MOVE_AXES];

	(void)ctx;
	if (!gcode_has(l, 'S')) {
		gcode_reply(g, REPLY_RAW, "E0 Flow: %g%%", g->extrude_factor * 100);
		return GCODE_OK;
	}
	if (!(percent >= 1 && percent <= 1000))
		return gcode_fail(g, "S=%g: expected 1 to 1000 percent", percent);
	if (percent / 100 == g->extrude_factor)
		return GCODE_OK;
	/* The position reads the same before and after, also with absolute E. */
	gcode_user_position(g, user_mm);
	g->extrude_factor = percent / 100;
	g->base_mm[AXIS_E] = gcode_sum_add(g->position_mm[AXIS_E],
					   -user_mm[AXIS_E] * g->extrude_factor);
	return GCODE_OK;
}

static enum gcode_result wait_moves(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char err[GCODE_ERR_MAX] = "";

	(void)l;
	(void)ctx;
	if (!g->ops->wait_moves)
		return GCODE_OK;
	return gcode_finish(g, g->ops->wait_moves(g->ops->ctx, err), err);
}

static enum gcode_result motors_off(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char err[GCODE_ERR_MAX] = "";

	(void)ctx;
	if (!g->ops->motors_off)
		return gcode_absent(g);
	/* S is a delay in other firmware; 0 and none mean now. */
	if (gcode_value(l, 'S', 0) != 0)
		return gcode_fail(g, "S=%g: expected no delay", gcode_value(l, 'S', 0));
	return gcode_finish(g, g->ops->motors_off(g->ops->ctx, axis_mask(l), err), err);
}

static enum gcode_result nothing(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)g;
	(void)l;
	(void)ctx;
	return GCODE_OK;
}

#define G(n) "G" #n, GCODE_CODE('G', n), 0
#define M(n) "M" #n, GCODE_CODE('M', n), 0
#define M_NOW(n) "M" #n, GCODE_CODE('M', n), GCODE_NOW
#define MOVE "[X<mm>] [Y<mm>] [Z<mm>] [E<mm>] [F<mm/min>]"

/* Commands that slicers write often come first. */
const struct gcode_command gcode_motion_commands[] = {
	{ G(1), gcode_move, MOVE, "move in a straight line" },
	{ M(204), accel, "[S<mm/s2>] [P<mm/s2>] [T<mm/s2>] [R<mm/s2>]",
	  "acceleration: S, or the smaller of P and T" },
	{ G(92), set_origin, "[X<mm>] [Y<mm>] [Z<mm>] [E<mm>]",
	  "call the present position this; alone: zero for all" },
	{ G(0), gcode_move, MOVE, "move in a straight line, as G1" },
	{ G(4), dwell, "[P<ms>] [S<s>]", "rest in place" },
	{ G(20), units, "", "lengths are in inches" },
	{ G(21), units, "", "lengths are in mm" },
	{ G(28), home, "[X] [Y] [Z]", "home axes, all if none is named" },
	{ G(90), relative, "", "X Y Z E are absolute" },
	{ G(91), relative, "", "X Y Z E are relative" },
	{ M(17), nothing, "[X] [Y] [Z] [E]", "motors on: happens by itself" },
	{ M(18), motors_off, "[S<s>] [X] [Y] [Z] [E]", "motors off, all if none is named" },
	{ M(84), motors_off, "[S<s>] [X] [Y] [Z] [E]", "motors off, all if none is named" },
	{ M(82), relative_e, "", "E is absolute, with G90" },
	{ M(83), relative_e, "", "E is relative" },
	{ M(110), nothing, "[N<line>]", "set the line number: N + 1 is next" },
	{ M_NOW(220), speed_factor, "[S<percent>]",
	  "speed factor from here on, out of band at once; alone: report it" },
	{ M(221), extrude_factor, "[S<percent>]", "extrusion factor; alone: report it" },
	{ M(400), wait_moves, "", "wait until all motion has been executed" },
};
const unsigned gcode_motion_count = sizeof(gcode_motion_commands) / sizeof(*gcode_motion_commands);
