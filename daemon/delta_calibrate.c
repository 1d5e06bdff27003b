// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/delta_calibrate.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/kinematics/kinematics.h"
#include "daemon/machine.h"
#include "daemon/save.h"

enum { FITTED = 6, ROUNDS = 50, AROUND = 6 };

#define DIFFERENCE 1e-4 /* mm or degrees, for derivatives */
#define DAMPING 1e-9

/* ---- the fit ---- */

static double *parameter(struct delta_geometry *d, int i)
{
	return i == 0 ? &d->radius_mm : i < 4 ? &d->endstop_mm[i - 1] : &d->angle_deg[i - 4];
}

/* Height of the nozzle with the carriages so far below their switches; NAN: impossible. */
static double height(const struct delta_geometry *d, const double travel_mm[3])
{
	double centre[3][3], xyz[3];

	for (int k = 0; k < 3; k++) {
		double a = d->angle_deg[k] * M_PI / 180, r = d->radius_mm;

		centre[k][0] = r * cos(a);
		centre[k][1] = r * sin(a);
		centre[k][2] = d->endstop_mm[k] + sqrt(d->arm_mm[k] * d->arm_mm[k] - r * r) -
			       travel_mm[k];
	}
	return kinematics_trilaterate((const double(*)[3])centre, d->arm_mm, xyz) ? xyz[2] : NAN;
}

/* Gauss-Jordan with pivots; false: singular. */
static bool solve(double a[FITTED][FITTED + 1])
{
	for (int c = 0; c < FITTED; c++) {
		int p = c;

		for (int r = c + 1; r < FITTED; r++)
			if (fabs(a[r][c]) > fabs(a[p][c]))
				p = r;
		if (!(fabs(a[p][c]) > 1e-15))
			return false;
		for (int k = 0; k <= FITTED; k++) {
			double swap = a[c][k];

			a[c][k] = a[p][k];
			a[p][k] = swap;
		}
		for (int r = 0; r < FITTED; r++) {
			double f = a[r][c] / a[c][c];

			for (int k = c; k <= FITTED && r != c; k++)
				a[r][k] -= f * a[c][k];
		}
	}
	return true;
}

/* One step towards the least squares. False: none. */
static bool improve(struct delta_geometry *d, size_t count, const double travel_mm[][3],
		    const double *height_mm)
{
	double a[FITTED][FITTED + 1] = { { 0 } };

	for (size_t i = 0; i < count; i++) {
		double off = height_mm[i] - height(d, travel_mm[i]), slope[FITTED];

		for (int p = 0; p < FITTED; p++) {
			double *x = parameter(d, p), was = *x, up;

			*x = was + DIFFERENCE;
			up = height(d, travel_mm[i]);
			*x = was - DIFFERENCE;
			slope[p] = (up - height(d, travel_mm[i])) / (2 * DIFFERENCE);
			*x = was;
		}
		for (int p = 0; p < FITTED; p++) {
			for (int q = 0; q < FITTED; q++)
				a[p][q] += slope[p] * slope[q];
			a[p][FITTED] += slope[p] * off;
		}
	}
	for (int p = 0; p < FITTED; p++)
		a[p][p] += DAMPING * (double)count;
	if (!solve(a))
		return false;
	for (int p = 0; p < FITTED; p++)
		*parameter(d, p) += a[p][FITTED] / a[p][p];
	return true;
}

double delta_fit(struct delta_geometry *d, size_t count, const double travel_mm[][3],
		 const double *height_mm)
{
	double square = 0;

	for (int round = 0; round < ROUNDS; round++)
		if (!improve(d, count, travel_mm, height_mm))
			return NAN;
	for (size_t i = 0; i < count; i++) {
		double off = height_mm[i] - height(d, travel_mm[i]);

		square += off * off / (double)count;
	}
	return sqrt(square);
}

/* ---- the command ---- */

static void geometry_of(const struct machine_config *mc, struct delta_geometry *d)
{
	d->radius_mm = mc->geometry.radius_mm;
	for (int k = 0; k < 3; k++) {
		const struct kin *tower = &mc->steppers[mc->rails[k].stepper[0]].joint;

		d->endstop_mm[k] = mc->rails[k].position_endstop_mm;
		d->angle_deg[k] = atan2(tower->y, tower->x) * 180 / M_PI;
		d->angle_deg[k] += d->angle_deg[k] < 0 ? 360 : 0;
		d->arm_mm[k] = tower->rod;
	}
}

static void save(struct machine *m, const struct delta_geometry *d)
{
	save_set(m, false, "printer", "delta_radius", "%.6f", d->radius_mm);
	for (int k = 0; k < 3; k++) {
		save_set(m, false, m->mc->rails[k].name, "position_endstop", "%.6f",
			 d->endstop_mm[k]);
		save_set(m, false, m->mc->rails[k].name, "angle", "%.6f", d->angle_deg[k]);
	}
}

static void probed(struct machine *m, const char *error)
{
	double travel_mm[DELTA_PLACES_MAX][3], height_mm[DELTA_PLACES_MAX], left_mm;
	struct delta_geometry d;

	if (error) {
		gcode_resume(&m->gcode, error);
		return;
	}
	geometry_of(m->mc, &d);
	for (size_t i = 0; i < m->points.count; i++) {
		double at_mm[MOVE_AXES] = { 0 };

		probe_points_touched(m, i, at_mm);
		for (int k = 0; k < 2 && !m->points.manual; k++)
			at_mm[k] -= m->probe.offset_mm[k]; /* the nozzle */
		at_mm[AXIS_Z] = m->points.z_mm[i];
		for (int k = 0; k < 3; k++)
			travel_mm[i][k] =
				m->mc->geometry.endstop[k] -
				kin_position(&m->mc->steppers[m->mc->rails[k].stepper[0]].joint,
					     at_mm);
		height_mm[i] = probe_points_offset_mm(m);
	}
	left_mm = delta_fit(&d, m->points.count, (const double(*)[3])travel_mm, height_mm);
	if (!(left_mm < 1)) {
		gcode_resume(&m->gcode,
			     "no geometry fits these heights; the configuration is as it was");
		return;
	}
	save(m, &d);
	machine_say(m, REPLY_INFO, "delta_radius: %.6f", d.radius_mm);
	for (int k = 0; k < 3; k++)
		machine_say(m, REPLY_INFO, "%s: position_endstop: %.6f angle: %.6f",
			    m->mc->rails[k].name, d.endstop_mm[k], d.angle_deg[k]);
	machine_say(m, REPLY_INFO,
		    "the heights differ by %.4f mm (rms) with that; SAVE_CONFIG writes it into the "
		    "configuration and restarts",
		    left_mm);
	gcode_resume(&m->gcode, NULL);
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

const struct gcode_command delta_calibrate_commands[] = {
	{ "DELTA_CALIBRATE", GCODE_EXTENDED, 0, calibrate, PROBE_POINTS_PARAMS,
	  "find radius, endstops and angles of a delta from a flat bed" },
};
const unsigned delta_calibrate_command_count = sizeof(delta_calibrate_commands) /
					       sizeof(*delta_calibrate_commands);
