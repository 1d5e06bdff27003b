/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cm_systick.h - SysTick as the alarm of a family (cortexm.h): counts processor cycles down, an interrupt at 0.
 *
 * For chip_config.h, which gives CHIP_TICK_CYCLES, processor cycles a tick, and CHIP_ALARMS_HZ: more than 24 bits need.
 * Registers: ARMv7-M Architecture Reference Manual, B3.3. Threads: the timer interrupt, or locked.
 */
#ifndef CORTEXM_CM_SYSTICK_H
#define CORTEXM_CM_SYSTICK_H

#include "cortexm.h"

#define CM_SYST_CTRL CM_REG(0xe000e010)
#define CM_SYST_RELOAD CM_REG(0xe000e014)
#define CM_SYST_VALUE CM_REG(0xe000e018)
#define CM_ICSR CM_REG(0xe000ed04)
#define CM_SHPR3 CM_REG(0xe000ed20) /* its highest byte: priority of SysTick */

enum {
	CHIP_TIMER_IRQ = -1,
	CM_SYST_ENABLE = 1 << 0,
	CM_SYST_INTERRUPT = 1 << 1,
	CM_SYST_PROCESSOR = 1 << 2, /* counts processor cycles */
	CM_SYST_MAX = 0xffffff,
	CM_ICSR_SYST_SET = 1 << 26,
	CM_ICSR_SYST_CLEAR = 1 << 25,
};

static inline void chip_alarm_init(void)
{
	cm_modify(&CM_SHPR3, 0, (uint32_t)CM_TIMER_PRIORITY << 24);
	CM_SYST_RELOAD = CM_SYST_MAX;
	CM_SYST_VALUE = 0;
	CM_SYST_CTRL = CM_SYST_ENABLE | CM_SYST_INTERRUPT | CM_SYST_PROCESSOR;
}

/* Come again after so many ticks. A match from before does not count. */
static inline void chip_alarm_set(uint32_t ticks)
{
	CM_SYST_RELOAD = ticks * CHIP_TICK_CYCLES;
	CM_SYST_VALUE = 0;
	CM_ICSR = CM_ICSR_SYST_CLEAR;
}

static inline void chip_alarm_now(void)
{
	CM_ICSR = CM_ICSR_SYST_SET;
}
#endif
