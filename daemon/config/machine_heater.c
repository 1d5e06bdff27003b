/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_heater.c - heaters and their control: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct machine_heater, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

/* pid_kp and so on are in 255ths of full power, as other hosts have them. */
#define PID_SCALE (1.0 / 255)

void control_load(struct machine_load *l, struct config_section *s, struct heater_param *p)
{
	const struct field kind[] = {
		{ "control", FIELD_CHOICE, FIELD_REQUIRED, offsetof(struct heater_param, control),
		  .choices = p->cooling ? "watermark pid" : "watermark pid mpc" },
	};
	const struct field watermark[] = {
		{ "max_delta", FIELD_DOUBLE, FIELD_ABOVE,
		  offsetof(struct heater_param, max_delta_degc), .hi = 100, .fallback = 2,
		  .unit = "°C" },
	};
	const struct field pid[] = {
		{ "pid_kp", FIELD_DOUBLE, FIELD_REQUIRED, offsetof(struct heater_param, kp),
		  .hi = 1e6, .scale = PID_SCALE },
		{ "pid_ki", FIELD_DOUBLE, FIELD_REQUIRED, offsetof(struct heater_param, ki),
		  .hi = 1e6, .scale = PID_SCALE },
		{ "pid_kd", FIELD_DOUBLE, FIELD_REQUIRED, offsetof(struct heater_param, kd),
		  .hi = 1e6, .scale = PID_SCALE },
	};

	_Static_assert(HEATER_WATERMARK == 0 && HEATER_PID == 1 && HEATER_MPC == 2,
		       "in the order of the words");
	fields_load(l, s, kind, 1, p);
	fields_load(l, s, watermark, COUNT(watermark), p);
	if (p->control == HEATER_PID)
		fields_load(l, s, pid, COUNT(pid), p);
}

/* "0.06, 0.08": losses with the fan at 0 … 1. */
static void losses_load(struct machine_load *l, struct config_section *s, struct heater_model *m)
{
	struct config_option *o = config_option(s, "fan_ambient_transfer");
	char *copy, *rest, *part;
	bool ok = true;

	if (!o || !*o->value)
		return;
	o->used = true;
	rest = copy = config_strdup(o->value);
	m->losses = 0;
	while (ok && (part = strsep(&rest, ","))) {
		ok = m->losses < HEATER_MODEL_LOSSES &&
		     number_parse(config_trim(part), &m->loss_w_k[m->losses]) &&
		     m->loss_w_k[m->losses] > 0 && m->loss_w_k[m->losses] < 1000;
		m->losses++;
	}
	free(copy);
	if (!ok)
		value_error(l, s, "fan_ambient_transfer",
			    "expected up to %d positive numbers, W/K, with the fan off to full on",
			    HEATER_MODEL_LOSSES);
}

/* What model-predictive control goes by. */
static void model_load(struct machine_load *l, struct config_section *s, struct machine_heater *h)
{
	struct {
		double density, heat, loss;
		char *fan;
	} v = { .fan = NULL };
	struct heater_model *m = &h->param.model;
	const struct field model[] = {
		{ "heater_power", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  offsetof(struct heater_model, power_w), .hi = 1e5, .fallback = 1, .unit = "W" },
		{ "block_heat_capacity", FIELD_DOUBLE, 0,
		  offsetof(struct heater_model, capacity_j_k), .hi = 1e6, .unit = "J/K" },
		{ "sensor_responsiveness", FIELD_DOUBLE, FIELD_ABOVE,
		  offsetof(struct heater_model, rate), .hi = 100, .fallback = 0.5, .unit = "1/s" },
		{ "target_reach_time", FIELD_DOUBLE, FIELD_ABOVE,
		  offsetof(struct heater_model, reach_s), .hi = 100, .fallback = 2, .unit = "s" },
	};
	const struct field other[] = {
		{ "ambient_transfer", FIELD_DOUBLE, 0, 16, .hi = 1000, .unit = "W/K" },
		{ "filament_density", FIELD_DOUBLE, 0, 0, .hi = 20, .fallback = 1.2,
		  .unit = "g/cm³" },
		{ "filament_heat_capacity", FIELD_DOUBLE, 0, 8, .hi = 100, .fallback = 1.8,
		  .unit = "J/(g K)" },
		{ "cooling_fan", FIELD_TEXT, 0, 24, .hi = MACHINE_HEAT_NAME_MAX - 1, .choices = "",
		  .unit = "fan or fan_generic NAME" },
	};

	fields_load(l, s, model, COUNT(model), m);
	fields_load(l, s, other, COUNT(other), &v);
	m->losses = 1;
	m->loss_w_k[0] = v.loss;
	losses_load(l, s, m);
	m->ambient_degc = 25; /* what it differs by counts as power from elsewhere */
	if (m->capacity_j_k > 0 && !(m->loss_w_k[0] > 0))
		value_error(l, s, "ambient_transfer",
			    "expected more than 0, as MPC_CALIBRATE finds it");
	/* mm³ of a mm, in g, in J/K */
	if (h->extruder >= 0)
		m->filament_j_k_mm = l->mc->extruders[h->extruder].filament_area_mm2 * 1e-3 *
				     v.density * v.heat;
	if (v.fan && *v.fan)
		snprintf(h->cooling_fan, sizeof(h->cooling_fan), "%s", v.fan);
	else if (h->extruder >= 0 && config_section(l->c, "fan"))
		strcpy(h->cooling_fan, "fan");
	if (*h->cooling_fan && !config_section(l->c, h->cooling_fan))
		value_error(l, s, "cooling_fan",
			    "expected the name of a section: fan or fan_generic …");
	free(v.fan);
}

