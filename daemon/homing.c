// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/homing.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/machine.h"

/* The reasons given to trsync_trigger and friends: numbers of the host's own choice. */
enum { REASON_HIT = 1, REASON_HOST = 2, REASON_END = 3, REASON_SILENCE = 4 };

#define ARM_LEAD_S 0.03        /* sampling starts this long after now: motion starts later */
#define TIMEOUT_ONE_S 0.25     /* all on one MCU */
#define TIMEOUT_SEVERAL_S 0.05 /* silence of one MCU stops the others within this */
#define REPORT_SHARE 0.3
#define SAMPLE_S 15e-6
#define OVERTRAVEL 1.5 /* times the axis' range, from anywhere */
#define READ_TIMEOUT_NS ((int64_t)2 * 1000 * 1000 * 1000)
#define RETRY_NS ((int64_t)200 * 1000 * 1000) /* an answer may be lost on the wire */

enum { SAMPLES = 4 };

static const char axis_letter[] = "XYZE";

static const struct machine_axis *axis_cfg(const struct machine *m)
{
	return &m->mc->axes[m->homing.axis];
}

static double direction(const struct machine *m)
{
	return axis_cfg(m)->homing_positive ? 1 : -1;
}

static void finish(struct machine *m, const char *error)
{
	m->homing.state = HOMING_IDLE;
	m->homing.mask = 0;
	gcode_resume(&m->gcode, error);
}

void homing_abort(struct machine *m, const char *reason)
{
	struct msg_trsync_trigger t = { .reason = REASON_HOST };
	struct ctl_rec rec = { .kind = CTL_HOMING };

	machine_control(m, &rec); /* count 0: nothing is watched any more */
	rec.kind = CTL_ABORT;
	machine_control(m, &rec);
	for (int i = 0; i < m->homing.watch.count; i++) {
		t.oid = m->homing.watch.trsync[i].oid;
		session_send(&m->session[m->homing.watch.trsync[i].mcu], MSG_ID_trsync_trigger, &t);
	}
	for (size_t i = 0; i < m->motors; i++)
		for (int axis = 0; axis < MACHINE_AXES; axis++)
			if (m->homing.motors & 1u << i && m->motor[i].steps_per_mm[axis] != 0)
				m->homed &= ~(1u << axis);
	machine_resume_motion(m, NULL);
	finish(m, reason);
}

static void fail(struct machine *m, const char *what)
{
	char text[160];

	snprintf(text, sizeof(text), "homing %c: %s", axis_letter[m->homing.axis], what);
	homing_abort(m, text);
}

/* ---- arming ---- */

/* The motors that turn when the axis moves, and the MCUs they are on, the endstop's first. */
static void choose_motors(struct machine *m)
{
	struct homing *h = &m->homing;
	uint8_t first = (uint8_t)axis_cfg(m)->endstop_pin.mcu;

	memset(&h->watch, 0, sizeof(h->watch));
	h->motors = 0;
	h->watch.trsync[0].mcu = first;
	h->watch.trsync[0].oid = m->trsync_oid[first];
	h->watch.count = 1;
	for (size_t i = 0; i < m->motors; i++) {
		int at = 0;

		if (m->motor[i].steps_per_mm[h->axis] == 0)
			continue;
		h->motors |= 1u << i;
		while (at < h->watch.count && h->watch.trsync[at].mcu != m->motor[i].mcu)
			at++;
		if (at == h->watch.count) {
			h->watch.trsync[at].mcu = m->motor[i].mcu;
			h->watch.trsync[at].oid = m->trsync_oid[m->motor[i].mcu];
			h->watch.count++;
		}
	}
	h->watch.timeout_s = h->watch.count == 1 ? TIMEOUT_ONE_S : TIMEOUT_SEVERAL_S;
}

static bool clock_at(const struct machine *m, int mcu, double at_s, uint32_t *clock)
{
	uint64_t c;

	if (!clockmap_clock(&m->status.mcu[mcu].map, at_s, &c))
		return false;
	*clock = (uint32_t)c;
	return true;
}

static bool arm_trsync(struct machine *m, int i, double at_s)
{
	struct homing *h = &m->homing;
	struct session *s = &m->session[h->watch.trsync[i].mcu];
	uint8_t oid = h->watch.trsync[i].oid;
	double report_s = REPORT_SHARE * h->watch.timeout_s;
	struct msg_trsync_start start = {
		.oid = oid,
		.report_ticks = (uint32_t)(report_s * m->status.mcu[s->mcu].map.freq_hz),
		.expire_reason = REASON_SILENCE
	};
	struct msg_trsync_set_timeout timeout = { .oid = oid };
	struct msg_stepper_stop_on_trigger stop = { .trsync_oid = oid };

	/* Reports of several MCUs come one after the other, not all at once. */
	if (!clock_at(m, s->mcu, at_s + report_s * i / h->watch.count, &start.report_clock) ||
	    !clock_at(m, s->mcu, at_s + h->watch.timeout_s, &timeout.clock) ||
	    !session_send(s, MSG_ID_trsync_start, &start))
		return false;
	for (size_t k = 0; k < m->motors; k++) {
		stop.oid = m->motor[k].oid;
		if (h->motors & 1u << k && m->motor[k].mcu == s->mcu &&
		    !session_send(s, MSG_ID_stepper_stop_on_trigger, &stop))
			return false;
	}
	return session_send(s, MSG_ID_trsync_set_timeout, &timeout);
}

