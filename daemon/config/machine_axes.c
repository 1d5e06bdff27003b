/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_axes.c - steppers, axes and extruders from the configuration: see machine_load.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "move.h"

/* A driver that stepd's hosts set up over its bus takes short pulses; others get the time
 * that the slowest of the common driver chips need. */
static const double PULSE_S = 2e-6, PULSE_BUS_DRIVER_S = 100e-9;

static const double RANGE_MM = 100000, SPEED_MM_S = 100000, ACCEL_MM_S2 = 1e7;

#define AT(type, member) offsetof(struct type, member)

static struct config_section *stepper_motor(struct machine_load *l, struct config_section *s,
					    struct machine_stepper *m)
{
	const double pin = PIN_ALLOW_INVERT;
	const struct field fields[] = {
		{ "step_pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_stepper, step_pin), .lo = pin,
		  .hi = PIN_ALONE },
		{ "dir_pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_stepper, dir_pin), .lo = pin,
		  .hi = PIN_ALONE },
		{ "enable_pin", FIELD_PIN, 0, AT(machine_stepper, enable_pin), .lo = pin,
		  .hi = PIN_SHARED_ENABLE },
		{ "rotation_distance", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  AT(machine_stepper, rotation_distance_mm), .lo = 0, .hi = 10000, .unit = "mm" },
		{ "microsteps", FIELD_INT, FIELD_REQUIRED, AT(machine_stepper, microsteps), .lo = 1,
		  .hi = 256 },
		{ "full_steps_per_rotation", FIELD_INT, 0,
		  AT(machine_stepper, full_steps_per_rotation), .lo = 4, .hi = 4000,
		  .fallback = 200 },
		{ "gear_ratio", FIELD_RATIO, 0, AT(machine_stepper, gear_ratio), .fallback = 1 },
		{ "step_pulse_duration", FIELD_DOUBLE, 0, AT(machine_stepper, step_pulse_s),
		  .lo = 0, .hi = 0.001, .fallback = NAN, .unit = "s" },
	};

	snprintf(m->name, sizeof(m->name), "%s", s->name);
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), m);
	if (m->full_steps_per_rotation % 4)
		value_error(l, s, "full_steps_per_rotation", "expected a multiple of 4");
	m->step_distance_mm = m->rotation_distance_mm /
			      (m->full_steps_per_rotation * (double)m->microsteps * m->gear_ratio);
	m->step_pulse_configured = !isnan(m->step_pulse_s);
	if (!m->step_pulse_configured) {
		m->step_pulse_s = PULSE_S;
		for (size_t i = 0; i < l->c->section_count; i++) {
			const char *name = l->c->sections[i]->name, *blank = strchr(name, ' ');

			if (!strncmp(name, "tmc", 3) && blank && !strcmp(blank + 1, s->name))
				m->step_pulse_s = PULSE_BUS_DRIVER_S;
		}
	}
	return s;
}

/* The probe's height above the bed when it triggers, where the axis homes with the probe. */
static double probe_offset(struct machine_load *l, const struct config_section *axis)
{
	static const char *const probes[] = { "probe", "bltouch", "smart_effector",
					      "load_cell_probe" };
	double z = 0;

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		bool is_probe = !strncmp(s->name, "probe_eddy_current ", 19);

		for (size_t j = 0; j < sizeof(probes) / sizeof(*probes); j++)
			is_probe |= !strcmp(s->name, probes[j]);
		struct config_option *o = is_probe ? config_option(s, "z_offset") : NULL;

		if (!o)
			continue;
		o->used = true;
		if (!number_parse(o->value, &z) || fabs(z) > RANGE_MM) {
			value_error(l, s, "z_offset", "expected a number of mm, [%s] homes with it",
				    axis->name);
			z = 0;
		}
		break;
	}
	return z;
}

/* Toward which end the axis homes, if that isn't said: the end in whose quarter the switch is. */
static void homing_direction(struct machine_load *l, struct config_section *s,
			     struct machine_axis *a)
{
	struct config_option *o = config_option(s, "homing_positive_dir");
	const double quarter = (a->position_max_mm - a->position_min_mm) / 4;

