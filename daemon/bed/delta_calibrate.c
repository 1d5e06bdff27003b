// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bed/delta_calibrate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/bed/delta_fit.h"
#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"
#include "daemon/save.h"

enum { AROUND = 6, SPOKES = 6 };

/* The object: a pillar in the middle and six around it, of which the faces' edges are so far from their middles. Degrees;
 * mm at scale 1. */
static const double spoke_deg[SPOKES] = { 210, 270, 330, 30, 90, 150 };
#define PILLARS_MM 65.0
#define FACE_MM 4.5

static const struct {
	const char *name;
	unsigned count;
} entries[DELTA_ENTRIES] = {
	[DELTA_CENTER_DISTS] = { "CENTER_DISTS", SPOKES },
	[DELTA_CENTER_WIDTHS] = { "CENTER_PILLAR_WIDTHS", 3 },
	[DELTA_OUTER_DISTS] = { "OUTER_DISTS", SPOKES },
	[DELTA_OUTER_WIDTHS] = { "OUTER_PILLAR_WIDTHS", SPOKES },
};
/* Of the three widths, in the order of the towers, that along each spoke. */
static const int width_along[SPOKES] = { 0, 2, 1, 0, 2, 1 };

void delta_calibrate_init(struct machine *m)
{
	m->delta.data = m->mc->delta_calibrate.data;
	m->delta.scale = 1;
}

static const struct machine_stepper *tower(const struct machine_config *mc, int k)
{
	return &mc->steppers[mc->rails[k].stepper[0]];
}

static void geometry_of(const struct machine_config *mc, struct delta_geometry *d)
{
	d->rotary = mc->kinematics == &kinematics_rotary_delta;
	d->radius_mm = mc->geometry.radius_mm;
	d->shoulder_mm = d->rotary ? mc->geometry.height_mm : 0;
	for (int k = 0; k < 3; k++) {
		const struct kin *joint = &tower(mc, k)->joint;

		d->endstop_mm[k] = mc->rails[k].position_endstop_mm;
		d->angle_deg[k] = (d->rotary ? atan2(joint->sin_a, joint->cos_a)
					     : atan2(joint->y, joint->x)) *
				  180 / M_PI;
		d->angle_deg[k] += d->angle_deg[k] < 0 ? 360 : 0;
		d->arm_mm[k] = joint->rod;
		d->upper_mm[k] = joint->arm;
		d->step[k] = tower(mc, k)->step_distance_mm;
	}
}

/* ---- what is found ---- */

static void save_geometry(struct machine *m, const struct delta_geometry *d)
{
	save_set(m, false, "printer", d->rotary ? "shoulder_radius" : "delta_radius", "%.6f",
		 d->radius_mm);
	if (d->rotary)
		save_set(m, false, "printer", "shoulder_height", "%.6f", d->shoulder_mm);
	for (int k = 0; k < 3; k++) {
		const char *section = m->mc->rails[k].name;

		save_set(m, false, section, "position_endstop", "%.6f", d->endstop_mm[k]);
		save_set(m, false, section, "angle", "%.6f", d->angle_deg[k]);
		save_set(m, false, section, d->rotary ? "lower_arm_length" : "arm_length", "%.6f",
			 d->arm_mm[k]);
		if (d->rotary)
			save_set(m, false, section, "upper_arm_length", "%.6f", d->upper_mm[k]);
	}
}

static void save_place(struct machine *m, const char *option, const double below_steps[3])
{
	save_set(m, true, "delta_calibrate", option, "%.3f,%.3f,%.3f", below_steps[0],
		 below_steps[1], below_steps[2]);
}

