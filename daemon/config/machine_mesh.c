/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_mesh.c - [bed_mesh] and its profiles: see machine_load.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/machine_load.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

/* Numbers between commas and newlines, all of which there are to be count. NULL and an error if not. */
static double *points_parse(struct machine_load *l, struct config_section *s, size_t count)
{
	struct config_option *o = config_option(s, "points");
	double *z = calloc(count, sizeof(*z));
	char *text = o ? strdup(o->value) : NULL, *save = NULL;
	size_t n = 0;

	if (o)
		o->used = true;
	if (!o || !text || !z) {
		value_error(l, s, "points", "expected %zu heights, row by row from min_y on", count);
		free(text);
		free(z);
		return NULL;
	}
	for (char *word = strtok_r(text, ", \t\r\n", &save); word;
	     word = strtok_r(NULL, ", \t\r\n", &save)) {
		double value;

		if (!number_parse(word, &value) || value < -100 || value > 100) {
			value_error(l, s, "points", "'%.40s': expected heights of -100 to 100 mm",
				    word);
			n = count; /* one error is enough */
			free(z);
			z = NULL;
			break;
		}
		if (n < count)
			z[n] = value;
		n++;
	}
	free(text);
	if (n != count) {
		value_error(l, s, "points", "%zu heights, expected x_count times y_count: %zu", n,
			    count);
		free(z);
		return NULL;
	}
	return z;
}

static void profile_load(struct machine_load *l, struct config_section *s, const char *name)
{
	static const char algorithms[] = "lagrange bicubic direct";
	static const struct field fields[] = {
		{ "x_count", FIELD_INT, FIELD_REQUIRED, AT(machine_mesh, x_count),
		  .lo = BEDMESH_SIDE_MIN, .hi = BEDMESH_SIDE_MAX },
		{ "y_count", FIELD_INT, FIELD_REQUIRED, AT(machine_mesh, y_count),
		  .lo = BEDMESH_SIDE_MIN, .hi = BEDMESH_SIDE_MAX },
		{ "mesh_x_pps", FIELD_INT, 0, AT(machine_mesh, x_pps), .hi = BEDMESH_PPS_MAX,
		  .fallback = 2 },
		{ "mesh_y_pps", FIELD_INT, 0, AT(machine_mesh, y_pps), .hi = BEDMESH_PPS_MAX,
		  .fallback = 2 },
		{ "algo", FIELD_CHOICE, 0, AT(machine_mesh, algorithm), .choices = algorithms },
		{ "tension", FIELD_DOUBLE, 0, AT(machine_mesh, points.tension), .hi = 2,
		  .fallback = 0.2 },
		{ "min_x", FIELD_DOUBLE, FIELD_REQUIRED, AT(machine_mesh, points.min_x),
		  .lo = -10000, .hi = 10000, .unit = "mm" },
		{ "max_x", FIELD_DOUBLE, FIELD_REQUIRED, AT(machine_mesh, points.max_x),
		  .lo = -10000, .hi = 10000, .unit = "mm" },
		{ "min_y", FIELD_DOUBLE, FIELD_REQUIRED, AT(machine_mesh, points.min_y),
		  .lo = -10000, .hi = 10000, .unit = "mm" },
		{ "max_y", FIELD_DOUBLE, FIELD_REQUIRED, AT(machine_mesh, points.max_y),
		  .lo = -10000, .hi = 10000, .unit = "mm" },
	};
	struct machine_gcode *g = &l->mc->gcode;
	struct machine_mesh *m = &g->mesh[g->mesh_count];
	struct bedmesh mesh = { 0 };
	size_t errors = l->c->errors;

	s->used = true;
	if (config_option(s, "version"))
		config_option(s, "version")->used = true;
	if (g->mesh_count == MACHINE_MESH_MAX || strlen(name) >= sizeof(m->name)) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%.100s]: expected at most %d profiles, with names of at most %zu "
			      "characters",
			      s->name, MACHINE_MESH_MAX, sizeof(m->name) - 1);
		return;
	}
	fields_load(l, s, fields, COUNT(fields), m);
	if (l->c->errors > errors)
		return;
	strcpy(m->name, name);
	m->points.x_count = (uint32_t)m->x_count;
	m->points.y_count = (uint32_t)m->y_count;
	m->points.x_pps = m->algorithm == 2 ? 0 : (uint32_t)m->x_pps;
	m->points.y_pps = m->algorithm == 2 ? 0 : (uint32_t)m->y_pps;
	m->points.algorithm = m->algorithm == 1 ? BEDMESH_BICUBIC : BEDMESH_LAGRANGE;
	m->z = points_parse(l, s, (size_t)m->x_count * (size_t)m->y_count);
	m->points.z = m->z;
	if (!m->z)
		return;
	g->mesh_count++;
	if (m->algorithm == 0 &&
	    (m->x_count > BEDMESH_LAGRANGE_MAX || m->y_count > BEDMESH_LAGRANGE_MAX))
		value_error(l, s, "algo", "expected bicubic for more than %d points a side",
			    BEDMESH_LAGRANGE_MAX);
	else if (!(m->points.max_x > m->points.min_x) || !(m->points.max_y > m->points.min_y))
		value_error(l, s, "max_x", "expected max_x above min_x and max_y above min_y");
	else if (bedmesh_build(&mesh, &m->points) < 0)
		value_error(l, s, "points", "no mesh can be made of them");
	bedmesh_free(&mesh);
}

void mesh_load(struct machine_load *l)
{
	static const char profile[] = "bed_mesh ";
	static const struct field fields[] = {
		{ "fade_start", FIELD_DOUBLE, 0, AT(machine_gcode, mesh_fade_start), .lo = 0,
		  .hi = 1000, .fallback = 1, .unit = "mm" },
		{ "fade_end", FIELD_DOUBLE, 0, AT(machine_gcode, mesh_fade_end), .lo = 0,
		  .hi = 1000, .fallback = 0, .unit = "mm" },
		{ "fade_target", FIELD_DOUBLE, FIELD_KEEP, AT(machine_gcode, mesh_fade_target),
		  .lo = -100, .hi = 100, .unit = "mm" },
	};
	struct config_section *s = section_use(l, "bed_mesh");
	struct machine_gcode *g = &l->mc->gcode;

	g->bed_mesh = s != NULL;
	g->mesh_target_mean = !s || !config_option(s, "fade_target");
	if (s) {
		fields_load(l, s, fields, COUNT(fields), g);
		mesh_probing_load(l, s);
		if (g->mesh_fade_end > 0 && g->mesh_fade_end <= g->mesh_fade_start)
			value_error(l, s, "fade_end",
				    "expected 0 (no fade), or above fade_start, %g mm",
				    g->mesh_fade_start);
	}
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *p = l->c->sections[i];

		if (strncmp(p->name, profile, sizeof(profile) - 1) != 0)
			continue;
		if (s)
			profile_load(l, p, p->name + sizeof(profile) - 1);
	}
}

void mesh_free(struct machine_gcode *g)
{
	for (size_t i = 0; i < MACHINE_MESH_MAX; i++)
		free(g->mesh[i].z);
}
