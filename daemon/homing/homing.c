// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/homing/homing.h"

#include <math.h>
#include <string.h>

#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

/* With several endstops the move waits until word of those that are closed already has come: a motor
 * that its endstop has stopped must not get a new step clock. */
#define ARMED_NS ((int64_t)20 * 1000 * 1000) /* after sampling has begun */

/* ---- moving ---- */

/* Queue a move and a sync behind it. */
static bool move_to(struct machine *m, const double to_mm[MOVE_AXES], double speed_mm_s)
{
	planner_set_feed_factor(m->planner, 0, 0);
	if (planner_move(m->planner, to_mm, speed_mm_s, 0) < 0)
		return false;
	m->homing.sync = machine_sync(m);
	return m->homing.sync != 0;
}

/* The way to the switches; of a probe, with its own acceleration. */
static bool approach_them(struct machine *m)
{
	struct homing *h = &m->homing;
	struct planner_limits usual = *planner_limits_get(m->planner), slow = usual;
	bool ok;

	if ((h->line.input || h->with_probe) && m->probe.accel_mm_s2 > 0)
		slow.accel_mm_s2_max = fmin(usual.accel_mm_s2_max, m->probe.accel_mm_s2);
	if (planner_limits_set(m->planner, &slow) < 0)
		return false;
	ok = move_to(m, h->home_mm, h->approach_mm_s);
	planner_limits_set(m->planner, &usual);
	return ok;
}

/* The switches, or a place that far before them. */
static void place(const struct machine *m, double back_mm, double to_mm[MOVE_AXES])
{
	const struct homing *h = &m->homing;

	for (int axis = 0; axis < MOVE_AXES; axis++)
		to_mm[axis] = h->home_mm[axis] + h->back[axis] * back_mm;
}

/* The approach begins once its time has come. */
static void go(struct machine *m)
{
	struct homing *h = &m->homing;

	if (m->now_ns < h->go_ns)
		return;
	h->state = HOMING_PROBE;
	if (h->manual.stepper ? !homing_manual_go(m) : !approach_them(m))
		homing_fail(m, "the machine has no room for the move; try again");
}

void homing_approach(struct machine *m, double speed_mm_s)
{
	struct homing *h = &m->homing;

	h->hit = false;
	h->failure = NULL;
	h->approach_mm_s = speed_mm_s;
	h->deadline_ns = 0;
	homing_path_begin(m);
	if (!homing_arm(m, speed_mm_s)) {
		homing_fail(m, "the machine has no room for the move; try again");
		return;
	}
	h->state = HOMING_ARMED;
	h->go_ns = m->now_ns;
	if (h->endstops > 1)
		h->go_ns += ARMED_NS + (int64_t)(homing_arm_lead_s(m) * 1e9);
	go(m);
}

static void approach_now(struct machine *m, const char *error)
{
	struct homing *h = &m->homing;
	const struct kinematics_homing *step = &h->step[h->at];
	const struct machine_rail *r = h->rail;
	double speed = h->pass == 0 ? r->homing_speed_mm_s : r->second_homing_speed_mm_s;
	double from_mm[MOVE_AXES];

	if (error) {
		homing_fail(m, error);
		return;
	}
	h->lowered = h->with_probe;
	/* Called this far away that the endstop comes before the end of the move. */
	place(m, 2 * r->homing_retract_mm, from_mm);
	for (int axis = 0; axis < MACHINE_AXES && h->pass == 0; axis++)
		if (step->far_mm[axis] == step->far_mm[axis])
			from_mm[axis] = step->far_mm[axis];
	if (planner_set_position(m->planner, from_mm) < 0)
		homing_fail(m, "the machine has no room for the move; try again");
	else
		homing_approach(m, speed);
}

static void approach(struct machine *m)
{
	struct homing *h = &m->homing;

	if (tmc_pending(m)) {
		h->state = HOMING_DRIVERS;
		return;
	}
	if (!h->with_probe) {
		approach_now(m, NULL);
		return;
	}
	h->state = HOMING_LOWER;
	probe_lower(m, approach_now);
}

/* Where the step leads, and from which side. */
static void aim(struct machine *m)
{
	struct homing *h = &m->homing;
	const struct kinematics_homing *step = &h->step[h->at];
	double length = 0;

	memcpy(h->home_mm, planner_position(m->planner), sizeof(h->home_mm));
	memset(h->back, 0, sizeof(h->back));
	for (int axis = 0; axis < MACHINE_AXES; axis++) {
		if (step->home_mm[axis] != step->home_mm[axis])
			continue; /* stays */
		h->home_mm[axis] = step->home_mm[axis];
		h->back[axis] = step->far_mm[axis] - step->home_mm[axis];
		length = hypot(length, h->back[axis]);
	}
	/* With a probe the place follows from it. */
	if (h->with_probe)
		h->home_mm[AXIS_Z] = m->probe.offset_mm[AXIS_Z];
	for (int axis = 0; axis < MACHINE_AXES && length > 0; axis++)
		h->back[axis] /= length;
}

