/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_sensor.c - the temperature sensor of a section: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "daemon/config/sensor_types.h"

#define AT(type, member) offsetof(struct type, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

static const double DEGC_MAX = 2000, OHM_MAX = 1e8;

void sensors_free(struct machine_config *mc)
{
	for (size_t i = 0; i < mc->sensor_count; i++)
		free(mc->sensors[i].path);
}

void machine_sensor_sim_curve(const struct machine_sensor *s, struct sensor_curve *out)
{
	*out = s->curve;
	if (s->source == MACHINE_SENSOR_CHIP && out->count == 0)
		sensor_types_chip("sim", out);
}

/* ---- types of the user's own ---- */

/* Section [KIND NAME] where NAME is that type; NULL: there is none. */
static struct config_section *own_type(struct machine_load *l, const char *kind, const char *type)
{
	size_t len = strlen(kind);

	for (size_t i = 0; i < l->c->section_count; i++) {
		const char *name = l->c->sections[i]->name;

		if (!strncmp(name, kind, len) && name[len] == ' ' &&
		    !strcasecmp(name + len + 1, type))
			return section_use(l, name);
	}
	return NULL;
}

static bool thermistor_load(struct machine_load *l, struct config_section *s,
			    struct sensor_curve *out)
{
	struct {
		double degc[3], ohm[3], beta;
	} t = { .beta = 0 };
	static const char *const names[2][3] = { { "temperature1", "temperature2", "temperature3" },
						 { "resistance1", "resistance2", "resistance3" } };
	const struct field beta = {
		.option = "beta", .kind = FIELD_DOUBLE, .flags = FIELD_ABOVE, .hi = 20000, .unit = "K"
	};
	bool one = config_option(s, "beta") != NULL;
	size_t errors = l->c->errors;

	for (int i = 0; i < (one ? 1 : 3); i++) {
		const struct field degc = { .option = names[0][i],
					    .kind = FIELD_DOUBLE,
					    .flags = FIELD_REQUIRED | FIELD_ABOVE,
					    .lo = -SENSOR_KELVIN,
					    .hi = DEGC_MAX,
					    .unit = "°C" };
		const struct field ohm = { .option = names[1][i],
					   .kind = FIELD_DOUBLE,
					   .flags = FIELD_REQUIRED | FIELD_ABOVE,
					   .hi = OHM_MAX,
					   .unit = "ohm" };

		fields_load(l, s, &degc, 1, &t.degc[i]);
		fields_load(l, s, &ohm, 1, &t.ohm[i]);
	}
	if (one)
		fields_load(l, s, &beta, 1, &t.beta);
	if (l->c->errors != errors)
		return false;
	if (one ? sensor_beta(out, t.degc[0], t.ohm[0], t.beta)
		: sensor_steinhart(out, t.degc, t.ohm))
		return true;
	value_error(
		l, s, one ? "beta" : "resistance1",
		"expected three points, or one and beta, of a resistance that falls with rising temperature");
	return false;
}

/* Pairs temperatureN with voltageN or resistanceN, by rising x. */
static bool pairs_load(struct machine_load *l, struct config_section *s, const char *what,
		       const char *unit, struct sensor_curve *out)
{
	char degc_name[32], x_name[32];
	size_t errors = l->c->errors;

	for (int n = 1; out->count < SENSOR_POINTS; n++) {
		const struct field degc = { .option = degc_name,
					    .kind = FIELD_DOUBLE,
					    .flags = FIELD_REQUIRED | FIELD_ABOVE,
					    .lo = -SENSOR_KELVIN,
					    .hi = DEGC_MAX,
					    .unit = "°C" };
		const struct field x = { .option = x_name,
					 .kind = FIELD_DOUBLE,
					 .flags = FIELD_REQUIRED,
					 .lo = -10,
					 .hi = OHM_MAX,
					 .unit = unit };
		uint32_t i = out->count;
		double at[2] = { 0, 0 };

		snprintf(degc_name, sizeof(degc_name), "temperature%d", n);
		snprintf(x_name, sizeof(x_name), "%s%d", what, n);
		if (!config_option(s, degc_name) && !config_option(s, x_name))
			break;
		fields_load(l, s, &degc, 1, &at[0]);
		fields_load(l, s, &x, 1, &at[1]);
		for (; i > 0 && out->x[i - 1] > at[1]; i--) {
			out->x[i] = out->x[i - 1];
			out->degc[i] = out->degc[i - 1];
		}
		out->x[i] = at[1];
		out->degc[i] = at[0];
		out->count++;
	}
	return l->c->errors == errors;
}

