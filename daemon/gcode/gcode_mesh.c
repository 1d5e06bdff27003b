// SPDX-License-Identifier: GPL-2.0-or-later
/* Bed meshes: BED_MESH_PROFILE and its kin. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_path.h"

static void use_link(struct gcode *g, bool on)
{
	const struct transform link = { bedmesh_forward, bedmesh_inverse, &g->meshes->link };

	transform_chain_set(&g->chain, TRANSFORM_MESH, on ? &link : NULL);
}

void gcode_mesh_clear(struct gcode *g)
{
	struct gcode_meshes *s = g->meshes;
	struct gcode_place place;

	gcode_place_take(g, &place);
	use_link(g, false);
	bedmesh_free(&s->mesh);
	free(s->own);
	s->own = NULL;
	s->name[0] = '\0';
	gcode_place_put(g, &place);
}

static double *copy_of(const struct bedmesh_points *p)
{
	size_t bytes = (size_t)p->x_count * p->y_count * sizeof(*p->z);
	double *z = malloc(bytes);

	if (z)
		memcpy(z, p->z, bytes);
	return z;
}

/* The surface as it is to be used: with its fade, which must not be shorter than it is high. */
static bool make_link(const struct gcode_meshes *s, const struct bedmesh *mesh,
		      struct bedmesh_link *link, char *err)
{
	*link = (struct bedmesh_link){ .mesh = mesh,
				       .fade_start = s->fade_start,
				       .fade_end = s->fade_end };
	if (link->fade_end > link->fade_start)
		link->target = s->target_mean ? mesh->mean : s->fade_target;
	if (bedmesh_invertible(link))
		return true;
	snprintf(err, GCODE_ERR_MAX,
		 "the surface is %.3f .. %.3f mm, the fade from %g to %g mm is steeper: expected a "
		 "fade_end further up, or 0",
		 mesh->lowest, mesh->highest, s->fade_start, s->fade_end);
	return false;
}

bool gcode_mesh_use(struct gcode *g, const struct bedmesh_points *points, const char *name,
		    char *err)
{
	struct gcode_meshes *s = g->meshes;
	struct bedmesh mesh = { 0 };
	struct bedmesh_link link;
	struct gcode_place place;
	double *own = copy_of(points);
	int rc = own ? bedmesh_build(&mesh, points) : -ENOMEM;

	if (rc < 0)
		snprintf(err, GCODE_ERR_MAX, "%s", strerror(-rc));
	if (rc < 0 || !make_link(s, &mesh, &link, err)) {
		bedmesh_free(&mesh);
		free(own);
		return false;
	}
	gcode_place_take(g, &place);
	bedmesh_free(&s->mesh);
	free(s->own);
	s->mesh = mesh;
	link.mesh = &s->mesh;
	s->link = link;
	s->points = *points;
	s->points.z = s->own = own;
	snprintf(s->name, sizeof(s->name), "%s", name);
	use_link(g, true);
	gcode_place_put(g, &place);
	gcode_reply(g, REPLY_INFO, "bed mesh %s: %.3f .. %.3f mm", s->name, mesh.lowest,
		    mesh.highest);
	return true;
}

static enum gcode_result load(struct gcode *g, const struct gcode_mesh_profile *p)
{
	char err[GCODE_ERR_MAX];

	if (gcode_mesh_use(g, &p->points, p->name, err))
		return GCODE_OK;
	return gcode_fail(g, "LOAD=%s: %s", p->name, err);
}

static struct gcode_mesh_profile *find_profile(struct gcode_meshes *s, const char *name)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (strcmp(s->profile[i].name, name) == 0)
			return &s->profile[i];
	return NULL;
}

/* ---- SAVE_CONFIG ---- */

static __attribute__((format(printf, 4, 5))) void keep(struct gcode *g, const char *section,
						       const char *option, const char *fmt, ...)
{
	char value[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	g->ops->save(g->ops->ctx, section, option, value);
}

static void keep_points(struct gcode *g, const char *section, const struct bedmesh_points *p)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (uint32_t y = 0; f && y < p->y_count; y++) {
		fputc('\n', f);
		for (uint32_t x = 0; x < p->x_count; x++)
			fprintf(f, "%s%.6f", x ? ", " : "", p->z[(size_t)y * p->x_count + x]);
	}
	if (f && fclose(f) == 0)
		g->ops->save(g->ops->ctx, section, "points", text);
	free(text);
}

