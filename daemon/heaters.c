// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/heaters.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config/config.h"
#include "daemon/gcode/gcode_command.h"
#include "daemon/machine/machine.h"
#include "daemon/save.h"

enum { SECTION_MAX = MACHINE_HEAT_NAME_MAX + 16 };

/* Between two reports while a command waits. */
#define SECOND_NS ((int64_t)1000 * 1000 * 1000)

/* A target is set this much before the motion that was planned ahead of it ends, or later. */
#define AHEAD_S_MAX 2.0

/* A hold may end this near to what a heater is heated to again. */
#define BACK_DEGC 3.0

/* ---- set-up ---- */

bool heaters_setup(struct machine *m, char *err, size_t err_size)
{
	for (size_t i = 0; i < m->mc->heater_count; i++) {
		const struct machine_heater *cfg = &m->mc->heaters[i];
		int out = cfg->param.cooling ? fans_output(m, &cfg->fan)
					     : machine_output_add(m, &cfg->pin);

		if (out < 0) {
			snprintf(err, err_size, "[%s]: more than %d outputs", cfg->name,
				 ENGINE_OUTPUTS);
			return false;
		}
		m->heaters.output[i] = out;
		m->output[out].cycle_time_s = cfg->cycle_time_s;
		m->output[out].in_phase = !m->output[out].pwm;
		if (!cfg->param.cooling)
			m->output[out].max_duration_s = HEAT_SILENCE_S;
	}
	return true;
}

/* The output of that fan, -1: none. */
static int cooling_fan(const struct machine *m, const char *section)
{
	const char *own = strchr(section, ' ');
	int fan;

	if (!own)
		return *section ? m->fans.part : -1;
	fan = machine_config_fan(m->mc, MACHINE_FAN_GENERIC, own + 1);
	return fan < 0 ? -1 : m->fans.automatic[fan];
}

static bool configure_heater(struct machine *m, size_t i)
{
	const struct machine_heater *cfg = &m->mc->heaters[i];
	struct ctl_rec rec = { .kind = CTL_HEATER };

	rec.heater.heater = (uint8_t)i;
	rec.heater.sensor = (uint8_t)cfg->sensor;
	rec.heater.output = (uint8_t)m->heaters.output[i];
	rec.heater.param = cfg->param;
	rec.heater.fan = (int8_t)cooling_fan(m, cfg->cooling_fan);
	rec.heater.stepper = -1;
	for (size_t k = 0; cfg->extruder >= 0 && k < m->motors; k++)
		if (m->motor[k].cfg == &m->mc->extruders[cfg->extruder].stepper) {
			rec.heater.stepper = (int8_t)k;
			rec.heater.mm_per_step = m->motor[k].cfg->step_distance_mm;
		}
	m->heaters.limits[i] = (struct heat_limits){ .heater = (uint8_t)i,
						     .max_power = cfg->param.max_power,
						     .min_power = cfg->param.min_power };
	m->heaters.modelled[i] = cfg->param.model.capacity_j_k > 0;
	return machine_control(m, &rec);
}

bool heaters_configure(struct machine *m, struct session *s)
{
	for (size_t i = 0; i < m->mc->heater_count; i++)
		if (m->mc->heaters[i].pin.mcu == s->mcu && !configure_heater(m, i))
			return false;
	return true;
}

/* ---- names ---- */

static bool is_name(const char *own, const char *kind, const char *name, size_t len)
{
	size_t kind_len = strlen(kind);

	if (len > kind_len && !strncmp(name, kind, kind_len) && name[kind_len] == ' ') {
		name += kind_len + 1;
		len -= kind_len + 1;
	}
	return strlen(own) == len && !memcmp(own, name, len);
}

int heaters_find(const struct machine *m, const char *name, size_t len)
{
	for (size_t i = 0; i < m->mc->heater_count; i++)
		if (!m->mc->heaters[i].param.cooling &&
		    is_name(m->mc->heaters[i].name, "heater_generic", name, len))
			return (int)i;
	return -1;
}

