/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_config.h - STM32F103: addresses and numbers; RM0008. */
#ifndef STM32F1_CHIP_CONFIG_H
#define STM32F1_CHIP_CONFIG_H

#include "cortexm.h"

enum {
	STM32_GPIO = 0x40010800, /* 0x400 bytes a port */
	STM32_GPIO_IDR = 0x08,
	STM32_GPIO_BSRR = 0x10,
	STM32_PORTS = 5, /* A..E */

	STM32_USART = 0x40013800, /* USART1: PA9, PA10 */
#ifdef CHIP_USB
	CHIP_SERIAL_IRQ = 20,
#else
	CHIP_SERIAL_IRQ = 37,
#endif
	STM32_UID = 0x1ffff7e8,
	CHIP_SERIAL_IRQS = 1,
	CHIP_IRQS = 60,

	STM32_APB2_HZ = 72000000,
	STM32_APB1_HZ = STM32_APB2_HZ / 2,
	STM32_ADC = 0x40012400,
	STM32_ADC_ON = 1 << 0 | 7 << 17 | 1 << 20, /* begun by software */
	STM32_ADC_START = 1 << 22,
	STM32_ADC_SAMPLE =
		6, /* 71.5 of its cycles, which are 6 processor cycles; 12.5 more to convert */
	CHIP_TICK_CYCLES = 1,
	CHIP_ALARMS_HZ = 11,
	STM32_ADC_TICKS = (84 + 4) * 6,
};

#include "cm_systick.h"

static inline void chip_sleep(void)
{
	cm_wait_for_interrupt();
}

/* The clock is the processor's cycle counter: the timers have 16 bits. ARMv7-M manual, C1.8. */
#define CHIP_CYCCNT 0xe0001004
static inline uint32_t chip_clock(void)
{
	return CM_REG(CHIP_CYCCNT);
}

#include "cm_fine.h"
#endif
