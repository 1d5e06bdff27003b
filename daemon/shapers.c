// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/shapers.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"
#include "shaper.h"

bool shapers_plan(const struct machine_shaper shaper[SHAPER_AXES], struct plan_shaper *out,
		  char err[SHAPERS_ERROR_MAX])
{
	struct shaper_set set;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < SHAPER_AXES; i++) {
		const struct machine_shaper *s = &shaper[i];

		if (!(s->freq_hz > 0))
			continue;
		out->axis[i].type = (uint32_t)s->type;
		out->axis[i].freq_hz = s->freq_hz;
		out->axis[i].damping_ratio = s->damping_ratio;
	}
	if (shaper_set_make(out, &set))
		return true;
	snprintf(err, SHAPERS_ERROR_MAX,
		 "pulses last %.3f s, expected at most %.3f s: choose a higher frequency or a shorter "
		 "shaper",
		 set.span_s, SHAPER_SPAN_S_MAX);
	return false;
}

/* From here on moves are planned for these shapers too. */
static void take_span(struct machine *m)
{
	struct plan_shaper plan;
	struct shaper_set set;
	char err[SHAPERS_ERROR_MAX];

	if (shapers_plan(m->shaper, &plan, err) && shaper_set_make(&plan, &set))
		m->span_s = fmax(m->span_s, set.span_s);
}

int shapers_send(struct machine *m)
{
	struct plan_shaper plan;
	struct shaper_set set;
	char err[SHAPERS_ERROR_MAX];
	int rc;

	shapers_plan(m->shaper, &plan, err); /* checked where it came from */
	plan.delay_s = m->half_s;
	/* Moves planned before may be too fast near the middle of a bed that turns: let them end first. */
	rc = planner_shaper(m->planner, &plan, kinematics_turns(m->mc));
	if (rc == 0 && shaper_set_make(&plan, &set))
		m->delay_s = set.delay_s;
	return rc;
}

void shapers_rest(struct machine *m)
{
	double half_s = 0, before_s = m->half_s;

	m->span_s = 0;
	take_span(m);
	for (size_t i = 0; i < m->motors; i++)
		half_s = fmax(half_s, m->motor[i].extrude.half_s);
	if (half_s >= before_s)
		return;
	m->half_s = half_s;
	if (shapers_send(m) < 0)
		m->half_s = before_s; /* the next time */
}

/* The n-th word of SHAPERS_TYPES, or NULL. */
static const char *type_name(unsigned n, size_t *len)
{
	const char *at = SHAPERS_TYPES;

	for (; n > 0 && at; n--) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	*len = at ? strcspn(at, " ") : 0;
	return at;
}

static bool take_type(struct gcode *g, const struct gcode_line *l, const char *key, int *type)
{
	const struct gcode_param *p = gcode_param_find(l, key);
	char shown[GCODE_NAME_MAX];

	if (!p)
		return true;
	for (unsigned i = 0; i < SHAPER_TYPES; i++) {
		char upper[16];
		size_t len;
		const char *name = type_name(i, &len);

		for (size_t k = 0; k <= len; k++)
			upper[k] = (char)(k == len                           ? 0
					  : name[k] >= 'a' && name[k] <= 'z' ? name[k] - 'a' + 'A'
									     : name[k]);
		if (gcode_name_is(p->value, p->value_len, upper)) {
			*type = (int)i;
			return true;
		}
	}
	gcode_quote(shown, sizeof(shown), p->value, p->value_len);
	gcode_fail(g, "%s=%s: expected one of %s", key, shown, SHAPERS_TYPES);
	return false;
}

static bool take_number(struct gcode *g, const struct gcode_line *l, const char *key, double limit,
			bool below, double *value)
{
	double v;

	if (!gcode_param_number(g, l, key, *value, &v))
		return false;
	if (v < 0 || v > limit || (below && v == limit)) {
		gcode_fail(g, "%s=%g: expected 0 to %s%g", key, v, below ? "below " : "", limit);
		return false;
	}
	*value = v;
	return true;
}

static void report(struct gcode *g, const struct machine *m)
{
	char text[256];
	int n = 0;

	for (int i = 0; i < SHAPER_AXES; i++) {
		const struct machine_shaper *s = &m->shaper[i];
		size_t len;
		const char *name = type_name((unsigned)s->type, &len);

		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "%sshaper_type_%c:%.*s shaper_freq_%c:%.3f damping_ratio_%c:%.6f",
			      i ? " " : "", 'x' + i, (int)len, name, 'x' + i, s->freq_hz, 'x' + i,
			      s->damping_ratio);
	}
	gcode_reply(g, REPLY_INFO, "%s", text);
}

static enum gcode_result set_input_shaper(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct machine *m = ctx;
	struct machine_shaper set[SHAPER_AXES], old[SHAPER_AXES];
	struct plan_shaper plan;
	char err[SHAPERS_ERROR_MAX] = "";
	int rc;

	memcpy(old, m->shaper, sizeof(old));
	memcpy(set, m->shaper, sizeof(set));
	for (int i = 0; i < SHAPER_AXES; i++) {
		char type[] = "SHAPER_TYPE_X", freq[] = "SHAPER_FREQ_X",
		     damping[] = "DAMPING_RATIO_X";

		type[sizeof(type) - 2] = freq[sizeof(freq) - 2] = damping[sizeof(damping) - 2] =
			(char)('X' + i);
		if (!take_type(g, l, "SHAPER_TYPE", &set[i].type) ||
		    !take_type(g, l, type, &set[i].type) ||
		    !take_number(g, l, freq, 1000, false, &set[i].freq_hz) ||
		    !take_number(g, l, damping, 1, true, &set[i].damping_ratio))
			return GCODE_ERROR;
	}
	if (!l->params) {
		report(g, m);
		return GCODE_OK;
	}
	if (!shapers_plan(set, &plan, err))
		return gcode_fail(g, "%s", err);
	if (m->state != MACHINE_READY)
		return gcode_fail(g, "%s", m->reason[0] ? m->reason : "the machine is not ready");
	memcpy(m->shaper, set, sizeof(set));
	rc = shapers_send(m);
	if (rc < 0) {
		memcpy(m->shaper, old, sizeof(old));
		return gcode_finish(g, rc, err);
	}
	take_span(m);
	report(g, m);
	return GCODE_OK;
}

const struct gcode_command shapers_commands[] = {
	{ "SET_INPUT_SHAPER", GCODE_EXTENDED, 0, set_input_shaper,
	  "[SHAPER_TYPE=<type>] [SHAPER_TYPE_X=<type>] [SHAPER_TYPE_Y=<type>] [SHAPER_TYPE_Z=<type>] "
	  "[SHAPER_FREQ_X=<Hz>] [SHAPER_FREQ_Y=<Hz>] [SHAPER_FREQ_Z=<Hz>] "
	  "[DAMPING_RATIO_X=<0..1>] [DAMPING_RATIO_Y=<0..1>] [DAMPING_RATIO_Z=<0..1>]",
	  "input shapers from here on, also in mid-print; alone: report them" },
};

const unsigned shapers_command_count = sizeof(shapers_commands) / sizeof(*shapers_commands);

void shapers_init(struct machine *m)
{
	memcpy(m->shaper, m->mc->shaper, sizeof(m->shaper));
	take_span(m);
	gcode_add_table(&m->gcode, shapers_commands, shapers_command_count, m);
}
