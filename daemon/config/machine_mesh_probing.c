/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_mesh_probing.c - where and how [bed_mesh] is probed: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config/machine_load.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static const double RANGE_MM = 10000;

/* "5" or "5, 3" */
static void pair_load(struct machine_load *l, struct config_section *s, const char *option,
		      double least, double most, int fallback, int out[2])
{
	struct config_option *o = config_option(s, option);
	double x[2];

	out[0] = out[1] = fallback;
	if (!o)
		return;
	o->used = true;
	if (numbers_parse(o->value, 1, most, x))
		x[1] = x[0];
	else if (!numbers_parse(o->value, 2, most, x))
		x[0] = NAN;
	if (x[0] >= least && x[1] >= least && x[0] == floor(x[0]) && x[1] == floor(x[1])) {
		out[0] = (int)x[0];
		out[1] = (int)x[1];
		return;
	}
	value_error(l, s, option,
		    "expected one or two whole numbers from %g to %g, with a comma between", least,
		    most);
}

static void area_load(struct machine_load *l, struct config_section *s,
		      struct machine_mesh_probing *p)
{
	bool low, high;

	numbers_load(l, s, "mesh_origin", false, 2, RANGE_MM, p->origin_mm);
	if (p->radius_mm > 0) {
		if (!(p->round_count & 1))
			value_error(l, s, "round_probe_count", "expected an odd number");
		p->possible = true;
		return;
	}
	low = numbers_load(l, s, "mesh_min", config_option(s, "mesh_max"), 2, RANGE_MM, p->min_mm);
	high = numbers_load(l, s, "mesh_max", config_option(s, "mesh_min"), 2, RANGE_MM, p->max_mm);
	p->possible = low && high;
	if (p->possible && !(p->max_mm[0] > p->min_mm[0] && p->max_mm[1] > p->min_mm[1]))
		value_error(l, s, "mesh_max", "expected more than mesh_min on both axes");
}

static void faulty_load(struct machine_load *l, struct config_section *s,
			struct machine_mesh_probing *p)
{
	char low[40], high[40];

	for (int i = 1; i <= MACHINE_MESH_FAULTY_MAX; i++) {
		struct machine_mesh_faulty *f = &p->faulty[p->faulty_count];

		snprintf(low, sizeof(low), "faulty_region_%d_min", i);
		snprintf(high, sizeof(high), "faulty_region_%d_max", i);
		if (!config_option(s, low) && !config_option(s, high))
			return;
		if (!numbers_load(l, s, low, true, 2, RANGE_MM, f->min_mm) ||
		    !numbers_load(l, s, high, true, 2, RANGE_MM, f->max_mm))
			continue;
		if (f->max_mm[0] > f->min_mm[0] && f->max_mm[1] > f->min_mm[1])
			p->faulty_count++;
		else
			value_error(l, s, high, "expected more than %s on both axes", low);
	}
}

void mesh_probing_load(struct machine_load *l, struct config_section *s)
{
	static const struct field fields[] = {
		{ "speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_mesh_probing, speed_mm_s),
		  .hi = 10000, .fallback = 50, .unit = "mm/s" },
		{ "horizontal_move_z", FIELD_DOUBLE, 0, AT(machine_mesh_probing, travel_z_mm),
		  .lo = -1000, .hi = 1000, .fallback = 5, .unit = "mm" },
		{ "mesh_radius", FIELD_DOUBLE, FIELD_ABOVE | FIELD_KEEP,
		  AT(machine_mesh_probing, radius_mm), .hi = 10000, .unit = "mm" },
		{ "round_probe_count", FIELD_INT, 0, AT(machine_mesh_probing, round_count),
		  .lo = BEDMESH_SIDE_MIN, .hi = BEDMESH_SIDE_MAX, .fallback = 5 },
		{ "algorithm", FIELD_CHOICE, 0, AT(machine_mesh_probing, algorithm),
		  .choices = "lagrange bicubic direct" },
		{ "bicubic_tension", FIELD_DOUBLE, 0, AT(machine_mesh_probing, tension), .hi = 2,
		  .fallback = 0.2 },
		{ "adaptive_margin", FIELD_DOUBLE, 0, AT(machine_mesh_probing, adaptive_margin_mm),
		  .hi = 1000, .unit = "mm" },
	};
	struct machine_mesh_probing *p = &l->mc->gcode.mesh_probing;
	struct config_option *zero = config_option(s, "zero_reference_position");

	fields_load(l, s, fields, COUNT(fields), p);
	pair_load(l, s, "probe_count", BEDMESH_SIDE_MIN, BEDMESH_SIDE_MAX, 3, p->count);
	pair_load(l, s, "mesh_pps", 0, BEDMESH_PPS_MAX, 2, p->pps);
	area_load(l, s, p);
	faulty_load(l, s, p);
	p->has_zero = zero &&
		      numbers_load(l, s, "zero_reference_position", true, 2, RANGE_MM, p->zero_mm);
	if (p->possible && p->algorithm == 0 &&
	    (p->radius_mm > 0            ? p->round_count
	     : p->count[0] > p->count[1] ? p->count[0]
					 : p->count[1]) > BEDMESH_LAGRANGE_MAX)
		value_error(l, s, "algorithm", "expected bicubic for more than %d points a side",
			    BEDMESH_LAGRANGE_MAX);
}
