// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/pause.h"

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_restore.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"

static const char state_name[] = "PAUSE_STATE";

void pause_send(struct print *p)
{
	if (p->pause.sent)
		return;
	p->pause.sent = true;
	p->pause.sd_stopped = sdcard_printing(&p->sd);
	if (p->pause.sd_stopped)
		sdcard_stop(p);
	else
		gcode_reply(p->g, REPLY_INFO, "action:paused");
}

static void over(struct print *p)
{
	p->pause = (struct pause){ .on = false };
	p->m->heaters.cooled = p->m->heaters.idled = 0;
	react_resumed(p->m, FAULT_PAUSE);
}

void pause_clear(struct print *p)
{
	over(p);
	stream_drop(p->m);
}

void pause_end(struct print *p)
{
	if (p->pause.sd_stopped)
		sdcard_start(p);
	else
		gcode_reply(p->g, REPLY_INFO, "action:resumed");
	over(p);
	stream_go_on(p->m);
}

/* Out of band what can't wait is done at once, the rest in its turn. */
static enum gcode_result pause(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;

	(void)l;
	if (p->pause.on) {
		sidetrack_stay(p->m);
		gcode_reply(g, REPLY_INFO, "Print already paused");
		return GCODE_OK;
	}
	if (g->out_of_band) {
		if (sdcard_printing(&p->sd))
			pause_send(p);
		return gcode_later(g);
	}
	if (!gcode_state_save(g, state_name))
		return GCODE_ERROR;
	pause_send(p);
	journal_pause(p);
	p->pause.on = true;
	p->pause.homed = p->m->homed;
	return GCODE_OK;
}

/* The feed hold ends; the print waits on. */
static enum gcode_result end_hold(struct print *p)
{
	struct gcode *g = p->g;
	char err[GCODE_ERR_MAX] = "";
	enum gcode_result r = gcode_finish(g, g->ops->hold(g->ops->ctx, false, err), err);

	if (r == GCODE_OK && p->pause.on)
		gcode_reply(g, REPLY_INFO, "the print is still paused; RESUME once more to go on");
	return r;
}

/* To where the print was held in mid-path; pause_end() follows from there. */
static enum gcode_result go_back(struct print *p, double velocity_mm_s)
{
	char err[GCODE_ERR_MAX] = "";

	return gcode_finish(p->g, sidetrack_return(p->m, velocity_mm_s, err), err);
}

/* Whether the place can be found again, also if it is called as it was: what was known then still is. */
static bool knows_way(struct print *p)
{
	const struct sidetrack *t = &p->m->sidetrack;
	uint32_t lost = (t->state ? t->homed : p->pause.homed) & ~p->m->homed & GCODE_MASK_XYZ;
	char axes[MACHINE_AXES + 1];

	if (!lost)
		return true;
	gcode_fail(p->g, "the print can't go on: %s not homed; expected G28 first",
		   machine_axes_text(lost, axes));
	return false;
}

/* Whether what heated it heats, or somebody has said that it need not. */
static bool heated(struct print *p)
{
	for (size_t i = 0; i < p->m->mc->heater_count; i++) {
		const char *name = p->m->mc->heaters[i].name;
		double degc = p->m->heaters.wanted_degc[i];

		if (p->m->heaters.idled & ~p->m->heaters.cooled & 1u << i) {
			gcode_fail(
				p->g,
				"the print can't go on: %s was switched off by idle_timeout; expected "
				"SET_HEATER_TEMPERATURE HEATER=%s TARGET=%g before, or TARGET=0 to go on without",
				name, name, degc);
			return false;
		}
		if (!(p->m->heaters.cooled & 1u << i))
			continue;
		gcode_fail(
			p->g,
			"the print can't go on: %s is off since its fault; expected CLEAR_FAULT, then "
			"SET_HEATER_TEMPERATURE HEATER=%s TARGET=%g before, or TARGET=0 to go on without",
			name, name, degc);
		return false;
	}
	return true;
}

static enum gcode_result resume(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;
	double velocity_mm_s;
	char axes[MACHINE_AXES + 1];
	bool found;
	enum gcode_result r;
	const struct fault_latched *kept;

	if (g->ops->held && g->ops->held(g->ops->ctx))
		return end_hold(p);
	if (!p->pause.on) {
		gcode_reply(g, REPLY_INFO, "Print is not paused, resume aborted");
		return GCODE_OK;
	}
	if (g->out_of_band)
		return gcode_later(g);
	if (!gcode_param_limit(g, l, "VELOCITY", 0, true, &velocity_mm_s, &found) || !knows_way(p))
		return GCODE_ERROR;
	if (p->m->uncertain & p->m->homed)
		return gcode_fail(
			g, "the print can't go on: steps of %s may be lost; expected G28 first",
			machine_axes_text(p->m->uncertain & p->m->homed, axes));
	kept = faults_kept(&p->m->react.faults);
	if (kept)
		return gcode_fail(
			g, "the print can't go on: %s of %s is latched; expected CLEAR_FAULT first",
			fault_classes[kept->class].name, kept->component);
	if (!heated(p))
		return GCODE_ERROR;
	if (p->m->sidetrack.state)
		return go_back(p, found ? velocity_mm_s : p->cfg->recover_velocity_mm_s);
	r = gcode_state_restore(g, state_name,
				found ? velocity_mm_s : p->cfg->recover_velocity_mm_s);
	if (r == GCODE_OK || r == GCODE_WAIT)
		pause_end(p);
	return r;
}

static enum gcode_result clear_pause(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;

	(void)g;
	(void)l;
	sidetrack_forget(p->m);
	pause_clear(p);
	return GCODE_OK;
}

static enum gcode_result cancel(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;

	(void)l;
	if (g->out_of_band) {
		if (sdcard_printing(&p->sd))
			pause_send(p);
		return gcode_later(g);
	}
	if (sdcard_printing(&p->sd) || p->pause.sd_stopped)
		sdcard_cancel(p);
	else
		gcode_reply(g, REPLY_INFO, "action:cancel");
	pause_clear(p);
	print_heaters_off(p);
	return GCODE_OK;
}

const struct gcode_command pause_commands[] = {
	{ "PAUSE", GCODE_EXTENDED, GCODE_NOW, pause, "",
	  "the print waits behind the moves that are planned; the position is kept" },
	{ "RESUME", GCODE_EXTENDED, GCODE_NOW, resume, "[VELOCITY=<mm/s>]",
	  "end a feed hold; else go back to where PAUSE was, and go on with the print" },
	{ "CLEAR_PAUSE", GCODE_EXTENDED, 0, clear_pause, "", "the print is not paused any more" },
	{ "CANCEL_PRINT", GCODE_EXTENDED, GCODE_NOW, cancel, "", "give the print up, heaters off" },
};
const unsigned pause_command_count = sizeof(pause_commands) / sizeof(*pause_commands);
