// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/machine.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/extruders.h"
#include "daemon/fault_text.h"
#include "daemon/gcode/gcode_script.h"
#include "daemon/print/print.h"
#include "daemon/shapers.h"

/* This much planned motion is kept ahead of the machine: enough for a planner that is not
 * scheduled for a while, little enough that M220 and a stop by the planner act soon. */
#define LEAD_FULL_S 1.5
/* The rt core runs out of motion when its end comes nearer than the low-water mark. This far from
 * there, what is decided goes out at once; */
#define LEAD_LOW_S 0.45
/* this far, and with no line waiting, the planner lets the motion end at a stop; */
#define LEAD_STOP_S 0.25
/* this far, it does so even if there are lines. */
#define LEAD_LAST_S 0.1
/* No record is as short as that. */
#define LEAD_NONE_S 1e-6

/* ---- talking to the rt core ---- */

static double record_s(const struct plan_rec *rec)
{
	if (rec->kind == PLAN_MOVE || (rec->kind == PLAN_MANUAL && rec->flags & PLAN_MANUAL_SYNC))
		return rec->move.accel_s + rec->move.cruise_s + rec->move.decel_s;
	return rec->kind == PLAN_DWELL ? rec->dwell_s : 0;
}

double machine_time_s(const struct machine *m, int64_t host_ns)
{
	return m->status.now_s + (double)(host_ns - m->status.now_ns) * 1e-9;
}

double machine_now_s(const struct machine *m)
{
	return machine_time_s(m, m->now_ns);
}

double machine_lead_s(const struct machine *m)
{
	const struct engine_status *st = &m->status;
	double rest_s = st->motion_end_s - machine_now_s(m);
	double left_s = m->pushed_s - m->sidetrack.held_s - st->consumed_s;

	if (left_s < LEAD_NONE_S) /* sums of the same in another order */
		left_s = 0;
	return left_s / (st->consumed_s < m->rush_until_s ? m->rush : 1) + (rest_s > 0 ? rest_s : 0);
}

/* The planner's sink. */
static bool plan_ready(void *ctx)
{
	const struct machine *m = ctx;

	return !m->resume_owed && machine_lead_s(m) <= LEAD_FULL_S;
}

static bool push_plan(void *ctx, const struct plan_rec *rec)
{
	struct machine *m = ctx;

	if (!ring_push(m->plan, rec))
		return false;
	m->pushed_s += record_s(rec);
	if (rec->kind == PLAN_MOVE)
		m->moves_planned++;
	return true;
}

static void wake(struct machine *m)
{
	if (m->hooks.wake)
		m->hooks.wake(m->hooks.ctx);
}

bool machine_control(struct machine *m, const struct ctl_rec *rec)
{
	bool ok = ring_push(&m->control, rec);

	wake(m);
	return ok;
}

/* What the time warp is to do. Both go together: the last word counts. */
static void send_warp(struct machine *m)
{
	struct ctl_rec feed = { .kind = CTL_FEED_RATE,
				.feed_rate = { .feed = m->live_feed, .epoch = m->live_epoch } };
	struct ctl_rec hold = { .kind = m->hold ? CTL_HOLD : CTL_UNHOLD };

	m->warp_owed = !machine_control(m, &feed) || !machine_control(m, &hold);
}

void machine_hold(struct machine *m, bool on)
{
	if (m->hold != on)
		machine_say(m, REPLY_INFO, "%s",
			    on ? "hold: coming to rest; RESUME to go on"
			       : "going on after the hold");
	if (!on) {
		sidetrack_give_up(&m->sidetrack);
		react_resumed(m, FAULT_HOLD);
	}
	m->hold = on;
	send_warp(m);
}

