/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classic commands about the machine: reports, stop, fans, heaters. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"

static enum gcode_result report_position(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_position now;
	double u[MOVE_AXES];
	char text[REPLY_LINE_MAX];
	int n;

	(void)l;
	(void)ctx;
	gcode_user_position(g, u);
	n = snprintf(text, sizeof(text), "X:%.3f Y:%.3f Z:%.3f E:%.3f", u[AXIS_X], u[AXIS_Y],
		     u[AXIS_Z], u[AXIS_E]);
	if (n > 0 && (size_t)n < sizeof(text) && g->ops->position &&
	    g->ops->position(g->ops->ctx, &now))
		snprintf(text + n, sizeof(text) - (size_t)n, " Count X:%.3f Y:%.3f Z:%.3f E:%.3f",
			 now.commanded_mm[AXIS_X], now.commanded_mm[AXIS_Y],
			 now.commanded_mm[AXIS_Z], now.commanded_mm[AXIS_E]);
	gcode_reply(g, REPLY_RAW, "%s", text);
	return GCODE_OK;
}

static enum gcode_result report_firmware(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	(void)ctx;
	gcode_reply(g, REPLY_RAW,
		    "FIRMWARE_NAME:stepd FIRMWARE_VERSION:%s PROTOCOL_VERSION:1.0 EXTRUDER_COUNT:1",
		    g->version);
	return GCODE_OK;
}

static enum gcode_result report_temperatures(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	char text[GCODE_TEXT_MAX] = "";

	(void)l;
	(void)ctx;
	if (g->ops->temperatures)
		g->ops->temperatures(g->ops->ctx, text, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	gcode_reply_lines(g, REPLY_RAW, *text ? text : "no heaters");
	return GCODE_OK;
}

static enum gcode_result emergency_stop(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	(void)ctx;
	if (!g->ops->emergency_stop)
		return gcode_absent(g);
	g->ops->emergency_stop(g->ops->ctx, "M112");
	gcode_resume(g, "ended by M112");
	return GCODE_OK;
}

static enum gcode_result set_fan(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	bool off = l->code == GCODE_CODE('M', 107);
	double value = off ? 0 : gcode_value(l, 'S', 255), fan = gcode_value(l, 'P', 0);
	char err[GCODE_ERR_MAX] = "";

	(void)ctx;
	if (!(value >= 0 && value <= 255))
		return gcode_fail(g, "S=%g: expected 0 to 255", value);
	if (!(fan >= 0 && fan <= 255) || fan != (double)(unsigned)fan)
		return gcode_fail(g, "P=%g: expected the number of a fan, 0 to 255", fan);
	if (!g->ops->fan)
		return GCODE_OK; /* sliced files switch fans that a machine may not have */
	return gcode_finish(g, g->ops->fan(g->ops->ctx, (unsigned)fan, value / 255, err), err);
}

static enum gcode_result heat(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	bool bed = l->code == GCODE_CODE('M', 140) || l->code == GCODE_CODE('M', 190);
	bool wait = l->code == GCODE_CODE('M', 109) || l->code == GCODE_CODE('M', 190);
	double target = gcode_value(l, 'S', gcode_value(l, 'R', 0));
	double tool = gcode_value(l, 'T', -1); /* the one in use */
	char err[GCODE_ERR_MAX] = "";

	(void)ctx;
	if (!gcode_has(l, 'S') && !gcode_has(l, 'R'))
		return gcode_fail(g, "expected S: a temperature in degrees Celsius");
	if (!(target >= 0 && target <= 2000))
		return gcode_fail(g, "S=%g: expected 0 to 2000 degrees", target);
	if (gcode_has(l, 'T') && (!(tool >= 0 && tool <= 255) || tool != floor(tool)))
		return gcode_fail(g, "T=%g: expected the number of a tool, 0 to 255", tool);
	if (!g->ops->heater)
		return gcode_fail(g, "no heater is configured");
	return gcode_finish(g,
			    g->ops->heater(g->ops->ctx,
					   bed ? GCODE_HEATER_BED : GCODE_HEATER_EXTRUDER,
					   (int)tool, target, wait, err),
			    err);
}

#define M(n) "M" #n, GCODE_CODE('M', n), 0
#define M_NOW(n) "M" #n, GCODE_CODE('M', n), GCODE_NOW
#define M_IDLE(n) "M" #n, GCODE_CODE('M', n), GCODE_IDLE

const struct gcode_command gcode_machine_commands[] = {
	{ M(104), heat, "[S<degrees>] [R<degrees>] [T<tool>]", "extruder temperature" },
	{ M_NOW(105), report_temperatures, "...", "report temperatures" },
	{ M(106), set_fan, "[S<0..255>] [P<fan>]", "fan on" },
	{ M(107), set_fan, "[P<fan>]", "fan off" },
	{ M(109), heat, "[S<degrees>] [R<degrees>] [T<tool>]", "extruder temperature, and wait" },
	{ M_NOW(112), emergency_stop, "...", "emergency stop, at once" },
	{ M_NOW(114), report_position, "...", "report the position" },
	{ M_NOW(115), report_firmware, "", "report name and version" },
	{ M(140), heat, "[S<degrees>] [R<degrees>]", "bed temperature" },
	{ M(190), heat, "[S<degrees>] [R<degrees>]", "bed temperature, and wait" },
	{ M_IDLE(201), NULL, "...", "per-axis accelerations come from the configuration" },
	{ M_IDLE(203), NULL, "...", "per-axis speeds come from the configuration" },
	{ M_IDLE(205), NULL, "...", "use SET_VELOCITY_LIMIT SQUARE_CORNER_VELOCITY=" },
};
const unsigned gcode_machine_count = sizeof(gcode_machine_commands) /
				     sizeof(*gcode_machine_commands);
