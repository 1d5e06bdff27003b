/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_level.c - [z_tilt], [quad_gantry_level], [screws_tilt_adjust], [bed_tilt]: see machine_load.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static const double RANGE_MM = 10000;

/* Lines of "x, y". */
static size_t places_load(struct machine_load *l, struct config_section *s, const char *option,
			  size_t least, size_t most, double out[][2])
{
	struct config_option *o = config_option(s, option);
	char *copy, *rest, *line;
	size_t n = 0;
	bool ok = true;

	if (!o) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] %s: missing: expected lines of X, Y, %zu at least", s->name,
			      option, least);
		return 0;
	}
	o->used = true;
	rest = copy = config_strdup(o->value);
	while (ok && (line = strsep(&rest, "\n"))) {
		if (!*config_trim(line))
			continue;
		ok = n < most && numbers_parse(config_trim(line), 2, RANGE_MM, out[n]);
		n += ok;
	}
	free(copy);
	if (ok && n >= least)
		return n;
	value_error(l, s, option, "expected %zu to %zu lines of X, Y", least, most);
	return 0;
}

static void travel_load(struct machine_load *l, struct config_section *s,
			struct machine_level_points *p)
{
	static const struct field fields[] = {
		{ "speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_level_points, speed_mm_s),
		  .hi = 10000, .fallback = 50, .unit = "mm/s" },
		{ "horizontal_move_z", FIELD_DOUBLE, 0, AT(machine_level_points, travel_z_mm),
		  .lo = -1000, .hi = 1000, .fallback = 5, .unit = "mm" },
	};

	fields_load(l, s, fields, COUNT(fields), p);
}

static void retries_load(struct machine_load *l, struct config_section *s,
			 struct machine_level_points *p)
{
	static const struct field fields[] = {
		{ "retries", FIELD_INT, 0, AT(machine_level_points, retries), .hi = 30 },
		{ "retry_tolerance", FIELD_DOUBLE, 0, AT(machine_level_points, tolerance_mm),
		  .hi = 1, .unit = "mm" },
	};

	fields_load(l, s, fields, COUNT(fields), p);
}

/* The motors of Z. That they move nothing else is checked later: machine_bed_kinds.c. */
static void motors_find(struct machine_load *l, struct machine_level *level)
{
	const struct machine_config *mc = l->mc;

	level->motors = 0;
	for (size_t r = 0; r < mc->rail_count; r++)
		for (size_t i = 0; mc->rails[r].axis == 2 && i < mc->rails[r].stepper_count &&
				   level->motors < MACHINE_Z_MOTORS_MAX;
		     i++)
			level->motor[level->motors++] = mc->rails[r].stepper[i];
}

static void z_tilt_load(struct machine_load *l)
{
	struct config_section *s = section_use(l, "z_tilt");
	struct machine_level *z = &l->mc->z_tilt;
	size_t n;

	if (!s)
		return;
	motors_find(l, z);
	travel_load(l, s, &z->points);
	retries_load(l, s, &z->points);
	n = places_load(l, s, "z_positions", 2, MACHINE_Z_MOTORS_MAX, z->motor_mm);
	if (n && n != z->motors)
		value_error(l, s, "z_positions",
			    "%zu places, expected one for each of %zu motors of Z", n, z->motors);
	z->points.count = places_load(l, s, "points", 2, MACHINE_LEVEL_POINTS_MAX, z->points.at_mm);
}

static void gantry_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "max_adjust", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_level, most_mm), .hi = 1000,
		  .fallback = 4, .unit = "mm" },
	};
	struct config_section *s = section_use(l, "quad_gantry_level");
	struct machine_level *q = &l->mc->gantry;
	double corner[2][2];

	if (!s)
		return;
	motors_find(l, q);
	travel_load(l, s, &q->points);
	retries_load(l, s, &q->points);
	fields_load(l, s, fields, COUNT(fields), q);
	if (places_load(l, s, "gantry_corners", 2, 2, corner)) {
		/* Front left, back left, back right, front right. */
		for (int i = 0; i < 4; i++) {
			q->motor_mm[i][0] = corner[i >> 1][0];
			q->motor_mm[i][1] = corner[i == 1 || i == 2][1];
		}
		if (!(corner[1][0] > corner[0][0] && corner[1][1] > corner[0][1]))
			value_error(l, s, "gantry_corners", "expected front left, then back right");
	}
	q->points.count = places_load(l, s, "points", 4, 4, q->points.at_mm);
	if (q->motors != 4)
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[quad_gantry_level] %zu motors of Z, expected 4", q->motors);
}

