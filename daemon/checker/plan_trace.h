/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan_trace.h - a file that records what was planned and placed, for checking after the run.
 *
 * Layout: struct plan_trace_header, then records of {u32 kind, u32 payload bytes} + payload, in
 * the byte order of the machine that wrote it (the header tells). Kinds: see enum below.
 * The writer buffers in memory through stdio: never call it from the rt thread; the rt thread
 * reports placements through its event ring and the planner side writes them.
 * Threads: one writer thread; a reader of its own.
 * Units:   _s machine time; _mm; _hz; _steps.
 * Errors:  0 or a negative errno; the reader also gives a sentence naming file and offset.
 */
#ifndef PLAN_TRACE_H
#define PLAN_TRACE_H

#include <stdint.h>
#include <stdio.h>

#include "daemon/checker/checker.h"
#include "move.h"

#define PLAN_TRACE_MAGIC "STEPDPLN"
#define PLAN_TRACE_VERSION 2u
#define PLAN_TRACE_BYTE_ORDER 0x01020304u

struct plan_trace_header {
	char magic[8];
	uint32_t version;
	uint32_t byte_order;
	uint32_t move_size; /* sizeof(struct move) */
	uint32_t reserved;
};

enum plan_trace_kind {
	PLAN_TRACE_SETUP = 1, /* struct plan_trace_setup: first */
	PLAN_TRACE_MCU,       /* struct plan_trace_mcu: one for each */
	PLAN_TRACE_STEPPER, /* struct plan_trace_stepper: one for each, all before the first move */
	PLAN_TRACE_MOVE,    /* struct plan_trace_move */
	PLAN_TRACE_POSITION, /* struct plan_trace_position */
	PLAN_TRACE_MAP,      /* struct plan_trace_map */
	PLAN_TRACE_HALT,     /* struct plan_trace_halt */
	PLAN_TRACE_CUT,      /* struct plan_trace_halt, stepper unused: behind the halts */
	PLAN_TRACE_RESYNC,   /* struct plan_trace_resync */
	PLAN_TRACE_END,      /* nothing: the run was closed in order */
	PLAN_TRACE_STOP,     /* struct plan_trace_halt, stepper unused: checker_stop() */
	PLAN_TRACE_SHAPER,   /* struct plan_trace_shaper */
	PLAN_TRACE_EXTRUDE,  /* struct plan_trace_extrude */
	PLAN_TRACE_WEIGHTS,  /* struct plan_trace_weights */
	PLAN_TRACE_MANUAL,   /* struct plan_trace_manual */
};

struct plan_trace_setup {
	double start_mm[MOVE_AXES];
	double tolerance_s, reversal_filter_s;
};
struct plan_trace_mcu {
	char name[CHECKER_NAME_MAX];
	double freq_hz;
};
/* Pins by the names that the MCU's edge trace uses. */
struct plan_trace_stepper {
	char name[CHECKER_NAME_MAX];
	uint32_t mcu;
	int32_t dir_sign; /* level 1 on the dir pin counts by dir_sign */
	double steps_per_mm[MOVE_AXES];
	struct checker_joint joint;
	uint64_t min_distance_clock;
	char step_pin[CHECKER_NAME_MAX], dir_pin[CHECKER_NAME_MAX];
	int32_t step_invert; /* 0: a rising edge steps; 1: a falling one; -1: both */
	uint16_t extruder;   /* 1: an extruder's stepper, at first like this: extrude */
	uint16_t manual;     /* 1: it has a time line of its own */
	struct extrude_param extrude;
};
struct plan_trace_move {
	struct move move;
	double start_s;
};
struct plan_trace_manual {
	struct move move;
	double start_s;
	uint32_t stepper, reserved;
};
struct plan_trace_position {
	double position_mm[MOVE_AXES];
};
struct plan_trace_map {
	uint32_t mcu, reserved;
	uint64_t clock0;
	double from_s, t0_s, freq_hz;
};
struct plan_trace_halt {
	uint32_t stepper, reserved;
	double at_s;
};
struct plan_trace_resync {
	uint32_t stepper, reserved;
	double at_s;
	int64_t count;
};

struct plan_trace_shaper {
	double at_s, end_s;
	struct plan_shaper shaper;
};

struct plan_trace_extrude {
	double at_s;
	struct plan_extrude extrude;
};

struct plan_trace_weights {
	double at_s;
	uint32_t stepper, reserved;
	double steps_per_mm[MOVE_AXES];
};

struct plan_trace_rec {
	enum plan_trace_kind kind;
	union {
		struct plan_trace_setup setup;
		struct plan_trace_mcu mcu;
		struct plan_trace_stepper stepper;
		struct plan_trace_move move;
		struct plan_trace_manual manual;
		struct plan_trace_position position;
		struct plan_trace_map map;
		struct plan_trace_halt halt;
		struct plan_trace_resync resync;
		struct plan_trace_shaper shaper;
		struct plan_trace_extrude extrude;
		struct plan_trace_weights weights;
	};
};

/* Write the header. f stays the caller's. */
int plan_trace_begin(FILE *f);
/* Append a record; its payload size follows from rec->kind. */
int plan_trace_put(FILE *f, const struct plan_trace_rec *rec);
/* Shorthands for the frequent ones. */
int plan_trace_put_move(FILE *f, const struct move *m, double start_s);
int plan_trace_put_map(FILE *f, uint32_t mcu, double from_s, uint64_t clock0, double t0_s,
		       double freq_hz);

/* Check the header. -EPROTO with the reason in err. */
int plan_trace_open(FILE *f, char *err, size_t err_len);
/* 1: *rec filled; 0: end of file in order (unknown kinds are skipped); negative errno: broken. */
int plan_trace_get(FILE *f, struct plan_trace_rec *rec, char *err, size_t err_len);

#endif
