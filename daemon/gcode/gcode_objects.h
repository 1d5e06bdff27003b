/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_objects.h - parts of a print that are left out while the rest goes on: EXCLUDE_OBJECT.
 *
 * While the object whose moves are being read is excluded, moves change the interpreter's position and
 * nothing else. Filament that would have been pressed out is taken off the origin of E, so that E is
 * right afterwards in absolute and relative mode; retractions stay.
 * Outside again, the machine is still where the last move was made, the interpreter elsewhere: away.
 * The first line that moves X or Y brings it back: retract if the G-code has, rise to the height of
 * that line if it is higher, travel, go down, prime if it was retracted; and go first to where a line
 * begins that prints. Until then Z moves up only, so that it can't meet what stands below.
 * Owner:   the caller places it (about 300 KiB) and attaches it. Threads: PLAN only.
 * Units:   _mm in the interpreter's frame.
 */
#ifndef DAEMON_GCODE_GCODE_OBJECTS_H
#define DAEMON_GCODE_GCODE_OBJECTS_H

#include "daemon/gcode/gcode.h"

enum {
	GCODE_OBJECTS_MAX = 1024,
	GCODE_OBJECT_NAME_MAX = 255, /* bytes */
	GCODE_OBJECT_TEXT = 256 * 1024,
};

struct gcode_object {
	uint32_t name, polygon; /* in .text, terminated; polygon 0: none */
	double center_mm[2];    /* NaN: not given */
	bool excluded;
};

struct gcode_objects {
	struct gcode_object object[GCODE_OBJECTS_MAX];
	uint32_t count;
	int32_t current; /* whose moves are being read, -1: none's */
	bool started;    /* a START has been read since the list was empty */
	bool away;       /* the machine is at at_mm, not at g->position_mm */
	double at_mm[MOVE_AXES];
	double front_mm;          /* E of the filament's end when it is not retracted */
	double retract_feed_mm_s; /* of the last move of E alone that was passed over; 0: none yet */
	uint32_t text_used;
	char text[GCODE_OBJECT_TEXT];
};

/* Forget everything and give g the commands. */
void gcode_objects_attach(struct gcode *g, struct gcode_objects *o);

/* For gcode_path.c. Whether moves are to be passed over now. */
static inline bool gcode_objects_skip(const struct gcode_objects *o)
{
	return o->current >= 0 && o->object[o->current].excluded;
}

/* Pass a move to next over: positions change, nothing moves. */
void gcode_objects_pass(struct gcode *g, const struct gcode_sum next[MOVE_AXES], double feed_mm_s);

/* While away: the leads that go before a move to next, or take its place. prints: next is the end of
 * a line or arc that presses out filament on its way. Returns whether the move itself is still to be
 * made, from the present position; otherwise it is over with the leads. */
bool gcode_objects_return(struct gcode *g, const struct gcode_sum next[MOVE_AXES], bool prints,
			  double feed_mm_s, struct gcode_path *path);

/* A line for STATUS, if there are objects. */
void gcode_objects_status(struct gcode *g);

#endif
