// SPDX-License-Identifier: GPL-2.0-or-later
#include "engine_heat.h"

#include <math.h>
#include <string.h>

#include "engine_private.h"

/* No temperature jumps by more between two sums, unless it stays there. */
#define JUMP_DEGC 30.0
/* After so many good sums the MCU checks the range again. */
enum { ARM_AFTER = 10, ZEROS = 3 };

/* ---- outputs ---- */

static void drive(struct engine *e, struct engine_heat_heater *h, int64_t now_ns)
{
	struct plan_output out = { .output = h->cfg.output,
				   .value = (uint16_t)lround(h->h.power * PLAN_OUTPUT_FULL) };

	if (out.value > 0)
		h->zeros = 0;
	h->owed = h->zeros < ZEROS && !engine_output_now(e, &out, now_ns);
	if (!h->owed && out.value == 0 && h->zeros < ZEROS)
		h->zeros++;
}

/* The one place where a heater is taken out of service; policy is the planner's. */
static void fail(struct engine *e, int i, enum heater_fault fault, int64_t now_ns)
{
	struct engine_heat_heater *h = &e->heat.heater[i];
	struct ev_rec ev = { .kind = EV_HEATER };

	if (!heater_fail(&h->h, fault))
		return;
	drive(e, h, now_ns);
	ev.heater = (struct ev_heater){
		.heater = (uint8_t)i, .fault = (uint8_t)fault, .at_s = e->now_s, .degc = h->h.degc
	};
	engine_event(e, &ev);
	e->heat.changed = true;
}

/* Calibration begins with a heater that is off and cools down. */
static bool in_use(const struct heater *h)
{
	return h->target_degc > 0 || heater_calibrating(h);
}

/* Heaters that depend on a sensor; one that is off is not to blame, unless it is hot. */
static void fail_all(struct engine *e, int sensor, enum heater_fault fault, int64_t now_ns)
{
	for (int i = 0; i < HEAT_HEATERS; i++) {
		struct engine_heat_heater *h = &e->heat.heater[i];

		if (h->present && h->cfg.sensor == sensor && (in_use(&h->h) || fault == HEATER_HOT))
			fail(e, i, fault, now_ns);
	}
}

static bool mcu_usable(const struct engine_mcu *m)
{
	return m->ready && m->clock_ready && !m->lost && !m->shutdown;
}

/* ---- temperatures ---- */

/* What acts on a heater from now on, as far as it is known beforehand. */
static void feed(struct engine *e, struct engine_heat_heater *h, double at_s)
{
	const struct ctl_output *fan = &e->output[h->cfg.fan < 0 ? 0 : h->cfg.fan];
	double dt_s = at_s - h->h.at_s;

	if (h->cfg.fan >= 0 && fan->kick_value > 0)
		h->h.fan = fmin(1, (double)e->output_state[h->cfg.fan].value / fan->kick_value);
	if (h->cfg.stepper >= 0 && e->stepper[h->cfg.stepper].present && dt_s > 0) {
		int64_t steps = stepgen_count(&e->stepper[h->cfg.stepper].gen);

		h->h.filament_mm_s = (double)(steps - h->filament_steps) * h->cfg.mm_per_step / dt_s;
		h->filament_steps = steps;
	}
	h->h.beside_degc = 0;
	for (int k = 0; k < HEAT_HEATERS; k++) {
		const struct engine_heat_heater *o = &e->heat.heater[k];

		if (o->present && o != h && !o->h.p.cooling)
			h->h.beside_degc = fmax(h->h.beside_degc, o->h.degc);
	}
}

static void set_fan(struct engine *e, const struct engine_heat_heater *h, bool on, int64_t now_ns)
{
	struct plan_output out = { .output = (uint16_t)h->cfg.fan };

	if (h->cfg.fan < 0)
		return;
	if (on)
		out.value = e->output[h->cfg.fan].kick_value;
	engine_output_now(e, &out, now_ns);
}