static void verify_load(struct machine_load *l, struct machine_heater *h)
{
	char name[MACHINE_NAME_MAX + 16];
	bool bed = !strcmp(h->name, "heater_bed");
	const struct field fields[] = {
		/* The floor of the fault policy: no window is longer than 120 s, of 10 °C beyond the hysteresis. */
		{ "max_error", FIELD_DOUBLE, FIELD_ABOVE, AT(param.error_degc_s_max), .hi = 1200,
		  .fallback = 120, .unit = "°C s" },
		{ "check_gain_time", FIELD_DOUBLE, FIELD_ABOVE, AT(param.gain_time_s), .hi = 120,
		  .fallback = bed ? 60 : 20, .unit = "s" },
		{ "hysteresis", FIELD_DOUBLE, 0, AT(param.hysteresis_degc), .hi = 30, .fallback = 5,
		  .unit = "°C" },
		{ "heating_gain", FIELD_DOUBLE, FIELD_ABOVE, AT(param.gain_degc), .hi = 100,
		  .fallback = 2, .unit = "°C" },
	};

	snprintf(name, sizeof(name), "verify_heater %s", h->name);
	fields_load(l, section_use(l, name), fields, COUNT(fields), h);
	h->param.verify = true;
}

/* Returns the heater's index, or -1. */
static int heater_load(struct machine_load *l, struct config_section *s, const char *own,
		       int extruder)
{
	struct machine_config *mc = l->mc;
	struct machine_heater *h = &mc->heaters[mc->heater_count];
	const struct field fields[] = {
		{ "heater_pin", FIELD_PIN, FIELD_REQUIRED, AT(pin), .lo = PIN_ALLOW_INVERT,
		  .hi = PIN_ALONE },
		{ "max_power", FIELD_DOUBLE, FIELD_ABOVE, AT(param.max_power), .hi = 1,
		  .fallback = 1 },
		{ "smooth_time", FIELD_DOUBLE, FIELD_ABOVE, AT(param.smooth_s), .hi = 60,
		  .fallback = 1, .unit = "s" },
		{ "pwm_cycle_time", FIELD_DOUBLE, FIELD_ABOVE, AT(cycle_time_s), .hi = 0.3,
		  .fallback = 0.1, .unit = "s" },
		{ "min_extrude_temp", FIELD_DOUBLE, 0, AT(min_extrude_degc), .lo = -SENSOR_KELVIN,
		  .hi = 2000, .fallback = 170, .unit = "°C" },
	};

	if (mc->heater_count == MACHINE_HEATER_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many heaters: expected at most %d", s->name,
			      MACHINE_HEATER_MAX);
		return -1;
	}
	snprintf(h->name, sizeof(h->name), "%s", own);
	h->extruder = extruder;
	fields_load(l, s, fields, COUNT(fields), h);
	if (pin_of_host(l, &h->pin))
		value_error(
			l, s, "heater_pin",
			"expected a pin of an MCU that switches it off when this machine is gone");
	control_load(l, s, &h->param);
	if (h->param.control == HEATER_MPC)
		model_load(l, s, h);
	verify_load(l, h);
	h->sensor = sensor_load(l, s, own, true);
	if (h->sensor < 0 || !h->pin.set) {
		memset(h, 0, sizeof(*h));
		return -1;
	}
	return (int)mc->heater_count++;
}

