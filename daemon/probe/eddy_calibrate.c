// SPDX-License-Identifier: GPL-2.0-or-later
/* LDC_CALIBRATE_DRIVE_CURRENT and PROBE_EDDY_CURRENT_CALIBRATE. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/save.h"

/* The table's heights, from above; each is come to from above. */
#define STEP_MM 0.05
#define LIFT_MM 5.0
#define SPEED_MM_S 5.0
#define TRAVEL_MM_S 50.0
/* From one height to the next the frequency rises by so much at least, where there is a bed. */
#define RISE_MIN_HZ 1.0
_Static_assert((int)EDDY_SWEEP <= (int)MACHINE_EDDY_POINTS, "room for all");

double eddy_sweep_mm(size_t i)
{
	return STEP_MM * (double)(i + 1);
}

bool eddy_refused(struct gcode *g, const struct machine *m, const struct gcode_line *l,
		  const char *param)
{
	const char *own = strchr(m->mc->probe.section, ' ');
	char name[64];

	own = own ? own + 1 : "";
	if (m->state != MACHINE_READY)
		gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	else if (m->manual_probe.active)
		gcode_fail(g, "a manual probe is under way; expected ACCEPT or ABORT first");
	else if (!gcode_param_name(g, l, param, own, name, sizeof(name)))
		return true;
	else if (strcmp(name, own) != 0)
		gcode_fail(g, "%s=%s: expected %s", param, name, own);
	else
		return false;
	return true;
}

/* ---- LDC_CALIBRATE_DRIVE_CURRENT ---- */

static void drive_found(struct machine *m, const char *error)
{
	if (!error) {
		save_set(m, true, m->mc->probe.section, "reg_drive_current", "%d", m->eddy.drive);
		machine_say(
			m, REPLY_INFO,
			"[%s] reg_drive_current: %d; SAVE_CONFIG writes it into the configuration",
			m->mc->probe.section, m->eddy.drive);
	}
	gcode_resume(&m->gcode, error);
}

static void find_drive(struct machine *m, const char *error)
{
	if (error)
		gcode_resume(&m->gcode, error);
	else
		eddy_find_drive(m, drive_found);
}

static enum gcode_result drive(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	if (eddy_refused(g, m, l, "CHIP"))
		return GCODE_ERROR;
	acts_begin(m);
	acts_run(m, find_drive);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

/* ---- PROBE_EDDY_CURRENT_CALIBRATE ---- */

static void end(struct machine *m, const char *error)
{
	gcode_resume(&m->gcode, error ? error : m->eddy.text[0] ? m->eddy.text : NULL);
}

/* Up again, whatever came of it; what that was is in the text. */
static void lift(struct machine *m, const char *error)
{
	struct eddy *e = &m->eddy;

	if (error && error != e->text)
		snprintf(e->text, sizeof(e->text), "%s", error);
	eddy_stop(m);
	if (m->state != MACHINE_READY) {
		end(m, NULL);
		return;
	}
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, e->bed_mm + LIFT_MM, SPEED_MM_S);
	acts_run(m, end);
}

/* All heights are there: whether they tell heights apart. */
static void whole(struct machine *m)
{
	struct eddy *e = &m->eddy;

	for (size_t i = 1; i < EDDY_SWEEP && !e->text[0]; i++)
		if (!(e->found_hz[i - 1] - e->found_hz[i] > RISE_MIN_HZ))
			snprintf(e->text, sizeof(e->text),
				 "the frequency is %.1f Hz at %.2f mm and %.1f Hz at %.2f mm: expected "
				 "it to rise as the bed comes near",
				 e->found_hz[i], eddy_sweep_mm(i), e->found_hz[i - 1],
				 eddy_sweep_mm(i - 1));
	if (!e->text[0])
		e->swept(m);
	lift(m, NULL);
}