int heaters_find_sensor(const struct machine *m, const char *name, size_t len)
{
	static const char *const kinds[] = { "heater_generic", "temperature_sensor",
					     "temperature_fan" };

	for (size_t i = 0; i < m->mc->sensor_count; i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
			if (is_name(m->mc->sensors[i].name, kinds[k], name, len))
				return (int)i;
	return -1;
}

/* ---- targets ---- */

const char *heaters_fault_text(uint32_t fault)
{
	static const char *const texts[HEATER_FAULTS] = {
		[HEATER_OK] = "ok",
		[HEATER_SENSOR_RANGE] = ("its sensor reads out of range (open, shorted, or not what "
					 "sensor_type says)"),
		[HEATER_SENSOR_SILENT] = "nothing comes from its sensor",
		[HEATER_SLOW] =
			"it does not heat as it should (heater, sensor loose, verify_heater)",
		[HEATER_HOT] = "it is hotter than max_temp",
		[HEATER_RISES] = "it gets hotter though it is off",
		[HEATER_MCU] = "an MCU that it depends on has shut down or is gone",
	};

	return texts[fault < HEATER_FAULTS ? fault : 0];
}

static int send_target(struct machine *m, enum ctl_kind kind, int heater, double degc)
{
	struct ctl_rec rec = { .kind = kind, .target = { .heater = (uint8_t)heater, .degc = degc } };

	return machine_control(m, &rec) ? 0 : -EAGAIN;
}

/* Whether it may be switched on. */
int heaters_ready(const struct machine *m, int heater, double degc, char *err)
{
	const struct machine_heater *cfg = &m->mc->heaters[heater];
	const struct machine_sensor *sensor = &m->mc->sensors[cfg->sensor];
	const struct heat_status *st = &m->heaters.status;
	char why[FAULT_TEXT_MAX];

	if (m->state != MACHINE_READY)
		snprintf(err, GCODE_ERR_MAX, "%s",
			 m->reason[0] ? m->reason : "the machine is not ready");
	else if (degc < sensor->min_degc || degc > sensor->max_degc)
		snprintf(err, GCODE_ERR_MAX, "%s: %g °C: expected %g to %g °C, or 0", cfg->name,
			 degc, sensor->min_degc, sensor->max_degc);
	else if (st->heater[heater].fault != HEATER_OK && st->now_s > m->heaters.cleared_s[heater])
		snprintf(err, GCODE_ERR_MAX,
			 "%s is switched off for a fault: %s; CLEAR_FAULT once it is repaired",
			 cfg->name, heaters_fault_text(st->heater[heater].fault));
	else if (react_heater_latched(m, heater, why))
		snprintf(err, GCODE_ERR_MAX,
			 "%s is switched off for a fault: %s; CLEAR_FAULT once it is repaired",
			 cfg->name, why);
	else if (st->sensor[cfg->sensor].state == HEAT_SENSOR_BROKEN)
		snprintf(err, GCODE_ERR_MAX, "%s: %s", cfg->name,
			 heaters_fault_text(HEATER_SENSOR_RANGE));
	else
		return 0;
	return -EINVAL;
}

/* Somebody has decided on it: what a fault has done to it doesn't count any more. */
static void want(struct machine *m, int heater, double degc)
{
	m->heaters.wanted_degc[heater] = degc;
	m->heaters.cooled &= ~(1u << heater);
	m->heaters.idled &= ~(1u << heater);
}

int heaters_target(struct machine *m, int heater, double degc, char *err)
{
	const struct machine_heater *cfg = &m->mc->heaters[heater];
	int rc = degc > 0 ? heaters_ready(m, heater, degc, err) : 0;

	if (rc == 0 && degc > 0 && cfg->param.control == HEATER_MPC && !m->heaters.modelled[heater]) {
		snprintf(err, GCODE_ERR_MAX,
			 "%s: its model is not known yet; expected MPC_CALIBRATE HEATER=%s TARGET=… first",
			 cfg->name, cfg->name);
		rc = -EINVAL;
	}

	/* Not much ahead of the motion before it, unless that stands still; nor of its being cut. */
	if (rc == 0 && ((!m->hold && machine_lead_s(m) > AHEAD_S_MAX) || m->heaters.cut))
		return -EAGAIN;
	if (rc == 0)
		rc = send_target(m, CTL_HEATER_TARGET, heater, degc);
	if (rc == 0)
		want(m, heater, degc);
	return rc;
}

static void cut_poll(struct machine *m)
{
	for (int i = 0; m->heaters.cut >> i; i++)
		if (m->heaters.cut & 1u << i && send_target(m, CTL_HEATER_TARGET, i, 0) == 0)
			m->heaters.cut &= ~(1u << i);
}

void heaters_cut(struct machine *m, uint32_t mask)
{
	m->heaters.cut |= mask;
	cut_poll(m);
}

void heaters_off(struct machine *m)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < m->mc->heater_count; i++) {
		if (m->mc->heaters[i].param.cooling)
			continue;
		mask |= 1u << i;
		want(m, (int)i, 0);
	}
	heaters_cut(m, mask);
}

