/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_rails.c - motors and rails from the configuration: see machine_load.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "move.h"

/* A driver that stepd's hosts set up over its bus takes short pulses; others get the time
 * that the slowest of the common driver chips need. */
static const double PULSE_S = 2e-6, PULSE_BUS_DRIVER_S = 100e-9;

/* As fast as that, rise and fall take the same time. */
static const double BOTH_EDGES_PULSE_S = 500e-9;

bool machine_both_edges(const struct machine_stepper *m)
{
	return m->step_pulse_s <= BOTH_EDGES_PULSE_S;
}

static const double RANGE_MM = 100000, SPEED_MM_S = 100000;

#define AT(type, member) offsetof(struct type, member)

/* A joint that turns has no rotation_distance: a turn is 2 pi, and the gears say the rest. */
static void motor_turn(struct machine_load *l, struct config_section *s, unsigned flags,
		       struct machine_stepper *m)
{
	static const struct field distance[] = {
		{ "rotation_distance", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  AT(machine_stepper, rotation_distance_mm), .lo = 0, .hi = 10000, .unit = "mm" },
		{ "gear_ratio", FIELD_RATIO, 0, AT(machine_stepper, gear_ratio), .fallback = 1 },
	};
	static const struct field gears = { .option = "gear_ratio",
					    .kind = FIELD_RATIO,
					    .flags = FIELD_REQUIRED,
					    .offset = AT(machine_stepper, gear_ratio),
					    .fallback = 1,
					    .unit = "ratios such as 80:16, the joint turns" };

	if (!(flags & RAIL_TURNS)) {
		fields_load(l, s, distance, 2, m);
		return;
	}
	fields_load(l, s, &gears, 1, m);
	m->rotation_distance_mm = 2 * M_PI;
	if (!config_option(s, "rotation_distance"))
		return;
	config_option(s, "rotation_distance")->used = true;
	value_error(l, s, "rotation_distance", "expected only gear_ratio, the joint turns");
}

void motor_load(struct machine_load *l, struct config_section *s, unsigned flags,
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
		{ "microsteps", FIELD_INT, FIELD_REQUIRED, AT(machine_stepper, microsteps), .lo = 1,
		  .hi = 256 },
		{ "full_steps_per_rotation", FIELD_INT, 0,
		  AT(machine_stepper, full_steps_per_rotation), .lo = 4, .hi = 4000,
		  .fallback = 200 },
		{ "step_pulse_duration", FIELD_DOUBLE, 0, AT(machine_stepper, step_pulse_s),
		  .lo = 0, .hi = 0.001, .fallback = NAN, .unit = "s" },
	};

	snprintf(m->name, sizeof(m->name), "%s", s->name);
	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), m);
	motor_turn(l, s, flags, m);
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
	host_motor(l, s, m);
}

struct machine_stepper *stepper_add(struct machine_load *l, struct config_section *s, unsigned flags)
{
	struct machine_config *mc = l->mc;
	const struct field endstop = { "endstop_pin",
				       FIELD_PIN,
				       flags & RAIL_ENDSTOP ? FIELD_REQUIRED : 0,
				       AT(machine_stepper, endstop_pin),
				       .lo = PIN_ALLOW_INVERT | PIN_ALLOW_PULL,
				       .hi = PIN_SHARED_ENDSTOP };
	struct machine_stepper *m = &mc->steppers[mc->stepper_count];

	if (mc->stepper_count == MACHINE_STEPPER_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many steppers: expected at most %d", s->name,
			      MACHINE_STEPPER_MAX);
		return NULL;
	}
	mc->stepper_count++;
	motor_load(l, s, flags, m);
	if (!(flags & RAIL_NO_ENDSTOP))
		fields_load(l, s, &endstop, 1, m);
	return m;
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

		if (is_probe && !o)
			o = config_option(s, "descend_z");

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

/* Toward which end the rail homes, if that isn't said: the end in whose quarter the switch is. */
static void homing_direction(struct machine_load *l, struct config_section *s,
			     struct machine_rail *a)
{
	struct config_option *o = config_option(s, "homing_positive_dir");
	const double quarter = (a->position_max_mm - a->position_min_mm) / 4;

