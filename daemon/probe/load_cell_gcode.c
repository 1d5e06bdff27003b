// SPDX-License-Identifier: GPL-2.0-or-later
/* LOAD_CELL_READ, LOAD_CELL_TARE, LOAD_CELL_DIAGNOSTIC, LOAD_CELL_CALIBRATE with TARE and CALIBRATE. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "daemon/machine/machine.h"
#include "daemon/save.h"

#define READ_S 0.5
#define CALIBRATE_S 1.0
#define DIAGNOSTIC_S 10.0
/* As many samples as are kept, and those that wait. */
enum { DIAGNOSTIC_SAMPLES = BULK_SAMPLES - 96 };
/* So many counts at least for a known weight: less is noise. */
#define COUNTS_MIN 1000.0
#define RANGE_COUNTS 8388607.0

static bool refused(struct gcode *g, const struct machine *m)
{
	if (m->state == MACHINE_READY)
		return false;
	gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	return true;
}

static double percent(double counts)
{
	return 100 * counts / RANGE_COUNTS;
}

/* The chip stops; what it has measured stays. True: then the line has failed. */
static bool ended(struct machine *m, const char *error)
{
	load_cell_stop(m);
	if (!error && m->load_cell.saturated)
		error = "the load cell is saturated: its chip is at the end of its range";
	if (error)
		gcode_resume(&m->gcode, error);
	return error != NULL;
}

/* ---- READ, TARE, DIAGNOSTIC ---- */

static void say_force(struct machine *m)
{
	const struct load_cell *c = &m->load_cell;
	double grams = (c->mean_counts - c->tare_counts) / c->counts_per_gram;

	machine_say(m, REPLY_INFO, "%.1fg (%.2f%%)", c->cfg->inverted ? -grams : grams,
		    percent(c->mean_counts));
}

static void was_read(struct machine *m, const char *error)
{
	if (ended(m, error))
		return;
	say_force(m);
	gcode_resume(&m->gcode, NULL);
}

static void was_tared(struct machine *m, const char *error)
{
	struct load_cell *c = &m->load_cell;

	if (ended(m, error))
		return;
	c->tare_counts = c->mean_counts;
	machine_say(m, REPLY_INFO, "load cell tare value: %.2f%% (%.0f)", percent(c->tare_counts),
		    c->tare_counts);
	gcode_resume(&m->gcode, NULL);
}

static void was_diagnosed(struct machine *m, const char *error)
{
	const struct load_cell *c = &m->load_cell;

	load_cell_stop(m);
	if (!error) {
		machine_say(m, REPLY_INFO,
			    "%u samples in %.3g s, %.1f a second; %u saturated, %u broken",
			    c->samples, c->seconds, c->samples / c->seconds, c->saturated,
			    c->desynced);
		machine_say(m, REPLY_INFO, "from %.2f%% to %.2f%% of the chip's range",
			    percent(c->least_counts), percent(c->most_counts));
	}
	gcode_resume(&m->gcode, error);
}

static enum gcode_result begin(struct gcode *g, struct machine *m, double seconds,
			       load_cell_then *then, bool calibrated)
{
	if (refused(g, m))
		return GCODE_ERROR;
	if (calibrated && !(m->load_cell.counts_per_gram > 0))
		return gcode_fail(
			g, "the load cell is not calibrated: expected LOAD_CELL_CALIBRATE first");
	load_cell_measure(m, seconds, then);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result read_force(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	return begin(g, ctx, READ_S, was_read, true);
}

static enum gcode_result tare(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	return begin(g, ctx, READ_S, was_tared, false);
}

static enum gcode_result diagnose(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	(void)l;
	return begin(g, m, fmin(DIAGNOSTIC_S, DIAGNOSTIC_SAMPLES / m->load_cell.cfg->rate_hz),
		     was_diagnosed, false);
}

/* ---- calibration ---- */

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	(void)l;
	if (refused(g, m))
		return GCODE_ERROR;
	if (m->manual_probe.active)
		return gcode_fail(g, "a manual probe is under way; expected ACCEPT or ABORT first");
	m->load_cell.calibrating = true;
	m->load_cell.tared = false;
	m->load_cell.new_ratio = 0;
	gcode_reply(g, REPLY_INFO,
		    "load cell calibration: TARE without a force, then CALIBRATE GRAMS=<g> under a "
		    "known one, then ACCEPT, or ABORT");
	return GCODE_OK;
}

