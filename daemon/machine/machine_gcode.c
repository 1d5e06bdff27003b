// SPDX-License-Identifier: GPL-2.0-or-later
/* The interpreter with what the configuration says about arcs, retraction, skew, meshes and objects. */
#include <string.h>

#include "daemon/config/machine_print.h"
#include "daemon/machine/machine.h"
#include "daemon/version.h"

static void set_profiles(struct gcode_skews *s, const struct machine_gcode *cfg)
{
	_Static_assert((int)MACHINE_SKEW_MAX <= (int)GCODE_SKEW_PROFILES,
		       "room for all of the file's");
	_Static_assert(sizeof(cfg->skew[0].name) == sizeof(s->profile[0].name), "same names");

	for (size_t i = 0; i < cfg->skew_count; i++) {
		memcpy(s->profile[i].name, cfg->skew[i].name, sizeof(s->profile[i].name));
		s->profile[i].skew = cfg->skew[i].factor;
	}
	s->count = (uint32_t)cfg->skew_count;
}

static void set_meshes(struct gcode_meshes *s, const struct machine_gcode *cfg)
{
	_Static_assert((int)MACHINE_MESH_MAX <= (int)GCODE_MESH_PROFILES,
		       "room for all of the file's");
	_Static_assert(sizeof(cfg->mesh[0].name) == sizeof(s->profile[0].name), "same names");

	s->fade_start = cfg->mesh_fade_start;
	s->fade_end = cfg->mesh_fade_end;
	s->fade_target = cfg->mesh_fade_target;
	s->target_mean = cfg->mesh_target_mean;
	for (size_t i = 0; i < cfg->mesh_count; i++) {
		memcpy(s->profile[i].name, cfg->mesh[i].name, sizeof(s->profile[i].name));
		s->profile[i].points = cfg->mesh[i].points;
	}
	s->count = (uint32_t)cfg->mesh_count;
}

void machine_gcode_init(struct machine *m)
{
	const struct machine_gcode *cfg = &m->mc->gcode;
	struct gcode *g = &m->gcode;

	gcode_init(g, &m->ops, STEPD_VERSION);
	g->arcs.tolerance_mm = m->mc->stepd.arc_tolerance_mm;
	g->arcs.piece_mm_max = cfg->arc_piece_mm_max;
	g->retract = (struct gcode_retract){ .available = cfg->firmware_retraction,
					     .length_mm = cfg->retract_mm,
					     .speed_mm_s = cfg->retract_speed_mm_s,
					     .extra_mm = cfg->unretract_extra_mm,
					     .unretract_speed_mm_s = cfg->unretract_speed_mm_s };
	if (m->mc->print->home.lines.text)
		g->home_override = &m->mc->print->home;
	set_profiles(&g->skews, cfg);
	gcode_objects_attach(g, &m->objects);
	if (cfg->bed_mesh) {
		set_meshes(&m->meshes, cfg);
		gcode_mesh_attach(g, &m->meshes);
	}
}
