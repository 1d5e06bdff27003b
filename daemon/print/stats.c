// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/print/print.h"

static const char *const names[] = {
	[PRINT_STANDBY] = "standby",   [PRINT_PRINTING] = "printing",   [PRINT_PAUSED] = "paused",
	[PRINT_COMPLETE] = "complete", [PRINT_CANCELLED] = "cancelled", [PRINT_ERROR] = "error",
};

void print_stats_reset(struct print_stats *s)
{
	*s = (struct print_stats){ .layer = -1, .layers = -1 };
}

void print_stats_select(struct print_stats *s, const char *file)
{
	print_stats_reset(s);
	snprintf(s->file, sizeof(s->file), "%s", file);
}

static void end_pause(struct print_stats *s, int64_t now_ns)
{
	if (s->pause_ns && s->first_e_ns)
		s->paused_ns += now_ns - s->pause_ns;
	s->pause_ns = 0;
}

void print_stats_set(struct print *p, enum print_state state, const char *message)
{
	struct print_stats *s = &p->stats;
	int64_t now_ns = p->now_ns ? p->now_ns : 1;

	if (state == PRINT_PRINTING) {
		if (!s->begin_ns) {
			s->begin_ns = now_ns;
			s->last_e_mm = p->g->position_mm[AXIS_E].hi;
		}
		end_pause(s, now_ns);
		s->end_ns = 0;
	} else if (state == PRINT_PAUSED) {
		if (!s->pause_ns)
			s->pause_ns = now_ns;
	} else {
		end_pause(s, now_ns);
		if (!s->end_ns)
			s->end_ns = now_ns;
	}
	s->state = state;
	snprintf(s->message, sizeof(s->message), "%s", message ? message : "");
}

void print_stats_poll(struct print *p)
{
	struct print_stats *s = &p->stats;
	double e_mm = p->g->position_mm[AXIS_E].hi;

	if (s->state == PRINT_PRINTING && e_mm != s->last_e_mm) {
		if (!s->first_e_ns)
			s->first_e_ns = p->now_ns;
		s->filament_mm += (e_mm - s->last_e_mm) / p->g->extrude_factor;
	}
	s->last_e_mm = e_mm;
}

const char *print_stats_name(const struct print_stats *s)
{
	return names[s->state];
}

double print_stats_total_s(const struct print_stats *s, int64_t now_ns)
{
	if (!s->begin_ns)
		return 0;
	return (double)((s->end_ns ? s->end_ns : now_ns) - s->begin_ns) * 1e-9;
}

double print_stats_print_s(const struct print_stats *s, int64_t now_ns)
{
	int64_t until_ns = s->end_ns ? s->end_ns : now_ns;

	if (!s->first_e_ns)
		return 0;
	if (s->pause_ns && s->pause_ns < until_ns)
		until_ns = s->pause_ns;
	return (double)(until_ns - s->first_e_ns - s->paused_ns) * 1e-9;
}

/* A number of layers. */
static bool take_count(struct gcode *g, const struct gcode_line *l, const char *key, int32_t *count)
{
	double value;

	if (!gcode_param_number(g, l, key, *count, &value))
		return false;
	if (gcode_param_find(l, key) && !(value >= 0 && value <= 1e6 && value == floor(value))) {
		gcode_fail(g, "%s=%g: expected a whole number, 0 to 1000000", key, value);
		return false;
	}
	*count = (int32_t)value;
	return true;
}

static enum gcode_result set_info(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct print_stats *s = &((struct print *)ctx)->stats;
	int32_t layer = s->layer, layers = s->layers;

	if (!take_count(g, l, "TOTAL_LAYER", &layers) || !take_count(g, l, "CURRENT_LAYER", &layer))
		return GCODE_ERROR;
	if (layers == 0)
		layers = layer = -1;
	else if (layers > 0 && gcode_param_find(l, "TOTAL_LAYER") && layer < 0)
		layer = 0;
	s->layers = layers;
	s->layer = layers >= 0 && layer > layers ? layers : layer;
	return GCODE_OK;
}

const struct gcode_command print_stats_commands[] = {
	{ "SET_PRINT_STATS_INFO", GCODE_EXTENDED, 0, set_info,
	  "[TOTAL_LAYER=<count>] [CURRENT_LAYER=<count>]", "what the slicer knows about layers" },
};
const unsigned print_stats_command_count = sizeof(print_stats_commands) /
					   sizeof(*print_stats_commands);
