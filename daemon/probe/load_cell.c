// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/load_cell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"
#include "daemon/probe/sos.h"

enum { FULL_COUNTS = 0x7fffff, SILENT_SAMPLES = 4 };
/* The chip has to swing in after it was woken. */
#define AWAKE_S 0.1
#define CALM_S 0.03
#define WAIT_S 0.5
#define RATIO_ONE 536870912.0 /* Q2.29 */

static struct session *session_of(struct machine *m)
{
	return &m->session[m->load_cell.cfg->mcu];
}

/* ---- ends ---- */

static void done(struct machine *m, const char *error)
{
	struct load_cell *c = &m->load_cell;
	load_cell_then *then = c->then;

	c->state = LOAD_CELL_IDLE;
	c->then = NULL;
	then(m, error);
}

static void fail(struct machine *m, const char *what)
{
	struct load_cell *c = &m->load_cell;

	load_cell_stop(m);
	snprintf(c->text, sizeof(c->text), "[load_cell_probe] %s", what);
	done(m, c->text);
}

void load_cell_abort(struct machine *m, const char *reason)
{
	m->load_cell.calibrating = false;
	load_cell_stop(m);
	if (m->load_cell.state != LOAD_CELL_IDLE)
		done(m, reason);
}

/* ---- samples ---- */

void load_cell_stop(struct machine *m)
{
	struct load_cell *c = &m->load_cell;
	struct msg_load_cell_probe_home off = { .oid = c->probe_oid };

	if (c->cfg && c->bulk.on) {
		load_chip_stop(m);
		session_send(session_of(m), MSG_ID_load_cell_probe_home, &off);
	}
	bulk_stop(&c->bulk);
}

/* The last one of them comes in a block. */
static double late_s(const struct load_cell *c)
{
	return WAIT_S + 24 / c->cfg->rate_hz;
}

static void wait_until(struct machine *m, double to_s)
{
	struct load_cell *c = &m->load_cell;

	c->to_s = to_s;
	c->deadline_ns = m->now_ns + (int64_t)((to_s - machine_now_s(m) + late_s(c)) * 1e9);
}

static void measure(struct machine *m, double after_s)
{
	struct load_cell *c = &m->load_cell;

	c->state = LOAD_CELL_MEASURE;
	c->from_s = machine_now_s(m) + after_s;
	wait_until(m, c->from_s + fmax(c->seconds, 4 / c->cfg->rate_hz));
}

void load_cell_started(struct machine *m, const char *error)
{
	if (error)
		fail(m, error);
	else
		measure(m, AWAKE_S);
}

void load_cell_measure(struct machine *m, double seconds, load_cell_then *then)
{
	struct load_cell *c = &m->load_cell;

	c->then = then;
	c->seconds = seconds;
	c->state = LOAD_CELL_START;
	c->deadline_ns = INT64_MAX;
	if (c->bulk.on)
		measure(m, CALM_S);
	else
		load_chip_start(m);
}

static bool add(void *ctx, double at_s, uint32_t word)
{
	struct load_cell *c = ctx;
	double counts = (int32_t)word;

	(void)at_s;
	if ((int32_t)word == INT32_MIN) {
		c->desynced++;
		return true;
	}
	c->saturated += counts >= FULL_COUNTS || counts <= -FULL_COUNTS - 1;
	c->least_counts = fmin(c->least_counts, counts);
	c->most_counts = fmax(c->most_counts, counts);
	c->mean_counts += counts;
	c->samples++;
	return true;
}

static void measured(struct machine *m)
{
	struct load_cell *c = &m->load_cell;

	if (!c->samples) {
		fail(m, "no conversion came whole: are its pins right?");
		return;
	}
	c->mean_counts /= c->samples;
	done(m, NULL);
}

/* ---- where the nozzle left the bed ---- */

static bool gather(void *ctx, double at_s, uint32_t word)
{
	struct machine *m = ctx;
	const struct load_cell *c = &m->load_cell;

	if ((int32_t)word != INT32_MIN)
		contact_add(&m->contact, m, at_s,
			    ((int32_t)word - c->tare_counts) / c->counts_per_gram);
	return true;
}

