/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_stats.c - the upper half of the clock, and the load report about every 5 s.
 *
 * One timer serves both: it must run at least once in 2^31 ticks, so that the low half is never
 * seen to wrap twice. Above 214 MHz it runs more often than every 5 s. */
#include "board.h"
#include "mcu.h"

enum { STATS_PERIOD_S = 5 };
#define PERIOD_TICKS_MAX (UINT32_C(1) << 30)

static bool stats_event(struct mcu *m, struct mcu_timer *timer)
{
	m->attention |= MCU_ATTN_STATS;
	timer->clock += mcu_freq_hz(m) < PERIOD_TICKS_MAX / STATS_PERIOD_S
				? mcu_freq_hz(m) * STATS_PERIOD_S
				: PERIOD_TICKS_MAX;
	return true;
}

void mcu_stats_init(struct mcu *m)
{
	uint32_t now = (uint32_t)m->cfg.clock;

	m->clock_high = (uint32_t)(m->cfg.clock >> 32);
	m->clock_low = now;
	m->stats_timer.fn = stats_event;
	m->stats_timer.clock = now;
	(void)stats_event(m, &m->stats_timer); /* sets the first time */
	m->attention = 0;
	mcu_sched_add(m, &m->stats_timer);
}

uint32_t mcu_clock(struct mcu *m)
{
	uint32_t now = board_clock_now(m->board);

	if (now < m->clock_low)
		m->clock_high++;
	m->clock_low = now;
	return now;
}

/* One pass of the main loop took this long, from a task's start. */
static void account(struct mcu *m, uint32_t ticks)
{
	/* ticks² / 256 */
	uint32_t base = ticks / 16;
	uint32_t square = base <= UINT16_MAX ? base * base : UINT32_MAX;
	uint32_t room = UINT32_MAX - m->stats_sumsq;

	m->stats_count++;
	m->stats_sum += ticks;
	m->stats_sumsq += square < room ? square : room;
}

void mcu_stats_task(struct mcu *m)
{
	uint32_t start = board_clock(m->board);
	struct msg_stats msg;

	(void)mcu_clock(m);
	account(m, board_clock(m->board) - start);
	if (m->stats_passes++ < mcu_freq_hz(m) / (PERIOD_TICKS_MAX / STATS_PERIOD_S))
		return;
	m->stats_passes = 0;
	msg = (struct msg_stats){
		.count = m->stats_count,
		.sum = m->stats_sum,
		.sumsq = m->stats_sumsq,
	};
	m->stats_count = m->stats_sum = m->stats_sumsq = 0;
	mcu_send(m, MSG_ID_stats, &msg);
}
