/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensor_chip.h - from the word that a temperature converter on SPI gives to a temperature, and back.
 *
 * The MCU reads the word on its own and reports it as it is (config_thermocouple). Pure; any thread. Units: _degc, _ohm.
 * Sources: Maxim data sheets of the MAX6675 (19-2235), MAX31855 (19-5793), MAX31856 (19-7534), MAX31865 (19-6478).
 */
#ifndef RTCORE_SENSOR_CHIP_H
#define RTCORE_SENSOR_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "sensor.h"

enum sensor_chip {
	SENSOR_CHIP_NONE, /* an analog input */
	SENSOR_CHIP_MAX6675,
	SENSOR_CHIP_MAX31855,
	SENSOR_CHIP_MAX31856,
	SENSOR_CHIP_MAX31865, /* a resistor: its curve is SENSOR_OHM, pullup_ohm the reference resistor */
	SENSOR_CHIPS,
};

/* The name in configurations and in the firmware's enumeration thermocouple_type. chip: not SENSOR_CHIP_NONE. */
const char *sensor_chip_name(enum sensor_chip chip);
/* SENSOR_CHIP_NONE: it is none of them. */
enum sensor_chip sensor_chip_named(const char *name);

/* The temperature. False: the chip says, in the word or beside it in fault, that what it measures with is broken. */
bool sensor_chip_degc(enum sensor_chip chip, const struct sensor_curve *c, uint32_t word,
		      uint8_t fault, double *degc);

/* The word at that temperature, as near as the chip gives it, or the end of its range. */
uint32_t sensor_chip_word(enum sensor_chip chip, const struct sensor_curve *c, double degc);

/* Bounds for the MCU's own check, which compares words without a sign. With a range below 0 °C, where words are the
 * greatest, everything passes, but what the chip itself calls broken. */
void sensor_chip_bounds(enum sensor_chip chip, const struct sensor_curve *c, double min_degc,
			double max_degc, uint32_t *min_word, uint32_t *max_word);

/* What has to be written into its registers before it converts, address first; a MAX31856's or MAX31865's options. */
struct sensor_chip_setup {
	uint8_t thermocouple; /* MAX31856: 0..7 for B E J K N R S T */
	uint8_t averaging;    /* MAX31856: 2^n conversions, n 0..4 */
	uint8_t wires;        /* MAX31865: 2, 3 or 4 */
	bool hz50;            /* mains: 50 instead of 60 Hz */
};

enum { SENSOR_CHIP_WRITES = 2, SENSOR_CHIP_WRITE = 2 };

/* Returns: how many writes of two bytes, 0 to 2. */
int sensor_chip_setup(enum sensor_chip chip, const struct sensor_chip_setup *s,
		      uint8_t out[SENSOR_CHIP_WRITES][SENSOR_CHIP_WRITE]);

#endif
