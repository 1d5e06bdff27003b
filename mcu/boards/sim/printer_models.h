/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_models.h - memory for the models of the chips that a printer file has.
 *
 * Owner: the caller; all zeroes at first, it outlives the printer. Threads: the sims'.
 */
#ifndef SIM_PRINTER_MODELS_H
#define SIM_PRINTER_MODELS_H

#include "chip_ads1220.h"
#include "chip_climate.h"
#include "chip_ds18b20.h"
#include "chip_hx71x.h"
#include "chip_ldc1612.h"
#include "chip_temperature.h"
#include "chip_tmc.h"
#include "printer_events.h"

struct printer_models {
	struct chip_tmc tmc[PRINTER_CHIPS_MAX];
	char tmc_name[PRINTER_CHIPS_MAX][PRINTER_CHIP_NAME];
	struct chip_tmc_chain chain[PRINTER_CHIPS_MAX]; /* of drivers on SPI; one alone is a chain, too */
	uint16_t chain_cs[PRINTER_CHIPS_MAX];           /* its select pin, */
	uint8_t chain_mcu[PRINTER_CHIPS_MAX];           /* of that MCU */
	struct chip_temperature converter[PRINTER_CHIPS_MAX];
	struct chip_climate climate[PRINTER_CHIPS_MAX];
	char climate_type[PRINTER_CHIPS_MAX][16];
	struct chip_ds18b20 thermometer[PRINTER_CHIPS_MAX];
	char serial[PRINTER_CHIPS_MAX][16];
	struct chip_ldc1612 eddy;        /* of a probe; no printer: there is none */
	struct chip_load_cell load_cell; /* likewise, at one of these: */
	struct chip_hx71x hx71x;
	struct chip_ads1220 ads1220;
	struct printer_events events; /* of parts that have names */
	unsigned tmcs, chains, converters, climates, thermometers;
};

#endif
