// SPDX-License-Identifier: GPL-2.0-or-later
/* One MCU as the engine sees it: received messages, clock estimate and map, move slots. */
#include <math.h>
#include <string.h>

#include "engine_private.h"

enum { PRIMARY = 0 };

/* Outputs of software PWM may have to wait for their cycle's end, 0.3 s at most. */
#define SPAN_S_MIN 0.8
/* A slot counts as free this long after the MCU's estimated clock has passed it. */
#define SLOT_MARGIN_S 2e-3
/* A secondary MCU's map is renewed this often. */
#define MAP_PERIOD_S 1.0

struct receiver {
	struct engine *e;
	int mcu;
};

static void forward(struct engine *e, int mcu, const uint8_t *payload, size_t len, int64_t rx_ns)
{
	struct ev_rec ev = { .kind = EV_MESSAGE };

	ev.message.received_ns = rx_ns;
	ev.message.mcu = (uint8_t)mcu;
	ev.message.len = (uint8_t)len;
	memcpy(ev.message.bytes, payload, len);
	if (ring_room(e->cfg.events) <= e->cfg.events->capacity / ENGINE_EVENTS_KEPT)
		e->status.events_lost++;
	else
		engine_event(e, &ev);
}

static void mcu_shut_down(struct engine *e, int mcu, uint16_t reason)
{
	struct ev_fault fault = { .fault = FAULT_MCU_SHUTDOWN,
				  .mcu = (uint8_t)mcu,
				  .stepper = UINT8_MAX,
				  .detail = reason,
				  .at_s = e->now_s };

	if (!e->mcu[mcu].ready || e->mcu[mcu].shutdown)
		return;
	e->mcu[mcu].shutdown = true;
	engine_fault(e, &fault);
}

/* In the middle of everything: whatever it was told is forgotten. */
static void mcu_started(struct engine *e, int mcu)
{
	struct ev_fault fault = { .fault = FAULT_MCU_RESET,
				  .mcu = (uint8_t)mcu,
				  .stepper = UINT8_MAX,
				  .at_s = e->now_s };

	if (!e->mcu[mcu].ready)
		return;
	e->mcu[mcu].started = true;
	if (e->mcu[mcu].shutdown)
		return;
	e->mcu[mcu].shutdown = true;
	engine_fault(e, &fault);
}

static void handle(void *ctx, const uint8_t *payload, size_t len, int64_t rx_ns)
{
	struct receiver *r = ctx;
	struct engine_mcu *m = &r->e->mcu[r->mcu];
	int16_t wire_id;
	const uint8_t *fields = wire_get_id(payload, payload + len, &wire_id);
	int id = fields ? wire_dict_response(&m->dict, wire_id) : -1;
	union msg_any any;

	if (id < 0 ||
	    wire_decode(&msg_table[id], fields, (size_t)(payload + len - fields), &any) < 0) {
		forward(r->e, r->mcu, payload, len, rx_ns);
		return;
	}
	switch (id) {
	case MSG_ID_clock:
		if (m->started)
			clocksync_heard(&m->sync);
		else
			clocksync_reply(&m->sync, &m->link, &any.clock, len + WIRE_FRAME_MIN, rx_ns);
		break;
	case MSG_ID_uptime:
		clocksync_uptime(&m->sync, &m->link, &any.uptime, len + WIRE_FRAME_MIN, rx_ns);
		break;
	case MSG_ID_analog_in_state:
		if (!engine_heat_state(r->e, r->mcu, &any.analog_in_state, rx_ns))
			forward(r->e, r->mcu, payload, len, rx_ns);
		break;
	case MSG_ID_analog_in_state__old:
		if (!engine_heat_state_old(r->e, r->mcu, &any.analog_in_state__old, rx_ns))
			forward(r->e, r->mcu, payload, len, rx_ns);
		break;
	case MSG_ID_thermocouple_result:
		engine_heat_chip(r->e, r->mcu, &any.thermocouple_result, rx_ns);
		break;
	case MSG_ID_trsync_state:
		engine_homing_state(r->e, r->mcu, &any.trsync_state, rx_ns);
		if (!any.trsync_state.can_trigger)
			forward(r->e, r->mcu, payload, len, rx_ns);
		break;
	case MSG_ID_shutdown:
		mcu_shut_down(r->e, r->mcu, any.shutdown.static_string_id);
		forward(r->e, r->mcu, payload, len, rx_ns);
		break;
	case MSG_ID_is_shutdown: /* the message above is sent once, and may have been lost */
		mcu_shut_down(r->e, r->mcu, any.is_shutdown.static_string_id);
		forward(r->e, r->mcu, payload, len, rx_ns);
		break;
	case MSG_ID_starting:
		mcu_started(r->e, r->mcu);
		forward(r->e, r->mcu, payload, len, rx_ns);
		break;
	default:
		forward(r->e, r->mcu, payload, len, rx_ns);
		break;
	}
}

