/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_hx71x.h - an HX711 or HX717 at a load cell.
 *
 * As the data sheets have it: a conversion is ready while DOUT is low; 24 pulses of SCLK bring it out, and some more
 * choose the gain. While SCLK stays high the chip sleeps.
 * Owner: the caller. Threads: the sims'.
 */
#ifndef SIM_CHIP_HX71X_H
#define SIM_CHIP_HX71X_H

#include "chip_load_cell.h"

struct printer_chip_ops;

struct chip_hx71x {
	struct chip_load_cell *cell;
	uint16_t dout_pin, sclk_pin;
	/* state */
	int32_t word;
	uint8_t bits;
	bool ready, sclk;
};

extern const struct printer_chip_ops chip_hx71x_pins;

#endif
