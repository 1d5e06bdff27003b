// SPDX-License-Identifier: GPL-2.0-or-later
/* machine_eddy.c - [probe_eddy_current NAME]: see machine_load.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config_util.h"
#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct machine_probe, member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

enum { LDC1612_ADDRESS = 42 };
static const double I2C_HZ = 400e3, CLOCK_HZ = 12e6;

/* The next row of "a:b, a:b, …". Returns 1, 0: none is left, -1: it is not so many numbers. */
static int row_next(char **text, int columns, double *row)
{
	char *part, *number;
	int n = 0;

	do {
		part = strsep(text, ",\n");
		if (!part)
			return 0;
		part = config_trim(part);
	} while (!*part);
	while ((number = strsep(&part, ":")))
		if (n == columns || !number_parse(config_trim(number), &row[n++]))
			return -1;
	return n == columns ? 1 : -1;
}

/* "height:frequency, …", as PROBE_EDDY_CURRENT_CALIBRATE has it saved: NULL, or what was expected. */
static const char *table_load(char *text, struct machine_eddy *e)
{
	double row[2];
	int more;

	while ((more = row_next(&text, 2, row))) {
		if (more < 0)
			return "expected pairs height:frequency with commas between";
		if (e->count == MACHINE_EDDY_POINTS)
			return "expected at most 256 pairs";
		if (e->count &&
		    !(row[0] > e->height_mm[e->count - 1] && row[1] < e->hz[e->count - 1]))
			return "expected ascending heights with descending frequencies";
		if (!(row[1] > 0))
			return "expected frequencies above 0";
		e->height_mm[e->count] = row[0];
		e->hz[e->count++] = row[1];
	}
	return e->count >= 2 ? NULL : "expected at least two pairs height:frequency";
}

static void calibrate_load(struct machine_load *l, struct config_section *s, struct machine_eddy *e)
{
	struct config_option *o = config_option(s, "calibrate");
	const char *wrong;
	char *copy;

	if (!o)
		return;
	o->used = true;
	copy = config_strdup(o->value);
	wrong = table_load(copy, e);
	free(copy);
	if (!wrong)
		return;
	e->count = 0;
	config_report(l->c, CONFIG_ERROR, o->place, "[%s] calibrate: %s", s->name, wrong);
}

/* "height:linear:square, …": NULL, or what was expected. */
static const char *drift_parse(char *text, struct machine_drift *d)
{
	double row[3];
	int more;

	while ((more = row_next(&text, 3, row))) {
		if (more < 0)
			return "expected height:linear:square with commas between";
		if (d->count == MACHINE_DRIFT_POINTS)
			return "expected at most 16 heights";
		if (d->count && !(row[0] > d->height_mm[d->count - 1]))
			return "expected ascending heights";
		if (!(fabs(row[1]) < 0.01 && fabs(row[2]) < 0.001))
			return "expected less than 0.01 per K, and 0.001 per K^2";
		d->height_mm[d->count] = row[0];
		d->linear[d->count] = row[1];
		d->square[d->count++] = row[2];
	}
	return d->count ? NULL : "expected height:linear:square with commas between";
}

static void drift_load(struct machine_load *l, const char *own, struct machine_drift *d)
{
	static const struct field fields[] = {
		{ "calibration_temp", FIELD_DOUBLE, 0, offsetof(struct machine_drift, table_degc),
		  .lo = -50, .hi = 300, .fallback = NAN, .unit = "degC" },
		{ "drift_calibration_min_temp", FIELD_DOUBLE, 0,
		  offsetof(struct machine_drift, ref_degc), .lo = -50, .hi = 300, .unit = "degC" },
	};
	struct config_section *s;
	struct config_option *o;
	char name[128], *copy;
	const char *wrong;

	d->sensor = -1;
	snprintf(name, sizeof(name), "temperature_probe %.100s", own);
	s = section_use(l, name);
	if (!s)
		return;
	fields_load(l, s, fields, COUNT(fields), d);
	d->sensor = sensor_load(l, s, own, false);
	if (d->sensor >= 0)
		l->mc->sensors[d->sensor].alone = true;
	o = config_option(s, "drift_calibration");
	if (!o)
		return;
	o->used = true;
	copy = config_strdup(o->value);
	wrong = drift_parse(copy, d);
	free(copy);
	if (!wrong && isnan(d->table_degc))
		wrong = "expected calibration_temp, too";
	if (!wrong)
		return;
	d->count = 0;
	config_report(l->c, CONFIG_ERROR, o->place, "[%s] drift_calibration: %s", s->name, wrong);
}

void eddy_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	int type;
	const struct field kind[] = {
		{ "sensor_type", FIELD_CHOICE, FIELD_REQUIRED, 0, .choices = "ldc1612" },
	};
	const struct field fields[] = {
		{ "intb_pin", FIELD_PIN, 0, AT(eddy.intb), .hi = PIN_ALONE },
		{ "frequency", FIELD_DOUBLE, 0, AT(eddy.clock_hz), .lo = 2e6, .hi = 40e6,
		  .fallback = CLOCK_HZ, .unit = "Hz" },
		{ "reg_drive_current", FIELD_INT, 0, AT(eddy.drive), .hi = 31, .fallback = 16 },
	};
	const char *own = section_own_name(s->name, "probe_eddy_current");
	struct machine_eddy *e = &p->eddy;
	size_t errors = l->c->errors;

	p->kind = MACHINE_PROBE_EDDY;
	fields_load(l, s, kind, 1, &type);
	fields_load(l, s, fields, COUNT(fields), p);
	calibrate_load(l, s, e);
	drift_load(l, own ? own : "", &e->drift);
	if (!bus_i2c_load(l, s, LDC1612_ADDRESS, I2C_HZ, &e->bus) || l->c->errors != errors)
		return;
	if (e->intb.set && e->intb.mcu != e->bus.mcu) {
		value_error(l, s, "intb_pin",
			    "expected a pin of the MCU that the chip is connected to");
		return;
	}
	p->pin = (struct pin){
		.set = true, .mcu = e->bus.mcu, .chip = "probe", .name = "z_virtual_endstop"
	};
}