static void save_data(struct machine *m)
{
	const struct machine_delta_data *data = &m->delta.data;
	size_t probed = data->heights - data->manuals;
	char option[48];

	save_remove(m, "delta_calibrate");
	for (size_t i = 0; i < data->heights; i++) {
		int n = snprintf(option, sizeof(option), "%sheight%zu", i < probed ? "" : "manual_",
				 i < probed ? i : i - probed);

		save_set(m, true, "delta_calibrate", option, "%.6f", data->height[i].z_mm);
		snprintf(option + n, sizeof(option) - (size_t)n, "_pos");
		save_place(m, option, data->height[i].below_steps);
	}
	for (size_t i = 0; i < data->distances; i++) {
		snprintf(option, sizeof(option), "distance%zu", i);
		save_set(m, true, "delta_calibrate", option, "%.6f", data->distance[i].mm);
		for (int k = 0; k < 2; k++) {
			snprintf(option, sizeof(option), "distance%zu_pos%d", i, k + 1);
			save_place(m, option, data->distance[i].below_steps[k]);
		}
	}
}

static void say_geometry(struct machine *m, const struct delta_geometry *d)
{
	if (d->rotary)
		machine_say(m, REPLY_INFO, "shoulder_radius: %.6f shoulder_height: %.6f",
			    d->radius_mm, d->shoulder_mm);
	else
		machine_say(m, REPLY_INFO, "delta_radius: %.6f", d->radius_mm);
	for (int k = 0; k < 3; k++) {
		char upper[48] = "";

		if (d->rotary)
			snprintf(upper, sizeof(upper), " upper_arm_length: %.6f", d->upper_mm[k]);
		machine_say(m, REPLY_INFO, "%s: position_endstop: %.6f angle: %.6f %s: %.6f%s",
			    m->mc->rails[k].name, d->endstop_mm[k], d->angle_deg[k],
			    d->rotary ? "lower_arm_length" : "arm_length", d->arm_mm[k], upper);
	}
}

/* Fit what has been measured. Returns NULL, or what is wrong. */
static const char *find(struct machine *m, bool extended)
{
	struct delta_geometry d;
	double left_mm;

	geometry_of(m->mc, &d);
	left_mm = delta_fit(&d, &m->delta.data, extended);
	if (!(left_mm < 1))
		return "no geometry fits what was measured; the configuration is as it was";
	save_geometry(m, &d);
	save_data(m);
	say_geometry(m, &d);
	machine_say(m, REPLY_INFO,
		    "the heights differ by %.4f mm (rms) with that; SAVE_CONFIG writes it into the "
		    "configuration and restarts",
		    left_mm);
	if (extended)
		machine_say(m, REPLY_INFO, "the distances differ by %.4f mm (rms)",
			    delta_distances_left(&d, &m->delta.data));
	return NULL;
}

/* ---- DELTA_CALIBRATE ---- */

/* The places of now, in front of what somebody has measured. */
static void keep_heights(struct machine *m, const struct delta_geometry *d)
{
	struct machine_delta_data *data = &m->delta.data;
	size_t probed = data->heights - data->manuals, count = m->points.count;

	if (data->manuals > MACHINE_DELTA_HEIGHTS - count)
		data->manuals = MACHINE_DELTA_HEIGHTS - count;
	memmove(&data->height[count], &data->height[probed],
		data->manuals * sizeof(data->height[0]));
	data->heights = count + data->manuals;
	for (size_t i = 0; i < count; i++) {
		double at_mm[MOVE_AXES];

		probe_points_nozzle(m, i, at_mm);
		at_mm[AXIS_Z] = m->points.z_mm[i];
		delta_below(d, at_mm, data->height[i].below_steps);
		data->height[i].z_mm = probe_points_offset_mm(m);
	}
}

static void probed(struct machine *m, const char *error)
{
	struct delta_geometry d;

	if (!error) {
		geometry_of(m->mc, &d);
		keep_heights(m, &d);
		error = find(m, false);
	}
	gcode_resume(&m->gcode, error);
}

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct machine_delta_calibrate *cfg = &m->mc->delta_calibrate;
	char err[GCODE_ERR_MAX] = "";

	if (!(cfg->radius_mm > 0))
		return gcode_fail(g, "expected a delta and a [delta_calibrate]");
	if (!probe_points_read(g, m, l, cfg->travel_z_mm, cfg->speed_mm_s))
		return GCODE_ERROR;
	/* The middle, and six around it, not all as far out. */
	m->points.count = AROUND + 1;
	m->points.of_probe = true;
	for (int i = 0; i < AROUND; i++) {
		double r = cfg->radius_mm * (i & 1 ? 0.8 : 0.95), a = (90 + 60 * i) * M_PI / 180;

		m->points.at_mm[i + 1][0] = r * cos(a);
		m->points.at_mm[i + 1][1] = r * sin(a);
	}
	if (probe_points_check(m, err) < 0)
		return gcode_fail(g, "%s", err);
	probe_points_run(m, probed);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

