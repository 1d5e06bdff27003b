/* SPDX-License-Identifier: GPL-2.0-or-later */
/* planner.h - from target positions to planned moves: limits, junctions, look-ahead, records.
 *
 * Takes moves one by one, finds how fast each may start, cruise and end (lookahead.h does the
 * speeds), and hands finished records (rtcore/move.h) to a sink in the order they came in.
 * Dwells, positions, syncs and outputs keep their place between the moves.
 * Owner:   planner_new() allocates everything once; nothing is allocated later.
 * Threads: all calls from one thread (PLAN); the sink is called from within them.
 * Units:   axes in mm, along the path _mm, _mm_s, _mm_s2; filament in mm of filament.
 * Errors:  0, -EAGAIN (nothing changed: the sink refuses and enough is waiting; pump and try
 *          again) or -EINVAL (nothing changed: planner_error() says what and why).
 */
#ifndef DAEMON_PLANNER_PLANNER_H
#define DAEMON_PLANNER_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "move.h"

struct planner;

enum {
	PLANNER_QUEUE_DEFAULT = 4096, /* moves */
	PLANNER_ERROR_MAX = 160,      /* bytes of an error message with its end */
};

/* What a move may do. Copied into each move as it is added, so a change costs nothing and
 * reaches back to no earlier move. At a junction the stricter of its two moves counts. */
struct planner_limits {
	double velocity_mm_s_max;
	double accel_mm_s2_max;
	double cruise_ratio_min; /* 0 … <1: share of a stand-alone move that is at constant speed */
	double corner_mm_s;      /* square corner velocity: speed through a corner of 90 degrees */
	/* Each axis's share of a move stays below these; 0 = no limit of its own. */
	double axis_velocity_mm_s_max[MOVE_AXES];
	double axis_accel_mm_s2_max[MOVE_AXES];
	/* Extruder. Velocity 0 = there is none: a move with E is an error. */
	double extrude_velocity_mm_s_max; /* E alone, with Z only, or retracting on the way */
	double extrude_accel_mm_s2_max;
	double extrude_mm_max;       /* longest of such moves; 0 = any */
	double extrude_corner_mm_s;  /* greatest step of the E speed at a junction */
	double extrude_area_mm2_max; /* cross section of the extruded line; 0 = any */
	double filament_area_mm2;
	double nozzle_mm; /* an extrusion of less than this length at the greatest area passes */
	uint32_t line;    /* of the G-code that set them, for the flight recorder */
};

/* Where finished records go. push: false if full, then the record is offered again later. ready:
 * asked before a record is made; false if it would be refused. May be NULL. */
struct planner_sink {
	bool (*push)(void *ctx, const struct plan_rec *rec);
	void *ctx;
	bool (*ready)(void *ctx);
};

struct planner_config {
	struct planner_limits limits;
	double window_s; /* look-ahead in time: more than this is not waited for; 0 = 2 s */
	uint32_t queue;  /* most moves in look-ahead, a power of two; 0 = PLANNER_QUEUE_DEFAULT */
};

/* Fill in usual values: 300 mm/s, 3000 mm/s², ratio 0.5, corner 5 mm/s, a 1.75 mm extruder. */
void planner_limits_default(struct planner_limits *limits);

/* NULL if a value of cfg is out of range (then err, if not NULL, says which) or memory is short.
 * The position is 0 on all axes. The sink must outlive the planner. */
struct planner *planner_new(const struct planner_config *cfg, const struct planner_sink *sink,
			    char err[PLANNER_ERROR_MAX]);
void planner_free(struct planner *p);

/* Limits of the moves to come. -EINVAL if a value is out of range; -EAGAIN: no room to note the change. */
int planner_limits_set(struct planner *p, const struct planner_limits *limits);
const struct planner_limits *planner_limits_get(const struct planner *p);

/* What the feeds of the moves to come have been multiplied with (M220), > 0, and the number of the last live
 * feed rate by then: the rt core is told, so that it can bring them to a later one. 0: no feed rate is to
 * concern them. At first 1 and 0. */
void planner_set_feed_factor(struct planner *p, double factor, uint32_t epoch);

/* The rt core is to raise Z by so much in all that has been planned: what comes now starts from there. */
void planner_nudge(struct planner *p, double by_mm);
/* All nudges so far. */
double planner_nudge_mm(const struct planner *p);

