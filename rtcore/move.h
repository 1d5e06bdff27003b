/* SPDX-License-Identifier: GPL-2.0-or-later */
/* move.h - what the planner hands to the rt thread: moves and everything in step with them.
 *
 * Records are fixed-size and travel in order through one ring (see ring.h). They carry no
 * absolute time: the rt thread owns the time line, places each move at the end of the one
 * before it (or a lead after now, from rest), and so can stretch it.
 * Units: _mm, _mm_s, _mm_s2 along the path; axes in mm.
 */
#ifndef RTCORE_MOVE_H
#define RTCORE_MOVE_H

#include <stdint.h>

enum move_axis { AXIS_X, AXIS_Y, AXIS_Z, AXIS_E, MOVE_AXES };
enum { SHAPER_AXES = 3 }; /* X, Y and Z may be shaped */

/* One trapezoid: accelerate, cruise, decelerate along a straight line in axis space.
 * Position at path distance s is start_mm[i] + dir[i] * s. For a move with X, Y or Z in it, s is
 * the XYZ distance, so dir[X..Z] is a unit vector and dir[E] the filament per mm of path;
 * for an extrude-only move s is |E| and dir[E] is +1 or -1.
 * Invariants: length_mm > 0; every *_s >= 0 and their sum > 0; accel_mm_s2 > 0 if accel_s or
 * decel_s > 0; start/cruise/end speeds >= 0;
 * cruise = start + accel * accel_s, end = cruise - accel * decel_s, and the three phases' distances
 * add up to length_mm, each to 1e-9 relative. The end speed equals the next move's start speed. */
struct move {
	double start_mm[MOVE_AXES];
	double dir[MOVE_AXES];
	double length_mm;
	double accel_mm_s2;
	double start_mm_s, cruise_mm_s, end_mm_s;
	double accel_s, cruise_s, decel_s;
	double feed_factor;  /* its speed was planned with this one (M220); 0: none concerns it */
	double nudge_mm;     /* what babysteps had added to Z, in all, when it was planned */
	double limit_mm_s;   /* no feed rate takes it above this, or cruise_mm_s if that is more */
	uint32_t id;         /* counts up from 1; wraps */
	uint32_t line;       /* number of the G-code line it came from, 0 if none */
	int32_t extruder;    /* the one whose filament E is, counting from 0 */
	uint32_t feed_epoch; /* live feed rates of a higher number concern it */
};

enum plan_kind {
	PLAN_MOVE,     /* .move */
	PLAN_DWELL,    /* .dwell_s: rest in place */
	PLAN_POSITION, /* .position_mm: the axes are now called this; nothing moves; only at rest */
	PLAN_SYNC,     /* .sync_id: report when the motion before it has been executed (M400) */
	PLAN_OUTPUT,   /* .output: set an MCU output when the motion before it ends */
	PLAN_SHAPER,   /* .shaper: input shapers from here on; motion runs through */
	PLAN_EXTRUDE,  /* .extrude: an extruder's stepper from here on; motion runs through */
	PLAN_WEIGHTS,  /* .weights: a stepper's joint follows the axes otherwise; only at rest */
	PLAN_RESUME,   /* after a stop (trigger, fault, abort): what came before it is void */
	PLAN_RETURN, /* what stands aside goes on: the axes are where it was held and are called so */
	PLAN_FORGET, /* what stands aside is void */
	PLAN_NOTE, /* .notes: parameters of the moves that follow were changed; for the record only */
	PLAN_MANUAL, /* .move of .stepper's own time line, from rest, along E: dir and times count, not
		      * where it starts; length 0: none. No earlier than the motion before it ends */
};

/* Of PLAN_MANUAL: what follows waits until the stepper rests. */
enum { PLAN_MANUAL_SYNC = 1 };

enum plan_param {
#define PARAM(id, name, unit) PLAN_PARAM_##id,
#include "params.def"
#undef PARAM
	PLAN_PARAMS,
};

enum { PLAN_NOTE_ALL = 0xff, PLAN_NOTES_MAX = 5 };

struct plan_note {
	uint16_t what;  /* enum plan_param */
	uint16_t index; /* axis or stepper; PLAN_NOTE_ALL: not of one */
	uint32_t line;  /* number of the G-code line, 0 if none */
	double from, to;
};

struct plan_notes {
	uint32_t count;
	struct plan_note note[PLAN_NOTES_MAX];
};

enum { PLAN_OUTPUT_FULL = UINT16_MAX };

struct plan_output {
	uint16_t output; /* index of the output in the engine's table */
	uint16_t value;  /* 0 = off .. PLAN_OUTPUT_FULL = full on */
};

/* Input shapers, see shaper.h for their formulas. */
enum shaper_type {
	SHAPER_NONE,
	SHAPER_ZV,
	SHAPER_MZV,
	SHAPER_ZVD,
	SHAPER_EI,
	SHAPER_2HUMP_EI,
	SHAPER_3HUMP_EI,
	SHAPER_TYPES
};

struct plan_shaper_axis {
	uint32_t type; /* enum shaper_type */
	uint32_t reserved;
	double freq_hz;       /* > 0, of the resonance, undamped; not used by SHAPER_NONE */
	double damping_ratio; /* 0 .. <1 */
};

struct plan_shaper {
	struct plan_shaper_axis axis[SHAPER_AXES];
	double delay_s; /* the machine's delay is at least this: half of the longest smooth time */
};

/* What an extruder's stepper does with the E motion, see extrude.h. */
enum {
	EXTRUDE_NONE = -1, /* follows no extruder */
	EXTRUDE_FORCED =
		1000, /* the extruder of moves that are no extruder's: of one stepper alone */
};

struct extrude_param {
	int32_t source;   /* number of the extruder followed, as in struct move, or EXTRUDE_NONE */
	double advance_s; /* pressure advance */
	double half_s;    /* half of the smooth time; 0 only without advance: no smoothing */
};

/* What a change is about; the rest stays as it is then. */
enum { EXTRUDE_SOURCE = 1, EXTRUDE_ADVANCE = 2, EXTRUDE_SMOOTH = 4, EXTRUDE_ALL = 7 };

struct plan_extrude {
	uint32_t stepper;           /* index in the engine */
	uint32_t fields;            /* EXTRUDE_SOURCE … */
	struct extrude_param param; /* half_s: also while there is no advance */
};

struct plan_weights {
	double steps_per_mm[MOVE_AXES]; /* of the axes in this joint */
	uint8_t stepper;                /* index in the engine */
};

struct plan_rec {
	uint32_t kind;           /* enum plan_kind */
	uint16_t stepper, flags; /* PLAN_MANUAL: index in the engine, PLAN_MANUAL_SYNC */
	union {
		struct move move;
		double dwell_s;
		struct {
			double position_mm[MOVE_AXES];
			double nudge_mm; /* as in struct move */
		};
		uint32_t sync_id;
		struct plan_output output;
		struct plan_shaper shaper;
		struct plan_extrude extrude;
		struct plan_notes notes;
		struct plan_weights weights;
	};
};

#endif