void engine_receive(struct engine *e, int mcu, const uint8_t *bytes, uint32_t len, int64_t now_ns)
{
	struct receiver r = { .e = e, .mcu = mcu };

	if (e->mcu[mcu].present)
		link_receive(&e->mcu[mcu].link, bytes, len, now_ns, handle, &r);
}

uint32_t engine_transmit(struct engine *e, int mcu, uint8_t *buf, uint32_t cap, int64_t now_ns)
{
	struct engine_mcu *m = &e->mcu[mcu];
	uint32_t len;

	if (!m->present || m->closed || cap < LINK_TRANSMIT_MIN)
		return 0;
	len = (uint32_t)link_transmit(&m->link, now_ns, buf, cap);
	if (link_take_late(&m->link))
		engine_late(e, mcu);
	return len;
}

void engine_line_busy(struct engine *e, int mcu, bool busy)
{
	e->mcu[mcu].busy = busy;
}

/* Nothing of it can be trusted to arrive any more. */
static void lost(struct engine *e, int mcu)
{
	struct ev_rec ev = { .kind = EV_LINK_LOST,
			     .line = { .mcu = (uint8_t)mcu, .state = e->mcu[mcu].line } };
	struct ev_fault fault = { .fault = FAULT_LINK_LOST,
				  .mcu = (uint8_t)mcu,
				  .stepper = UINT8_MAX,
				  .detail = e->mcu[mcu].line,
				  .at_s = e->now_s };

	e->mcu[mcu].lost = true;
	engine_tell_link(e, mcu);
	if (e->mcu[mcu].ready)
		engine_fault(e, &fault);
	else
		engine_event(e, &ev);
}

void engine_line_note(struct engine *e, int mcu, enum line_state state)
{
	struct engine_mcu *m = &e->mcu[mcu];
	struct ev_rec ev = { .kind = EV_LINE,
			     .line = { .mcu = (uint8_t)mcu, .state = (uint8_t)state } };

	m->line_overruns += state == LINE_OVERRUN;
	if (m->closed || m->line == state)
		return;
	m->line = (uint8_t)state;
	engine_event(e, &ev);
}

void engine_line_full(struct engine *e, int mcu)
{
	e->mcu[mcu].line_full++;
}

void engine_line_closed(struct engine *e, int mcu, enum line_state why)
{
	if (!e->mcu[mcu].present || e->mcu[mcu].closed)
		return;
	e->mcu[mcu].closed = true;
	e->mcu[mcu].line = (uint8_t)why;
	if (!e->mcu[mcu].lost)
		lost(e, mcu);
}

void engine_line_opened(struct engine *e, int mcu)
{
	struct engine_mcu *m = &e->mcu[mcu];

	m->closed = m->busy = false;
	m->line = LINE_FINE;
}

void engine_mcu_set_ids(struct engine *e, const struct ctl_mcu_ids *ids, int64_t now_ns)
{
	struct engine_mcu *m;

	if (ids->mcu >= ENGINE_MCUS)
		return;
	m = &e->mcu[ids->mcu];
	m->dict = ids->dict;
	m->freq_hz = ids->freq_hz;
	m->apart = ids->apart;
	m->has_ids = true;
	m->clock_ready = false;
	link_set_window(&m->link, ids->receive_window);
	if (ids->canbus_hz)
		link_set_can(&m->link, ids->canbus_hz);
	clocksync_init(&m->sync, ids->freq_hz, now_ns);
}

void engine_mcu_set_ready(struct engine *e, const struct ctl_mcu_ready *r, int64_t now_ns)
{
	struct engine_mcu *m;
	double span_s = engine_later_s(2 * e->cfg.horizon_s + 0.01, SPAN_S_MIN);

	if (r->mcu >= ENGINE_MCUS)
		return;
	m = &e->mcu[r->mcu];
	moveq_init(&m->moveq, r->move_count, clocksync_clock(&m->sync, now_ns),
		   (uint64_t)(span_s * m->freq_hz));
	m->ready = true;
	m->shutdown = false;
	engine_restore_outputs(e, r->mcu);
	engine_start_sync_line(e, r->mcu, now_ns);
}

struct clocksync *engine_time_base(struct engine *e)
{
	if (e->mcu[PRIMARY].clock_ready)
		return &e->mcu[PRIMARY].sync;
	return clocksync_ready(&e->clock_before) ? &e->clock_before : NULL;
}

