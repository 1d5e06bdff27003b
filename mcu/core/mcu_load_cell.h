/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_load_cell.h - samples of a load cell, compared with a force. Threads: the firmware's main loop. */
#ifndef MCU_MCU_LOAD_CELL_H
#define MCU_MCU_LOAD_CELL_H

#include "mcu_bulk.h"

struct mcu_load_cell_probe;

/* A sample, counts, ready at that clock. lp may be NULL: nobody compares. */
void mcu_load_cell_sample(struct mcu *m, struct mcu_load_cell_probe *lp, int32_t counts,
			  uint32_t clock);

/* The same, and it is sent, the least significant byte first. Inline for the sake of the stack. */
static inline void mcu_load_cell_add(struct mcu *m, struct mcu_load_cell_probe *lp,
				     struct mcu_bulk *bulk, uint8_t oid, int32_t counts,
				     uint32_t clock)
{
	uint8_t sample[4];

	for (int i = 0; i < 4; i++)
		sample[i] = (uint8_t)((uint32_t)counts >> 8 * i);
	mcu_load_cell_sample(m, lp, counts, clock);
	mcu_bulk_add(m, bulk, oid, sample, clock);
}

#endif