/* ---- DELTA_ANALYZE ---- */

/* A caliper over both pillars, less the width of one, is from a face to the like face of the other: places on a line in
 * that direction from the first pillar's middle. */
static void add_distance(struct machine *m, const struct delta_geometry *d, const double from_mm[2],
			 double along_deg, double mm)
{
	struct machine_delta_data *data = &m->delta.data;
	struct machine_delta_distance *to = &data->distance[data->distances++];
	double a = along_deg * M_PI / 180;

	to->mm = mm;
	for (int i = 0; i < 2; i++) {
		double r = (FACE_MM + i * PILLARS_MM) * m->delta.scale;
		double at_mm[3] = { from_mm[0] + r * cos(a), from_mm[1] + r * sin(a), 0 };

		delta_below(d, at_mm, to->below_steps[i]);
	}
}

static void keep_distances(struct machine *m)
{
	const double(*e)[6] = (const double(*)[6])m->delta.entry_mm;
	struct delta_geometry d;

	geometry_of(m->mc, &d);
	m->delta.data.distances = 0;
	for (int i = 0; i < SPOKES; i++) {
		static const double middle[2] = { 0, 0 };
		double a = spoke_deg[i] * M_PI / 180, r = PILLARS_MM * m->delta.scale;
		const double pillar[2] = { r * cos(a), r * sin(a) };

		add_distance(m, &d, middle, spoke_deg[i],
			     e[DELTA_CENTER_DISTS][i] - e[DELTA_CENTER_WIDTHS][width_along[i]]);
		/* To the next pillar: they stand in a hexagon. */
		add_distance(m, &d, pillar, spoke_deg[i] + 120,
			     e[DELTA_OUTER_DISTS][i] - e[DELTA_OUTER_WIDTHS][i]);
	}
}

/* What the line says of the object. False: an error has been replied, and nothing is taken of it. */
static bool read_entries(struct gcode *g, struct machine *m, const struct gcode_line *l)
{
	struct delta_calibrate c = m->delta;

	for (int i = 0; i < DELTA_ENTRIES; i++) {
		const struct gcode_param *p = gcode_param_find(l, entries[i].name);
		char found[60];
		bool ok;

		if (!p)
			continue;
		ok = p->value && gcode_param_list(p, entries[i].count, c.entry_mm[i]);
		for (unsigned k = 0; k < entries[i].count && ok; k++)
			ok = c.entry_mm[i][k] > 0 && c.entry_mm[i][k] < 10000;
		if (!ok) {
			gcode_fail(g, "%s=%s: expected %u numbers above 0 with commas between",
				   entries[i].name,
				   gcode_quote(found, sizeof(found), p->value, p->value_len),
				   entries[i].count);
			return false;
		}
		c.entered |= 1u << i;
	}
	if (!gcode_param_number(g, l, "SCALE", c.scale, &c.scale))
		return false;
	if (!(c.scale > 0.01 && c.scale < 100)) {
		gcode_fail(g, "SCALE=%g: expected 0.01 to 100", c.scale);
		return false;
	}
	m->delta.scale = c.scale;
	m->delta.entered = c.entered;
	memcpy(m->delta.entry_mm, c.entry_mm, sizeof(c.entry_mm));
	return true;
}

static enum gcode_result analyze_now(struct gcode *g, struct machine *m)
{
	const unsigned all = (1u << DELTA_ENTRIES) - 1;
	const char *error;