static bool arm(struct machine *m, double speed_mm_s)
{
	struct homing *h = &m->homing;
	const struct pin *pin = &axis_cfg(m)->endstop_pin;
	const struct machine_motor *motor = NULL;
	double freq_hz = m->status.mcu[pin->mcu].map.freq_hz;
	double at_s = machine_now_s(m) + ARM_LEAD_S;
	struct ctl_rec watch = { .kind = CTL_HOMING };
	struct msg_endstop_home home = { .oid = h->endstop_oid[h->axis],
					 .sample_ticks = (uint32_t)(SAMPLE_S * freq_hz),
					 .sample_count = SAMPLES,
					 .pin_value = !pin->invert,
					 .trsync_oid = m->trsync_oid[pin->mcu],
					 .trigger_reason = REASON_HIT };

	for (size_t i = 0; i < m->motors && !motor; i++)
		if (h->motors & 1u << i)
			motor = &m->motor[i];
	if (!motor || !clock_at(m, pin->mcu, at_s, &home.clock))
		return false;
	home.rest_ticks = h->rest_ticks =
		(uint32_t)fmax(1, freq_hz * motor->cfg->step_distance_mm / speed_mm_s);
	for (int i = 0; i < h->watch.count; i++)
		if (!arm_trsync(m, i, at_s))
			return false;
	watch.homing = h->watch;
	return session_send(&m->session[pin->mcu], MSG_ID_endstop_home, &home) &&
	       machine_control(m, &watch);
}

/* ---- moving ---- */

/* Queue a move of the axis alone and a sync behind it. */
static bool move_axis(struct machine *m, double to_mm, double speed_mm_s)
{
	double target_mm[MOVE_AXES];

	memcpy(target_mm, planner_position(m->planner), sizeof(target_mm));
	target_mm[m->homing.axis] = to_mm;
	if (planner_move(m->planner, target_mm, speed_mm_s, 0) < 0)
		return false;
	m->homing.sync = machine_sync(m);
	return m->homing.sync != 0;
}

static void approach(struct machine *m)
{
	struct homing *h = &m->homing;
	const struct machine_axis *a = axis_cfg(m);
	double range_mm = a->position_max_mm - a->position_min_mm;
	double travel_mm = h->pass == 0 ? OVERTRAVEL * range_mm : 2 * a->homing_retract_mm;
	double speed = h->pass == 0 ? a->homing_speed_mm_s : a->second_homing_speed_mm_s;
	double from_mm[MOVE_AXES];

	h->hit = false;
	h->deadline_ns = 0;
	h->state = HOMING_PROBE;
	memcpy(from_mm, planner_position(m->planner), sizeof(from_mm));
	memcpy(h->before_mm, from_mm, sizeof(from_mm));
	/* Called this far away that the endstop comes before the end of the move. */
	from_mm[h->axis] = a->position_endstop_mm - direction(m) * travel_mm;
	if (planner_set_position(m->planner, from_mm) < 0 || !arm(m, speed) ||
	    !move_axis(m, a->position_endstop_mm, speed))
		fail(m, "the machine has no room for the move; try again");
}

static void next_axis(struct machine *m)
{
	struct homing *h = &m->homing;

	for (h->axis = 0; h->axis < MACHINE_AXES; h->axis++)
		if (h->mask & 1u << h->axis)
			break;
	if (h->axis == MACHINE_AXES) {
		finish(m, NULL);
		return;
	}
	h->pass = 0;
	choose_motors(m);
	approach(m);
}

int homing_start(struct machine *m, uint32_t mask, char *err)
{
	struct homing *h = &m->homing;

	for (int i = 0; i < MACHINE_AXES; i++) {
		if (mask & 1u << i &&
		    (!m->mc->axes[i].endstop_pin.set || m->mc->axes[i].endstop_pin.mcu < 0)) {
			snprintf(err, GCODE_ERR_MAX,
				 "axis %c cannot home; expected an endstop_pin in [stepper_%c]",
				 axis_letter[i], axis_letter[i] - 'A' + 'a');
			return -EINVAL;
		}
	}
	if (machine_motors_on(m) < 0)
		return -EAGAIN;
	h->sync = machine_sync(m);
	if (h->sync == 0)
		return -EAGAIN;
	h->mask = mask;
	h->watch.count = 0;
	h->state = HOMING_SETTLE;
	return -EINPROGRESS;
}

