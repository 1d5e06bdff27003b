/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_effector.h - what listens to the control pin of a Duet3D smart effector: its sensitivity is programmed there.
 *
 * Each byte takes 14 bits of 1 ms: 0 0 1 0, its upper half, bit 4 turned round, its lower half, bit 0 turned round. 105, s and
 * 255 - s set the sensitivity, 131 and 131 bring back that of the factory. The switch is the probe's (printer_bed.h).
 * Owner: the caller. Threads: the sims'. Units: _s of the MCU.
 */
#ifndef SIM_CHIP_EFFECTOR_H
#define SIM_CHIP_EFFECTOR_H

#include <stdbool.h>
#include <stdint.h>

struct printer;
struct printer_chip_ops;

enum { CHIP_EFFECTOR_FACTORY = 50, CHIP_EFFECTOR_EDGES = 16 };

struct chip_effector {
	const struct printer *printer;
	uint16_t control_pin;
	/* state */
	int sensitivity;                    /* 0..255 */
	unsigned programmed, lost;          /* sets that were understood; bytes that were not */
	double edge_s[CHIP_EFFECTOR_EDGES]; /* of the byte under way: rising and falling in turn */
	unsigned edges;
	uint8_t byte[3], bytes;
};

void chip_effector_start(struct chip_effector *c);

extern const struct printer_chip_ops chip_effector_pins;

#endif
