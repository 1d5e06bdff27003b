/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_hx71x.h - an HX711 or HX717 with a load cell at the nozzle, over the bed of the printer.
 *
 * As the data sheets have it: a conversion every 1 / rate_hz is the mean of the time it took, and ready while DOUT is low;
 * 24 pulses of SCLK bring it out. A nozzle below the bed's surface is pushed up by grams_per_mm.
 * Owner: the caller. Threads: the sims'. Units: in the names; _s of the MCU.
 */
#ifndef SIM_CHIP_HX71X_H
#define SIM_CHIP_HX71X_H

#include <stdbool.h>
#include <stdint.h>

struct printer;
struct printer_chip_ops;

struct chip_hx71x {
	struct printer *printer;
	double rate_hz;
	double grams_per_mm;    /* of the nozzle pressed into the bed */
	double counts_per_gram; /* negative: the cell is the other way round */
	double zero_counts;     /* without a force */
	double noise_grams;     /* each conversion is off by up to so much */
	double load_grams;      /* of a hand */
	uint16_t dout_pin, sclk_pin;
	bool silent; /* converts no more */
	/* state */
	double from_s, seen_s, seen_grams, sum, most_grams;
	int32_t word;
	uint8_t bits;
	bool converting, ready, sclk;
};

extern const struct printer_chip_ops chip_hx71x_pins;

#endif
