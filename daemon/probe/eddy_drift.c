// SPDX-License-Identifier: GPL-2.0-or-later
/* The coil's frequency falls as it gets warm: measured at some temperatures, then taken out of all heights.
 *
 * Each measurement is a sweep over the bed from where the nozzle touches it, so that a frame that grows does not count. Of what the frequency is
 * at each of some heights, compared with the first sweep, a parabola through zero is fitted over the temperature. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"
#include "daemon/save.h"

/* From one temperature to the next, and between the first and the last, at least. */
#define STEP_DEGC 2.0
#define RANGE_DEGC 5.0
enum { TEMPERATURES_MIN = 3 };
/* A measurement may begin so much above the last one, and must end so: the parabola can't do with two that are alike. */
#define BEGIN_DEGC 1.0
#define END_DEGC 0.5

static const struct machine_drift *in_use(const struct machine *m)
{
	return &m->eddy.drift.in_use;
}

/* False: it is not known. */
static bool coil_degc(const struct machine *m, double *degc)
{
	const struct heat_sensor_status *s;

	if (in_use(m)->sensor < 0)
		return false;
	s = &m->heaters.status.sensor[in_use(m)->sensor];
	*degc = s->degc;
	return s->state == HEAT_SENSOR_GOOD;
}

/* ---- in use ---- */

/* Of the frequency at ref_degc, at that height. */
static double factor(const struct machine_drift *d, double height_mm, double degc)
{
	double t = degc - d->ref_degc, share = 0, linear, square;
	size_t i = 0;

	while (i + 2 < d->count && height_mm > d->height_mm[i + 1])
		i++;
	linear = d->linear[i];
	square = d->square[i];
	if (i + 1 < d->count) {
		share = (height_mm - d->height_mm[i]) / (d->height_mm[i + 1] - d->height_mm[i]);
		linear += share * (d->linear[i + 1] - linear);
		square += share * (d->square[i + 1] - square);
	}
	return 1 + t * linear + t * t * square;
}

static bool compensates(const struct machine *m)
{
	const struct eddy_drift *d = &m->eddy.drift;

	return d->enabled && d->in_use.count && !isnan(d->in_use.table_degc);
}

const char *eddy_cold(const struct machine *m)
{
	double degc;

	return !compensates(m) || coil_degc(m, &degc)
		       ? NULL
		       : "the coil's temperature is not known: expected a value of [temperature_probe]";
}

void eddy_warm(struct machine *m)
{
	struct eddy *e = &m->eddy;
	const struct machine_drift *d = in_use(m);
	double degc;

	if (d->sensor < 0)
		return;
	if (!compensates(m))
		memcpy(e->hz, e->drift.cold_hz, sizeof(e->hz));
	else if (coil_degc(m, &degc))
		for (size_t i = 0; i < e->count; i++)
			e->hz[i] = e->drift.cold_hz[i] * factor(d, e->height_mm[i], degc) /
				   factor(d, e->height_mm[i], d->table_degc);
}

static char *section(const struct machine *m, char buf[128])
{
	const char *own = strchr(m->mc->probe.section, ' ');

	snprintf(buf, 128, "temperature_probe %.100s", own ? own + 1 : "");
	return buf;
}

void eddy_drift_at(struct machine *m)
{
	char name[128];
	double degc;

	if (!coil_degc(m, &degc))
		return;
	m->eddy.drift.in_use.table_degc = degc;
	save_set(m, true, section(m, name), "calibration_temp", "%.2f", degc);
}

/* ---- calibration ---- */

/* Of all temperatures so far, the parabola through the first one. */
static void fit(const struct eddy_drift *d, size_t height, double *linear, double *square)
{
	double tt = 0, ttt = 0, tttt = 0, ty = 0, tty = 0, det;

	for (size_t i = 1; i < d->count; i++) {
		double t = d->degc[i] - d->degc[0], y = d->hz[i][height] / d->hz[0][height] - 1;

		tt += t * t;
		ttt += t * t * t;
		tttt += t * t * t * t;
		ty += t * y;
		tty += t * t * y;
	}
	det = tt * tttt - ttt * ttt;
	*linear = (ty * tttt - tty * ttt) / det;
	*square = (tty * tt - ty * ttt) / det;
}

static size_t height_index(size_t k)
{
	return k * (EDDY_SWEEP - 1) / (EDDY_DRIFT_HEIGHTS - 1);
}

