// SPDX-License-Identifier: GPL-2.0-or-later
/* Sync lines: which MCU has one, when it begins to toggle, and whether its clock estimate goes by it. */
#include "engine_private.h"

void engine_set_sync_line(struct engine *e, const struct ctl_sync_line *line)
{
	if (line->mcu >= ENGINE_MCUS)
		return;
	e->mcu[line->mcu].has_sync_line = true;
	e->mcu[line->mcu].sync_line_oid = line->oid;
}

/* So far ahead it is told: more than an idle cycle, and what move slots are counted for. */
static int64_t lead_ns(const struct engine *e)
{
	return (int64_t)(2 * e->cfg.horizon_s * 1e9);
}

void engine_start_sync_line(struct engine *e, int mcu, int64_t now_ns)
{
	struct engine_mcu *m = &e->mcu[mcu];
	int64_t period_ns = (int64_t)(CLOCKSYNC_EDGE_PERIOD_S * 1e9);

	if (!m->has_sync_line)
		return;
	/* Edges of several MCUs at one time would be in each other's way. */
	m->sync_line_ns = now_ns + lead_ns(e) + period_ns;
	m->sync_line_ns -= m->sync_line_ns % period_ns;
	m->sync_line_ns += mcu * period_ns / ENGINE_MCUS;
}

/* A software PWM of one half: from clock on it rises once a cycle, at clocks that are known. */
static void start(struct engine *e, int mcu)
{
	struct engine_mcu *m = &e->mcu[mcu];
	uint64_t clock = clocksync_clock(&m->sync, m->sync_line_ns);
	struct msg_queue_digital_out out = { .oid = m->sync_line_oid, .clock = (uint32_t)clock };

	m->sync_line_ns = 0;
	out.on_ticks = clocksync_edge_ticks(m->freq_hz) / 2;
	if (moveq_take(&m->moveq, clock) &&
	    engine_send(e, mcu, MSG_ID_queue_digital_out, &out, LINK_DUE_NOW))
		clocksync_edges_agree(&m->sync, clock);
}

void engine_edge(struct engine *e, int mcu, int64_t at_ns)
{
	if (mcu >= 0 && mcu < ENGINE_MCUS && e->mcu[mcu].present && e->mcu[mcu].clock_ready)
		clocksync_edge(&e->mcu[mcu].sync, at_ns);
}

void engine_watch_sync_line(struct engine *e, int mcu, int64_t now_ns)
{
	struct engine_mcu *m = &e->mcu[mcu];
	struct ev_rec ev = { .kind = EV_SYNC_LINE };

	if (m->sync_line_ns != 0 && now_ns >= m->sync_line_ns - lead_ns(e))
		start(e, mcu);
	clocksync_edges_check(&m->sync, now_ns);
	if (m->edges_told == clocksync_by_edges(&m->sync))
		return;
	m->edges_told = !m->edges_told;
	ev.sync_line.mcu = (uint8_t)mcu;
	ev.sync_line.used = m->edges_told;
	engine_event(e, &ev);
}
