/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_sos_filter.h - second-order sections in a row, in fixed point, for the samples of a load cell.
 *
 * A section is H(z) = (b0 + b1/z + b2/z^2) / (1 + a1/z + a2/z^2), transposed direct form II (Oppenheim and Schafer,
 * Discrete-Time Signal Processing, section 6.4): its state is of the values' own format. Every sum is exact and rounded once.
 * Owner: the arena. Threads: the firmware's main loop.
 */
#ifndef MCU_MCU_SOS_FILTER_H
#define MCU_MCU_SOS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* Values and states either way at most: so no sum is beyond 64 bits, whatever the coefficients. */
#define MCU_SOS_MAX (INT32_C(1) << 30)

struct mcu_sos_section {
	int32_t coeff[5]; /* b0, b1, b2, a1, a2 */
	int32_t state[2];
};

struct mcu_sos_filter {
	uint8_t sections_max;
	uint8_t sections;  /* in use; 0: values pass as they are */
	uint8_t frac_bits; /* of the coefficients, 1..31 */
	struct mcu_sos_section section[];
};

/* The next value. Cost: five multiplications of 32 bits a section. Returns: false if one is beyond MCU_SOS_MAX; *value and
 * states mean nothing then. */
bool mcu_sos_filter_run(struct mcu_sos_filter *f, int32_t *value);

/* As after a long time of zeroes. */
void mcu_sos_filter_rest(struct mcu_sos_filter *f);

#endif
