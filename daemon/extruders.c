// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/extruders.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/machine.h"
#include "daemon/shapers.h"

static void set_param(struct machine *m, struct extrude_param *p, double advance_s, double smooth_s)
{
	p->advance_s = advance_s;
	/* As with other hosts: without advance, no smoothing. */
	p->half_s = advance_s > 0 ? fmax(smooth_s / 2, EXTRUDE_HALF_MIN_S) : 0;
	m->half_s = fmax(m->half_s, p->half_s);
}

void extruders_motor(struct machine *m, size_t motor, int extruder, double advance_s,
		     double smooth_s)
{
	m->motor[motor].smooth_s = smooth_s;
	m->motor[motor].extrude.source = extruder;
	set_param(m, &m->motor[motor].extrude, advance_s, smooth_s);
}

static int send_motor(struct machine *m, size_t motor)
{
	struct plan_extrude x = { .stepper = (uint32_t)motor, .param = m->motor[motor].extrude };

	return planner_extrude(m->planner, &x);
}

void extruders_send(struct machine *m)
{
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].axes == 1u << AXIS_E)
			send_motor(m, i); /* the planner is empty: there is room */
}

void extruders_limits(const struct machine *m, struct planner_limits *l)
{
	const struct machine_extruder *e = &m->mc->extruders[m->extruder];

	if (m->mc->extruder_count == 0 || !e->has_stepper) {
		l->extrude_velocity_mm_s_max = 0;
		return;
	}
	l->extrude_velocity_mm_s_max = e->max_extrude_only_velocity_mm_s;
	l->extrude_accel_mm_s2_max = e->max_extrude_only_accel_mm_s2;
	l->extrude_mm_max = e->max_extrude_only_distance_mm;
	l->extrude_corner_mm_s = e->instantaneous_corner_velocity_mm_s;
	l->extrude_area_mm2_max = e->max_extrude_cross_section_mm2;
	l->filament_area_mm2 = e->filament_area_mm2;
	l->nozzle_mm = e->nozzle_diameter_mm;
}

/* ---- names ---- */

static int find_extruder(const struct machine *m, const struct gcode_param *p)
{
	for (size_t i = 0; i < m->mc->extruder_count; i++) {
		const char *name = m->mc->extruders[i].name;

		if (strlen(name) == p->value_len && !memcmp(name, p->value, p->value_len))
			return (int)i;
	}
	return -1;
}

/* The extruder motor of that name, or of the extruder in use without one; -1: none, error replied. */
static int find_motor(struct gcode *g, const struct machine *m, const struct gcode_param *p)
{
	char shown[GCODE_NAME_MAX];
	const char *name = m->mc->extruder_count ? m->mc->extruders[m->extruder].name : "extruder";
	size_t len = strlen(name);

	if (p && p->value) {
		name = p->value;
		len = p->value_len;
	}
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].axes == 1u << AXIS_E && strlen(m->motor[i].cfg->name) == len &&
		    !memcmp(m->motor[i].cfg->name, name, len))
			return (int)i;
	gcode_quote(shown, sizeof(shown), name, len);
	gcode_fail(g, "EXTRUDER=%s: expected an extruder or extruder_stepper with a motor", shown);
	return -1;
}

/* ---- commands ---- */

static enum gcode_result activate(struct machine *m, struct gcode *g, int extruder)
{
	struct planner_limits limits = *planner_limits_get(m->planner);
	int before = m->extruder;

	if (extruder == before)
		return GCODE_OK;
	m->extruder = extruder;
	extruders_limits(m, &limits);
	if (planner_limits_set(m->planner, &limits)) {
		m->extruder = before;
		return gcode_fail(g, "%s", planner_error(m->planner));
	}
	planner_extruder(m->planner, extruder);
	gcode_reply(g, REPLY_INFO, "extruder in use: %s", m->mc->extruders[extruder].name);
	return GCODE_OK;
}

static enum gcode_result activate_extruder(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct gcode_param *p = gcode_param_find(l, "EXTRUDER");
	struct machine *m = ctx;
	char shown[GCODE_NAME_MAX];
	int extruder = p && p->value ? find_extruder(m, p) : -1;

	if (extruder >= 0)
		return activate(m, g, extruder);
	gcode_quote(shown, sizeof(shown), p && p->value ? p->value : "",
		    p && p->value ? p->value_len : 0);
	return gcode_fail(g, "EXTRUDER=%s: expected the name of an [extruder…] section", shown);
}

