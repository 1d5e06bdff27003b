// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine.h"

#include <stddef.h>
#include <string.h>

#include "engine_private.h"

/* Between two published states. */
#define STATUS_PERIOD_NS ((int64_t)25 * 1000 * 1000)
#define IDLE_PERIOD_NS ((int64_t)20 * 1000 * 1000)
/* While moving: so often in a horizon and in a low-water mark, at least. */
#define CYCLES_PER_HORIZON 16
#define CYCLES_PER_LOW_WATER 8

void engine_init(struct engine *e, const struct engine_config *cfg)
{
	memset(e, 0, sizeof(*e));
	e->cfg = *cfg;
	trapq_init(&e->trapq, e->phases, ENGINE_PHASES);
	shaper_init(&e->shaper);
	warp_init(&e->warp);
	e->status.lead_min_s = cfg->horizon_s;
}

void engine_link_add(struct engine *e, int mcu, uint32_t baud)
{
	struct engine_mcu *m = &e->mcu[mcu];

	link_init(&m->link, baud, 0);
	link_set_late_margin(&m->link, (int64_t)(ENGINE_LATE_MARGIN_S * 1e9));
	wire_dict_init(&m->dict);
	m->present = true;
	if (mcu >= e->mcus)
		e->mcus = mcu + 1;
}

bool engine_send(struct engine *e, int mcu, enum msg_id id, const void *msg, int64_t due_ns)
{
	struct engine_mcu *m = &e->mcu[mcu];
	int16_t wire_id = wire_dict_wire_id(&m->dict, id);
	uint8_t buf[WIRE_PAYLOAD_MAX];
	size_t len;

	if (wire_id == WIRE_ID_NONE)
		return false;
	len = wire_encode(buf, sizeof(buf), wire_id, &msg_table[id], msg);
	return len > 0 && link_push(&m->link, buf, len, due_ns, NULL);
}

void engine_event(struct engine *e, const struct ev_rec *ev)
{
	if (!ring_push(e->cfg.events, ev))
		e->status.events_lost++;
}

void engine_fault(struct engine *e, const struct ev_fault *fault)
{
	struct ev_rec ev = { .kind = EV_FAULT, .fault = *fault };

	if (fault->stepper == UINT8_MAX && fault->mcu < ENGINE_MCUS && e->mcu[fault->mcu].apart) {
		e->mcu[fault->mcu].ready = false; /* until it is brought up anew; all else goes on */
		link_drop_unsent(&e->mcu[fault->mcu].link);
		engine_event(e, &ev);
		return;
	}
	if (e->status.fault == FAULT_NONE)
		e->status.fault = fault->fault;
	engine_tell_fault(e, fault);
	if (!e->held) {
		engine_motion_status(e, &e->status); /* what a count means is lost with the motion */
		e->held = true;
		engine_drop_motion(e, ENGINE_HELD_FAULT);
	}
	engine_event(e, &ev);
}

/* ---- control records ---- */

static void emergency(struct engine *e)
{
	e->emergency = true;
	e->held = true;
	for (int i = 0; i < e->mcus; i++) {
		if (!e->mcu[i].present)
			continue;
		link_drop_unsent(&e->mcu[i].link);
		engine_send(e, i, MSG_ID_emergency_stop, NULL, LINK_DUE_NOW);
	}
	engine_drop_motion(e, ENGINE_HELD_EMERGENCY);
}

static bool control_send(struct engine *e, const struct ctl_send *s)
{
	if (s->mcu >= ENGINE_MCUS || !e->mcu[s->mcu].present || s->len == 0)
		return true;
	if (e->mcu[s->mcu].lost || e->mcu[s->mcu].closed)
		return true; /* nobody hears it, and those for the others must not wait behind it */
	return link_push(&e->mcu[s->mcu].link, s->bytes, s->len, LINK_DUE_NOW, NULL);
}

static void link_reset(struct engine *e, int mcu)
{
	struct engine_mcu *m = &e->mcu[mcu];

	engine_tell_link_reset(e, mcu);
	if (mcu == 0 && m->clock_ready)
		e->clock_before = m->sync;
	link_restart(&m->link);
	wire_dict_init(&m->dict);
	m->has_ids = false;
	m->clock_ready = false;
	m->ready = false;
	m->has_sync_line = false;
	m->shutdown = m->started = false;
	m->lost = m->closed;
}

