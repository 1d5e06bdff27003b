/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kinematics.c - what the kinds share: see kinematics.h. */
#include "daemon/kinematics/kinematics.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/machine_load.h"
#include "kin_cut.h"

/* Of the step rate that the pulses allow: a run's intervals are not all alike. */
#define STEP_RATE_SHARE 0.95
/* Homing travels this many times the axis' range, from anywhere. */
#define OVERTRAVEL 1.5
#define SLACK_MM 1e-9

static const struct kinematics_ops *const kinds[] = {
	&kinematics_cartesian,     &kinematics_corexy,        &kinematics_corexz,
	&kinematics_hybrid_corexy, &kinematics_hybrid_corexz, &kinematics_generic_cartesian,
	&kinematics_delta,         &kinematics_deltesian,     &kinematics_polar,
	&kinematics_rotary_delta,  &kinematics_winch,         &kinematics_none,
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

const struct kinematics_ops *kinematics_find(const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

const char *kinematics_names(char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = 0;
	for (size_t i = 0; i < KINDS && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s",
				      !i              ? ""
				      : i + 1 < KINDS ? ", "
						      : " or ",
				      kinds[i]->name);
	return buf;
}

bool kinematics_linear(const struct machine_config *mc)
{
	for (size_t i = 0; i < mc->stepper_count; i++)
		if (mc->steppers[i].joint.kind != KIN_LINEAR)
			return false;
	return true;
}

bool kinematics_turns(const struct machine_config *mc)
{
	for (size_t i = 0; i < mc->stepper_count; i++)
		if (mc->steppers[i].joint.kind == KIN_ANGLE)
			return true;
	return false;
}

void kinematics_aside(const struct machine_config *mc, double xy_mm[2])
{
	if (kinematics_turns(mc) && hypot(xy_mm[0], xy_mm[1]) < KINEMATICS_ASIDE_MM) {
		xy_mm[0] = KINEMATICS_ASIDE_MM;
		xy_mm[1] = 0;
	}
}

int kinematics_refuse(char *err, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err, size, format, ap);
	va_end(ap);
	return -EINVAL;
}

int kinematics_check_axis(int axis, double value_mm, double lo_mm, double hi_mm, char *err,
			  size_t size)
{
	if (value_mm >= lo_mm - SLACK_MM && value_mm <= hi_mm + SLACK_MM)
		return 0;
	return kinematics_refuse(err, size, "%c=%.4f mm is out of reach; expected %.4f .. %.4f",
				 "XYZ"[axis], value_mm, lo_mm, hi_mm);
}

bool kinematics_stays(uint32_t axes, const double from_mm[MACHINE_AXES],
		      const double to_mm[MACHINE_AXES])
{
	uint32_t moved = 0;

	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (fabs(to_mm[axis] - from_mm[axis]) >= 1e-9)
			moved |= 1u << axis;
	return moved && !(moved & axes);
}

/* ---- forward ---- */

void kinematics_solve(size_t count, const double weight[][MACHINE_AXES], const double *joint,
		      double xyz_mm[MACHINE_AXES])
{
	double row[MACHINE_AXES][MACHINE_AXES + 1];
	int rows = 0, pivot[MACHINE_AXES];

	/* Gauss-Jordan over the first joints that are independent of those before. */
	for (size_t i = 0; i < count && rows < MACHINE_AXES; i++) {
		double *r = row[rows], scale = 0;
		int at = 0;

		for (int k = 0; k < MACHINE_AXES; k++) {
			r[k] = weight[i][k];
			scale = fmax(scale, fabs(r[k]));
		}
		r[MACHINE_AXES] = joint[i];
		for (int j = 0; j < rows; j++) {
			double f = r[pivot[j]];

			for (int k = 0; k <= MACHINE_AXES; k++)
				r[k] -= f * row[j][k];
		}
		for (int k = 1; k < MACHINE_AXES; k++)
			if (fabs(r[k]) > fabs(r[at]))
				at = k;
		if (!(fabs(r[at]) > 1e-9 * scale))
			continue;
		for (int k = 0; k <= MACHINE_AXES; k++)
			if (k != at)
				r[k] /= r[at];
		r[at] = 1;
		for (int j = 0; j < rows; j++) {
			double f = row[j][at];

			for (int k = 0; k <= MACHINE_AXES; k++)
				row[j][k] -= f * r[k];
		}
		pivot[rows++] = at;
	}
	for (int j = 0; j < rows; j++) {
		double v = row[j][MACHINE_AXES];
		bool alone = true;

		for (int k = 0; k < MACHINE_AXES; k++)
			alone &= k == pivot[j] || fabs(row[j][k]) < 1e-9;
		if (alone)
			xyz_mm[pivot[j]] = v;
	}
}

static double dot(const double a[3], const double b[3])
{
	return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

void kinematics_rod_end(const struct kin *k, double joint, double at_mm[MACHINE_AXES])
{
	double out = k->x + k->arm * cos(joint);
	bool turns = k->kind == KIN_ELBOW;

	at_mm[AXIS_X] = turns ? out * k->cos_a : k->x;
	at_mm[AXIS_Y] = turns ? out * k->sin_a : k->y;
	at_mm[AXIS_Z] = turns ? k->z + k->arm * sin(joint) : joint;
}

/* In the frame of the three centres: along the first side, across it, and off their plane. */
bool kinematics_trilaterate(const double centre[3][3], const double distance[3], double xyz_mm[3])
{
	double ex[3], ey[3], ez[3], to[3], d, i, j, x, y, z2, z;
	double r0 = distance[0] * distance[0];

	for (int k = 0; k < 3; k++) {
		ex[k] = centre[1][k] - centre[0][k];
		to[k] = centre[2][k] - centre[0][k];
	}
	d = sqrt(dot(ex, ex));
	for (int k = 0; k < 3; k++)
		ex[k] /= d;
	i = dot(ex, to);
	for (int k = 0; k < 3; k++)
		ey[k] = to[k] - i * ex[k];
	j = sqrt(dot(ey, ey));
	if (!(d > 0 && j > 1e-9 * d))
		return false; /* on one line */
	for (int k = 0; k < 3; k++)
		ey[k] /= j;
	ez[0] = ex[1] * ey[2] - ex[2] * ey[1];
	ez[1] = ex[2] * ey[0] - ex[0] * ey[2];
	ez[2] = ex[0] * ey[1] - ex[1] * ey[0];
	x = (r0 - distance[1] * distance[1] + d * d) / (2 * d);
	y = (r0 - distance[2] * distance[2] + dot(to, to) - 2 * i * x) / (2 * j);
	z2 = r0 - x * x - y * y;
	if (!(z2 >= 0))
		return false;
	z = ez[2] > 0 ? -sqrt(z2) : sqrt(z2);
	for (int k = 0; k < 3; k++)
		xyz_mm[k] = centre[0][k] + x * ex[k] + y * ey[k] + z * ez[k];
	return true;
}

/* ---- along a move ---- */

/* The straight line at 1 mm/s. Returns its length. */
static double unit_path(const double from_mm[3], const double to_mm[3], struct kin_path *path)
{
	double length = 0;

	memset(path, 0, sizeof(*path));
	for (int i = 0; i < 3; i++) {
		path->p[i] = from_mm[i];
		path->v[i] = to_mm[i] - from_mm[i];
		length += path->v[i] * path->v[i];
	}
	length = sqrt(length);
	for (int i = 0; i < 3; i++)
		path->v[i] /= length > 0 ? length : 1;
	return length;
}

void kinematics_extent(const struct kin *k, const double from_mm[3], const double to_mm[3],
		       double *least, double *most)
{
	struct kin_path path;
	struct kin_point a, b, mid;
	double length = unit_path(from_mm, to_mm, &path);

	kin_along(k, &path, 0, &a);
	kin_along(k, &path, length, &b);
	*least = fmin(a.p, b.p);
	*most = fmax(a.p, b.p);
	if (!(a.v * b.v < 0))
		return;
	kin_along(k, &path, kin_cut_turn(k, &path, 0, length), &mid);
	*least = fmin(*least, mid.p);
	*most = fmax(*most, mid.p);
}

/* Units of the joint per mm of the move, at most. The speeds of rods, cables and radii change one way only
 * along a line, so they are largest at an end; an angle's is where the line is nearest. */
static double fastest(const struct kin *k, const double from_mm[3], const double to_mm[3])
{
	struct kin_path path;
	struct kin_point at;
	double length = unit_path(from_mm, to_mm, &path), speed = 0;
	int parts = k->kind == KIN_ELBOW ? 8 : 1;

	if (k->kind == KIN_ANGLE) {
		double h = hypot(path.v[0], path.v[1]);
		double s = h > 0 ? -(path.p[0] * path.v[0] + path.p[1] * path.v[1]) / (h * h) : 0;

		kin_along(k, &path, fmin(fmax(s, 0), length), &at);
		return fabs(at.v);
	}
	for (int i = 0; i <= parts; i++) {
		kin_along(k, &path, length * i / parts, &at);
		speed = fmax(speed, fabs(at.v));
	}
	return k->kind == KIN_ELBOW ? 1.1 * speed : speed;
}

/* How fast a joint may be, units/s, for shaped axes not to make it faster than `most`. Discs, boxes and speeds of
 * rods and cables are convex: what holds along the path holds in its hull, as good as exactly where they change
 * within a shaper's span. The angle around the Z axis is not. X and Y, shaped each in its own way, are somewhere in
 * the box around the path of a span. With the path no faster than c times its distance from the axis, which is r0 at
 * least, that path is L = r0 (e^s - 1) long, s = c span; it touches all sides of the box, so no place in it is
 * farther from it than L / sqrt(2), and the speed is at most sqrt(2) c r0 e^s. So the angle is no faster than
 * sqrt(2) c e^s / (1.71 - 0.71 e^s), and for c = most / (sqrt(2) + 1.71 most span) that is at most `most`, since
 * e^s (1.71 - 1.71 s) never rises. */
static double slowed(const struct kin *k, double most, double span_s)
{
	if (k->kind != KIN_ANGLE || !(span_s > 0))
		return most;
	return most / (M_SQRT2 + 1.71 * most * span_s);
}

void kinematics_limit(const struct machine_config *mc, double span_s, const double from_mm[3],
		      const double to_mm[3], struct kinematics_limits *out)
{
	out->velocity_mm_s = out->accel_mm_s2 = INFINITY;
	if (from_mm[0] == to_mm[0] && from_mm[1] == to_mm[1] && from_mm[2] == to_mm[2])
		return;
	for (size_t i = 0; i < mc->stepper_count; i++) {
		const struct machine_stepper *m = &mc->steppers[i];
		double speed, most = STEP_RATE_SHARE * m->step_distance_mm / (2 * m->step_pulse_s);

		if (m->joint.kind == KIN_LINEAR)
			continue;
		speed = fastest(&m->joint, from_mm, to_mm);
		if (!(speed > 0))
			continue;
		out->velocity_mm_s = fmin(out->velocity_mm_s,
					  slowed(&m->joint, most, span_s) / speed);
		if (m->joint.kind != KIN_ROD || !(speed > mc->geometry.slow_ratio))
			continue;
		out->velocity_mm_s = fmin(out->velocity_mm_s,
					  mc->max_velocity_mm_s * mc->geometry.slow_ratio / speed);
		out->accel_mm_s2 = fmin(out->accel_mm_s2,
					mc->max_accel_mm_s2 * mc->geometry.slow_ratio / speed);
	}
}

/* ---- homing ---- */

void kinematics_home_rail(const struct machine_config *mc, size_t rail,
			  struct kinematics_homing *step)
{
	const struct machine_rail *r = &mc->rails[rail];
	double travel_mm = OVERTRAVEL * (r->position_max_mm - r->position_min_mm);

	*step = (struct kinematics_homing){ .rails = 1u << rail,
					    .axes = 1u << r->axis,
					    .dual = r->partner >= 0 ? (int)rail : -1,
					    .home_mm = { NAN, NAN, NAN },
					    .far_mm = { NAN, NAN, NAN } };
	step->home_mm[r->axis] = r->position_endstop_mm;
	step->far_mm[r->axis] = r->position_endstop_mm +
				(r->homing_positive ? -travel_mm : travel_mm);
}

/* ---- loading ---- */

void kinematics_load_sums(struct machine_load *l, const double weight[3][3], const double *second)
{
	static const char *const bases[] = { "stepper_x", "stepper_y", "stepper_z" };
	struct machine_config *mc = l->mc;

	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		struct machine_rail *a = rail_load(l, bases[axis], axis, 0, NULL);

		for (size_t i = 0; a && i < a->stepper_count; i++)
			memcpy(mc->steppers[a->stepper[i]].carriage, weight[axis],
			       sizeof(weight[axis]));
	}
	if (mc->rail_count == MACHINE_AXES)
		kinematics_load_dual(l, second);
}

void kinematics_load_min_z(struct machine_load *l, struct config_section *printer, double max_mm)
{
	const struct field field = { .option = "minimum_z_position",
				     .kind = FIELD_DOUBLE,
				     .offset = offsetof(struct machine_geometry, min_z_mm),
				     .lo = -100000,
				     .hi = isfinite(max_mm) ? max_mm : 100000,
				     .unit = "mm" };

	fields_load(l, printer, &field, 1, &l->mc->geometry);
}