static bool table_load(struct machine_load *l, struct config_section *s,
		       const struct sensor_wiring *w, struct sensor_curve *out)
{
	bool volts = config_option(s, "voltage1") != NULL;

	out->kind = volts ? SENSOR_RATIO : SENSOR_OHM;
	if (!pairs_load(l, s, volts ? "voltage" : "resistance", volts ? "V" : "ohm", out))
		return false;
	for (uint32_t i = 1; i < out->count; i++) {
		if (out->x[i] > out->x[i - 1] && out->degc[i] != out->degc[i - 1] &&
		    (out->degc[i] > out->degc[i - 1]) == (out->degc[1] > out->degc[0]))
			continue;
		value_error(l, s, "temperature1",
			    "expected values that all rise or all fall with the temperature");
		return false;
	}
	for (uint32_t i = 0; volts && i < out->count; i++)
		out->x[i] = (out->x[i] + w->offset_v) / w->adc_v;
	if (out->count >= 2)
		return true;
	config_report(l->c, CONFIG_ERROR, s->place,
		      "[%s] temperature2: missing: expected temperature1, temperature2, … and "
		      "voltage1, … or resistance1, …",
		      s->name);
	return false;
}

/* ---- the sensor of a section ---- */

static bool curve_load(struct machine_load *l, struct config_section *s, const char *type,
		       struct sensor_curve *out)
{
	static const struct field fields[] = {
		{ "pullup_resistor", FIELD_DOUBLE, FIELD_ABOVE, AT(sensor_wiring, pullup_ohm),
		  .hi = 1e7, .fallback = 4700, .unit = "ohm" },
		{ "inline_resistor", FIELD_DOUBLE, 0, AT(sensor_wiring, inline_ohm), .hi = 1e7,
		  .unit = "ohm" },
		{ "adc_voltage", FIELD_DOUBLE, FIELD_ABOVE, AT(sensor_wiring, adc_v), .hi = 100,
		  .fallback = 5, .unit = "V" },
		{ "voltage_offset", FIELD_DOUBLE, 0, AT(sensor_wiring, offset_v), .lo = -10,
		  .hi = 10, .unit = "V" },
	};
	struct sensor_wiring w;
	struct config_section *own;
	char names[900];

	fields_load(l, s, fields, COUNT(fields), &w);
	if (!(w.pullup_ohm > 0) || !(w.adc_v > 0))
		return false; /* reported */
	*out = (struct sensor_curve){ .pullup_ohm = w.pullup_ohm, .inline_ohm = w.inline_ohm };
	if ((own = own_type(l, "thermistor", type)))
		return thermistor_load(l, own, out);
	if ((own = own_type(l, "adc_temperature", type)))
		return table_load(l, own, &w, out);
	if (sensor_types_curve(type, &w, out))
		return true;
	value_error(
		l, s, "sensor_type",
		"expected the name of a [thermistor …] or [adc_temperature …] section, or one of: %s",
		sensor_types_names(names, sizeof(names)));
	return false;
}

bool sensor_mcu_load(struct machine_load *l, struct config_section *s, struct pin *pin)
{
	char *name = NULL;
	const struct field mcu = { .option = "sensor_mcu",
				   .kind = FIELD_TEXT,
				   .hi = PIN_CHIP_MAX - 1,
				   .choices = "mcu",
				   .unit = "the name of an MCU" };

	fields_load(l, s, &mcu, 1, &name);
	*pin = (struct pin){ .mcu = machine_config_mcu(l->mc, name ? name : "") };
	snprintf(pin->chip, sizeof(pin->chip), "%s", name ? name : "");
	free(name);
	if (pin->mcu >= 0 && !l->mc->mcu[pin->mcu].host)
		return true;
	value_error(l, s, "sensor_mcu", "expected the name of an [mcu …] section");
	return false;
}

