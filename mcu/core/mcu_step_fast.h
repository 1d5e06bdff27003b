/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_step_fast.h - steps on a chip: all steppers that are due in one pass of the timer interrupt.
 *
 * A stepper whose pulses are short (BOARD_STEP_TICKS) has no function in its timer: the board's
 * interrupt runs it here, and mcu_sched_run() all others. A step keeps to its clock; one that is late is made at once. That a timer is too
 * late for good is for the board to find out, once in a while.
 * The board gives struct board_line and board_line_init(), _step() and _unstep(), inline.
 */
#ifndef MCU_STEP_FAST_H
#define MCU_STEP_FAST_H

#include "mcu_stepper.h"

#define MCU_STEP_FAST NULL

/* What a step has to do that is not in the short path: fractions, or the next run. Sets the timer's
 * clock. Returns: false if there is none; count is 0 then. */
bool mcu_step_next(struct mcu *m, struct mcu_stepper *s);

/* The timers from the head of the list to end have new clocks: sort them in, but for steppers that
 * have done all their steps. */
void mcu_step_sort(struct mcu *m, struct mcu_timer *end);

/* Run the steppers at the head of the list that are due, of which there is one at least. As long as
 * they come back in the order in which they went, nothing is moved in the list. It always ends in
 * the timer of mcu_stats.c, which is none of these. */
static inline void mcu_step_pass(struct mcu *m, uint32_t until)
{
	struct mcu_timer *t = m->sched.head;
	uint32_t before = t->clock; /* the clock that the next one must not be before */
	bool in_order = true;

	do {
		struct mcu_stepper *s = mcu_container(t, struct mcu_stepper, timer);
		uint32_t clock;

		board_line_step(&s->line);
		if (--s->count && s->mode != MCU_STEPPER_FRAC) {
			t->clock = clock = t->clock + s->interval;
			if (s->mode != MCU_STEPPER_STEADY)
				s->interval += s->add;
			board_line_unstep(&s->line);
		} else {
			in_order &= mcu_step_next(m, s);
			board_line_unstep(&s->line);
			clock = t->clock;
		}
		if (mcu_clock_diff(clock, before) < 0)
			in_order = false;
		before = clock;
		t = t->next;
	} while (t->fn == MCU_STEP_FAST && mcu_clock_diff(until, t->clock) >= 0);
	if (!in_order || mcu_clock_diff(t->clock, before) < 0)
		mcu_step_sort(m, t);
}
#endif
