// SPDX-License-Identifier: GPL-2.0-or-later
/* From the configuration to motors and outputs, and from those to the config commands of each MCU. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/extruders.h"
#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"
#include "daemon/sensors/sensors.h"

/* ---- which motors and outputs there are ---- */

/* The axes that a motor's joint depends on. */
static uint32_t axes_of(const struct machine_config *mc, const struct machine_stepper *cfg)
{
	uint32_t axes = 0;

	switch (cfg->joint.kind) {
	case KIN_ROD:
		return cfg->joint.flat ? 1u << AXIS_X | 1u << AXIS_Z : 7;
	case KIN_RADIUS:
	case KIN_ANGLE:
		return 1u << AXIS_X | 1u << AXIS_Y;
	case KIN_LINEAR:
		break;
	default:
		return 7;
	}
	for (size_t r = 0; r < mc->rail_count; r++)
		if (cfg->carriage[r] != 0 && mc->rails[r].axis >= 0)
			axes |= 1u << mc->rails[r].axis;
	return axes;
}

static int output_add(struct machine *m, const struct pin *pin)
{
	for (size_t i = 0; i < m->outputs; i++)
		if (pin_same(m->output[i].pin, pin))
			return (int)i; /* motors may share an enable line */
	if (m->outputs == ENGINE_OUTPUTS)
		return -1;
	m->output[m->outputs].pin = pin;
	m->output[m->outputs].mcu = (uint8_t)pin->mcu;
	return (int)m->outputs++;
}

int machine_output_add(struct machine *m, const struct pin *pin)
{
	const struct machine_multi_pin *multi = machine_config_multi(m->mc, pin);
	int first = -1, last = -1;

	if (!multi)
		return output_add(m, pin);
	for (size_t k = 0; k < multi->count; k++) {
		int i = output_add(m, &multi->pin[k]);

		if (i < 0)
			return -1;
		if (k == 0)
			first = i;
		else
			m->output[last].also = i;
		last = i;
	}
	return first;
}

/* What goes with another one is like it. Those come behind it. */
static void copy_outputs(struct machine *m)
{
	for (size_t i = 0; i < m->outputs; i++) {
		struct machine_output *from = &m->output[i], *to = &m->output[from->also];
		struct machine_output copy = *from;

		if (!from->also || to->on_off)
			continue;
		copy.pin = to->pin;
		copy.mcu = to->mcu;
		copy.also = to->also;
		*to = copy;
	}
}

static bool add_motor(struct machine *m, const struct machine_stepper *cfg, uint32_t axes,
		      char *err, size_t err_size)
{
	struct machine_motor *motor = &m->motor[m->motors];

	if (m->motors == ENGINE_STEPPERS) {
		snprintf(err, err_size, "[%s]: more than %d motors", cfg->name, ENGINE_STEPPERS);
		return false;
	}
	motor->cfg = cfg;
	motor->axes = axes;
	motor->mcu = (uint8_t)cfg->step_pin.mcu;
	motor->enable_output = -1;
	machine_motor_weights(m, motor, motor->steps_per_mm);
	if (cfg->enable_pin.set) {
		motor->enable_output = machine_output_add(m, &cfg->enable_pin);
		if (motor->enable_output < 0) {
			snprintf(err, err_size, "[%s]: more than %d outputs", cfg->name,
				 ENGINE_OUTPUTS);
			return false;
		}
	}
	m->motors++;
	return true;
}

static bool add_endstop(struct machine *m, const struct pin *pin, char *err, size_t err_size)
{
	for (size_t i = 0; i < m->endstops; i++)
		if (pin_same(m->endstop[i].pin, pin))
			return true; /* rails may share one */
	if (m->endstops == MACHINE_ENDSTOPS) {
		snprintf(err, err_size, "more than %d endstops", MACHINE_ENDSTOPS);
		return false;
	}
	m->endstop[m->endstops++].pin = pin;
	return true;
}