/* As hosts of this configuration know it. */
static void keep_profile(struct gcode *g, const struct gcode_mesh_profile *p)
{
	const struct bedmesh_points *b = &p->points;
	char section[GCODE_LABEL_MAX + 16];
	bool direct = b->x_pps == 0 && b->y_pps == 0;

	if (!g->ops->save)
		return;
	snprintf(section, sizeof(section), "bed_mesh %s", p->name);
	g->ops->save(g->ops->ctx, section, NULL, NULL);
	keep(g, section, "version", "1");
	keep_points(g, section, b);
	keep(g, section, "x_count", "%u", b->x_count);
	keep(g, section, "y_count", "%u", b->y_count);
	keep(g, section, "mesh_x_pps", "%u", b->x_pps);
	keep(g, section, "mesh_y_pps", "%u", b->y_pps);
	keep(g, section, "algo", "%s",
	     direct                            ? "direct"
	     : b->algorithm == BEDMESH_BICUBIC ? "bicubic"
					       : "lagrange");
	keep(g, section, "tension", "%g", b->tension);
	keep(g, section, "min_x", "%.6f", b->min_x);
	keep(g, section, "max_x", "%.6f", b->max_x);
	keep(g, section, "min_y", "%.6f", b->min_y);
	keep(g, section, "max_y", "%.6f", b->max_y);
}

static void say_kept(struct gcode *g, const char *name, const char *what)
{
	gcode_reply(g, REPLY_INFO,
		    g->ops->save ? "profile %s %s; SAVE_CONFIG writes that into the configuration"
				 : "profile %s %s until the next restart",
		    name, what);
}

bool gcode_mesh_save(struct gcode *g, const char *name, char *err)
{
	struct gcode_meshes *s = g->meshes;
	struct gcode_mesh_profile *p = find_profile(s, name);
	double *own;

	if (!s->mesh.z) {
		strcpy(err, "expected a mesh in use");
		return false;
	}
	if (!p && s->count == GCODE_MESH_PROFILES) {
		snprintf(err, GCODE_ERR_MAX, "expected one of the %d profiles there are",
			 GCODE_MESH_PROFILES);
		return false;
	}
	own = copy_of(&s->points);
	if (!own) {
		strcpy(err, "out of memory");
		return false;
	}
	if (!p)
		p = &s->profile[s->count++];
	free(p->own);
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->points = s->points;
	p->points.z = p->own = own;
	keep_profile(g, p);
	say_kept(g, p->name, "is kept");
	return true;
}

static void forget_profile(struct gcode *g, struct gcode_mesh_profile *p)
{
	struct gcode_meshes *s = g->meshes;
	char section[GCODE_LABEL_MAX + 16];

	snprintf(section, sizeof(section), "bed_mesh %s", p->name);
	if (g->ops->save)
		g->ops->save(g->ops->ctx, section, NULL, NULL);
	say_kept(g, p->name, "is gone");
	free(p->own);
	memmove(p, p + 1, sizeof(*p) * (size_t)(s->profile + --s->count - p));
	memset(&s->profile[s->count], 0, sizeof(*p));
}

static enum gcode_result mesh_profile(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	static const char *const verb[] = { "LOAD", "SAVE", "REMOVE" };
	struct gcode_meshes *s = g->meshes;
	struct gcode_mesh_profile *p;
	char name[GCODE_LABEL_MAX], err[GCODE_ERR_MAX];
	int which = -1;

	(void)ctx;
	for (int i = 0; i < 3; i++)
		if (gcode_param_find(l, verb[i]))
			which = i;
	if (l->params != 1)
		return gcode_fail(g, "expected one of LOAD, SAVE and REMOVE");
	if (!gcode_param_name(g, l, verb[which], "", name, sizeof(name)))
		return GCODE_ERROR;
	p = find_profile(s, name);
	if (which == 1)
		return gcode_mesh_save(g, name, err) ? GCODE_OK
						     : gcode_fail(g, "SAVE=%s: %s", name, err);
	if (!p)
		return gcode_fail(
			g,
			"%s=%s: expected the name of a profile, from a section [bed_mesh NAME] or "
			"BED_MESH_PROFILE SAVE",
			verb[which], name);
	if (which == 0)
		return load(g, p);
	forget_profile(g, p);
	return GCODE_OK;
}