/* Tuning or calibration may have ended with this sample. */
static void tell_end(struct engine *e, int i, bool tuning, uint32_t stage, int64_t now_ns)
{
	struct engine_heat_heater *h = &e->heat.heater[i];
	struct heater_model_calibration *c = &h->h.calibration;
	struct ev_rec ev = { .kind = EV_HEATER };
	struct heater_model found = h->h.p.model;

	ev.heater = (struct ev_heater){ .heater = (uint8_t)i, .at_s = h->h.at_s, .degc = h->h.degc };
	if (c->stage == HEATER_MODEL_FAN && stage != HEATER_MODEL_FAN)
		set_fan(e, h, true, now_ns);
	if (tuning && h->h.tune.done) {
		ev.heater.ku = h->h.tune.ku;
		ev.heater.tu_s = h->h.tune.tu_s;
		engine_event(e, &ev);
	}
	if (c->stage != HEATER_MODEL_DONE || stage == HEATER_MODEL_DONE)
		return;
	set_fan(e, h, false, now_ns);
	ev.heater.calibrated = true;
	if (heater_model_result(c, &found, h->h.p.max_power)) {
		h->h.p.model = found;
		h->h.model.known = false;
		ev.heater.capacity_j_k = found.capacity_j_k;
		ev.heater.rate = found.rate;
		memcpy(ev.heater.loss_w_k, found.loss_w_k, sizeof(ev.heater.loss_w_k));
	}
	engine_event(e, &ev);
}

static void good(struct engine *e, int i, double at_s, double degc, int64_t now_ns)
{
	struct engine_heat_sensor *s = &e->heat.sensor[i];

	s->bad_row = 0;
	s->degc = degc;
	s->state = HEAT_SENSOR_GOOD;
	for (int k = 0; k < HEAT_HEATERS; k++) {
		struct engine_heat_heater *h = &e->heat.heater[k];
		bool tuning = h->h.tune.on;
		uint32_t stage = h->h.calibration.stage;
		enum heater_fault fault;

		if (!h->present || h->cfg.sensor != i)
			continue;
		feed(e, h, at_s);
		fault = heater_sample(&h->h, at_s, degc);
		if (fault != HEATER_OK) {
			fail(e, k, fault, now_ns);
			continue;
		}
		drive(e, h, now_ns);
		tell_end(e, k, tuning, stage, now_ns);
	}
}

/* Heaters keep the power they have, no more; with the third in a row they go off. */
static void bad(struct engine *e, int i, int64_t now_ns)
{
	struct engine_heat_sensor *s = &e->heat.sensor[i];

	s->glitches++;
	s->good_row = 0;
	if (++s->bad_row >= HEAT_GLITCH_MAX) {
		s->state = HEAT_SENSOR_BROKEN;
		fail_all(e, i, s->hot ? HEATER_HOT : HEATER_SENSOR_RANGE, now_ns);
		if (s->armed)
			engine_sensor_ask(e, i, false);
		return;
	}
	for (int k = 0; k < HEAT_HEATERS; k++)
		if (e->heat.heater[k].present && e->heat.heater[k].cfg.sensor == i)
			drive(e, &e->heat.heater[k], now_ns);
}

/* A temperature, whatever it is worth. */
static void take(struct engine *e, int i, double at_s, double degc, int64_t now_ns)
{
	struct engine_heat_sensor *s = &e->heat.sensor[i];
	bool known = s->state == HEAT_SENSOR_GOOD, jump = known && fabs(degc - s->degc) > JUMP_DEGC;

	e->heat.samples++;
	e->heat.changed = true;
	s->at_s = at_s;
	s->hot = degc > s->cfg.max_degc && known && !jump;
	if (!(degc >= s->cfg.min_degc && degc <= s->cfg.max_degc)) { /* also of what is no number */
		bad(e, i, now_ns);
	} else if (jump && (!s->cfg.fed || s->cfg.guards) && s->bad_row + 1 < HEAT_GLITCH_MAX) {
		s->glitches++; /* as a glitch; if it stays it is believed */
		s->bad_row++;
	} else {
		good(e, i, at_s, degc, now_ns);
		if (++s->good_row >= ARM_AFTER && s->asked && s->cfg.guards && !s->armed)
			engine_sensor_ask(e, i, true);
	}
}

