// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/probe_points.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"

#define MASK_XY (1u << AXIS_X | 1u << AXIS_Y)

bool probe_points_read(struct gcode *g, struct machine *m, const struct gcode_line *l,
		       double travel_z_mm, double speed_mm_s)
{
	struct probe_points *p = &m->points;
	char method[16], err[GCODE_ERR_MAX] = "";

	if (m->state != MACHINE_READY) {
		gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
		return false;
	}
	if (m->manual_probe.active) {
		gcode_fail(g, "a manual probe is under way; expected ACCEPT or ABORT first");
		return false;
	}
	if (m->probe.script.then) {
		gcode_fail(g, "the probe is being activated or deactivated");
		return false;
	}
	memset(p, 0, sizeof(*p));
	p->speed_mm_s = speed_mm_s;
	if (!gcode_param_name(g, l, "METHOD", "automatic", method, sizeof(method)) ||
	    !gcode_param_number(g, l, "HORIZONTAL_MOVE_Z", travel_z_mm, &p->travel_z_mm))
		return false;
	p->manual = strcasecmp(method, "manual") == 0;
	if (strcasecmp(method, "scan") == 0)
		p->way = PROBE_POINTS_SCAN;
	else if (strcasecmp(method, "rapid_scan") == 0)
		p->way = PROBE_POINTS_FLY;
	else if (!p->manual && strcasecmp(method, "automatic") != 0) {
		gcode_fail(g, "METHOD=%s: expected automatic, manual, scan or rapid_scan", method);
		return false;
	}
	if (p->way && m->probe.cfg->kind != MACHINE_PROBE_EDDY) {
		gcode_fail(g, "METHOD=%s: expected a [probe_eddy_current] for that", method);
		return false;
	}
	if (p->manual) {
		p->how.lift_speed_mm_s = speed_mm_s;
		return true;
	}
	if (probe_check(m, err) == 0)
		return probe_how_read(g, m, l, &p->how);
	gcode_fail(g, "%s, or METHOD=manual", err);
	return false;
}

void probe_points_nozzle(const struct machine *m, size_t i, double to_mm[MOVE_AXES])
{
	const struct probe_points *p = &m->points;
	bool shift = p->of_probe && !p->manual;

	memcpy(to_mm, planner_position(m->planner), MOVE_AXES * sizeof(*to_mm));
	to_mm[AXIS_X] = p->at_mm[i][0] - (shift ? m->probe.offset_mm[AXIS_X] : 0);
	to_mm[AXIS_Y] = p->at_mm[i][1] - (shift ? m->probe.offset_mm[AXIS_Y] : 0);
	to_mm[AXIS_Z] = p->travel_z_mm;
	kinematics_aside(m->mc, to_mm);
}

void probe_points_touched(const struct machine *m, size_t i, double xy_mm[2])
{
	double at_mm[MOVE_AXES];

	probe_points_nozzle(m, i, at_mm);
	for (int k = 0; k < 2; k++)
		xy_mm[k] = at_mm[k] + (m->points.manual ? 0 : m->probe.offset_mm[k]);
}

int probe_points_check(struct machine *m, char *err)
{
	double to_mm[MOVE_AXES];
	char why[GCODE_ERR_MAX];

	for (size_t i = 0; i < m->points.count; i++) {
		probe_points_nozzle(m, i, to_mm);
		if (machine_check_place(m, to_mm, why) == 0)
			continue;
		snprintf(err, GCODE_ERR_MAX, "place %zu at %.2f, %.2f: %.180s", i + 1,
			 m->points.at_mm[i][0], m->points.at_mm[i][1], why);
		return -EINVAL;
	}
	return 0;
}

double probe_points_offset_mm(const struct machine *m)
{
	return m->points.manual ? 0 : m->probe.offset_mm[AXIS_Z];
}

/* ---- the way ---- */

static void end(struct machine *m, const char *error)
{
	struct probe_points *p = &m->points;

	if (error && !p->failed) {
		p->failed = true;
		snprintf(p->text, sizeof(p->text), "%s", error);
	}
	p->then(m, p->failed ? p->text : NULL);
}

static void put_away(struct machine *m, const char *error)
{
	if (error || m->points.manual || m->points.how.keep == false)
		end(m, error);
	else
		probe_raise(m, end);
}

/* Up from the last place; the probe in. */
static void finish(struct machine *m)
{
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, m->points.travel_z_mm, m->points.how.lift_speed_mm_s);
	acts_run(m, put_away);
}

static void fail(struct machine *m, const char *error)
{
	struct probe_points *p = &m->points;

	p->failed = true;
	snprintf(p->text, sizeof(p->text), "place %zu of %zu: %s", p->at + 1, p->count, error);
	p->how.keep = false; /* it is put away already */
	if (m->state == MACHINE_READY)
		finish(m);
	else
		end(m, NULL);
}

static void next(struct machine *m);

static void probed(struct machine *m, const char *error)
{
	struct probe_points *p = &m->points;

	if (error) {
		fail(m, error);
		return;
	}
	p->z_mm[p->at++] = m->probe.run.at_mm[AXIS_Z];
	next(m);
}

/* At rest above a place. */
static void looked(struct machine *m, const char *error)
{
	struct probe_points *p = &m->points;
	const double *at_mm = planner_position(m->planner);

	if (error) {
		fail(m, error);
		return;
	}
	p->z_mm[p->at++] = at_mm[AXIS_Z] - m->probe.over_mm + m->probe.offset_mm[AXIS_Z] +
			   twist_mm(m, at_mm[AXIS_X], at_mm[AXIS_Y]);
	next(m);
}

static void scanned(struct machine *m, const char *error)
{
	if (error)
		fail(m, error);
	else
		finish(m);
}

static void accepted(struct machine *m, const double *at_mm)
{
	struct probe_points *p = &m->points;

	if (!at_mm) {
		p->failed = true;
		snprintf(p->text, sizeof(p->text), "given up by ABORT");
		finish(m);
		return;
	}
	p->z_mm[p->at++] = at_mm[AXIS_Z];
	next(m);
}

static void over_it(struct machine *m, const char *error)
{
	struct probe_points *p = &m->points;

	if (error) {
		fail(m, error);
	} else if (p->manual) {
		manual_probe_start(m, accepted);
		gcode_resume(&m->gcode, NULL);
	} else if (p->way == PROBE_POINTS_SCAN) {
		m->probe.sensor->settle(m, looked);
	} else {
		probe_run(m, &p->how, probed);
	}
}

static void next(struct machine *m)
{
	struct probe_points *p = &m->points;
	double to_mm[MOVE_AXES];

	if (p->at == p->count) {
		finish(m);
		return;
	}
	probe_points_nozzle(m, p->at, to_mm);
	acts_begin(m);
	/* The first time from wherever it is. */
	acts_move_axis(m, AXIS_Z, p->travel_z_mm, p->at ? p->how.lift_speed_mm_s : p->speed_mm_s);
	acts_move(m, MASK_XY, to_mm, p->speed_mm_s);
	acts_run(m, over_it);
}

void probe_points_run(struct machine *m, probe_then *then)
{
	struct probe_points *p = &m->points;

	p->then = then;
	p->at = 0;
	p->failed = false;
	p->how.keep = true;
	if (p->way == PROBE_POINTS_FLY)
		scan_run(m, scanned);
	else
		next(m);
}
