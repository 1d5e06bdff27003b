// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bed/delta_fit.h"

#include <math.h>

#include "daemon/kinematics/kinematics.h"

enum { PARAMETERS_MAX = 14, ROUNDS = 60 };

#define DIFFERENCE 1e-4 /* mm or degrees, for derivatives */
#define DISTANCE_WEIGHT 0.5
/* A mm or degree away from what it was counts as much as so many mm^2 of measurements. */
#define INERTIA_MM2 1e-9

/* ---- the machine ---- */

struct kin delta_joint(const struct delta_geometry *d, int k)
{
	double a = d->angle_deg[k] * M_PI / 180;

	if (d->rotary)
		return (struct kin){ .kind = KIN_ELBOW,
				     .x = d->radius_mm,
				     .z = d->shoulder_mm,
				     .cos_a = cos(a),
				     .sin_a = sin(a),
				     .arm = d->upper_mm[k],
				     .rod = d->arm_mm[k] };
	return (struct kin){ .kind = KIN_ROD,
			     .x = d->radius_mm * cos(a),
			     .y = d->radius_mm * sin(a),
			     .rod = d->arm_mm[k] };
}

static double at_switch(const struct delta_geometry *d, const struct kin *joint, int k)
{
	const double middle_mm[3] = { 0, 0, d->endstop_mm[k] };

	return kin_position(joint, middle_mm);
}

void delta_below(const struct delta_geometry *d, const double xyz_mm[3], double below_steps[3])
{
	for (int k = 0; k < 3; k++) {
		struct kin joint = delta_joint(d, k);

		below_steps[k] = (at_switch(d, &joint, k) - kin_position(&joint, xyz_mm)) /
				 d->step[k];
	}
}

bool delta_nozzle(const struct delta_geometry *d, const double below_steps[3], double xyz_mm[3])
{
	double end[3][3];

	for (int k = 0; k < 3; k++) {
		struct kin joint = delta_joint(d, k);

		kinematics_rod_end(&joint, at_switch(d, &joint, k) - below_steps[k] * d->step[k],
				   end[k]);
	}
	return kinematics_trilaterate((const double(*)[3])end, d->arm_mm, xyz_mm);
}

/* ---- what is fitted ---- */

/* Pointers to the parameters; returns their number. */
static int parameters(struct delta_geometry *d, bool extended, double *out[PARAMETERS_MAX])
{
	int n = 0;

	out[n++] = &d->radius_mm;
	for (int k = 0; k < 3; k++)
		out[n++] = &d->endstop_mm[k];
	if (d->rotary)
		out[n++] = &d->shoulder_mm;
	/* The third one says where X is. */
	for (int k = 0; k < 2 && (extended || !d->rotary); k++)
		out[n++] = &d->angle_deg[k];
	for (int k = 0; k < 3 && extended; k++)
		out[n++] = &d->arm_mm[k];
	for (int k = 0; k < 3 && extended && d->rotary; k++)
		out[n++] = &d->upper_mm[k];
	return n;
}

/* Measurement i, heights first, as the geometry has it; NAN: impossible. */
static double expected_mm(const struct delta_geometry *d, const struct machine_delta_data *data,
			  size_t i)
{
	double a[3], b[3];

	if (i < data->heights)
		return delta_nozzle(d, data->height[i].below_steps, a) ? a[2] : NAN;
	i -= data->heights;
	if (!delta_nozzle(d, data->distance[i].below_steps[0], a) ||
	    !delta_nozzle(d, data->distance[i].below_steps[1], b))
		return NAN;
	return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
		    (a[2] - b[2]) * (a[2] - b[2]));
}

static double found_mm(const struct machine_delta_data *data, size_t i)
{
	return i < data->heights ? data->height[i].z_mm : data->distance[i - data->heights].mm;
}

static double left_mm(const struct delta_geometry *d, const struct machine_delta_data *data,
		      size_t from, size_t to)
{
	double square = 0;

	for (size_t i = from; i < to; i++) {
		double off = found_mm(data, i) - expected_mm(d, data, i);

		square += off * off / (double)(to - from);
	}
	return sqrt(square);
}

/* ---- the fit ---- */

/* Gauss-Jordan with pivots; false: singular. */
static bool solve(int n, double a[PARAMETERS_MAX][PARAMETERS_MAX + 1])
{
	for (int c = 0; c < n; c++) {
		int p = c;

		for (int r = c + 1; r < n; r++)
			if (fabs(a[r][c]) > fabs(a[p][c]))
				p = r;
		if (!(fabs(a[p][c]) > 0))
			return false;
		for (int k = 0; k <= n; k++) {
			double swap = a[c][k];

			a[c][k] = a[p][k];
			a[p][k] = swap;
		}
		for (int r = 0; r < n; r++) {
			double f = a[r][c] / a[c][c];

			for (int k = c; k <= n && r != c; k++)
				a[r][k] -= f * a[c][k];
		}
	}
	return true;
}

/* One step towards the least squares. False: none. */
static bool improve(struct delta_geometry *d, const struct machine_delta_data *data, bool extended,
		    const double was[PARAMETERS_MAX])
{
	double a[PARAMETERS_MAX][PARAMETERS_MAX + 1] = { { 0 } }, *x[PARAMETERS_MAX];
	size_t count = data->heights + (extended ? data->distances : 0);
	int n = parameters(d, extended, x);

	for (size_t i = 0; i < count; i++) {
		double weight = i < data->heights ? 1 : DISTANCE_WEIGHT, slope[PARAMETERS_MAX];
		double off = found_mm(data, i) - expected_mm(d, data, i);

		for (int p = 0; p < n; p++) {
			double here = *x[p], up;

			*x[p] = here + DIFFERENCE;
			up = expected_mm(d, data, i);
			*x[p] = here - DIFFERENCE;
			slope[p] = (up - expected_mm(d, data, i)) / (2 * DIFFERENCE);
			*x[p] = here;
		}
		for (int p = 0; p < n; p++) {
			for (int q = 0; q < n; q++)
				a[p][q] += weight * slope[p] * slope[q];
			a[p][n] += weight * slope[p] * off;
		}
	}
	for (int p = 0; p < n; p++) {
		a[p][p] += INERTIA_MM2;
		a[p][n] += INERTIA_MM2 * (was[p] - *x[p]);
	}
	if (!solve(n, a))
		return false;
	for (int p = 0; p < n; p++)
		*x[p] += a[p][n] / a[p][p];
	return true;
}

double delta_fit(struct delta_geometry *d, const struct machine_delta_data *data, bool extended)
{
	double was[PARAMETERS_MAX], *x[PARAMETERS_MAX];
	int n = parameters(d, extended, x);

	for (int p = 0; p < n; p++)
		was[p] = *x[p];
	for (int round = 0; round < ROUNDS; round++)
		if (!improve(d, data, extended, was))
			return NAN;
	for (int p = 0; p < n; p++)
		if (!isfinite(*x[p]))
			return NAN;
	return left_mm(d, data, 0, data->heights);
}

double delta_distances_left(const struct delta_geometry *d, const struct machine_delta_data *data)
{
	return left_mm(d, data, data->heights, data->heights + data->distances);
}
