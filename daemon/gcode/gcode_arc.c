// SPDX-License-Identifier: GPL-2.0-or-later
/* G2, G3 and the planes they lie in. */
#include <math.h>

#include "daemon/gcode/gcode_command.h"
#include "daemon/gcode/gcode_path.h"

static enum gcode_result plane(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	(void)ctx;
	g->arcs.plane = (enum arc_plane)((l->code - GCODE_CODE('G', 17)) >> 4);
	return GCODE_OK;
}

static void take_words(const struct gcode *g, const struct gcode_line *l, struct arc_words *w)
{
	w->plane = g->arcs.plane;
	w->clockwise = l->code == GCODE_CODE('G', 2);
	for (int i = 0; i < 3; i++) {
		w->has_offset[i] = gcode_has(l, (char)('I' + i));
		w->offset_mm[i] = gcode_value(l, (char)('I' + i), 0) * g->unit_mm;
	}
	w->has_radius = gcode_has(l, 'R');
	w->radius_mm = gcode_value(l, 'R', 0) * g->unit_mm;
}

static enum gcode_result arc(struct gcode *g, const struct gcode_line *l, void *ctx)
{
	struct gcode_sum next[MOVE_AXES];
	double start_mm[MOVE_AXES], end_mm[MOVE_AXES];
	double feed_mm_s = gcode_has(l, 'F') ? gcode_value(l, 'F', 0) * g->unit_mm / 60
					     : g->feed_mm_s;
	struct arc_words words;
	struct arc a;
	char err[GCODE_ERR_MAX];
	enum gcode_result result;

	(void)ctx;
	if (!(feed_mm_s > 0))
		return gcode_fail(g, "F=%g: expected a feed rate greater than 0",
				  gcode_value(l, 'F', 0));
	gcode_words_target(g, l, next);
	for (int i = 0; i < MOVE_AXES; i++) {
		start_mm[i] = g->position_mm[i].hi;
		end_mm[i] = next[i].hi;
	}
	take_words(g, l, &words);
	if (!arc_init(&a, start_mm, end_mm, &words, err, sizeof(err)) ||
	    !arc_divide(&a, g->arcs.tolerance_mm, g->arcs.piece_mm_max, err, sizeof(err)))
		return gcode_fail(g, "%s", err);
	result = gcode_path_arc(g, &a, next, feed_mm_s * g->speed_factor);
	if (result == GCODE_OK || result == GCODE_WAIT)
		g->feed_mm_s = feed_mm_s;
	return result;
}

#define G(n) "G" #n, GCODE_CODE('G', n), 0
#define ARC "[X<mm>] [Y<mm>] [Z<mm>] [I<mm>] [J<mm>] [K<mm>] [R<mm>] [E<mm>] [F<mm/min>]"

const struct gcode_command gcode_arc_commands[] = {
	{ G(2), arc, ARC, "arc, clockwise" },        { G(3), arc, ARC, "arc, counter-clockwise" },
	{ G(17), plane, "", "arcs lie in X and Y" }, { G(18), plane, "", "arcs lie in Z and X" },
	{ G(19), plane, "", "arcs lie in Y and Z" },
};
const unsigned gcode_arc_count = sizeof(gcode_arc_commands) / sizeof(*gcode_arc_commands);