/* How many points of an MCU's own sensor are given, 0 to 2; -1: not both values of one, or the second alone. */
static int chip_points(struct machine_load *l, struct config_section *s)
{
	static const char *const names[2][2] = { { "sensor_temperature1", "sensor_adc1" },
						 { "sensor_temperature2", "sensor_adc2" } };
	bool given[2];

	for (int i = 0; i < 2; i++) {
		bool degc = config_option(s, names[i][0]) != NULL;

		given[i] = config_option(s, names[i][1]) != NULL;
		if (degc == given[i])
			continue;
		value_error(l, s, names[i][degc ? 0 : 1], "expected %s with it",
			    names[i][degc ? 1 : 0]);
		return -1;
	}
	if (given[1] && !given[0]) {
		value_error(l, s, "sensor_adc2",
			    "expected sensor_temperature1 and sensor_adc1 with it");
		return -1;
	}
	return given[0] + given[1];
}

/* The MCU's own sensor: of the main one, or of sensor_mcu. One or two points may be given. */
static bool chip_load(struct machine_load *l, struct config_section *s, struct machine_sensor *out)
{
	struct {
		double degc[2], adc[2];
	} t;
	static const struct field fields[] = {
		{ "sensor_temperature1", FIELD_DOUBLE, 0, 0, .lo = -SENSOR_KELVIN, .hi = 500,
		  .unit = "°C" },
		{ "sensor_temperature2", FIELD_DOUBLE, 0, 8, .lo = -SENSOR_KELVIN, .hi = 500,
		  .unit = "°C" },
		{ "sensor_adc1", FIELD_DOUBLE, 0, 16, .hi = 1 },
		{ "sensor_adc2", FIELD_DOUBLE, 0, 24, .hi = 1 },
	};
	int points = chip_points(l, s);
	bool falls;

	fields_load(l, s, fields, COUNT(fields), t.degc);
	out->source = MACHINE_SENSOR_CHIP;
	if (!sensor_mcu_load(l, s, &out->pin) || points < 0)
		return false;
	out->pin.set = true;
	snprintf(out->pin.name, sizeof(out->pin.name), "ADC_TEMPERATURE");
	out->curve = (struct sensor_curve){ .kind = SENSOR_RATIO, .count = (uint32_t)points };
	falls = points == 2 && t.adc[1] < t.adc[0];
	for (int i = 0; i < points; i++) {
		out->curve.x[i ^ falls] = t.adc[i];
		out->curve.degc[i ^ falls] = t.degc[i];
	}
	if (points < 2 || (t.adc[0] != t.adc[1] && t.degc[0] != t.degc[1]))
		return true;
	value_error(l, s, "sensor_adc2", "expected two points that differ");
	return false;
}

static bool source_load(struct machine_load *l, struct config_section *s, const char *type,
			struct machine_sensor *out)
{
	static const struct field host[] = {
		{ "sensor_path", FIELD_TEXT, 0, AT(machine_sensor, path), .hi = 4095,
		  .choices = "/sys/class/thermal/thermal_zone0/temp", .unit = "a path" },
	};
	bool found;
	static const struct field adc[] = {
		{ "sensor_pin", FIELD_PIN, FIELD_REQUIRED, AT(machine_sensor, pin), .lo = 0,
		  .hi = PIN_ALONE },
	};

	if (!strcasecmp(type, "temperature_host")) {
		out->source = MACHINE_SENSOR_HOST;
		fields_load(l, s, host, COUNT(host), out);
		snprintf(out->what, sizeof(out->what), "its file");
		sensor_report_s(out, MACHINE_REPORT_S);
		return out->path != NULL;
	}
	if (!strcasecmp(type, "temperature_mcu"))
		return chip_load(l, s, out);
	if (sensor_bus_load(l, s, type, out, &found))
		return found;
	fields_load(l, s, adc, COUNT(adc), out);
	if (pin_of_host(l, &out->pin))
		value_error(l, s, "sensor_pin",
			    "expected a pin of an MCU: GPIO lines of this machine read no voltages");
	return curve_load(l, s, type, &out->curve) && out->pin.set;
}

