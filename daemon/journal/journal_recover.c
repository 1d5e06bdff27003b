// SPDX-License-Identifier: GPL-2.0-or-later
/* RECOVER_JOB: what is known of a print that did not come to its end, the steps to take, and to go on with it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"
#include "daemon/textbuf.h"

#define LIFT_MM 5.0
/* A heater is hot enough so near to its target. */
#define NEAR_DEGC 10.0

static void say_steps(struct gcode *g, const struct journal_record *r)
{
	char when[40] = "?";
	time_t at = (time_t)r->wall_s;
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	gcode_reply(g, REPLY_INFO, "%.200s, %s: byte %llu of %llu (%.1f %%), line %u%s%s", r->file,
		    when, (unsigned long long)r->at.offset, (unsigned long long)r->size,
		    r->size ? 100.0 * (double)r->at.offset / (double)r->size : 0.0, r->at.line,
		    r->fault[0] ? "; " : "", r->fault);
	gcode_reply(g, REPLY_INFO,
		    "the head was at X%.3f Y%.3f Z%.3f; the line began at X%.3f Y%.3f Z%.3f",
		    r->machine_mm[0], r->machine_mm[1], r->machine_mm[2], r->at.position_mm[0],
		    r->at.position_mm[1], r->at.position_mm[2]);
	for (uint32_t i = 0; i < r->heaters; i++)
		if (r->heater[i].target_degc > 0)
			gcode_reply(g, REPLY_INFO,
				    "step: SET_HEATER_TEMPERATURE HEATER=%s TARGET=%g",
				    r->heater[i].name, r->heater[i].target_degc);
	if (r->at.extruder)
		gcode_reply(g, REPLY_INFO, "step: T%d", (int)r->at.extruder);
	gcode_reply(g, REPLY_INFO,
		    "step: G28 X Y, clear of the print; Z: if it has not moved since, "
		    "SET_KINEMATIC_POSITION Z=%.3f before that, else home it clear of the print",
		    r->machine_mm[2]);
	gcode_reply(g, REPLY_INFO,
		    "step: what the print's start lines set: mesh, skew, pressure advance, limits, "
		    "objects and which are excluded");
	gcode_reply(g, REPLY_INFO,
		    "step: RECOVER_JOB GO=1 to go on, with Z raised by %g mm on the way; "
		    "RECOVER_JOB FORGET=1 to drop it",
		    LIFT_MM);
}

/* What has not been done yet. False: an error is given. */
static bool prepared(struct print *p, const struct journal_record *r)
{
	const struct machine *m = p->m;
	char axes[MACHINE_AXES + 1];

	if ((r->homed & ~m->homed) != 0)
		return gcode_fail(p->g, "expected the axes homed first; RECOVER_JOB says how"),
		       false;
	if (m->uncertain & m->homed)
		return gcode_fail(p->g, "steps of %s may be lost; expected G28 first",
				  machine_axes_text(m->uncertain & m->homed, axes)),
		       false;
	if (r->at.extruder != m->extruder)
		return gcode_fail(p->g, "expected T%d first", (int)r->at.extruder), false;
	for (uint32_t i = 0; i < r->heaters; i++) {
		const struct journal_heater *h = &r->heater[i];
		int k = heaters_find(m, h->name, strlen(h->name));
		double degc;

		if (!(h->target_degc > 0) || k < 0 || m->hooks.no_heat)
			continue;
		degc = m->heaters.status.sensor[m->mc->heaters[k].sensor].degc;
		if (m->heaters.status.heater[k].target_degc <= 0 ||
		    !(degc > h->target_degc - NEAR_DEGC))
			return gcode_fail(p->g, "%s is at %.1f °C: expected %g °C first", h->name,
					  degc, h->target_degc),
			       false;
	}
	return true;
}

/* Z is raised so much on the way, less where the axis ends. */
static double lift_mm(const struct machine *m, const struct journal_mark *k)
{
	double to_mm[MOVE_AXES], lift = LIFT_MM;
	char err[GCODE_ERR_MAX];

	memcpy(to_mm, k->position_mm, sizeof(to_mm));
	for (; lift > 0; lift -= 0.1 * LIFT_MM) {
		to_mm[AXIS_Z] = k->position_mm[AXIS_Z] + lift;
		if (machine_check_place(m, to_mm, err) >= 0)
			return lift;
	}
	return 0;
}

