// SPDX-License-Identifier: GPL-2.0-or-later
/* Each trsync reports periodically. As long as all the others have been heard of lately, its
 * deadline moves on; silence anywhere lets everyone stop within the time-out by itself.
 * docs/PROTOCOL.md section 9. */
#include <math.h>

#include "engine_private.h"

/* Reports come every 0.3 time-outs; move a deadline only by most of that. */
#define REPORT_SHARE 0.3
#define WORTH_SHARE (0.8 * REPORT_SHARE)

void engine_homing_start(struct engine *e, const struct ctl_homing *h)
{
	e->homing = *h;
	if (e->homing.count > ENGINE_MCUS)
		e->homing.count = ENGINE_MCUS;
	for (int i = 0; i < e->homing.count; i++) {
		e->homing_seen_s[i] = e->now_s;
		/* The planner set the first deadline when it armed the trsync. */
		e->homing_deadline_s[i] = e->now_s;
	}
	e->homing_active = e->homing.count > 0;
}

static double oldest_other_s(const struct engine *e, int except)
{
	double oldest_s = e->homing.count == 1 ? e->homing_seen_s[0] : INFINITY;

	for (int i = 0; i < e->homing.count; i++)
		if (i != except)
			oldest_s = engine_earlier_s(oldest_s, e->homing_seen_s[i]);
	return oldest_s;
}

static void move_deadlines(struct engine *e)
{
	for (int i = 0; i < e->homing.count; i++) {
		int mcu = e->homing.trsync[i].mcu;
		double deadline_s = oldest_other_s(e, i) + e->homing.timeout_s;
		struct msg_trsync_set_timeout m = { .oid = e->homing.trsync[i].oid };
		uint64_t clock;

		if (deadline_s - e->homing_deadline_s[i] < WORTH_SHARE * e->homing.timeout_s ||
		    !clockmap_clock(engine_map(&e->mcu[mcu], deadline_s), deadline_s, &clock))
			continue;
		m.clock = (uint32_t)clock;
		if (engine_send(e, mcu, MSG_ID_trsync_set_timeout, &m, LINK_DUE_NOW))
			e->homing_deadline_s[i] = deadline_s;
	}
}

void engine_homing_state(struct engine *e, int mcu, const struct msg_trsync_state *m, int64_t rx_ns)
{
	struct ev_rec ev = { .kind = EV_HOMING_STOP };

	for (int i = 0; e->homing_active && i < e->homing.count; i++) {
		if (e->homing.trsync[i].mcu != mcu || e->homing.trsync[i].oid != m->oid)
			continue;
		if (m->can_trigger) {
			uint64_t clock = clocksync_extend(&e->mcu[mcu].sync, m->clock, rx_ns);

			e->homing_seen_s[i] = engine_time_s(&e->mcu[mcu], clock);
			move_deadlines(e);
			return;
		}
		/* One has fired: the others must stop now, and nothing more goes out. */
		e->homing_active = false;
		e->held = true;
		for (int j = 0; j < e->homing.count; j++) {
			struct msg_trsync_trigger t = { .oid = e->homing.trsync[j].oid,
							.reason = 2 };

			if (j != i)
				engine_send(e, e->homing.trsync[j].mcu, MSG_ID_trsync_trigger, &t,
					    LINK_DUE_NOW);
		}
		engine_drop_motion(e, ENGINE_HELD_TRIGGER);
		ev.homing_stop.trsync = (uint8_t)i;
		ev.homing_stop.reason = m->trigger_reason;
		engine_event(e, &ev);
	}
}
