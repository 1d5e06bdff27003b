// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bed/levelling.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_path.h"
#include "daemon/machine/machine.h"
#include "daemon/save.h"

/* Motors move alone so fast. */
#define ALONE_MM_S 5.0
#define ALONE_MM_MIN 1e-4

/* ---- the plane ---- */

void levelling_plane(size_t count, const double at_mm[][2], const double *z_mm, double plane[3])
{
	double mean[3] = { 0 }, xx = 0, xy = 0, yy = 0, xz = 0, yz = 0, det, ridge;

	for (size_t i = 0; i < count; i++) {
		mean[0] += at_mm[i][0] / (double)count;
		mean[1] += at_mm[i][1] / (double)count;
		mean[2] += z_mm[i] / (double)count;
	}
	for (size_t i = 0; i < count; i++) {
		double x = at_mm[i][0] - mean[0], y = at_mm[i][1] - mean[1], z = z_mm[i] - mean[2];

		xx += x * x;
		xy += x * y;
		yy += y * y;
		xz += x * z;
		yz += y * z;
	}
	/* Where the places say nothing, no tilt: of all that fit the smallest. */
	ridge = 1e-9 * (xx + yy) + 1e-12;
	xx += ridge;
	yy += ridge;
	det = xx * yy - xy * xy;
	plane[1] = (xz * yy - yz * xy) / det;
	plane[2] = (yz * xx - xz * xy) / det;
	plane[0] = mean[2] - plane[1] * mean[0] - plane[2] * mean[1];
}

/* ---- common ---- */

/* The places of a section, and what the line says of probing. */
static bool prepare(struct gcode *g, struct machine *m, const struct gcode_line *l,
		    const struct machine_level_points *cfg)
{
	char err[GCODE_ERR_MAX] = "";

	if (!probe_points_read(g, m, l, cfg->travel_z_mm, cfg->speed_mm_s))
		return false;
	m->points.count = cfg->count;
	memcpy(m->points.at_mm, cfg->at_mm, cfg->count * sizeof(cfg->at_mm[0]));
	if (probe_points_check(m, err) == 0)
		return true;
	gcode_fail(g, "%s", err);
	return false;
}

static double range_mm(const struct probe_points *p)
{
	double least = INFINITY, most = -INFINITY;

	for (size_t i = 0; i < p->count; i++) {
		least = fmin(least, p->z_mm[i]);
		most = fmax(most, p->z_mm[i]);
	}
	return most - least;
}

/* ---- SCREWS_TILT_CALCULATE ---- */

/* The screw that stays: the first one, or the one towards which all others go in the direction. */
static size_t base_screw(const struct machine *m)
{
	const struct levelling *v = &m->levelling;
	bool highest = (v->direction > 0) == m->mc->screws.clockwise;
	size_t base = 0;

	for (size_t i = 1; i < m->points.count && v->direction; i++)
		if (highest ? m->points.z_mm[i] > m->points.z_mm[base]
			    : m->points.z_mm[i] < m->points.z_mm[base])
			base = i;
	return base;
}

static void screws_probed(struct machine *m, const char *error)
{
	const struct machine_screws *cfg = &m->mc->screws;
	const struct probe_points *p = &m->points;
	size_t base = base_screw(m);
	double worst = 0;
	char text[100];

	for (size_t i = 0; i < p->count && !error; i++) {
		double by = p->z_mm[base] - p->z_mm[i], turns = fabs(by) / cfg->pitch_mm;
		int minutes = (int)lround(turns * 60);

		if (i == base)
			machine_say(m, REPLY_INFO, "%s (base) : x=%.1f, y=%.1f, z=%.5f",
				    cfg->name[i], p->at_mm[i][0], p->at_mm[i][1], p->z_mm[i]);
		else
			machine_say(m, REPLY_INFO,
				    "%s : x=%.1f, y=%.1f, z=%.5f : adjust %s %02d:%02d",
				    cfg->name[i], p->at_mm[i][0], p->at_mm[i][1], p->z_mm[i],
				    (by >= 0) == cfg->clockwise ? "CW" : "CCW", minutes / 60,
				    minutes % 60);
		worst = fmax(worst, fabs(by));
	}
	if (!error && m->levelling.deviation_mm >= 0 && worst > m->levelling.deviation_mm) {
		snprintf(text, sizeof(text),
			 "a screw is off by %.3f mm, more than MAX_DEVIATION %g mm", worst,
			 m->levelling.deviation_mm);
		error = text;
	}
	gcode_resume(&m->gcode, error);
}

