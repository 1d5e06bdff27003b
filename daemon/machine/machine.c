// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/machine/machine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/extruders.h"
#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine_private.h"
#include "daemon/print/print.h"
#include "daemon/shapers.h"
#include "daemon/versions.h"

/* This much planned motion is kept ahead of the machine: enough for a planner that is not
 * scheduled for a while, little enough that M220 and a stop by the planner act soon. */
#define LEAD_FULL_S 1.4 /* and the horizon */
/* The rt core holds motion when its end comes nearer than the horizon and the way to rest. This far from
 * there, what is decided goes out at once; */
#define LEAD_LOW_S 0.40
/* this far, and with no line waiting, the planner lets the motion end at a stop; */
#define LEAD_STOP_S 0.20
/* this far, it does so even if there are lines; */
#define LEAD_LAST_S 0.05
/* and so it does if motion is held and no more of it has come for so long. */
#define STALLED_NS ((int64_t)200 * 1000 * 1000)
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

double machine_horizon_s(const struct machine *m)
{
	return m->mc->stepd.horizon_s + m->status.longer_s;
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

/* Nothing would be taken. */
static bool lead_full(const struct machine *m)
{
	return machine_lead_s(m) > LEAD_FULL_S + machine_horizon_s(m);
}

/* The planner's sink. */
static bool plan_ready(void *ctx)
{
	const struct machine *m = ctx;

	return !m->resume_owed && !lead_full(m);
}

static bool push_plan(void *ctx, const struct plan_rec *rec)
{
	struct machine *m = ctx;

	if (!ring_push(m->plan, rec))
		return false;
	m->pushed_s += record_s(rec);
	m->pushed_ns = m->now_ns;
	m->names_pushed += rec->kind == PLAN_POSITION || rec->kind == PLAN_WEIGHTS;
	if (rec->kind != PLAN_MOVE)
		return true;
	m->moves_planned++;
	m->brake_s = rec->move.end_mm_s > 0 ? rec->move.end_mm_s / (2 * rec->move.accel_mm_s2) : 0;
	return true;
}

struct planner_sink machine_sink(struct machine *m)
{
	return (struct planner_sink){ .push = push_plan, .ctx = m, .ready = plan_ready };
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
	m->heaters.idled = 0;
	scan_abort(m);
	acts_abort(m, m->reason);
	switches_abort(m, m->reason);
	probe_script_abort(m, m->reason);
	eddy_abort(m, m->reason);
	load_cell_abort(m, m->reason);
	angles_abort(m);
	if (m->homing.state != HOMING_IDLE)
		homing_abort(m, m->reason);
	if (gcode_busy(&m->gcode))
		gcode_resume(&m->gcode, m->reason);
}

void machine_enter_fault(struct machine *m, enum machine_state state)
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

	if (m->state == MACHINE_FAULT) { /* of these nothing is read back either */
		m->readback.homed &= ~doubt;
		machine_say(m, REPLY_ERROR, "%s", reason);
	}
	if (m->state != MACHINE_READY)
		return;
	machine_control(m, &(struct ctl_rec){ .kind = CTL_ABORT });
	snprintf(m->reason, sizeof(m->reason),
		 "%s; motion is stopped until CLEAR_FAULT, positions are read back", reason);
	machine_enter_fault(m, MACHINE_FAULT);
	readback_start(m, homed);
}

void machine_axes_known(struct machine *m, uint32_t axes)
{
	m->homed |= axes;
	m->uncertain &= ~axes;
}

void machine_pause(struct machine *m)
{
	static const char line[] = "PAUSE";

	if (stream_prints(m))
		stream_pause(m);
	sidetrack_stay(m);
	sidetrack_begin(m);
	gcode_exec_now(&m->gcode, line, strlen(line), 0);
}

/* ---- bringing it up ---- */

static void sessions_tick(struct machine *m)
{
	size_t ready = 0;
	char text[MACHINE_TEXT_MAX / 2];

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
		if (versions_mixed(m->session, m->mcus, text, sizeof(text)))
			machine_say(m, REPLY_INFO, "%s", text);
		machine_say(m, REPLY_INFO, "ready");
	}
	wake(m);
}

/* Time until the rt core has to hold motion, if no more of it comes. */
static double spare_s(const struct machine *m)
{
	if (m->status.stalled)
		return 0;
	return machine_lead_s(m) - machine_horizon_s(m) - m->brake_s;
}

/* Hand motion on; come to a stop in time if nothing follows. */
static void plan_tick(struct machine *m, bool input_waiting)
{
	bool more = gcode_moving(&m->gcode) || gcode_scripting(&m->gcode) ||
		    (input_waiting && !gcode_busy(&m->gcode));
	double left_s;
	uint32_t had;

	if (lead_full(m) && !m->resume_owed)
		return;
	had = ring_room(m->plan);
	if (m->resume_owed && ring_push(m->plan, &(struct plan_rec){ .kind = PLAN_RESUME }))
		m->resume_owed = false;
	planner_pump(m->planner);
	if (spare_s(m) < LEAD_LOW_S && planner_queued(m->planner) > 0)
		planner_decide(m->planner);
	left_s = spare_s(m);
	if (m->status.stalled && m->now_ns - m->pushed_ns < STALLED_NS)
		left_s = LEAD_LAST_S; /* it is being fed */
	if (left_s < LEAD_STOP_S && !planner_empty(m->planner) && (!more || left_s < LEAD_LAST_S))
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
	stream_poll(m, input_waiting);
	input_waiting = (input_waiting && !stream_blocks(&m->stream)) ||
			stream_has_lines(&m->stream);
	if (m->emergency_owed)
		m->emergency_owed = !machine_control(m, &(struct ctl_rec){ .kind = CTL_EMERGENCY });
	if (m->warp_owed)
		send_warp(m);
	if (snapshot_sequence(&m->engine->snapshot) != m->status_sequence) {
		m->status_sequence = snapshot_sequence(&m->engine->snapshot);
		engine_status_read(m->engine, &m->status);
		track_look(&m->track, m);
	}
	if (m->track.on) /* the next look is to be a new one */
		machine_control(m, &(struct ctl_rec){ .kind = CTL_STATUS });
	for (; events > 0 && ring_pop(&m->events, &ev); events--)
		machine_event(m, &ev);
	if (m->state == MACHINE_CONNECTING)
		sessions_tick(m);
	else
		devices_poll(m);
	angles_poll(m);
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
		z_thermal_poll(m);
		eddy_poll(m);
		load_cell_poll(m);
		scan_poll(m);
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
	       m->eddy.state == EDDY_IDLE && m->scan.state == SCAN_IDLE &&
	       m->load_cell.state == LOAD_CELL_IDLE && !gcode_moving(&m->gcode) &&
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
	int64_t next_ns = m->state == MACHINE_READY ? print_next_ns(m->print) : INT64_MAX;

	if (m->track.on && m->now_ns + TRACK_NS < next_ns)
		next_ns = m->now_ns + TRACK_NS;
	return next_ns;
}