bool heaters_idle(struct machine *m)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < m->mc->heater_count; i++)
		if (!m->mc->heaters[i].param.cooling && m->heaters.status.heater[i].target_degc > 0)
			mask |= 1u << i;
	m->heaters.idled |= mask;
	heaters_cut(m, mask);
	return mask != 0;
}

/* Heat it again, if that has not been done. */
static int heat_again(struct machine *m, int heater, char *err)
{
	double degc = m->heaters.wanted_degc[heater];
	int rc;

	if (m->heaters.status.heater[heater].target_degc > 0)
		return 0;
	rc = heaters_ready(m, heater, degc, err);
	if (rc == 0 && m->heaters.cut)
		rc = -EAGAIN;
	if (rc == 0)
		rc = send_target(m, CTL_HEATER_TARGET, heater, degc);
	if (rc == 0)
		m->gcode.acts++; /* there is somebody */
	return rc;
}

int heaters_back(struct machine *m, char *err)
{
	int rc = 0;

	m->heaters.idled &= ~m->heaters.cooled; /* what comes of a fault is told by itself */
	for (int i = 0; m->heaters.idled >> i && rc == 0; i++)
		if (m->heaters.idled & 1u << i)
			rc = heat_again(m, i, err);
	for (int i = 0; m->heaters.idled >> i && rc == 0; i++) {
		double degc = m->heaters.wanted_degc[i],
		       is_degc = m->heaters.status.heater[i].smooth_degc;

		if (!(m->heaters.idled & 1u << i) || is_degc > degc - BACK_DEGC)
			continue;
		snprintf(err, GCODE_ERR_MAX,
			 "%s was switched off by idle_timeout and heats again, %.1f of %g °C; expected RESUME once it is hot",
			 m->mc->heaters[i].name, is_degc, degc);
		rc = -EBUSY;
	}
	if (rc == 0)
		m->heaters.idled = 0;
	return rc;
}

int heaters_clear(struct machine *m, int heater, char *err)
{
	const struct machine_heater *cfg = &m->mc->heaters[heater];

	if (m->heaters.status.sensor[cfg->sensor].state == HEAT_SENSOR_GOOD) {
		m->heaters.cleared_s[heater] = machine_now_s(m) + HEAT_PERIOD_S;
		return send_target(m, CTL_HEATER_CLEAR, heater, 0);
	}
	snprintf(err, GCODE_ERR_MAX, "%s: %s", cfg->name, heaters_fault_text(HEATER_SENSOR_RANGE));
	return -EINVAL;
}