	if (o) {
		const struct field field = { .option = "homing_positive_dir",
					     .kind = FIELD_BOOL,
					     .offset = AT(machine_rail, homing_positive) };

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

void rail_range(struct machine_load *l, struct config_section *s, struct machine_rail *a)
{
	const bool probe = a->endstop_count && !strcmp(a->endstop[0].pin.name, "z_virtual_endstop");
	const struct field fields[] = {
		{ "position_min", FIELD_DOUBLE, 0, AT(machine_rail, position_min_mm),
		  .lo = -RANGE_MM, .hi = RANGE_MM, .unit = "mm" },
		{ "position_max", FIELD_DOUBLE, FIELD_REQUIRED, AT(machine_rail, position_max_mm),
		  .lo = -RANGE_MM, .hi = RANGE_MM, .fallback = NAN, .unit = "mm" },
		{ "position_endstop", FIELD_DOUBLE, probe ? 0 : FIELD_REQUIRED,
		  AT(machine_rail, position_endstop_mm), .lo = -RANGE_MM, .hi = RANGE_MM,
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

/* A rail without a range homes upward; if there is one like it, its endstop is the default. */
static void rail_top(struct machine_load *l, struct config_section *s,
		     const struct machine_rail *like, struct machine_rail *a)
{
	const struct field field = { "position_endstop",
				     FIELD_DOUBLE,
				     like ? 0 : FIELD_REQUIRED,
				     AT(machine_rail, position_endstop_mm),
				     .lo = -RANGE_MM,
				     .hi = RANGE_MM,
				     .fallback = like ? like->position_endstop_mm : NAN,
				     .unit = "mm" };

	fields_load(l, s, &field, 1, a);
	a->position_max_mm = a->position_endstop_mm;
	a->homing_positive = true;
}

void rail_homing(struct machine_load *l, struct config_section *s, struct machine_rail *a)
{
	const struct field fields[] = {
		{ "homing_speed", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_rail, homing_speed_mm_s),
		  .hi = SPEED_MM_S, .fallback = 5, .unit = "mm/s" },
		{ "second_homing_speed", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_rail, second_homing_speed_mm_s), .hi = SPEED_MM_S, .fallback = NAN,
		  .unit = "mm/s" },
		{ "homing_retract_dist", FIELD_DOUBLE, 0, AT(machine_rail, homing_retract_mm),
		  .hi = RANGE_MM, .fallback = 5, .unit = "mm" },
		{ "homing_retract_speed", FIELD_DOUBLE, FIELD_ABOVE,
		  AT(machine_rail, homing_retract_speed_mm_s), .hi = SPEED_MM_S, .fallback = NAN,
		  .unit = "mm/s" },
	};

	fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), a);
	if (isnan(a->second_homing_speed_mm_s))
		a->second_homing_speed_mm_s = a->homing_speed_mm_s / 2;
	if (isnan(a->homing_retract_speed_mm_s))
		a->homing_retract_speed_mm_s = a->homing_speed_mm_s;
}

struct machine_rail *rail_add(struct machine_load *l, const struct config_section *s, int axis)
{
	struct machine_config *mc = l->mc;
	struct machine_rail *a = &mc->rails[mc->rail_count];

	if (mc->rail_count == MACHINE_RAIL_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many carriages: expected at most %d", s->name,
			      MACHINE_RAIL_MAX);
		return NULL;
	}
	mc->rail_count++;
	snprintf(a->name, sizeof(a->name), "%s", s->name);
	a->axis = axis;
	a->partner = -1;
	return a;
}

bool rail_endstop(struct machine_load *l, const struct config_section *s, struct machine_rail *a,
		  const struct pin *pin, uint32_t steppers)
{
	for (size_t i = 0; i < a->endstop_count; i++)
		if (pin_same(&a->endstop[i].pin, pin)) {
			a->endstop[i].steppers |= steppers;
			return true;
		}
	if (a->endstop_count == MACHINE_ENDSTOP_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many endstops of one axis: expected at most %d", s->name,
			      MACHINE_ENDSTOP_MAX);
		return false;
	}
	a->endstop[a->endstop_count++] = (struct machine_endstop){ .pin = *pin,
								   .steppers = steppers };
	return true;
}