static bool range_load(struct machine_load *l, struct config_section *s, struct machine_sensor *out)
{
	const unsigned need = out->guards ? FIELD_REQUIRED : 0;
	const struct field fields[] = {
		{ "min_temp", FIELD_DOUBLE, need, AT(machine_sensor, min_degc), .lo = -SENSOR_KELVIN,
		  .hi = DEGC_MAX, .fallback = out->guards ? 0 : -SENSOR_KELVIN, .unit = "°C" },
		{ "max_temp", FIELD_DOUBLE, need, AT(machine_sensor, max_degc), .lo = -SENSOR_KELVIN,
		  .hi = DEGC_MAX, .fallback = out->guards ? 0 : DEGC_MAX, .unit = "°C" },
	};
	size_t errors = l->c->errors;

	fields_load(l, s, fields, COUNT(fields), out);
	if (l->c->errors == errors && !(out->max_degc > out->min_degc))
		value_error(l, s, "max_temp", "expected more than min_temp, which is %g",
			    out->min_degc);
	return l->c->errors == errors;
}

/* Like a hotend of 40 W, a bed of 250 W, or a body without a heater. */
static void warm_load(struct machine_load *l, struct machine_sensor *sensor)
{
	char name[MACHINE_NAME_MAX + 20];
	bool hotend = !strncmp(sensor->name, "extruder", 8);
	const struct field fields[] = {
		{ "power_w", FIELD_DOUBLE, 0, AT(machine_warm, power_w), .hi = 1e5,
		  .fallback = !sensor->guards ? 0
			      : hotend        ? 40
					      : 250,
		  .unit = "W" },
		{ "capacity_j_k", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_warm, capacity_j_k),
		  .hi = 1e6, .fallback = hotend ? 12 : 600, .unit = "J/K" },
		{ "loss_w_k", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_warm, loss_w_k), .hi = 1e3,
		  .fallback = hotend ? 0.065 : 1.6, .unit = "W/K" },
		{ "fan_loss_w_k", FIELD_DOUBLE, 0, AT(machine_warm, fan_loss_w_k), .hi = 1e3,
		  .fallback = hotend ? 0.02 : 0, .unit = "W/K" },
		{ "sensor_lag_s", FIELD_DOUBLE, FIELD_ABOVE, AT(machine_warm, lag_s), .hi = 1000,
		  .fallback = hotend ? 1.5 : 4, .unit = "s" },
		{ "ambient_degc", FIELD_DOUBLE, 0, AT(machine_warm, ambient_degc), .lo = -50,
		  .hi = 500, .fallback = 25, .unit = "°C" },
		/* of 1.75 mm: 2.4 mm³ at 2.2 mJ/(mm³ K), as PLA has it */
		{ "filament_j_k_mm", FIELD_DOUBLE, 0, AT(machine_warm, filament_j_k_mm), .hi = 1,
		  .fallback = hotend ? 0.0053 : 0, .unit = "J/(K mm)" },
		{ "noise", FIELD_INT, 0, AT(machine_warm, noise), .hi = 1000, .fallback = 1 },
	};

	snprintf(name, sizeof(name), "stepd_sim_heater %s", sensor->name);
	fields_load(l, section_use(l, name), fields, COUNT(fields), &sensor->warm);
}

int sensor_load(struct machine_load *l, struct config_section *s, const char *own, bool guards)
{
	struct machine_config *mc = l->mc;
	struct config_option *type = config_option(s, "sensor_type");
	struct machine_sensor *out = &mc->sensors[mc->sensor_count];

	if (!type) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] sensor_type: missing: expected the name of a sensor", s->name);
		return -1;
	}
	type->used = true;
	if (sensor_types_later(type->value)) {
		config_report(l->c, CONFIG_WARNING, type->place,
			      "[%s] sensor_type: '%s' can't be read yet: this sensor%s is left out",
			      s->name, type->value, guards ? ", and what it controls," : "");
		return -1;
	}
	if (mc->sensor_count == MACHINE_SENSOR_MAX) {
		config_report(l->c, CONFIG_ERROR, s->place,
			      "[%s] too many temperature sensors: expected at most %d", s->name,
			      MACHINE_SENSOR_MAX);
		return -1;
	}
	snprintf(out->name, sizeof(out->name), "%s", own);
	out->section = s->name;
	out->guards = guards;
	warm_load(l, out);
	if (!range_load(l, s, out) || !source_load(l, s, type->value, out))
		return -1;
	return (int)mc->sensor_count++;
}