/* Whether what M23 has found is what was printed, as far as its size tells. */
static enum gcode_result check_file(struct print *p, const struct journal_record *r)
{
	if (p->sd.name[0] && strcmp(p->sd.name, r->file) == 0 && p->sd.size == r->size)
		return GCODE_OK;
	return gcode_fail(p->g,
			  "%.150s has %llu bytes, expected %llu as when it was printed: "
			  "it can't be gone on with; RECOVER_JOB FORGET=1 drops it",
			  r->file, (unsigned long long)p->sd.size, (unsigned long long)r->size);
}

/* The lines that go there and on. The machine's coordinates are said in those of the user, as they are now. */
static void lines_of(const struct print *p, const struct journal_record *r, struct textbuf *t)
{
	const struct journal_mark *k = &r->at;
	double now_mm[MOVE_AXES], then_mm[MOVE_AXES];

	for (int i = 0; i < MOVE_AXES; i++) {
		now_mm[i] = k->position_mm[i] - p->g->base_mm[i].hi;
		then_mm[i] = k->position_mm[i] - k->base_mm[i];
	}
	textbuf_put(t, "M23 %s\nRECOVER_JOB CHECK=1\nM26 S%llu\nG21\nG90\nM82\n", r->file,
		    (unsigned long long)k->offset);
	textbuf_put(t, "G1 Z%.6f F600\nG1 X%.6f Y%.6f F6000\nG1 Z%.6f F600\n",
		    now_mm[AXIS_Z] + lift_mm(p->m, k), now_mm[AXIS_X], now_mm[AXIS_Y],
		    now_mm[AXIS_Z]);
	textbuf_put(t, "SET_GCODE_OFFSET X=%.6f Y=%.6f Z=%.6f E=%.6f\nG%u\n", k->offset_mm[AXIS_X],
		    k->offset_mm[AXIS_Y], k->offset_mm[AXIS_Z], k->offset_mm[AXIS_E], 17 + k->plane);
	textbuf_put(t, "M220 S%.6f\nM221 S%.6f\n", 100 * k->speed_factor, 100 * k->extrude_factor);
	textbuf_put(t, "G92 X%.6f Y%.6f Z%.6f E%.6f\n", then_mm[AXIS_X], then_mm[AXIS_Y],
		    then_mm[AXIS_Z], then_mm[AXIS_E] / k->extrude_factor);
	textbuf_put(t, "G1 F%.6f\nM106 S%.2f\n", 60 * k->feed_mm_s, 255 * k->fan);
	textbuf_put(t, "%s%s%sM24\n", k->flags & JOURNAL_RELATIVE ? "G91\n" : "",
		    k->flags & JOURNAL_RELATIVE_E ? "M83\n" : "",
		    k->flags & JOURNAL_INCH ? "G20\n" : "");
}

static enum gcode_result go_on(struct print *p, const struct journal_record *r)
{
	char lines[1200];
	struct textbuf t = { lines, sizeof(lines) };

	if (p->sd.printing || p->pause.on)
		return gcode_fail(p->g, "expected no print under way");
	if (!prepared(p, r))
		return GCODE_ERROR;
	lines_of(p, r, &t);
	p->g->retract.retracted = (r->at.flags & JOURNAL_RETRACTED) != 0;
	p->g->retract.retracted_mm = r->at.retracted_mm;
	return gcode_script_queue_line(p->g, "RECOVER_JOB", lines, strlen(lines)) ? GCODE_OK
										  : GCODE_ERROR;
}

/* The disk is to know it too. */
static void forget(struct print *p)
{
	p->journal.found.state = JOURNAL_NONE;
	p->journal.written_state = JOURNAL_PAUSED; /* so that its end is written */
}

static enum gcode_result recover(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;
	const struct journal_record *r = &p->journal.found;
	bool go = false, drop = false, check = false;

	if (!gcode_param_flag(g, l, "GO", &go) || !gcode_param_flag(g, l, "FORGET", &drop) ||
	    !gcode_param_flag(g, l, "CHECK", &check))
		return GCODE_ERROR;
	if (!p->journal.mark)
		return gcode_fail(g, "no journal is kept: see [virtual_sdcard] journal");
	if (r->state == JOURNAL_NONE)
		return gcode_fail(g, "expected a print that did not come to its end: none is known");
	if (check)
		return check_file(p, r);
	if (drop)
		forget(p);
	else if (go)
		return go_on(p, r);
	else
		say_steps(g, r);
	return GCODE_OK;
}

const struct gcode_command journal_commands[] = {
	{ "RECOVER_JOB", GCODE_EXTENDED, 0, recover, "[GO=<0,1>] [FORGET=<0,1>] [CHECK=<0,1>]",
	  "a print that a crash or a power loss ended: the steps to take, and to go on" },
};
const unsigned journal_command_count = sizeof(journal_commands) / sizeof(*journal_commands);