/* Whether every MCU that has a stepper takes motion. */
static bool motion_ready(const struct engine *e)
{
	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].present && !e->mcu[e->stepper[i].mcu].ready)
			return false;
	return e->mcu[0].ready;
}

/* Not before the command in front of it has been acknowledged, or at least sent. */
static bool control_link_reset(struct engine *e, uint32_t mcu)
{
	const struct engine_mcu *m;

	if (mcu >= ENGINE_MCUS || !e->mcu[mcu].present)
		return true;
	m = &e->mcu[mcu];
	if (!link_idle(&m->link) && !m->link.lost && !m->closed && !m->apart)
		return false;
	link_reset(e, (int)mcu);
	return true;
}

/* Where motion is said to be, and how it goes on from now. */
static void control_motion(struct engine *e, const struct ctl_rec *rec)
{
	switch (rec->kind) {
	case CTL_POSITION:
		engine_tell_position(e, rec->position_mm);
		trapq_set_position(&e->trapq, rec->position_mm);
		break;
	case CTL_HOMING:
		engine_homing_start(e, &rec->homing);
		break;
	case CTL_ABORT:
		e->held = true;
		engine_drop_motion(e, ENGINE_HELD_ABORT);
		break;
	case CTL_GO_ON:
		e->status.fault = FAULT_NONE;
		if (rec->recorded)
			engine_tell_go_on(e);
		break;
	case CTL_EMERGENCY:
		emergency(e);
		break;
	case CTL_HOLD:
	case CTL_UNHOLD:
		engine_tell_param(e, PLAN_PARAM_FEED_HOLD, e->warp.hold & WARP_HOLD_ASKED,
				  rec->kind == CTL_HOLD);
		warp_set_hold(&e->warp, WARP_HOLD_ASKED, rec->kind == CTL_HOLD);
		break;
	case CTL_SIDE:
		engine_side_begin(e);
		break;
	case CTL_FEED_RATE:
		engine_tell_param(e, PLAN_PARAM_FEED_RATE, e->warp.feed, rec->feed_rate.feed);
		warp_set_feed(&e->warp, rec->feed_rate.feed, rec->feed_rate.epoch);
		break;
	case CTL_NUDGE:
		engine_tell_param(e, PLAN_PARAM_NUDGE, e->warp.nudge.asked_mm, rec->nudge_mm);
		warp_set_nudge(&e->warp, rec->nudge_mm);
		break;
	case CTL_EXTRUDE:
		engine_change_extrude(e, &rec->extrude);
		break;
	default:
		break;
	}
}

/* Returns false if the record can't be acted on yet: it stays in the ring. */
static bool control(struct engine *e, const struct ctl_rec *rec, int64_t now_ns)
{
	switch (rec->kind) {
	case CTL_SEND:
		return control_send(e, &rec->send);
	case CTL_MCU_IDS:
		engine_mcu_set_ids(e, &rec->mcu_ids, now_ns);
		break;
	case CTL_MCU_READY:
		engine_mcu_set_ready(e, &rec->mcu_ready, now_ns);
		e->motion_ready = motion_ready(e);
		break;
	case CTL_STEPPER:
		engine_add_stepper(e, &rec->stepper);
		e->motion_ready = motion_ready(e);
		break;
	case CTL_OUTPUT:
		engine_set_output(e, &rec->output);
		break;
	case CTL_OUTPUT_SET:
		return engine_output_now(e, &rec->output_set, now_ns);
	case CTL_SENSOR:
	case CTL_SENSOR_VALUE:
	case CTL_HEATER:
	case CTL_HEATER_TARGET:
	case CTL_HEATER_LIMITS:
	case CTL_HEATER_TUNE:
	case CTL_HEATER_CALIBRATE:
	case CTL_HEATER_CLEAR:
		engine_heat_control(e, rec, now_ns);
		break;
	case CTL_RESYNC:
		engine_resync(e, &rec->resync);
		break;
	case CTL_SYNC_LINE:
		engine_set_sync_line(e, &rec->sync_line);
		break;
	case CTL_STATUS:
		e->publish_next_ns = INT64_MIN;
		break;
	case CTL_LINK_RESET:
		return control_link_reset(e, rec->mcu);
	default:
		control_motion(e, rec);
		break;
	}
	return true;
}

void engine_take_control(struct engine *e, int64_t now_ns)
{
	const struct ctl_rec *rec;

	/* Bounded by the ring: the planner can't add more than its capacity meanwhile. */
	for (uint32_t i = 0; i < e->cfg.control->capacity; i++) {
		rec = ring_peek(e->cfg.control);
		if (!rec || !control(e, rec, now_ns))
			return;
		ring_drop(e->cfg.control);
	}
}