static const char *contact_text(enum contact_result result)
{
	switch (result) {
	case CONTACT_FOUND:
		return NULL;
	case CONTACT_FEW:
		return "too few samples on the way back";
	case CONTACT_NONE:
		return "the force did not go away on the way back: was that the bed?";
	case CONTACT_STAYS:
		break;
	}
	return "the nozzle did not leave the bed on the way back: expected a larger "
	       "pullback_distance";
}

static void pulled(struct machine *m)
{
	struct load_cell *c = &m->load_cell;
	const char *wrong =
		contact_text(contact_find(&m->contact, c->cfg->trigger_grams, &m->probe.over_mm));

	track_stop(&m->track);
	if (wrong) {
		fail(m, wrong);
		return;
	}
	/* A nozzle that touches is called z_offset high. */
	m->probe.over_mm = planner_position(m->planner)[AXIS_Z] - m->probe.over_mm +
			   m->probe.offset_mm[AXIS_Z];
	done(m, NULL);
}

void load_cell_poll(struct machine *m)
{
	struct load_cell *c = &m->load_cell;

	if (!c->cfg)
		return;
	if (bulk_ask(&c->bulk, m->now_ns))
		load_chip_ask(m);
	if (c->state == LOAD_CELL_IDLE || c->state == LOAD_CELL_START)
		return;
	c->mean_counts = 0;
	c->samples = c->saturated = c->desynced = 0;
	c->least_counts = INFINITY;
	c->most_counts = -INFINITY;
	m->contact.count = 0;
	if (c->state == LOAD_CELL_MEASURE && bulk_each(&c->bulk, c->from_s, c->to_s, add, c))
		measured(m);
	else if (c->state == LOAD_CELL_PULL && bulk_each(&c->bulk, c->from_s, c->to_s, gather, m))
		pulled(m);
	else if (m->now_ns > c->deadline_ns)
		fail(m, "the chip gives no samples");
}

bool load_cell_hear(struct machine *m, const struct ev_message *msg)
{
	union msg_any any;

	if (!m->load_cell.cfg || msg->mcu != m->load_cell.cfg->mcu)
		return false;
	return bulk_hear(&m->load_cell.bulk, m, session_decode(&m->session[msg->mcu], msg, &any),
			 &any);
}

/* ---- as a probe ---- */

static const char *missing(const struct machine *m)
{
	return m->load_cell.counts_per_gram > 0
		       ? NULL
		       : "the load cell is not calibrated: expected LOAD_CELL_CALIBRATE first";
}

static const char *failed(unsigned code)
{
	static const char *const texts[] = {
		"too much force on the load cell, beyond force_safety_limit; the move was stopped",
		"the force on the load cell is beyond the MCU's numbers; the move was stopped",
		"the load cell gave no samples; the move was stopped",
	};

	return texts[code < 3 ? code : 2];
}

static bool lacks(const struct session *s, enum msg_id id)
{
	return wire_dict_wire_id(&s->dict.ids, id) == WIRE_ID_NONE;
}

/* The filter begins anew, at rest: from the tare on there is no force. */
static bool filter_start(struct machine *m)
{
	const struct load_cell *c = &m->load_cell;
	struct msg_sos_filter_set_active active = { .oid = c->filter_oid,
						    .n_sections = c->sections,
						    .coeff_int_bits = SOS_INT_BITS };

	if (lacks(session_of(m), MSG_ID_sos_filter_set_active))
		return true; /* then there are no sections */
	for (uint8_t i = 0; i < c->sections; i++) {
		struct msg_sos_filter_set_state rest = { .oid = c->filter_oid, .section_idx = i };

		if (!session_send(session_of(m), MSG_ID_sos_filter_set_state, &rest))
			return false;
	}
	return session_send(session_of(m), MSG_ID_sos_filter_set_active, &active);
}

/* Within the safe range, and within the chip's own: saturated is unsafe. */
static int32_t safe_counts(const struct load_cell *c, int sign)
{
	double counts = c->reference_counts + sign * c->cfg->limit_grams * c->counts_per_gram;

	return (int32_t)fmin(fmax(counts, -FULL_COUNTS), FULL_COUNTS);
}

