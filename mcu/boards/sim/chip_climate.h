/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_climate.h - sensors on I2C that are at a warm part of the printer, as their data sheets have them.
 *
 * What their sensor sees is the body's; a body whose sensor is "open" or "short" is a chip that is off the bus. Humidity and
 * pressure are what they are in this room. Formulas are those with integers of the data sheets where there are such,
 * inverted by halving. Owner: the caller. Threads: the sims'. Units: _degc, % RH, hPa, _s of the MCU.
 */
#ifndef SIM_CHIP_CLIMATE_H
#define SIM_CHIP_CLIMATE_H

#include <stdbool.h>
#include <stdint.h>

struct printer;
struct printer_chip_ops;

#define CHIP_CLIMATE_HUMIDITY 40.0
#define CHIP_CLIMATE_HPA 1013.25

enum { CHIP_CLIMATE_REGISTERS = 256, CHIP_CLIMATE_BYTES = 8 };

struct chip_climate {
	const char *type; /* as in sensor_type */
	struct printer *printer;
	int body; /* index in printer.bodies */
	/* state */
	bool silent, garbled;
	bool started; /* registers are there */
	uint8_t reg[CHIP_CLIMATE_REGISTERS];
	uint8_t word[CHIP_CLIMATE_BYTES]; /* of a command, or what it answers */
	uint8_t count, at;                /* bytes so far; register */
	double ready_s;                   /* when the conversion is over */
	bool asked, measured;
};

extern const struct printer_chip_ops chip_climate_i2c;

#endif