/* The switches, and how many of them one approach has. */
static bool add_endstops(struct machine *m, char *err, size_t err_size)
{
	const struct machine_config *mc = m->mc;
	size_t joints = 0;

	m->trsyncs = 1;
	for (size_t r = 0; r < mc->rail_count; r++) {
		const struct machine_rail *rail = &mc->rails[r];

		for (size_t i = 0; i < rail->endstop_count; i++)
			if (!add_endstop(m, &rail->endstop[i].pin, err, err_size))
				return false;
		if (rail->axis < 0) /* joints home together */
			joints += rail->endstop_count;
		if (rail->endstop_count > m->trsyncs)
			m->trsyncs = rail->endstop_count;
	}
	m->trsyncs = joints > m->trsyncs ? joints : m->trsyncs;
	if (m->trsyncs <= MACHINE_ENDSTOP_MAX)
		return true;
	snprintf(err, err_size, "more than %d endstops that home together", MACHINE_ENDSTOP_MAX);
	return false;
}

/* Steppers of extruders, and those that follow one. */
static bool add_extruders(struct machine *m, char *err, size_t err_size)
{
	const struct machine_config *mc = m->mc;

	for (size_t i = 0; i < mc->extruder_count; i++) {
		const struct machine_extruder *e = &mc->extruders[i];

		if (!e->has_stepper)
			continue;
		if (!add_motor(m, &e->stepper, 1u << AXIS_E, err, err_size))
			return false;
		extruders_motor(m, m->motors - 1, (int)i, e->pressure_advance_s,
				e->pressure_advance_smooth_s);
	}
	for (size_t i = 0; i < mc->extruder_stepper_count; i++) {
		const struct machine_extruder_stepper *e = &mc->extruder_steppers[i];

		if (!add_motor(m, &e->stepper, 1u << AXIS_E, err, err_size))
			return false;
		extruders_motor(m, m->motors - 1, e->extruder, e->pressure_advance_s,
				e->pressure_advance_smooth_s);
	}
	return true;
}

static bool add_manuals(struct machine *m, char *err, size_t err_size)
{
	_Static_assert((int)MACHINE_MANUAL_MAX <= (int)ENGINE_MANUALS, "room for all");

	for (size_t i = 0; i < m->mc->manual_count; i++) {
		const struct machine_manual *cfg = &m->mc->manuals[i];

		if (!add_motor(m, &cfg->stepper, 0, err, err_size) ||
		    (cfg->stepper.endstop_pin.set &&
		     !add_endstop(m, &cfg->stepper.endstop_pin, err, err_size)))
			return false;
		m->motor[m->motors - 1].manual = true;
		machine_motor_weights(m, &m->motor[m->motors - 1],
				      m->motor[m->motors - 1].steps_per_mm);
		m->manual[m->manuals++] = (struct manual){ .cfg = cfg, .motor = m->motors - 1 };
	}
	return true;
}

/* Its switch, also if no axis homes with it, and its control pin. */
static bool add_probe(struct machine *m, char *err, size_t err_size)
{
	const struct machine_probe *p = &m->mc->probe;
	int control;

	if (p->kind == MACHINE_PROBE_NONE)
		return true;
	if (!add_endstop(m, &p->pin, err, err_size) || !eddy_setup(m, err, err_size) ||
	    !load_cell_setup(m, err, err_size))
		return false;
	if (!p->control_pin.set)
		return true;
	control = machine_output_add(m, &p->control_pin);
	if (control < 0) {
		snprintf(err, err_size, "[%s]: more than %d outputs", p->section, ENGINE_OUTPUTS);
		return false;
	}
	if (p->kind == MACHINE_PROBE_BLTOUCH)
		m->output[control].cycle_time_s = BLTOUCH_CYCLE_S;
	return true;
}

bool machine_setup(struct machine *m, char *err, size_t err_size)
{
	const struct machine_config *mc = m->mc;

	if (mc->mcu_count > ENGINE_MCUS) {
		snprintf(err, err_size, "%zu [mcu] sections; expected at most %d", mc->mcu_count,
			 ENGINE_MCUS);
		return false;
	}
	m->mcus = mc->mcu_count;
	m->linear = kinematics_linear(mc);
	dual_init(&m->dual, mc);
	for (size_t i = 0; i < mc->stepper_count; i++)
		if (!add_motor(m, &mc->steppers[i], axes_of(mc, &mc->steppers[i]), err, err_size))
			return false;
	if (!add_endstops(m, err, err_size) || !add_extruders(m, err, err_size))
		return false;
	if (!add_manuals(m, err, err_size) || !add_probe(m, err, err_size))
		return false;
	if (!sensors_setup(m, err, err_size) || !heaters_setup(m, err, err_size) ||
	    !fans_setup(m, err, err_size) || !outputs_setup(m, err, err_size) ||
	    !leds_setup(m, err, err_size) || !angles_setup(m, err, err_size))
		return false;
	copy_outputs(m);
	tachometers_setup(m);
	return true;
}

