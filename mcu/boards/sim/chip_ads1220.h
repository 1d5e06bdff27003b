/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_ads1220.h - an ADS1220 at a load cell, on SPI.
 *
 * Commands, registers and DRDY as its data sheet has them (TI SBAS501). The cell's counts are those of a gain of 128, between
 * AIN0 and AIN1; the other way round they have the other sign, and other inputs are open.
 * Owner: the caller. Threads: the sims'.
 */
#ifndef SIM_CHIP_ADS1220_H
#define SIM_CHIP_ADS1220_H

#include "chip_load_cell.h"

struct printer_chip_ops;

struct chip_ads1220 {
	struct chip_load_cell *cell;
	uint16_t data_ready_pin;
	bool gone; /* does not answer */
	/* state */
	uint8_t reg[4];
	int32_t word;
	uint8_t count;    /* bytes since it was selected */
	uint8_t command;  /* that came first */
	bool runs, ready; /* converts; a conversion waits */
};

extern const struct printer_chip_ops chip_ads1220_spi;

#endif