static enum gcode_result mesh_clear(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	(void)ctx;
	gcode_mesh_clear(g);
	return GCODE_OK;
}

static enum gcode_result mesh_offset(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_meshes *s = g->meshes;
	struct bedmesh_link link = s->link;
	struct gcode_place place;
	double fade = 0;

	(void)ctx;
	if (!s->mesh.z)
		return gcode_fail(g, "expected a mesh in use: BED_MESH_PROFILE LOAD=<name>");
	if (!gcode_param_number(g, l, "X", link.offset_x, &link.offset_x) ||
	    !gcode_param_number(g, l, "Y", link.offset_y, &link.offset_y) ||
	    !gcode_param_number(g, l, "ZFADE", link.fade_start - s->fade_start, &fade))
		return GCODE_ERROR;
	link.fade_start = s->fade_start + fade;
	link.fade_end = s->fade_end > s->fade_start ? s->fade_end + fade : link.fade_start;
	gcode_place_take(g, &place);
	s->link = link;
	gcode_place_put(g, &place);
	return GCODE_OK;
}

static enum gcode_result mesh_output(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct gcode_meshes *s = g->meshes;
	const struct bedmesh *m = &s->mesh;

	(void)l;
	(void)ctx;
	if (!m->z) {
		gcode_reply(g, REPLY_INFO, "no bed mesh in use, %u profiles", s->count);
		for (uint32_t i = 0; i < s->count; i++)
			gcode_reply(g, REPLY_INFO, "profile %s", s->profile[i].name);
		return GCODE_OK;
	}
	gcode_reply(g, REPLY_INFO, "bed mesh %s: %u x %u points, X %g .. %g, Y %g .. %g mm",
		    s->name, s->points.x_count, s->points.y_count, s->points.min_x, s->points.max_x,
		    s->points.min_y, s->points.max_y);
	gcode_reply(g, REPLY_INFO, "%.3f .. %.3f, mean %.3f mm; fade %g .. %g mm to %.3f", m->lowest,
		    m->highest, m->mean, s->link.fade_start, s->link.fade_end, s->link.target);
	for (uint32_t y = s->points.y_count; y-- > 0;) {
		char row[BEDMESH_SIDE_MAX * 8 + 1];
		size_t used = 0;

		for (uint32_t x = 0; x < s->points.x_count && used < sizeof(row) - 12; x++)
			used += (size_t)snprintf(row + used, sizeof(row) - used, " %6.3f",
						 s->points.z[(size_t)y * s->points.x_count + x]);
		gcode_reply(g, REPLY_INFO, "%s", row);
	}
	return GCODE_OK;
}

static const struct gcode_command commands[] = {
	{ "BED_MESH_PROFILE", GCODE_EXTENDED, 0, mesh_profile,
	  "[LOAD=<name>] [SAVE=<name>] [REMOVE=<name>]", "named meshes" },
	{ "BED_MESH_CLEAR", GCODE_EXTENDED, 0, mesh_clear, "", "no mesh any more" },
	{ "BED_MESH_OFFSET", GCODE_EXTENDED, 0, mesh_offset, "[X=<mm>] [Y=<mm>] [ZFADE=<mm>]",
	  "move the mesh, for another nozzle" },
	{ "BED_MESH_OUTPUT", GCODE_EXTENDED, GCODE_NOW, mesh_output, "[PGP=<0..1>]",
	  "the probed points of the mesh in use, far edge first" },
};

void gcode_mesh_attach(struct gcode *g, struct gcode_meshes *meshes)
{
	g->meshes = meshes;
	gcode_add_table(g, commands, sizeof(commands) / sizeof(*commands), NULL);
}

void gcode_mesh_detach(struct gcode *g)
{
	if (!g->meshes)
		return;
	use_link(g, false);
	bedmesh_free(&g->meshes->mesh);
	free(g->meshes->own);
	for (uint32_t i = 0; i < g->meshes->count; i++)
		free(g->meshes->profile[i].own);
	g->meshes = NULL;
}
