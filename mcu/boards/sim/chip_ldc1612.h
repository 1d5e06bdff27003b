/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_ldc1612.h - an LDC1612 on I2C with a coil beside the nozzle, over the bed of the printer.
 *
 * Registers and conversions as its data sheet has them (TI SNOSCY9A), channel 0 alone: each conversion is the mean
 * frequency of the time it took, its errors go with it. The coil: far_hz without a bed, and more by the share
 * rise * exp(-distance / reach_mm). A nozzle that presses on the bed takes it along, and the coil comes nearer by a
 * share of the way only. In proportion to its temperature's distance from 25 degC a little less.
 * Owner: the caller. Threads: the sims'. Units: in the names; _s of the MCU.
 */
#ifndef SIM_CHIP_LDC1612_H
#define SIM_CHIP_LDC1612_H

#include <stdbool.h>
#include <stdint.h>

struct printer;
struct printer_chip_ops;

struct chip_ldc1612 {
	struct printer *printer;
	double clock_hz;   /* of its oscillator, in truth */
	double x_mm, y_mm; /* of the coil from the nozzle */
	double gap_mm;     /* of the coil from the bed when the nozzle touches it */
	double far_hz, rise, reach_mm;
	double give; /* that share, 0..1 */
	double drift_per_k, degc;
	double drift_per_k2; /* and of the square */
	double drift_near;   /* and more by this share near the bed */
	int body;        /* the warm part of the printer that it is as warm as; -1: degc is given */
	double noise_mm; /* each conversion is off by up to so much of height */
	uint8_t drive;   /* the drive current that gives the right amplitude */
	uint16_t intb_pin; /* PRINTER_NO_PIN: not connected */
	bool gone;         /* does not answer */
	bool silent;       /* converts no more */
	bool open;         /* the coil's wire is off */
	/* state */
	double deepest_mm; /* that the nozzle was pressed into the bed */
	uint16_t reg[0x80];
	uint8_t pointer, count;
	double from_s, seen_s; /* of the conversion under way; it is integrated so far */
	double seen_hz, sum;   /* frequency then; integral over from_s to seen_s */
	bool converting, unread, ready;
};

/* Numbers like those of coils on the market; what is left is that of one machine. */
extern const struct chip_ldc1612 chip_ldc1612_usual;

void chip_ldc1612_start(struct chip_ldc1612 *c);

/* The frequency of the coil with the nozzle that high over the bed. */
double chip_ldc1612_hz(const struct chip_ldc1612 *c, double nozzle_mm);

extern const struct printer_chip_ops chip_ldc1612_i2c;

#endif
