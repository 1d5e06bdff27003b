/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_trsync.h"

#include "board.h"
#include "mcu.h"

struct mcu_trsync {
	struct mcu_timer report_timer;
	struct mcu_timer expire_timer;
	struct mcu_signal *signals;
	uint32_t report_ticks;
	uint32_t report_clock; /* of the periodic report that is to be sent */
	uint8_t reason;
	uint8_t expire_reason;
	bool can_trigger;
	bool report_due, fired_due; /* to be sent by the task */
};

void mcu_trsync_subscribe(struct mcu *m, struct mcu_trsync *ts, struct mcu_signal *signal,
			  mcu_signal_fn *fn)
{
	if (signal->fn) {
		mcu_shutdown(m, MCU_REASON_ALREADY_ARMED);
		return;
	}
	signal->fn = fn;
	signal->next = ts->signals;
	ts->signals = signal;
}

static void disarm_signals(struct mcu_trsync *ts)
{
	for (struct mcu_signal *s = ts->signals; s; s = s->next)
		s->fn = NULL;
	ts->signals = NULL;
}

void mcu_trsync_fire(struct mcu *m, struct mcu_trsync *ts, uint8_t reason)
{
	if (!ts->can_trigger)
		return;
	ts->can_trigger = false;
	ts->reason = reason;
	mcu_sched_del(m, &ts->report_timer);
	mcu_sched_del(m, &ts->expire_timer);
	while (ts->signals) {
		struct mcu_signal *signal = ts->signals;
		mcu_signal_fn *fn = signal->fn;

		ts->signals = signal->next;
		signal->fn = NULL;
		fn(m, signal);
	}
	ts->fired_due = true;
	m->attention |= MCU_ATTN_TRSYNC;
}

static bool expire_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_trsync *ts = mcu_container(timer, struct mcu_trsync, expire_timer);

	mcu_trsync_fire(m, ts, ts->expire_reason);
	return false;
}

static bool report_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_trsync *ts = mcu_container(timer, struct mcu_trsync, report_timer);

	ts->report_due = true;
	ts->report_clock = timer->clock;
	timer->clock += ts->report_ticks;
	m->attention |= MCU_ATTN_TRSYNC;
	return true;
}

void mcu_trsync_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_trsync *ts = object;

	(void)oid;
	mcu_sched_del(m, &ts->report_timer);
	mcu_sched_del(m, &ts->expire_timer);
	disarm_signals(ts);
	ts->can_trigger = false;
	ts->report_due = ts->fired_due = false;
}

static void send_state(struct mcu *m, uint8_t oid, const struct mcu_trsync *ts, uint32_t clock)
{
	struct msg_trsync_state msg = {
		.oid = oid,
		.can_trigger = ts->can_trigger,
		.trigger_reason = ts->reason,
		.clock = clock,
	};

	mcu_send(m, MSG_ID_trsync_state, &msg);
}

void mcu_trsync_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_trsync *ts = object;

	if (ts->fired_due)
		send_state(m, oid, ts, 0);
	else if (ts->report_due)
		send_state(m, oid, ts, ts->report_clock);
	ts->report_due = ts->fired_due = false;
}

void mcu_cmd_config_trsync(struct mcu *m, const struct msg_config_trsync *msg)
{
	struct mcu_trsync *ts = mcu_oid_new(m, msg->oid, MCU_OID_TRSYNC, sizeof(*ts));

	if (!ts)
		return;
	ts->report_timer.fn = report_event;
	ts->expire_timer.fn = expire_event;
}

void mcu_cmd_trsync_start(struct mcu *m, const struct msg_trsync_start *msg)
{
	struct mcu_trsync *ts = mcu_oid_get(m, msg->oid, MCU_OID_TRSYNC);

	if (!ts)
		return;
	mcu_trsync_stop(m, ts, msg->oid);
	ts->can_trigger = true;
	ts->reason = 0;
	ts->expire_reason = msg->expire_reason;
	ts->report_ticks = msg->report_ticks;
	if (!msg->report_ticks)
		return;
	mcu_sched_move(m, &ts->report_timer, msg->report_clock);
}

void mcu_cmd_trsync_set_timeout(struct mcu *m, const struct msg_trsync_set_timeout *msg)
{
	struct mcu_trsync *ts = mcu_oid_get(m, msg->oid, MCU_OID_TRSYNC);

	if (!ts)
		return;
	if (ts->can_trigger)
		mcu_sched_move(m, &ts->expire_timer, msg->clock);
}

void mcu_cmd_trsync_trigger(struct mcu *m, const struct msg_trsync_trigger *msg)
{
	struct mcu_trsync *ts = mcu_oid_get(m, msg->oid, MCU_OID_TRSYNC);

	if (!ts)
		return;
	mcu_trsync_fire(m, ts, msg->reason);
	/* the reply is this one, not another from the task */
	ts->report_due = ts->fired_due = false;
	send_state(m, msg->oid, ts, 0);
}