void machine_set_feed(struct machine *m, double feed, uint32_t epoch)
{
	double faster = feed / m->feed;

	/* Moves planned with the old factor will run faster, so less time is ahead than it seems. */
	if (m->status.consumed_s < m->rush_until_s)
		faster *= m->rush;
	m->rush = faster > 1 ? faster : 1;
	m->rush_until_s = m->pushed_s + planner_queued_s(m->planner);
	m->feed = m->live_feed = feed;
	m->live_epoch = epoch;
	send_warp(m);
}

int machine_nudge(struct machine *m, double by_mm, char *err)
{
	struct ctl_rec rec = { .kind = CTL_NUDGE, .nudge_mm = planner_nudge_mm(m->planner) + by_mm };
	double to_mm[MOVE_AXES];
	int rc;

	memcpy(to_mm, planner_position(m->planner), sizeof(to_mm));
	to_mm[AXIS_Z] += by_mm;
	rc = machine_check_place(m, to_mm, err);
	if (rc < 0)
		return rc;
	if (m->sidetrack.state) {
		snprintf(err, GCODE_ERR_MAX, "a print is set aside: expected after RESUME");
		return -EBUSY;
	}
	if (!machine_control(m, &rec))
		return -EAGAIN;
	planner_nudge(m->planner, by_mm);
	return 0;
}

uint32_t machine_sync(struct machine *m)
{
	uint32_t id = m->sync_last + 1 ? m->sync_last + 1 : 1;

	if (planner_sync(m->planner, id) < 0)
		return 0;
	m->sync_last = id;
	planner_flush(m->planner);
	return id;
}

