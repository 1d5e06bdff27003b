// SPDX-License-Identifier: GPL-2.0-or-later
/* G10, G11: retraction whose lengths and speeds the machine knows. They are mm of filament whatever M221
 * and M220 say, and the E of the G-code reads the same before and after. */
#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_path.h"

static enum gcode_result absent(struct gcode *g)
{
	return gcode_fail(g, "not available: expected a section [firmware_retraction]");
}

/* Move E alone by so much, and its origin with it. */
static enum gcode_result move_e(struct gcode *g, double by_mm, double speed_mm_s)
{
	struct gcode_sum next[MOVE_AXES] = { g->position_mm[AXIS_X], g->position_mm[AXIS_Y],
					     g->position_mm[AXIS_Z],
					     gcode_sum_add(g->position_mm[AXIS_E], by_mm) };
	enum gcode_result result = gcode_path_line(g, next, speed_mm_s);

	if (result == GCODE_OK || result == GCODE_WAIT)
		g->base_mm[AXIS_E] = gcode_sum_add(g->base_mm[AXIS_E], by_mm);
	return result;
}

static enum gcode_result retract(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_retract *r = &g->retract;
	enum gcode_result result;

	(void)l;
	(void)ctx;
	if (!r->available)
		return absent(g);
	if (r->retracted)
		return GCODE_OK;
	result = move_e(g, -r->length_mm, r->speed_mm_s);
	if (result == GCODE_OK || result == GCODE_WAIT) {
		r->retracted = true;
		r->retracted_mm = r->length_mm;
	}
	return result;
}

static enum gcode_result unretract(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_retract *r = &g->retract;
	enum gcode_result result;

	(void)l;
	(void)ctx;
	if (!r->available)
		return absent(g);
	if (!r->retracted)
		return GCODE_OK;
	result = move_e(g, r->retracted_mm + r->extra_mm, r->unretract_speed_mm_s);
	if (result == GCODE_OK || result == GCODE_WAIT)
		r->retracted = false;
	return result;
}

static enum gcode_result set_retraction(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_retract set = g->retract;
	const struct {
		const char *key;
		double min;
		double *to;
	} row[] = {
		{ "RETRACT_LENGTH", 0, &set.length_mm },
		{ "RETRACT_SPEED", 1, &set.speed_mm_s },
		{ "UNRETRACT_EXTRA_LENGTH", 0, &set.extra_mm },
		{ "UNRETRACT_SPEED", 1, &set.unretract_speed_mm_s },
	};

	(void)ctx;
	if (!set.available)
		return absent(g);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		double value;
		bool found;

		if (!gcode_param_limit(g, l, row[i].key, row[i].min, false, &value, &found))
			return GCODE_ERROR;
		if (found)
			*row[i].to = value;
	}
	g->retract = set;
	return GCODE_OK;
}

static enum gcode_result get_retraction(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	const struct gcode_retract *r = &g->retract;

	(void)l;
	(void)ctx;
	if (!r->available)
		return absent(g);
	gcode_reply(g, REPLY_INFO,
		    "RETRACT_LENGTH=%.5f RETRACT_SPEED=%.5f UNRETRACT_EXTRA_LENGTH=%.5f "
		    "UNRETRACT_SPEED=%.5f",
		    r->length_mm, r->speed_mm_s, r->extra_mm, r->unretract_speed_mm_s);
	return GCODE_OK;
}

const struct gcode_command gcode_retract_commands[] = {
	{ "G10", GCODE_CODE('G', 10), 0, retract, "", "retract as [firmware_retraction] says" },
	{ "G11", GCODE_CODE('G', 11), 0, unretract, "", "take back what G10 retracted" },
	{ "SET_RETRACTION", GCODE_EXTENDED, 0, set_retraction,
	  "[RETRACT_LENGTH=<mm>] [RETRACT_SPEED=<mm/s>] [UNRETRACT_EXTRA_LENGTH=<mm>] "
	  "[UNRETRACT_SPEED=<mm/s>]",
	  "lengths and speeds of G10 and G11 from here on" },
	{ "GET_RETRACTION", GCODE_EXTENDED, GCODE_NOW, get_retraction, "", "report them" },
};
const unsigned gcode_retract_count = sizeof(gcode_retract_commands) /
				     sizeof(*gcode_retract_commands);
