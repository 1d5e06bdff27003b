/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_sensor_bus.c - temperature sensors that are chips on buses, and those made of others: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"
#include "daemon/config/sensor_types.h"

#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

/* What a heater goes by is read at least so often. */
static const double GUARD_REPORT_S = 0.4;

/* A converter on SPI: its options, and a MAX31865's curve. */
static bool spi_load(struct machine_load *l, struct config_section *s, struct machine_sensor *out)
{
	struct {
		int type, averaging, wires;
		bool tc_50, rtd_50;
		double nominal_ohm, reference_ohm;
	} t;
	const struct field couple[] = {
		{ "tc_type", FIELD_CHOICE, 0, offsetof(__typeof__(t), type),
		  .choices = "B E J K N R S T", .fallback = 3 },
		{ "tc_averaging_count", FIELD_CHOICE, 0, offsetof(__typeof__(t), averaging),
		  .choices = "1 2 4 8 16" },
		{ "tc_use_50hz_filter", FIELD_BOOL, 0, offsetof(__typeof__(t), tc_50),
		  .fallback = 0 },
	};
	const struct field resistor[] = {
		{ "rtd_num_of_wires", FIELD_INT, 0, offsetof(__typeof__(t), wires), .lo = 2,
		  .hi = 4, .fallback = 2 },
		{ "rtd_use_50hz_filter", FIELD_BOOL, 0, offsetof(__typeof__(t), rtd_50),
		  .fallback = 0 },
		{ "rtd_nominal_r", FIELD_DOUBLE, FIELD_ABOVE, offsetof(__typeof__(t), nominal_ohm),
		  .hi = 1e5, .fallback = 100, .unit = "ohm" },
		{ "rtd_reference_r", FIELD_DOUBLE, FIELD_ABOVE,
		  offsetof(__typeof__(t), reference_ohm), .hi = 1e6, .fallback = 430,
		  .unit = "ohm" },
	};
	bool is_56 = out->chip == SENSOR_CHIP_MAX31856, is_65 = out->chip == SENSOR_CHIP_MAX31865;
	size_t errors = l->c->errors;

	memset(&t, 0, sizeof(t));
	if (is_56)
		fields_load(l, s, couple, COUNT(couple), &t);
	if (is_65)
		fields_load(l, s, resistor, COUNT(resistor), &t);
	out->source = MACHINE_SENSOR_SPI;
	if (!bus_spi_load(l, s, "sensor_pin", is_56 || is_65, 4e6, &out->bus) ||
	    l->c->errors != errors)
		return false;
	out->pin = out->bus.cs;
	out->setup = (struct sensor_chip_setup){ .thermocouple = (uint8_t)t.type,
						 .averaging = (uint8_t)t.averaging,
						 .wires = (uint8_t)t.wires,
						 .hz50 = t.tc_50 || t.rtd_50 };
	if (is_65) {
		const struct sensor_wiring w = { .pullup_ohm = t.reference_ohm };

		sensor_types_curve("PT100", &w, &out->curve);
		for (uint32_t i = 0; i < out->curve.count; i++)
			out->curve.x[i] *= t.nominal_ohm / 100;
	}
	return true;
}

/* In any case. */
static enum sensor_chip chip_named(const char *type)
{
	for (int i = SENSOR_CHIP_NONE + 1; i < SENSOR_CHIPS; i++)
		if (!strcasecmp(type, sensor_chip_name((enum sensor_chip)i)))
			return (enum sensor_chip)i;
	return SENSOR_CHIP_NONE;
}

/* Of a heater by a DS18B20: three readings that fail are 3 s at best, and by then it has to be off. */
static const char too_slow[] =
	"expected a sensor that is read more often than a DS18B20, once a second: a heater has to be "
	"off 3 s after its sensor has failed, and three readings have to fail before that is known";

void sensor_report_s(struct machine_sensor *out, double report_s)
{
	out->report_s = out->guards ? fmin(report_s, GUARD_REPORT_S) : report_s;
}

/* ---- chips on I2C ---- */

static bool i2c_load(struct machine_load *l, struct config_section *s, int address,
		     struct machine_sensor *out)
{
	static const char *const report[I2C_CHIP_KINDS] = {
		[I2C_CHIP_HTU21D] = "htu21d_report_time", [I2C_CHIP_BME280] = "bme280_report_time",
		[I2C_CHIP_BMP180] = "bme280_report_time", [I2C_CHIP_BMP388] = "bme280_report_time",
		[I2C_CHIP_BME680] = "bme280_report_time", [I2C_CHIP_LM75] = "lm75_report_time",
		[I2C_CHIP_SHT3X] = "sht3x_report_time",   [I2C_CHIP_AHT1X] = "aht10_report_time",
		[I2C_CHIP_AHT2X] = "aht10_report_time",
	};
	/* no reading waits on the bus, and all are of the full resolution */
	static const char *const of_others[] = { "htu21d_hold_master", "htu21d_resolution" };
	const struct field fields[] = { { report[out->i2c_chip], FIELD_DOUBLE, 0, 0, .lo = 0.2,
					  .hi = 3600, .fallback = MACHINE_REPORT_S, .unit = "s" } };
	size_t errors = l->c->errors;
	double report_s;

	out->source = MACHINE_SENSOR_I2C;
	fields_load(l, s, fields, COUNT(fields), &report_s);
	for (size_t i = 0; out->i2c_chip == I2C_CHIP_HTU21D && i < COUNT(of_others); i++)
		if (config_option(s, of_others[i]))
			config_option(s, of_others[i])->used = true;
	sensor_report_s(out, report_s);
	if (!bus_i2c_load(l, s, address, 100000, &out->bus))
		return false;
	snprintf(out->what, sizeof(out->what), "%s at i2c_address %d", out->i2c_name,
		 out->bus.address);
	return l->c->errors == errors;
}