void machine_say(struct machine *m, enum reply_kind kind, const char *fmt, ...)
{
	char text[MACHINE_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (m->hooks.say)
		m->hooks.say(m->hooks.ctx, kind, text);
}

void machine_resume_motion(struct machine *m, const double position_mm[MOVE_AXES])
{
	struct plan_rec resume = { .kind = PLAN_RESUME };
	struct ctl_rec name = { .kind = CTL_POSITION };

	planner_drop(m->planner, position_mm);
	memcpy(name.position_mm, planner_position(m->planner), sizeof(name.position_mm));
	machine_control(m, &name);
	gcode_set_position(&m->gcode, GCODE_MASK_ALL, planner_position(m->planner));
	if (!ring_push(m->plan, &resume))
		m->resume_owed = true; /* as soon as the rt thread has emptied the ring a little */
	shapers_send(m);               /* the planner is empty: there is room */
	extruders_send(m);
	wake(m);
}

/* ---- events ---- */

void machine_say_reason(struct machine *m)
{
	const char *path = m->hooks.keep_record ? m->hooks.keep_record(m->hooks.ctx) : NULL;

	machine_say(m, REPLY_ERROR, "%s%s%s", m->reason,
		    path ? "; what led to it: stepd dump " : "", path ? path : "");
}

void machine_end_commands(struct machine *m)
{
	m->manual_probe.active = false;
	m->tmc.dump = NULL;
	acts_abort(m, m->reason);
	switches_abort(m, m->reason);
	eddy_abort(m, m->reason);
	if (m->homing.state != HOMING_IDLE)
		homing_abort(m, m->reason);
	if (gcode_busy(&m->gcode))
		gcode_resume(&m->gcode, m->reason);
}

static void enter_fault(struct machine *m, enum machine_state state)
{
	m->state = state;
	m->homed = 0;
	planner_drop(m->planner, NULL);
	machine_end_commands(m);
	print_fault(m->print);
	machine_say_reason(m);
}

void machine_stop(struct machine *m, const char *reason, uint32_t doubt)
{
	uint32_t homed = m->homed & ~doubt;

	if (m->state != MACHINE_READY)
		return;
	machine_control(m, &(struct ctl_rec){ .kind = CTL_ABORT });
	snprintf(m->reason, sizeof(m->reason),
		 "%s; motion is stopped until CLEAR_FAULT, positions are read back", reason);
	enter_fault(m, MACHINE_FAULT);
	readback_start(m, homed);
}

void machine_pause(struct machine *m)
{
	static const char line[] = "PAUSE";

	sidetrack_begin(m);
	gcode_exec_now(&m->gcode, line, strlen(line), 0);
}

/* What became of an MCU's line, in words. */
static void line_text(const struct machine *m, unsigned mcu, unsigned state, char *text, size_t size)
{
	const struct machine_mcu *cfg = mcu < m->mcus ? &m->mc->mcu[mcu] : NULL;

	fault_line_text(state, cfg && cfg->canbus_uuid ? cfg->canbus_interface : NULL, text, size);
}

/* One for all MCUs on that interface: each of them hears of it. */
static void line_event(struct machine *m, const struct ev_line *ev)
{
	char text[MACHINE_TEXT_MAX / 2];

	for (size_t i = 0; i < ev->mcu; i++)
		if (m->mc->mcu[i].canbus_uuid && strcmp(m->mc->mcu[i].canbus_interface,
							m->mc->mcu[ev->mcu].canbus_interface) == 0)
			return;
	line_text(m, ev->mcu, ev->state, text, sizeof(text));
	machine_say(m, ev->state == LINE_FINE ? REPLY_INFO : REPLY_ERROR, "%s", text);
}

static void fault_event(struct machine *m, const struct ev_fault *f)
{
	const char *name = f->mcu < m->mcus ? m->mc->mcu[f->mcu].name : "?";
	char label[MACHINE_TEXT_MAX / 2] = "";
	const char *known = m->hooks.mcu_fault && f->fault == FAULT_MCU_SHUTDOWN && f->mcu < m->mcus
				    ? m->hooks.mcu_fault(m->hooks.ctx, f->mcu)
				    : NULL;
	const char *motor = f->stepper < m->motors ? m->motor[f->stepper].cfg->name : "";
	bool apart = f->stepper == UINT8_MAX && attach_role(m, f->mcu);

	uint32_t homed = m->homed;

	if (m->state != MACHINE_READY && !(apart && m->state == MACHINE_FAULT))
		return;
	if (known)
		snprintf(label, sizeof(label), "%s", known);
	else if (f->fault == FAULT_MCU_SHUTDOWN)
		dictionary_label(&m->session[f->mcu].dict, "static_string_id", f->detail, label,
				 sizeof(label));
	else if (f->fault == FAULT_STEPGEN)
		snprintf(label, sizeof(label), "%s", fault_stepgen_text((int16_t)f->detail));
	if (apart) {
		react_apart(m, f, label);
		return;
	}
	snprintf(m->reason, sizeof(m->reason),
		 "%s%s%s%s%s at %.6f s (mcu '%s', detail %d, value %.6g): motion is stopped until "
		 "CLEAR_FAULT, positions are read back then if that can be done; else RESTART",
		 fault_text(f->fault), label[0] ? ": " : "", label, motor[0] ? ": " : "", motor,
		 f->at_s, name, (int16_t)f->detail, f->value_s);
	if (f->fault == FAULT_LINK_LOST && f->detail != LINE_FINE && f->mcu < m->mcus &&
	    m->mc->mcu[f->mcu].canbus_uuid) { /* its cause is known */
		line_text(m, f->mcu, f->detail, label, sizeof(label));
		snprintf(m->reason, sizeof(m->reason),
			 "%s (mcu '%s', at %.6f s): motion is stopped; RESTART to go on", label,
			 name, f->at_s);
	}
	react_engine(m, f, label);
	enter_fault(m, MACHINE_FAULT);
	if (f->fault != FAULT_MCU_RESET) /* it has forgotten its counters */
		readback_start(m, homed);
}

static void message_event(struct machine *m, const struct ev_message *msg)
{
	union msg_any any;

	if (msg->mcu >= m->mcus)
		return;
	if (readback_hear(m, msg) || session_message(&m->session[msg->mcu], msg) ||
	    print_hear(m->print, msg) || bus_hear(&m->bus, msg) || eddy_hear(m, msg))
		return;
	/* Responses to nobody's question (stats, late answers) are passed over. */
	switch (session_decode(&m->session[msg->mcu], msg, &any)) {
	case MSG_ID_counter_state:
		tachometers_state(m, msg->mcu, &any.counter_state);
		break;
	case MSG_ID_neopixel_result:
		leds_result(m, msg->mcu, &any.neopixel_result);
		break;
	default:
		break;
	}
}

static void event(struct machine *m, const struct ev_rec *ev)
{
	char text[MACHINE_TEXT_MAX / 2];

	if (homing_event(m, ev) || acts_event(m, ev) || switches_event(m, ev))
		return;
	switch (ev->kind) {
	case EV_MESSAGE:
		message_event(m, &ev->message);
		break;
	case EV_CLOCK_READY:
		session_clock_ready(&m->session[ev->mcu], m->now_ns);
		break;
	case EV_SYNC:
		leds_sync(m, ev->sync_id);
		if (ev->sync_id == m->sync_waiting) {
			m->sync_waiting = 0;
			gcode_resume(&m->gcode, NULL);
		}
		break;
	case EV_FAULT:
		fault_event(m, &ev->fault);
		break;
	case EV_HEATER:
		heaters_event(m, &ev->heater);
		break;
	case EV_LINK_LOST:
		line_text(m, ev->line.mcu, ev->line.state ? ev->line.state : LINE_CLOSED, text,
			  sizeof(text));
		session_lost(&m->session[ev->line.mcu], text);
		break;
	case EV_LINE:
		line_event(m, &ev->line);
		break;
	case EV_SYNC_LINE:
		if (m->hooks.sync_line)
			m->hooks.sync_line(m->hooks.ctx, ev->sync_line.mcu, ev->sync_line.used);
		break;
	default:
		break;
	}
}

/* ---- bringing it up ---- */

static void sessions_tick(struct machine *m)
{
	size_t ready = 0;

	for (size_t i = 0; i < m->mcus; i++) {
		struct session *s = &m->session[i];

		if (!m->attach[i].state)
			session_tick(s, m->now_ns);
		if (s->state == SESSION_READY)
			ready++;
		if (m->attach[i].state)
			ready++; /* it is for later */
		else if (s->state == SESSION_FAILED && m->mc->mcu[i].role == FAULT_ROLE_OPTIONAL)
			attach_absent(m, i, s->error);
		else if (s->state == SESSION_FAILED) {
			snprintf(m->reason, sizeof(m->reason), "%s", s->error);
			m->state = MACHINE_FAILED;
			machine_say(m, REPLY_ERROR, "%s", m->reason);
			return;
		}
	}
	if (ready == m->mcus && positions_settled(m)) {
		for (size_t i = 0; i < m->mcus; i++)
			m->session[i].was_shut_down = false;
		m->state = MACHINE_READY;
		shapers_send(m);
		probe_ready(m);
		machine_say(m, REPLY_INFO, "ready");
	}
	wake(m);
}

/* Hand motion on; come to a stop in time if nothing follows. */
static void plan_tick(struct machine *m, bool input_waiting)
{
	bool more = gcode_moving(&m->gcode) || gcode_scripting(&m->gcode) ||
		    (input_waiting && !gcode_busy(&m->gcode));
	double lead_s = machine_lead_s(m), low_water_s = m->mc->stepd.low_water_s;
	uint32_t had;

	if (lead_s > LEAD_FULL_S && !m->resume_owed)
		return; /* nothing would be taken */
	had = ring_room(m->plan);
	if (m->resume_owed && ring_push(m->plan, &(struct plan_rec){ .kind = PLAN_RESUME }))
		m->resume_owed = false;
	planner_pump(m->planner);
	lead_s = machine_lead_s(m) - low_water_s;
	if (lead_s < LEAD_LOW_S && planner_queued(m->planner) > 0)
		planner_decide(m->planner);
	lead_s = machine_lead_s(m) - low_water_s;
	if (lead_s < LEAD_STOP_S && !planner_empty(m->planner) && (!more || lead_s < LEAD_LAST_S))
		planner_flush(m->planner);
	if (ring_room(m->plan) < had)
		wake(m);
}

/* What is at the MCUs' buses. */
static void devices_poll(struct machine *m)
{
	tmc_poll(m);
	bus_poll(&m->bus);
}

void machine_poll(struct machine *m, int64_t now_ns, bool input_waiting)
{
	struct ev_rec ev;
	uint32_t events =
		ring_used(&m->events); /* before the status, which is then as new as they are */

	m->now_ns = now_ns;
	if (m->emergency_owed)
		m->emergency_owed = !machine_control(m, &(struct ctl_rec){ .kind = CTL_EMERGENCY });
	if (m->warp_owed)
		send_warp(m);
	if (snapshot_sequence(&m->engine->snapshot) != m->status_sequence) {
		m->status_sequence = snapshot_sequence(&m->engine->snapshot);
		engine_status_read(m->engine, &m->status);
		track_look(&m->track, m);
	}
	for (; events > 0 && ring_pop(&m->events, &ev); events--)
		event(m, &ev);
	if (m->state == MACHINE_CONNECTING)
		sessions_tick(m);
	else
		devices_poll(m);
	sensors_poll(m);
	heaters_poll(m);
	react_poll(m);
	attach_poll(m);
	readback_poll(m);
	positions_poll(m);
	if (m->state == MACHINE_READY || m->state == MACHINE_FAULT) {
		outputs_poll(m);
		fans_poll(m);
		tachometers_poll(m);
		leds_poll(m);
	}
	if (m->state == MACHINE_READY) {
		homing_tick(m);
		acts_tick(m);
		switches_tick(m);
		eddy_poll(m);
	}
	if (m->state != MACHINE_CONNECTING) {
		sidetrack_poll(m);
		if (!sidetrack_busy(&m->sidetrack))
			gcode_poll(&m->gcode);
		print_poll(m->print, now_ns, input_waiting);
	}
	if (m->state != MACHINE_READY)
		return;
	plan_tick(m, input_waiting || print_has_lines(m->print));
	if (machine_rests(m) && !m->status.moving && !m->sidetrack.state)
		shapers_rest(m);
}

bool machine_takes_line(const struct machine *m)
{
	return machine_accepts(m) ||
	       (m->state == MACHINE_READY && !gcode_busy(&m->gcode) &&
		!sidetrack_busy(&m->sidetrack) && (sdcard_printing(&m->print->sd) || m->hold));
}

void machine_reset_mcus(struct machine *m)
{
	for (size_t i = 0; i < m->mcus; i++)
		m->session[i].force_reset = true;
}

bool machine_rests(const struct machine *m)
{
	return m->sync_waiting == 0 && !m->heaters.wait.on && m->homing.state == HOMING_IDLE &&
	       !sidetrack_busy(&m->sidetrack) && !m->acts.running && !m->switches.input &&
	       m->eddy.state == EDDY_IDLE && !gcode_moving(&m->gcode) &&
	       planner_empty(m->planner) && machine_lead_s(m) <= 0 &&
	       m->status.manual_end_s <= machine_now_s(m);
}

bool machine_idle(const struct machine *m)
{
	return machine_rests(m) && !gcode_busy(&m->gcode) && !gcode_script_pending(&m->gcode) &&
	       !print_active(m->print);
}

int64_t machine_next_ns(const struct machine *m)
{
	return m->state == MACHINE_READY ? print_next_ns(m->print) : INT64_MAX;
}

/* ---- life ---- */

static void lower(double *limit, double to)
{
	if (*limit <= 0 || to < *limit) /* 0: none so far */
		*limit = to;
}

/* No motor is asked for more steps than its pulses have room for. A motor of one axis limits that
 * axis; one of several (CoreXY) limits the path, as if it went where the motor turns fastest. */
static void limit_step_rates(struct machine *m, struct planner_limits *l)
{
	m->velocity_mm_s_cap = INFINITY;
	for (size_t i = 0; i < m->motors; i++) {
		const struct machine_motor *motor = &m->motor[i];
		double rate_hz = MACHINE_STEP_RATE_SHARE / (2 * motor->cfg->step_pulse_s), norm = 0;

		/* Also a second carriage's, which rests at first. */
		for (size_t r = 0; r < m->mc->rail_count; r++)
			norm = hypot(norm, motor->cfg->carriage[r] / motor->cfg->step_distance_mm);
		if (motor->axes & 1u << AXIS_E)
			norm = motor->steps_per_mm[AXIS_E];
		if (!(norm > 0) || motor->cfg->joint.kind != KIN_LINEAR)
			continue; /* of joints that are no sums: machine_move() */
		if (motor->axes & (motor->axes - 1))
			lower(&m->velocity_mm_s_cap, rate_hz / norm);
		else
			lower(&l->axis_velocity_mm_s_max[__builtin_ctz(motor->axes)],
			      rate_hz / norm);
		if (motor->axes & 1u << AXIS_E)
			lower(&l->extrude_velocity_mm_s_max, rate_hz / norm);
	}
	lower(&l->velocity_mm_s_max, m->velocity_mm_s_cap);
}

static void planner_limits_of(const struct machine_config *mc, struct planner_limits *l)
{
	planner_limits_default(l);
	l->velocity_mm_s_max = mc->max_velocity_mm_s;
	l->accel_mm_s2_max = mc->max_accel_mm_s2;
	l->cruise_ratio_min = mc->minimum_cruise_ratio;
	l->corner_mm_s = mc->square_corner_velocity_mm_s;
	l->axis_velocity_mm_s_max[AXIS_Z] = mc->max_z_velocity_mm_s;
	l->axis_accel_mm_s2_max[AXIS_Z] = mc->max_z_accel_mm_s2;
}

static bool make_rings(struct machine *m)
{
	struct {
		struct ring *ring;
		void **mem;
		uint32_t size, capacity;
	} rings[] = {
		{ &m->plan_ring[0], &m->plan_mem[0], sizeof(struct plan_rec), MACHINE_PLAN_RECORDS },
		{ &m->plan_ring[1], &m->plan_mem[1], sizeof(struct plan_rec), MACHINE_PLAN_RECORDS },
		{ &m->control, &m->control_mem, sizeof(struct ctl_rec), MACHINE_CONTROL_RECORDS },
		{ &m->events, &m->event_mem, sizeof(struct ev_rec), MACHINE_EVENT_RECORDS },
	};

	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		size_t bytes = ring_mem_size(rings[i].size, rings[i].capacity);

		*rings[i].mem = aligned_alloc(RING_CACHE_LINE, (bytes + 63) / 64 * 64);
		if (!*rings[i].mem ||
		    !ring_init(rings[i].ring, *rings[i].mem, rings[i].size, rings[i].capacity))
			return false;
	}
	return true;
}