/* ---- the configuration of one MCU ---- */

/* Tolerance, and whether runs may have fractions. */
static bool stepping_of(const struct machine *m, struct session *s, double freq_hz,
			struct ctl_stepper *c)
{
	double tol_s = m->mc->stepd.step_tolerance_s, least_s = stepgen_tol_least_s(freq_hz, false);

	c->tolerance_s = tol_s;
	c->fractional = m->mc->stepd.step_fractions &&
			wire_dict_wire_id(&s->dict.ids, MSG_ID_queue_step_frac) != WIRE_ID_NONE &&
			tol_s >= stepgen_tol_least_s(freq_hz, true);
	if (tol_s >= least_s)
		return true;
	snprintf(s->error, sizeof(s->error),
		 "mcu '%s': step_tolerance_us is %g, but its clock of %g MHz can only keep %.3f or more",
		 s->name, 1e6 * tol_s, 1e-6 * freq_hz, 1e6 * least_s);
	return false;
}

/* Each edge a step is half the work for the firmware, of those that don't say that pulses cost them no more. */
static bool both_edges(const struct machine *m, const struct session *s,
		       const struct machine_stepper *cfg)
{
	return tmc_of_motor(m, cfg) && machine_both_edges(cfg) &&
	       dictionary_number(&s->dict, "STEPPER_STEP_BOTH_EDGE", 0) > 0 &&
	       !(dictionary_number(&s->dict, "STEPPER_OPTIMIZED_UNSTEP", 0) > 0);
}

static bool configure_motor(struct machine *m, struct session *s, size_t i)
{
	struct machine_motor *motor = &m->motor[i];
	const struct machine_stepper *cfg = motor->cfg;
	double freq_hz = dictionary_number(&s->dict, "CLOCK_FREQ", 0);
	uint32_t step_pin, dir_pin;
	struct msg_config_stepper c = { .invert_step = cfg->step_pin.invert };
	struct ctl_rec rec = { .kind = CTL_STEPPER };

	if (!session_oid(s, &motor->oid) || !session_pin(s, &cfg->step_pin, UINT8_MAX, &step_pin) ||
	    !session_pin(s, &cfg->dir_pin, UINT8_MAX, &dir_pin))
		return false;
	c.oid = motor->oid;
	c.step_pin = (uint8_t)step_pin;
	c.dir_pin = (uint8_t)dir_pin;
	c.step_pulse_ticks = (uint32_t)ceil(cfg->step_pulse_s * freq_hz);
	motor->both_edges = both_edges(m, s, cfg);
	if (motor->both_edges)
		c.invert_step = UINT8_MAX; /* -1 */
	tmc_both_edges(m, cfg, motor->both_edges);
	if (!session_config(s, MSG_ID_config_stepper, &c))
		return false;
	rec.stepper.stepper = (uint8_t)i;
	rec.stepper.mcu = motor->mcu;
	rec.stepper.oid = motor->oid;
	rec.stepper.invert_dir = cfg->dir_pin.invert;
	if (!stepping_of(m, s, freq_hz, &rec.stepper))
		return false;
	rec.stepper.reversal_filter_s = m->mc->stepd.reversal_filter_s;
	rec.stepper.min_interval_s = 2 * cfg->step_pulse_s;
	memcpy(rec.stepper.steps_per_mm, motor->steps_per_mm, sizeof(motor->steps_per_mm));
	rec.stepper.extruder = motor->axes == 1u << AXIS_E;
	rec.stepper.extrude = motor->extrude;
	rec.stepper.extrude.half_s = motor->smooth_s / 2;
	rec.stepper.manual = motor->manual;
	rec.stepper.kin = cfg->joint;
	rec.stepper.steps_per_unit = 1 / cfg->step_distance_mm;
	motor->configured = true;
	return machine_control(m, &rec);
}

/* A share of full scale on the wire. */
static uint32_t level_of(const struct machine_output *out, double share, uint32_t full)
{
	uint32_t value = (uint32_t)lround(share * full);

	return out->pin->invert ? full - value : value;
}

