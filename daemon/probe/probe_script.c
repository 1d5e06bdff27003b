// SPDX-License-Identifier: GPL-2.0-or-later
/* activate_gcode and deactivate_gcode of a probe: lines that run in the middle of homing or probing. */
#include <math.h>
#include <string.h>

#include "daemon/gcode/gcode_script.h"
#include "daemon/machine/machine.h"

/* Rounding of transforms there and back. */
#define SAME_MM 1e-4

static const char *const failed_text[] = { "the probe's deactivate_gcode has failed",
					   "the probe's activate_gcode has failed" };
static const char *const moved_text[] = {
	"the probe's deactivate_gcode has moved the axes; expected them where they were",
	"the probe's activate_gcode has moved the axes; expected them where they were"
};

static void end(struct machine *m, const char *error)
{
	probe_then *then = m->probe.script.then;

	m->probe.script.then = NULL;
	then(m, error);
}

/* All of it has been executed. */
static void rested(struct machine *m, const char *error)
{
	struct probe_script *s = &m->probe.script;
	const double *at_mm = planner_position(m->planner);

	for (int axis = 0; axis < MACHINE_AXES && !error; axis++)
		if (fabs(at_mm[axis] - s->at_mm[axis]) > SAME_MM)
			error = moved_text[s->activates];
	if (!error)
		s->active = s->activates;
	end(m, error);
}

static void ended(void *ctx, bool failed)
{
	struct machine *m = ctx;

	if (failed) {
		end(m, failed_text[m->probe.script.activates]);
		return;
	}
	acts_begin(m);
	acts_run(m, rested);
}

void probe_script_run(struct machine *m, bool activate, probe_then *then)
{
	static const char *const names[] = { "deactivate_gcode", "activate_gcode" };
	struct probe_script *s = &m->probe.script;

	/* Moves of homing and probing are not the interpreter's. */
	gcode_set_position(&m->gcode, GCODE_MASK_ALL, planner_position(m->planner));
	memcpy(s->at_mm, planner_position(m->planner), sizeof(s->at_mm));
	s->activates = activate;
	s->then = then;
	if (!gcode_lines_inner(&m->gcode, names[activate],
			       activate ? &m->probe.cfg->activate : &m->probe.cfg->deactivate,
			       ended, m))
		end(m, failed_text[activate]);
}

void probe_script_abort(struct machine *m, const char *reason)
{
	gcode_script_inner_stop(&m->gcode);
	if (m->probe.script.then)
		end(m, reason);
}