/* Move in a straight line to target_mm at feed_mm_s: along XYZ, or along E if only E moves.
 * A move of less than a nanometre (1e-6 mm) vanishes; the next one starts where the last one
 * ended. line: number in the G-code, for the record only. Cost: amortised O(1). */
int planner_move(struct planner *p, const double target_mm[MOVE_AXES], double feed_mm_s,
		 uint32_t line);

/* Come to rest and stay so for dwell_s >= 0. */
int planner_dwell(struct planner *p, double dwell_s);
/* Come to rest; from then on the axes are called position_mm. */
int planner_set_position(struct planner *p, const double position_mm[MOVE_AXES]);
/* Come to rest; the rt thread reports sync_id once the motion before it has been executed. */
int planner_sync(struct planner *p, uint32_t sync_id);
/* The same at speed. */
int planner_mark(struct planner *p, uint32_t sync_id);
/* Set an output between the move before and the move after; motion runs through. */
int planner_output(struct planner *p, uint16_t output, uint16_t value);
/* From the move after it on the axes are shaped like this; motion runs through. */
int planner_shaper(struct planner *p, const struct plan_shaper *shaper, bool stop);
/* Likewise for an extruder's stepper. */
int planner_extrude(struct planner *p, const struct plan_extrude *extrude);
/* Come to rest; E of the moves after is that extruder's filament. */
void planner_extruder(struct planner *p, int32_t extruder);

/* Hand over what is decided while the sink takes it; decide more where the window is full.
 * Call it when the sink has room again. Returns true if nothing that is decided waits. */
bool planner_pump(struct planner *p);

/* Decide whatever no later move can change, at once rather than when a batch is full, and pump.
 * For a consumer that is running low while input still comes. Returns as planner_pump(). */
bool planner_decide(struct planner *p);

/* Plan all there is to a stop, and pump: the input has run dry. Returns as planner_pump(). */
bool planner_flush(struct planner *p);

/* Parameters change for the moves to come: for the flight recorder; motion runs through. */
int planner_note(struct planner *p, const struct plan_notes *notes);

/* Come to rest; from then on that stepper's joint follows the axes with these weights. */
int planner_weights(struct planner *p, uint8_t stepper, const double steps_per_mm[MOVE_AXES]);
/* Come to rest; a manual stepper's own move (NULL: none), see PLAN_MANUAL. sync: what follows waits for it. */
int planner_manual(struct planner *p, uint8_t stepper, const struct move *m, bool sync);
/* Come to rest; a move along E alone, from rest to rest, whose limits are the caller's. E goes with it: start_mm
 * and id are found here. */
int planner_forced(struct planner *p, const struct move *m);
/* How many of the records above surely fit, and how many wait. */
uint32_t planner_asides_room(const struct planner *p);
uint32_t planner_asides(const struct planner *p);

/* Forget all motion that has not been handed over (weights stay). The position becomes position_mm, or, if that is
 * NULL, the end of the last move that was handed over. The next move starts from rest: the
 * caller stops the consumer too. */
void planner_drop(struct planner *p, const double position_mm[MOVE_AXES]);

/* Begin at rest at position_mm, with nothing waiting, and with limits, extruder, feed factor, nudges and numbers of moves
 * as the other one has them. */
void planner_follow(struct planner *p, const struct planner *other,
		    const double position_mm[MOVE_AXES]);
/* About the number of the next move that is given to it; at most that. */
uint32_t planner_next_id(const struct planner *p);
/* Go on with the numbers of moves behind the other's. */
void planner_number_after(struct planner *p, const struct planner *other);

/* The last call was answered with -EAGAIN, and not enough has been handed over since: to try again is
 * of no use before a planner_pump() that hands more over. */
bool planner_refuses(const struct planner *p);

/* Time of the moves not yet handed over: as planned where a plan exists, else at full speed. */
double planner_queued_s(const struct planner *p);
/* Number of moves not yet handed over. */
uint32_t planner_queued(const struct planner *p);
/* True if nothing at all waits, moves or other records. */
bool planner_empty(const struct planner *p);
/* End of the last move that was accepted. */
const double *planner_position(const struct planner *p);
/* Text of the last -EINVAL. */
const char *planner_error(const struct planner *p);

#endif