/* Nothing moves: the axes are where they are said to be. */
static bool name_only(struct machine *m)
{
	struct homing *h = &m->homing;

	if (planner_set_position(m->planner, h->home_mm) < 0)
		return false;
	gcode_set_position(&m->gcode, GCODE_MASK_ALL, h->home_mm);
	machine_axes_known(m, h->step[h->at].axes);
	return true;
}

/* The first carriages again. */
static bool restore_duals(struct machine *m, char *err)
{
	for (size_t i = 0; i < m->dual.pairs; i++) {
		const struct dual_pair *p = &m->dual.pair[i];

		if ((p->mode[0] != DUAL_PRIMARY || p->mode[1] != DUAL_RESTS) &&
		    dual_set(m, p->rail[0], DUAL_PRIMARY, err) < 0)
			return false;
	}
	return true;
}

static void next_step(struct machine *m)
{
	struct homing *h = &m->homing;
	char err[GCODE_ERR_MAX] = "the machine has no room for it; try again";
	const char *why;

	for (;; h->at++) {
		const struct kinematics_homing *step = &h->step[h->at];

		if (h->at == h->steps) {
			homing_finish(m, restore_duals(m, err) ? NULL : err);
			return;
		}
		h->motors = 0;
		if (step->dual >= 0 && dual_set(m, step->dual, DUAL_PRIMARY, err) < 0) {
			homing_fail(m, err);
			return;
		}
		h->with_probe = false;
		for (size_t r = 0; r < m->mc->rail_count; r++)
			if (step->rails & 1u << r && m->mc->rails[r].endstop_count)
				h->with_probe |= m->mc->rails[r].endstop[0].probe;
		tmc_stall(m, step->rails);
		aim(m);
		if (step->rails)
			break;
		if (!name_only(m)) {
			homing_fail(m, err);
			return;
		}
	}
	for (size_t r = m->mc->rail_count; r-- > 0;)
		if (h->step[h->at].rails & 1u << r)
			h->rail = &m->mc->rails[r];
	h->pass = h->glitches = 0;
	h->lowered = false;
	homing_choose_motors(m);
	why = homing_choose_trsyncs(m);
	if (why) {
		homing_fail(m, why);
		return;
	}
	approach(m);
}

static void begin(struct machine *m)
{
	struct homing *h = &m->homing;

	if (machine_motors_on(m) < 0)
		return;
	h->sync = machine_sync(m);
	if (h->sync != 0)
		h->state = HOMING_SETTLE;
}

static void start(struct machine *m)
{
	struct homing *h = &m->homing;

	h->recounting = false;
	if (h->line.input)
		homing_line_approach(m);
	else if (h->manual.stepper)
		homing_manual_approach(m);
	else
		next_step(m);
}

/* An MCU may have been taken over with what it had counted before, or the last homing has ended without its word of where
 * its steppers stood: first of all that is asked for. */
static void recount(struct machine *m)
{
	struct homing *h = &m->homing;

	h->recount = false;
	h->recounting = true;
	h->failure = NULL;
	h->endstops = 0;
	h->motors = 0;
	for (size_t i = 0; i < m->motors; i++)
		if (!m->motor[i].manual && m->motor[i].axes & GCODE_MASK_XYZ)
			h->motors |= 1u << i;
	if (!h->motors) {
		start(m);
		return;
	}
	homing_read_begin(m);
}

/* ---- after the stop ---- */

/* Whether no second approach follows. */
static bool is_last(const struct homing *h)
{
	return h->rail->homing_retract_mm <= 0 || h->pass == 1;
}

/* The probe, if it homed with that, is out of the way: go back for a second approach, or go on. */
static void retract(struct machine *m, const char *error)
{
	struct homing *h = &m->homing;
	double at_mm[MOVE_AXES], retract_mm = h->rail->homing_retract_mm;

	if (error) {
		homing_fail(m, error);
		return;
	}
	if (is_last(h)) {
		h->at++;
		next_step(m);
		return;
	}
	place(m, retract_mm, at_mm);
	homing_expect_retract(m, at_mm);
	h->state = HOMING_RETRACT;
	if (!move_to(m, at_mm, h->rail->homing_retract_speed_mm_s))
		homing_fail(m, "the machine has no room for the move; try again");
}

/* What the probe measures names Z: it triggered somewhat late, and the motors went on a little. */
static void measured(struct machine *m, const char *error)
{
	double at_mm[MOVE_AXES];

	if (error) {
		homing_fail(m, error);
		return;
	}
	memcpy(at_mm, planner_position(m->planner), sizeof(at_mm));
	at_mm[AXIS_Z] = m->probe.over_mm;
	if (planner_set_position(m->planner, at_mm) < 0) {
		homing_fail(m, "the machine has no room for it; try again");
		return;
	}
	gcode_set_position(&m->gcode, GCODE_MASK_ALL, at_mm);
	m->homing.lowered = false;
	probe_raise(m, retract);
}

static void put_away(struct machine *m, const char *error)
{
	if (error || !m->homing.with_probe) {
		retract(m, error);
		return;
	}
	m->homing.state = HOMING_RAISE;
	if (m->probe.sensor) {
		m->probe.sensor->settle(m, measured);
		return;
	}
	m->homing.lowered = false;
	probe_raise(m, retract);
}