	if (o) {
		const struct field field = { .option = "homing_positive_dir",
					     .kind = FIELD_BOOL,
					     .offset = AT(machine_axis, homing_positive) };

		fields_load(l, s, &field, 1, a);
		if (a->position_endstop_mm ==
		    (a->homing_positive ? a->position_min_mm : a->position_max_mm))
			value_error(l, s, "homing_positive_dir",
				    "expected homing toward the endstop, position_endstop %g is "
				    "at the other end",
				    a->position_endstop_mm);
		return;
	}
	if (a->position_endstop_mm <= a->position_min_mm + quarter)
		a->homing_positive = false;
	else if (a->position_endstop_mm >= a->position_max_mm - quarter)
		a->homing_positive = true;
	else
		config_report(l->c, CONFIG_ERROR, place_of(s, "position_endstop"),
			      "[%s] homing_positive_dir: missing: expected true or false, "
			      "position_endstop %g is near neither %g nor %g",
			      s->name, a->position_endstop_mm, a->position_min_mm,
			      a->position_max_mm);
}

static void axis_range(struct machine_load *l, struct config_section *s, struct machine_axis *a)
{
	const bool probe = a->endstop_pin.set && !strcmp(a->endstop_pin.name, "z_virtual_endstop");
	const struct field fields[] = {
		{ "position_min", FIELD_DOUBLE, 0, AT(machine_axis, position_min_mm),
		  .lo = -RANGE_MM, .hi = RANGE_MM, .unit = "mm" },
		{ "position_max", FIELD_DOUBLE, FIELD_REQUIRED, AT(machine_axis, position_max_mm),
		  .lo = -RANGE_MM, .hi = RANGE_MM, .fallback = NAN, .unit = "mm" },
		{ "position_endstop", FIELD_DOUBLE, probe ? 0 : FIELD_REQUIRED,
		  AT(machine_axis, position_endstop_mm), .lo = -RANGE_MM, .hi = RANGE_MM,
		  .fallback = NAN, .unit = "mm" },
	};

	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), a);
	if (probe && isnan(a->position_endstop_mm))
		a->position_endstop_mm = probe_offset(l, s);
	if (isnan(a->position_max_mm))
		return;
	if (a->position_min_mm >= a->position_max_mm) {
		value_error(l, s, "position_max", "expected more than position_min, which is %g",
			    a->position_min_mm);
		return;
	}
	if (isnan(a->position_endstop_mm))
		return;
	if (!probe && (a->position_endstop_mm < a->position_min_mm ||
		       a->position_endstop_mm > a->position_max_mm)) {
		value_error(l, s, "position_endstop",
			    "expected a position from position_min %g to position_max %g",
			    a->position_min_mm, a->position_max_mm);
		return;
	}
	homing_direction(l, s, a);
}

static void axis_homing(struct machine_load *l, struct config_section *s, struct machine_axis *a)
{
	const struct field fields[] = {
		{ "homing_speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_axis, homing_speed_mm_s),
		  .hi = SPEED_MM_S, .fallback = 5, .unit = "mm/s" },
		{ "second_homing_speed", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_axis, second_homing_speed_mm_s), .hi = SPEED_MM_S, .fallback = NAN,
		  .unit = "mm/s" },
		{ "homing_retract_dist", FIELD_DOUBLE, 0, AT(machine_axis, homing_retract_mm),
		  .hi = RANGE_MM, .fallback = 5, .unit = "mm" },
		{ "homing_retract_speed", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_axis, homing_retract_speed_mm_s), .hi = SPEED_MM_S, .fallback = NAN,
		  .unit = "mm/s" },
	};

	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), a);
	if (isnan(a->second_homing_speed_mm_s))
		a->second_homing_speed_mm_s = a->homing_speed_mm_s / 2;
	if (isnan(a->homing_retract_speed_mm_s))
		a->homing_retract_speed_mm_s = a->homing_speed_mm_s;
}

/* One motor of an axis. Returns false if there is no room for it. */
static bool axis_stepper(struct machine_load *l, struct config_section *s, struct machine_axis *a)
{
	struct machine_config *mc = l->mc;
	const struct field endstop = { "endstop_pin",
				       FIELD_PIN,
				       a->stepper_count ? 0 : FIELD_REQUIRED,
				       AT(machine_stepper, endstop_pin),
				       .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL,
				       .hi = PIN_SHARED_ENDSTOP };

	if (mc->stepper_count == MACHINE_STEPPER_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many steppers: expected at most %d", s->name,
			      MACHINE_STEPPER_MAX);
		return false;
	}
	struct machine_stepper *m = &mc->steppers[mc->stepper_count];

	stepper_motor(l, s, m);
	fields_load(l, s, &endstop, 1, m);
	a->stepper[a->stepper_count++] = mc->stepper_count++;
	return true;
}

