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
	if (e->homing.count > ENGINE_TRSYNCS)
		e->homing.count = ENGINE_TRSYNCS;
	for (int i = 0; i < e->homing.count; i++) {
		/* The planner set the first deadline when it armed the trsync. */
		e->homing_seen_s[i] = h->start_s;
		e->homing_deadline_s[i] = h->start_s + h->timeout_s;
	}
	e->homing_fired = e->homing_stopped = 0;
	e->homing_active = e->homing.count > 0;
}

/* Of the trsyncs in the same group; a trsync alone in it vouches for itself. */
static double oldest_other_s(const struct engine *e, int except)
{
	double oldest_s = INFINITY;

	for (int i = 0; i < e->homing.count; i++)
		if (i != except && e->homing.trsync[i].group == e->homing.trsync[except].group)
			oldest_s = engine_earlier_s(oldest_s, e->homing_seen_s[i]);
	return oldest_s == INFINITY ? e->homing_seen_s[except] : oldest_s;
}

static void move_deadlines(struct engine *e)
{
	for (int i = 0; i < e->homing.count; i++) {
		int mcu = e->homing.trsync[i].mcu;
		double deadline_s = oldest_other_s(e, i) + e->homing.timeout_s;
		struct msg_trsync_set_timeout m = { .oid = e->homing.trsync[i].oid };
		uint64_t clock;

		if (e->homing_fired & 1u << e->homing.trsync[i].group)
			continue;
		if (deadline_s - e->homing_deadline_s[i] < WORTH_SHARE * e->homing.timeout_s ||
		    !clockmap_clock(engine_map(&e->mcu[mcu], deadline_s), deadline_s, &clock))
			continue;
		m.clock = (uint32_t)clock;
		if (engine_send(e, mcu, MSG_ID_trsync_set_timeout, &m, LINK_DUE_NOW))
			e->homing_deadline_s[i] = deadline_s;
	}
}

/* Those of these groups must stop now, but for the one that said so. */
static void fire(struct engine *e, uint32_t groups, int except)
{
	for (int i = 0; i < e->homing.count; i++) {
		struct msg_trsync_trigger t = { .oid = e->homing.trsync[i].oid, .reason = 2 };

		if (i != except && groups & 1u << e->homing.trsync[i].group)
			engine_send(e, e->homing.trsync[i].mcu, MSG_ID_trsync_trigger, &t,
				    LINK_DUE_NOW);
	}
	e->homing_fired |= groups;
	for (int g = 0; g < ENGINE_HOMING_GROUPS; g++)
		if (groups & 1u << g)
			e->homing_stopped |= e->homing.motors[g];
}

static void fired(struct engine *e, int trsync, uint8_t reason)
{
	struct ev_rec ev = { .kind = EV_HOMING_STOP,
			     .homing_stop = { .trsync = (uint8_t)trsync, .reason = reason } };
	uint32_t all = 0;

	for (int i = 0; i < e->homing.count; i++)
		all |= 1u << e->homing.trsync[i].group;
	fire(e, 1u << e->homing.trsync[trsync].group, trsync);
	if (reason == e->homing.hit && e->homing_fired != all)
		return;
	/* Nothing more goes out. */
	fire(e, all & ~e->homing_fired, -1);
	e->homing_active = false;
	e->homing_stopped = 0;
	e->held = true;
	engine_drop_motion(e, ENGINE_HELD_TRIGGER);
	engine_event(e, &ev);
}

void engine_homing_state(struct engine *e, int mcu, const struct msg_trsync_state *m, int64_t rx_ns)
{
	for (int i = 0; e->homing_active && i < e->homing.count; i++) {
		uint64_t clock;

		if (e->homing.trsync[i].mcu != mcu || e->homing.trsync[i].oid != m->oid)
			continue;
		if (e->homing_fired & 1u << e->homing.trsync[i].group)
			return;
		if (!m->can_trigger) {
			fired(e, i, m->trigger_reason);
			return;
		}
		clock = clocksync_extend(&e->mcu[mcu].sync, m->clock, rx_ns);
		e->homing_seen_s[i] = engine_time_s(&e->mcu[mcu], clock);
		move_deadlines(e);
	}
}
