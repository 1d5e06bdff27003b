/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cm_fast.h - what board.h leaves to a chip's header, for Cortex-M; step pins are the family's.
 *
 * Threads: the main loop and the timer interrupt, see each function.
 */
#ifndef CORTEXM_CM_FAST_H
#define CORTEXM_CM_FAST_H

#include "chip_config.h"

/* Pulses up to this long (2 us) end in the pass that began them. */
enum { BOARD_STEP_TICKS = MCU_FREQ_HZ / 500000 };

static inline void board_lock(struct board *b)
{
	(void)b;
	__asm__ volatile("cpsid i" ::: "memory");
}

static inline void board_unlock(struct board *b)
{
	(void)b;
	__asm__ volatile("cpsie i" ::: "memory");
}

static inline void board_timers_changed(struct board *b)
{
	(void)b;
	chip_alarm_now();
}
#endif