static void tared(struct machine *m, const char *error)
{
	struct load_cell *c = &m->load_cell;
	struct msg_load_cell_probe_set_range r = {
		.oid = c->probe_oid,
		.safety_counts_min = safe_counts(c, -1),
		.safety_counts_max = safe_counts(c, 1),
		.tare_counts = (int32_t)lround(c->mean_counts),
		.trigger_grams = (uint32_t)lround(c->cfg->trigger_grams),
		.grams_per_count = (int32_t)fmin(RATIO_ONE / c->counts_per_gram, RATIO_ONE - 1),
	};

	c->tare_counts = c->mean_counts;
	if (!error && c->saturated)
		error = "the load cell is saturated: its chip is at the end of its range";
	else if (!error &&
		 (c->mean_counts <= r.safety_counts_min || c->mean_counts >= r.safety_counts_max))
		error = "there is more force on the load cell than force_safety_limit before it "
			"has moved";
	else if (!error && (!session_send(session_of(m), MSG_ID_load_cell_probe_set_range, &r) ||
			    !filter_start(m)))
		error = "there is no room for it; try again";
	if (error)
		load_cell_stop(m);
	c->after(m, error);
}

static void lower(struct machine *m, load_cell_then *then)
{
	m->load_cell.after = then;
	load_cell_measure(m, m->load_cell.cfg->tare_s, tared);
}

static void raise(struct machine *m, load_cell_then *then)
{
	load_cell_stop(m);
	acts_begin(m);
	acts_run(m, then);
}

static void drawn_back(struct machine *m, const char *error)
{
	if (error) {
		track_stop(&m->track);
		m->load_cell.after(m, error);
		return;
	}
	m->load_cell.then = m->load_cell.after;
	m->load_cell.state = LOAD_CELL_PULL;
	wait_until(m, machine_now_s(m));
}

static void settle(struct machine *m, load_cell_then *then)
{
	struct load_cell *c = &m->load_cell;
	double z_mm = planner_position(m->planner)[AXIS_Z];
	double calm_s = fmax(CALM_S, 3 / c->cfg->rate_hz);

	c->after = then;
	c->from_s = machine_now_s(m);
	track_start(&m->track, 1 + calm_s + c->cfg->pullback_mm / c->cfg->pullback_mm_s + late_s(c));
	acts_begin(m);
	acts_dwell(m, calm_s);
	acts_move_axis(m, AXIS_Z, z_mm + c->cfg->pullback_mm, c->cfg->pullback_mm_s);
	acts_run(m, drawn_back);
}

static void looked(struct machine *m, const char *error)
{
	struct load_cell *c = &m->load_cell;
	double grams = (c->mean_counts - c->reference_counts) / c->counts_per_gram;

	load_cell_stop(m);
	c->asked(m, fabs(grams) >= c->cfg->trigger_grams, error);
}

static void ask(struct machine *m,
		void (*then)(struct machine *m, bool triggered, const char *error))
{
	m->load_cell.asked = then;
	load_cell_measure(m, m->load_cell.cfg->tare_s, looked);
}

static bool arm(struct machine *m, uint32_t clock, uint8_t trsync_oid)
{
	struct load_cell *c = &m->load_cell;
	double freq_hz = m->status.mcu[c->cfg->mcu].map.freq_hz;
	struct msg_load_cell_probe_home home = {
		.oid = c->probe_oid,
		.trsync_oid = trsync_oid,
		.trigger_reason = HOMING_REASON_HIT,
		.error_reason = HOMING_REASON_SENSOR,
		.clock = clock,
		.rest_ticks = (uint32_t)(freq_hz / c->cfg->rate_hz),
		.timeout = SILENT_SAMPLES,
	};

	return session_send(session_of(m), MSG_ID_load_cell_probe_home, &home);
}

/* Other firmware forgets the trigger's clock when it is disarmed: that comes with the answer. */
static void disarm(struct machine *m)
{
	(void)m;
}

static void query(struct machine *m)
{
	struct msg_load_cell_probe_query_state q = { .oid = m->load_cell.probe_oid };

	session_send(session_of(m), MSG_ID_load_cell_probe_query_state, &q);
}

static bool answer(struct machine *m, int id, const union msg_any *any, uint32_t *clock)
{
	struct msg_load_cell_probe_home off = { .oid = m->load_cell.probe_oid };

	if (id != MSG_ID_load_cell_probe_state ||
	    any->load_cell_probe_state.oid != m->load_cell.probe_oid)
		return false;
	session_send(session_of(m), MSG_ID_load_cell_probe_home, &off);
	*clock = any->load_cell_probe_state.trigger_ticks;
	return true;
}