static bool is_calibrating(struct gcode *g, const struct machine *m)
{
	if (!m->load_cell.calibrating)
		gcode_fail(g, "no calibration is under way; expected LOAD_CELL_CALIBRATE before");
	return m->load_cell.calibrating;
}

static void zero_found(struct machine *m, const char *error)
{
	struct load_cell *c = &m->load_cell;

	if (ended(m, error))
		return;
	c->new_tare = c->mean_counts;
	c->tared = true;
	machine_say(m, REPLY_INFO, "load cell tare value: %.2f%% (%.0f)", percent(c->new_tare),
		    c->new_tare);
	gcode_resume(&m->gcode, NULL);
}

static enum gcode_result find_zero(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	if (!is_calibrating(g, ctx))
		return GCODE_ERROR;
	return begin(g, ctx, CALIBRATE_S, zero_found, false);
}

/* The known force is in new_ratio until then. */
static void ratio_found(struct machine *m, const char *error)
{
	struct load_cell *c = &m->load_cell;
	double grams = c->new_ratio, counts = fabs(c->mean_counts - c->new_tare);

	c->new_ratio = 0;
	if (ended(m, error))
		return;
	if (counts < COUNTS_MIN || counts / grams <= 1) {
		gcode_resume(&m->gcode, "the force makes too little difference: is it on the cell?");
		return;
	}
	c->new_ratio = counts / grams;
	machine_say(
		m, REPLY_INFO,
		"calibration value: %.2f%% (%.0f), counts/gram: %.5f, total capacity: +/- %.2f kg",
		percent(c->mean_counts), c->mean_counts, c->new_ratio,
		RANGE_COUNTS / c->new_ratio / 1000);
	gcode_resume(&m->gcode, NULL);
}

static enum gcode_result find_ratio(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	double grams;

	if (!is_calibrating(g, m))
		return GCODE_ERROR;
	if (!m->load_cell.tared)
		return gcode_fail(g, "the zero is not known; expected TARE before");
	if (!gcode_param_number(g, l, "GRAMS", 0, &grams))
		return GCODE_ERROR;
	if (!(grams >= 50 && grams <= 25000))
		return gcode_fail(g, "GRAMS=%g: expected 50 to 25000", grams);
	m->load_cell.new_ratio = grams;
	return begin(g, m, CALIBRATE_S, ratio_found, false);
}

bool load_cell_accept(struct machine *m, bool accept, enum gcode_result *result)
{
	struct load_cell *c = &m->load_cell;

	if (!c->calibrating)
		return false;
	*result = GCODE_OK;
	if (accept && !(c->new_ratio > 0)) {
		*result = gcode_fail(&m->gcode,
				     "nothing is found yet; expected CALIBRATE GRAMS=<g> before");
		return true;
	}
	c->calibrating = false;
	if (!accept)
		return true;
	c->counts_per_gram = c->new_ratio;
	c->reference_counts = c->tare_counts = c->new_tare;
	save_set(m, true, m->mc->probe.section, "counts_per_gram", "%.5f", c->counts_per_gram);
	save_set(m, true, m->mc->probe.section, "reference_tare_counts", "%.0f",
		 c->reference_counts);
	machine_say(
		m, REPLY_INFO,
		"counts_per_gram: %.5f, reference_tare_counts: %.0f; SAVE_CONFIG writes them into "
		"the configuration",
		c->counts_per_gram, c->reference_counts);
	return true;
}

const struct gcode_command load_cell_commands[] = {
	{ "LOAD_CELL_READ", GCODE_EXTENDED, 0, read_force, "", "the force on the load cell" },
	{ "LOAD_CELL_TARE", GCODE_EXTENDED, 0, tare, "", "the force now is 0 for LOAD_CELL_READ" },
	{ "LOAD_CELL_DIAGNOSTIC", GCODE_EXTENDED, 0, diagnose, "",
	  "count and compare the load cell's samples of 10 s" },
	{ "LOAD_CELL_CALIBRATE", GCODE_EXTENDED, 0, calibrate, "",
	  "find counts_per_gram and reference_tare_counts, by a known force" },
	{ "TARE", GCODE_EXTENDED, 0, find_zero, "", "in LOAD_CELL_CALIBRATE: there is no force" },
	{ "CALIBRATE", GCODE_EXTENDED, 0, find_ratio, "GRAMS=<g>",
	  "in LOAD_CELL_CALIBRATE: there is this force" },
};
const unsigned load_cell_command_count = sizeof(load_cell_commands) / sizeof(*load_cell_commands);
