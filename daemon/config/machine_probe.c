/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_probe.c - probes and [safe_z_home]: see machine_load.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "daemon/kinematics/kinematics.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static const double RANGE_MM = 10000, SPEED_MM_S = 10000;

static void samples_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	bool descends = p->kind == MACHINE_PROBE_EDDY && !config_option(s, "z_offset") &&
			config_option(s, "descend_z");
	const struct field fields[] = {
		{ "x_offset", FIELD_DOUBLE, 0, AT(machine_probe, offset_mm[0]), .lo = -RANGE_MM,
		  .hi = RANGE_MM, .unit = "mm" },
		{ "y_offset", FIELD_DOUBLE, 0, AT(machine_probe, offset_mm[1]), .lo = -RANGE_MM,
		  .hi = RANGE_MM, .unit = "mm" },
		{ descends ? "descend_z" : "z_offset", FIELD_DOUBLE, FIELD_REQUIRED,
		  AT(machine_probe, offset_mm[2]), .lo = -RANGE_MM, .hi = RANGE_MM, .unit = "mm" },
		{ "speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_probe, speed_mm_s),
		  .hi = SPEED_MM_S, .fallback = 5, .unit = "mm/s" },
		{ "lift_speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_probe, lift_speed_mm_s),
		  .hi = SPEED_MM_S, .fallback = NAN, .unit = "mm/s" },
		{ "samples", FIELD_INT, 0, AT(machine_probe, samples), .lo = 1,
		  .hi = MACHINE_SAMPLES_MAX, .fallback = 1 },
		{ "sample_retract_dist", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_probe, retract_mm),
		  .hi = RANGE_MM, .fallback = 2, .unit = "mm" },
		{ "samples_result", FIELD_CHOICE, 0, AT(machine_probe, result),
		  .choices = "average median" },
		{ "samples_tolerance", FIELD_DOUBLE, 0, AT(machine_probe, tolerance_mm),
		  .hi = RANGE_MM, .fallback = 0.1, .unit = "mm" },
		{ "samples_tolerance_retries", FIELD_INT, 0, AT(machine_probe, retries),
		  .hi = 1000 },
	};

	fields_load(l, s, fields, COUNT(fields), p);
	if (isnan(p->lift_speed_mm_s))
		p->lift_speed_mm_s = p->speed_mm_s;
}

static void switch_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	static const struct field fields[] = {
		{ "pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_probe, pin),
		  .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL, .hi = PIN_SHARED_ENDSTOP },
	};

	p->kind = MACHINE_PROBE_SWITCH;
	fields_load(l, s, fields, COUNT(fields), p);
}

static void bltouch_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	static const struct field fields[] = {
		{ "sensor_pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_probe, pin),
		  .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL, .hi = PIN_SHARED_ENDSTOP },
		{ "control_pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_probe, control_pin),
		  .lo = PIN_ALLOW_INVERT, .hi = PIN_ALONE },
		{ "stow_on_each_sample", FIELD_BOOL, 0, AT(machine_probe, stow_on_each_sample),
		  .fallback = 1 },
		{ "probe_with_touch_mode", FIELD_BOOL, 0, AT(machine_probe, touch_mode), .lo = 0 },
		{ "pin_up_reports_not_triggered", FIELD_BOOL, 0,
		  AT(machine_probe, up_reports_not_triggered), .fallback = 1 },
		{ "pin_up_touch_mode_reports_triggered", FIELD_BOOL, 0,
		  AT(machine_probe, up_touch_reports_triggered), .fallback = 1 },
		{ "set_output_mode", FIELD_CHOICE, FIELD_KEEP, AT(machine_probe, output_mode),
		  .choices = "none 5V OD" },
		{ "pin_move_time", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_probe, pin_move_s),
		  .hi = 10, .fallback = 0.68, .unit = "s" },
	};

	p->kind = MACHINE_PROBE_BLTOUCH;
	fields_load(l, s, fields, COUNT(fields), p);
}

static void effector_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	static const struct field fields[] = {
		{ "control_pin", FIELD_PIN, 0, AT(machine_probe, control_pin),
		  .lo = PIN_ALLOW_INVERT, .hi = PIN_ALONE },
		{ "probe_accel", FIELD_DOUBLE, 0, AT(machine_probe, accel_mm_s2), .hi = 1e6,
		  .unit = "mm/s^2" },
		{ "recovery_time", FIELD_DOUBLE, 0, AT(machine_probe, recovery_s), .hi = 60,
		  .fallback = 0.4, .unit = "s" },
	};

	switch_load(l, s, p);
	p->kind = MACHINE_PROBE_EFFECTOR;
	fields_load(l, s, fields, COUNT(fields), p);
}

