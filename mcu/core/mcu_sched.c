/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_sched.h"

#include "board.h"
#include "mcu.h"
#ifdef MCU_BOARD_FAST
#include "mcu_step_fast.h"
#endif

void mcu_sched_add(struct mcu *m, struct mcu_timer *timer)
{
	if (mcu_clock_diff(timer->clock, board_clock(m->board)) < 0) {
		mcu_shutdown(m, MCU_REASON_TIMER_TOO_CLOSE);
		return;
	}
	mcu_sched_insert(&m->sched.head, timer);
	if (m->sched.head == timer)
		board_timers_changed(m->board);
}

void mcu_sched_del(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_timer **at = &m->sched.head;

	while (*at && *at != timer)
		at = &(*at)->next;
	if (*at)
		*at = timer->next;
}

void mcu_sched_move(struct mcu *m, struct mcu_timer *timer, uint32_t clock)
{
	mcu_sched_del(m, timer);
	timer->clock = clock;
	mcu_sched_add(m, timer);
}

void mcu_sched_run(struct mcu *m, uint32_t until, uint8_t stop)
{
	struct mcu_sched *s = &m->sched;

	while (!(m->attention & stop)) {
		struct mcu_timer *timer = s->head;

		if (!timer || mcu_clock_diff(timer->clock, until) > 0)
			break;
#ifdef MCU_BOARD_FAST
		if (timer->fn == MCU_STEP_FAST)
			break;
#endif
		s->head = timer->next;
		s->clock = timer->clock;
		if (!timer->fn(m, timer))
			continue;
		if (mcu_clock_diff(timer->clock, s->clock) < 0) {
			mcu_shutdown(m, MCU_REASON_TIMER_IN_PAST);
			break;
		}
		mcu_sched_insert(&s->head, timer);
	}
}
