// SPDX-License-Identifier: GPL-2.0-or-later
/* What the interpreter asks of heaters, and their commands. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/heaters.h"
#include "daemon/machine/machine.h"

/* A wait for a target ends this near to it, or where a two-point control may turn. */
#define NEAR_DEGC 1.0

/* Start to wait for that target. Returns what the operation returns. */
static int wait_for(struct machine *m, int heater, double degc)
{
	const struct machine_heater *cfg = &m->mc->heaters[heater];
	double near_degc = NEAR_DEGC;

	if (degc <= 0)
		return 0;
	if (cfg->param.control == HEATER_WATERMARK)
		near_degc += cfg->param.max_delta_degc;
	m->heaters.wait = (struct heaters_wait){ .on = true,
						 .heater = heater,
						 .sensor = cfg->sensor,
						 .min_degc = degc - near_degc,
						 .max_degc = degc + near_degc };
	m->heaters.report_ns = m->now_ns;
	return -EINPROGRESS;
}

/* Sliced files heat what a machine may not have. */
static int none(struct machine *m, bool bed)
{
	bool *noted = bed ? &m->heaters.noted_bed : &m->heaters.noted_extruder;

	if (!*noted)
		machine_say(m, REPLY_INFO,
			    "no %s is configured: its temperature commands have no effect",
			    bed ? "[heater_bed]" : "heater of that extruder");
	*noted = true;
	return 0;
}

static int op_heater(void *ctx, enum gcode_heater which, int tool, double degc, bool wait, char *err)
{
	struct machine *m = ctx;
	bool bed = which == GCODE_HEATER_BED;
	int heater = m->mc->bed_heater, rc;

	if (!bed) {
		tool = tool < 0 ? m->extruder : tool;
		if (tool > 0 && (size_t)tool >= m->mc->extruder_count) {
			snprintf(err, GCODE_ERR_MAX, "T%d: expected an extruder, below %zu", tool,
				 m->mc->extruder_count);
			return -EINVAL;
		}
		heater = m->mc->extruder_count ? m->mc->extruders[tool].heater : -1;
	}
	if (heater < 0 || m->hooks.no_heat)
		return none(m, bed);
	rc = heaters_target(m, heater, degc, err);
	return rc < 0 || !wait ? rc : wait_for(m, heater, degc);
}

static void op_temperatures(void *ctx, char *buf, size_t cap)
{
	heaters_report(ctx, buf, cap);
}

/* ---- commands ---- */

/* The text of a required key. */
static const struct gcode_param *text_of(const struct gcode_line *l, const char *key)
{
	const struct gcode_param *p = gcode_param_find(l, key);

	return p && p->value ? p : NULL;
}

static void heater_names(const struct machine *m, char *buf, size_t cap)
{
	size_t n = 0;

	buf[0] = 0;
	for (size_t i = 0; i < m->mc->heater_count && n < cap; i++)
		n += (size_t)snprintf(buf + n, cap - n, "%s%s", i ? ", " : "",
				      m->mc->heaters[i].name);
}

/* The heater that HEATER= names; -1: none, error replied. */
static int heater_of(struct gcode *g, const struct machine *m, const struct gcode_line *l)
{
	const struct gcode_param *p = text_of(l, "HEATER");
	char shown[GCODE_NAME_MAX], names[160];
	int i = p ? heaters_find(m, p->value, p->value_len) : -1;

	if (i >= 0)
		return i;
	heater_names(m, names, sizeof(names));
	gcode_fail(g, "HEATER=%s: expected a heater%s%s",
		   gcode_quote(shown, sizeof(shown), p ? p->value : "", p ? p->value_len : 0),
		   names[0] ? ": " : ", and none is configured", names);
	return -1;
}

static enum gcode_result set_temperature(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	char err[GCODE_ERR_MAX] = "";
	double degc;
	int heater = heater_of(g, m, l);

	if (heater < 0 || !gcode_param_number(g, l, "TARGET", 0, &degc))
		return GCODE_ERROR;
	if (degc < 0)
		return gcode_fail(g, "TARGET=%g: expected 0 or a temperature", degc);
	return gcode_finish(g, heaters_target(m, heater, degc, err), err);
}

