/* SPDX-License-Identifier: GPL-2.0-or-later */
/* transform.h - the chain between the position that G-code commands and the machine's.
 *
 * Each link maps a position in place, forward toward the machine and back. Links have fixed places:
 * offsets and G92 come before the chain, in the interpreter; then each link in the order of enum
 * transform_place; then the machine, whose limits and positions are those behind the chain. A further
 * link (axis twist) is a further place and a struct transform.
 * Owner:   the caller; a link's ctx outlives its time in the chain.
 * Threads: PLAN only.
 * Units:   _mm.
 */
#ifndef DAEMON_GCODE_TRANSFORM_H
#define DAEMON_GCODE_TRANSFORM_H

#include <stdbool.h>

#include "move.h"

enum transform_place {
	TRANSFORM_SKEW,    /* the axes' angles: what is behind it is no longer square */
	TRANSFORM_TILT,    /* the bed's plane */
	TRANSFORM_MESH,    /* the bed's surface: moves are cut where it bends (gcode_path.c) */
	TRANSFORM_THERMAL, /* the frame's growth: Z alone */
	TRANSFORM_PLACES,
};

/* For each position p that the machine can reach, inverse(forward(p)) = p but for rounding. */
struct transform {
	void (*forward)(const void *ctx, double mm[MOVE_AXES]);
	void (*inverse)(const void *ctx, double mm[MOVE_AXES]);
	const void *ctx;
};

struct transform_chain {
	struct transform link[TRANSFORM_PLACES]; /* forward NULL: not in use */
	bool active;                             /* any link is in use */
};

/* Put a link in its place; NULL takes it out. The caller sees to it that positions are read anew:
 * gcode_transform_set(). */
void transform_chain_set(struct transform_chain *c, enum transform_place place,
			 const struct transform *t);

/* In place: from what G-code commands to the machine, and back. */
void transform_forward(const struct transform_chain *c, double mm[MOVE_AXES]);
void transform_inverse(const struct transform_chain *c, double mm[MOVE_AXES]);

/* Only the links before that place. */
void transform_forward_before(const struct transform_chain *c, enum transform_place place,
			      double mm[MOVE_AXES]);

#endif
