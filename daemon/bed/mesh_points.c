// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bed/mesh_points.h"

#include <math.h>
#include <string.h>

#include "daemon/gcode/bedmesh.h"

static const double ROUND_MM = 1e-6; /* a point on the circle is in it */

void mesh_area_default(const struct machine_mesh_probing *cfg, struct mesh_area *a)
{
	*a = (struct mesh_area){ .round = cfg->radius_mm > 0,
				 .radius_mm = cfg->radius_mm,
				 .algorithm = cfg->algorithm,
				 .tension = cfg->tension,
				 .faulty = cfg->faulty,
				 .faulty_count = cfg->faulty_count };
	for (int k = 0; k < 2; k++) {
		a->origin_mm[k] = cfg->origin_mm[k];
		a->pps[k] = cfg->pps[k];
		a->count[k] = a->round ? cfg->round_count : cfg->count[k];
		a->min_mm[k] = a->round ? cfg->origin_mm[k] - cfg->radius_mm : cfg->min_mm[k];
		a->max_mm[k] = a->round ? cfg->origin_mm[k] + cfg->radius_mm : cfg->max_mm[k];
	}
}

bool mesh_area_adapt(struct mesh_area *a, const double lo_mm[2], const double hi_mm[2],
		     double margin_mm)
{
	double min[2], max[2], radius, size = a->max_mm[0] - a->min_mm[0];

	for (int k = 0; k < 2; k++) {
		min[k] = fmax(lo_mm[k] - margin_mm, a->min_mm[k]);
		max[k] = fmin(hi_mm[k] + margin_mm, a->max_mm[k]);
		if (!(max[k] > min[k]))
			return false;
	}
	if (a->round) {
		/* The circle around it, within the old one. */
		radius = fmin(hypot(max[0] - min[0], max[1] - min[1]) / 2, a->radius_mm);
		for (int k = 0; k < 2; k++) {
			a->origin_mm[k] = (min[k] + max[k]) / 2;
			a->min_mm[k] = a->origin_mm[k] - radius;
			a->max_mm[k] = a->origin_mm[k] + radius;
			a->count[k] = (int)fmax(3, ceil(a->count[k] * 2 * radius / size));
			a->count[k] |= 1;
		}
		a->radius_mm = radius;
		return true;
	}
	for (int k = 0; k < 2; k++) {
		double ratio = (max[k] - min[k]) / (a->max_mm[k] - a->min_mm[k]);

		a->count[k] = (int)fmax(3, ceil(a->count[k] * ratio));
		a->min_mm[k] = min[k];
		a->max_mm[k] = max[k];
	}
	return true;
}

const char *mesh_area_check(struct mesh_area *a)
{
	int least = a->count[0] < a->count[1] ? a->count[0] : a->count[1];
	int most = a->count[0] > a->count[1] ? a->count[0] : a->count[1];

	if (least < BEDMESH_SIDE_MIN || most > BEDMESH_SIDE_MAX)
		return "expected 3 to 64 points a side";
	if (a->round && !(a->count[0] & 1))
		return "expected an odd number of points a side on a round bed";
	if (a->algorithm == 0 && most > BEDMESH_LAGRANGE_MAX)
		return "expected bicubic for more than 6 points a side";
	/* A polynomial through three points is none of third order. */
	if (a->algorithm == 1 && least < 4)
		a->algorithm = most > BEDMESH_LAGRANGE_MAX ? 2 : 0;
	return NULL;
}

static double place(const struct mesh_area *a, int axis, int i)
{
	return a->min_mm[axis] +
	       (a->max_mm[axis] - a->min_mm[axis]) * i / (double)(a->count[axis] - 1);
}

static bool on_bed(const struct mesh_area *a, double x, double y)
{
	if (a->round)
		return hypot(x - a->origin_mm[0], y - a->origin_mm[1]) <= a->radius_mm + ROUND_MM;
	return x >= a->min_mm[0] - ROUND_MM && x <= a->max_mm[0] + ROUND_MM &&
	       y >= a->min_mm[1] - ROUND_MM && y <= a->max_mm[1] + ROUND_MM;
}