/* Say it to the rt core in step with the motion; the window first makes sure of the delay it needs. */
static enum gcode_result change_motor(struct machine *m, struct gcode *g, size_t motor,
				      const struct extrude_param *to, double smooth_s)
{
	struct extrude_param before = m->motor[motor].extrude;
	double half_s = m->half_s;
	char err[GCODE_ERR_MAX] = "";
	int rc = 0;

	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	m->motor[motor].extrude = *to;
	set_param(m, &m->motor[motor].extrude, to->advance_s, smooth_s);
	if (m->half_s > half_s)
		rc = shapers_send(m);
	if (rc == 0)
		rc = send_motor(m, motor);
	if (rc == 0) {
		m->motor[motor].smooth_s = smooth_s;
		return GCODE_OK;
	}
	m->motor[motor].extrude = before;
	return gcode_finish(g, rc, err);
}

static enum gcode_result set_pressure_advance(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	int motor = find_motor(g, m, gcode_param_find(l, "EXTRUDER"));
	struct extrude_param to;
	double advance_s, smooth_s;
	enum gcode_result done = GCODE_OK;

	if (motor < 0)
		return GCODE_ERROR;
	to = m->motor[motor].extrude;
	if (!gcode_param_number(g, l, "ADVANCE", to.advance_s, &advance_s) ||
	    !gcode_param_number(g, l, "SMOOTH_TIME", m->motor[motor].smooth_s, &smooth_s))
		return GCODE_ERROR;
	if (!(advance_s >= 0 && advance_s <= 10))
		return gcode_fail(g, "ADVANCE=%g: expected 0 to 10 s", advance_s);
	if (!(smooth_s >= 0 && smooth_s <= 0.2))
		return gcode_fail(g, "SMOOTH_TIME=%g: expected 0 to 0.2 s", smooth_s);
	to.advance_s = advance_s;
	if (gcode_param_find(l, "ADVANCE") || gcode_param_find(l, "SMOOTH_TIME"))
		done = change_motor(m, g, (size_t)motor, &to, smooth_s);
	if (done == GCODE_OK)
		gcode_reply(g, REPLY_INFO,
			    "%s: pressure_advance: %.6f pressure_advance_smooth_time: %.6f",
			    m->motor[motor].cfg->name, advance_s, smooth_s);
	return done;
}

static enum gcode_result sync_extruder_motion(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct gcode_param *queue = gcode_param_find(l, "MOTION_QUEUE");
	struct machine *m = ctx;
	int motor = find_motor(g, m, gcode_param_find(l, "EXTRUDER"));
	struct extrude_param to;
	char shown[GCODE_NAME_MAX];
	enum gcode_result done;

	if (motor < 0)
		return GCODE_ERROR;
	to = m->motor[motor].extrude;
	to.source = EXTRUDE_NONE;
	if (queue && queue->value_len) {
		to.source = find_extruder(m, queue);
		if (to.source < 0) {
			gcode_quote(shown, sizeof(shown), queue->value, queue->value_len);
			return gcode_fail(
				g, "MOTION_QUEUE=%s: expected an extruder's name, or none", shown);
		}
	}
	done = change_motor(m, g, (size_t)motor, &to, m->motor[motor].smooth_s);
	if (done == GCODE_OK)
		gcode_reply(g, REPLY_INFO, "%s follows %s", m->motor[motor].cfg->name,
			    to.source < 0 ? "none" : m->mc->extruders[to.source].name);
	return done;
}

const struct gcode_command extruders_commands[] = {
	{ "ACTIVATE_EXTRUDER", GCODE_EXTENDED, 0, activate_extruder, "EXTRUDER=<name>",
	  "E of the moves that follow is this extruder's filament" },
	{ "SET_PRESSURE_ADVANCE", GCODE_EXTENDED, 0, set_pressure_advance,
	  "[EXTRUDER=<name>] [ADVANCE=<s>] [SMOOTH_TIME=<s>]",
	  "pressure advance from here on, also in mid-print; without values: report" },
	{ "SYNC_EXTRUDER_MOTION", GCODE_EXTENDED, 0, sync_extruder_motion,
	  "EXTRUDER=<name> [MOTION_QUEUE=<name>]",
	  "a stepper follows this extruder from here on, none without a name" },
};

const unsigned extruders_command_count = sizeof(extruders_commands) / sizeof(*extruders_commands);

void extruders_init(struct machine *m)
{
	gcode_add_table(&m->gcode, extruders_commands, extruders_command_count, m);
}