bool engine_heat_state(struct engine *e, int mcu, const struct msg_analog_in_state *m, int64_t rx_ns)
{
	struct engine_mcu *em = &e->mcu[mcu];
	uint32_t count = m->values.len / 2;

	for (int i = 0; i < HEAT_SENSORS; i++) {
		struct engine_heat_sensor *s = &e->heat.sensor[i];
		double next_s;

		if (!s->present || s->cfg.fed || s->cfg.combine || s->cfg.chip ||
		    s->cfg.mcu != mcu || s->cfg.oid != m->oid)
			continue;
		if (!em->clock_ready)
			return true;
		next_s = engine_time_s(em, clocksync_extend(&em->sync, m->next_clock, rx_ns));
		for (uint32_t k = 0; k < count; k++) {
			uint32_t sum = msg_bytes_le16(m->values, k);

			take(e, i, next_s - (count - k) * HEAT_PERIOD_S,
			     sensor_degc(&s->cfg.curve, sum / engine_sensor_full_sum(s)), rx_ns);
		}
		return true;
	}
	return false;
}

void engine_heat_chip(struct engine *e, int mcu, const struct msg_thermocouple_result *m,
		      int64_t rx_ns)
{
	struct engine_mcu *em = &e->mcu[mcu];

	for (int i = 0; i < HEAT_SENSORS && em->clock_ready; i++) {
		struct engine_heat_sensor *s = &e->heat.sensor[i];
		double at_s, degc = HEAT_FAILED_DEGC;

		if (!s->present || !s->cfg.chip || s->cfg.mcu != mcu || s->cfg.oid != m->oid)
			continue;
		at_s = engine_time_s(em, clocksync_extend(&em->sync, m->next_clock, rx_ns)) -
		       HEAT_PERIOD_S;
		sensor_chip_degc((enum sensor_chip)s->cfg.chip, &s->cfg.curve, m->value, m->fault,
				 &degc);
		take(e, i, at_s, degc, rx_ns);
		return;
	}
}

bool engine_heat_state_old(struct engine *e, int mcu, const struct msg_analog_in_state__old *m,
			   int64_t rx_ns)
{
	uint8_t bytes[2] = { (uint8_t)m->value, (uint8_t)(m->value >> 8) };
	struct msg_analog_in_state state = { .oid = m->oid,
					     .next_clock = m->next_clock,
					     .values = { .data = bytes, .len = sizeof(bytes) } };

	return engine_heat_state(e, mcu, &state, rx_ns);
}

/* ---- records ---- */

static void target(struct engine *e, const struct ctl_rec *rec, int64_t now_ns)
{
	struct engine_heat_heater *h = &e->heat.heater[rec->target.heater % HEAT_HEATERS];

	if (!h->present || e->emergency)
		return;
	if (h->h.calibration.stage == HEATER_MODEL_FAN)
		set_fan(e, h, false, now_ns);
	if (rec->kind == CTL_HEATER_CLEAR)
		heater_clear(&h->h);
	else if (rec->kind == CTL_HEATER_TUNE)
		heater_tune(&h->h, rec->target.degc);
	else if (rec->kind == CTL_HEATER_CALIBRATE)
		heater_calibrate(&h->h, rec->target.degc, h->cfg.fan >= 0);
	else
		heater_set_target(&h->h, rec->target.degc);
	drive(e, h, now_ns);
	e->heat.changed = true;
}

