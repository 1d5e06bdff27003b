/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_load_cell.h - samples of a load cell, compared with a force. Threads: the firmware's main loop. */
#ifndef MCU_MCU_LOAD_CELL_H
#define MCU_MCU_LOAD_CELL_H

#include "mcu.h"

struct mcu_load_cell_probe;

/* A sample, counts, ready at that clock. lp may be NULL: nobody compares. */
void mcu_load_cell_sample(struct mcu *m, struct mcu_load_cell_probe *lp, int32_t counts,
			  uint32_t clock);

#endif