void eddy_use_table(struct machine *m, const double *hz)
{
	struct eddy *e = &m->eddy;
	char text[EDDY_SWEEP * 32];
	size_t used = 0;

	e->count = EDDY_SWEEP;
	for (size_t i = 0; i < EDDY_SWEEP; i++) {
		e->height_mm[i] = eddy_sweep_mm(i);
		e->hz[i] = e->drift.cold_hz[i] = hz[i];
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.6f:%.3f",
					 i ? "," : "", e->height_mm[i], e->hz[i]);
	}
	save_set(m, true, m->mc->probe.section, "calibrate", "%s", text);
}

static void use(struct machine *m)
{
	struct eddy *e = &m->eddy;

	eddy_use_table(m, e->found_hz);
	eddy_drift_at(m);
	machine_say(m, REPLY_INFO,
		    "[%s] calibrated from %.2f to %.2f mm: %.0f to %.0f Hz; SAVE_CONFIG writes it "
		    "into the configuration",
		    m->mc->probe.section, e->height_mm[0], e->height_mm[EDDY_SWEEP - 1], e->hz[0],
		    e->hz[EDDY_SWEEP - 1]);
}

static void next(struct machine *m);

static void measured(struct machine *m, const char *error)
{
	struct eddy *e = &m->eddy;

	if (error) {
		lift(m, error);
		return;
	}
	e->found_hz[--e->found] = e->mean_hz;
	if (e->found)
		next(m);
	else
		whole(m);
}

static void there(struct machine *m, const char *error)
{
	if (error)
		lift(m, error);
	else
		eddy_measure(m, measured);
}

static void next(struct machine *m)
{
	struct eddy *e = &m->eddy;

	acts_begin(m);
	acts_move_axis(m, AXIS_Z, e->bed_mm + eddy_sweep_mm(e->found - 1), SPEED_MM_S);
	acts_run(m, there);
}

static void started(struct machine *m, const char *error)
{
	if (error)
		lift(m, error);
	else
		next(m);
}

static void over_it(struct machine *m, const char *error)
{
	if (error)
		lift(m, error);
	else
		eddy_start(m, started);
}

void eddy_sweep(struct machine *m, const double *at_mm, void (*swept)(struct machine *m))
{
	struct eddy *e = &m->eddy;
	double to_mm[MOVE_AXES];
	char err[GCODE_ERR_MAX];

	e->swept = swept;
	memcpy(to_mm, at_mm, sizeof(to_mm));
	to_mm[AXIS_X] -= m->probe.offset_mm[AXIS_X];
	to_mm[AXIS_Y] -= m->probe.offset_mm[AXIS_Y];
	to_mm[AXIS_Z] += LIFT_MM;
	e->bed_mm = at_mm[AXIS_Z];
	e->found = EDDY_SWEEP;
	e->text[0] = 0;
	if (machine_check_place(m, to_mm, err) < 0) {
		snprintf(e->text, sizeof(e->text), "the coil can't go where the nozzle is: %.100s",
			 err);
		lift(m, e->text);
		return;
	}
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, to_mm[AXIS_Z], SPEED_MM_S);
	acts_move(m, 1u << AXIS_X | 1u << AXIS_Y, to_mm, TRAVEL_MM_S);
	acts_run(m, over_it);
}

/* The nozzle touches the bed: the coil to where it does. */
static void accepted(struct machine *m, const double *at_mm)
{
	if (at_mm)
		eddy_sweep(m, at_mm, use);
	else
		gcode_resume(&m->gcode, NULL);
}

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	if (eddy_refused(g, m, l, "CHIP"))
		return GCODE_ERROR;
	if ((m->homed & 7) != 7)
		return gcode_fail(g, "an axis has no known position; expected G28 before");
	manual_probe_start(m, accepted);
	return GCODE_OK;
}

const struct gcode_command eddy_commands[] = {
	{ "LDC_CALIBRATE_DRIVE_CURRENT", GCODE_EXTENDED, 0, drive, "[CHIP=<name>]",
	  "find the drive current for an eddy-current probe's coil, the bed far away" },
	{ "PROBE_EDDY_CURRENT_CALIBRATE", GCODE_EXTENDED, 0, calibrate, "[CHIP=<name>]",
	  "find the frequencies of an eddy-current probe, by a manual probe here" },
};
const unsigned eddy_command_count = sizeof(eddy_commands) / sizeof(*eddy_commands);
