// SPDX-License-Identifier: GPL-2.0-or-later
/* A tap: the nozzle comes down until it touches the bed. From there on the coil hardly comes nearer to it: the MCU stops when the frequency
 * no longer rises. Then the nozzle is drawn back slowly, and where it left the bed is where height and way begin to agree. */
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

/* A tap begins so far above the bed at least: the MCU has to see how the frequency rises. */
#define HIGH_MM 0.3
#define CALM_S 0.03
#define PULL_MM 0.3
#define PULL_MM_S 0.5
#define WAIT_NS ((int64_t)1500 * 1000 * 1000)
/* The nozzle is pressed into the bed by so much at least: less is noise. */
#define DEEP_MM 0.02
/* Conversions in each half of what the MCU compares. */
enum { HALF = 4 };
/* Heights of the table that what is below it is made of. */
enum { TABLE_MIN = 3 };

const char *eddy_tap_missing(const struct machine *m, double height_mm)
{
	const struct session *s = &m->session[m->eddy.cfg->bus.mcu];

	if (wire_dict_wire_id(&s->dict.ids, MSG_ID_ldc1612_setup_tap) == WIRE_ID_NONE)
		return "the firmware can't feel a tap: expected stepd's own, with ldc1612_setup_tap";
	if (m->eddy.count < TABLE_MIN)
		return "the calibration has too few heights for a tap: expected "
		       "PROBE_EDDY_CURRENT_CALIBRATE";
	if (!(height_mm >= HIGH_MM))
		return "the nozzle is too near to the bed for a tap: expected 0.3 mm or more";
	return NULL;
}

bool eddy_tap_arm(struct machine *m, uint32_t clock, uint8_t trsync_oid)
{
	struct eddy *e = &m->eddy;
	/* How it rises near the bed; half of that at least is a bed that comes near. */
	double per_mm = (e->hz[0] - e->hz[1]) / (e->height_mm[1] - e->height_mm[0]);
	double apart_mm = HALF * e->bulk.period_s * m->homing.line.velocity_mm_s;
	struct msg_ldc1612_setup_tap tap = { .oid = e->oid,
					     .clock = clock,
					     .rise = HALF * eddy_word(e, per_mm * apart_mm) / 2,
					     .trsync_oid = trsync_oid,
					     .trigger_reason = HOMING_REASON_HIT,
					     .error_reason = HOMING_REASON_SENSOR };

	return session_send(&m->session[e->cfg->bus.mcu], MSG_ID_ldc1612_setup_tap, &tap);
}

/* Heights below the table go on as it begins: the parabola through three of its first. */
static double height_mm(const struct eddy *e, double hz)
{
	size_t at[3] = { 0, e->count < 40 ? 1 : e->count / 40, e->count < 40 ? 2 : e->count / 20 };
	double mm = 0;

	if (eddy_height(e, hz, &mm) || hz < e->hz[0])
		return mm;
	for (int i = 0; i < 3; i++) {
		double share = 1;

		for (int k = 0; k < 3; k++)
			if (k != i)
				share *= (hz - e->hz[at[k]]) / (e->hz[at[i]] - e->hz[at[k]]);
		mm += share * e->height_mm[at[i]];
	}
	return mm;
}

bool eddy_tap_sample(void *ctx, double at_s, uint32_t word)
{
	struct machine *m = ctx;
	double hz;

	if (!eddy_sample(&m->eddy, word, &hz))
		contact_add(&m->contact, m, at_s, height_mm(&m->eddy, hz));
	return true;
}

void eddy_tap_pulled(struct machine *m)
{
	struct contact *c = &m->contact;
	enum contact_result result;
	double z_mm;

	track_stop(&m->track);
	/* Free, both grow alike. */
	for (size_t i = 0; i < c->count; i++)
		c->value[i] -= c->z_mm[i];
	result = contact_find(c, 2 * DEEP_MM, &z_mm);
	/* A nozzle that touches is called z_offset high. */
	if (result == CONTACT_FOUND)
		m->probe.over_mm = planner_position(m->planner)[AXIS_Z] - z_mm +
				   m->probe.offset_mm[AXIS_Z];
	eddy_done(m, result == CONTACT_FOUND  ? NULL
		     : result == CONTACT_FEW  ? "too few samples on the way back from the bed"
		     : result == CONTACT_NONE ? "the coil followed the nozzle all the way back: it "
						"did not touch the bed"
					      : "the nozzle did not leave the bed on the way back");
}

static void drawn_back(struct machine *m, const char *error)
{
	struct eddy *e = &m->eddy;

	if (error) {
		track_stop(&m->track);
		eddy_stop(m);
		e->after(m, error);
		return;
	}
	e->then = e->after;
	e->state = EDDY_PULL;
	e->to_s = machine_now_s(m);
	e->deadline_ns = m->now_ns + WAIT_NS;
}

void eddy_tap_settle(struct machine *m, eddy_then *then)
{
	double z_mm = planner_position(m->planner)[AXIS_Z];

	m->eddy.after = then;
	m->eddy.from_s = machine_now_s(m) + CALM_S;
	track_start(&m->track, 2 * CALM_S + PULL_MM / PULL_MM_S + 1e-9 * WAIT_NS);
	acts_begin(m);
	acts_dwell(m, 2 * CALM_S);
	acts_move_axis(m, AXIS_Z, z_mm + PULL_MM, PULL_MM_S);
	acts_run(m, drawn_back);
}
