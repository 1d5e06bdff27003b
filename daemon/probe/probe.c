// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/probe.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"
#include "daemon/save.h"

/* A tap goes so far below where the coil has the bed. */
#define TAP_DEEP_MM 0.5

void probe_init(struct machine *m)
{
	struct probe *p = &m->probe;

	p->cfg = &m->mc->probe;
	p->touch.output = -1;
	p->accel_mm_s2 = p->cfg->accel_mm_s2;
	p->recovery_s = p->cfg->recovery_s;
	memcpy(p->offset_mm, p->cfg->offset_mm, sizeof(p->offset_mm));
	for (size_t i = 0; p->cfg->pin.set && i < m->endstops; i++)
		if (pin_same(m->endstop[i].pin, &p->cfg->pin))
			p->input = &m->endstop[i];
	if (p->cfg->kind >= MACHINE_PROBE_SENSORS)
		p->sensor = p->cfg->kind == MACHINE_PROBE_EDDY ? &eddy_sensor : &load_cell_sensor;
	if (p->input)
		m->endstop[p->input - m->endstop].sensor = p->sensor;
	for (size_t i = 0; p->cfg->control_pin.set && i < m->outputs; i++)
		if (pin_same(m->output[i].pin, &p->cfg->control_pin))
			p->touch.output = (int)i;
	probe_attach(&m->gcode, m);
	twist_init(m);
	delta_calibrate_init(m);
}

void probe_attach(struct gcode *g, struct machine *m)
{
	static const struct gcode_group all[] = {
		{ probe_commands, &probe_command_count },
		{ switches_commands, &switches_command_count },
		{ bltouch_commands, &bltouch_command_count },
		{ effector_commands, &effector_command_count },
		{ save_commands, &save_command_count },
		{ manual_probe_commands, &manual_probe_command_count },
		{ mesh_calibrate_commands, &mesh_calibrate_command_count },
		{ z_thermal_commands, &z_thermal_command_count },
		{ endstop_phase_commands, &endstop_phase_command_count },
		{ bed_screws_commands, &bed_screws_command_count },
		{ levelling_commands, &levelling_command_count },
		{ twist_commands, &twist_command_count },
		{ delta_calibrate_commands, &delta_calibrate_command_count },
	};
	static const struct gcode_group eddy[] = {
		{ eddy_commands, &eddy_command_count },
		{ eddy_drift_commands, &eddy_drift_command_count },
	};
	static const struct gcode_group cell[] = {
		{ load_cell_commands, &load_cell_command_count },
	};

	gcode_add_groups(g, all, sizeof(all) / sizeof(*all), m);
	if (!m || m->mc->probe.kind == MACHINE_PROBE_EDDY)
		gcode_add_groups(g, eddy, sizeof(eddy) / sizeof(*eddy), m);
	if (!m || m->mc->probe.kind == MACHINE_PROBE_LOAD_CELL)
		gcode_add_groups(g, cell, sizeof(cell) / sizeof(*cell), m);
}

void probe_ready(struct machine *m)
{
	if (m->probe.cfg->kind == MACHINE_PROBE_BLTOUCH)
		bltouch_ready(m);
}

int probe_check(const struct machine *m, char *err)
{
	const struct probe_sensor *sensor = m->probe.sensor;
	const char *missing = "there is no probe; expected the section of one, as [probe]";

	if (m->probe.script.then) {
		snprintf(err, GCODE_ERR_MAX, "the probe is being activated or deactivated");
		return -EBUSY;
	}
	if (m->probe.input && m->probe.input->pin->mcu >= 0)
		missing = sensor ? sensor->missing(m) : NULL;
	if (!missing)
		return 0;
	snprintf(err, GCODE_ERR_MAX, "%s", missing);
	return -EINVAL;
}

double probe_lowest_mm(const struct machine *m)
{
	const struct machine_geometry *g = &m->mc->geometry;
	/* Without rails: cables, between their anchors. */
	double low_mm = m->mc->rail_count ? g->min_z_mm : g->box_min_mm[AXIS_Z], high_mm;

	for (size_t r = 0; r < m->mc->rail_count; r++)
		if (m->mc->rails[r].axis == AXIS_Z)
			dual_range(&m->dual, m->mc, AXIS_Z, &low_mm, &high_mm);
	return low_mm;
}

/* ---- ready, and put away ---- */

static void lowered(struct machine *m, bool triggered, const char *error)
{
	m->probe.touch.then(m, error       ? error
			       : triggered ? "the probe is triggered before it has moved"
					   : NULL);
}

static void rested(struct machine *m, const char *error)
{
	if (error)
		m->probe.touch.then(m, error);
	else
		switches_ask(m, m->probe.input, lowered);
}

