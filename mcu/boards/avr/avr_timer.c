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
#include "mcu_step_fast.h"

enum {
	STAY_TICKS = 3000,
	GIVE_TICKS = 200,
	SOON_TICKS = 200, /* not worth leaving: what leaving and coming back takes */
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

/* Locked, or in the interrupt. */
static inline uint32_t read_clock(void)
{
	uint16_t low = TCNT1, high = clock_high;

	if (low < clock_low)
		clock_high = ++high;
	clock_low = low;
	return (uint32_t)high << 16 | low;
}

uint32_t board_clock(struct board *b)
{
	(void)b;
	return read_clock();
}

/* Interrupts that are pending come now. Two instructions, so that simulators see it as well. */
static inline void let_in(void)
{
	__asm__ volatile("sei\n\tnop\n\tnop\n\tcli" ::: "memory");
}

/* How far the timer is before a clock, if that is not far. */
static inline int16_t ticks_to(uint16_t low)
{
	return (int16_t)(low - (uint16_t)TCNT1);
}

/* Come again at this time of the timer. Returns: false if that may have passed meanwhile. */
static inline bool set_alarm(uint16_t low)
{
	OCR1A = low;
	return ticks_to(low) > 8;
}

/* The first timer is due far from now, or nothing is to run. Returns: false to stay. */
static bool leave(int32_t left)
{
	uint16_t wait = left < 0x8000 ? (uint16_t)left : 0x8000;

	if (avr_mcu.attention & MCU_ATTN_SHUTDOWN)
		wait = GIVE_TICKS;
	return set_alarm(clock_low + wait);
}

/* It is time for the main loop, whatever is due. Returns: false to stay. */
static bool give_way(void)
{
	if (mcu_clock_diff(read_clock(), avr_mcu.sched.head->clock) > LATE_TICKS)
		mcu_shutdown(&avr_mcu, MCU_REASON_TIMER_IN_PAST);
	return set_alarm(clock_low + GIVE_TICKS);
}

/* The list is never empty: one timer of the core's is always there. */
ISR(TIMER1_COMPA_vect)
{
	uint16_t entered = TCNT1;

	for (;;) {
		const struct mcu_timer *t = avr_mcu.sched.head;
		uint32_t now = read_clock();
		int32_t left = mcu_clock_diff(t->clock, now);

		if (left > SOON_TICKS || (avr_mcu.attention & MCU_ATTN_SHUTDOWN)) {
			if (leave(left))
				return;
			continue;
		}
		if (left > 0) {
			now = t->clock;
			while (ticks_to((uint16_t)now) > 0)
				let_in();
		}
		if (t->fn == MCU_STEP_FAST)
			mcu_step_pass(&avr_mcu, now);
		else
			mcu_sched_run(&avr_mcu, now, MCU_ATTN_SHUTDOWN);
		let_in();
		if ((uint16_t)(TCNT1 - entered) > STAY_TICKS) {
			if (give_way())
				return;
			entered = TCNT1;
		}
	}
}