int heaters_check_extrude(const struct machine *m, char *err)
{
	const struct machine_extruder *e = &m->mc->extruders[m->extruder];
	const struct machine_heater *cfg;
	const struct heat_heater_status *st;

	if (m->mc->extruder_count == 0 || e->heater < 0 || m->hooks.no_heat)
		return 0;
	cfg = &m->mc->heaters[e->heater];
	st = &m->heaters.status.heater[e->heater];
	if (m->heaters.status.sensor[cfg->sensor].state != HEAT_SENSOR_GOOD)
		snprintf(err, GCODE_ERR_MAX, "%s can't extrude: its temperature is not known",
			 e->name);
	else if (st->smooth_degc < cfg->min_extrude_degc)
		snprintf(err, GCODE_ERR_MAX,
			 "%s is too cold to extrude: %.1f °C, expected at least min_extrude_temp, %g °C",
			 e->name, st->smooth_degc, cfg->min_extrude_degc);
	else
		return 0;
	return -EINVAL;
}

/* ---- waits ---- */

static void wait_end(struct machine *m, const char *error)
{
	m->heaters.wait.on = false;
	gcode_resume(&m->gcode, error);
}

static bool within(double degc, const struct heaters_wait *w)
{
	return degc >= w->min_degc && degc <= w->max_degc;
}

static void wait_poll(struct machine *m)
{
	struct heaters_wait *w = &m->heaters.wait;
	const struct heat_sensor_status *s = &m->heaters.status.sensor[w->sensor];

	if (!m->gcode.busy) { /* ended from elsewhere: a fault, M112 */
		w->on = false;
		return;
	}
	if (w->tuning)
		return;
	if (s->state == HEAT_SENSOR_BROKEN && w->heater < 0)
		wait_end(m, "nothing useful comes from that sensor");
	else if (s->state == HEAT_SENSOR_GOOD && within(s->degc, w) &&
		 (w->heater < 0 || within(m->heaters.status.heater[w->heater].smooth_degc, w)))
		wait_end(m, NULL);
}

/* The heater's section, for SAVE_CONFIG. */
static const char *section_of(const struct machine *m, const struct machine_heater *cfg,
			      char buf[SECTION_MAX])
{
	snprintf(buf, SECTION_MAX, "%s%s",
		 config_section(m->mc->store, cfg->name) ? "" : "heater_generic ", cfg->name);
	return buf;
}

/* Options of a control that SAVE_CONFIG would write. live: they are in use already. */
static void save_control(struct machine *m, const struct machine_heater *cfg, bool live,
			 const char *control, const char *const option[3], const double value[3])
{
	char section[SECTION_MAX];

	section_of(m, cfg, section);
	save_set(m, live, section, "control", "%s", control);
	for (int i = 0; i < 3; i++)
		save_set(m, live, section, option[i], "%.6g", value[i]);
}

static void tuned_pid(struct machine *m, const struct ev_heater *ev,
		      const struct machine_heater *cfg)
{
	static const char *const options[] = { "pid_kp", "pid_ki", "pid_kd" };
	/* Ziegler and Nichols, for a PID controller, in the unit of the options */
	double kp = 0.6 * ev->ku * 255, ki = kp / (0.5 * ev->tu_s), kd = kp * 0.125 * ev->tu_s;

	machine_say(m, REPLY_INFO,
		    "%s: pid_kp: %.3f, pid_ki: %.3f, pid_kd: %.3f; SAVE_CONFIG to use them",
		    cfg->name, kp, ki, kd);
	save_control(m, cfg, false, "pid", options, (const double[]){ kp, ki, kd });
}

static void tuned_model(struct machine *m, const struct ev_heater *ev,
			const struct machine_heater *cfg)
{
	static const char *const options[] = { "block_heat_capacity", "sensor_responsiveness",
					       "ambient_transfer" };
	char section[SECTION_MAX];

	m->heaters.modelled[ev->heater] = true;
	machine_say(
		m, REPLY_INFO,
		"%s: block_heat_capacity: %.4f, sensor_responsiveness: %.5f, ambient_transfer: %.5f",
		cfg->name, ev->capacity_j_k, ev->rate, ev->loss_w_k[0]);
	save_control(m, cfg, true, "mpc", options,
		     (const double[]){ ev->capacity_j_k, ev->rate, ev->loss_w_k[0] });
	if (!(ev->loss_w_k[1] > 0))
		return;
	machine_say(m, REPLY_INFO, "%s: fan_ambient_transfer: %.5f, %.5f", cfg->name,
		    ev->loss_w_k[0], ev->loss_w_k[1]);
	save_set(m, true, section_of(m, cfg, section), "fan_ambient_transfer", "%.5f, %.5f",
		 ev->loss_w_k[0], ev->loss_w_k[1]);
}