static void give_address(void *ctx, struct session *s)
{
	struct machine *m = ctx;

	m->hooks.address(m->hooks.ctx, s->mcu, s->absent, sizeof(s->absent));
}

/* The link and session of an MCU. Returns false if memory is short. */
static bool make_mcu(struct machine *m, int i)
{
	const struct machine_mcu *cfg = &m->mc->mcu[i];
	struct session *s = &m->session[i];

	/* The rate of a CAN interface is known once the firmware has said it. */
	engine_link_add(m->engine, i, cfg->canbus_uuid ? 0 : (uint32_t)cfg->baud);
	if (!session_init(s, i, cfg->name, &m->control, machine_configure_mcu, m))
		return false;
	s->apart = cfg->role != FAULT_ROLE_MOTION;
	if (cfg->canbus_uuid) {
		s->uuid = cfg->can_uuid;
		s->address = m->hooks.address ? give_address : NULL;
	}
	return true;
}

static bool make_parts(struct machine *m, char *err, size_t err_size)
{
	struct planner_config pc = { .window_s = m->mc->stepd.lookahead_s };
	struct planner_sink sink = { .push = push_plan, .ctx = m, .ready = plan_ready };
	struct engine_config ec = { .horizon_s = m->mc->stepd.horizon_s,
				    .low_water_s = m->mc->stepd.low_water_s,
				    .start_lead_s = m->mc->stepd.low_water_s * 1.2,
				    .plan = &m->plan_ring[0],
				    .side = &m->plan_ring[1],
				    .control = &m->control,
				    .events = &m->events,
				    .observer = m->hooks.observer,
				    .recorder = m->hooks.recorder };
	char text[PLANNER_ERROR_MAX] = "out of memory";

	m->engine = aligned_alloc(RING_CACHE_LINE, (sizeof(*m->engine) + 63) / 64 * 64);
	if (!m->engine || !make_rings(m)) {
		snprintf(err, err_size, "out of memory");
		return false;
	}
	engine_init(m->engine, &ec);
	planner_limits_of(m->mc, &pc.limits);
	extruders_limits(m, &pc.limits);
	limit_step_rates(m, &pc.limits);
	m->planner = planner_new(&pc, &sink, text);
	pc.queue = SIDETRACK_QUEUE;
	m->sidetrack.planner = planner_new(&pc, &sink, text);
	if (!m->planner || !m->sidetrack.planner) {
		snprintf(err, err_size, "planner: %s", text);
		return false;
	}
	for (size_t i = 0; i < m->mcus; i++) {
		if (!make_mcu(m, (int)i)) {
			snprintf(err, err_size, "out of memory");
			return false;
		}
	}
	return true;
}

