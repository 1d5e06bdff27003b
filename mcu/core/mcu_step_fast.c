/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_step_fast.c - what a board's pass leaves to a call. Empty for boards in virtual time. */
#include "board.h"

#ifdef MCU_BOARD_FAST
#include "mcu_step_fast.h"

bool mcu_step_next(struct mcu *m, struct mcu_stepper *s)
{
	bool more = true;

	if (s->count) {
		mcu_stepper_advance(s, &s->timer.clock);
	} else {
		s->clock = s->timer.clock;
		more = mcu_stepper_load(m, s);
		s->timer.clock = s->clock;
	}
	return more;
}

void mcu_step_sort(struct mcu *m, struct mcu_timer *end)
{
	struct mcu_timer *t = m->sched.head, *next;

	m->sched.head = end;
	for (; t != end; t = next) {
		next = t->next;
		if (mcu_container(t, struct mcu_stepper, timer)->count)
			mcu_sched_insert(&m->sched.head, t);
	}
}
#endif
