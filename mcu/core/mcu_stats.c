/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_stats.c - the upper half of the clock, and the load report about every 5 s.
 *
 * One timer serves both: it must run at least once in 2^31 ticks, so that the low half is never
 * seen to wrap twice. */
#include "board.h"
#include "mcu.h"

enum { STATS_PERIOD_S = 5 };
#define PERIOD_TICKS_MAX (UINT32_C(1) << 30)

static bool stats_event(struct mcu *m, struct mcu_timer *timer)
{
	m->attention |= MCU_ATTN_STATS;
	timer->clock += m->cfg.freq_hz < PERIOD_TICKS_MAX / STATS_PERIOD_S
				? m->cfg.freq_hz * STATS_PERIOD_S
				: PERIOD_TICKS_MAX;
	return true;
}

void mcu_stats_init(struct mcu *m)
{
	uint32_t now = (uint32_t)m->cfg.clock;

	m->clock_high = (uint32_t)(m->cfg.clock >> 32);
	m->clock_low = now;
	m->stats_clock = now;
	m->stats_timer.fn = stats_event;
	m->stats_timer.clock = now;
	(void)stats_event(m, &m->stats_timer); /* sets the first time */
	m->attention = 0;
	mcu_sched_add(m, &m->stats_timer);
}

uint64_t mcu_clock64(struct mcu *m)
{
	uint32_t now = board_clock(m->board);

	if (now < m->clock_low)
		m->clock_high++;
	m->clock_low = now;
	return (uint64_t)m->clock_high << 32 | now;
}

/* One pass of the main loop took this long, from a task's start. */
static void account(struct mcu *m, uint32_t ticks)
{
	uint64_t square = (uint64_t)ticks * ticks / MCU_STATS_SUMSQ_BASE;
	uint64_t sumsq = m->stats_sumsq + square;

	m->stats_count++;
	m->stats_sum += ticks;
	m->stats_sumsq = sumsq < UINT32_MAX ? (uint32_t)sumsq : UINT32_MAX;
}

void mcu_stats_task(struct mcu *m)
{
	uint32_t start = board_clock(m->board);
	uint64_t due = (uint64_t)m->cfg.freq_hz * STATS_PERIOD_S;
	struct msg_stats msg;

	(void)mcu_clock64(m);
	account(m, board_clock(m->board) - start);
	/* above 214 MHz the timer runs more often than the report is due */
	m->stats_ticks += start - m->stats_clock;
	m->stats_clock = start;
	if (m->stats_ticks < due)
		return;
	m->stats_ticks = 0;
	msg = (struct msg_stats){
		.count = m->stats_count,
		.sum = m->stats_sum,
		.sumsq = m->stats_sumsq,
	};
	m->stats_count = m->stats_sum = m->stats_sumsq = 0;
	mcu_send(m, MSG_ID_stats, &msg);
}
