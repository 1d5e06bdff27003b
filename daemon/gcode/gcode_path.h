/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_path.h - moves that are more than one straight line to the machine.
 *
 * All motion that G-code asks for comes through here, but for plain G0 and G1 while nothing stands
 * between them and the machine (gcode.c). A line may become many moves: the pieces of an arc, or the
 * way back from an excluded object. All of them are checked before the first one is handed over. If
 * the machine is full before the last one, the line counts as accepted (GCODE_WAIT) and gcode_poll()
 * hands on the rest. The position is always the end of the last move that was taken.
 * Owner:   struct gcode. Threads: PLAN only.
 * Units:   _mm in the interpreter's frame, feed with M220 applied.
 * Returns: GCODE_OK or GCODE_WAIT: accepted, the position moves on by itself. GCODE_AGAIN, GCODE_ERROR:
 *          nothing has moved, unless a later move of the line was refused against all checks.
 */
#ifndef DAEMON_GCODE_GCODE_PATH_H
#define DAEMON_GCODE_GCODE_PATH_H

#include "daemon/gcode/gcode.h"

/* The tool was raised: what is to come of a path, and the position, are higher now. */
void gcode_path_raise(struct gcode *g, double by_mm);

/* In a straight line to next; nothing happens if that is the present position. */
enum gcode_result gcode_path_line(struct gcode *g, const struct gcode_sum next[MOVE_AXES],
				  double feed_mm_s);

/* Along the arc, which begins at the present position and is divided, to next, its end. */
enum gcode_result gcode_path_arc(struct gcode *g, const struct arc *arc,
				 const struct gcode_sum next[MOVE_AXES], double feed_mm_s);

/* Where the machine is when all that was taken has been executed: differs from the interpreter's
 * position by the transforms, and while an excluded object is passed over. Machine coordinates. */
void gcode_machine_position(const struct gcode *g, double machine_mm[MOVE_AXES]);

/* Change g->chain between these two: nothing moves, and the positions are read anew behind it. */
struct gcode_place {
	double machine_mm[MOVE_AXES];  /* of the machine */
	double position_mm[MOVE_AXES]; /* the interpreter's, as the machine would have it */
};
void gcode_place_take(const struct gcode *g, struct gcode_place *place);
void gcode_place_put(struct gcode *g, const struct gcode_place *place);

#endif