	for (int i = 0; i < DELTA_ENTRIES && m->delta.entered; i++)
		if (!(m->delta.entered & 1u << i))
			return gcode_fail(g, "expected %s=… before CALIBRATE=extended",
					  entries[i].name);
	if (m->delta.entered == all)
		keep_distances(m);
	if (m->delta.data.distances == 0)
		return gcode_fail(g, "expected %s=… and so on before CALIBRATE=extended",
				  entries[0].name);
	if (m->delta.data.heights == m->delta.data.manuals)
		return gcode_fail(g, "expected DELTA_CALIBRATE before CALIBRATE=extended");
	error = find(m, true);
	return error ? gcode_fail(g, "%s", error) : GCODE_OK;
}

/* At rest: the nozzle is so high here. */
static void height_here(struct machine *m, const char *error)
{
	struct machine_delta_data *data = &m->delta.data;
	const double *at_mm = planner_position(m->planner);
	struct delta_geometry d;

	if (error) {
		gcode_resume(&m->gcode, error);
		return;
	}
	geometry_of(m->mc, &d);
	delta_below(&d, at_mm, data->height[data->heights].below_steps);
	data->height[data->heights++].z_mm = m->delta.manual_height_mm;
	data->manuals++;
	machine_say(m, REPLY_INFO, "manual height: %.3f,%.3f,%.3f is in truth z=%.3f",
		    at_mm[AXIS_X], at_mm[AXIS_Y], at_mm[AXIS_Z], m->delta.manual_height_mm);
	gcode_resume(&m->gcode, NULL);
}

static enum gcode_result manual_height(struct gcode *g, struct machine *m,
				       const struct gcode_line *l)
{
	double mm;

	if (!gcode_param_number(g, l, "MANUAL_HEIGHT", 0, &mm))
		return GCODE_ERROR;
	if (!(fabs(mm) < 1000))
		return gcode_fail(g, "MANUAL_HEIGHT=%g: expected -1000 to 1000 mm", mm);
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	if ((m->homed & 7) != 7)
		return gcode_fail(g, "axes have no known position; expected G28 before");
	if (m->delta.data.heights == MACHINE_DELTA_HEIGHTS)
		return gcode_fail(g, "MANUAL_HEIGHT: there are %d heights already",
				  MACHINE_DELTA_HEIGHTS);
	m->delta.manual_height_mm = mm;
	acts_begin(m);
	acts_run(m, height_here);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result analyze(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	char action[16];

	if (!(m->mc->delta_calibrate.radius_mm > 0))
		return gcode_fail(g, "expected a delta and a [delta_calibrate]");
	if (gcode_param_find(l, "MANUAL_HEIGHT"))
		return manual_height(g, m, l);
	if (!gcode_param_name(g, l, "CALIBRATE", "none", action, sizeof(action)))
		return GCODE_ERROR;
	if (gcode_param_find(l, "CALIBRATE") && strcasecmp(action, "extended") != 0)
		return gcode_fail(g, "CALIBRATE=%s: expected extended", action);
	if (!read_entries(g, m, l))
		return GCODE_ERROR;
	return gcode_param_find(l, "CALIBRATE") ? analyze_now(g, m) : GCODE_OK;
}

const struct gcode_command delta_calibrate_commands[] = {
	{ "DELTA_CALIBRATE", GCODE_EXTENDED, 0, calibrate, PROBE_POINTS_PARAMS,
	  "find radius, endstops and angles of a delta from a flat bed" },
	{ "DELTA_ANALYZE", GCODE_EXTENDED, 0, analyze,
	  "[CENTER_DISTS=<a,b,c,d,e,f>] [CENTER_PILLAR_WIDTHS=<a,b,c>] "
	  "[OUTER_DISTS=<a,b,c,d,e,f>] [OUTER_PILLAR_WIDTHS=<a,b,c,d,e,f>] [SCALE=<x>] "
	  "[CALIBRATE=<extended>] [MANUAL_HEIGHT=<mm>]",
	  "measures of a printed object; with CALIBRATE=extended also arms and angles from them" },
};
const unsigned delta_calibrate_command_count = sizeof(delta_calibrate_commands) /
					       sizeof(*delta_calibrate_commands);
