// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/manual_probe.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/gcode/gcode_number.h"
#include "daemon/machine/machine.h"
#include "daemon/save.h"

/* TESTZ Z=+ beyond all that was tried: so much. */
#define BEYOND_MM 0.2
/* Down comes after up, so that backlash is always the same: */
#define BOB_MM 0.5
#define LIFT_MM 5.0
#define SPEED_MM_S 5.0
#define TRAVEL_MM_S 50.0
#define SAME_MM 1e-5

static double here_mm(const struct machine *m)
{
	return planner_position(m->planner)[AXIS_Z];
}

/* The nearest height tried below (or above) this one; NAN: none. */
static double neighbour(const struct manual_probe *p, double z_mm, bool above)
{
	double best = NAN;

	for (int i = 0; i < p->past; i++) {
		double d = p->past_mm[i] - z_mm;

		if (above ? d > SAME_MM && !(p->past_mm[i] >= best)
			  : d < -SAME_MM && !(p->past_mm[i] <= best))
			best = p->past_mm[i];
	}
	return best;
}

static void remember(struct manual_probe *p, double z_mm)
{
	if (p->past < MANUAL_PROBE_PAST)
		p->past_mm[p->past++] = z_mm;
}

static void report(struct machine *m)
{
	struct manual_probe *p = &m->manual_probe;
	double z_mm = here_mm(m), below = neighbour(p, z_mm, false),
	       above = neighbour(p, z_mm, true);
	char low[24] = "??????", high[24] = "??????";

	if (below == below)
		snprintf(low, sizeof(low), "%.3f", below);
	if (above == above)
		snprintf(high, sizeof(high), "%.3f", above);
	machine_say(m, REPLY_INFO, "Z position: %s --> %.3f <-- %s", low, z_mm, high);
}

void manual_probe_start(struct machine *m, void (*then)(struct machine *m, const double *at_mm))
{
	struct manual_probe *p = &m->manual_probe;

	p->active = true;
	p->guided = NULL;
	p->past = 0;
	p->start_mm = here_mm(m);
	p->then = then;
	machine_say(
		m, REPLY_INFO,
		"manual probe: bring the nozzle to the bed with TESTZ Z=<mm>, then ACCEPT, or ABORT");
	report(m);
}

/* ---- TESTZ, ACCEPT, ABORT ---- */

static bool is_active(struct gcode *g, const struct machine *m)
{
	if (!m->manual_probe.active)
		gcode_fail(g,
			   "no manual probe is under way; expected PROBE_CALIBRATE, MANUAL_PROBE or "
			   "the like before");
	return m->manual_probe.active;
}

static void tested(struct machine *m, const char *error)
{
	if (!error)
		report(m);
	gcode_resume(&m->gcode, error);
}

/* Where TESTZ Z=… leads. False: an error has been replied. */
static bool test_target(struct gcode *g, const struct machine *m, const struct gcode_line *l,
			double *to_mm)
{
	const struct gcode_param *z = gcode_param_find(l, "Z");
	const struct manual_probe *p = &m->manual_probe;
	double at_mm = here_mm(m), next, by;
	char found[40];

	if (z->value_len && z->value_len <= 2 && (z->value[0] == '+' || z->value[0] == '-') &&
	    z->value[z->value_len - 1] == z->value[0]) {
		next = neighbour(p, at_mm, z->value[0] == '+');
		if (next != next)
			*to_mm = at_mm + (z->value[0] == '+' ? BEYOND_MM : -BEYOND_MM);
		else
			*to_mm = z->value_len == 2 ? next : (at_mm + next) / 2;
		return true;
	}
	if (gcode_number_whole(z->value, z->value + z->value_len, &by) != GCODE_NUMBER_OK) {
		gcode_fail(g, "Z=%s: expected mm upward, or one of + ++ - --",
			   gcode_quote(found, sizeof(found), z->value, z->value_len));
		return false;
	}
	*to_mm = at_mm + by;
	return true;
}

static enum gcode_result test_z(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	double to_mm[MOVE_AXES];
	char err[GCODE_ERR_MAX] = "";

	if (!is_active(g, m))
		return GCODE_ERROR;
	if (m->manual_probe.guided)
		return gcode_fail(g,
				  "screws are being adjusted; expected ACCEPT, ADJUSTED or ABORT");
	memcpy(to_mm, planner_position(m->planner), sizeof(to_mm));
	if (!test_target(g, m, l, &to_mm[AXIS_Z]))
		return GCODE_ERROR;
	if (machine_check_move(m, to_mm, err) < 0)
		return gcode_fail(g, "%s", err);
	remember(&m->manual_probe, here_mm(m));
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, fmax(to_mm[AXIS_Z], here_mm(m)) + BOB_MM, SPEED_MM_S);
	acts_move_axis(m, AXIS_Z, to_mm[AXIS_Z], SPEED_MM_S);
	acts_run(m, tested);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static void accepted(struct machine *m, const char *error)
{
	struct manual_probe *p = &m->manual_probe;

	if (error) {
		gcode_resume(&m->gcode, error);
		return;
	}
	p->active = false;
	p->then(m, planner_position(m->planner));
}

