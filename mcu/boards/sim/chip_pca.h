/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_pca.h - drivers of lights on I2C: PCA9533, PCA9632. Their registers, and what their outputs do.
 *
 * Owner: the caller; zero but for type. Threads: the sim's.
 */
#ifndef SIM_CHIP_PCA_H
#define SIM_CHIP_PCA_H

#include <stdbool.h>
#include <stdint.h>

struct printer_chip_ops;

enum { CHIP_PCA_REGISTERS = 16, CHIP_PCA_OUTPUTS = 4 };

struct chip_pca {
	int type; /* 9533 or 9632 */
	/* state */
	bool silent;
	uint8_t reg[CHIP_PCA_REGISTERS];
	uint8_t control;
	unsigned count; /* bytes of this write */
	unsigned writes;
};

/* 0..1 that the output is on. */
double chip_pca_output(const struct chip_pca *c, unsigned output);

extern const struct printer_chip_ops chip_pca_i2c;

#endif