void homing_phases_read(struct machine *m)
{
	struct homing *h = &m->homing;
	const char *error = NULL;
	double at_mm[MOVE_AXES];

	/* The axes were at home when the endstops triggered, but for what their phases say. */
	homing_found(m, at_mm);
	homing_note_overshoot(m, at_mm);
	if (is_last(h))
		error = endstop_phase_shift(m);
	if (error) {
		homing_endstop_fail(m, error);
		return;
	}
	homing_found(m, at_mm);
	if (h->step[h->at].axes & 1u << AXIS_Z)
		z_thermal_homed(m);
	machine_resume_motion(m, at_mm);
	machine_axes_known(m, h->step[h->at].axes);
	if (!homing_even(m, put_away))
		put_away(m, NULL);
}

void homing_counters_read(struct machine *m)
{
	struct homing *h = &m->homing;
	const char *early;

	/* Motors that stopped with their switches have made fewer steps than they got, also if others did not. */
	if (h->failure) {
		homing_endstop_fail(m, h->failure);
		return;
	}
	if (h->recounting) {
		start(m);
		return;
	}
	if (h->line.input) {
		homing_line_found(m, h->reason == HOMING_REASON_HIT);
		return;
	}
	if (h->manual.stepper) {
		homing_manual_found(m, h->reason == HOMING_REASON_HIT);
		return;
	}
	if (homing_glitched(m))
		return;
	if (!homing_all_moved(m)) {
		homing_endstop_fail(m, "the endstop is still triggered after the retract");
		return;
	}
	early = homing_too_early(m);
	if (early) {
		homing_endstop_fail(m, early);
		return;
	}
	homing_say_pressed(m);
	memset(h->shift_steps, 0, sizeof(h->shift_steps));
	h->state = HOMING_PHASE;
	if (!is_last(h) || !endstop_phase_ask(m))
		homing_phases_read(m);
}

static void stopped(struct machine *m, const struct ev_homing_stop *stop)
{
	struct homing *h = &m->homing;

	h->hit = stop->reason == HOMING_REASON_HIT;
	h->reason = stop->reason;
	if (stop->reason == HOMING_REASON_SILENCE) {
		h->recount = true; /* who knows when it says where its steppers are */
		homing_fail(m,
			    "an MCU was not heard of within the time-out; everything has stopped");
		return;
	}
	if (stop->reason >= HOMING_REASON_SENSOR && !h->line.input && m->probe.sensor)
		h->failure = m->probe.sensor->failed(stop->reason - HOMING_REASON_SENSOR);
	else if (stop->reason == HOMING_REASON_END && !h->manual.stepper && !h->line.input)
		h->failure = "the endstop did not trigger before the end of the move";
	homing_read_begin(m);
}

/* The move is over and no trigger was heard of: either there was none, or word of it was lost. The
 * trsyncs fire now, if they have not yet, and say why they did. */
static void ask_reason(struct machine *m)
{
	struct homing *h = &m->homing;
	struct msg_trsync_trigger t = { .reason = HOMING_REASON_END };

	for (int i = 0; i < h->watch.count; i++) {
		if (i && h->watch.trsync[i].group == h->watch.trsync[i - 1].group)
			continue;
		t.oid = h->watch.trsync[i].oid;
		session_send(&m->session[h->watch.trsync[i].mcu], MSG_ID_trsync_trigger, &t);
	}
	h->retry_ns = m->now_ns + HOMING_RETRY_NS;
}

static void sync_reached(struct machine *m)
{
	struct homing *h = &m->homing;

	switch (h->state) {
	case HOMING_SETTLE:
		if (h->recount)
			recount(m);
		else
			start(m);
		break;
	case HOMING_PROBE:
		ask_reason(m);
		h->deadline_ns = m->now_ns + HOMING_ANSWER_NS;
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
		if (h->state == HOMING_PROBE || h->state == HOMING_ARMED)
			stopped(m, &ev->homing_stop);
		return true;
	case EV_MESSAGE:
		return h->state == HOMING_READ && ev->message.mcu < m->mcus &&
		       homing_read_message(m, &ev->message);
	default:
		return false;
	}
}

void homing_tick(struct machine *m)
{
	struct homing *h = &m->homing;
	bool asked = h->state == HOMING_READ || (h->state == HOMING_PROBE && h->deadline_ns != 0);

	if (h->state == HOMING_BEGIN)
		begin(m);
	if (h->state == HOMING_DRIVERS)
		approach(m);
	if (h->state == HOMING_ARMED)
		go(m);
	if (h->state == HOMING_PROBE)
		homing_path_look(m);
	if (!asked)
		return;
	if (m->now_ns > h->deadline_ns)
		homing_fail(
			m,
			h->state == HOMING_READ
				? "an MCU did not report its steppers' positions within 2 s"
				: "an MCU did not say within 2 s whether its endstop has triggered");
	else if (m->now_ns > h->retry_ns && h->state == HOMING_READ)
		homing_read_again(m);
	else if (m->now_ns > h->retry_ns)
		ask_reason(m);
}
