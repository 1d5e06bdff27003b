// SPDX-License-Identifier: GPL-2.0-or-later
/* Which motors stop with which switch, and the trsyncs that make them. */
#include <math.h>
#include <string.h>

#include "daemon/homing/homing.h"
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

/* Sampling starts this long after now, or a third of the horizon, and what that is longer by. */
#define ARM_LEAD_S 0.03
#define TIMEOUT_ONE_S 0.25 /* all on one MCU */
/* With several, silence of one stops the others within four of the longest round trips of late and what the host may be
 * late by: a report and the later deadline that it is good for go from MCU to MCU, and each may be sent again. */
#define TIMEOUT_HOST_S 0.04
#define TIMEOUT_ROUND_TRIPS 4
#define TIMEOUT_SEVERAL_S 0.05 /* at least */
#define REPORT_SHARE 0.3
#define SAMPLE_S 15e-6

enum { SAMPLES = 4 };

/* Whether the approach turns the motor. */
static bool turns(const struct machine *m, size_t i)
{
	const struct machine_motor *motor = &m->motor[i];

	if (motor->cfg->joint.kind != KIN_LINEAR)
		return m->homing.line.input != NULL;
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (motor->steps_per_mm[axis] * m->homing.back[axis] != 0)
			return true;
	return false;
}

void homing_choose_motors(struct machine *m)
{
	struct homing *h = &m->homing;
	const struct machine_config *mc = m->mc;
	uint32_t rails = h->step[h->at].rails;

	h->endstops = 0;
	h->motors = 0;
	for (size_t r = 0; r < mc->rail_count; r++)
		for (size_t i = 0; rails & 1u << r && i < mc->rails[r].endstop_count; i++) {
			const struct machine_endstop *e = &mc->rails[r].endstop[i];
			const struct machine_input *input = m->endstop;
			size_t k = 0;

			while (!pin_same(input->pin, &e->pin))
				input++;
			while (k < h->endstops && h->endstop[k].input != input)
				k++;
			if (k == h->endstops)
				h->endstop[h->endstops++] =
					(struct homing_endstop){ .input = input };
			h->endstop[k].motors |= e->steppers;
			h->motors |= e->steppers;
		}
	homing_choose_others(m);
}

void homing_choose_others(struct machine *m)
{
	struct homing *h = &m->homing;

	for (size_t i = 0; i < m->motors; i++)
		if (!(h->motors & 1u << i) && turns(m, i)) {
			h->endstop[0].motors |= 1u << i;
			h->motors |= 1u << i;
		}
}

/* Of MCUs that have to hear of each other. */
static double timeout_s(const struct machine *m, const struct ctl_homing *w)
{
	double round_trip_us = 0, s;

	for (int i = 0; i < w->count; i++)
		round_trip_us = fmax(round_trip_us,
				     m->status.mcu[w->trsync[i].mcu].round_trip_us_max);
	s = TIMEOUT_HOST_S + TIMEOUT_ROUND_TRIPS * round_trip_us * 1e-6;
	return fmin(fmax(s, TIMEOUT_SEVERAL_S), TIMEOUT_ONE_S);
}

/* Times of one MCU are not known to another whose clock is not. */
static const char *clocks_lost(const struct machine *m, const struct ctl_homing *w)
{
	for (int i = 0; i < w->count; i++)
		if (m->react.detect.clock[w->trsync[i].mcu].lost)
			return "a clock of its MCUs can't be followed (see FAULTS): expected it to be "
			       "steady again, or motors and switch on one MCU";
	return NULL;
}

