/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cortexm.h - what boards with a Cortex-M processor have in common: vectors, alarm, interrupt that runs timers, lock.
 *
 * Registers: ARMv7-M Architecture Reference Manual, B3.2 (system control space); what is used of them is in ARMv6-M, too. The
 * family's chip_config.h gives chip_clock(), chip_sleep(), the alarm (chip_alarm_init(), chip_alarm_set(), chip_alarm_now(); cm_systick.h
 * has one), CHIP_ALARMS_HZ (so many alarms at least), CHIP_IRQS, CHIP_TIMER_IRQ (-1 is SysTick), CHIP_SERIAL_IRQ and
 * CHIP_SERIAL_IRQS (numbers of interrupts, the link's are so many in a row). Threads: main loop and interrupts, as each says.
 */
#ifndef CORTEXM_CORTEXM_H
#define CORTEXM_CORTEXM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CM_REG(address) (*(volatile uint32_t *)(address))

#define CM_NVIC_ENABLE(irq) CM_REG(0xe000e100 + (irq) / 32 * 4)
#define CM_NVIC_PEND(irq) CM_REG(0xe000e200 + (irq) / 32 * 4)
#define CM_NVIC_PRIORITY(irq) CM_REG(0xe000e400 + (irq) / 4 * 4) /* a byte each */
#define CM_VTOR CM_REG(0xe000ed08)                               /* where the vectors are */

/* Of the timer interrupt; the link's has 0, which comes first. */
enum { CM_TIMER_PRIORITY = 0x80 };

/* Bits of a register cleared, others set, and the rest left. */
static inline void cm_modify(volatile uint32_t *reg, uint32_t clear, uint32_t set)
{
	*reg = (*reg & ~clear) | set;
}

/* A register of a unit for which a test has another in its place. */
static inline uint32_t cm_read(uint32_t address)
{
	return CM_REG(address);
}

static inline void cm_write(uint32_t address, uint32_t value)
{
	CM_REG(address) = value;
}

/* What was written is written, before anything behind it. */
static inline void cm_barrier(void)
{
	__asm__ volatile("dsb" ::: "memory");
}

static inline void cm_wait_for_interrupt(void)
{
	__asm__ volatile("wfi");
}

/* Start the processor's part: priorities. The serial line comes before timers. */
void cm_init(void);

/* An interrupt comes, as if its source had asked for it. */
static inline void cm_pend(unsigned irq)
{
	CM_NVIC_PEND(irq) = 1u << irq % 32;
}

/* The family's: clocks, watchdog and serial line on; then its serial interrupt. */
void chip_init(void);
void chip_serial_irq(void);

/* The interrupt that runs timers. */
void cm_timer_irq(void);
#endif
