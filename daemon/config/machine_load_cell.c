// SPDX-License-Identifier: GPL-2.0-or-later
/* machine_load_cell.c - [load_cell_probe]: see machine_load.h. */
#include <math.h>

#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct machine_probe, cell.member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

/* What the two chips can do: gains by the pulses that choose them, samples a second. */
static const struct {
	const char *gains, *rates;
	double rate_hz[4];
} chips[] = {
	{ "A-128 B-32 A-64", "80 10", { 80, 10 } },
	{ "A-128 B-64 A-64 B-8", "320 80 20 10", { 320, 80, 20, 10 } },
};

static void numbers(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	const struct field fields[] = {
		{ "dout_pin", FIELD_PIN, FIELD_REQUIRED, AT(dout), .hi = PIN_ALONE },
		{ "sclk_pin", FIELD_PIN, FIELD_REQUIRED, AT(sclk), .hi = PIN_ALONE },
		{ "counts_per_gram", FIELD_DOUBLE, FIELD_ABOVE, AT(counts_per_gram), .lo = 1,
		  .hi = 1e6, .fallback = 0 },
		{ "reference_tare_counts", FIELD_DOUBLE, 0, AT(reference_counts), .lo = -8388608,
		  .hi = 8388607 },
		{ "force_safety_limit", FIELD_DOUBLE, FIELD_ABOVE, AT(limit_grams), .hi = 60000,
		  .fallback = 2000, .unit = "g" },
		{ "trigger_force", FIELD_DOUBLE, 0, AT(trigger_grams), .lo = 10, .hi = 10000,
		  .fallback = 75, .unit = "g" },
		{ "tare_time", FIELD_DOUBLE, FIELD_ABOVE, AT(tare_s), .hi = 2,
		  .fallback = fmax(0.1, 4 / p->cell.rate_hz), .unit = "s" },
		{ "pullback_distance", FIELD_DOUBLE, 0, AT(pullback_mm), .lo = 0.01, .hi = 2,
		  .fallback = 0.2, .unit = "mm" },
		{ "pullback_speed", FIELD_DOUBLE, FIELD_ABOVE, AT(pullback_mm_s), .hi = 10,
		  .fallback = 0.001 * p->cell.rate_hz, .unit = "mm/s" },
	};

	fields_load(l, s, fields, COUNT(fields), p);
}

void load_cell_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	int type = 0, gain = 0, rate = 0, turned = 0;
	const struct field kind[] = {
		{ "sensor_type", FIELD_CHOICE, FIELD_REQUIRED, 0, .choices = "hx711 hx717" },
	};
	struct machine_load_cell *c = &p->cell;
	size_t errors = l->c->errors;

	p->kind = MACHINE_PROBE_LOAD_CELL;
	fields_load(l, s, kind, 1, &type);
	if (l->c->errors != errors)
		type = 0;
	fields_load(l, s,
		    &(struct field){ "gain", FIELD_CHOICE, 0, 0, .choices = chips[type].gains }, 1,
		    &gain);
	fields_load(
		l, s,
		&(struct field){ "sample_rate", FIELD_CHOICE, 0, 0, .choices = chips[type].rates },
		1, &rate);
	fields_load(l, s,
		    &(struct field){ "sensor_orientation", FIELD_CHOICE, 0, 0,
				     .choices = "normal inverted" },
		    1, &turned);
	c->gain_channel = gain + 1;
	c->rate_hz = chips[type].rate_hz[rate];
	c->inverted = turned;
	numbers(l, s, p);
	if (l->c->errors != errors)
		return;
	if (c->dout.mcu < 0 || c->sclk.mcu != c->dout.mcu || pin_of_host(l, &c->dout)) {
		value_error(l, s, "sclk_pin", "expected both pins on one MCU");
		return;
	}
	p->pin = (struct pin){
		.set = true, .mcu = c->dout.mcu, .chip = "probe", .name = "z_virtual_endstop"
	};
}