/* Axes that home with the probe watch its switch. */
static void endstops_resolve(struct machine_load *l)
{
	const struct machine_probe *p = &l->mc->probe;

	for (size_t r = 0; r < l->mc->rail_count; r++) {
		struct machine_rail *rail = &l->mc->rails[r];
		const struct config_section *s = config_section(l->c, rail->name);

		for (size_t i = 0; i < rail->endstop_count; i++) {
			struct machine_endstop *e = &rail->endstop[i];

			if (strcmp(e->pin.chip, "probe") != 0)
				continue;
			if (strcmp(e->pin.name, "z_virtual_endstop") != 0 || e->pin.invert ||
			    e->pin.pull != PIN_PULL_NONE || rail->axis != 2) {
				value_error(l, s, "endstop_pin",
					    "expected probe:z_virtual_endstop as it is, and for Z");
				continue;
			}
			if (p->kind == MACHINE_PROBE_NONE || !p->pin.set)
				continue; /* another kind of probe, or one with an error */
			e->pin = p->pin;
			e->probe = true;
		}
	}
}

static void safe_z_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_safe_z, speed_mm_s), .hi = 10000,
		  .fallback = 50, .unit = "mm/s" },
		{ "z_hop", FIELD_DOUBLE, 0, AT(machine_safe_z, hop_mm), .hi = 1000, .unit = "mm" },
		{ "z_hop_speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_safe_z, hop_speed_mm_s),
		  .hi = 10000, .fallback = 15, .unit = "mm/s" },
		{ "move_to_previous", FIELD_BOOL, 0, AT(machine_safe_z, move_to_previous), .lo = 0 },
	};
	struct config_section *s = section_use(l, "safe_z_home");
	struct machine_safe_z *z = &l->mc->safe_z;
	double at[2];

	z->present = s != NULL;
	if (!s)
		return;
	bool has_z = false;

	for (size_t r = 0; r < l->mc->rail_count; r++)
		has_z |= l->mc->rails[r].axis == 2;
	if (!has_z && l->mc->rail_count)
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[safe_z_home] expected a machine with a Z carriage, not %s",
			      l->mc->kinematics->name);
	fields_load(l, s, fields, COUNT(fields), z);
	if (numbers_load(l, s, "home_xy_position", true, 2, RANGE_MM, at)) {
		z->x_mm = at[0];
		z->y_mm = at[1];
	}
}

bool numbers_parse(const char *text, size_t count, double most, double *out)
{
	char *copy = config_strdup(text), *rest = copy, *part;
	size_t n = 0;
	bool ok = true;

	while (ok && (part = strsep(&rest, ","))) {
		double x;

		ok = number_parse(config_trim(part), &x) && fabs(x) <= most && n < count;
		if (ok)
			out[n++] = x;
	}
	free(copy);
	return ok && n == count;
}

bool numbers_load(struct machine_load *l, struct config_section *s, const char *option,
		  bool required, size_t count, double most, double *out)
{
	struct config_option *o = config_option(s, option);

	if (!o) {
		if (required)
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] %s: missing: expected %zu numbers with commas between",
				      s->name, option, count);
		return false;
	}
	o->used = true;
	if (numbers_parse(o->value, count, most, out))
		return true;
	value_error(l, s, option, "expected %zu numbers from %g to %g, with commas between", count,
		    -most, most);
	return false;
}

/* Kinds of probes, by their sections: "NAME" or "NAME …". */
static const struct {
	const char *section;
	void (*load)(struct machine_load *l, struct config_section *s, struct machine_probe *p);
} kinds[] = {
	{ "probe", switch_load },
	{ "bltouch", bltouch_load },
	{ "smart_effector", effector_load },
	{ "probe_eddy_current", eddy_load },
	{ "load_cell_probe", load_cell_load },
};

static bool is_section(const char *name, const char *kind)
{
	return !strcmp(name, kind) || section_own_name(name, kind);
}

/* What fetches a probe and brings it back. */
static void scripts_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	static const struct field each[] = {
		{ "deactivate_on_each_sample", FIELD_BOOL, 0,
		  AT(machine_probe, stow_on_each_sample), .fallback = 1 },
	};

	lines_load(l, s, "activate_gcode", &p->activate);
	lines_load(l, s, "deactivate_gcode", &p->deactivate);
	if (p->kind == MACHINE_PROBE_BLTOUCH)
		return;
	p->stow_on_each_sample = true;
	if (p->kind == MACHINE_PROBE_SWITCH)
		fields_load(l, s, each, COUNT(each), p);
	p->stow_on_each_sample &= p->activate.text || p->deactivate.text;
}

void probes_load(struct machine_load *l)
{
	struct machine_probe *p = &l->mc->probe;

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		size_t k = 0;

		while (k < COUNT(kinds) && !is_section(s->name, kinds[k].section))
			k++;
		if (k == COUNT(kinds))
			continue;
		s->used = true;
		if (p->section) {
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] expected only one probe, there is a [%s] too", s->name,
				      p->section);
			continue;
		}
		p->section = s->name;
		kinds[k].load(l, s, p);
		samples_load(l, s, p);
		scripts_load(l, s, p);
	}
	endstops_resolve(l);
	safe_z_load(l);
}
