/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_config.h - STM32F405, F407, F446: addresses and numbers; RM0090 and RM0390. */
#ifndef STM32F4_CHIP_CONFIG_H
#define STM32F4_CHIP_CONFIG_H

#include "cortexm.h"

enum {
	STM32_GPIO = 0x40020000, /* 0x400 bytes a port */
	STM32_GPIO_IDR = 0x10,
	STM32_GPIO_BSRR = 0x18,
	STM32_PORTS = 8, /* A..H */

	STM32_USART = 0x40011000, /* USART1: PA9, PA10 */
#if defined(CHIP_USB)
	CHIP_SERIAL_IRQ = 67,
	CHIP_SERIAL_IRQS = 1,
#elif defined(CHIP_CAN)
	CHIP_SERIAL_IRQ = 19, /* CAN 1: sent, and come */
	CHIP_SERIAL_IRQS = 2,
#else
	CHIP_SERIAL_IRQ = 37,
	CHIP_SERIAL_IRQS = 1,
#endif
	STM32_CAN = 0x40006400,
	STM32_UID = 0x1fff7a10,
	CHIP_IRQS = 97,

	STM32_APB2_HZ = 84000000,
	STM32_APB1_HZ = STM32_APB2_HZ / 2,
	STM32_ADC = 0x40012000,
	STM32_ADC_ON = 1 << 0,
	STM32_ADC_START = 1 << 30,
	STM32_ADC_SAMPLE = 4, /* 84 of its cycles, which are 8 processor cycles; 12 more to convert */
	CHIP_TICK_CYCLES = 2,
	STM32_ADC_TICKS = (84 + 12 + 4) * 8 / CHIP_TICK_CYCLES,
};

/* The clock is TIM5, which has 32 bits, at the 84 MHz of its bus' timers. */
#define CHIP_TIM5 0x40000c00
/* An image for QEMU 7.2: its timers run at 1 GHz, so this one divides by 12, and its clock is slow by 0.8 %; its processor
 * sleeps for too long, so it takes turns of 10 us; and a test sees the clock at each alarm. */
#ifdef CHIP_IN_QEMU
enum { CHIP_PRESCALE = 12, CHIP_ALARMS_HZ = 5000, CHIP_SLEEP_TURNS = 400 };
static inline void chip_sleep(void)
{
	__asm__ volatile("cpsie i" ::: "memory");
	for (int i = 0; i < CHIP_SLEEP_TURNS; i++)
		__asm__ volatile("nop");
}
#else
enum { CHIP_PRESCALE = 1, CHIP_ALARMS_HZ = 11 };
static inline void chip_sleep(void)
{
	cm_wait_for_interrupt();
}
#endif
static inline uint32_t chip_clock(void)
{
	return CM_REG(CHIP_TIM5 + 0x24);
}

#include "cm_fine.h"

#include "cm_systick.h"
#endif