const struct probe_sensor load_cell_sensor = {
	.missing = missing,
	.failed = failed,
	.lower = lower,
	.raise = raise,
	.settle = settle,
	.ask = ask,
	.arm = arm,
	.disarm = disarm,
	.query = query,
	.answer = answer,
};

/* ---- at the start ---- */

bool load_cell_setup(struct machine *m, char *err, size_t err_size)
{
	struct load_cell *c = &m->load_cell;

	if (m->mc->probe.kind != MACHINE_PROBE_LOAD_CELL)
		return true;
	c->cfg = &m->mc->probe.cell;
	c->counts_per_gram = c->cfg->counts_per_gram;
	c->reference_counts = c->tare_counts = c->cfg->reference_counts;
	c->bulk.mcu = c->cfg->mcu;
	c->bulk.little = true;
	return load_chip_setup(m, err, err_size);
}

/* From the lowest frequency on. Returns: how many sections. */
static unsigned filter_sections(const struct machine_load_cell *cfg, struct sos_section *to)
{
	unsigned n = 0;

	if (cfg->drift_hz > 0)
		to[n++] = sos_highpass(cfg->drift_hz / cfg->rate_hz, cfg->drift_order + 1);
	for (int i = 0; i < MACHINE_NOTCHES; i++)
		if (cfg->notch_hz[i] > 0)
			to[n++] = sos_notch(cfg->notch_hz[i] / cfg->rate_hz, cfg->notch_quality);
	if (cfg->buzz_hz > 0)
		to[n++] = sos_lowpass(cfg->buzz_hz / cfg->rate_hz, cfg->buzz_order + 1);
	return n;
}

static bool filter_configure(struct load_cell *c, struct session *s)
{
	struct sos_section section[MACHINE_NOTCHES + 2];
	struct msg_config_sos_filter filter = { .oid = c->filter_oid };

	c->sections = filter.max_sections = (uint8_t)filter_sections(c->cfg, section);
	if (c->sections && lacks(s, MSG_ID_sos_filter_set_section)) {
		snprintf(s->error, sizeof(s->error),
			 "mcu '%s': its firmware can't filter, and [load_cell_probe] has filters",
			 s->name);
		return false;
	}
	if (!session_config(s, MSG_ID_config_sos_filter, &filter))
		return false;
	for (uint8_t i = 0; i < c->sections; i++) {
		const struct sos_section *f = &section[i];
		struct msg_sos_filter_set_section set = { .oid = c->filter_oid,
							  .section_idx = i,
							  .sos0 = sos_word(f->b[0]),
							  .sos1 = sos_word(f->b[1]),
							  .sos2 = sos_word(f->b[2]),
							  .sos3 = sos_word(f->a[0]),
							  .sos4 = sos_word(f->a[1]) };

		if (!session_config(s, MSG_ID_sos_filter_set_section, &set))
			return false;
	}
	return true;
}

bool load_cell_configure(struct machine *m, struct session *s)
{
	struct load_cell *c = &m->load_cell;
	struct msg_config_load_cell_probe probe = { .oid = 0 };
	struct msg_load_cell_probe_home off = { .error_reason = 0 };

	if (!c->cfg || c->cfg->mcu != s->mcu)
		return true;
	if (lacks(s, MSG_ID_config_load_cell_probe) ||
	    lacks(s, c->cfg->chip == MACHINE_ADS1220 ? MSG_ID_config_ads1220 : MSG_ID_config_hx71x)) {
		snprintf(s->error, sizeof(s->error),
			 "mcu '%s': its firmware can't read %s for a probe, and "
			 "[load_cell_probe] has one",
			 s->name,
			 c->cfg->chip == MACHINE_ADS1220 ? "an ADS1220" : "an HX711 or HX717");
		return false;
	}
	if (!session_oid(s, &c->oid) || !session_oid(s, &c->filter_oid) ||
	    !session_oid(s, &c->probe_oid))
		return false;
	c->bulk.oid = c->oid;
	probe.sos_filter_oid = c->filter_oid;
	probe.oid = off.oid = c->probe_oid;
	return filter_configure(c, s) && session_config(s, MSG_ID_config_load_cell_probe, &probe) &&
	       load_chip_configure(m, s) && session_rearm(s, MSG_ID_load_cell_probe_home, &off);
}
