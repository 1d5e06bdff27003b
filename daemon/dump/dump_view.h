/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dump_view.h - a flight log decoded: moves, phases, segments, runs and events, each with its time.
 *
 * Records that make no sense (numbers that are not finite or beyond reason, a stepper that there is not)
 * are left out and counted, so that whoever reads a view may calculate with it.
 * Owner: the caller, to dump_view_free(); the log must outlive the view. Threads: one.
 * Units: _s machine time, _mm, _steps of the stepper's counter.
 */
#ifndef DAEMON_DUMP_DUMP_VIEW_H
#define DAEMON_DUMP_DUMP_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/dump/flight_log.h"

struct dump_move {
	uint64_t number;       /* of the (last) record */
	int manual;            /* of this stepper alone; -1: of the axes */
	double start_s, end_s; /* as planned; */
	bool cut;              /* a stop dropped what of it had not been handed out at ... */
	double cut_s;          /* ... then; start_s: it never began */
	struct move move;
};

struct dump_phase {
	uint64_t number;
	uint32_t id; /* of the move */
	int manual;  /* as above */
	struct flight_phase p;
};

struct dump_segment {
	uint64_t number;
	int stepper;
	bool at_fault;
	unsigned newer; /* segments of the stepper that were there, and came after it */
	uint32_t steps;
	struct flight_segment p;
};

struct dump_run {
	uint64_t number;
	int stepper;
	bool up, rebase;
	struct flight_run r;
	int32_t add;
	double tick_s; /* of the clock map in force; 0: not known */
	double last_s;
	bool compared;            /* with the segments, some of its steps: */
	double worst_s;           /* the largest distance of a step from its exact time */
	int looked_at, unmatched; /* and that no segment has */
};

/* All other kinds. */
struct dump_event {
	uint64_t number;
	double at_s, now_s; /* when it takes effect; when it was recorded */
	const struct flight_rec *rec;
	union { /* of what has more parts than rec */
		struct flight_position position;
		struct flight_shaper shaper;
	};
};

/* Whether the event changes how the moves after it are made. */
static inline bool dump_event_is_param(const struct dump_event *e)
{
	return e->rec->kind == FLIGHT_PARAM || e->rec->kind == FLIGHT_SHAPER ||
	       e->rec->kind == FLIGHT_EXTRUDE || e->rec->kind == FLIGHT_WEIGHTS;
}

struct dump_view {
	const struct flight_log *log;
	struct dump_move *move;
	struct dump_phase *phase;
	struct dump_segment *segment;
	struct dump_run *run;
	struct dump_event *event;
	size_t moves, phases, segments, runs, events;
	uint64_t partial;    /* records whose other parts are missing */
	uint64_t senseless;  /* left out for their content */
	double from_s, to_s; /* when its events were recorded */
};

/* false: out of memory. */
bool dump_view_make(struct dump_view *v, const struct flight_log *log);
void dump_view_free(struct dump_view *v);

/* Names; never NULL. */
const char *dump_stepper_name(const struct dump_view *v, unsigned stepper);
const char *dump_mcu_name(const struct dump_view *v, unsigned mcu);

/* Path speed at t_s within a phase; position of a segment at t (from its start), and its speed. */
double dump_phase_speed(const struct dump_phase *ph, double t_s);
double dump_segment_at(const struct flight_segment *s, double t);
double dump_segment_speed(const struct flight_segment *s, double t);

/* When the segment comes to x steps (after its start); negative: never. */
double dump_segment_when(const struct flight_segment *s, double x);

/* Ticks from a run's base, one interval before its first step, to its step k = 0 .. count. */
int64_t dump_run_ticks(const struct dump_run *r, int64_t k);

/* Seconds from a run's first step to its step k = 1 .. count. */
double dump_run_step_s(const struct dump_run *r, unsigned k);

/* The stepper, if it is a manual one by its moves; else -1. */
int dump_manual_of(const struct dump_view *v, int stepper);

/* The move of the axes (manual -1), or of a manual stepper, that is under way at t_s. -1: none. */
ptrdiff_t dump_move_at(const struct dump_view *v, int manual, double t_s);

#endif
