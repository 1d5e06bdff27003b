/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended commands: NAME KEY=VALUE. */
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_objects.h"
#include "daemon/gcode/gcode_path.h"

static enum gcode_result report_limits(struct gcode *g)
{
	struct gcode_limits now = { 0 };

	if (!g->ops->get_limits)
		return gcode_absent(g);
	g->ops->get_limits(g->ops->ctx, &now);
	gcode_reply(g, REPLY_INFO,
		    "VELOCITY=%g ACCEL=%g MINIMUM_CRUISE_RATIO=%g SQUARE_CORNER_VELOCITY=%g",
		    now.velocity_mm_s, now.accel_mm_s2, now.minimum_cruise_ratio,
		    now.square_corner_velocity_mm_s);
	return GCODE_OK;
}

static enum gcode_result set_velocity_limit(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_limits set = { 0 };
	double decel;
	char err[GCODE_ERR_MAX] = "";
	bool velocity, accel, ratio, corner, to_decel;

	(void)ctx;
	if (!l->params)
		return report_limits(g);
	if (!gcode_param_limit(g, l, "VELOCITY", 0, true, &set.velocity_mm_s, &velocity) ||
	    !gcode_param_limit(g, l, "ACCEL", 0, true, &set.accel_mm_s2, &accel) ||
	    !gcode_param_limit(g, l, "MINIMUM_CRUISE_RATIO", 0, false, &set.minimum_cruise_ratio,
			       &ratio) ||
	    !gcode_param_limit(g, l, "SQUARE_CORNER_VELOCITY", 0, false,
			       &set.square_corner_velocity_mm_s, &corner) ||
	    !gcode_param_limit(g, l, "ACCEL_TO_DECEL", 0, true, &decel, &to_decel))
		return GCODE_ERROR;
	if (to_decel && !ratio) {
		/* The older way to say it: ratio = 1 - accel_to_decel / accel. */
		struct gcode_limits now = { 0 };
		double full = set.accel_mm_s2;

		if (!accel && g->ops->get_limits) {
			g->ops->get_limits(g->ops->ctx, &now);
			full = now.accel_mm_s2;
		}
		set.minimum_cruise_ratio = full > decel ? 1 - decel / full : 0;
		ratio = true;
	}
	if (ratio && set.minimum_cruise_ratio >= 1)
		return gcode_fail(g, "MINIMUM_CRUISE_RATIO=%g: expected less than 1",
				  set.minimum_cruise_ratio);
	set.mask = (velocity ? GCODE_LIMIT_VELOCITY : 0) | (accel ? GCODE_LIMIT_ACCEL : 0) |
		   (ratio ? GCODE_LIMIT_CRUISE_RATIO : 0) | (corner ? GCODE_LIMIT_CORNER : 0);
	if (!g->ops->set_limits)
		return gcode_absent(g);
	return gcode_finish(g, g->ops->set_limits(g->ops->ctx, &set, err), err);
}

static enum gcode_result set_kinematic_position(struct gcode *g, const struct gcode_line *l,
						void *ctx)
{
	static const char *const key[] = { "X", "Y", "Z" };
	double position_mm[MOVE_AXES];
	uint32_t mask = 0;
	char err[GCODE_ERR_MAX] = "";
	enum gcode_result done;

	(void)ctx;
	gcode_machine_position(g, position_mm);
	for (int i = AXIS_X; i <= AXIS_Z; i++) {
		if (!gcode_param_find(l, key[i]))
			continue;
		if (!gcode_param_number(g, l, key[i], 0, &position_mm[i]))
			return GCODE_ERROR;
		mask |= 1u << i;
	}
	if (!mask)
		mask = GCODE_MASK_XYZ;
	if (!g->ops->set_position)
		return gcode_absent(g);
	done = gcode_finish(g, g->ops->set_position(g->ops->ctx, mask, position_mm, err), err);
	if (done == GCODE_OK || done == GCODE_WAIT)
		gcode_set_position(g, mask, position_mm);
	return done;
}

static void reply_axes(struct gcode *g, const char *what, const double mm[MOVE_AXES])
{
	gcode_reply(g, REPLY_INFO, "%s: X:%.6f Y:%.6f Z:%.6f E:%.6f", what, mm[AXIS_X], mm[AXIS_Y],
		    mm[AXIS_Z], mm[AXIS_E]);
}

static enum gcode_result get_position(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_position now;
	double user_mm[MOVE_AXES], queued_mm[MOVE_AXES], base_mm[MOVE_AXES];

	(void)l;
	(void)ctx;
	gcode_user_position(g, user_mm);
	gcode_machine_position(g, queued_mm);
	for (int i = 0; i < MOVE_AXES; i++)
		base_mm[i] = g->base_mm[i].hi;
	if (g->ops->position && g->ops->position(g->ops->ctx, &now)) {
		now.steppers[sizeof(now.steppers) - 1] = '\0';
		gcode_reply(g, REPLY_INFO, "mcu: %s", now.steppers);
		reply_axes(g, "stepper", now.stepper_mm);
		reply_axes(g, "now", now.commanded_mm);
	}
	reply_axes(g, "toolhead", queued_mm);
	reply_axes(g, "gcode", user_mm);
	reply_axes(g, "gcode base", base_mm);
	reply_axes(g, "gcode offset", g->offset_mm);
	return GCODE_OK;
}