/* CW-M3: clockwise goes up, and how far. */
static void thread_load(struct machine_load *l, struct config_section *s, struct machine_screws *w)
{
	static const double pitch_mm[] = { 0.5, 0.7, 0.8, 1.0 };
	int thread;
	const struct field field = { "screw_thread", FIELD_CHOICE, 0, 0,
				     .choices =
					     "CW-M3 CCW-M3 CW-M4 CCW-M4 CW-M5 CCW-M5 CW-M6 CCW-M6" };

	fields_load(l, s, &field, 1, &thread);
	w->pitch_mm = pitch_mm[thread / 2];
	w->clockwise = thread % 2 == 0;
}

/* screw1 (for number 0) and its name, with another suffix another place of it. False: there is none, or it is wrong. */
static bool screw_load(struct machine_load *l, struct config_section *s, size_t number,
		       const char *suffix, double at_mm[2], char name[40])
{
	char option[40];
	struct config_option *named;

	snprintf(option, sizeof(option), "screw%zu%s", number + 1, suffix);
	if (!config_option(s, option) || !numbers_load(l, s, option, true, 2, RANGE_MM, at_mm))
		return false;
	snprintf(name, 40, "screw at %.3f,%.3f", at_mm[0], at_mm[1]);
	snprintf(option, sizeof(option), "screw%zu_name", number + 1);
	named = config_option(s, option);
	if (named) {
		named->used = true;
		snprintf(name, 40, "%s", named->value);
	}
	return true;
}

static void screws_load(struct machine_load *l)
{
	struct config_section *s = section_use(l, "screws_tilt_adjust");
	struct machine_screws *w = &l->mc->screws;

	if (!s)
		return;
	travel_load(l, s, &w->points);
	thread_load(l, s, w);
	while (w->points.count < MACHINE_LEVEL_POINTS_MAX &&
	       screw_load(l, s, w->points.count, "", w->points.at_mm[w->points.count],
			  w->name[w->points.count]))
		w->points.count++;
	if (w->points.count < 3)
		config_report(
			l->c, CONFIG_ERROR, s->place,
			"[screws_tilt_adjust] %zu screws, expected screw1, screw2, screw3 at least",
			w->points.count);
}

static void bed_screws_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_bed_screws, speed_mm_s),
		  .hi = 10000, .fallback = 50, .unit = "mm/s" },
		{ "probe_speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_bed_screws, probe_speed_mm_s),
		  .hi = 10000, .fallback = 5, .unit = "mm/s" },
		{ "horizontal_move_z", FIELD_DOUBLE, 0, AT(machine_bed_screws, travel_z_mm),
		  .lo = -1000, .hi = 1000, .fallback = 5, .unit = "mm" },
		{ "probe_height", FIELD_DOUBLE, 0, AT(machine_bed_screws, probe_height_mm),
		  .lo = -1000, .hi = 1000, .fallback = 0, .unit = "mm" },
	};
	struct config_section *s = section_use(l, "bed_screws");
	struct machine_bed_screws *b = &l->mc->bed_screws;
	struct machine_screw_round *c = &b->coarse, *f = &b->fine;

	if (!s)
		return;
	fields_load(l, s, fields, COUNT(fields), b);
	while (c->count < MACHINE_LEVEL_POINTS_MAX &&
	       screw_load(l, s, c->count, "", c->at_mm[c->count], c->name[c->count])) {
		f->count += screw_load(l, s, c->count, "_fine_adjust", f->at_mm[f->count],
				       f->name[f->count]);
		c->count++;
	}
	if (c->count < 3)
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[bed_screws] %zu screws, expected screw1, screw2, screw3 at least",
			      c->count);
}

static void tilt_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "x_adjust", FIELD_DOUBLE, 0, AT(machine_bed_tilt, x_adjust), .lo = -0.2,
		  .hi = 0.2 },
		{ "y_adjust", FIELD_DOUBLE, 0, AT(machine_bed_tilt, y_adjust), .lo = -0.2,
		  .hi = 0.2 },
		{ "z_adjust", FIELD_DOUBLE, 0, AT(machine_bed_tilt, z_adjust_mm), .lo = -100,
		  .hi = 100, .unit = "mm" },
	};
	struct config_section *s = section_use(l, "bed_tilt");
	struct machine_bed_tilt *t = &l->mc->bed_tilt;

	t->present = s != NULL;
	if (!s)
		return;
	travel_load(l, s, &t->points);
	fields_load(l, s, fields, COUNT(fields), t);
	if (config_option(s, "points"))
		t->points.count = places_load(l, s, "points", 3, MACHINE_LEVEL_POINTS_MAX,
					      t->points.at_mm);
}

void levels_load(struct machine_load *l)
{
	z_tilt_load(l);
	gantry_load(l);
	screws_load(l);
	bed_screws_load(l);
	tilt_load(l);
}