static enum gcode_result temperature_wait(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct gcode_param *p = text_of(l, "SENSOR");
	struct heaters_wait w = { .on = true, .heater = -1 };
	char shown[GCODE_NAME_MAX];
	int sensor = p ? heaters_find_sensor(m, p->value, p->value_len) : -1;

	if (sensor < 0)
		return gcode_fail(
			g, "SENSOR=%s: expected a heater or a temperature sensor",
			gcode_quote(shown, sizeof(shown), p ? p->value : "", p ? p->value_len : 0));
	if (!gcode_param_number(g, l, "MINIMUM", -INFINITY, &w.min_degc) ||
	    !gcode_param_number(g, l, "MAXIMUM", INFINITY, &w.max_degc))
		return GCODE_ERROR;
	if (!gcode_param_find(l, "MINIMUM") && !gcode_param_find(l, "MAXIMUM"))
		return gcode_fail(g, "expected MINIMUM=, MAXIMUM= or both");
	if (w.min_degc > w.max_degc)
		return gcode_fail(g, "MAXIMUM=%g: expected at least MINIMUM, %g", w.max_degc,
				  w.min_degc);
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	w.sensor = sensor;
	m->heaters.wait = w;
	m->heaters.report_ns = m->now_ns;
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result turn_off(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)g, (void)l;
	heaters_off(ctx);
	return GCODE_OK;
}

static enum gcode_result cancel_wait(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct heaters_wait *w = &m->heaters.wait;

	(void)l;
	if (!w->on)
		return GCODE_OK;
	w->on = false;
	gcode_reply(g, REPLY_INFO, "the wait is ended by M108");
	if (w->tuning)
		heaters_cut(m, 1u << w->heater);
	gcode_resume(g, w->tuning ? "ended by M108" : NULL);
	return GCODE_OK;
}

static enum gcode_result auto_report(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	double every_s = gcode_value(l, 'S', 0);

	if (!(every_s >= 0 && every_s <= 3600))
		return gcode_fail(g, "S=%g: expected 0 to 3600 seconds", every_s);
	m->heaters.auto_ns = (int64_t)(every_s * 1e9);
	m->heaters.report_ns = m->now_ns;
	return GCODE_OK;
}

/* Both ways of finding what a control needs. */
static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, struct machine *m,
				   enum ctl_kind kind)
{
	struct ctl_rec rec = { .kind = kind };
	char err[GCODE_ERR_MAX] = "";
	int heater = heater_of(g, m, l);

	if (heater < 0 || !gcode_param_number(g, l, "TARGET", 0, &rec.target.degc))
		return GCODE_ERROR;
	if (rec.target.degc <= 0)
		return gcode_fail(g, "TARGET=%g: expected a temperature", rec.target.degc);
	if (heaters_ready(m, heater, rec.target.degc, err) < 0)
		return gcode_fail(g, "%s", err);
	if (kind == CTL_HEATER_CALIBRATE && m->mc->heaters[heater].param.control != HEATER_MPC)
		return gcode_fail(g, "HEATER=%s: expected one with control: mpc",
				  m->mc->heaters[heater].name);
	rec.target.heater = (uint8_t)heater;
	if (!machine_control(m, &rec))
		return GCODE_AGAIN;
	m->heaters.wait = (struct heaters_wait){ .on = true,
						 .tuning = true,
						 .heater = heater,
						 .sensor = m->mc->heaters[heater].sensor };
	m->heaters.report_ns = m->now_ns;
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result pid_calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	return calibrate(g, l, ctx, CTL_HEATER_TUNE);
}

static enum gcode_result mpc_calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	return calibrate(g, l, ctx, CTL_HEATER_CALIBRATE);
}

const struct gcode_command heaters_commands[] = {
	{ "M108", GCODE_CODE('M', 108), GCODE_NOW, cancel_wait, "", "end a wait for a temperature" },
	{ "M155", GCODE_CODE('M', 155), 0, auto_report, "[S<s>]",
	  "report temperatures every so many seconds, 0: no more" },
	{ "SET_HEATER_TEMPERATURE", GCODE_EXTENDED, 0, set_temperature,
	  "HEATER=<name> [TARGET=<degrees>]", "target of a heater; without TARGET off" },
	{ "TEMPERATURE_WAIT", GCODE_EXTENDED, 0, temperature_wait,
	  "SENSOR=<name> [MINIMUM=<degrees>] [MAXIMUM=<degrees>]",
	  "wait until a sensor reads within these" },
	{ "TURN_OFF_HEATERS", GCODE_EXTENDED, 0, turn_off, "", "all heaters off" },
	{ "PID_CALIBRATE", GCODE_EXTENDED, 0, pid_calibrate, "HEATER=<name> TARGET=<degrees>",
	  "swing around a temperature, then tell pid_kp, pid_ki and pid_kd" },
	{ "MPC_CALIBRATE", GCODE_EXTENDED, 0, mpc_calibrate, "HEATER=<name> TARGET=<degrees>",
	  "cool down, heat up and hold, then tell and use the model" },
};
const unsigned heaters_command_count = sizeof(heaters_commands) / sizeof(*heaters_commands);

void heaters_init(struct machine *m)
{
	m->ops.heater = op_heater;
	m->ops.temperatures = op_temperatures;
	gcode_add_table(&m->gcode, heaters_commands, heaters_command_count, m);
}