struct machine *machine_new(const struct machine_config *mc,
			    const struct machine_config_hooks *hooks, char *err, size_t err_size)
{
	struct machine *m = aligned_alloc(RING_CACHE_LINE, (sizeof(*m) + 63) / 64 * 64);

	if (!m) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	memset(m, 0, sizeof(*m));
	m->mc = mc;
	m->hooks = *hooks;
	m->feed = m->live_feed = m->rush = 1;
	m->plan = &m->plan_ring[0];
	bus_init(&m->bus, m);
	if (!machine_setup(m, err, err_size) || !make_parts(m, err, err_size)) {
		machine_free(m);
		return NULL;
	}
	positions_open(m, hooks->positions);
	machine_ops_init(m);
	machine_gcode_init(m);
	heaters_init(m);
	fans_init(m);
	outputs_init(m);
	leds_init(m);
	shapers_init(m);
	extruders_init(m);
	manual_init(m);
	levelling_init(m);
	probe_init(m);
	react_init(m);
	if (!m->hooks.no_heat && !tmc_attach(m, err, err_size)) {
		machine_free(m);
		return NULL;
	}
	if (m->dual.pairs)
		dual_attach(&m->gcode, m);
	m->print = print_new(m, hooks->threads, err, err_size);
	if (m->print)
		return m;
	machine_free(m);
	return NULL;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->mcus; i++)
		session_free(&m->session[i]);
	positions_close(m);
	print_free(m->print);
	bus_free(&m->bus);
	gcode_mesh_detach(&m->gcode);
	config_save_free(&m->save);
	planner_free(m->planner);
	planner_free(m->sidetrack.planner);
	free(m->engine);
	free(m->plan_mem[0]);
	free(m->plan_mem[1]);
	free(m->control_mem);
	free(m->event_mem);
	free(m);
}