static enum gcode_result screws(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	char direction[8];

	if (!m->mc->screws.points.count)
		return gcode_fail(g, "expected a [screws_tilt_adjust]");
	if (!gcode_param_number(g, l, "MAX_DEVIATION", -1, &m->levelling.deviation_mm) ||
	    !gcode_param_name(g, l, "DIRECTION", "any", direction, sizeof(direction)))
		return GCODE_ERROR;
	m->levelling.direction = !strcasecmp(direction, "CW")    ? 1
				 : !strcasecmp(direction, "CCW") ? -1
								 : 0;
	if (!m->levelling.direction && gcode_param_find(l, "DIRECTION"))
		return gcode_fail(g, "DIRECTION=%s: expected CW or CCW", direction);
	if (!prepare(g, m, l, &m->mc->screws.points))
		return GCODE_ERROR;
	probe_points_run(m, screws_probed);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

/* ---- Z_TILT_ADJUST, QUAD_GANTRY_LEVEL ---- */

/* By how much each motor has to go up so that the plane is level: at the probe's z_offset, or of a gantry in the mean. */
static void adjustments(struct machine *m)
{
	struct levelling *v = &m->levelling;
	double plane[3], at_mm[MACHINE_LEVEL_POINTS_MAX][2], mean = 0;

	for (size_t i = 0; i < m->points.count; i++)
		probe_points_touched(m, i, at_mm[i]);
	levelling_plane(m->points.count, (const double(*)[2])at_mm, m->points.z_mm, plane);
	for (size_t i = 0; i < v->level->motors; i++) {
		v->by_mm[i] = plane[0] + plane[1] * v->level->motor_mm[i][0] +
			      plane[2] * v->level->motor_mm[i][1] - probe_points_offset_mm(m);
		mean += v->by_mm[i] / (double)v->level->motors;
	}
	for (size_t i = 0; v->gantry && i < v->level->motors; i++)
		v->by_mm[i] -= mean;
}

static void probe_again(struct machine *m, const char *error);

static void moved(struct machine *m, const char *error)
{
	struct levelling *v = &m->levelling;

	if (error || v->retries == 0)
		gcode_resume(&m->gcode, error);
	else
		probe_again(m, NULL);
}

static const char *too_far(struct machine *m, char *text, size_t size)
{
	struct levelling *v = &m->levelling;

	for (size_t i = 0; v->gantry && i < v->level->motors; i++) {
		if (fabs(v->by_mm[i]) <= v->level->most_mm)
			continue;
		snprintf(text, size, "[%s] would have to move %.3f mm, more than max_adjust %g mm",
			 m->mc->steppers[v->level->motor[i]].name, v->by_mm[i], v->level->most_mm);
		return text;
	}
	return NULL;
}

static void level_probed(struct machine *m, const char *error)
{
	struct levelling *v = &m->levelling;
	double range = error ? 0 : range_mm(&m->points);
	char text[160];

	if (!error) {
		machine_say(m, REPLY_INFO, "the heights differ by %.6f mm, retry_tolerance %g mm",
			    range, v->tolerance_mm);
		if (v->tried > 0 && range <= v->tolerance_mm) {
			gcode_resume(&m->gcode, NULL);
			return;
		}
		adjustments(m);
		error = too_far(m, text, sizeof(text));
	}
	if (!error && v->tried > 1 && range > v->range_mm + v->tolerance_mm)
		error = "the heights differ more than before: are z_positions or the order of motors "
			"right?";
	if (!error && v->tried > v->retries) {
		snprintf(text, sizeof(text),
			 "the heights still differ by %.6f mm after %d retries, more than "
			 "retry_tolerance %g mm",
			 range, v->retries, v->tolerance_mm);
		error = text;
	}
	if (error) {
		gcode_resume(&m->gcode, error);
		return;
	}
	v->tried++;
	v->range_mm = range;
	acts_begin(m);
	for (size_t i = 0; i < v->level->motors; i++) {
		machine_say(m, REPLY_INFO, "%s: %+.6f mm", m->mc->steppers[v->level->motor[i]].name,
			    v->by_mm[i]);
		if (fabs(v->by_mm[i]) >= ALONE_MM_MIN)
			acts_alone(m, (int)v->level->motor[i], v->by_mm[i], ALONE_MM_S);
	}
	acts_run(m, moved);
}

static void probe_again(struct machine *m, const char *error)
{
	(void)error;
	probe_points_run(m, level_probed);
}

static enum gcode_result level(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	bool gantry = gcode_name_is(l->text, l->text_len, "QUAD_GANTRY_LEVEL");
	struct machine *m = ctx;
	const struct machine_level *cfg = gantry ? &m->mc->gantry : &m->mc->z_tilt;
	struct levelling *v = &m->levelling;
	double retries, tolerance;

	if (!cfg->points.count)
		return gcode_fail(g, "expected a [%s]", gantry ? "quad_gantry_level" : "z_tilt");
	if (!gcode_param_number(g, l, "RETRIES", cfg->points.retries, &retries) ||
	    !gcode_param_number(g, l, "RETRY_TOLERANCE", cfg->points.tolerance_mm, &tolerance))
		return GCODE_ERROR;
	if (!(retries >= 0 && retries <= 30) || retries != rint(retries))
		return gcode_fail(g, "RETRIES=%g: expected a whole number from 0 to 30", retries);
	if (!(tolerance >= 0 && tolerance <= 1))
		return gcode_fail(g, "RETRY_TOLERANCE=%g: expected 0 to 1 mm", tolerance);
	if (!prepare(g, m, l, &cfg->points))
		return GCODE_ERROR;
	if (m->points.manual)
		return gcode_fail(g, "METHOD=manual: expected a probe for this command");
	v->level = cfg;
	v->gantry = gantry;
	v->retries = (int)retries;
	v->tolerance_mm = tolerance;
	v->tried = 0;
	probe_again(m, NULL);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

/* ---- BED_TILT_CALIBRATE ---- */

static void tilt_forward(const void *ctx, double mm[MOVE_AXES])
{
	const struct bed_tilt *t = ctx;

	mm[AXIS_Z] += t->x * mm[AXIS_X] + t->y * mm[AXIS_Y] + t->z_mm;
}

static void tilt_inverse(const void *ctx, double mm[MOVE_AXES])
{
	const struct bed_tilt *t = ctx;

	mm[AXIS_Z] -= t->x * mm[AXIS_X] + t->y * mm[AXIS_Y] + t->z_mm;
}

static void tilt_use(struct machine *m, double x, double y, double z_mm)
{
	const struct transform link = { tilt_forward, tilt_inverse, &m->levelling.tilt };
	bool on = x != 0 || y != 0 || z_mm != 0;
	struct gcode_place place;

	gcode_place_take(&m->gcode, &place);
	m->levelling.tilt = (struct bed_tilt){ x, y, z_mm };
	transform_chain_set(&m->gcode.chain, TRANSFORM_TILT, on ? &link : NULL);
	gcode_place_put(&m->gcode, &place);
}

static void tilt_probed(struct machine *m, const char *error)
{
	double plane[3], at_mm[MACHINE_LEVEL_POINTS_MAX][2];

	if (error) {
		gcode_resume(&m->gcode, error);
		return;
	}
	for (size_t i = 0; i < m->points.count; i++)
		probe_points_touched(m, i, at_mm[i]);
	levelling_plane(m->points.count, (const double(*)[2])at_mm, m->points.z_mm, plane);
	plane[0] -= probe_points_offset_mm(m);
	tilt_use(m, plane[1], plane[2], plane[0]);
	save_set(m, true, "bed_tilt", "x_adjust", "%.6f", plane[1]);
	save_set(m, true, "bed_tilt", "y_adjust", "%.6f", plane[2]);
	save_set(m, true, "bed_tilt", "z_adjust", "%.6f", plane[0]);
	machine_say(
		m, REPLY_INFO,
		"bed_tilt: x_adjust: %.6f y_adjust: %.6f z_adjust: %.6f, in use; SAVE_CONFIG writes "
		"them into the configuration",
		plane[1], plane[2], plane[0]);
	gcode_resume(&m->gcode, NULL);
}

static enum gcode_result tilt(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	if (!m->mc->bed_tilt.points.count)
		return gcode_fail(g, "expected a [bed_tilt] with points");
	if (!prepare(g, m, l, &m->mc->bed_tilt.points))
		return GCODE_ERROR;
	probe_points_run(m, tilt_probed);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

void levelling_init(struct machine *m)
{
	const struct machine_bed_tilt *t = &m->mc->bed_tilt;

	if (t->present)
		tilt_use(m, t->x_adjust, t->y_adjust, t->z_adjust_mm);
}

const struct gcode_command levelling_commands[] = {
	{ "SCREWS_TILT_CALCULATE", GCODE_EXTENDED, 0, screws,
	  "[MAX_DEVIATION=<mm>] [DIRECTION=<CW|CCW>] " PROBE_POINTS_PARAMS,
	  "how far to turn the bed's screws" },
	{ "Z_TILT_ADJUST", GCODE_EXTENDED, 0, level,
	  "[RETRIES=<n>] [RETRY_TOLERANCE=<mm>] " PROBE_POINTS_PARAMS,
	  "level the bed by its Z motors" },
	{ "QUAD_GANTRY_LEVEL", GCODE_EXTENDED, 0, level,
	  "[RETRIES=<n>] [RETRY_TOLERANCE=<mm>] " PROBE_POINTS_PARAMS,
	  "level the gantry by its four Z motors" },
	{ "BED_TILT_CALIBRATE", GCODE_EXTENDED, 0, tilt, PROBE_POINTS_PARAMS,
	  "find the plane of the bed, which Z follows then" },
};
const unsigned levelling_command_count = sizeof(levelling_commands) / sizeof(*levelling_commands);
