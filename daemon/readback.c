// SPDX-License-Identifier: GPL-2.0-or-later
/* readback.c - see readback.h. */
#include "daemon/readback.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

/* After the horizon all has been executed; the link's own time is in there. */
#define SETTLE_NS ((int64_t)100 * 1000 * 1000)
#define RETRY_NS ((int64_t)200 * 1000 * 1000)
#define GIVE_UP_NS ((int64_t)3 * 1000 * 1000 * 1000)

/* Motors that move one axis are no farther apart than that, but for the rounding of steps. */
#define APART_STEPS 1.5

static void ask_from(struct machine *m, int64_t from_ns)
{
	struct readback *r = &m->readback;

	r->ask_ns = from_ns;
	r->give_up_ns = from_ns + GIVE_UP_NS;
	for (size_t i = 0; i < m->motors; i++)
		r->unread |= 1u << i;
}

void readback_start(struct machine *m, uint32_t homed)
{
	struct readback *r = &m->readback;

	if (m->positions.renamed) /* which weights count for what it says is not known */
		homed &= ~dual_axes(&m->dual);
	*r = (struct readback){ .on = true, .homed = homed };
	ask_from(m, m->now_ns + (int64_t)(machine_horizon_s(m) * 1e9) + SETTLE_NS);
	for (size_t i = 0; i < m->motors; i++)
		r->zero_steps[i] = m->status.stepper_at_steps[i] -
				   (double)m->status.stepper_count[i];
}

/* ---- MCUs that have shut down ---- */

/* Axes of motors that were without current: nobody knows where they are since. */
uint32_t readback_released(const struct machine *m, size_t mcu)
{
	uint32_t axes = 0;

	for (size_t i = 0; i < m->motors; i++) {
		int out = m->motor[i].enable_output;

		if (out >= 0 && m->output[out].mcu == mcu && !(m->output[out].shutdown_value > 0))
			axes |= m->motor[i].axes;
	}
	return axes;
}

static void resumed(struct machine *m, size_t mcu)
{
	struct readback *r = &m->readback;

	r->resuming &= ~(1u << mcu);
	if (m->session[mcu].was_shut_down)
		r->homed &= ~readback_released(m, mcu);
	m->session[mcu].was_shut_down = false;
	heaters_resumed(m, (int)mcu);
	if (r->resuming == 0)
		ask_from(m, m->now_ns + SETTLE_NS);
}

static void poll_sessions(struct machine *m)
{
	struct readback *r = &m->readback;

	for (size_t i = 0; i < m->mcus; i++) {
		struct session *s = &m->session[i];

		if (!(r->resuming & 1u << i))
			continue;
		session_tick(s, m->now_ns);
		if (s->state == SESSION_READY)
			resumed(m, i);
		if (s->state != SESSION_FAILED)
			continue;
		r->resuming &= ~(1u << i);
		attach_anew(m, i);
	}
}

/* Whether it is one that stops the machine, and has to be asked whether it is as it was. */
static bool is_away(const struct machine *m, size_t mcu)
{
	return !attach_role(m, mcu) && (m->status.mcu[mcu].flags & ENGINE_MCU_SHUTDOWN ||
					m->session[mcu].state != SESSION_READY);
}

/* Nothing to ask it: its line is to be opened first, or it knows nothing, and of no frame numbers either. */
static bool from_anew(const struct machine *m, size_t mcu)
{
	uint32_t line = m->status.mcu[mcu].line;

	return (line >= LINE_CLOSED && line <= LINE_STUCK) ||
	       m->status.mcu[mcu].flags & ENGINE_MCU_STARTED;
}

void readback_revive(struct machine *m)
{
	struct readback *r = &m->readback;

	if (m->state != MACHINE_FAULT || !r->on || r->resuming)
		return;
	for (size_t i = 0; i < m->mcus; i++) {
		if (attach_role(m, i) || m->attach[i].state)
			continue;
		if (from_anew(m, i)) {
			attach_anew(m, i);
		} else if (is_away(m, i)) {
			r->resuming |= 1u << i;
			session_resume(&m->session[i], m->now_ns);
		}
	}
	if (r->unread && !r->resuming && m->now_ns > r->give_up_ns)
		ask_from(m, m->now_ns); /* those that did not answer may now */
}

void readback_anew(struct machine *m, size_t mcu)
{
	struct readback *r = &m->readback;

	for (size_t i = 0; i < m->motors; i++) {
		if (m->motor[i].mcu != mcu)
			continue;
		r->zero_steps[i] = m->status.stepper_at_steps[i];
		r->homed &= ~m->motor[i].axes;
	}
	if (r->resuming == 0)
		ask_from(m, m->now_ns + SETTLE_NS);
}

/* ---- counters ---- */

