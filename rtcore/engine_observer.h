/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine_observer.h - who is told what the engine does: checker, tests, flight recorder.
 *
 * Threads: the functions are called from inside the cycle, on RT, and must obey its rules.
 * Units:   _ns host CLOCK_MONOTONIC, _s machine time, _mm, steps of a stepper's counter.
 */
#ifndef RTCORE_ENGINE_OBSERVER_H
#define RTCORE_ENGINE_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "clockmap.h"
#include "control.h"
#include "move.h"
#include "stepgen.h"
#include "trapq.h"

/* Why motion that was not handed out is dropped, or that motion is taken again. */
enum engine_hold {
	ENGINE_HELD_ABORT,     /* the planner asked for it */
	ENGINE_HELD_TRIGGER,   /* a trsync fired */
	ENGINE_HELD_FAULT,     /* which was told just before */
	ENGINE_HELD_EMERGENCY, /* final */
	ENGINE_RESUMED,
};

/* A stepper's position in steps of its counter: p + v t + a/2 t^2 + j/6 t^3, 0 <= t <= dur_s. */
struct engine_segment {
	double start_s, dur_s;
	double p, v, a, j;
	uint32_t steps; /* in it, not handed out yet */
	uint32_t newer; /* so many come after it */
	bool at_fault;  /* told again, as it is while steps could not be made of it */
};

/* What happened on a link since the last time it was told, counted. */
struct engine_link_news {
	uint32_t resent; /* frames */
	uint32_t bursts, timeouts, naks, probes, bad_crc, bad_acks;
	uint32_t full; /* how often the line's queue was */
	bool lost, back, reset;
	/* and how it stands now: */
	uint32_t acked;   /* number of the oldest frame in flight, modulo 2^32 */
	uint32_t unacked; /* frames in flight */
	uint32_t round_trip_us;
	uint8_t line; /* enum line_state */
};

/* Called from inside the cycle, on the rt thread; must obey its rules. All may be NULL. Changes are
 * told before their effects; engine_observe.c tells them. */
struct engine_observer {
	void *ctx;
	/* Motion was placed: a whole move or, where it is held, slowed or sped up, a part of one, which is
	 * then told as a move of the same id. */
	void (*move)(void *ctx, const struct move *m, double start_s);
	/* Likewise of a manual stepper: its axis is E, and start_mm where it is by its own count. */
	void (*manual_move)(void *ctx, int stepper, const struct move *m, double start_s);
	/* A phase of the move before, as the joints read it. stepper: a manual one's, or -1. */
	void (*phase)(void *ctx, int stepper, const struct trapq_phase *phase);
	/* Motion after at_s is void, and what comes instead is told anew. stepper -1: of the last move, which is
	 * not over by then, and its phases; else segments of that stepper. No step after it was handed out. */
	void (*cut)(void *ctx, int stepper, double at_s);
	/* The axes, so far called from_mm, are called to_mm from at_s on; nothing moved. */
	void (*position)(void *ctx, double at_s, const double from_mm[MOVE_AXES],
			 const double to_mm[MOVE_AXES]);
	void (*map)(void *ctx, int mcu, double from_s, const struct clockmap *map);
	void (*segment)(void *ctx, int stepper, const struct engine_segment *seg);
	/* first_s: of its first step; count: the counter behind it, in the host's sign. */
	void (*run)(void *ctx, int stepper, const struct step_run *run, double first_s,
		    int64_t count);
	/* The stepper's counter was read back, in the host's sign; no step after at_s was handed out. */
	void (*resync)(void *ctx, int stepper, double at_s, int64_t from, int64_t to);
	/* A parameter changes for the moves that start at at_s or later. */
	void (*param)(void *ctx, const struct plan_note *note, double at_s);
	/* Input shapers change from at_s to end_s, see shaper.h; one told before for the same at_s
	 * is not made. */
	void (*shaper)(void *ctx, double at_s, double end_s, const struct plan_shaper *s);
	/* An extruder's stepper from at_s, less the delay, on, with all its parameters. Those told before for
	 * the same time or later are not made. */
	void (*extrude)(void *ctx, double at_s, const struct plan_extrude *x);
	/* From at_s on, at rest, the stepper's joint follows the axes with these weights. */
	void (*weights)(void *ctx, double at_s, int stepper, const double steps_per_mm[MOVE_AXES]);
	/* An output that no heater has is set at at_s, with a kick first if it has one; from, to: 0..1. */
	void (*output)(void *ctx, int output, double at_s, double from, double to);
	/* A heater's target is another, at that temperature and power (0..1). */
	void (*heater)(void *ctx, int heater, double from_degc, double to_degc, double degc,
		       double power);
	/* All motion after at_s that has not been handed out is dropped, and none is taken until
	 * ENGINE_RESUMED; the axes rest where their shapers have them then, and changes of these
	 * are complete. */
	void (*hold)(void *ctx, enum engine_hold why, double at_s);
	void (*fault)(void *ctx, const struct ev_fault *fault);
	/* Those faults have been dealt with, and what was recorded of them is kept. */
	void (*go_on)(void *ctx);
	void (*link)(void *ctx, int mcu, const struct engine_link_news *news);
	/* Each cycle, before anything else. limit_s: no step after it has been handed out. */
	void (*cycle)(void *ctx, int64_t now_ns, double now_s, double limit_s);
};

#endif
