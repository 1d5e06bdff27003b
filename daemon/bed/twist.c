// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bed/twist.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/save.h"

#define MASK_XY (1u << AXIS_X | 1u << AXIS_Y)

void twist_init(struct machine *m)
{
	memcpy(m->twist.axis, m->mc->twist.axis, sizeof(m->twist.axis));
}

static double along_mm(const struct machine_twist_axis *a, double at_mm)
{
	double c;
	size_t i;

	if (a->count == 0)
		return 0;
	if (a->count == 1)
		return a->z_mm[0];
	c = (at_mm - a->start_mm) / (a->end_mm - a->start_mm) * (double)(a->count - 1);
	c = fmin(fmax(c, 0), (double)(a->count - 1));
	i = (size_t)fmin(c, (double)(a->count - 2));
	return a->z_mm[i] + (c - (double)i) * (a->z_mm[i + 1] - a->z_mm[i]);
}

double twist_mm(const struct machine *m, double x_mm, double y_mm)
{
	return along_mm(&m->twist.axis[0], x_mm) + along_mm(&m->twist.axis[1], y_mm);
}

/* ---- calibration ---- */

static void end(struct machine *m, const char *error)
{
	/* What was in use before. */
	if (error)
		memcpy(m->twist.axis, m->mc->twist.axis, sizeof(m->twist.axis));
	gcode_resume(&m->gcode, error);
}

/* The values make each place as high as all are in the mean. */
static void use(struct machine *m)
{
	static const char *const names[2][3] = {
		{ "z_compensations", "compensation_start_x", "compensation_end_x" },
		{ "zy_compensations", "compensation_start_y", "compensation_end_y" },
	};
	struct twist *t = &m->twist;
	struct machine_twist_axis *a = &t->axis[t->along];
	double mean = 0;
	char text[MACHINE_TWIST_MAX * 12] = "";
	size_t used = 0;

	for (size_t i = 0; i < t->count; i++)
		mean += t->result_mm[i] / (double)t->count;
	a->count = t->count;
	a->start_mm = t->place_mm[0][t->along];
	a->end_mm = t->place_mm[t->count - 1][t->along];
	for (size_t i = 0; i < t->count; i++) {
		a->z_mm[i] = mean - t->result_mm[i];
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.6f", i ? ", " : "",
					 a->z_mm[i]);
	}
	save_set(m, true, "axis_twist_compensation", names[t->along][0], "%s", text);
	save_set(m, true, "axis_twist_compensation", names[t->along][1], "%g", a->start_mm);
	save_set(m, true, "axis_twist_compensation", names[t->along][2], "%g", a->end_mm);
	machine_say(m, REPLY_INFO,
		    "axis twist: %s, in use; the mean z_offset is %.6f; SAVE_CONFIG writes them into "
		    "the configuration",
		    text, mean);
	end(m, NULL);
}

static void next(struct machine *m);

static void accepted(struct machine *m, const double *at_mm)
{
	struct twist *t = &m->twist;

	if (!at_mm) {
		end(m, "given up by ABORT");
		return;
	}
	t->result_mm[t->at] = m->manual_probe.trigger_mm - at_mm[AXIS_Z];
	t->at++;
	next(m);
}

static void nozzle_there(struct machine *m, const char *error)
{
	if (error) {
		end(m, error);
		return;
	}
	manual_probe_start(m, accepted);
	gcode_resume(&m->gcode, NULL);
}

/* The nozzle to where the probe was. */
static void probed(struct machine *m, const char *error)
{
	const struct twist *t = &m->twist;
	double to_mm[MOVE_AXES] = { 0 };

	if (error) {
		end(m, error);
		return;
	}
	m->manual_probe.trigger_mm = m->probe.run.at_mm[AXIS_Z];
	for (int k = 0; k < 2; k++)
		to_mm[k] = t->place_mm[t->at][k] + m->probe.offset_mm[k];
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, m->mc->twist.travel_z_mm, m->probe.run.how.lift_speed_mm_s);
	acts_move(m, MASK_XY, to_mm, m->mc->twist.speed_mm_s);
	acts_run(m, nozzle_there);
}

