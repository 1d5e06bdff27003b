// SPDX-License-Identifier: GPL-2.0-or-later
/* machine_load_cell.c - [load_cell_probe]: see machine_load.h. */
#include <math.h>
#include <string.h>

#include "daemon/config/machine_load.h"

#define AT(member) offsetof(struct machine_probe, cell.member)
#define COUNT(fields) (sizeof(fields) / sizeof(*(fields)))

/* What the chips can do: gains, of the first two by the pulses that choose them; samples a second. */
static const struct {
	const char *gains, *rates;
	int gain;
	double rate_hz[13];
} chips[] = {
	[MACHINE_HX711] = { "A-128 B-32 A-64", "80 10", 0, { 80, 10 } },
	[MACHINE_HX717] = { "A-128 B-64 A-64 B-8", "320 80 20 10", 0, { 320, 80, 20, 10 } },
	[MACHINE_ADS1220] = { "1 2 4 8 16 32 64 128",
			      "660 20 45 90 175 330 600 1000 40 180 350 1200 2000",
			      7,
			      { 660, 20, 45, 90, 175, 330, 600, 1000, 40, 180, 350, 1200, 2000 } },
};

/* Register 1 of the ADS1220 for each of its rates: DR and MODE; its data sheet, TI SBAS501, table 18. */
static const unsigned char rate_bits[] = { 0x90, 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0,
					   0xc0, 0x10, 0x50, 0x70, 0xb0, 0xd0 };
enum { CONTINUOUS = 0x04, GAIN_SHIFT = 1, INPUT_SHIFT = 4, GAIN_4 = 2 };
static const double SPI_HZ = 512e3;