static bool configure_pwm(struct session *s, const struct machine_output *out, uint32_t pin,
			  uint32_t cycle_ticks, uint32_t max_ticks, uint32_t full)
{
	struct msg_config_pwm_out c = {
		.oid = out->oid,
		.pin = pin,
		.cycle_ticks = cycle_ticks,
		.value = (uint16_t)level_of(out, out->start_value, full),
		.default_value = (uint16_t)level_of(out, out->shutdown_value, full),
		.max_duration = max_ticks,
	};
	struct msg_set_pwm_out back = { .pin = pin, .cycle_ticks = cycle_ticks, .value = c.value };

	return session_config(s, MSG_ID_config_pwm_out, &c) &&
	       session_rearm(s, MSG_ID_set_pwm_out, &back);
}

/* keep: one that is configured already is left as it is. */
static bool configure_digital(struct session *s, const struct machine_output *out, uint32_t pin,
			      uint32_t cycle_ticks, uint32_t max_ticks, bool keep)
{
	struct msg_config_digital_out c = { .oid = out->oid,
					    .pin = pin,
					    .value = (uint8_t)level_of(out, out->start_value, 1),
					    .default_value =
						    (uint8_t)level_of(out, out->shutdown_value, 1),
					    .max_duration = max_ticks };
	struct msg_update_digital_out back = { .oid = out->oid, .value = c.value };
	struct msg_set_digital_out_pwm_cycle cycle = { .oid = out->oid, .cycle_ticks = cycle_ticks };

	return session_config(s, MSG_ID_config_digital_out, &c) &&
	       (keep || session_rearm(s, MSG_ID_update_digital_out, &back)) &&
	       (cycle_ticks == 0 || session_config(s, MSG_ID_set_digital_out_pwm_cycle, &cycle));
}

/* Where the firmware can, it goes to its safe value alone when nobody says anything; else the whole MCU shuts down. */
static bool configure_fail_safe(struct session *s, const struct machine_output *out)
{
	struct msg_config_fail_safe c = { .oid = out->oid };

	return wire_dict_wire_id(&s->dict.ids, MSG_ID_config_fail_safe) == WIRE_ID_NONE ||
	       session_config(s, MSG_ID_config_fail_safe, &c);
}

/* What the rt core has to know of it. */
static bool tell_output(struct machine *m, const struct session *s, size_t i, uint32_t cycle_ticks)
{
	const struct machine_output *out = &m->output[i];
	struct ctl_rec rec = { .kind = CTL_OUTPUT };

	rec.output = (struct ctl_output){ .output = (uint8_t)i,
					  .mcu = out->mcu,
					  .oid = out->oid,
					  .pwm = out->pwm,
					  .invert = out->pin->invert,
					  .in_phase = out->in_phase && cycle_ticks > 0,
					  .also = (uint8_t)out->also,
					  .on_off = out->on_off,
					  .kick_s = out->kick_s,
					  .kick_value = (uint16_t)lround(out->kick_value *
									 PLAN_OUTPUT_FULL) };
	rec.output.full_scale = cycle_ticks > 0 ? cycle_ticks : 1;
	if (out->pwm)
		rec.output.full_scale = dictionary_whole(&s->dict, "PWM_MAX", 1, UINT16_MAX, 255);
	if (out->max_duration_s > 0 && !out->in_phase)
		rec.output.refresh_s = out->max_duration_s / 3;
	return machine_control(m, &rec);
}

/* Whether it is a motor's enable line. */
static bool enables(const struct machine *m, int output)
{
	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].enable_output == output)
			return true;
	return false;
}

static bool configure_output(struct machine *m, struct session *s, size_t i)
{
	struct machine_output *out = &m->output[i];
	double freq_hz = dictionary_number(&s->dict, "CLOCK_FREQ", 0);
	uint32_t pin, cycle_ticks = (uint32_t)(out->cycle_time_s * freq_hz);
	uint32_t max_ticks = (uint32_t)fmin(out->max_duration_s * freq_hz, INT32_MAX);
	uint32_t full = dictionary_whole(&s->dict, "PWM_MAX", 1, UINT16_MAX, 255);
	bool keep = positions_hope(m) && enables(m, (int)i);

	if (!session_oid(s, &out->oid) || !session_pin(s, out->pin, UINT16_MAX, &pin))
		return false;
	if (out->pwm ? !configure_pwm(s, out, pin, cycle_ticks, max_ticks, full)
		     : !configure_digital(s, out, pin, cycle_ticks, max_ticks, keep))
		return false;
	if (max_ticks && !configure_fail_safe(s, out))
		return false;
	return tell_output(m, s, i, cycle_ticks);
}

