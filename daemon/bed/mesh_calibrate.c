// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bed/mesh_calibrate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/machine/machine.h"

/* ---- parameters ---- */

/* KEY=a,b or KEY=a alone for both. False: an error has been replied. */
static bool pair(struct gcode *g, const struct gcode_line *l, const char *key, double least,
		 double most, double out[2])
{
	const struct gcode_param *p = gcode_param_find(l, key);
	char found[40];
	double x[2];

	if (!p || !p->value)
		return true;
	if (gcode_param_list(p, 1, x))
		x[1] = x[0];
	else if (!gcode_param_list(p, 2, x))
		x[0] = NAN;
	if (x[0] >= least && x[0] <= most && x[1] >= least && x[1] <= most) {
		out[0] = x[0];
		out[1] = x[1];
		return true;
	}
	gcode_fail(g, "%s=%s: expected one or two numbers from %g to %g, with a comma between", key,
		   gcode_quote(found, sizeof(found), p->value, p->value_len), least, most);
	return false;
}

static bool whole_pair(struct gcode *g, const struct gcode_line *l, const char *key, double least,
		       double most, int out[2])
{
	double x[2] = { out[0], out[1] };

	if (!pair(g, l, key, least, most, x))
		return false;
	out[0] = (int)x[0];
	out[1] = (int)x[1];
	return true;
}

static bool read_algorithm(struct gcode *g, const struct gcode_line *l, struct mesh_area *a)
{
	static const char *const names[] = { "lagrange", "bicubic", "direct" };
	char name[16];

	if (!gcode_param_name(g, l, "ALGORITHM", names[a->algorithm], name, sizeof(name)))
		return false;
	for (int i = 0; i < 3; i++) {
		if (strcasecmp(name, names[i]) != 0)
			continue;
		a->algorithm = i;
		return true;
	}
	gcode_fail(g, "ALGORITHM=%s: expected lagrange, bicubic or direct", name);
	return false;
}

/* What the line says instead of the section. */
static bool read_area(struct gcode *g, const struct gcode_line *l, struct mesh_area *a)
{
	double radius = a->radius_mm;

	if (!read_algorithm(g, l, a) || !whole_pair(g, l, "MESH_PPS", 0, BEDMESH_PPS_MAX, a->pps))
		return false;
	if (!a->round)
		return pair(g, l, "MESH_MIN", -10000, 10000, a->min_mm) &&
		       pair(g, l, "MESH_MAX", -10000, 10000, a->max_mm) &&
		       whole_pair(g, l, "PROBE_COUNT", BEDMESH_SIDE_MIN, BEDMESH_SIDE_MAX, a->count);
	if (!gcode_param_number(g, l, "MESH_RADIUS", radius, &radius) ||
	    !pair(g, l, "MESH_ORIGIN", -10000, 10000, a->origin_mm) ||
	    !whole_pair(g, l, "ROUND_PROBE_COUNT", BEDMESH_SIDE_MIN, BEDMESH_SIDE_MAX, a->count))
		return false;
	if (!(radius > 0)) {
		gcode_fail(g, "MESH_RADIUS=%g: expected more than 0", radius);
		return false;
	}
	a->radius_mm = radius;
	for (int k = 0; k < 2; k++) {
		a->min_mm[k] = a->origin_mm[k] - radius;
		a->max_mm[k] = a->origin_mm[k] + radius;
	}
	return true;
}

/* What the objects of the print take up. False: there are none. */
static bool objects_extent(const struct gcode_objects *o, double lo[2], double hi[2])
{
	lo[0] = lo[1] = INFINITY;
	hi[0] = hi[1] = -INFINITY;
	for (uint32_t i = 0; i < o->count; i++) {
		const char *p = o->object[i].polygon ? o->text + o->object[i].polygon : "";

		if (o->object[i].excluded)
			continue;
		for (int axis = 0; *p; axis ^= 1) { /* [[x,y],[x,y],…], checked when it was taken */
			char *end;
			double x;

			p += strcspn(p, "+-.0123456789");
			x = strtod(p, &end);
			if (end == p)
				break;
			lo[axis] = fmin(lo[axis], x);
			hi[axis] = fmax(hi[axis], x);
			p = end;
		}
	}
	return lo[0] <= hi[0] && lo[1] <= hi[1];
}

static bool read_adaptive(struct gcode *g, struct machine *m, const struct gcode_line *l,
			  struct mesh_area *a)
{
	double lo[2], hi[2], margin;
	bool adaptive;

	if (!gcode_param_flag(g, l, "ADAPTIVE", &adaptive) ||
	    !gcode_param_number(g, l, "ADAPTIVE_MARGIN",
				m->mc->gcode.mesh_probing.adaptive_margin_mm, &margin))
		return false;
	if (!adaptive)
		return true;
	if (!objects_extent(&m->objects, lo, hi)) {
		gcode_reply(g, REPLY_INFO, "no objects are defined: the whole area is probed");
		return true;
	}
	if (mesh_area_adapt(a, lo, hi, margin))
		return true;
	gcode_fail(g, "ADAPTIVE=1: the objects, X %g .. %g, Y %g .. %g, are not on the mesh's area",
		   lo[0], hi[0], lo[1], hi[1]);
	return false;
}

