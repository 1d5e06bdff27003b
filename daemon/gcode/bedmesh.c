// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/bedmesh.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Crossings nearer than this share of a move follow each other at once. */
#define SHARE_EPS 1e-9
/* Pieces shorter than this, mm, are joined with the next where the tolerance allows it. */
#define PIECE_MM_MIN 0.2

/* ---- the surface ---- */

/* At index `at` of n points at p[0], p[stride], …: the polynomial through all of them. */
static double lagrange(const double *p, uint32_t n, size_t stride, double at)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		double w = 1;

		for (uint32_t k = 0; k < n; k++)
			if (k != i)
				w *= (at - k) / ((double)i - k);
		sum += w * p[i * stride];
	}
	return sum;
}

/* The same by pieces of third order. Hermite basis functions, any textbook; slopes at the edge are taken with the edge's own point. */
static double hermite(const double *p, uint32_t n, size_t stride, double at, double tension)
{
	uint32_t i = at >= n - 1 ? n - 2 : (uint32_t)at;
	double u = at - i, u2 = u * u, u3 = u2 * u;
	double p0 = p[i * stride], p1 = p[(i + 1) * stride];
	double before = i > 0 ? p[(i - 1) * stride] : p0,
	       after = i + 2 < n ? p[(i + 2) * stride] : p1;
	double m0 = tension * (p1 - before), m1 = tension * (after - p0);

	return (2 * u3 - 3 * u2 + 1) * p0 + (u3 - 2 * u2 + u) * m0 + (3 * u2 - 2 * u3) * p1 +
	       (u3 - u2) * m1;
}

/* One row or column of n points with stride, filled up to (n - 1) * (pps + 1) + 1 values. */
static void fill(const struct bedmesh_points *p, const double *from, uint32_t n, size_t stride,
		 uint32_t pps, double *to, size_t to_stride)
{
	uint32_t filled = (n - 1) * (pps + 1) + 1;

	for (uint32_t k = 0; k < filled; k++) {
		double at = (double)k / (pps + 1);

		if (k % (pps + 1) == 0)
			to[k * to_stride] = from[k / (pps + 1) * stride];
		else if (p->algorithm == BEDMESH_LAGRANGE)
			to[k * to_stride] = lagrange(from, n, stride, at);
		else
			to[k * to_stride] = hermite(from, n, stride, at, p->tension);
	}
}

static bool fits(const struct bedmesh_points *p)
{
	uint32_t most = p->algorithm == BEDMESH_LAGRANGE && (p->x_pps || p->y_pps)
				? BEDMESH_LAGRANGE_MAX
				: BEDMESH_SIDE_MAX;

	if (p->x_count < BEDMESH_SIDE_MIN || p->y_count < BEDMESH_SIDE_MIN || p->x_count > most ||
	    p->y_count > most || p->x_pps > BEDMESH_PPS_MAX || p->y_pps > BEDMESH_PPS_MAX)
		return false;
	if (!(p->max_x > p->min_x) || !(p->max_y > p->min_y) || !isfinite(p->max_x - p->min_x) ||
	    !isfinite(p->max_y - p->min_y) || !(p->tension >= 0 && p->tension <= 2))
		return false;
	for (size_t i = 0; i < (size_t)p->x_count * p->y_count; i++)
		if (!isfinite(p->z[i]))
			return false;
	return true;
}