/* Sections "BASE", "BASE1" … must be without gap; report one that isn't reached. */
static void report_gaps(struct machine_load *l, const char *base, size_t count)
{
	size_t n = strlen(base);

	for (size_t i = 0; i < l->c->section_count; i++) {
		const struct config_section *s = l->c->sections[i];

		if (s->used || strncmp(s->name, base, n) != 0 || !s->name[n] ||
		    strspn(s->name + n, "0123456789") != strlen(s->name + n))
			continue;
		if (count)
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] out of order: expected [%s%zu] to be the next", s->name,
				      base, count);
		else
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] out of order: expected [%s] before it", s->name, base);
	}
}

/* A speed at which the step pulses of a motor have no room ends a print in the middle. On CoreXY a
 * motor turns fastest along a diagonal. */
static void check_step_rate(struct machine_load *l, int axis)
{
	const struct machine_config *mc = l->mc;
	double speed_mm_s = axis == AXIS_Z ? mc->max_z_velocity_mm_s : mc->max_velocity_mm_s;

	if (mc->kinematics == KINEMATICS_COREXY && axis != AXIS_Z)
		speed_mm_s *= sqrt(2);
	for (size_t i = 0; i < mc->axes[axis].stepper_count; i++) {
		const struct machine_stepper *m = &mc->steppers[mc->axes[axis].stepper[i]];
		const struct config_section *s = config_section(l->c, m->name);
		double interval_s = m->step_distance_mm / speed_mm_s;

		if (!s || !(m->step_distance_mm > 0) || !(speed_mm_s > 0) ||
		    interval_s >= 2 * m->step_pulse_s)
			continue;
		config_report(
			l->c, CONFIG_WARNING, place_of(s, "step_pulse_duration"),
			"[%s] at %.6g mm/s a step is due every %.3g us, but two pulses of "
			"step_pulse_duration %.3g us don't fit: it will be slower; expected a shorter pulse, fewer "
			"microsteps or a lower max_%svelocity",
			s->name, speed_mm_s, interval_s * 1e6, m->step_pulse_s * 1e6,
			axis == AXIS_Z ? "z_" : "");
	}
}

static void axis_load(struct machine_load *l, int axis)
{
	struct machine_axis *a = &l->mc->axes[axis];
	char base[] = "stepper_x", name[MACHINE_NAME_MAX];
	size_t count = 0;

	base[8] = (char)('x' + axis);
	struct config_section *first = section_use(l, base);

	if (!first) {
		config_report(l->c, CONFIG_ERROR, (struct config_place){ 0 },
			      "[%s] missing: expected this section", base);
	} else {
		struct config_section *s = first;

		for (count = 1; s && axis_stepper(l, s, a); count++) {
			snprintf(name, sizeof(name), "%s%zu", base, count);
			s = section_use(l, name);
		}
		count--;
	}
	report_gaps(l, base, first ? count : 0);
	if (!first || !a->stepper_count)
		return;
	a->endstop_pin = l->mc->steppers[a->stepper[0]].endstop_pin;
	axis_range(l, first, a);
	axis_homing(l, first, a);
	check_step_rate(l, axis);
}

void axes_load(struct machine_load *l)
{
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		axis_load(l, axis);
}

static void extruder_limits(struct machine_load *l, struct config_section *s,
			    struct machine_extruder *e)
{
	const double nozzle_area = 4 * e->nozzle_diameter_mm * e->nozzle_diameter_mm;

	e->filament_area_mm2 = M_PI / 4 * e->filament_diameter_mm * e->filament_diameter_mm;
	const double ratio = nozzle_area / e->filament_area_mm2;
	const struct field fields[] = {
		{ "max_extrude_cross_section", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_extruder, max_extrude_cross_section_mm2), .hi = 10000,
		  .fallback = nozzle_area, .unit = "mm²" },
		{ "max_extrude_only_velocity", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_extruder, max_extrude_only_velocity_mm_s), .hi = SPEED_MM_S,
		  .fallback = l->mc->max_velocity_mm_s * ratio, .unit = "mm/s" },
		{ "max_extrude_only_accel", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_extruder, max_extrude_only_accel_mm_s2), .hi = ACCEL_MM_S2,
		  .fallback = l->mc->max_accel_mm_s2 * ratio, .unit = "mm/s²" },
	};

	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), e);
	e->max_extrude_ratio = e->max_extrude_cross_section_mm2 / e->filament_area_mm2;
}

