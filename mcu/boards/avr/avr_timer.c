/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_timer.c - the clock, which is 16-bit timer 1 at CPU speed, and the interrupt that runs timers.
 *
 * The upper half of the clock is counted in software by whoever reads it; the interrupt comes at least
 * every 2^15 ticks. So no overflow interrupt is needed, and no flag is ever cleared by hand.
 *
 * The interrupt stays as long as timers are due or soon will be, with a moment for the serial port
 * after each pass. After STAY_TICKS it leaves the main loop GIVE_TICKS; whatever is late by over
 * 1 ms then never catches up, and is a shutdown.
 */
#include <avr/interrupt.h>
#include <avr/io.h>

#include "avr.h"
#include "board.h"

enum {
	STAY_TICKS = 3000,
	GIVE_TICKS = 200,
	SOON_TICKS = 60, /* not worth leaving: what leaving and coming back takes */
	LATE_TICKS = F_CPU / 1000,
};

static uint16_t clock_high, clock_low;

void avr_timer_init(void)
{
	TCCR1A = 0;
	TCCR1B = 1 << CS10;
	TCNT1 = 0;
	OCR1A = 0x8000;
	TIMSK1 = 1 << OCIE1A;
}

uint32_t board_clock(struct board *b)
{
	uint16_t low = TCNT1;

	(void)b;
	if (low < clock_low)
		clock_high++;
	clock_low = low;
	return (uint32_t)clock_high << 16 | low;
}

/* Interrupts that are pending come now. Two instructions, so that simulators see it as well. */
static inline void let_in(void)
{
	__asm__ volatile("sei\n\tnop\n\tnop\n\tcli" ::: "memory");
}

/* Come again at this time of the timer. Returns: false if that may have passed meanwhile. */
static bool set_alarm(uint16_t low)
{
	OCR1A = low;
	return (int16_t)(low - (uint16_t)TCNT1) > 8;
}

ISR(TIMER1_COMPA_vect)
{
	uint16_t entered = TCNT1;

	for (;;) {
		const struct mcu_timer *head;
		int32_t left;

		mcu_sched_run(&avr_mcu, board_clock(NULL), MCU_ATTN_SHUTDOWN);
		head = avr_mcu.sched.head;
		if (!head || (avr_mcu.attention & MCU_ATTN_SHUTDOWN))
			left = LATE_TICKS;
		else
			left = mcu_clock_diff(head->clock, board_clock(NULL));
		if (left > SOON_TICKS) {
			uint16_t wait = left < 0x8000 ? (uint16_t)left : 0x8000;

			if (set_alarm(clock_low + wait))
				return;
		}
		if ((uint16_t)(TCNT1 - entered) > STAY_TICKS) {
			if (left < -LATE_TICKS)
				mcu_shutdown(&avr_mcu, MCU_REASON_TIMER_IN_PAST);
			if (set_alarm(TCNT1 + GIVE_TICKS))
				return;
		}
		let_in();
	}
}
