/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - stepd's firmware on an AVR: start, main loop, watchdog, reset. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#include "avr.h"
#include "board.h"

enum { STACK_BYTES = 384 }; /* reserve; the rest of the memory is the core's */

extern uint8_t __heap_start[]; /* the linker's: the end of .bss */

struct mcu avr_mcu;

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

/* Sleep until an interrupt, unless there is something to do: what comes between looking and
 * sleeping wakes it, since no interrupt is taken right after sei. */
static void idle(void)
{
	cli();
	if (!avr_serial_waiting() && !avr_mcu.attention) {
		sleep_enable();
		sei();
		sleep_cpu();
		sleep_disable();
	}
	sei();
}

int main(void)
{
	const struct mcu_cfg cfg = {
		.arena = __heap_start,
		.arena_size = (size_t)(RAMEND + 1 - STACK_BYTES - (uint16_t)__heap_start),
		.dict = avr_dict,
		.dict_len = avr_dict_len,
		.freq_hz = F_CPU,
		.move_count_max = MCU_MOVES_MAX,
	};

	wdt_enable(WDTO_500MS);
	avr_timer_init();
	avr_serial_init();
	mcu_init(&avr_mcu, &cfg);
	for (;;) {
		const uint8_t *bytes;
		uint8_t count = avr_serial_peek(&bytes);

		wdt_reset();
		if (count) {
			mcu_receive(&avr_mcu, bytes, count);
			avr_serial_done(count);
		}
		if (avr_mcu.attention)
			mcu_task(&avr_mcu);
		else if (!count)
			idle();
	}
}
