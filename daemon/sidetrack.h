/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sidetrack.h - a print that is held in mid-path is set aside; the machine is free, then it goes back and on.
 *
 * A pause for a fault can't wait for the end of what is planned. Motion comes to rest on its path (feed hold); then
 * what is planned, in the planner and in the rt core, stays as it is, and a second planner with a ring of its own takes
 * what comes: the pause's macro, jogs, G28. RESUME moves to where it was held, and the rest of that very move follows.
 * So for a print from a file, or one whose lines a host sends (stream.h), between lines that wait for nothing and scripts.
 * Owner: struct machine. Threads: PLAN. Units: _mm, _mm_s, machine coordinates.
 */
#ifndef DAEMON_SIDETRACK_H
#define DAEMON_SIDETRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/gcode/gcode_state.h"
#include "daemon/planner/planner.h"

struct machine;

enum { SIDETRACK_QUEUE = 1024 }; /* moves in look-ahead */

enum sidetrack_state {
	SIDETRACK_OFF,
	SIDETRACK_STOPPING, /* coming to rest */
	SIDETRACK_ON,
	SIDETRACK_RETURNING,  /* moving back */
	SIDETRACK_FORGETTING, /* what was set aside is void, the rt core has not said so yet */
};

struct sidetrack {
	enum sidetrack_state state;
	struct planner *planner; /* the one that is not in use */
	bool sent;               /* the last word to the rt core */
	bool again;              /* on its way back it is to pause again, and is too far for that */
	bool asked,
		leaves; /* of STOPPING: the rt core has been asked; it is to go on, if that was in vain */
	bool stream;   /* a host's print */
	double held_s; /* of the lead: what stands aside */
	double held_mm[MOVE_AXES];
	uint32_t homed, feed_epoch;
	int extruder;
	bool extrudes; /* what stands aside moves filament */
	struct gcode_saved gcode;
	struct gcode_path path; /* a line that was not handed on to its end, if pending */
	struct {
		double at_mm[MOVE_AXES], front_mm;
		int32_t current;
		bool away;
	} objects;
};

/* No line may be run now. */
static inline bool sidetrack_busy(const struct sidetrack *t)
{
	return t->state == SIDETRACK_STOPPING || t->state == SIDETRACK_RETURNING;
}

/* Hold the print and set it aside as soon as it rests. False: there is none, or it can't be now. */
bool sidetrack_begin(struct machine *m);
/* While it is coming to rest: it goes on instead. */
void sidetrack_give_up(struct sidetrack *t);
/* Go back, then on. 0, -EAGAIN, or another negative errno with a text in err (GCODE_ERR_MAX): what is missing. */
int sidetrack_return(struct machine *m, double velocity_mm_s, char *err);
/* A pause while it is on its way back: it comes to where it was held, and stands aside as before. */
void sidetrack_stay(struct machine *m);
/* What stands aside, if anything does, will never be made. */
void sidetrack_forget(struct machine *m);
/* The machine is about to go on after a stop: what stood aside is gone with it. */
void sidetrack_stopped(struct machine *m);
void sidetrack_poll(struct machine *m);

#endif
