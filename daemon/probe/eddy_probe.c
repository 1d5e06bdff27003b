// SPDX-License-Identifier: GPL-2.0-or-later
/* An eddy-current probe as homing and probing see it. */
#include <stdio.h>

#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

static struct session *session_of(struct machine *m)
{
	return &m->session[m->eddy.cfg->bus.mcu];
}

static double threshold_hz(const struct machine *m)
{
	return eddy_hz(&m->eddy, m->probe.offset_mm[2]);
}

static const char *missing(const struct machine *m)
{
	if (m->eddy.count == 0)
		return "the probe is not calibrated: expected LDC_CALIBRATE_DRIVE_CURRENT and "
		       "PROBE_EDDY_CURRENT_CALIBRATE first";
	if (eddy_cold(m))
		return eddy_cold(m);
	if (threshold_hz(m) <= 0)
		return "z_offset is not between the heights that the probe is calibrated for";
	return NULL;
}

static void lowered(struct machine *m, const char *error)
{
	struct eddy *e = &m->eddy;

	if (!error && m->probe.run.how.tap && e->mean_hz > threshold_hz(m)) {
		/* As low as a probe would stop, and lower: that is where a tap begins. */
		m->probe.run.tapping = true;
		m->probe.over_mm = 0;
		eddy_height(e, e->mean_hz, &m->probe.over_mm);
		error = eddy_tap_missing(m, m->probe.over_mm);
	} else if (!error && e->mean_hz > threshold_hz(m)) {
		error = "the probe is triggered before it has moved";
	}
	if (error)
		eddy_stop(m);
	e->after(m, error);
}

static void lower(struct machine *m, eddy_then *then)
{
	struct eddy *e = &m->eddy;

	e->after = then;
	if (e->bulk.on) /* between two samples */
		eddy_measure(m, lowered);
	else
		eddy_start(m, lowered);
}

static void raise(struct machine *m, eddy_then *then)
{
	eddy_stop(m);
	acts_begin(m);
	acts_run(m, then);
}

static void settled(struct machine *m, const char *error)
{
	struct eddy *e = &m->eddy;

	if (!error && !eddy_height(e, e->mean_hz, &m->probe.over_mm)) {
		snprintf(e->text, sizeof(e->text),
			 "the coil's frequency, %.0f Hz, is out of the calibrated range %.0f to %.0f",
			 e->mean_hz, e->hz[e->count - 1], e->hz[0]);
		error = e->text;
	}
	if (error)
		eddy_stop(m);
	e->after(m, error);
}

static void settle(struct machine *m, eddy_then *then)
{
	m->eddy.after = then;
	if (m->probe.run.tapping)
		eddy_tap_settle(m, then);
	else if (m->eddy.bulk.on)
		eddy_measure(m, settled);
	else
		eddy_start(m, settled);
}

static void looked(struct machine *m, const char *error)
{
	eddy_stop(m);
	m->eddy.asked(m, m->eddy.mean_hz > threshold_hz(m), error);
}

static void ask(struct machine *m,
		void (*then)(struct machine *m, bool triggered, const char *error))
{
	m->eddy.asked = then;
	eddy_start(m, looked);
}

static bool arm(struct machine *m, uint32_t clock, uint8_t trsync_oid)
{
	struct eddy *e = &m->eddy;
	struct msg_ldc1612_setup_home home = { .oid = e->oid,
					       .clock = clock,
					       .threshold = eddy_word(e, threshold_hz(m)),
					       .trsync_oid = trsync_oid,
					       .trigger_reason = HOMING_REASON_HIT,
					       .error_reason = HOMING_REASON_SENSOR };

	return m->probe.run.tapping ? eddy_tap_arm(m, clock, trsync_oid)
				    : session_send(session_of(m), MSG_ID_ldc1612_setup_home, &home);
}

static void disarm(struct machine *m)
{
	struct msg_ldc1612_setup_home off = { .oid = m->eddy.oid };

	session_send(session_of(m), MSG_ID_ldc1612_setup_home, &off);
}

static void query(struct machine *m)
{
	struct msg_query_ldc1612_home_state q = { .oid = m->eddy.oid };

	session_send(session_of(m), MSG_ID_query_ldc1612_home_state, &q);
}

static bool answer(struct machine *m, int id, const union msg_any *any, uint32_t *clock)
{
	if (id != MSG_ID_ldc1612_home_state || any->ldc1612_home_state.oid != m->eddy.oid)
		return false;
	*clock = any->ldc1612_home_state.trigger_clock;
	return true;
}

static const char *failed(unsigned code)
{
	(void)code;
	return "the probe's sensor gave no valid samples; the move was stopped";
}

const struct probe_sensor eddy_sensor = {
	.failed = failed,
	.missing = missing,
	.lower = lower,
	.raise = raise,
	.settle = settle,
	.ask = ask,
	.arm = arm,
	.disarm = disarm,
	.query = query,
	.answer = answer,
};