const char *homing_choose_trsyncs(struct machine *m)
{
	struct homing *h = &m->homing;
	struct ctl_homing *w = &h->watch;
	bool several = false;

	memset(w, 0, sizeof(*w));
	w->hit = HOMING_REASON_HIT;
	w->timeout_s = TIMEOUT_ONE_S;
	for (size_t k = 0; k < h->endstops; k++) {
		int first = w->count;

		w->motors[k] = h->endstop[k].motors;

		for (size_t i = 0; i <= m->motors; i++) {
			uint8_t mcu = i ? m->motor[i - 1].mcu
					: (uint8_t)h->endstop[k].input->pin->mcu;
			int at = first;

			if (i && !(h->endstop[k].motors & 1u << (i - 1)))
				continue;
			while (at < w->count && w->trsync[at].mcu != mcu)
				at++;
			if (at < w->count)
				continue;
			if (at == ENGINE_TRSYNCS)
				return "motors and switch are on more MCUs than can be watched";
			w->trsync[at].mcu = mcu;
			w->trsync[at].oid = m->trsync_oid[mcu][k];
			w->trsync[at].group = (uint8_t)k;
			w->count++;
			several |= at > first;
		}
	}
	if (several)
		w->timeout_s = timeout_s(m, w);
	return several ? clocks_lost(m, w) : NULL;
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
		.expire_reason = HOMING_REASON_SILENCE
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
		if (h->endstop[h->watch.trsync[i].group].motors & 1u << k &&
		    m->motor[k].mcu == s->mcu &&
		    !session_send(s, MSG_ID_stepper_stop_on_trigger, &stop))
			return false;
	}
	return session_send(s, MSG_ID_trsync_set_timeout, &timeout);
}

/* Steps per mm on the way to the switch, of the finest motor that stops with it. */
static double steps_per_mm(const struct machine *m, uint32_t motors)
{
	const struct homing *h = &m->homing;
	double off_mm[MOVE_AXES], most = 0;

	for (int axis = 0; axis < MOVE_AXES; axis++)
		off_mm[axis] = h->home_mm[axis] + 0.1 * h->back[axis];
	for (size_t i = 0; i < m->motors; i++)
		if (motors & 1u << i)
			most = fmax(most, fabs(machine_motor_steps(m, i, off_mm) -
					       machine_motor_steps(m, i, h->home_mm)) /
						  0.1);
	return most > 0 ? most : 1;
}

/* Whether the place where it triggers is what the approach is about. */
static bool places(const struct homing *h)
{
	if (h->line.input)
		return true;
	return !h->manual.stepper && (h->pass == 1 || h->rail->homing_retract_mm <= 0);
}

/* Sampling once a step, twice where the place counts: it is then known to half a step for the model of a motor that
 * is where its last step has brought it, and a quarter for the looks. */
static bool arm_endstop(struct machine *m, size_t k, double at_s, double speed_mm_s)
{
	struct homing_endstop *e = &m->homing.endstop[k];
	const struct pin *pin = e->input->pin;
	double freq_hz = m->status.mcu[pin->mcu].map.freq_hz;
	double looks = places(&m->homing) ? 2 : 1;
	double rest_ticks = freq_hz / (looks * speed_mm_s * steps_per_mm(m, e->motors));
	struct msg_endstop_home home = { .oid = e->input->oid,
					 .sample_ticks = (uint32_t)(SAMPLE_S * freq_hz),
					 .sample_count = SAMPLES,
					 .pin_value = pin->invert == m->homing.manual.until_open,
					 .trsync_oid = m->trsync_oid[pin->mcu][k],
					 .trigger_reason = HOMING_REASON_HIT };

	e->trigger_s = 0;
	if (e->input->sensor) {
		e->rest_ticks = 0;
		return clock_at(m, pin->mcu, at_s, &home.clock) &&
		       e->input->sensor->arm(m, home.clock, home.trsync_oid);
	}
	e->rest_ticks = home.rest_ticks = (uint32_t)fmin(fmax(1, rest_ticks), 1e-2 * freq_hz);
	return clock_at(m, pin->mcu, at_s, &home.clock) &&
	       session_send(&m->session[pin->mcu], MSG_ID_endstop_home, &home);
}

double homing_arm_lead_s(const struct machine *m)
{
	return fmax(ARM_LEAD_S, 0.3 * m->mc->stepd.horizon_s) + m->status.longer_s;
}

bool homing_arm(struct machine *m, double speed_mm_s)
{
	struct homing *h = &m->homing;
	double at_s = machine_now_s(m) + homing_arm_lead_s(m);
	struct ctl_rec watch = { .kind = CTL_HOMING };

	for (int i = 0; i < h->watch.count; i++)
		if (!arm_trsync(m, i, at_s))
			return false;
	for (size_t k = 0; k < h->endstops; k++)
		if (!arm_endstop(m, k, at_s, speed_mm_s))
			return false;
	h->watch.start_s = at_s;
	watch.homing = h->watch;
	return machine_control(m, &watch);
}