static void over_it(struct machine *m, const char *error)
{
	struct probe_how how;

	if (error) {
		end(m, error);
		return;
	}
	probe_how_default(m, &how);
	probe_run(m, &how, probed);
}

static void next(struct machine *m)
{
	const struct twist *t = &m->twist;
	double to_mm[MOVE_AXES] = { 0 };

	if (t->at == t->count) {
		use(m);
		return;
	}
	memcpy(to_mm, t->place_mm[t->at], sizeof(t->place_mm[0]));
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, m->mc->twist.travel_z_mm, m->mc->probe.lift_speed_mm_s);
	acts_move(m, MASK_XY, to_mm, m->mc->twist.speed_mm_s);
	acts_run(m, over_it);
}

/* Where the nozzle is when the probe touches; both have to get there. */
static bool make_places(struct gcode *g, struct machine *m)
{
	const struct machine_twist_range *r = &m->mc->twist.range[m->twist.along];
	struct twist *t = &m->twist;
	char err[GCODE_ERR_MAX] = "";

	for (size_t i = 0; i < t->count; i++) {
		double at_mm[MOVE_AXES];

		memcpy(at_mm, planner_position(m->planner), sizeof(at_mm));
		at_mm[AXIS_Z] = m->mc->twist.travel_z_mm;
		at_mm[t->along] = r->start_mm +
				  (r->end_mm - r->start_mm) * (double)i / (double)(t->count - 1);
		at_mm[1 - t->along] = r->other_mm;
		if (machine_check_place(m, at_mm, err) < 0) {
			gcode_fail(g, "place %zu: %s", i + 1, err);
			return false;
		}
		/* Given for the nozzle by hand: the probe comes to the same place. */
		for (int k = 0; k < 2; k++)
			t->place_mm[i][k] = at_mm[k] -= m->probe.offset_mm[k];
		if (machine_check_place(m, at_mm, err) < 0) {
			gcode_fail(g, "place %zu, probe: %s", i + 1, err);
			return false;
		}
	}
	return true;
}

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct twist *t = &m->twist;
	char axis[4], err[GCODE_ERR_MAX] = "";
	double count;

	if (!gcode_param_name(g, l, "AXIS", "X", axis, sizeof(axis)) ||
	    !gcode_param_number(g, l, "SAMPLE_COUNT", 3, &count))
		return GCODE_ERROR;
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	if (m->manual_probe.active)
		return gcode_fail(g, "a manual probe is under way; expected ACCEPT or ABORT first");
	if (strcasecmp(axis, "X") != 0 && strcasecmp(axis, "Y") != 0)
		return gcode_fail(g, "AXIS=%s: expected X or Y", axis);
	if (!(count >= 2 && count <= MACHINE_TWIST_MAX) || count != rint(count))
		return gcode_fail(g, "SAMPLE_COUNT=%g: expected a whole number from 2 to %d", count,
				  MACHINE_TWIST_MAX);
	t->along = (axis[0] | 32) == 'y';
	if (!m->mc->twist.range[t->along].given)
		return gcode_fail(g,
				  "expected an [axis_twist_compensation] with calibrate_start_%s, "
				  "calibrate_end_%s and calibrate_%s",
				  t->along ? "y" : "x", t->along ? "y" : "x", t->along ? "x" : "y");
	if (probe_check(m, err) < 0)
		return gcode_fail(g, "%s", err);
	t->count = (size_t)count;
	t->at = 0;
	if (!make_places(g, m))
		return GCODE_ERROR;
	t->axis[t->along].count = 0; /* measured as it is */
	next(m);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

const struct gcode_command twist_commands[] = {
	{ "AXIS_TWIST_COMPENSATION_CALIBRATE", GCODE_EXTENDED, 0, calibrate,
	  "[AXIS=<X|Y>] [SAMPLE_COUNT=<n>]",
	  "find how much higher the probe is along an axis: probe and nozzle at the same places" },
};
const unsigned twist_command_count = sizeof(twist_commands) / sizeof(*twist_commands);
