// SPDX-License-Identifier: GPL-2.0-or-later
/* PROBE, PROBE_ACCURACY, QUERY_PROBE. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/machine/machine.h"

static bool whole(struct gcode *g, const struct gcode_line *l, const char *key, double least,
		  double most, int *out)
{
	double value;

	if (!gcode_param_number(g, l, key, *out, &value))
		return false;
	if (!(value >= least && value <= most) || value != rint(value)) {
		gcode_fail(g, "%s=%g: expected a whole number from %g to %g", key, value, least,
			   most);
		return false;
	}
	*out = (int)value;
	return true;
}

bool probe_how_read(struct gcode *g, const struct machine *m, const struct gcode_line *l,
		    struct probe_how *how)
{
	char result[16];
	bool found;

	probe_how_default(m, how);
	if (!gcode_param_limit(g, l, "PROBE_SPEED", 0, true, &how->speed_mm_s, &found))
		return false;
	if (!found)
		how->speed_mm_s = m->mc->probe.speed_mm_s;
	if (!gcode_param_limit(g, l, "LIFT_SPEED", 0, true, &how->lift_speed_mm_s, &found))
		return false;
	if (!found)
		how->lift_speed_mm_s = m->mc->probe.lift_speed_mm_s;
	if (!gcode_param_limit(g, l, "SAMPLE_RETRACT_DIST", 0, true, &how->retract_mm, &found))
		return false;
	if (!found)
		how->retract_mm = m->mc->probe.retract_mm;
	if (!gcode_param_limit(g, l, "SAMPLES_TOLERANCE", 0, false, &how->tolerance_mm, &found))
		return false;
	if (!found)
		how->tolerance_mm = m->mc->probe.tolerance_mm;
	if (!whole(g, l, "SAMPLES", 1, MACHINE_SAMPLES_MAX, &how->samples) ||
	    !whole(g, l, "SAMPLES_TOLERANCE_RETRIES", 0, 1000, &how->retries) ||
	    !gcode_param_name(g, l, "SAMPLES_RESULT", how->result ? "median" : "average", result,
			      sizeof(result)))
		return false;
	if (strcasecmp(result, "median") != 0 && strcasecmp(result, "average") != 0) {
		gcode_fail(g, "SAMPLES_RESULT=%s: expected median or average", result);
		return false;
	}
	how->result = result[0] == 'm' || result[0] == 'M' ? MACHINE_SAMPLES_MEDIAN
							   : MACHINE_SAMPLES_AVERAGE;
	return true;
}

/* Whether the machine can probe now. */
static bool can_probe(struct gcode *g, const struct machine *m)
{
	char err[GCODE_ERR_MAX] = "";

	if (m->state != MACHINE_READY)
		gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	else if (probe_check(m, err) < 0)
		gcode_fail(g, "%s", err);
	else
		return true;
	return false;
}

/* METHOD of those that probe one place. False: an error has been replied. */
static bool method(struct gcode *g, const struct machine *m, const struct gcode_line *l,
		   struct probe_how *how)
{
	char name[16];

	if (!gcode_param_name(g, l, "METHOD", "automatic", name, sizeof(name)))
		return false;
	how->tap = strcasecmp(name, "tap") == 0;
	if (!how->tap && strcasecmp(name, "automatic") != 0)
		gcode_fail(g, "METHOD=%s: expected automatic or tap", name);
	else if (how->tap && m->probe.cfg->kind != MACHINE_PROBE_EDDY)
		gcode_fail(g,
			   "METHOD=tap: expected a [probe_eddy_current]; other probes touch anyway");
	else
		return true;
	return false;
}

/* ---- PROBE ---- */

static void probed(struct machine *m, const char *error)
{
	const struct probe *p = &m->probe;

	if (!error) {
		m->probe.last_z_mm = p->run.at_mm[AXIS_Z];
		machine_say(m, REPLY_INFO, "Result is z=%.6f", p->run.at_mm[AXIS_Z]);
	}
	gcode_resume(&m->gcode, error);
}

static enum gcode_result probe(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct probe_how how;

	if (!can_probe(g, m) || !probe_how_read(g, m, l, &how) || !method(g, m, l, &how))
		return GCODE_ERROR;
	probe_run(m, &how, probed);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

/* ---- PROBE_ACCURACY ---- */

static void measured(struct machine *m, const char *error)
{
	const struct probe *p = &m->probe;
	const double *z = p->run.z_mm;
	double least = INFINITY, most = -INFINITY, mean = 0, square = 0;
	int n = p->run.count;

	for (int i = 0; i < n && !error; i++) {
		least = fmin(least, z[i]);
		most = fmax(most, z[i]);
		mean += z[i] / n;
	}
	for (int i = 0; i < n && !error; i++)
		square += (z[i] - mean) * (z[i] - mean) / n;
	if (!error)
		machine_say(m, REPLY_INFO,
			    "probe accuracy results: maximum %.6f, minimum %.6f, range %.6f, average "
			    "%.6f, median %.6f, standard deviation %.6f",
			    most, least, most - least, mean, p->run.at_mm[AXIS_Z], sqrt(square));
	gcode_resume(&m->gcode, error);
}

static enum gcode_result accuracy(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const double *at_mm = planner_position(m->planner);
	struct probe_how how;

	if (!can_probe(g, m) || !probe_how_read(g, m, l, &how) || !method(g, m, l, &how))
		return GCODE_ERROR;
	if (!gcode_param_find(l, "SAMPLES"))
		how.samples = 10;
	how.tolerance_mm = INFINITY; /* all that there are count */
	how.result = MACHINE_SAMPLES_MEDIAN;
	gcode_reply(g, REPLY_INFO,
		    "PROBE_ACCURACY at X:%.3f Y:%.3f Z:%.3f (samples=%d retract=%.3f speed=%.1f "
		    "lift_speed=%.1f)",
		    at_mm[AXIS_X], at_mm[AXIS_Y], at_mm[AXIS_Z], how.samples, how.retract_mm,
		    how.speed_mm_s, how.lift_speed_mm_s);
	probe_run(m, &how, measured);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

/* ---- QUERY_PROBE ---- */

static void queried(struct machine *m, bool triggered, const char *error)
{
	if (!error) {
		m->probe.last_triggered = triggered;
		machine_say(m, REPLY_INFO, "probe: %s", triggered ? "TRIGGERED" : "open");
	}
	gcode_resume(&m->gcode, error);
}

static void query_now(struct machine *m, const char *error)
{
	if (error)
		gcode_resume(&m->gcode, error);
	else
		switches_ask(m, m->probe.input, queried);
}

static enum gcode_result query(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	(void)l;
	if (!can_probe(g, m))
		return GCODE_ERROR;
	/* As it is once all that was said before has been executed. */
	acts_begin(m);
	acts_run(m, query_now);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

const struct gcode_command probe_commands[] = {
	{ "PROBE", GCODE_EXTENDED, 0, probe, "[METHOD=<automatic|tap>] " PROBE_PARAMS,
	  "probe the bed here" },
	{ "PROBE_ACCURACY", GCODE_EXTENDED, 0, accuracy, "[METHOD=<automatic|tap>] " PROBE_PARAMS,
	  "probe the bed here many times and say how much the results differ" },
	{ "QUERY_PROBE", GCODE_EXTENDED, 0, query, "", "whether the probe is triggered now" },
};
const unsigned probe_command_count = sizeof(probe_commands) / sizeof(*probe_commands);
