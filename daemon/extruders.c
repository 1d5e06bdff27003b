// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/extruders.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/machine/machine.h"
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

static void plan_of(const struct machine *m, size_t motor, uint32_t fields, struct plan_extrude *x)
{
	*x = (struct plan_extrude){ .stepper = (uint32_t)motor,
				    .fields = fields,
				    .param = m->motor[motor].extrude };
	x->param.half_s = m->motor[motor].smooth_s / 2;
}

void extruders_send(struct machine *m)
{
	struct plan_extrude x;

	for (size_t i = 0; i < m->motors; i++) {
		if (m->motor[i].axes != 1u << AXIS_E)
			continue;
		plan_of(m, i, EXTRUDE_ALL, &x);
		planner_extrude(m->planner, &x); /* the planner is empty: there is room */
	}
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

/* T0, T1, …: the extruders in order. Without any, T0 is taken as slicers write it. */
static enum gcode_result tool(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	int extruder =
		(int)((l->code - GCODE_CODE('T', 0)) / (GCODE_CODE('T', 1) - GCODE_CODE('T', 0)));

	return m->mc->extruder_count ? activate(m, g, extruder) : GCODE_OK;
}

/* Say it to the rt core: out of band at once, in the middle of what is planned, else in step with the motion. The
 * window first makes sure of the delay it needs; where that has to grow, it does at the end of what is planned. */
static int send(struct machine *m, const struct gcode *g, size_t motor, uint32_t fields)
{
	double half_s = m->motor[motor].extrude.half_s - 1e-9;
	struct ctl_rec now = { .kind = CTL_EXTRUDE };
	struct plan_extrude x;
	int rc = 0;

	plan_of(m, motor, fields, &x);
	now.extrude = x;
	if (g->out_of_band && half_s <= m->delay_s && half_s <= m->status.delay_s)
		return machine_control(m, &now) ? 0 : -EAGAIN;
	if (half_s > m->delay_s)
		rc = shapers_send(m);
	return rc < 0 ? rc : planner_extrude(m->planner, &x);
}

static enum gcode_result change_motor(struct machine *m, struct gcode *g, size_t motor,
				      uint32_t fields, const struct extrude_param *to,
				      double smooth_s)
{
	struct machine_motor before = m->motor[motor];
	char err[GCODE_ERR_MAX] = "";
	int rc;

	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	m->motor[motor].extrude = *to;
	m->motor[motor].smooth_s = smooth_s;
	set_param(m, &m->motor[motor].extrude, to->advance_s, smooth_s);
	rc = send(m, g, motor, fields);
	if (rc == 0)
		return GCODE_OK;
	m->motor[motor].extrude = before.extrude;
	m->motor[motor].smooth_s = before.smooth_s;
	return gcode_finish(g, rc, err);
}

static enum gcode_result set_pressure_advance(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	int motor = find_motor(g, m, gcode_param_find(l, "EXTRUDER"));
	struct extrude_param to;
	double advance_s, smooth_s;
	uint32_t fields = 0;
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
	if (gcode_param_find(l, "ADVANCE"))
		fields |= EXTRUDE_ADVANCE;
	if (gcode_param_find(l, "SMOOTH_TIME"))
		fields |= EXTRUDE_SMOOTH;
	if (fields)
		done = change_motor(m, g, (size_t)motor, fields, &to, smooth_s);
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
	done = change_motor(m, g, (size_t)motor, EXTRUDE_SOURCE, &to, m->motor[motor].smooth_s);
	if (done == GCODE_OK)
		gcode_reply(g, REPLY_INFO, "%s follows %s", m->motor[motor].cfg->name,
			    to.source < 0 ? "none" : m->mc->extruders[to.source].name);
	return done;
}

const struct gcode_command extruders_commands[] = {
	{ "ACTIVATE_EXTRUDER", GCODE_EXTENDED, 0, activate_extruder, "EXTRUDER=<name>",
	  "E of the moves that follow is this extruder's filament" },
	{ "SET_PRESSURE_ADVANCE", GCODE_EXTENDED, GCODE_NOW, set_pressure_advance,
	  "[EXTRUDER=<name>] [ADVANCE=<s>] [SMOOTH_TIME=<s>]",
	  "pressure advance from here on, out of band at once; without values: report" },
	{ "SYNC_EXTRUDER_MOTION", GCODE_EXTENDED, GCODE_NOW, sync_extruder_motion,
	  "EXTRUDER=<name> [MOTION_QUEUE=<name>]",
	  "a stepper follows this extruder from here on, out of band at once; none without a name" },
};

#define T(n) \
	{ \
		"T" #n, GCODE_CODE('T', n), 0, tool, "", "as ACTIVATE_EXTRUDER, by number" \
	}
const struct gcode_command extruders_tools[MACHINE_EXTRUDER_MAX] = { T(0), T(1), T(2), T(3),
								     T(4), T(5), T(6), T(7) };

const unsigned extruders_command_count = sizeof(extruders_commands) / sizeof(*extruders_commands);

void extruders_init(struct machine *m)
{
	size_t tools = m->mc->extruder_count ? m->mc->extruder_count : 1;

	gcode_add_table(&m->gcode, extruders_commands, extruders_command_count, m);
	gcode_add_table(&m->gcode, extruders_tools, (unsigned)tools, m);
}