static void aborted(struct machine *m, const char *error)
{
	m->manual_probe.active = false;
	if (error)
		gcode_resume(&m->gcode, error);
	else
		m->manual_probe.then(m, NULL);
}

void manual_probe_guide(struct machine *m, void (*guided)(struct machine *m, enum manual_word word))
{
	m->manual_probe = (struct manual_probe){ .active = true, .guided = guided };
}

static enum gcode_result guide(struct gcode *g, struct machine *m, enum manual_word word)
{
	m->manual_probe.guided(m, word);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result accept(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	enum gcode_result result;

	(void)l;
	if (load_cell_accept(m, true, &result))
		return result;
	if (!is_active(g, m))
		return GCODE_ERROR;
	if (m->manual_probe.guided)
		return guide(g, m, MANUAL_ACCEPT);
	if (m->manual_probe.past == 0)
		return gcode_fail(g, "the nozzle has not been moved; expected TESTZ before ACCEPT");
	acts_begin(m);
	acts_run(m, accepted);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

static enum gcode_result adjusted(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;

	(void)l;
	if (!m->manual_probe.active || !m->manual_probe.guided)
		return gcode_fail(g,
				  "no screw is being adjusted; expected BED_SCREWS_ADJUST before");
	return guide(g, m, MANUAL_ADJUSTED);
}

static enum gcode_result give_up(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	enum gcode_result result;

	(void)l;
	if (load_cell_accept(m, false, &result))
		return result;
	if (!m->manual_probe.active && eddy_drift_abort(m))
		return GCODE_OK;
	if (!is_active(g, m))
		return GCODE_ERROR;
	if (m->manual_probe.guided)
		return guide(g, m, MANUAL_ABORT);
	acts_begin(m);
	acts_run(m, aborted);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

/* ---- who starts it ---- */

bool manual_probe_can_start(struct gcode *g, const struct machine *m)
{
	if (m->state != MACHINE_READY)
		gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	else if (m->manual_probe.active)
		gcode_fail(g, "a manual probe is under way; expected ACCEPT or ABORT first");
	else if (!(m->homed & 1u << AXIS_Z))
		gcode_fail(g, "axis Z has no known position; expected G28 before");
	else
		return true;
	return false;
}

static void manual_done(struct machine *m, const double *at_mm)
{
	if (at_mm)
		machine_say(m, REPLY_INFO, "Z position is %.3f", at_mm[AXIS_Z]);
	else
		machine_say(m, REPLY_INFO, "manual probe: given up");
	gcode_resume(&m->gcode, NULL);
}

static enum gcode_result manual(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	if (!manual_probe_can_start(g, ctx))
		return GCODE_ERROR;
	manual_probe_start(ctx, manual_done);
	return GCODE_OK;
}

static void say_saved(struct machine *m, const char *section, const char *option, double value)
{
	machine_say(m, REPLY_INFO, "%s: %s: %.3f; SAVE_CONFIG writes it into the configuration",
		    section, option, value);
}

/* z_offset is how high the nozzle is when the probe triggers. */
static void probe_offset(struct machine *m, double z_mm)
{
	save_set(m, true, m->probe.cfg->section, "z_offset", "%.3f", z_mm);
	say_saved(m, m->probe.cfg->section, "z_offset", z_mm);
}

static void calibrated(struct machine *m, const double *at_mm)
{
	if (at_mm)
		probe_offset(m, m->manual_probe.trigger_mm - at_mm[AXIS_Z]);
	gcode_resume(&m->gcode, NULL);
}

static void over_the_place(struct machine *m, const char *error)
{
	if (!error)
		manual_probe_start(m, calibrated);
	gcode_resume(&m->gcode, error);
}

static void calibrate_probed(struct machine *m, const char *error)
{
	double to_mm[MOVE_AXES];

	if (error) {
		gcode_resume(&m->gcode, error);
		return;
	}
	/* The nozzle to where the probe was. */
	memcpy(to_mm, m->probe.run.at_mm, sizeof(to_mm));
	m->manual_probe.trigger_mm = to_mm[AXIS_Z];
	to_mm[AXIS_X] += m->probe.offset_mm[AXIS_X];
	to_mm[AXIS_Y] += m->probe.offset_mm[AXIS_Y];
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, to_mm[AXIS_Z] + LIFT_MM, m->probe.run.how.lift_speed_mm_s);
	acts_move(m, 1u << AXIS_X | 1u << AXIS_Y, to_mm, TRAVEL_MM_S);
	acts_run(m, over_the_place);
}

static enum gcode_result calibrate(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct probe_how how;
	char err[GCODE_ERR_MAX] = "";

	if (!manual_probe_can_start(g, m) || !probe_how_read(g, m, l, &how))
		return GCODE_ERROR;
	if (probe_check(m, err) < 0)
		return gcode_fail(g, "%s", err);
	probe_run(m, &how, calibrate_probed);
	return gcode_finish(g, -EINPROGRESS, NULL);
}

/* The rail whose position_endstop is Z's. */
static const struct machine_rail *z_rail(struct gcode *g, const struct machine *m)
{
	for (size_t r = 0; r < m->mc->rail_count; r++)
		if (m->mc->rails[r].axis == AXIS_Z && m->mc->rails[r].endstop_count &&
		    !m->mc->rails[r].endstop[0].probe)
			return &m->mc->rails[r];
	gcode_fail(
		g,
		"Z has no position_endstop; expected an endstop_pin in [stepper_z] that is not the "
		"probe's");
	return NULL;
}

static void endstop_done(struct machine *m, const double *at_mm)
{
	for (size_t r = 0; r < m->mc->rail_count && at_mm; r++) {
		const struct machine_rail *rail = &m->mc->rails[r];

		if (rail->axis != AXIS_Z)
			continue;
		save_set(m, false, rail->name, "position_endstop", "%.3f",
			 rail->position_endstop_mm - at_mm[AXIS_Z]);
		say_saved(m, rail->name, "position_endstop",
			  rail->position_endstop_mm - at_mm[AXIS_Z]);
		break;
	}
	gcode_resume(&m->gcode, NULL);
}

static enum gcode_result endstop(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)l;
	if (!manual_probe_can_start(g, ctx) || !z_rail(g, ctx))
		return GCODE_ERROR;
	manual_probe_start(ctx, endstop_done);
	return GCODE_OK;
}

static enum gcode_result apply_endstop(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	const struct machine_rail *rail = z_rail(g, m);

	(void)l;
	if (!rail)
		return GCODE_ERROR;
	if (g->offset_mm[AXIS_Z] == 0) {
		gcode_reply(g, REPLY_INFO, "nothing to apply: the Z offset is 0");
		return GCODE_OK;
	}
	save_set(m, false, rail->name, "position_endstop", "%.3f",
		 rail->position_endstop_mm - g->offset_mm[AXIS_Z]);
	say_saved(m, rail->name, "position_endstop",
		  rail->position_endstop_mm - g->offset_mm[AXIS_Z]);
	return GCODE_OK;
}

static enum gcode_result apply_probe(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	char err[GCODE_ERR_MAX] = "";

	(void)l;
	if (probe_check(m, err) < 0)
		return gcode_fail(g, "%s", err);
	if (g->offset_mm[AXIS_Z] == 0)
		gcode_reply(g, REPLY_INFO, "nothing to apply: the Z offset is 0");
	else
		probe_offset(m, m->probe.offset_mm[AXIS_Z] - g->offset_mm[AXIS_Z]);
	return GCODE_OK;
}

const struct gcode_command manual_probe_commands[] = {
	{ "PROBE_CALIBRATE", GCODE_EXTENDED, 0, calibrate, PROBE_PARAMS,
	  "find the probe's z_offset: probe here, then bring the nozzle to the same place" },
	{ "MANUAL_PROBE", GCODE_EXTENDED, 0, manual, "",
	  "find the height of the bed with the nozzle" },
	{ "Z_ENDSTOP_CALIBRATE", GCODE_EXTENDED, 0, endstop, "",
	  "find position_endstop of Z with the nozzle" },
	{ "TESTZ", GCODE_EXTENDED, 0, test_z, "Z=<mm>",
	  "in a manual probe: go there; + and - half the way to what was tried, ++ and -- all of it" },
	{ "ACCEPT", GCODE_EXTENDED, 0, accept, "",
	  "in a manual probe: this is the height; in BED_SCREWS_ADJUST: this screw is right" },
	{ "ADJUSTED", GCODE_EXTENDED, 0, adjusted, "",
	  "in BED_SCREWS_ADJUST: this screw was turned" },
	{ "ABORT", GCODE_EXTENDED, 0, give_up, "", "in a manual probe: give up" },
	{ "Z_OFFSET_APPLY_ENDSTOP", GCODE_EXTENDED, 0, apply_endstop, "",
	  "the G-code offset of Z becomes a part of position_endstop" },
	{ "Z_OFFSET_APPLY_PROBE", GCODE_EXTENDED, 0, apply_probe, "",
	  "the G-code offset of Z becomes a part of the probe's z_offset" },
};
const unsigned manual_probe_command_count = sizeof(manual_probe_commands) /
					    sizeof(*manual_probe_commands);