/* ---- after the stop ---- */

static void ask_unread(struct machine *m)
{
	struct homing *h = &m->homing;
	struct msg_endstop_query_state query = { .oid = h->endstop_oid[h->axis] };
	struct msg_stepper_get_position ask;

	if (h->endstop_unread)
		session_send(&m->session[axis_cfg(m)->endstop_pin.mcu], MSG_ID_endstop_query_state,
			     &query);
	for (size_t i = 0; i < m->motors; i++) {
		ask.oid = m->motor[i].oid;
		if (h->motors_unread & 1u << i)
			session_send(&m->session[m->motor[i].mcu], MSG_ID_stepper_get_position,
				     &ask);
	}
	h->retry_ns = m->now_ns + RETRY_NS;
}

/* Each MCU answers a question behind its trsync: once all have, no word of a trsync is under way that
 * could be taken for one of the next approach. */
static void ask_counters(struct machine *m)
{
	struct homing *h = &m->homing;
	const struct pin *pin = &axis_cfg(m)->endstop_pin;
	struct msg_endstop_home off = { .oid = h->endstop_oid[h->axis] };
	struct msg_trsync_trigger t = { .reason = REASON_HOST };

	session_send(&m->session[pin->mcu], MSG_ID_endstop_home, &off);
	for (int i = 0; i < h->watch.count; i++) {
		t.oid = h->watch.trsync[i].oid;
		session_send(&m->session[h->watch.trsync[i].mcu], MSG_ID_trsync_trigger, &t);
	}
	h->motors_unread = h->motors;
	h->endstop_unread = true;
	ask_unread(m);
	h->state = HOMING_READ;
	h->deadline_ns = m->now_ns + READ_TIMEOUT_NS;
}

/* All counters are back: the engine goes on from them. */
static void take_counters(struct machine *m)
{
	struct homing *h = &m->homing;
	struct ctl_rec rec = { .kind = CTL_RESYNC };

	for (size_t i = 0; i < m->motors; i++) {
		if (!(h->motors & 1u << i))
			continue;
		if (m->hooks.halted)
			m->hooks.halted(m->hooks.ctx, (int)i, h->trigger_s);
		rec.resync.stepper = (uint8_t)i;
		rec.resync.count = h->count[i];
		machine_control(m, &rec);
	}
}

/* The axis was at its endstop when that triggered. */
static void name_position(struct machine *m)
{
	struct homing *h = &m->homing;
	double at_mm[MOVE_AXES], by_mm[MOVE_AXES];

	homing_overrun(m, by_mm);
	memcpy(at_mm, h->before_mm, sizeof(at_mm));
	at_mm[h->axis] = axis_cfg(m)->position_endstop_mm;
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		at_mm[axis] += by_mm[axis];
	machine_resume_motion(m, at_mm);
	m->homed |= 1u << h->axis;
}

static double retracted_mm(const struct machine *m)
{
	return axis_cfg(m)->position_endstop_mm - direction(m) * axis_cfg(m)->homing_retract_mm;
}

/* Where the counters will be after the retract: the second approach has to move them on. */
static void expect_retract(struct machine *m)
{
	struct homing *h = &m->homing;
	double by_mm = retracted_mm(m) - planner_position(m->planner)[h->axis];

	for (size_t i = 0; i < m->motors; i++) {
		int64_t steps = llround(by_mm * m->motor[i].steps_per_mm[h->axis]);

		h->count_before[i] = h->count[i] +
				     (m->motor[i].cfg->dir_pin.invert ? -steps : steps);
	}
}

static void counters_read(struct machine *m)
{
	struct homing *h = &m->homing;
	const struct machine_axis *a = axis_cfg(m);
	bool moved = h->pass == 0;

	take_counters(m);
	for (size_t i = 0; i < m->motors; i++)
		if (h->motors & 1u << i && llabs(h->count[i] - h->count_before[i]) > 1)
			moved = true;
	if (!moved) {
		fail(m, "the endstop is still triggered after the retract");
		return;
	}
	name_position(m);
	if (a->homing_retract_mm <= 0 || h->pass == 1) {
		h->mask &= ~(1u << h->axis);
		next_axis(m);
		return;
	}
	expect_retract(m);
	h->state = HOMING_RETRACT;
	if (!move_axis(m, retracted_mm(m), a->homing_retract_speed_mm_s))
		fail(m, "the machine has no room for the move; try again");
}