void engine_heat_control(struct engine *e, const struct ctl_rec *rec, int64_t now_ns)
{
	struct engine_heat *t = &e->heat;

	if (rec->kind == CTL_SENSOR && rec->sensor.sensor < HEAT_SENSORS &&
	    rec->sensor.mcu < ENGINE_MCUS) {
		struct engine_heat_sensor *s = &t->sensor[rec->sensor.sensor];

		*s = (struct engine_heat_sensor){ .cfg = rec->sensor,
						  .present = true,
						  .glitches = s->glitches };
		t->used = t->changed = true;
	} else if (rec->kind == CTL_HEATER && rec->heater.heater < HEAT_HEATERS &&
		   rec->heater.sensor < HEAT_SENSORS && rec->heater.output < ENGINE_OUTPUTS &&
		   rec->heater.fan < ENGINE_OUTPUTS && rec->heater.stepper < ENGINE_STEPPERS) {
		struct engine_heat_heater *h = &t->heater[rec->heater.heater];

		*h = (struct engine_heat_heater){ .cfg = rec->heater,
						  .present = true,
						  .zeros = ZEROS };
		heater_init(&h->h, &rec->heater.param);
		t->used = t->changed = true;
	} else if (rec->kind == CTL_SENSOR_VALUE) {
		uint8_t i = rec->target.heater % HEAT_SENSORS;

		if (t->sensor[i].present && t->sensor[i].cfg.fed)
			take(e, i, e->now_s, rec->target.degc, now_ns);
	} else if (rec->kind == CTL_HEATER_LIMITS) {
		struct engine_heat_heater *h = &t->heater[rec->limits.heater % HEAT_HEATERS];

		if (h->present)
			heater_set_limits(&h->h, rec->limits.max_power, rec->limits.min_power);
	} else if (rec->kind != CTL_SENSOR && rec->kind != CTL_HEATER) {
		target(e, rec, now_ns);
	}
}

/* ---- the cycle ---- */

static double silence_s_max(const struct engine_mcu *m, int64_t now_ns)
{
	bool silent = now_ns - m->link.heard_ns > (int64_t)(HEAT_SENSOR_SILENCE_S / 2 * 1e9);

	return silent ? HEAT_MCU_SILENCE_S : HEAT_SENSOR_SILENCE_S;
}

static void broken(struct engine *e, int i, enum heater_fault fault, int64_t now_ns)
{
	e->heat.sensor[i].state = HEAT_SENSOR_BROKEN;
	e->heat.changed = true;
	fail_all(e, i, fault, now_ns);
}

/* What its members are together: the state of the first that isn't good, or the temperature, which fails if they differ
 * by too much. */
static enum heat_sensor_state combined(const struct engine_heat *t,
				       const struct heat_sensor_config *c, double *degc)
{
	double lo = INFINITY, hi = -INFINITY, sum = 0;
	unsigned n = 0;

	for (int i = 0; i < HEAT_SENSORS; i++) {
		if (!(c->members >> i & 1))
			continue;
		if (t->sensor[i].state != HEAT_SENSOR_GOOD)
			return (enum heat_sensor_state)t->sensor[i].state;
		lo = fmin(lo, t->sensor[i].degc);
		hi = fmax(hi, t->sensor[i].degc);
		sum += t->sensor[i].degc;
		n++;
	}
	*degc = c->combine == HEAT_COMBINE_MIN ? lo : c->combine == HEAT_COMBINE_MAX ? hi : sum / n;
	if (!(hi - lo <= c->deviation_degc))
		*degc = HEAT_FAILED_DEGC;
	return HEAT_SENSOR_GOOD;
}

/* At the rhythm of the others. With a member it breaks at once: that one has had its time. */
static void service_combined(struct engine *e, int i, int64_t now_ns)
{
	struct engine_heat_sensor *s = &e->heat.sensor[i];
	double degc;
	enum heat_sensor_state state = combined(&e->heat, &s->cfg, &degc);

	if (state == HEAT_SENSOR_BROKEN && s->state != state)
		broken(e, i, HEATER_SENSOR_RANGE, now_ns);
	if (state == HEAT_SENSOR_GOOD && e->now_s >= s->at_s + HEAT_PERIOD_S)
		take(e, i, e->now_s, degc, now_ns);
	if (s->state == HEAT_SENSOR_GOOD && e->now_s >= s->at_s + HEAT_SENSOR_SILENCE_S)
		broken(e, i, HEATER_SENSOR_SILENT, now_ns);
}