static const struct machine_mesh_faulty *faulty_at(const struct mesh_area *a, double x, double y,
						   double edge_mm)
{
	for (size_t i = 0; i < a->faulty_count; i++) {
		const struct machine_mesh_faulty *f = &a->faulty[i];

		if (x > f->min_mm[0] + edge_mm && x < f->max_mm[0] - edge_mm &&
		    y > f->min_mm[1] + edge_mm && y < f->max_mm[1] - edge_mm)
			return f;
	}
	return NULL;
}

/* The places for one point of the grid: itself, or around a faulty region. */
static size_t places(const struct mesh_area *a, double x, double y, double at_mm[4][2])
{
	const struct machine_mesh_faulty *f = faulty_at(a, x, y, -ROUND_MM);
	size_t n = 0;

	if (!f) {
		at_mm[0][0] = x;
		at_mm[0][1] = y;
		return 1;
	}
	for (int i = 0; i < 4; i++) {
		double px = i == 0 ? f->min_mm[0] : i == 1 ? f->max_mm[0] : x;
		double py = i == 2 ? f->min_mm[1] : i == 3 ? f->max_mm[1] : y;

		if (!on_bed(a, px, py) || faulty_at(a, px, py, ROUND_MM))
			continue;
		at_mm[n][0] = px;
		at_mm[n++][1] = py;
	}
	return n;
}

/* All points of the grid that are on the bed, in the order of probing. */
struct walk {
	const struct mesh_area *a;
	int row, step;
};

static bool walk_next(struct walk *w, int *ix, int *iy)
{
	for (;;) {
		if (w->step == w->a->count[0]) {
			w->step = 0;
			w->row++;
		}
		if (w->row == w->a->count[1])
			return false;
		*iy = w->row;
		*ix = w->row & 1 ? w->a->count[0] - 1 - w->step : w->step;
		w->step++;
		if (on_bed(w->a, place(w->a, 0, *ix), place(w->a, 1, *iy)))
			return true;
	}
}

size_t mesh_points_make(const struct mesh_area *a, double at_mm[][2])
{
	struct walk w = { .a = a };
	size_t n = 0;
	int ix, iy;

	while (walk_next(&w, &ix, &iy)) {
		size_t more;

		if (n + 4 > PROBE_POINTS_MAX)
			return 0;
		more = places(a, place(a, 0, ix), place(a, 1, iy), &at_mm[n]);
		if (more == 0)
			return 0;
		n += more;
	}
	return n;
}

/* Off a round bed a row goes on as it ends; rows without any as the next one towards the middle. */
static void fill_outside(const struct mesh_area *a, double *z)
{
	int nx = a->count[0], ny = a->count[1];

	for (int y = 0; y < ny; y++)
		for (int x = nx / 2; x < nx; x++) {
			double *row = z + (size_t)y * (size_t)nx;

			if (x > nx / 2 && isnan(row[x]))
				row[x] = row[x - 1];
			if (x > nx / 2 && isnan(row[nx - 1 - x]))
				row[nx - 1 - x] = row[nx - x];
		}
}

void mesh_points_take(const struct mesh_area *a, const double *found_mm, double *z_mm)
{
	struct walk w = { .a = a };
	size_t n = 0, nx = (size_t)a->count[0], total = nx * (size_t)a->count[1];
	double unused[4][2];
	int ix, iy;

	for (size_t i = 0; i < total; i++)
		z_mm[i] = NAN;
	while (walk_next(&w, &ix, &iy)) {
		size_t k = places(a, place(a, 0, ix), place(a, 1, iy), unused);
		double sum = 0;

		for (size_t i = 0; i < k; i++)
			sum += found_mm[n++];
		z_mm[(size_t)iy * nx + (size_t)ix] = sum / (double)k;
	}
	fill_outside(a, z_mm);
}
