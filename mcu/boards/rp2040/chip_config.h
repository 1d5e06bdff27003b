/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_config.h - RP2040: clock, alarm and interrupts; RP2040 data sheet, 4.6 (timer) and 2.3.2 (interrupts). */
#ifndef RP2040_CHIP_CONFIG_H
#define RP2040_CHIP_CONFIG_H

#include "cortexm.h"

/* The timer counts at the crystal's 12 MHz: one tick a cycle (rp2040.c). */
enum {
	RP2040_TIMER = 0x40054000,
	TIMER_ALARM0 = 0x10,
	TIMER_RAW = 0x28,
	TIMER_INTR = 0x34,
	TIMER_INTE = 0x38,
	CHIP_TIMER_IRQ = 0,
	CHIP_IRQS = 32,
	CHIP_ALARMS_HZ = 11,
#ifdef CHIP_USB
	CHIP_SERIAL_IRQ = 5, /* USBCTRL */
#else
	CHIP_SERIAL_IRQ = 20, /* UART0 */
#endif
	CHIP_SERIAL_IRQS = 1,
};

static inline uint32_t chip_clock(void)
{
	return CM_REG(RP2040_TIMER + TIMER_RAW);
}

static inline void chip_sleep(void)
{
	cm_wait_for_interrupt();
}

static inline void chip_alarm_init(void)
{
	cm_modify(&CM_NVIC_PRIORITY(CHIP_TIMER_IRQ), 0xff, CM_TIMER_PRIORITY);
	CM_REG(RP2040_TIMER + TIMER_INTE) = 1;
	CM_NVIC_ENABLE(CHIP_TIMER_IRQ) = 1u << CHIP_TIMER_IRQ;
	cm_pend(CHIP_TIMER_IRQ);
}

/* It comes when the counter has this very value: which may be over, if another interrupt was between. */
static inline void chip_alarm_set(uint32_t ticks)
{
	uint32_t now = chip_clock();

	CM_REG(RP2040_TIMER + TIMER_INTR) = 1;
	CM_REG(RP2040_TIMER + TIMER_ALARM0) = now + ticks;
	if (chip_clock() - now >= ticks)
		cm_pend(CHIP_TIMER_IRQ);
}

static inline void chip_alarm_now(void)
{
	cm_pend(CHIP_TIMER_IRQ);
}

/* The finest counter is SysTick, which is not the alarm here: 24 bits of processor cycles, downwards. ARMv6-M manual, B3.3. */
#define CHIP_SYST_CTRL CM_REG(0xe000e010)
#define CHIP_SYST_RELOAD CM_REG(0xe000e014)
#define CHIP_SYST_VALUE CM_REG(0xe000e018)
enum { CHIP_FINE_COUNTS = 11, CHIP_FINE_MAX = 0xffffff, CHIP_SYST_ON = 1 << 2 | 1 };

static inline void chip_fine_init(void)
{
	CHIP_SYST_RELOAD = CHIP_FINE_MAX;
	CHIP_SYST_CTRL = CHIP_SYST_ON;
}

static inline uint32_t chip_fine(void)
{
	return CHIP_SYST_VALUE;
}

static inline uint32_t chip_fine_since(uint32_t from)
{
	return (from - chip_fine()) & CHIP_FINE_MAX;
}
#endif
