/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_timer.c - the clock, which is 16-bit timer 1 at CPU speed, and the interrupt that runs timers.
 *
 * The upper half of the clock is counted in software by whoever reads it; the interrupt comes at least
 * every 2^15 ticks. So no overflow interrupt is needed.
 *
 * The alarm is set LEAD_TICKS early, and the rest is waited for. The interrupt stays while timers are
 * due or soon will be, with a moment for the serial port after each pass; the timer's own interrupt is
 * off meanwhile. After STAY_TICKS it leaves the main loop GIVE_TICKS; whatever is late by over 1 ms then
 * never catches up, and is a shutdown.
 */
#include <avr/interrupt.h>
#include <avr/io.h>

#include "avr.h"
#include "avr_step.h"
#include "board.h"
#include "mcu_step_fast.h"

enum {
	STAY_TICKS = 3000,
	GIVE_TICKS = 200,
	LEAD_TICKS = 170, /* from the alarm to the first step, if nothing holds it up */
	SOON_TICKS = LEAD_TICKS + 70 + 60, /* leaving takes that, and gives the main loop the rest */
	EDGE_TICKS = 36, /* a step's edge comes at least so much after the wait for it */
	FAR_TICKS = 0x7000,
	LATE_TICKS = F_CPU / 1000,
	BURST_TICKS = 256, /* intervals of bursts; up to this, leaving between steps gains little */
};

static uint16_t clock_high, clock_low;

#define CHECK(name, type, member) \
	_Static_assert(name == offsetof(type, member), "avr_step.h: " #member)
CHECK(SCHED_HEAD, struct mcu, sched.head);
CHECK(NEXT, struct mcu_stepper, timer.next);
CHECK(FN, struct mcu_stepper, timer.fn);
CHECK(CLOCK, struct mcu_stepper, timer.clock);
CHECK(COUNT, struct mcu_stepper, count);
CHECK(INTERVAL, struct mcu_stepper, interval);
CHECK(ADD, struct mcu_stepper, add);
CHECK(PIN_REG, struct mcu_stepper, line.pin_reg);
CHECK(MASK, struct mcu_stepper, line.mask);
CHECK(UNSTEP_MASK, struct mcu_stepper, line.unstep_mask);
CHECK(MODE, struct mcu_stepper, mode);
CHECK(CLOCK_FRAC, struct mcu_stepper, clock_frac);
CHECK(INTERVAL_FRAC, struct mcu_stepper, interval_frac);
CHECK(ADD_FRAC, struct mcu_stepper, add_frac);
_Static_assert(MODE_STEADY == MCU_STEPPER_STEADY && MODE_PLAIN == MCU_STEPPER_PLAIN,
	       "avr_step.h: modes");

void avr_timer_init(void)
{
	TCCR1A = 0;
	OCR1A = FAR_TICKS;
	TIMSK1 = 1 << OCIE1A;
	TCNT1 = 0;
	TCCR1B = 1 << CS10; /* runs from here on */
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

/* Come again at this time of the timer, which is not nearer than it takes to leave. A match from
 * before does not count. */
static inline void set_alarm(uint16_t low)
{
	OCR1A = low;
	TIFR1 = 1 << OCF1A;
	TIMSK1 = 1 << OCIE1A;
}

/* It is time for the main loop, whatever is due. */
static void __attribute__((noinline)) give_way(void)
{
	if (mcu_clock_diff(read_clock(), chip_mcu.sched.head->clock) > LATE_TICKS)
		mcu_shutdown(&chip_mcu, MCU_REASON_TIMER_IN_PAST);
	set_alarm(clock_low + GIVE_TICKS);
}

/* Steps of one stepper that for a while is due before all other timers, and soon each time: what
 * changes stays in registers. It stays the first in the list. Not the last step of a run, and for no
 * more than STAY_TICKS. */
static void __attribute__((noinline)) burst(struct mcu_timer *t)
{
	struct mcu_stepper *s = mcu_container(t, struct mcu_stepper, timer);
	int32_t room = mcu_clock_diff(t->next->clock, t->clock);
	uint16_t left = room < STAY_TICKS ? (uint16_t)room : STAY_TICKS;
	uint16_t clock = (uint16_t)t->clock, interval = (uint16_t)s->interval, count = s->count;
	int16_t add = (int16_t)s->add;
	struct board_line line = s->line;

	if (left < interval || count < 2 || s->mode == MCU_STEPPER_FRAC ||
	    s->add + BURST_TICKS / 2 >= BURST_TICKS)
		return;
	do {
		while (ticks_to(clock) > 0)
			;
		board_line_step(&line);
		clock += interval;
		left -= interval;
		interval = (uint16_t)(interval + (uint16_t)add);
		count--;
		let_in();
		__builtin_avr_delay_cycles(14);
		board_line_unstep(&line);
		__builtin_avr_delay_cycles(12);
	} while (left >= interval && count > 1 && interval < BURST_TICKS);
	s->count = count;
	s->interval = (uint32_t)(int32_t)(int16_t)interval;
	t->clock += (uint16_t)(clock - (uint16_t)t->clock);
}

/* The main loop has to see to it before anything else may run. */
static inline bool shut_down(void)
{
	if (!(chip_mcu.attention & MCU_ATTN_SHUTDOWN))
		return false;
	set_alarm(TCNT1 + GIVE_TICKS);
	return true;
}

static inline uint32_t interval_of(const struct mcu_timer *t)
{
	return mcu_container(t, const struct mcu_stepper, timer)->interval;
}

/* The list is never empty: one timer of the core's is always there. Unless it is far, 16 bits tell how
 * far it is: from a little over LATE_TICKS ago to FAR_TICKS after end. */
ISR(TIMER1_COMPA_vect)
{
	uint32_t end = read_clock() + STAY_TICKS;

	TIMSK1 = 0; /* let_in() is for others */
	if (shut_down())
		return;

	for (;;) {
		struct mcu_timer *t = chip_mcu.sched.head;
		uint32_t clock = t->clock, now = clock;
		uint16_t low = TCNT1;
		int16_t left = (int16_t)((uint16_t)clock - low);

		if ((int16_t)((uint16_t)end - low) < 0) {
			give_way();
			return;
		}
		if (mcu_clock_diff(clock, end) > FAR_TICKS) {
			set_alarm(low + FAR_TICKS);
			return;
		}
		if (left > SOON_TICKS) {
			set_alarm((uint16_t)clock - LEAD_TICKS);
			return;
		}
		if (left > 0)
			while (ticks_to((uint16_t)clock) > EDGE_TICKS)
				let_in();
		else
			now -= (uint32_t)(int32_t)left;
		if (t->fn == MCU_STEP_FAST) {
			avr_step_pass(t, clock, now);
			/* the upper bytes first: two of them tell in nearly all cases */
			if (chip_mcu.sched.head == t && !(uint16_t)(interval_of(t) >> 8) &&
			    interval_of(t) < BURST_TICKS)
				burst(t);
		} else {
			mcu_sched_run(&chip_mcu, now, MCU_ATTN_SHUTDOWN);
			if (shut_down())
				return;
		}
		let_in();
	}
}