static void lower_itself(struct machine *m, probe_then *then)
{
	if (m->probe.cfg->kind == MACHINE_PROBE_BLTOUCH) {
		bltouch_lower(m, then);
		return;
	}
	if (m->probe.sensor) {
		m->probe.sensor->lower(m, then);
		return;
	}
	m->probe.touch.then = then;
	acts_begin(m);
	if (m->probe.recovery_s > 0)
		acts_dwell(m, m->probe.recovery_s);
	acts_run(m, rested);
}

static void activated(struct machine *m, const char *error)
{
	if (error)
		m->probe.script.after(m, error);
	else
		lower_itself(m, m->probe.script.after);
}

void probe_lower(struct machine *m, probe_then *then)
{
	struct probe *p = &m->probe;

	if (!p->cfg->activate.text || (p->script.active && !p->cfg->stow_on_each_sample)) {
		lower_itself(m, then);
		return;
	}
	p->script.after = then;
	probe_script_run(m, true, activated);
}

static void raised(struct machine *m, const char *error)
{
	m->probe.touch.then(m, error);
}

static void raise_itself(struct machine *m, probe_then *then)
{
	if (m->probe.cfg->kind == MACHINE_PROBE_BLTOUCH) {
		bltouch_raise(m, then);
		return;
	}
	if (m->probe.sensor) {
		m->probe.sensor->raise(m, then);
		return;
	}
	m->probe.touch.then = then;
	acts_begin(m);
	acts_run(m, raised);
}

static void up(struct machine *m, const char *error)
{
	if (error)
		m->probe.script.after(m, error);
	else
		probe_script_run(m, false, m->probe.script.after);
}

void probe_raise(struct machine *m, probe_then *then)
{
	struct probe *p = &m->probe;

	/* It may be away already. */
	if (!p->cfg->deactivate.text || (p->cfg->activate.text && !p->script.active)) {
		p->script.active = false;
		raise_itself(m, then);
		return;
	}
	p->script.after = then;
	raise_itself(m, up);
}

/* ---- one place, several samples ---- */

void probe_how_default(const struct machine *m, struct probe_how *how)
{
	const struct machine_probe *c = &m->mc->probe;

	*how = (struct probe_how){ .speed_mm_s = c->speed_mm_s,
				   .lift_speed_mm_s = c->lift_speed_mm_s,
				   .retract_mm = c->retract_mm,
				   .tolerance_mm = c->tolerance_mm,
				   .samples = c->samples,
				   .retries = c->retries,
				   .result = c->result };
}

static void end(struct machine *m)
{
	m->probe.run.tapping = m->probe.run.how.tap = false;
	m->probe.run.then(m, m->probe.run.failed ? m->probe.text : NULL);
}

/* The first error counts, whatever comes of putting the probe away. */
static void put_away(struct machine *m, const char *error)
{
	if (error && !m->probe.run.failed) {
		m->probe.run.failed = true;
		snprintf(m->probe.text, sizeof(m->probe.text), "%s", error);
	}
	end(m);
}

static void fail(struct machine *m, const char *error)
{
	struct probe *p = &m->probe;

	p->run.failed = true;
	snprintf(p->text, sizeof(p->text), "%s", error);
	if (m->state == MACHINE_READY)
		probe_raise(m, put_away);
	else
		end(m);
}