/* ---- DS18B20 ---- */

static bool ds18b20_load(struct machine_load *l, struct config_section *s,
			 struct machine_sensor *out)
{
	struct {
		char *serial;
		double report_s;
	} t = { .serial = NULL };
	static const struct field pin = {
		"sensor_pin", FIELD_PIN,           0, offsetof(struct machine_sensor, pin),
		.lo = 0,      .hi = PIN_SHARED_BUS
	};
	const struct field fields[] = {
		{ "serial_no", FIELD_TEXT, FIELD_REQUIRED, offsetof(__typeof__(t), serial),
		  .hi = 255, .unit = "the chip's number, as 28-0316a2798eff" },
		{ "ds18_report_time", FIELD_DOUBLE, 0, offsetof(__typeof__(t), report_s), .lo = 1,
		  .hi = 3600, .fallback = 3, .unit = "s" },
	};
	size_t errors = l->c->errors;

	out->source = MACHINE_SENSOR_DS18B20;
	if (out->guards)
		value_error(l, s, "sensor_type", too_slow);
	fields_load(l, s, fields, COUNT(fields), &t);
	fields_load(l, s, &pin, 1, out);
	out->report_s = t.report_s;
	if (t.serial &&
	    (strlen(t.serial) != sizeof(out->serial) - 1 || strncmp(t.serial, "28-", 3) != 0 ||
	     strspn(t.serial + 3, "0123456789abcdefABCDEF") != sizeof(out->serial) - 4))
		value_error(l, s, "serial_no", "expected 28- and 12 digits: 28-0316a2798eff");
	else if (t.serial)
		strcpy(out->serial, t.serial);
	free(t.serial);
	snprintf(out->what, sizeof(out->what), "DS18B20 %s", out->serial);
	if (!out->pin.set)
		sensor_mcu_load(l, s, &out->pin);
	return l->c->errors == errors;
}

/* ---- made of others ---- */

static bool combined_load(struct machine_load *l, struct config_section *s,
			  struct machine_sensor *out)
{
	struct {
		char *list;
		int method;
		double deviation_degc;
	} t = { .list = NULL };
	const struct field fields[] = {
		{ "sensor_list", FIELD_TEXT, FIELD_REQUIRED, offsetof(__typeof__(t), list),
		  .hi = 2000, .unit = "names of sensors' sections" },
		{ "combination_method", FIELD_CHOICE, FIELD_REQUIRED,
		  offsetof(__typeof__(t), method), .choices = "mean min max" },
		{ "maximum_deviation", FIELD_DOUBLE, FIELD_REQUIRED | FIELD_ABOVE,
		  offsetof(__typeof__(t), deviation_degc), .hi = 1000, .unit = "°C" },
	};
	size_t errors = l->c->errors;

	fields_load(l, s, fields, COUNT(fields), &t);
	free(t.list);
	out->source = MACHINE_SENSOR_COMBINED;
	out->combine = (enum heat_combine)(HEAT_COMBINE_MEAN + t.method);
	out->deviation_degc = t.deviation_degc;
	return l->c->errors == errors;
}

/* Index of the sensor of that section, or of that name, -1. */
static int sensor_find(const struct machine_config *mc, const char *name)
{
	for (size_t i = 0; i < mc->sensor_count; i++)
		if (!strcmp(mc->sensors[i].section, name) || !strcmp(mc->sensors[i].name, name))
			return (int)i;
	return -1;
}

static void take_members(struct machine_load *l, struct machine_sensor *out)
{
	struct config_section *s = config_section(l->c, out->section);
	char *copy = config_strdup(config_option(s, "sensor_list")->value), *rest = copy, *part;

	while ((part = strsep(&rest, ",\n"))) {
		int i = *(part = config_trim(part)) ? sensor_find(l->mc, part) : -1;

		if (!*part)
			continue;
		if (i < 0 || l->mc->sensors[i].source == MACHINE_SENSOR_COMBINED) {
			value_error(
				l, s, "sensor_list",
				"expected sections that have a sensor of their own, and '%s' is none",
				part);
			continue;
		}
		out->members |= 1u << i;
		if (out->guards && l->mc->sensors[i].source == MACHINE_SENSOR_DS18B20)
			value_error(l, s, "sensor_list", too_slow);
		if (out->guards) {
			l->mc->sensors[i].guards = true;
			sensor_report_s(&l->mc->sensors[i], l->mc->sensors[i].report_s);
		}
	}
	free(copy);
	if (!out->members && l->c->errors == 0)
		value_error(l, s, "sensor_list", "expected at least one sensor");
}

void sensors_combine(struct machine_load *l)
{
	for (size_t i = 0; i < l->mc->sensor_count; i++)
		if (l->mc->sensors[i].source == MACHINE_SENSOR_COMBINED)
			take_members(l, &l->mc->sensors[i]);
}

/* ---- by name ---- */

bool sensor_bus_load(struct machine_load *l, struct config_section *s, const char *type,
		     struct machine_sensor *out, bool *ok)
{
	uint8_t address;

	if (!strcasecmp(type, "temperature_combined")) {
		*ok = combined_load(l, s, out);
		return true;
	}
	if (!strcasecmp(type, "DS18B20")) {
		*ok = ds18b20_load(l, s, out);
		return true;
	}
	out->chip = chip_named(type);
	if (out->chip) {
		*ok = spi_load(l, s, out);
		return true;
	}
	out->i2c_name = i2c_chip_named(type, &out->i2c_chip, &address);
	if (out->i2c_name)
		*ok = i2c_load(l, s, address, out);
	return out->i2c_name != NULL;
}