int bedmesh_build(struct bedmesh *m, const struct bedmesh_points *p)
{
	double *rows, sum = 0;
	size_t n;

	bedmesh_free(m);
	if (!fits(p))
		return -EINVAL;
	m->nx = (p->x_count - 1) * (p->x_pps + 1) + 1;
	m->ny = (p->y_count - 1) * (p->y_pps + 1) + 1;
	n = (size_t)m->nx * m->ny;
	m->z = malloc(n * sizeof(*m->z));
	rows = malloc((size_t)m->nx * p->y_count * sizeof(*rows));
	if (!m->z || !rows) {
		free(rows);
		bedmesh_free(m);
		return -ENOMEM;
	}
	for (uint32_t y = 0; y < p->y_count; y++)
		fill(p, p->z + (size_t)y * p->x_count, p->x_count, 1, p->x_pps,
		     rows + (size_t)y * m->nx, 1);
	for (uint32_t x = 0; x < m->nx; x++)
		fill(p, rows + x, p->y_count, m->nx, p->y_pps, m->z + x, m->nx);
	free(rows);
	m->min_x = p->min_x;
	m->min_y = p->min_y;
	m->step_x = (p->max_x - p->min_x) / (m->nx - 1);
	m->step_y = (p->max_y - p->min_y) / (m->ny - 1);
	m->lowest = m->highest = m->z[0];
	for (size_t i = 0; i < n; i++) {
		m->lowest = fmin(m->lowest, m->z[i]);
		m->highest = fmax(m->highest, m->z[i]);
		sum += m->z[i];
	}
	m->mean = sum / (double)n;
	return 0;
}

void bedmesh_free(struct bedmesh *m)
{
	free(m->z);
	memset(m, 0, sizeof(*m));
}

/* In which cell a coordinate is, and how far in it; clamped to the mesh. */
static uint32_t cell(double at, double min, double step, uint32_t n, double *u)
{
	double c = (at - min) / step;
	uint32_t i;

	c = c < 0 ? 0 : c > n - 1 ? n - 1 : c;
	i = c >= n - 1 ? n - 2 : (uint32_t)c;
	*u = c - i;
	return i;
}

double bedmesh_z(const struct bedmesh *m, double x, double y)
{
	double u, v;
	uint32_t i = cell(x, m->min_x, m->step_x, m->nx, &u);
	uint32_t k = cell(y, m->min_y, m->step_y, m->ny, &v);
	const double *z = m->z + (size_t)k * m->nx + i;
	double low = z[0] + u * (z[1] - z[0]), high = z[m->nx] + u * (z[m->nx + 1] - z[m->nx]);

	return low + v * (high - low);
}

/* ---- heights ---- */

static double surface(const struct bedmesh_link *l, double x, double y)
{
	return bedmesh_z(l->mesh, x - l->offset_x, y - l->offset_y);
}

static bool fades(const struct bedmesh_link *l)
{
	return l->fade_end > l->fade_start;
}

/* Share of the surface that counts at height z. */
static double share(const struct bedmesh_link *l, double z)
{
	if (!fades(l) || z <= l->fade_start)
		return 1;
	return z >= l->fade_end ? 0 : (l->fade_end - z) / (l->fade_end - l->fade_start);
}

static double adjustment(const struct bedmesh_link *l, double x, double y, double z)
{
	return share(l, z) * (surface(l, x, y) - l->target) + l->target;
}

bool bedmesh_invertible(const struct bedmesh_link *l)
{
	double range = l->fade_end - l->fade_start;

	return !fades(l) ||
	       (l->mesh->highest - l->target < range && l->target - l->mesh->lowest < range);
}

void bedmesh_forward(const void *ctx, double mm[MOVE_AXES])
{
	mm[AXIS_Z] += adjustment(ctx, mm[AXIS_X], mm[AXIS_Y], mm[AXIS_Z]);
}

void bedmesh_inverse(const void *ctx, double mm[MOVE_AXES])
{
	const struct bedmesh_link *l = ctx;
	double above = surface(l, mm[AXIS_X], mm[AXIS_Y]) - l->target;
	double z = mm[AXIS_Z] - l->target; /* were there no surface */
	double range = l->fade_end - l->fade_start;

	if (!fades(l) || z - above <= l->fade_start)
		mm[AXIS_Z] = z - above;
	else if (z >= l->fade_end)
		mm[AXIS_Z] = z;
	else /* z = h + above * (end - h) / range */
		mm[AXIS_Z] = (z - above * l->fade_end / range) / (1 - above / range);
}

/* ---- straight moves ---- */