static int by_height(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double result_mm(const struct probe *p)
{
	int n = p->run.count;
	double sorted[MACHINE_SAMPLES_MAX], sum = 0;

	memcpy(sorted, p->run.z_mm, (size_t)n * sizeof(*sorted));
	for (int i = 0; i < n; i++)
		sum += sorted[i];
	if (p->run.how.result == MACHINE_SAMPLES_AVERAGE)
		return sum / n;
	qsort(sorted, (size_t)n, sizeof(*sorted), by_height);
	return n & 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void descend(struct machine *m, const char *error);

static void lower_again(struct machine *m, const char *error)
{
	if (error)
		fail(m, error);
	else
		probe_lower(m, descend);
}

/* Up, for the next sample. */
static void lift(struct machine *m, const char *error)
{
	struct probe *p = &m->probe;

	if (error) {
		fail(m, error);
		return;
	}
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, m->homing.line.trigger_mm[AXIS_Z] + p->run.how.retract_mm,
		       p->run.how.lift_speed_mm_s);
	acts_run(m, lower_again);
}

/* Whether the samples so far are near enough to each other. */
static bool tolerable(const struct probe *p)
{
	double least = INFINITY, most = -INFINITY;

	for (int i = 0; i < p->run.count; i++) {
		least = fmin(least, p->run.z_mm[i]);
		most = fmax(most, p->run.z_mm[i]);
	}
	return most - least <= p->run.how.tolerance_mm;
}

static void found(struct machine *m, const char *error)
{
	struct probe *p = &m->probe;
	const struct homing_line *line = &m->homing.line;
	char text[sizeof(p->text)];

	if (error) {
		fail(m, error);
		return;
	}
	memcpy(p->run.at_mm, line->trigger_mm, sizeof(p->run.at_mm));
	if (!p->run.tapping) /* a nozzle that touches is not beside itself */
		p->run.at_mm[AXIS_Z] += twist_mm(m, line->trigger_mm[AXIS_X],
						 line->trigger_mm[AXIS_Y]);
	p->run.tapping = false;
	p->run.z_mm[p->run.count++] = p->run.at_mm[AXIS_Z];
	machine_say(m, REPLY_INFO, "probe at %.3f,%.3f is z=%.6f", line->trigger_mm[AXIS_X],
		    line->trigger_mm[AXIS_Y], p->run.at_mm[AXIS_Z]);
	if (!tolerable(p)) {
		if (p->run.retries++ >= p->run.how.retries) {
			snprintf(text, sizeof(text),
				 "samples differ by more than samples_tolerance %g mm",
				 p->run.how.tolerance_mm);
			fail(m, text);
			return;
		}
		machine_say(m, REPLY_INFO,
			    "samples differ by more than samples_tolerance %g mm: once more",
			    p->run.how.tolerance_mm);
		p->run.count = 0;
	}
	if (p->run.count == p->run.how.samples) {
		p->run.at_mm[AXIS_Z] = result_mm(p);
		if (p->run.how.keep && !p->cfg->stow_on_each_sample)
			end(m);
		else
			probe_raise(m, put_away);
		return;
	}
	if (p->cfg->stow_on_each_sample)
		probe_raise(m, lift);
	else
		lift(m, NULL);
}

/* A sensor says now how high the nozzle is in truth: the result is where it would have been at z_offset. */
static void measured(struct machine *m, const char *error)
{
	struct homing_line *line = &m->homing.line;

	if (!error && m->probe.run.how.tap && !m->probe.run.tapping) {
		m->probe.run.tapping = true;
		descend(m, eddy_tap_missing(m, m->probe.over_mm));
		return;
	}
	if (!error)
		line->trigger_mm[AXIS_Z] = planner_position(m->planner)[AXIS_Z] - m->probe.over_mm +
					   m->probe.offset_mm[AXIS_Z];
	found(m, error);
}

static void touched(struct machine *m, const char *error)
{
	if (!error && !m->homing.line.hit)
		error = m->homing.reason >= HOMING_REASON_SENSOR && m->probe.sensor
				? m->probe.sensor->failed(m->homing.reason - HOMING_REASON_SENSOR)
			: m->probe.run.tapping
				? "the nozzle did not touch the bed where the coil sees it"
				: "the probe did not trigger before the end of the move";
	if (!error && m->probe.sensor)
		m->probe.sensor->settle(m, measured);
	else
		found(m, error);
}

static void descend(struct machine *m, const char *error)
{
	struct probe *p = &m->probe;
	struct homing_line line = { .input = p->input,
				    .velocity_mm_s = p->run.how.speed_mm_s,
				    .then = touched };
	char err[GCODE_ERR_MAX] = "";

	if (error) {
		fail(m, error);
		return;
	}
	memcpy(line.to_mm, planner_position(m->planner), sizeof(line.to_mm));
	line.to_mm[AXIS_Z] = probe_lowest_mm(m);
	if (p->run.tapping) {
		line.velocity_mm_s = fmin(line.velocity_mm_s, EDDY_TAP_MM_S);
		line.to_mm[AXIS_Z] = fmax(line.to_mm[AXIS_Z], planner_position(m->planner)[AXIS_Z] -
								      p->over_mm - TAP_DEEP_MM);
	}
	if (planner_position(m->planner)[AXIS_Z] <= line.to_mm[AXIS_Z])
		snprintf(err, sizeof(err), "there is no way down: Z is at its minimum %g",
			 line.to_mm[AXIS_Z]);
	else
		machine_check_move(m, line.to_mm, err);
	if (err[0])
		fail(m, err);
	else
		homing_start_line(m, &line);
}

void probe_run(struct machine *m, const struct probe_how *how, probe_then *then)
{
	struct probe *p = &m->probe;

	p->run.how = *how;
	p->run.then = then;
	p->run.count = p->run.retries = 0;
	p->run.tapping = false;
	p->run.failed = false;
	/* Once the machine rests. */
	acts_begin(m);
	acts_run(m, lower_again);
}