static void extruder_heater(struct machine_load *l, struct machine_extruder *e, size_t number)
{
	struct config_section *s = config_section(l->c, e->name);
	struct config_option *shared = s ? config_option(s, "shared_heater") : NULL;

	e->heater = -1;
	if (shared) {
		shared->used = true;
		for (size_t i = 0; i < number; i++)
			if (!strcmp(l->mc->extruders[i].name, shared->value))
				e->heater = l->mc->extruders[i].heater;
		if (e->heater < 0)
			value_error(l, s, "shared_heater",
				    "expected an extruder with a heater, before this one");
		return;
	}
	if (!s || !config_option(s, "heater_pin"))
		return;
	e->heater = heater_load(l, s, e->name, (int)number);
	if (e->heater < 0)
		return;
	struct machine_heater *h = &l->mc->heaters[e->heater];

	snprintf(h->gcode_id, sizeof(h->gcode_id), "T%u", (unsigned)number);
	if (h->min_extrude_degc > l->mc->sensors[h->sensor].max_degc)
		value_error(l, s, "min_extrude_temp", "expected at most max_temp, which is %g",
			    l->mc->sensors[h->sensor].max_degc);
}

void gcode_id_load(struct machine_load *l, struct config_section *s, char *id)
{
	struct config_option *o = config_option(s, "gcode_id");

	if (!o)
		return;
	o->used = true;
	if (strlen(o->value) < MACHINE_GCODE_ID_MAX && *o->value &&
	    strspn(o->value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
		    strlen(o->value))
		snprintf(id, MACHINE_GCODE_ID_MAX, "%s", o->value);
	else
		value_error(l, s, "gcode_id", "expected letters and digits, at most %d",
			    MACHINE_GCODE_ID_MAX - 1);
}

static void temperature_sensor(struct machine_load *l, struct config_section *s, const char *own)
{
	int i = sensor_load(l, s, own, false);

	if (i < 0)
		return;
	l->mc->sensors[i].alone = true;
	gcode_id_load(l, s, l->mc->sensors[i].gcode_id);
}

static void z_thermal_load(struct machine_load *l)
{
	static const struct field fields[] = {
		{ "temp_coeff", FIELD_DOUBLE, 0, offsetof(struct machine_z_thermal, coeff_mm_k),
		  .lo = -1, .hi = 1, .unit = "mm/K" },
		{ "smooth_time", FIELD_DOUBLE, FIELD_ABOVE,
		  offsetof(struct machine_z_thermal, smooth_s), .hi = 1000, .fallback = 2,
		  .unit = "s" },
		{ "z_adjust_off_above", FIELD_DOUBLE, 0,
		  offsetof(struct machine_z_thermal, off_above_mm), .lo = -100000, .hi = 1e8,
		  .fallback = 1e8, .unit = "mm" },
		{ "max_z_adjustment", FIELD_DOUBLE, 0, offsetof(struct machine_z_thermal, most_mm),
		  .hi = 1e8, .fallback = 1e8, .unit = "mm" },
	};
	struct config_section *s = section_use(l, "z_thermal_adjust");
	struct machine_z_thermal *z = &l->mc->z_thermal;
	int sensor = s ? sensor_load(l, s, s->name, false) : -1;

	if (s)
		fields_load(l, s, fields, sizeof(fields) / sizeof(*fields), z);
	if (sensor < 0)
		return;
	z->present = true;
	z->sensor = (size_t)sensor;
	l->mc->sensors[sensor].alone = true;
	gcode_id_load(l, s, l->mc->sensors[sensor].gcode_id);
}

/* A watch over a heater that isn't there. */
static void watches_check(struct machine_load *l)
{
	char name[MACHINE_NAME_MAX + 20];

	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		const char *own = section_own_name(s->name, "verify_heater");

		if (!own || s->used || config_section(l->c, own))
			continue;
		snprintf(name, sizeof(name), "heater_generic %s", own);
		if (config_section(l->c, name))
			continue;
		s->used = true;
		config_report(
			l->c, CONFIG_ERROR, s->place,
			"[%s] expected a heater: extruder, heater_bed or the NAME of a [heater_generic NAME]",
			s->name);
	}
}

void heaters_load(struct machine_load *l)
{
	struct machine_config *mc = l->mc;
	struct config_section *bed = section_use(l, "heater_bed");

	for (size_t i = 0; i < mc->extruder_count; i++)
		extruder_heater(l, &mc->extruders[i], i);
	mc->bed_heater = bed ? heater_load(l, bed, "heater_bed", -1) : -1;
	if (mc->bed_heater >= 0)
		strcpy(mc->heaters[mc->bed_heater].gcode_id, "B");
	for (size_t i = 0; i < l->c->section_count; i++) {
		struct config_section *s = l->c->sections[i];
		const char *own = section_own_name(s->name, "heater_generic");

		if (own) {
			int h = heater_load(l, section_use(l, s->name), own, -1);

			if (h >= 0)
				gcode_id_load(l, s, mc->heaters[h].gcode_id);
		} else if ((own = section_own_name(s->name, "temperature_sensor"))) {
			temperature_sensor(l, section_use(l, s->name), own);
		}
	}
	watches_check(l);
	z_thermal_load(l);
}
