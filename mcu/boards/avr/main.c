/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - stepd's firmware on an AVR: start, main loop, watchdog, reset. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "avr.h"
#include "board.h"
#include "chip.h"

/* The linker's: the end of .bss. From there on the memory is the core's, but for STACK_BYTES. */
extern uint8_t __heap_start[];

/* The watchdog survives a reset that it made, with its shortest time. */
static void __attribute__((naked, used, section(".init3"))) watchdog_off(void)
{
	MCUSR = 0;
	wdt_disable();
}

void board_reset(struct board *b)
{
	(void)b;
	cli();
	wdt_disable(); /* simavr takes a new time only so */
	wdt_enable(WDTO_15MS);
	for (;;)
		;
}

void chip_watchdog(void)
{
	wdt_reset();
}

/* What comes between looking and sleeping wakes it, since no interrupt is taken right after sei. */
void chip_idle(void)
{
	cli();
	if (!chip_serial_waiting() && !chip_mcu.attention) {
		sleep_enable();
		sei();
		sleep_cpu();
		sleep_disable();
	}
	sei();
}

int main(void)
{
	wdt_enable(WDTO_500MS);
	avr_timer_init();
	avr_serial_init();
	chip_loop(__heap_start, (size_t)(RAMEND + 1 - STACK_BYTES - (uint16_t)__heap_start));
}