bool machine_output_cycle(struct machine *m, int output, double cycle_time_s)
{
	for (int i = output; i == output || i > 0; i = m->output[i].also) {
		struct session *s = &m->session[m->output[i].mcu];
		struct msg_set_digital_out_pwm_cycle cycle = {
			.oid = m->output[i].oid,
			.cycle_ticks = (uint32_t)(cycle_time_s *
						  dictionary_number(&s->dict, "CLOCK_FREQ", 0)),
		};

		if (!session_send(s, MSG_ID_set_digital_out_pwm_cycle, &cycle) ||
		    !tell_output(m, s, (size_t)i, cycle.cycle_ticks))
			return false;
		m->output[i].cycle_time_s = cycle_time_s;
	}
	return true;
}

static bool configure_endstop(struct machine *m, struct session *s, struct machine_input *in)
{
	const struct pin *pin = in->pin;
	struct msg_config_endstop c = { .pull_up = pin->pull == PIN_PULL_UP };
	struct msg_endstop_home off = { .sample_count = 0 };
	uint32_t number;

	if (!pin->set || pin->mcu != s->mcu || in->sensor)
		return true;
	if (!session_oid(s, &in->oid) || !session_pin(s, pin, UINT8_MAX, &number))
		return false;
	c.oid = in->oid;
	c.pin = (uint8_t)number;
	off.oid = c.oid;
	off.trsync_oid = m->trsync_oid[s->mcu][0];
	return session_config(s, MSG_ID_config_endstop, &c) &&
	       session_rearm(s, MSG_ID_endstop_home, &off);
}

static bool configure_trsync(struct session *s, uint8_t *oid)
{
	struct msg_config_trsync c;
	struct msg_trsync_start stop = { .report_ticks = 0 };

	if (!session_oid(s, oid))
		return false;
	c.oid = *oid;
	stop.oid = c.oid;
	return session_config(s, MSG_ID_config_trsync, &c) &&
	       session_rearm(s, MSG_ID_trsync_start, &stop);
}

/* An output that toggles all the time, at clocks that the engine agrees on: any firmware with a software PWM can. */
static bool configure_sync_line(struct machine *m, struct session *s)
{
	const struct machine_mcu *cfg = &m->mc->mcu[s->mcu];
	double freq_hz = dictionary_number(&s->dict, "CLOCK_FREQ", 0);
	struct msg_config_digital_out c = { .value = 0 };
	struct msg_set_digital_out_pwm_cycle cycle = { .cycle_ticks =
							       clocksync_edge_ticks(freq_hz) };
	struct msg_update_digital_out back = { .value = 0 };
	struct ctl_rec rec = { .kind = CTL_SYNC_LINE };

	if (!cfg->sync_pin.set)
		return true;
	if (!session_oid(s, &c.oid) || !session_pin(s, &cfg->sync_pin, UINT16_MAX, &c.pin))
		return false;
	cycle.oid = back.oid = rec.sync_line.oid = c.oid;
	rec.sync_line.mcu = (uint8_t)s->mcu;
	return session_config(s, MSG_ID_config_digital_out, &c) &&
	       session_config(s, MSG_ID_set_digital_out_pwm_cycle, &cycle) &&
	       session_rearm(s, MSG_ID_update_digital_out, &back) && machine_control(m, &rec);
}

bool machine_configure_mcu(void *ctx, struct session *s)
{
	struct machine *m = ctx;

	for (size_t i = 0; i < m->motors; i++)
		if (m->motor[i].mcu == s->mcu && !configure_motor(m, s, i))
			return false;
	for (size_t i = 0; i < m->outputs; i++)
		if (m->output[i].mcu == s->mcu && !configure_output(m, s, i))
			return false;
	if (!m->hooks.no_heat && !heaters_configure(m, s))
		return false;
	for (size_t i = 0; i < m->endstops; i++)
		if (!configure_endstop(m, s, &m->endstop[i]))
			return false;
	for (size_t i = 0; i < m->trsyncs; i++)
		if (!configure_trsync(s, &m->trsync_oid[s->mcu][i]))
			return false;
	return outputs_configure(m, s) && tachometers_configure(m, s) && leds_configure(m, s) &&
	       configure_sync_line(m, s) && print_configure(m->print, s) &&
	       bus_configure(&m->bus, s) && sensors_configure(m, s) && eddy_configure(m, s) &&
	       load_cell_configure(m, s) && angles_configure(m, s);
}
