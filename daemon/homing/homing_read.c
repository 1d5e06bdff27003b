// SPDX-License-Identifier: GPL-2.0-or-later
/* After the stop: the counters of the steppers and the times of the switches are read back. */
#include "daemon/homing/homing.h"
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

/* Contacts bounce, and noise lasts, for some ms. */
#define DOUBT_NS ((int64_t)20 * 1000 * 1000)

void homing_read_again(struct machine *m)
{
	struct homing *h = &m->homing;
	struct msg_endstop_query_state query;
	struct msg_stepper_get_position ask;

	for (size_t k = 0; k < h->endstops; k++) {
		query.oid = h->endstop[k].input->oid;
		if (h->endstop[k].unread && h->endstop[k].input->sensor)
			h->endstop[k].input->sensor->query(m);
		else if (h->endstop[k].unread)
			session_send(&m->session[h->endstop[k].input->pin->mcu],
				     MSG_ID_endstop_query_state, &query);
	}
	for (size_t i = 0; i < m->motors; i++) {
		ask.oid = m->motor[i].oid;
		if (h->motors_unread & 1u << i)
			session_send(&m->session[m->motor[i].mcu], MSG_ID_stepper_get_position,
				     &ask);
	}
	h->retry_ns = m->now_ns + HOMING_RETRY_NS;
}

/* Each MCU answers a question behind its trsync: once all have, no word of a trsync is under way that
 * could be taken for one of the next approach. */
void homing_read_begin(struct machine *m)
{
	struct homing *h = &m->homing;
	struct msg_trsync_trigger t = { .reason = HOMING_REASON_HOST };

	for (size_t k = 0; k < h->endstops; k++) {
		struct msg_endstop_home off = { .oid = h->endstop[k].input->oid };

		if (h->endstop[k].input->sensor)
			h->endstop[k].input->sensor->disarm(m);
		else
			session_send(&m->session[h->endstop[k].input->pin->mcu],
				     MSG_ID_endstop_home, &off);
		h->endstop[k].unread = true;
		h->endstop[k].doubted = false;
		h->endstop[k].trigger_s = machine_now_s(m); /* until its state tells better */
	}
	for (int i = 0; i < h->watch.count; i++) {
		t.oid = h->watch.trsync[i].oid;
		session_send(&m->session[h->watch.trsync[i].mcu], MSG_ID_trsync_trigger, &t);
	}
	h->motors_unread = h->motors;
	homing_read_again(m);
	h->state = HOMING_READ;
	h->deadline_ns = m->now_ns + HOMING_ANSWER_NS;
}

static double trigger_of(const struct homing *h, size_t motor)
{
	for (size_t k = 0; k < h->endstops; k++)
		if (h->endstop[k].motors & 1u << motor)
			return h->endstop[k].trigger_s;
	return 0;
}

/* Of motors at rest, whose counters may be other than the engine has them: it goes on from where they are. */
static void take_recount(struct machine *m)
{
	struct homing *h = &m->homing;
	struct ctl_rec rec = { .kind = CTL_RESYNC };
	uint32_t other = 0;

	for (size_t i = 0; i < m->motors; i++) {
		int64_t count = m->motor[i].cfg->dir_pin.invert ? -h->count[i] : h->count[i];

		if (h->motors & 1u << i && count != m->status.stepper_count[i])
			other |= 1u << i;
	}
	if (!other)
		return;
	machine_control(m, &(struct ctl_rec){ .kind = CTL_ABORT });
	for (size_t i = 0; i < m->motors; i++) {
		rec.resync.stepper = (uint8_t)i;
		rec.resync.count = h->count[i];
		if (other & 1u << i)
			machine_control(m, &rec);
	}
	machine_resume_motion(m, NULL);
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
			m->hooks.halted(m->hooks.ctx, (int)i, trigger_of(h, i));
		rec.resync.stepper = (uint8_t)i;
		rec.resync.count = h->count[i];
		machine_control(m, &rec);
	}
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

/* Whether it says how a switch is, or the sensor in its place; the clock of what comes after the trigger. */
static bool clock_of(struct machine *m, const struct homing_endstop *e, int mcu, int id,
		     const union msg_any *any, uint32_t *clock)
{
	if (mcu != e->input->pin->mcu)
		return false;
	if (e->input->sensor)
		return e->input->sensor->answer(m, id, any, clock);
	*clock = any->endstop_state.next_clock;
	return id == MSG_ID_endstop_state && any->endstop_state.oid == e->input->oid;
}

/* The trigger's time: the sample before the one that would come next. Returns: whether the message says one. */
static bool endstop_read(struct machine *m, int mcu, int id, const union msg_any *any)
{
	struct homing *h = &m->homing;
	bool said = false;

	for (size_t k = 0; k < h->endstops; k++) {
		struct homing_endstop *e = &h->endstop[k];
		uint32_t clock;

		if (!clock_of(m, e, mcu, id, any, &clock))
			continue;
		said = true;
		e->closed = e->input->sensor ||
			    (any->endstop_state.pin_value != 0) != e->input->pin->invert;
		e->unread = homing_doubts(m, e);
		if (e->unread) {
			e->doubted = true;
			h->retry_ns = m->now_ns + DOUBT_NS;
		}
		bulk_clock_s(m, mcu, clock - e->rest_ticks, &e->trigger_s);
	}
	return said;
}

static bool all_read(const struct homing *h)
{
	bool read = h->motors_unread == 0;

	for (size_t k = 0; k < h->endstops; k++)
		read &= !h->endstop[k].unread;
	return read;
}

bool homing_read_message(struct machine *m, const struct ev_message *msg)
{
	union msg_any any;
	int id = session_decode(&m->session[msg->mcu], msg, &any);

	if (id == MSG_ID_stepper_position)
		position_read(m, msg->mcu, &any.stepper_position);
	else if (!endstop_read(m, msg->mcu, id, &any))
		return false;
	if (all_read(&m->homing)) {
		if (m->homing.recounting)
			take_recount(m);
		else
			take_counters(m);
		homing_counters_read(m);
	}
	return true;
}