/* The first sweep is the table, and the temperatures are those since. */
static void use(struct machine *m)
{
	struct eddy_drift *d = &m->eddy.drift;
	char text[EDDY_DRIFT_HEIGHTS * 48], name[128];
	size_t used = 0;

	d->active = false;
	d->in_use.table_degc = d->in_use.ref_degc = d->degc[0];
	d->in_use.count = EDDY_DRIFT_HEIGHTS;
	for (size_t k = 0; k < EDDY_DRIFT_HEIGHTS; k++) {
		d->in_use.height_mm[k] = eddy_sweep_mm(height_index(k));
		fit(d, k, &d->in_use.linear[k], &d->in_use.square[k]);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.4f:%.5e:%.5e",
					 k ? "," : "", d->in_use.height_mm[k], d->in_use.linear[k],
					 d->in_use.square[k]);
	}
	eddy_use_table(m, d->first_hz);
	section(m, name);
	save_set(m, true, name, "calibration_temp", "%.2f", d->degc[0]);
	save_set(m, true, name, "drift_calibration_min_temp", "%.2f", d->degc[0]);
	save_set(m, true, name, "drift_calibration", "%s", text);
	machine_say(m, REPLY_INFO,
		    "[%s] drift calibrated from %.1f to %.1f degC, %zu temperatures: %.1f ppm/K near "
		    "the bed, %.1f far; SAVE_CONFIG writes it into the configuration",
		    name, d->degc[0], d->degc[d->count - 1], d->count, d->in_use.linear[0] * 1e6,
		    d->in_use.linear[EDDY_DRIFT_HEIGHTS - 1] * 1e6);
}

static bool enough(const struct eddy_drift *d)
{
	return d->count >= TEMPERATURES_MIN && d->degc[d->count - 1] - d->degc[0] >= RANGE_DEGC;
}

static void swept(struct machine *m)
{
	struct eddy *e = &m->eddy;
	struct eddy_drift *d = &e->drift;
	double degc;

	if (!coil_degc(m, &degc)) {
		snprintf(e->text, sizeof(e->text), "[temperature_probe] says no temperature");
		return;
	}
	if (d->count && !(degc >= d->degc[d->count - 1] + END_DEGC)) {
		snprintf(e->text, sizeof(e->text),
			 "the coil has cooled to %.1f degC, and was measured at %.1f: expected %.1f K "
			 "more; TEMPERATURE_PROBE_NEXT",
			 degc, d->degc[d->count - 1], END_DEGC);
		d->told = false;
		return;
	}
	d->degc[d->count] = degc;
	for (size_t k = 0; k < EDDY_DRIFT_HEIGHTS; k++)
		d->hz[d->count][k] = e->found_hz[height_index(k)];
	if (d->count == 0)
		memcpy(d->first_hz, e->found_hz, sizeof(d->first_hz));
	d->count++;
	d->told = false;
	if ((degc >= d->target_degc && enough(d)) || d->count == EDDY_TEMPERATURES)
		use(m);
	else
		machine_say(m, REPLY_INFO,
			    "drift: %zu measured at %.1f degC; expected TEMPERATURE_PROBE_NEXT at "
			    "%.1f degC, or TEMPERATURE_PROBE_COMPLETE, or ABORT",
			    d->count, degc, degc + d->step_degc);
}

void eddy_drift_poll(struct machine *m)
{
	struct eddy_drift *d = &m->eddy.drift;
	double degc;

	if (!d->active || d->told || !d->count || !coil_degc(m, &degc) ||
	    degc < d->degc[d->count - 1] + d->step_degc)
		return;
	d->told = true;
	machine_say(m, REPLY_INFO, "drift: the coil has %.1f degC: TEMPERATURE_PROBE_NEXT", degc);
}

bool eddy_drift_abort(struct machine *m)
{
	bool was = m->eddy.drift.active;

	m->eddy.drift.active = false;
	return was;
}

static void accepted(struct machine *m, const double *at_mm)
{
	if (at_mm) {
		eddy_sweep(m, at_mm, swept);
		return;
	}
	m->eddy.drift.active = m->eddy.drift.count > 0;
	gcode_resume(&m->gcode, NULL);
}

/* ---- commands ---- */

static bool has_sensor(struct gcode *g, const struct machine *m)
{
	char name[128];

	if (in_use(m)->sensor >= 0)
		return true;
	gcode_fail(g, "there is no [%s]; expected one, of the coil's temperature", section(m, name));
	return false;
}

