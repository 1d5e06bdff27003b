// SPDX-License-Identifier: GPL-2.0-or-later
#include "sensor_chip.h"

#include <math.h>
#include <string.h>

/* Where the temperature is in the word: a number with or without a sign, in steps of degc. */
struct layout {
	const char *name;
	uint8_t shift, bits;
	bool is_signed;
	double degc;
	uint32_t broken; /* bits of the word that say so */
};

static const struct layout layouts[SENSOR_CHIPS] = {
	[SENSOR_CHIP_MAX6675] = { "MAX6675", 3, 12, false, 0.25, 0x4 },
	[SENSOR_CHIP_MAX31855] = { "MAX31855", 18, 14, true, 0.25, 0x10007 },
	[SENSOR_CHIP_MAX31856] = { "MAX31856", 5, 19, true, 0.0078125, 0 },
	[SENSOR_CHIP_MAX31865] = { "MAX31865", 1, 15, false, 0, 0x1 },
};

#define MAX31865_FULL 32768.0

const char *sensor_chip_name(enum sensor_chip chip)
{
	return layouts[chip].name;
}

enum sensor_chip sensor_chip_named(const char *name)
{
	for (int i = SENSOR_CHIP_NONE + 1; i < SENSOR_CHIPS; i++)
		if (!strcmp(layouts[i].name, name))
			return (enum sensor_chip)i;
	return SENSOR_CHIP_NONE;
}

/* As sensor_degc() and sensor_ratio() see it: of the reference resistor and the other one in series. */
static double share_to_ratio(double share)
{
	return share / (1.0 + share);
}

bool sensor_chip_degc(enum sensor_chip chip, const struct sensor_curve *c, uint32_t word,
		      uint8_t fault, double *degc)
{
	const struct layout *l = &layouts[chip];
	int32_t n = (int32_t)(word >> l->shift & ((UINT32_C(1) << l->bits) - 1));

	if (fault || word & l->broken)
		return false;
	if (l->is_signed && n >> (l->bits - 1))
		n -= INT32_C(1) << l->bits;
	if (chip == SENSOR_CHIP_MAX31865)
		*degc = sensor_degc(c, share_to_ratio(n / MAX31865_FULL));
	else
		*degc = n * l->degc;
	return true;
}

uint32_t sensor_chip_word(enum sensor_chip chip, const struct sensor_curve *c, double degc)
{
	const struct layout *l = &layouts[chip];
	double full = (double)(INT32_C(1) << l->bits), low = l->is_signed ? -full / 2 : 0, n;

	if (chip == SENSOR_CHIP_MAX31865) {
		double ratio = sensor_ratio(c, degc);

		n = ratio < 0.5 ? ratio / (1.0 - ratio) * MAX31865_FULL : full;
	} else {
		n = degc / l->degc;
	}
	n = fmax(low, fmin(low + full - 1, round(n)));
	return ((uint32_t)(int32_t)n & ((UINT32_C(1) << l->bits) - 1)) << l->shift;
}

void sensor_chip_bounds(enum sensor_chip chip, const struct sensor_curve *c, double min_degc,
			double max_degc, uint32_t *min_word, uint32_t *max_word)
{
	bool all = layouts[chip].is_signed && min_degc < 0;

	*min_word = all ? 0 : sensor_chip_word(chip, c, min_degc);
	*max_word = all ? UINT32_MAX : sensor_chip_word(chip, c, max_degc);
	/* the bits below the number may be anything */
	*max_word |= (UINT32_C(1) << layouts[chip].shift) - 1;
}

int sensor_chip_setup(enum sensor_chip chip, const struct sensor_chip_setup *s,
		      uint8_t out[SENSOR_CHIP_WRITES][SENSOR_CHIP_WRITE])
{
	enum {
		WRITE = 0x80,
		AUTOMATIC_56 = 0x80, /* converts all the time */
		OPEN_CIRCUIT = 0x10, /* is looked for with each conversion */
		BIAS = 0x80,
		AUTOMATIC_65 = 0x40,
		THREE_WIRES = 0x10,
		CLEAR_FAULTS = 0x02,
		HZ_50 = 0x01,
	};

	if (chip == SENSOR_CHIP_MAX31856) {
		uint8_t w[][SENSOR_CHIP_WRITE] = {
			{ WRITE | 0x00,
			  (uint8_t)(AUTOMATIC_56 | OPEN_CIRCUIT | (s->hz50 ? HZ_50 : 0)) },
			{ WRITE | 0x01, (uint8_t)(s->averaging << 4 | s->thermocouple) },
		};

		memcpy(out, w, sizeof(w));
		return 2;
	}
	if (chip == SENSOR_CHIP_MAX31865) {
		out[0][0] = WRITE | 0x00;
		out[0][1] = (uint8_t)(BIAS | AUTOMATIC_65 | (s->wires == 3 ? THREE_WIRES : 0) |
				      CLEAR_FAULTS | (s->hz50 ? HZ_50 : 0));
		return 1;
	}
	return 0;
}
