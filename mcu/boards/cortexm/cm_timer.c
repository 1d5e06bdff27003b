/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cm_timer.c - the interrupt that runs timers: the family's counter is the clock, and its alarm brings it.
 *
 * The alarm is set LEAD_TICKS early, and the rest is waited for. The interrupt stays while timers are due or soon will be;
 * the serial line's interrupt comes through. After STAY_TICKS it leaves the main loop GIVE_TICKS; whatever is late by over
 * 1 ms then never catches up, and is a shutdown.
 *
 * Budget of a step in instructions, the main loop's share included (`make bench-mcu`, the STM32F405 in QEMU, by the lowest interval at which
 * 6,000 steps pass): 97.5 with one stepper, 67.0 each with three at once; where each edge is a step, 96.0 and 66.0.
 */
#include "board.h"
#include "chip.h"
#include "chip_config.h"
#include "cortexm.h"
#include "mcu_step_fast.h"

enum {
	STAY_TICKS = MCU_FREQ_HZ / 5000,
	GIVE_TICKS = MCU_FREQ_HZ / 50000,
	LEAD_TICKS = MCU_FREQ_HZ / 1000000,
	SOON_TICKS = 3 * LEAD_TICKS,
	LATE_TICKS = MCU_FREQ_HZ / 1000,
	FAR_TICKS = MCU_FREQ_HZ / CHIP_ALARMS_HZ,
};

/* When the last pass of steps ended its pulses, and for how long pins must stay as they are then. */
static uint32_t rest_clock, rest_ticks;

uint32_t board_clock(struct board *b)
{
	(void)b;
	return chip_clock();
}

void cm_init(void)
{
	chip_alarm_init();
	for (unsigned irq = CHIP_SERIAL_IRQ; irq < CHIP_SERIAL_IRQ + CHIP_SERIAL_IRQS; irq++)
		CM_NVIC_ENABLE(irq) = 1u << irq % 32;
}

static inline struct mcu_stepper *stepper_of(struct mcu_timer *t)
{
	return mcu_container(t, struct mcu_stepper, timer);
}

static inline void wait_since(uint32_t clock, uint32_t ticks)
{
	while (chip_clock() - clock < ticks)
		;
}

/* The next clocks of the steppers from t to end. Returns: true if they are still in order. */
static inline bool plan(struct mcu_timer *t, const struct mcu_timer *end)
{
	uint32_t last = t->clock;
	bool order = true;

	for (; t != end; t = t->next) {
		struct mcu_stepper *s = stepper_of(t);

		if (--s->count && s->mode == MCU_STEPPER_STEADY)
			t->clock += s->interval;
		else if (!mcu_step_next(&chip_mcu, s))
			order = false;
		if (mcu_clock_diff(t->clock, last) < 0)
			order = false;
		last = t->clock;
	}
	return order && mcu_clock_diff(end->clock, last) >= 0;
}

/* A pass (mcu_step_fast.h): all edges, then all next clocks, then the ends of the pulses. */
static inline void step_pass(struct mcu_timer *first, uint32_t until)
{
	struct mcu_timer *end = first;
	uint32_t edge_clock, pulse_ticks = 0;
	bool order;

	wait_since(rest_clock, rest_ticks);
	do {
		struct mcu_stepper *s = stepper_of(end);

		board_line_step(&s->line);
		if (s->pulse_ticks > pulse_ticks)
			pulse_ticks = s->pulse_ticks;
		end = end->next;
	} while (end->fn == MCU_STEP_FAST && mcu_clock_diff(end->clock, until) <= 0);
	edge_clock = chip_clock();
	order = plan(first, end);
	wait_since(edge_clock, pulse_ticks);
	for (struct mcu_timer *t = first; t != end; t = t->next)
		board_line_unstep(&stepper_of(t)->line);
	rest_clock = chip_clock();
	rest_ticks = pulse_ticks;
	if (!order)
		mcu_step_sort(&chip_mcu, end);
}

/* The list is never empty: one timer of the core's is always there. */
void cm_timer_irq(void)
{
	uint32_t end = chip_clock() + STAY_TICKS;

	while (!(chip_mcu.attention & MCU_ATTN_SHUTDOWN)) {
		struct mcu_timer *t = chip_mcu.sched.head;
		uint32_t now = chip_clock();
		int32_t left = mcu_clock_diff(t->clock, now);

		if (mcu_clock_diff(end, now) < 0) {
			if (left < -LATE_TICKS)
				mcu_shutdown(&chip_mcu, MCU_REASON_TIMER_IN_PAST);
			break;
		}
		if (left > SOON_TICKS) {
			chip_alarm_set(left < FAR_TICKS ? (uint32_t)(left - LEAD_TICKS) : FAR_TICKS);
			return;
		}
		while (left > 0) {
			now = chip_clock();
			left = mcu_clock_diff(t->clock, now);
		}
		if (t->fn == MCU_STEP_FAST)
			step_pass(t, now);
		else
			mcu_sched_run(&chip_mcu, now, MCU_ATTN_SHUTDOWN);
	}
	chip_alarm_set(GIVE_TICKS);
}