static bool has_degc(struct gcode *g, const struct machine *m, double *degc)
{
	char name[128];

	*degc = 0;
	if (!has_sensor(g, m))
		return false;
	if (coil_degc(m, degc))
		return true;
	gcode_fail(g, "[%s] says no temperature", section(m, name));
	return false;
}

static enum gcode_result measure(struct gcode *g, struct machine *m)
{
	if ((m->homed & 7) != 7)
		return gcode_fail(g, "an axis has no known position; expected G28 before");
	manual_probe_start(m, accepted);
	return GCODE_OK;
}

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct eddy_drift *d = &m->eddy.drift;
	double target, step, degc;
	enum gcode_result result;

	if (eddy_refused(g, m, l, "PROBE") || !has_degc(g, m, &degc) ||
	    !gcode_param_number(g, l, "TARGET", 0, &target) ||
	    !gcode_param_number(g, l, "STEP", STEP_DEGC, &step))
		return GCODE_ERROR;
	if (!(target >= degc + RANGE_DEGC && target <= 300))
		return gcode_fail(g, "TARGET=%g: expected %.1f to 300 degC: the coil has %.1f",
				  target, degc + RANGE_DEGC, degc);
	if (!(step >= 1 && step <= 100))
		return gcode_fail(g, "STEP=%g: expected 1 to 100 K", step);
	result = measure(g, m);
	if (result != GCODE_OK)
		return result;
	d->active = true;
	d->count = 0;
	d->target_degc = target;
	d->step_degc = step;
	return GCODE_OK;
}

static bool under_way(struct gcode *g, const struct machine *m)
{
	if (!m->eddy.drift.active)
		gcode_fail(g, "no drift calibration is under way; expected "
			      "TEMPERATURE_PROBE_CALIBRATE before");
	return m->eddy.drift.active;
}

static enum gcode_result next(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct eddy_drift *d = &m->eddy.drift;
	double degc;

	if (!under_way(g, m) || eddy_refused(g, m, l, "PROBE") || !has_degc(g, m, &degc))
		return GCODE_ERROR;
	if (d->count && !(degc >= d->degc[d->count - 1] + BEGIN_DEGC))
		return gcode_fail(
			g, "the coil has %.1f degC, and was measured at %.1f: expected %g K more",
			degc, d->degc[d->count - 1], BEGIN_DEGC);
	return measure(g, m);
}

static enum gcode_result complete(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct eddy_drift *d = &m->eddy.drift;

	if (!under_way(g, m) || eddy_refused(g, m, l, "PROBE"))
		return GCODE_ERROR;
	if (!enough(d))
		return gcode_fail(g, "%zu temperatures over %.1f K: expected three or more over 5 K",
				  d->count, d->count ? d->degc[d->count - 1] - d->degc[0] : 0);
	use(m);
	return GCODE_OK;
}

static enum gcode_result enable(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	double on;

	/* Off is what is asked for when the sensor is broken. */
	if (eddy_refused(g, m, l, "PROBE") || !has_sensor(g, m) ||
	    !gcode_param_number(g, l, "ENABLE", 1, &on))
		return GCODE_ERROR;
	m->eddy.drift.enabled = on != 0;
	eddy_warm(m);
	machine_say(m, REPLY_INFO, "drift compensation: %s",
		    !m->eddy.drift.enabled ? "off"
		    : compensates(m)       ? "on"
					   : "on, once it is calibrated");
	return GCODE_OK;
}

const struct gcode_command eddy_drift_commands[] = {
	{ "TEMPERATURE_PROBE_CALIBRATE", GCODE_EXTENDED, 0, calibrate,
	  "TARGET=<degC> [STEP=<K>] [PROBE=<name>]",
	  "find how an eddy-current probe's coil drifts as it gets warm" },
	{ "TEMPERATURE_PROBE_NEXT", GCODE_EXTENDED, 0, next, "[PROBE=<name>]",
	  "in TEMPERATURE_PROBE_CALIBRATE: measure at the temperature now" },
	{ "TEMPERATURE_PROBE_COMPLETE", GCODE_EXTENDED, 0, complete, "[PROBE=<name>]",
	  "in TEMPERATURE_PROBE_CALIBRATE: the temperatures so far are enough" },
	{ "TEMPERATURE_PROBE_ENABLE", GCODE_EXTENDED, 0, enable, "[ENABLE=<0|1>] [PROBE=<name>]",
	  "whether an eddy-current probe's drift is compensated" },
};
const unsigned eddy_drift_command_count = sizeof(eddy_drift_commands) / sizeof(*eddy_drift_commands);
