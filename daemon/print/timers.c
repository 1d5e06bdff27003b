// SPDX-License-Identifier: GPL-2.0-or-later
/* [delayed_gcode …]: lines that run some time later. */
#include <string.h>
#include <strings.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/print/print.h"

#define DURATION_S_MAX 1e7

static int64_t after_ns(const struct print *p, double s)
{
	return s > 0 ? p->now_ns + (int64_t)(s * 1e9) : PRINT_NS_NEVER;
}

void timers_start(struct print *p)
{
	for (size_t i = 0; i < p->cfg->delayed_count; i++)
		p->timer[i].due_ns = after_ns(p, p->cfg->delayed[i].initial_s);
}

void timers_poll(struct print *p)
{
	for (size_t i = 0; i < p->cfg->delayed_count; i++) {
		const struct machine_delayed *d = &p->cfg->delayed[i];

		if (p->timer[i].due_ns > p->now_ns)
			continue;
		p->timer[i].due_ns = PRINT_NS_NEVER;
		gcode_lines_queue(p->g, d->section, NULL, &d->lines);
	}
}

static enum gcode_result update(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print *p = ctx;
	char id[GCODE_LABEL_MAX];
	double s;
	bool found;

	if (!gcode_param_name(g, l, "ID", "", id, sizeof(id)) ||
	    !gcode_param_limit(g, l, "DURATION", 0, false, &s, &found))
		return GCODE_ERROR;
	if (s > DURATION_S_MAX)
		return gcode_fail(g, "DURATION=%g: expected at most %g s", s, DURATION_S_MAX);
	for (size_t i = 0; i < p->cfg->delayed_count; i++) {
		if (strcasecmp(p->cfg->delayed[i].name, id) != 0)
			continue;
		p->timer[i].due_ns = after_ns(p, s);
		return GCODE_OK;
	}
	return gcode_fail(g, "ID=%s: expected the name of a [delayed_gcode …]", id);
}

const struct gcode_command print_timer_commands[] = {
	{ "UPDATE_DELAYED_GCODE", GCODE_EXTENDED, 0, update, "ID=<name> DURATION=<s>",
	  "run a [delayed_gcode …] so much later; 0: not" },
};
const unsigned print_timer_command_count = sizeof(print_timer_commands) /
					   sizeof(*print_timer_commands);