static void position_read(struct machine *m, int mcu, const struct msg_stepper_position *p)
{
	struct homing *h = &m->homing;

	for (size_t i = 0; i < m->motors; i++) {
		if (m->motor[i].mcu != mcu || m->motor[i].oid != p->oid)
			continue;
		h->count[i] = p->pos;
		h->motors_unread &= ~(1u << i);
	}
}

/* The trigger's time: the sample before the one that would come next. */
static void endstop_read(struct machine *m, int mcu, const struct msg_endstop_state *e)
{
	const struct clockmap *map = &m->status.mcu[mcu].map;
	uint64_t now_clock;

	if (mcu != axis_cfg(m)->endstop_pin.mcu || e->oid != m->homing.endstop_oid[m->homing.axis])
		return;
	m->homing.endstop_unread = false;
	if (!clockmap_clock(map, machine_now_s(m), &now_clock))
		return;
	now_clock += (uint64_t)(int64_t)(int32_t)(e->next_clock - m->homing.rest_ticks -
						  (uint32_t)now_clock);
	m->homing.trigger_s = clockmap_time_s(map, now_clock);
}

static bool read_message(struct machine *m, const struct ev_message *msg)
{
	const struct session *s = &m->session[msg->mcu];
	int16_t wire_id;
	const uint8_t *fields = wire_get_id(msg->bytes, msg->bytes + msg->len, &wire_id);
	int id = fields ? wire_dict_response(&s->dict.ids, wire_id) : -1;
	union msg_any any;

	if ((id != MSG_ID_stepper_position && id != MSG_ID_endstop_state) ||
	    wire_decode(&msg_table[id], fields, (size_t)(msg->bytes + msg->len - fields), &any) < 0)
		return false;
	if (id == MSG_ID_endstop_state)
		endstop_read(m, msg->mcu, &any.endstop_state);
	else
		position_read(m, msg->mcu, &any.stepper_position);
	if (m->homing.motors_unread == 0 && !m->homing.endstop_unread)
		counters_read(m);
	return true;
}

static void stopped(struct machine *m, const struct ev_homing_stop *stop)
{
	struct homing *h = &m->homing;

	h->hit = stop->reason == REASON_HIT;
	h->reason = stop->reason;
	if (stop->reason == REASON_SILENCE) {
		fail(m, "an MCU was not heard of within the time-out; everything has stopped");
		return;
	}
	if (stop->reason == REASON_END) {
		fail(m, "the endstop did not trigger before the end of the move");
		return;
	}
	h->trigger_s = machine_now_s(m); /* until the endstop's state tells better */
	ask_counters(m);
}

/* The move is over and no trigger was heard of: either there was none, or word of it was lost. The
 * trsync fires now, if it has not yet, and says why it did. */
static void ask_reason(struct machine *m)
{
	struct homing *h = &m->homing;
	struct msg_trsync_trigger t = { .oid = h->watch.trsync[0].oid, .reason = REASON_END };

	session_send(&m->session[h->watch.trsync[0].mcu], MSG_ID_trsync_trigger, &t);
	h->retry_ns = m->now_ns + RETRY_NS;
}

static void sync_reached(struct machine *m)
{
	struct homing *h = &m->homing;

	switch (h->state) {
	case HOMING_SETTLE:
		next_axis(m);
		break;
	case HOMING_PROBE:
		ask_reason(m);
		h->deadline_ns = m->now_ns + READ_TIMEOUT_NS;
		break;
	case HOMING_RETRACT:
		h->pass = 1;
		approach(m);
		break;
	default:
		break;
	}
}

bool homing_event(struct machine *m, const struct ev_rec *ev)
{
	struct homing *h = &m->homing;

	if (h->state == HOMING_IDLE)
		return false;
	switch (ev->kind) {
	case EV_SYNC:
		if (ev->sync_id != h->sync)
			return false;
		h->sync = 0;
		sync_reached(m);
		return true;
	case EV_HOMING_STOP:
		if (h->state == HOMING_PROBE)
			stopped(m, &ev->homing_stop);
		return true;
	case EV_MESSAGE:
		return h->state == HOMING_READ && ev->message.mcu < m->mcus &&
		       read_message(m, &ev->message);
	default:
		return false;
	}
}

void homing_tick(struct machine *m)
{
	struct homing *h = &m->homing;
	bool asked = h->state == HOMING_READ || (h->state == HOMING_PROBE && h->deadline_ns != 0);

	if (h->state == HOMING_PROBE)
		homing_look(m);
	if (!asked)
		return;
	if (m->now_ns > h->deadline_ns)
		fail(m, h->state == HOMING_READ
				? "an MCU did not report its steppers' positions within 2 s"
				: "an MCU did not say within 2 s whether its endstop has triggered");
	else if (m->now_ns > h->retry_ns && h->state == HOMING_READ)
		ask_unread(m);
	else if (m->now_ns > h->retry_ns)
		ask_reason(m);
}