static void numbers(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	const struct field fields[] = {
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

static void notches_load(struct machine_load *l, struct config_section *s,
			 struct machine_load_cell *c)
{
	struct config_option *o = config_option(s, "notch_filter_frequencies");
	size_t count = 1;

	if (!o)
		return;
	for (const char *at = o->value; (at = strchr(at, ',')); at++)
		count++;
	o->used = true;
	if (count > MACHINE_NOTCHES || !numbers_parse(o->value, count, c->rate_hz, c->notch_hz)) {
		value_error(l, s, o->name, "expected one or two numbers, with a comma between");
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (!(c->notch_hz[i] >= c->rate_hz / 100 && c->notch_hz[i] < 0.49 * c->rate_hz))
			value_error(
				l, s, o->name,
				"expected Hz from %g to below %g: 0.01 to 0.49 times sample_rate",
				c->rate_hz / 100, 0.49 * c->rate_hz);
}

/* Lower shares of the sample rate would be beyond what the MCU's numbers can tell. */
static void filters_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	double rate_hz = p->cell.rate_hz;
	const struct field fields[] = {
		{ "drift_filter_cutoff_frequency", FIELD_DOUBLE, 0, AT(drift_hz),
		  .lo = rate_hz / 1000, .hi = rate_hz / 10, .fallback = 0, .unit = "Hz" },
		{ "drift_filter_delay", FIELD_CHOICE, 0, AT(drift_order), .choices = "1 2",
		  .fallback = 1 },
		{ "buzz_filter_cutoff_frequency", FIELD_DOUBLE, 0, AT(buzz_hz), .lo = rate_hz / 100,
		  .hi = 0.49 * rate_hz, .fallback = 0, .unit = "Hz" },
		{ "buzz_filter_delay", FIELD_CHOICE, 0, AT(buzz_order), .choices = "1 2",
		  .fallback = 1 },
		{ "notch_filter_quality", FIELD_DOUBLE, 0, AT(notch_quality), .lo = 0.5, .hi = 10,
		  .fallback = 2 },
	};
	struct machine_load_cell *c = &p->cell;

	fields_load(l, s, fields, COUNT(fields), p);
	notches_load(l, s, c);
	if (c->drift_hz > 0 && c->buzz_hz > 0 && c->buzz_hz <= c->drift_hz)
		value_error(l, s, "buzz_filter_cutoff_frequency",
			    "expected more than drift_filter_cutoff_frequency");
}

/* An HX711 or HX717: two pins. */
static void two_pins_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	static const struct field fields[] = {
		{ "dout_pin", FIELD_PIN, FIELD_REQUIRED, AT(dout), .hi = PIN_ALONE },
		{ "sclk_pin", FIELD_PIN, FIELD_REQUIRED, AT(sclk), .hi = PIN_ALONE },
	};
	struct machine_load_cell *c = &p->cell;
	size_t errors = l->c->errors;

	fields_load(l, s, fields, COUNT(fields), p);
	if (l->c->errors == errors &&
	    (c->dout.mcu < 0 || c->sclk.mcu != c->dout.mcu || pin_of_host(l, &c->dout)))
		value_error(l, s, "sclk_pin", "expected both pins on one MCU");
	c->mcu = c->dout.mcu;
}

/* What an ADS1220 measures between, and by. */
struct input {
	int mux, reference;
	bool bypass;
};

static void ads1220_load(struct machine_load *l, struct config_section *s, struct machine_probe *p,
			 int gain, int rate)
{
	struct machine_load_cell *c = &p->cell;
	struct input given = { 0 };
	const struct field fields[] = {
		{ "input_mux", FIELD_CHOICE, 0, offsetof(struct input, mux),
		  .choices = "AIN0_AIN1 AIN0_AIN2 AIN0_AIN3 AIN1_AIN2 AIN1_AIN3 AIN2_AIN3 "
			     "AIN1_AIN0 AIN3_AIN2 AIN0_AVSS AIN1_AVSS AIN2_AVSS AIN3_AVSS" },
		{ "vref", FIELD_CHOICE, 0, offsetof(struct input, reference),
		  .choices = "internal REF0 REF1 analog_supply" },
		{ "pga_bypass", FIELD_BOOL, 0, offsetof(struct input, bypass), .lo = 0 },
	};
	const struct field ready = { "data_ready_pin", FIELD_PIN, FIELD_REQUIRED, AT(data_ready),
				     .hi = PIN_ALONE };

	fields_load(l, s, fields, COUNT(fields), &given);
	fields_load(l, s, &ready, 1, p);
	if (given.bypass && gain > GAIN_4)
		value_error(l, s, "pga_bypass", "expected a gain of 1, 2 or 4 with it");
	c->reg[0] = (unsigned char)(given.mux << INPUT_SHIFT | gain << GAIN_SHIFT | given.bypass);
	c->reg[1] = rate_bits[rate] | CONTINUOUS;
	c->reference = given.reference;
	if (!bus_spi_load(l, s, "cs_pin", 1, SPI_HZ, &c->bus))
		return;
	c->mcu = c->bus.mcu;
	if (c->data_ready.set && c->data_ready.mcu != c->mcu)
		value_error(l, s, "data_ready_pin", "expected a pin of the chip's MCU");
}

void load_cell_load(struct machine_load *l, struct config_section *s, struct machine_probe *p)
{
	int gain = 0, rate = 0, turned = 0;
	struct machine_load_cell *c = &p->cell;
	const struct field kind[] = {
		{ "sensor_type", FIELD_CHOICE, FIELD_REQUIRED, AT(chip),
		  .choices = "hx711 hx717 ads1220" },
	};
	size_t errors = l->c->errors;

	p->kind = MACHINE_PROBE_LOAD_CELL;
	fields_load(l, s, kind, 1, p);
	fields_load(l, s,
		    &(struct field){ "gain", FIELD_CHOICE, 0, 0, .choices = chips[c->chip].gains,
				     .fallback = chips[c->chip].gain },
		    1, &gain);
	fields_load(l, s,
		    &(struct field){ "sample_rate", FIELD_CHOICE, 0, 0,
				     .choices = chips[c->chip].rates },
		    1, &rate);
	fields_load(l, s,
		    &(struct field){ "sensor_orientation", FIELD_CHOICE, 0, 0,
				     .choices = "normal inverted" },
		    1, &turned);
	c->gain_channel = gain + 1;
	c->rate_hz = chips[c->chip].rate_hz[rate];
	c->inverted = turned;
	numbers(l, s, p);
	filters_load(l, s, p);
	if (c->chip == MACHINE_ADS1220)
		ads1220_load(l, s, p, gain, rate);
	else
		two_pins_load(l, s, p);
	if (l->c->errors != errors)
		return;
	p->pin = (struct pin){
		.set = true, .mcu = c->mcu, .chip = "probe", .name = "z_virtual_endstop"
	};
}
