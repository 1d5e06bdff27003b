/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cortexm.h - in place of mcu/boards/cortexm/cortexm.h where a board's files are built for this machine: registers are a test's.
 *
 * Each look at a register, to read or to write, first lets the test's model go on (chipfake_model()), so that it sees what was written
 * before. Threads: one.
 */
#ifndef CHIPFAKE_CORTEXM_H
#define CHIPFAKE_CORTEXM_H
#define CORTEXM_CORTEXM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A register, 0 before its first use. */
volatile uint32_t *chipfake_reg(uint32_t address);
/* The same for the model: nothing goes on. */
uint32_t *chipfake_peek(uint32_t address);
/* All registers are 0 again. */
void chipfake_clear(void);

/* By the test: what the chip does by itself; address is looked at next (0: nothing is). */
void chipfake_model(uint32_t address);

#define CM_REG(address) (*chipfake_reg(address))
#define CM_NVIC_ENABLE(irq) CM_REG(0xe000e100 + (irq) / 32 * 4)

static inline void cm_modify(volatile uint32_t *reg, uint32_t clear, uint32_t set)
{
	*reg = (*reg & ~clear) | set;
}

static inline void cm_wait_for_interrupt(void)
{
}

static inline void cm_barrier(void)
{
}

enum { CM_TIMER_PRIORITY = 0x80 };
void chip_init(void);
#endif