/* ---- the cycle ---- */

bool engine_idle(const struct engine *e, int64_t now_ns)
{
	(void)now_ns;
	return !e->moving && e->sync_head == e->sync_tail;
}

static uint32_t status_size(const struct engine *e)
{
	return (uint32_t)(offsetof(struct engine_status, mcu) +
			  (size_t)e->mcus * sizeof(struct engine_mcu_status));
}

static enum engine_feed_hold hold_state(const struct engine *e)
{
	if (!(e->warp.hold & WARP_HOLD_ASKED))
		return ENGINE_HOLD_NONE;
	if (e->warp.paused && engine_rest_s(e, trapq_end_s(&e->trapq)) <= e->now_s)
		return ENGINE_HOLD_REST;
	return ENGINE_HOLD_STOPPING;
}

static void publish(struct engine *e, int64_t now_ns)
{
	struct engine_status *st = &e->status;
	struct trapq_point at;

	if (now_ns < e->publish_next_ns && !engine_sync_due(e))
		return;
	e->publish_next_ns = now_ns + STATUS_PERIOD_NS;
	trapq_at(&e->trapq, e->now_s - shaper_newest(&e->shaper)->delay_s, &at);
	st->now_ns = now_ns;
	st->now_s = e->now_s;
	st->motion_end_s = engine_planned_end_s(e);
	st->manual_end_s = engine_manual_end_s(e, 0);
	st->feed = e->warp.feed;
	st->hold = hold_state(e);
	st->stalled = (e->warp.hold & WARP_HOLD_STARVED) != 0;
	st->moving = e->moving;
	st->delay_s = shaper_newest(&e->shaper)->delay_s;
	memcpy(st->position_mm, at.pos_mm, sizeof(st->position_mm));
	st->speed_mm_s = at.speed_mm_s;
	st->move_id = at.id;
	st->move_line = at.line;
	if (st->fault == FAULT_NONE)
		engine_motion_status(e, st);
	st->mcus = (uint32_t)e->mcus;
	for (int i = 0; i < e->mcus; i++) {
		if (!e->mcu[i].present)
			continue;
		engine_mcu_free_slots(e, i, now_ns);
		engine_mcu_status(e, i, &st->mcu[i]);
	}
	snapshot_write(&e->snapshot, st, status_size(e));
}

int64_t engine_period_ns(const struct engine *e)
{
	return (int64_t)(1e9 * engine_earlier_s(e->cfg.horizon_s / CYCLES_PER_HORIZON,
						e->cfg.low_water_s / CYCLES_PER_LOW_WATER));
}

int64_t engine_deadline_ns(const struct engine *e, int64_t now_ns)
{
	int64_t next_ns = now_ns + IDLE_PERIOD_NS;

	if (e->moving || e->sync_head != e->sync_tail)
		next_ns = e->make_next_ns > now_ns ? e->make_next_ns : now_ns + engine_period_ns(e);
	for (int i = 0; i < e->mcus; i++) {
		const struct engine_mcu *m = &e->mcu[i];
		int64_t at_ns;

		if (!m->present)
			continue;
		at_ns = link_deadline_ns(&m->link);
		if (at_ns < next_ns && !m->busy && !m->closed)
			next_ns = at_ns;
		if (m->has_ids && !m->closed && clocksync_deadline_ns(&m->sync) < next_ns)
			next_ns = clocksync_deadline_ns(&m->sync);
	}
	return next_ns;
}

void engine_cycle(struct engine *e, int64_t now_ns)
{
	struct clocksync *base = engine_time_base(e);

	e->status.cycles++;
	if (base)
		e->now_s = clocksync_now_s(base, now_ns);
	engine_tell_cycle(e, now_ns);
	engine_take_control(e, now_ns);
	for (int i = 0; i < e->mcus; i++)
		engine_mcu_service(e, i, now_ns);
	engine_heat_service(e, now_ns);
	engine_take_plan(e, now_ns);
	engine_make_steps(e, now_ns);
	/* Who hears of a sync finds the state that goes with it. */
	publish(e, now_ns);
	engine_report_syncs(e);
}

bool engine_status_read(struct engine *e, struct engine_status *out)
{
	struct engine_status st;

	if (!snapshot_read(&e->snapshot, &st, status_size(e)))
		return false;
	memcpy(out, &st, status_size(e));
	return true;
}