/* The estimate may be used from now on: lay the first map. A secondary waits for the primary. */
static void clock_becomes_ready(struct engine *e, int mcu, int64_t now_ns)
{
	struct engine_mcu *m = &e->mcu[mcu];
	struct ev_rec ev = { .kind = EV_CLOCK_READY, .mcu = (uint8_t)mcu };
	const struct clocksync *base = engine_time_base(e);

	if (mcu == PRIMARY) {
		if (base)
			clocksync_go_on(&m->sync, base, now_ns);
		clocksync_primary_map(&m->sync, &m->map);
	} else {
		if (!base)
			return;
		clocksync_secondary_start(&m->sync, base, now_ns, &m->map);
		m->map_next_s = clocksync_machine_s(base, now_ns) + MAP_PERIOD_S;
	}
	m->map_from_s = -INFINITY;
	m->clock_ready = true;
	engine_tell_map(e, mcu, 0);
	engine_event(e, &ev);
}

/* The new line holds from the latest time for which steps may have been handed out. Some before that
 * may still have to be: they keep to the old one. */
static void renew_map(struct engine *e, int mcu, int64_t now_ns)
{
	struct engine_mcu *m = &e->mcu[mcu];

	if (mcu == PRIMARY || e->now_s < engine_later_s(m->map_next_s, m->map_from_s))
		return;
	m->map_next_s = e->now_s + MAP_PERIOD_S;
	m->map_before = m->map;
	m->map_from_s = clocksync_secondary_map(&m->sync, engine_time_base(e), now_ns,
						engine_later_s(e->limit_s, e->now_s), &m->map);
	engine_tell_map(e, mcu, m->map_from_s);
}

static void check_link(struct engine *e, int mcu)
{
	struct engine_mcu *m = &e->mcu[mcu];
	bool silent = m->link.lost || clocksync_lost(&m->sync);

	if (silent && !m->lost)
		lost(e, mcu);
	m->lost = silent;
}

void engine_mcu_service(struct engine *e, int mcu, int64_t now_ns)
{
	struct engine_mcu *m = &e->mcu[mcu];

	if (!m->present)
		return;
	engine_tell_link(e, mcu);
	if (!m->has_ids || m->closed)
		return;
	clocksync_ask(&m->sync, &m->link, &m->dict, now_ns);
	if (!m->clock_ready && clocksync_ready(&m->sync))
		clock_becomes_ready(e, mcu, now_ns);
	if (!m->clock_ready)
		return;
	engine_watch_sync_line(e, mcu, now_ns);
	renew_map(e, mcu, now_ns);
	check_link(e, mcu);
}

void engine_mcu_free_slots(struct engine *e, int mcu, int64_t now_ns)
{
	struct engine_mcu *m = &e->mcu[mcu];
	uint64_t clock, margin;

	if (!m->ready)
		return;
	clock = clocksync_clock(&m->sync, now_ns);
	margin = (uint64_t)(SLOT_MARGIN_S * m->freq_hz);
	if (clock > margin)
		moveq_advance(&m->moveq, clock - margin);
}

void engine_mcu_status(const struct engine *e, int mcu, struct engine_mcu_status *out)
{
	const struct engine_mcu *m = &e->mcu[mcu];
	const struct link_stats *st = &m->link.stats;

	memset(out, 0, sizeof(*out));
	out->bytes_sent = st->bytes_sent;
	out->bytes_received = st->bytes_received;
	out->retransmits = st->retransmits;
	out->crc_errors = m->link.rx.bad_crc;
	out->commands = st->messages_pushed;
	out->unacked = link_unacked(&m->link);
	out->line = m->line;
	out->line_full = m->line_full;
	out->moves_queued = m->moveq.used;
	out->moves_capacity = m->moveq.capacity;
	out->flags = (m->clock_ready ? ENGINE_MCU_CLOCK : 0u) | (m->ready ? ENGINE_MCU_READY : 0u) |
		     (m->shutdown ? ENGINE_MCU_SHUTDOWN : 0u) |
		     (m->started ? ENGINE_MCU_STARTED : 0u) | (m->lost ? ENGINE_MCU_LOST : 0u) |
		     (clocksync_by_edges(&m->sync) ? ENGINE_MCU_EDGES : 0u);
	if (!m->clock_ready)
		return;
	out->map = *engine_map(m, e->now_s);
	out->clock_freq_hz = clocksync_rate_hz(&m->sync);
	out->clock_ticks = (double)m->sync.clock0 + clocksync_ticks(&m->sync, e->status.now_ns);
	out->clock_error_us = 1e6 * (clocksync_by_edges(&m->sync) ? m->sync.edges.error_s
								  : fabs(m->sync.last_error_s));
	out->round_trip_us = (double)m->link.rtt_ns * 1e-3;
	out->round_trip_us_max = (double)m->link.rtt_max_ns * 1e-3;
}
