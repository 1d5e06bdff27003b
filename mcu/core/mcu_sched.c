/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_sched.h"

#include "board.h"
#include "mcu.h"

static inline void insert(struct mcu_sched *s, struct mcu_timer *timer)
{
	struct mcu_timer **at = &s->head;

	while (*at && mcu_clock_diff((*at)->clock, timer->clock) <= 0)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
}

void mcu_sched_add(struct mcu *m, struct mcu_timer *timer)
{
	if (mcu_clock_diff(timer->clock, board_clock(m->board)) < 0) {
		mcu_shutdown(m, MCU_REASON_TIMER_TOO_CLOSE);
		return;
	}
	insert(&m->sched, timer);
}

void mcu_sched_del(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_timer **at = &m->sched.head;

	while (*at && *at != timer)
		at = &(*at)->next;
	if (*at)
		*at = timer->next;
}

void mcu_sched_run(struct mcu *m, uint32_t until)
{
	struct mcu_sched *s = &m->sched;

	while (!m->attention) {
		struct mcu_timer *timer = s->head;

		if (!timer || mcu_clock_diff(timer->clock, until) > 0)
			break;
		s->head = timer->next;
		s->clock = timer->clock;
		if (!timer->fn(m, timer))
			continue;
		if (mcu_clock_diff(timer->clock, s->clock) < 0) {
			mcu_shutdown(m, MCU_REASON_TIMER_IN_PAST);
			break;
		}
		insert(s, timer);
	}
}