void readback_poll(struct machine *m)
{
	struct readback *r = &m->readback;

	if (r->on && r->resuming && m->state == MACHINE_FAULT)
		poll_sessions(m);
	if (!r->on || r->resuming || !r->unread || m->now_ns < r->ask_ns ||
	    m->now_ns > r->give_up_ns)
		return;
	r->ask_ns = m->now_ns + RETRY_NS;
	for (size_t i = 0; i < m->motors; i++) {
		struct msg_stepper_get_position ask = { .oid = m->motor[i].oid };

		if (r->unread & 1u << i && !is_away(m, m->motor[i].mcu))
			session_send(&m->session[m->motor[i].mcu], MSG_ID_stepper_get_position,
				     &ask);
	}
}

bool readback_hear(struct machine *m, const struct ev_message *msg)
{
	struct readback *r = &m->readback;
	union msg_any any;

	if (!r->on || !r->unread ||
	    session_decode(&m->session[msg->mcu], msg, &any) != MSG_ID_stepper_position)
		return false;
	for (size_t i = 0; i < m->motors; i++) {
		if (m->motor[i].mcu != msg->mcu || m->motor[i].oid != any.stepper_position.oid)
			continue;
		r->count[i] = any.stepper_position.pos;
		r->unread &= ~(1u << i);
	}
	return true;
}

/* The first MCU that stops the machine and is not as it was; -1: none. */
static int away(const struct machine *m)
{
	for (size_t i = 0; i < m->mcus; i++)
		if (is_away(m, i) ||
		    (!attach_role(m, i) && m->status.mcu[i].flags & ENGINE_MCU_LOST))
			return (int)i;
	return -1;
}

bool readback_done(const struct machine *m, char *why, unsigned size)
{
	const struct readback *r = &m->readback;
	bool may = (m->state == MACHINE_FAULT || m->state == MACHINE_CONNECTING) && r->on;
	int mcu = away(m);

	if (may && !r->unread && mcu < 0)
		return true;
	if (may && r->resuming)
		snprintf(why, size, "mcu '%s' is being brought back: try again",
			 m->mc->mcu[__builtin_ctz(r->resuming)].name);
	else if (may && mcu >= 0 && attach_missing(m, (size_t)mcu, why, size))
		return false;
	else if (may && mcu >= 0)
		snprintf(why, size, "mcu '%s' is not as it was: try again, or RESTART",
			 m->mc->mcu[mcu].name);
	else if (may && m->now_ns <= r->give_up_ns)
		snprintf(why, size, "the steppers' positions are being read back: try again");
	else
		snprintf(why, size, "RESTART first");
	return false;
}

/* Axes of dual carriages that are not where this motor is: both follow, or it rests and did not; each is off by half a step. */
static uint32_t contradicted(const struct machine *m, size_t motor, double at_steps,
			     const double mm[MOVE_AXES])
{
	const struct machine_motor *mo = &m->motor[motor];

	if (mo->manual || !(mo->axes & dual_axes(&m->dual)) || mo->cfg->joint.kind != KIN_LINEAR)
		return 0;
	return fabs(machine_motor_steps(m, motor, mm) - at_steps) < APART_STEPS ? 0 : mo->axes;
}

/* Where the axes are: by what the steppers have really made. Returns those of which they say different things. */
static uint32_t find_axes(const struct machine *m, double mm[MOVE_AXES])
{
	double at_steps[ENGINE_STEPPERS] = { 0 };
	uint32_t doubt = 0;

	for (size_t i = 0; i < m->motors; i++) {
		int64_t count = m->readback.count[i];

		if (m->motor[i].cfg->dir_pin.invert)
			count = -count;
		at_steps[i] = m->readback.zero_steps[i] + (double)count;
	}
	machine_steppers_to_axes(m, at_steps, mm);
	mm[AXIS_E] = m->status.position_mm[AXIS_E];
	for (size_t i = 0; i < m->motors; i++)
		doubt |= contradicted(m, i, at_steps[i], mm);
	return doubt;
}

void readback_resume(struct machine *m)
{
	struct readback *r = &m->readback;
	struct ctl_rec rec = { .kind = CTL_ABORT };
	double mm[MOVE_AXES];

	r->homed &= ~find_axes(m, mm);
	machine_control(m, &rec);
	rec.kind = CTL_GO_ON;
	rec.recorded = m->hooks.record_on && m->hooks.record_on(m->hooks.ctx);
	machine_control(m, &rec);
	rec.kind = CTL_RESYNC;
	for (size_t i = 0; i < m->motors; i++) {
		rec.resync.stepper = (uint8_t)i;
		rec.resync.count = r->count[i];
		if (!m->motor[i].manual && !(m->motor[i].axes & 1u << AXIS_E))
			machine_control(m, &rec);
	}
	r->on = false;
	m->state = MACHINE_READY;
	m->reason[0] = '\0';
	m->homed = r->homed;
	sidetrack_stopped(m);
	machine_resume_motion(m, mm);
	machine_say(m, REPLY_INFO, "ready again; positions read back: X%.3f Y%.3f Z%.3f%s%s%s%s",
		    mm[AXIS_X], mm[AXIS_Y], mm[AXIS_Z],
		    r->homed == 7 ? "" : "; not homed: ", r->homed & 1 ? "" : "X",
		    r->homed & 2 ? "" : "Y", r->homed & 4 ? "" : "Z");
}
