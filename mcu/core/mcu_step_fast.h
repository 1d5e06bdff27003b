/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_step_fast.h - steps on a chip: all steppers that are due in one pass of the timer interrupt.
 *
 * A stepper whose pulses are short (BOARD_STEP_TICKS) has no function in its timer: the scheduler
 * runs it here. A step keeps to its clock; one that is late is made at once. That a timer is too
 * late for good is for the board to find out, once in a while.
 * The board gives struct board_line and board_line_init(), _step() and _unstep(), inline.
 */
#ifndef MCU_STEP_FAST_H
#define MCU_STEP_FAST_H

#include "mcu_stepper.h"

#define MCU_STEP_FAST NULL

/* One step. Returns: false if it was the last one that is queued. */
static inline bool mcu_step_one(struct mcu *m, struct mcu_stepper *s)
{
	bool more = true;

	board_line_step(&s->line);
	if (--s->count) {
		mcu_stepper_advance(s, &s->timer.clock);
	} else {
		s->clock = s->timer.clock;
		more = mcu_stepper_load(m, s);
		s->timer.clock = s->clock;
	}
	board_line_unstep(&s->line);
	return more;
}

/* Run the steppers at the head of the list that are due. Most come back in the order in which they
 * went, so they are gathered first and put before or among the others at once. */
static inline void mcu_step_pass(struct mcu *m, uint32_t until)
{
	struct mcu_timer *t = m->sched.head, *first = NULL, *last = NULL;

	do {
		struct mcu_stepper *s = mcu_container(t, struct mcu_stepper, timer);

		t = t->next;
		if (!mcu_step_one(m, s))
			continue;
		if (!first) {
			first = &s->timer;
		} else if (mcu_clock_diff(s->timer.clock, last->clock) < 0) {
			last->next = NULL;
			mcu_sched_insert(&first, &s->timer);
			continue;
		} else {
			last->next = &s->timer;
		}
		last = &s->timer;
	} while (t && t->fn == MCU_STEP_FAST && mcu_clock_diff(t->clock, until) <= 0);
	m->sched.head = t;
	if (!first)
		return;
	if (!t || mcu_clock_diff(t->clock, last->clock) >= 0) {
		last->next = t;
		m->sched.head = first;
		return;
	}
	last->next = NULL;
	while ((t = first)) {
		first = t->next;
		mcu_sched_insert(&m->sched.head, t);
	}
}
#endif