/* The next share above t at which the line crosses one of the n grid lines of an axis; or at_most. */
static double crossing(double a, double d, double t, double min, double step, uint32_t n,
		       double at_most)
{
	double c = (a + d * t - min) / step, next;

	if (d == 0)
		return at_most;
	/* A crossing that was just made is not made again. */
	c += (d > 0 ? SHARE_EPS : -SHARE_EPS) * fabs(d) / step;
	next = d > 0 ? floor(c) + 1 : ceil(c) - 1;
	if (d > 0 && next < 0)
		next = 0;
	if (d < 0 && next > n - 1)
		next = n - 1;
	if (next < 0 || next > n - 1)
		return at_most;
	next = (next * step + min - a) / d;
	return next > t + SHARE_EPS && next < at_most ? next : at_most;
}

struct line {
	const struct bedmesh_link *l;
	double a[3], d[3];
};

static double line_adjustment(const struct line *s, double t)
{
	return adjustment(s->l, s->a[0] + s->d[0] * t, s->a[1] + s->d[1] * t, s->a[2] + s->d[2] * t);
}

/* Up to which share, above t, the adjustment is one polynomial. */
static double smooth_until(const struct line *s, double t)
{
	const struct bedmesh *m = s->l->mesh;
	double until = 1;

	until = crossing(s->a[0] - s->l->offset_x, s->d[0], t, m->min_x, m->step_x, m->nx, until);
	until = crossing(s->a[1] - s->l->offset_y, s->d[1], t, m->min_y, m->step_y, m->ny, until);
	if (fades(s->l)) {
		double range = s->l->fade_end - s->l->fade_start;

		until = crossing(s->a[2], s->d[2], t, s->l->fade_start, range, 2, until);
	}
	return until;
}

/* The greatest second derivative of the adjustment between two shares within which it is smooth. There it
 * is a cubic at most, (linear share) * (quadratic surface), so that its second derivative is linear
 * and three values say all. */
static double bend(const struct line *s, double t0, double t1)
{
	double h = t1 - t0, q[4], third, second;

	for (int i = 0; i < 4; i++)
		q[i] = line_adjustment(s, t0 + h * i / 3.0);
	third = (q[3] - 3 * q[2] + 3 * q[1] - q[0]) * 27; /* in units of h */
	second = 4.5 * (q[0] - q[1] - q[2] + q[3]);       /* in the middle */
	return (fabs(second) + 0.5 * fabs(third)) / (h * h);
}

double bedmesh_split(const struct bedmesh_link *l, const double a[MOVE_AXES],
		     const double b[MOVE_AXES], double from, double tolerance_mm)
{
	struct line s = { .l = l };
	double until, curved, length_mm, next;

	for (int i = 0; i < 3; i++) {
		s.a[i] = a[i];
		s.d[i] = b[i] - a[i];
	}
	length_mm = hypot(s.d[0], s.d[1]);
	until = smooth_until(&s, from);
	curved = bend(&s, from, until);
	/* A chord is off by h^2 / 8 of the second derivative at most. */
	if (curved * (until - from) * (until - from) > 8 * tolerance_mm) {
		double pieces = ceil((until - from) * sqrt(curved / (8 * tolerance_mm)));

		return from + (until - from) / pieces;
	}
	if (until >= 1 - SHARE_EPS)
		return 1;
	/* A short piece up to a kink: go on past it, if the chord still is near enough there and behind it. */
	if ((until - from) * length_mm < PIECE_MM_MIN) {
		double z0 = line_adjustment(&s, from), z1, at;

		next = smooth_until(&s, until);
		at = until + PIECE_MM_MIN / length_mm;
		next = next < at ? next : at;
		next = next > 1 - SHARE_EPS ? 1 : next;
		z1 = line_adjustment(&s, next);
		at = z0 + (z1 - z0) * (until - from) / (next - from);
		if (fabs(at - line_adjustment(&s, until)) +
			    curved * (until - from) * (until - from) / 8 +
			    bend(&s, until, next) * (next - until) * (next - until) / 8 <=
		    tolerance_mm)
			return next;
	}
	return until;
}