static enum gcode_result status(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char text[GCODE_TEXT_MAX] = "";

	(void)l;
	(void)ctx;
	gcode_reply(g, REPLY_INFO, "gcode: lines=%llu moves=%llu errors=%llu%s%s",
		    (unsigned long long)g->lines, (unsigned long long)g->moves,
		    (unsigned long long)g->errors, g->busy ? " waiting for " : "",
		    g->busy ? g->busy_text : "");
	if (g->script.depth)
		gcode_reply(g, REPLY_INFO, "running: %s line %u",
			    g->script.frame[g->script.depth - 1].name,
			    g->script.frame[g->script.depth - 1].line);
	if (*g->message)
		gcode_reply(g, REPLY_INFO, "message: %s", g->message);
	gcode_objects_status(g);
	if (g->ops->status)
		g->ops->status(g->ops->ctx, text, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	gcode_reply_lines(g, REPLY_INFO, text);
	return GCODE_OK;
}

static void help_line(struct gcode *g, const struct gcode_command *c)
{
	gcode_reply(g, REPLY_INFO, "%s%s%s: %s", c->name, *c->params ? " " : "", c->params, c->help);
}

static enum gcode_result help(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct gcode_command *near;
	char name[GCODE_NAME_MAX + 8];

	(void)ctx;
	for (unsigned t = 0; t < g->table_count; t++) {
		for (unsigned i = 0; i < g->tables[t].count; i++) {
			const struct gcode_command *c = &g->tables[t].commands[i];
			bool match = !l->params ||
				     gcode_name_is(l->param[0].key, l->param[0].key_len, c->name);

			if (match)
				help_line(g, c);
			if (match && l->params)
				return GCODE_OK;
		}
	}
	if (!l->params)
		return GCODE_OK;
	near = gcode_nearest(g, l->param[0].key, l->param[0].key_len);
	gcode_quote(name, sizeof(name), l->param[0].key, l->param[0].key_len);
	return gcode_fail(g, "unknown command %s%s%s", name, near ? ", nearest: " : "",
			  near ? near->name : "");
}

static enum gcode_result restart(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	bool firmware = gcode_name_is(l->text, l->text_len, "FIRMWARE_RESTART");
	char err[GCODE_ERR_MAX] = "";

	(void)ctx;
	if (!g->ops->restart)
		return gcode_absent(g);
	return gcode_finish(g, g->ops->restart(g->ops->ctx, firmware, err), err);
}

static enum gcode_result hold(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char err[GCODE_ERR_MAX] = "";

	(void)l;
	(void)ctx;
	if (!g->ops->hold)
		return gcode_absent(g);
	return gcode_finish(g, g->ops->hold(g->ops->ctx, true, err), err);
}

static enum gcode_result release_stamps(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char err[GCODE_ERR_MAX] = "";

	(void)l, (void)ctx;
	if (!g->ops->release_stamps)
		return gcode_absent(g);
	return gcode_finish(g, g->ops->release_stamps(g->ops->ctx, err), err);
}

const struct gcode_command gcode_ext_commands[] = {
	{ "SET_VELOCITY_LIMIT", GCODE_EXTENDED, 0, set_velocity_limit,
	  "[VELOCITY=<mm/s>] [ACCEL=<mm/s2>] [MINIMUM_CRUISE_RATIO=<0..1>] "
	  "[SQUARE_CORNER_VELOCITY=<mm/s>] [ACCEL_TO_DECEL=<mm/s2>]",
	  "limits of the moves that follow; alone: report them" },
	{ "SET_KINEMATIC_POSITION", GCODE_EXTENDED, 0, set_kinematic_position,
	  "[X=<mm>] [Y=<mm>] [Z=<mm>]", "the machine is here, and homed; nothing moves" },
	{ "GET_POSITION", GCODE_EXTENDED, GCODE_NOW, get_position, "",
	  "positions from the steppers to the G-code" },
	{ "HOLD", GCODE_EXTENDED, GCODE_NOW, hold, "", "come to rest on the path, as '!'" },
	{ "RELEASE_STAMPS", GCODE_EXTENDED, GCODE_NOW, release_stamps, "",
	  "let go of the module stepd_stamp, so that it can be unloaded" },
	{ "STATUS", GCODE_EXTENDED, GCODE_NOW, status, "", "what the machine is doing" },
	{ "HELP", GCODE_EXTENDED, GCODE_NOW, help, "[COMMAND]", "this list, or one command" },
	{ "RESTART", GCODE_EXTENDED, GCODE_NOW, restart, "", "read the configuration again" },
	{ "FIRMWARE_RESTART", GCODE_EXTENDED, GCODE_NOW, restart, "",
	  "reset the microcontrollers and start again" },
};
const unsigned gcode_ext_count = sizeof(gcode_ext_commands) / sizeof(*gcode_ext_commands);
