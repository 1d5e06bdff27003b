/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_temperature.h - converters on SPI between a warm part's sensor and an MCU, as their data sheets have them.
 *
 * What is wrong with the sensor (thermal_action()) shows as the real chip shows it: a MAX6675 and a MAX31856 can't see a
 * shorted thermocouple, which has the temperature of its other end. Owner: the caller. Threads: the sims'.
 */
#ifndef SIM_CHIP_TEMPERATURE_H
#define SIM_CHIP_TEMPERATURE_H

#include <stdbool.h>
#include <stdint.h>

struct printer;
struct printer_chip_ops;

struct chip_temperature {
	int type; /* 6675, 31855, 31856 or 31865 */
	struct printer *printer;
	/* index in printer.bodies. Its reading is, of a MAX31865, that of a divider with the reference resistor; else
	 * chip_temperature_share(). */
	int body;
	bool silent, garbled;
	/* state */
	uint8_t reg[16], count, address;
	uint32_t word;
};

/* The reading of a body that a thermocouple is at. */
double chip_temperature_share(double degc);

extern const struct printer_chip_ops chip_temperature_spi;

#endif