/* ---- the result ---- */

static struct bedmesh_points points_of(const struct mesh_area *a, const double *z)
{
	bool direct = a->algorithm == 2;

	return (struct bedmesh_points){ .x_count = (uint32_t)a->count[0],
					.y_count = (uint32_t)a->count[1],
					.x_pps = direct ? 0 : (uint32_t)a->pps[0],
					.y_pps = direct ? 0 : (uint32_t)a->pps[1],
					.algorithm = a->algorithm == 1 ? BEDMESH_BICUBIC
								       : BEDMESH_LAGRANGE,
					.tension = a->tension,
					.min_x = a->min_mm[0],
					.max_x = a->max_mm[0],
					.min_y = a->min_mm[1],
					.max_y = a->max_mm[1],
					.z = z };
}

static void use(struct machine *m)
{
	const struct mesh_calibration *c = &m->mesh_calibration;
	size_t count = (size_t)c->area.count[0] * (size_t)c->area.count[1];
	double *z = config_alloc(count * sizeof(*z)), off_mm = probe_points_offset_mm(m);
	struct bedmesh_points points = points_of(&c->area, z);
	char err[GCODE_ERR_MAX] = "";

	/* Zero is where the bed is touched at the reference, else where the machine's zero is. */
	if (m->mc->gcode.mesh_probing.has_zero)
		off_mm = m->points.z_mm[c->zero];
	mesh_points_take(&c->area, m->points.z_mm, z);
	for (size_t i = 0; i < count; i++)
		z[i] -= off_mm;
	if (!gcode_mesh_use(&m->gcode, &points, c->name, err) ||
	    !gcode_mesh_save(&m->gcode, c->name, err))
		gcode_resume(&m->gcode, err);
	else
		gcode_resume(&m->gcode, NULL);
	free(z);
}

static void probed(struct machine *m, const char *error)
{
	if (error)
		gcode_resume(&m->gcode, error);
	else
		use(m);
}

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct mesh_calibration *c = &m->mesh_calibration;
	const struct machine_mesh_probing *cfg = &m->mc->gcode.mesh_probing;
	struct mesh_area area;
	char name[GCODE_LABEL_MAX], err[GCODE_ERR_MAX] = "";
	const char *wrong;
	size_t count;

	if (!m->mc->gcode.bed_mesh || !cfg->possible)
		return gcode_fail(
			g, "expected a [bed_mesh] with mesh_min and mesh_max, or mesh_radius");
	mesh_area_default(cfg, &area);
	if (!probe_points_read(g, m, l, cfg->travel_z_mm, cfg->speed_mm_s) ||
	    !gcode_param_name(g, l, "PROFILE", "default", name, sizeof(name)) ||
	    !read_area(g, l, &area) || !read_adaptive(g, m, l, &area))
		return GCODE_ERROR;
	for (int k = 0; k < 2; k++)
		if (!(area.max_mm[k] > area.min_mm[k]))
			return gcode_fail(g, "MESH_MAX: expected more than MESH_MIN on both axes");
	wrong = mesh_area_check(&area);
	if (wrong)
		return gcode_fail(g, "%d x %d points: %s", area.count[0], area.count[1], wrong);
	count = mesh_points_make(&area, m->points.at_mm);
	if (count == 0)
		return gcode_fail(g,
				  "a faulty_region leaves no place to probe for one of the points");
	c->area = area;
	c->zero = count;
	strcpy(c->name, name);
	if (cfg->has_zero)
		memcpy(m->points.at_mm[count++], cfg->zero_mm, sizeof(cfg->zero_mm));
	m->points.count = count;
	m->points.of_probe = true;
	if (probe_points_check(m, err) < 0)
		return gcode_fail(g, "%s", err);
	gcode_mesh_clear(g);
	probe_points_run(m, probed);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

const struct gcode_command mesh_calibrate_commands[] = {
	{ "BED_MESH_CALIBRATE", GCODE_EXTENDED, 0, calibrate,
	  "[PROFILE=<name>] [MESH_MIN=<x,y>] [MESH_MAX=<x,y>] [PROBE_COUNT=<x,y>] "
	  "[MESH_RADIUS=<mm>] [MESH_ORIGIN=<x,y>] [ROUND_PROBE_COUNT=<n>] [MESH_PPS=<x,y>] "
	  "[ALGORITHM=<name>] [ADAPTIVE=<0|1>] [ADAPTIVE_MARGIN=<mm>] " PROBE_POINTS_PARAMS,
	  "probe the bed; the mesh is in use then, and kept as a profile" },
};
const unsigned mesh_calibrate_command_count = sizeof(mesh_calibrate_commands) /
					      sizeof(*mesh_calibrate_commands);