/* One motor of a rail. A motor without a switch of its own stops with the first. */
static void rail_stepper(struct machine_load *l, struct config_section *s, unsigned flags,
			 struct machine_rail *a)
{
	size_t index = l->mc->stepper_count;
	struct machine_stepper *m = stepper_add(l, s, flags);

	if (!m)
		return;
	a->stepper[a->stepper_count++] = index;
	m->carriage[a - l->mc->rails] = 1;
	if (m->endstop_pin.set)
		rail_endstop(l, s, a, &m->endstop_pin, 1u << index);
	else if (a->endstop_count)
		a->endstop[0].steppers |= 1u << index;
}

/* Sections "BASE", "BASE1" … must be without gap; report one that isn't reached. */
void report_gaps(struct machine_load *l, const char *base, size_t count)
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

struct config_section *section_need(struct machine_load *l, const char *name)
{
	struct config_section *s = section_use(l, name);

	if (!s)
		config_report(l->c, CONFIG_ERROR, (struct config_place){ 0 },
			      "[%s] missing: expected this section", name);
	return s;
}

struct machine_rail *rail_load(struct machine_load *l, const char *base, int axis, unsigned flags,
			       const struct machine_rail *like)
{
	struct config_section *first = section_need(l, base), *s = first;
	struct machine_rail *a = first ? rail_add(l, first, axis) : NULL;
	char name[MACHINE_NAME_MAX];
	size_t count = 0;

	if (a) {
		rail_stepper(l, first, flags | RAIL_ENDSTOP, a);
		for (count = 1; a->stepper_count == count; count++) {
			snprintf(name, sizeof(name), "%s%zu", base, count);
			s = section_use(l, name);
			if (!s)
				break;
			rail_stepper(l, s, flags, a);
		}
	}
	report_gaps(l, base, count);
	if (!a || !a->stepper_count)
		return NULL;
	if (flags & RAIL_NO_RANGE)
		rail_top(l, first, like, a);
	else
		rail_range(l, first, a);
	rail_homing(l, first, a);
	return a;
}

/* A speed at which the step pulses of a motor have no room ends a print in the middle. A motor that
 * drives several axes turns fastest along a diagonal. */
void check_step_rates(struct machine_load *l)
{
	const struct machine_config *mc = l->mc;

	for (size_t i = 0; i < mc->stepper_count; i++) {
		const struct machine_stepper *m = &mc->steppers[i];
		const struct config_section *s = config_section(l->c, m->name);
		double weight[MACHINE_AXES] = { 0 }, norm, speed_mm_s, interval_s;

		if (m->joint.kind != KIN_LINEAR)
			continue;
		for (size_t r = 0; r < mc->rail_count; r++)
			if (mc->rails[r].axis >= 0)
				weight[mc->rails[r].axis] += fabs(m->carriage[r]);
		norm = hypot(weight[AXIS_X], weight[AXIS_Y]);
		speed_mm_s = norm > 0 ? mc->max_velocity_mm_s * hypot(norm, weight[AXIS_Z])
				      : mc->max_z_velocity_mm_s * weight[AXIS_Z];
		interval_s = m->step_distance_mm / speed_mm_s;
		if (s && m->step_pin.set && m->step_pin.mcu >= 0 && mc->mcu[m->step_pin.mcu].host) {
			host_step_rate(l, s, "step_pin", m, speed_mm_s);
			continue;
		}
		if (!s || !(m->step_distance_mm > 0) || !(speed_mm_s > 0) ||
		    interval_s >= 2 * m->step_pulse_s)
			continue;
		config_report(
			l->c, CONFIG_WARNING, place_of(s, "step_pulse_duration"),
			"[%s] at %.6g mm/s a step is due every %.3g us, but two pulses of "
			"step_pulse_duration %.3g us don't fit: it will be slower; expected a shorter pulse, fewer "
			"microsteps or a lower max_%svelocity",
			s->name, speed_mm_s, interval_s * 1e6, m->step_pulse_s * 1e6,
			norm > 0 ? "" : "z_");
	}
}