static void extruder_load(struct machine_load *l, struct config_section *s,
			  struct machine_extruder *e)
{
	const struct field fields[] = {
		{ "nozzle_diameter", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  AT(machine_extruder, nozzle_diameter_mm), .hi = 50, .fallback = NAN,
		  .unit = "mm" },
		{ "filament_diameter", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  AT(machine_extruder, filament_diameter_mm), .hi = 50, .fallback = NAN,
		  .unit = "mm" },
		{ "instantaneous_corner_velocity", FIELD_DOUBLE, 0,
		  AT(machine_extruder, instantaneous_corner_velocity_mm_s), .hi = SPEED_MM_S,
		  .fallback = 1, .unit = "mm/s" },
		{ "max_extrude_only_distance", FIELD_DOUBLE, 0,
		  AT(machine_extruder, max_extrude_only_distance_mm), .hi = RANGE_MM,
		  .fallback = 50, .unit = "mm" },
		{ "pressure_advance", FIELD_DOUBLE, 0, AT(machine_extruder, pressure_advance_s),
		  .hi = 10, .unit = "s" },
		{ "pressure_advance_smooth_time", FIELD_DOUBLE, 0,
		  AT(machine_extruder, pressure_advance_smooth_s), .hi = 0.2, .fallback = 0.04,
		  .unit = "s" },
	};
	static const char *const motor[] = { "step_pin", "dir_pin", "rotation_distance",
					     "microsteps" };

	snprintf(e->name, sizeof(e->name), "%s", s->name);
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), e);
	if (e->filament_diameter_mm < e->nozzle_diameter_mm)
		value_error(l, s, "filament_diameter",
			    "expected at least the nozzle_diameter, which is %g",
			    e->nozzle_diameter_mm);
	extruder_limits(l, s, e);
	for (size_t i = 0; i < sizeof(motor) / sizeof(*motor); i++)
		e->has_stepper |= config_option(s, motor[i]) != NULL;
	if (e->has_stepper)
		stepper_motor(l, s, &e->stepper);
}

void extruders_load(struct machine_load *l)
{
	struct machine_config *mc = l->mc;
	char name[MACHINE_NAME_MAX] = "extruder";
	struct config_section *s;

	while ((s = section_use(l, name))) {
		if (mc->extruder_count == MACHINE_EXTRUDER_MAX) {
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] too many extruders: expected at most %d", s->name,
				      MACHINE_EXTRUDER_MAX);
			break;
		}
		extruder_load(l, s, &mc->extruders[mc->extruder_count++]);
		snprintf(name, sizeof(name), "extruder%zu", mc->extruder_count);
	}
	report_gaps(l, "extruder", mc->extruder_count);
}

static void extruder_stepper_load(struct machine_load *l, struct config_section *s,
				  struct machine_extruder_stepper *e)
{
	struct named {
		char *extruder;
	} named = { NULL };
	const struct field name = { .option = "extruder",
				    .kind = FIELD_TEXT,
				    .offset = AT(named, extruder),
				    .hi = MACHINE_NAME_MAX,
				    .choices = "",
				    .unit = "an extruder's name" };
	const struct field fields[] = {
		{ "pressure_advance", FIELD_DOUBLE, 0,
		  AT(machine_extruder_stepper, pressure_advance_s), .hi = 10, .unit = "s" },
		{ "pressure_advance_smooth_time", FIELD_DOUBLE, 0,
		  AT(machine_extruder_stepper, pressure_advance_smooth_s), .hi = 0.2,
		  .fallback = 0.04, .unit = "s" },
	};

	stepper_motor(l, s, &e->stepper);
	snprintf(e->stepper.name, sizeof(e->stepper.name), "%s", strchr(s->name, ' ') + 1);
	fields_load(l, s, &name, 1, &named);
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), e);
	e->extruder = -1;
	for (size_t i = 0; named.extruder && i < l->mc->extruder_count; i++)
		if (!strcmp(named.extruder, l->mc->extruders[i].name))
			e->extruder = (int)i;
	if (named.extruder && *named.extruder && e->extruder < 0)
		value_error(l, s, "extruder", "expected the name of an [extruder…] section");
	free(named.extruder);
}

void extruder_steppers_load(struct machine_load *l)
{
	struct machine_config *mc = l->mc;
	size_t motors = mc->extruder_count;

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];

		if (strncmp(s->name, "extruder_stepper ", 17) != 0)
			continue;
		section_use(l, s->name);
		if (motors++ == MACHINE_EXTRUDER_MAX) {
			config_report(l->c, CONFIG_ERROR, s->place,
				      "[%s] too many: expected at most %d extruders and "
				      "extruder_steppers",
				      s->name, MACHINE_EXTRUDER_MAX);
			return;
		}
		extruder_stepper_load(l, s, &mc->extruder_steppers[mc->extruder_stepper_count++]);
	}
}
