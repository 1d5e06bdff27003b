/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cortexm.h - what boards with a Cortex-M processor have in common: vectors, alarm, interrupt that runs timers, lock.
 *
 * Registers: ARMv7-M Architecture Reference Manual, B3.2 (system control space). The family's chip_config.h gives
 * chip_clock(), chip_sleep(), CHIP_TICK_CYCLES (processor cycles a tick), CHIP_ALARMS_HZ (so many at least, and more than
 * SysTick's 24 bits need), CHIP_IRQS and CHIP_SERIAL_IRQ (numbers of interrupts). Threads: main loop and interrupts, as each says.
 */
#ifndef CORTEXM_CORTEXM_H
#define CORTEXM_CORTEXM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CM_REG(address) (*(volatile uint32_t *)(address))

/* SysTick: down from RELOAD, an interrupt at 0 */
#define CM_SYST_CTRL CM_REG(0xe000e010)
#define CM_SYST_RELOAD CM_REG(0xe000e014)
#define CM_SYST_VALUE CM_REG(0xe000e018)
#define CM_NVIC_ENABLE(irq) CM_REG(0xe000e100 + (irq) / 32 * 4)
#define CM_NVIC_PEND(irq) CM_REG(0xe000e200 + (irq) / 32 * 4)
#define CM_ICSR CM_REG(0xe000ed04)
#define CM_VTOR CM_REG(0xe000ed08) /* where the vectors are */
#define CM_AIRCR CM_REG(0xe000ed0c)
#define CM_SHPR3 CM_REG(0xe000ed20) /* its highest byte: priority of SysTick */

enum {
	CM_SYST_ENABLE = 1 << 0,
	CM_SYST_INTERRUPT = 1 << 1,
	CM_SYST_PROCESSOR = 1 << 2, /* counts processor cycles */
	CM_SYST_MAX = 0xffffff,
	CM_ICSR_SYST_SET = 1 << 26,
	CM_ICSR_SYST_CLEAR = 1 << 25,
};

/* Bit n of a register to v, and the rest left. */
static inline void cm_modify(volatile uint32_t *reg, uint32_t clear, uint32_t set)
{
	*reg = (*reg & ~clear) | set;
}

static inline void cm_wait_for_interrupt(void)
{
	__asm__ volatile("wfi");
}

/* Start the processor's part: priorities. The serial line comes before timers. */
void cm_init(void);

/* The family's: clocks, watchdog and serial line on; then its serial interrupt. */
void chip_init(void);
void chip_serial_irq(void);

/* The interrupt that runs timers. */
void cm_timer_irq(void);
#endif