static void service_fed(struct engine *e, int i, int64_t now_ns)
{
	struct engine_heat_sensor *s = &e->heat.sensor[i];

	if (s->state == HEAT_SENSOR_GOOD && e->now_s >= s->at_s + s->cfg.silence_s)
		broken(e, i, HEATER_SENSOR_SILENT, now_ns);
}

static void service_sampled(struct engine *e, int i, int64_t now_ns)
{
	struct engine_heat_sensor *s = &e->heat.sensor[i];
	double heard_s = engine_later_s(s->at_s, s->asked_s);

	if (!mcu_usable(&e->mcu[s->cfg.mcu])) {
		if (s->asked) {
			s->asked = false;
			broken(e, i, HEATER_MCU, now_ns);
		}
		return;
	}
	if (!s->asked)
		engine_sensor_ask(e, i, s->cfg.guards);
	else if (s->again)
		engine_sensor_ask(e, i, s->armed);
	if (s->cfg.chip && s->state == HEAT_SENSOR_BROKEN &&
	    e->now_s > s->asked_s + HEAT_CHIP_AGAIN_S)
		engine_sensor_ask(e, i, false);
	if (s->state == HEAT_SENSOR_GOOD &&
	    e->now_s >= heard_s + silence_s_max(&e->mcu[s->cfg.mcu], now_ns))
		broken(e, i, HEATER_SENSOR_SILENT, now_ns);
}

static void service_sensor(struct engine *e, int i, int64_t now_ns)
{
	const struct heat_sensor_config *cfg = &e->heat.sensor[i].cfg;

	(cfg->combine ? service_combined : cfg->fed ? service_fed : service_sampled)(e, i, now_ns);
}

static void service_heater(struct engine *e, int i, int64_t now_ns)
{
	struct engine_heat_heater *h = &e->heat.heater[i];

	if (e->emergency) {
		heater_set_target(&h->h, 0);
		return;
	}
	if (in_use(&h->h) && !mcu_usable(&e->mcu[e->output[h->cfg.output].mcu]))
		fail(e, i, HEATER_MCU, now_ns);
	else if (h->owed)
		drive(e, h, now_ns);
}

static void publish(struct engine *e)
{
	struct heat_status st = { .now_s = e->now_s, .samples = e->heat.samples };

	for (int i = 0; i < HEAT_SENSORS; i++) {
		const struct engine_heat_sensor *s = &e->heat.sensor[i];

		st.sensor[i] = (struct heat_sensor_status){ s->degc, s->state, s->glitches };
	}
	for (int i = 0; i < HEAT_HEATERS; i++) {
		const struct heater *h = &e->heat.heater[i].h;
		double *told_degc = &e->heat.heater[i].told_degc;

		if (*told_degc != h->target_degc)
			engine_tell_heater(e, i, *told_degc, h->target_degc,
					   e->heat.sensor[e->heat.heater[i].cfg.sensor].degc,
					   h->power);
		*told_degc = h->target_degc;
		st.heater[i] = (struct heat_heater_status){ h->target_degc, h->smooth_degc,
							    h->power, h->fault,
							    h->tune.on || heater_calibrating(h) };
	}
	snapshot_write(&e->heat.snapshot, &st, sizeof(st));
	e->heat.changed = false;
}

void engine_heat_service(struct engine *e, int64_t now_ns)
{
	if (!e->heat.used)
		return;
	for (int i = 0; i < HEAT_SENSORS; i++)
		if (e->heat.sensor[i].present)
			service_sensor(e, i, now_ns);
	for (int i = 0; i < HEAT_HEATERS; i++)
		if (e->heat.heater[i].present)
			service_heater(e, i, now_ns);
	if (e->heat.changed)
		publish(e);
}

bool engine_heat_read(struct engine *e, struct heat_status *out)
{
	return snapshot_read(&e->heat.snapshot, out, sizeof(*out));
}