/* What tuning or calibration has found, as options of the configuration. */
static void tuned(struct machine *m, const struct ev_heater *ev, const struct machine_heater *cfg)
{
	bool found = !ev->calibrated || ev->capacity_j_k > 0;

	if (!ev->calibrated)
		tuned_pid(m, ev, cfg);
	else if (found)
		tuned_model(m, ev, cfg);
	wait_end(m,
		 found ? NULL
		       : "no model fits what was measured; expected heater_power to be right, and a "
			 "target well above what is around it");
}

void heaters_event(struct machine *m, const struct ev_heater *ev)
{
	struct heaters_wait *w = &m->heaters.wait;
	const struct machine_heater *cfg;
	char text[GCODE_ERR_MAX];
	bool awaited = w->on && w->heater == ev->heater;

	if (ev->heater >= m->mc->heater_count)
		return;
	cfg = &m->mc->heaters[ev->heater];
	if (ev->fault == HEATER_OK) {
		if (awaited && w->tuning)
			tuned(m, ev, cfg);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s; at %.1f °C", cfg->name, heaters_fault_text(ev->fault),
		 ev->degc);
	if (cfg->param.cooling && attach_role(m, (size_t)cfg->pin.mcu))
		return; /* told of the MCU */
	if (m->state == MACHINE_READY && cfg->param.cooling)
		machine_say(
			m, REPLY_ERROR,
			"%s: the fan runs at full speed, all else goes on; RESTART to use it again",
			text);
	else if (m->state == MACHINE_READY || m->state == MACHINE_FAULT) /* heaters outlive a stop */
		react_heater(m, ev);
	if (awaited)
		wait_end(m, text);
}

/* ---- polls ---- */

/* Temperature fans have a target from the beginning. mcu: of that one's, -1: of all. */
static void start_fans(struct machine *m, int mcu)
{
	for (size_t i = 0; i < m->mc->heater_count; i++)
		if (m->mc->heaters[i].param.cooling && (mcu < 0 || m->mc->heaters[i].pin.mcu == mcu))
			send_target(m, CTL_HEATER_TARGET, (int)i, m->mc->heaters[i].target_degc);
}

void heaters_attached(struct machine *m, int mcu)
{
	start_fans(m, mcu);
}

void heaters_resumed(struct machine *m, int mcu)
{
	for (size_t i = 0; i < m->mc->heater_count; i++)
		if (m->mc->heaters[i].pin.mcu == mcu ||
		    machine_sensor_mcus(m->mc, m->mc->heaters[i].sensor) & 1u << mcu)
			configure_heater(m, i);
	start_fans(m, mcu);
}

static void report_poll(struct machine *m)
{
	struct heaters *h = &m->heaters;
	int64_t every_ns = h->wait.on ? SECOND_NS : h->auto_ns;
	char text[GCODE_TEXT_MAX];

	if (every_ns == 0 || m->now_ns < h->report_ns)
		return;
	h->report_ns = m->now_ns + every_ns;
	heaters_report(m, text, sizeof(text));
	if (text[0])
		machine_say(m, REPLY_RAW, "%s", text);
}

void heaters_poll(struct machine *m)
{
	struct heaters *h = &m->heaters;
	uint32_t sequence = snapshot_sequence(&m->engine->heat.snapshot);

	if (sequence != h->sequence && engine_heat_read(m->engine, &h->status))
		h->sequence = sequence;
	if (m->state == MACHINE_READY && !h->started) {
		start_fans(m, -1);
		h->started = true;
	}
	cut_poll(m);
	if (h->wait.on)
		wait_poll(m);
	if (m->mc->sensor_count)
		report_poll(m);
}
