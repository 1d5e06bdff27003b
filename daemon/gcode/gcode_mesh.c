// SPDX-License-Identifier: GPL-2.0-or-later
/* Bed meshes: BED_MESH_PROFILE and its kin. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_path.h"

static void use_link(struct gcode *g, bool on)
{
	const struct transform link = { bedmesh_forward, bedmesh_inverse, &g->meshes->link };

	transform_chain_set(&g->chain, TRANSFORM_MESH, on ? &link : NULL);
}

static void clear(struct gcode *g)
{
	struct gcode_place place;

	gcode_place_take(g, &place);
	use_link(g, false);
	bedmesh_free(&g->meshes->mesh);
	g->meshes->name[0] = '\0';
	gcode_place_put(g, &place);
}

static enum gcode_result load(struct gcode *g, const struct gcode_mesh_profile *p)
{
	struct gcode_meshes *s = g->meshes;
	struct bedmesh_link link = { .mesh = &s->mesh,
				     .fade_start = s->fade_start,
				     .fade_end = s->fade_end };
	struct gcode_place place;
	struct bedmesh mesh = { 0 };
	int rc = bedmesh_build(&mesh, &p->points);

	if (rc < 0)
		return gcode_fail(g, "LOAD=%s: %s", p->name,
				  strerror(-rc)); /* checked with the configuration */
	if (link.fade_end > link.fade_start)
		link.target = s->target_mean ? mesh.mean : s->fade_target;
	link.mesh = &mesh;
	if (!bedmesh_invertible(&link)) {
		rc = gcode_fail(
			g,
			"LOAD=%s: the surface is %.3f .. %.3f mm, the fade from %g to %g mm is "
			"steeper: expected a fade_end further up, or 0",
			p->name, mesh.lowest, mesh.highest, s->fade_start, s->fade_end);
		bedmesh_free(&mesh);
		return GCODE_ERROR;
	}
	gcode_place_take(g, &place);
	bedmesh_free(&s->mesh);
	s->mesh = mesh;
	link.mesh = &s->mesh;
	s->link = link;
	s->points = p->points;
	snprintf(s->name, sizeof(s->name), "%s", p->name);
	use_link(g, true);
	gcode_place_put(g, &place);
	gcode_reply(g, REPLY_INFO, "bed mesh %s: %.3f .. %.3f mm", s->name, mesh.lowest,
		    mesh.highest);
	return GCODE_OK;
}

static struct gcode_mesh_profile *find_profile(struct gcode_meshes *s, const char *name)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (strcmp(s->profile[i].name, name) == 0)
			return &s->profile[i];
	return NULL;
}

static enum gcode_result save(struct gcode *g, struct gcode_mesh_profile *p, const char *name)
{
	struct gcode_meshes *s = g->meshes;

	if (!s->mesh.z)
		return gcode_fail(g, "SAVE=%s: expected a mesh in use", name);
	if (!p && s->count == GCODE_MESH_PROFILES)
		return gcode_fail(g, "SAVE=%s: expected one of the %d profiles there are", name,
				  GCODE_MESH_PROFILES);
	if (!p)
		p = &s->profile[s->count++];
	memcpy(p->name, name, strlen(name) + 1);
	p->points = s->points;
	gcode_reply(g, REPLY_INFO, "profile %s is kept until the next restart", name);
	return GCODE_OK;
}

static enum gcode_result mesh_profile(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	static const char *const verb[] = { "LOAD", "SAVE", "REMOVE" };
	struct gcode_meshes *s = g->meshes;
	struct gcode_mesh_profile *p;
	char name[GCODE_LABEL_MAX];
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
		return save(g, p, name);
	if (!p)
		return gcode_fail(
			g,
			"%s=%s: expected the name of a profile, from a section [bed_mesh NAME] or "
			"BED_MESH_PROFILE SAVE",
			verb[which], name);
	if (which == 0)
		return load(g, p);
	gcode_reply(g, REPLY_INFO,
		    "profile %s is gone until the next restart; it is still in the configuration if "
		    "it was there",
		    p->name);
	memmove(p, p + 1, sizeof(*p) * (size_t)(s->profile + --s->count - p));
	memset(&s->profile[s->count], 0, sizeof(*p));
	return GCODE_OK;
}

static enum gcode_result mesh_clear(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	(void)ctx;
	clear(g);
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
	g->meshes = NULL;
}
