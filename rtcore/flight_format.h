/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_format.h - what a flight recorder's file looks like.
 *
 * struct flight_head in one page, then a power of two of struct flight_rec. All little-endian, doubles as
 * IEEE 754. Record number n (from 1) is at index n mod capacity; its low 32 bits and a sum over the rest
 * stand in it, so that a record half written, overwritten meanwhile or foreign shows.
 * Threads: plain data; the head's identity is PLAN's, its state RT's but for .closed.
 * Units:   _s machine time, _ns host CLOCK_MONOTONIC, _clock MCU ticks, _mm, _mm_s, _steps.
 */
#ifndef RTCORE_FLIGHT_FORMAT_H
#define RTCORE_FLIGHT_FORMAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"
#include "move.h"

#define FLIGHT_MAGIC "STEPDFLT"

enum {
	FLIGHT_VERSION = 2,
	FLIGHT_HEAD_BYTES = 4096,
	FLIGHT_REC_BYTES = 64,
	FLIGHT_NAME_MAX = 32,
	FLIGHT_RECORDS_MIN = 1024,
	FLIGHT_TAIL_MAX = 4096, /* records written after a freeze, at most ... */
	FLIGHT_TAIL_SHARE = 16, /* ... and at most 1/16 of the ring, and 1 s */
};

/* ---- records: 48 bytes of payload; what is longer takes several parts in a row ---- */

enum flight_kind {
	FLIGHT_EMPTY,
	FLIGHT_MOVE, /* 3 parts of flight_move: taken from the plan, and when it starts; this and the
		       * next: FLIGHT_MANUAL: of the stepper .index alone, whose axis is called E */
	FLIGHT_PHASE, /* 2 parts of flight_phase: constant acceleration, as the joints read it */
	FLIGHT_SEGMENT, /* .segment: a stepper's position as a polynomial, as its steps are made of it */
	FLIGHT_RUN, /* .run: a queue_step handed to the link */
	FLIGHT_MAP, /* .map: machine time to an MCU's clock */
	FLIGHT_LINK, /* .link: frames repeated, refused, damaged; the link lost, heard again, reset */
	FLIGHT_PARAM,    /* .param: a parameter changed */
	FLIGHT_POSITION, /* 2 parts of flight_position: the axes are now called something else */
	FLIGHT_RESYNC,   /* .resync: a stepper's counter was read back */
	FLIGHT_HOLD,     /* .hold: motion stopped, or goes on */
	FLIGHT_FAULT,    /* .fault */
	FLIGHT_MARK,     /* .mark: a sign of life, every 0.1 s */
	FLIGHT_SHAPER,   /* 2 parts of flight_shaper: input shapers change */
	FLIGHT_EXTRUDE,  /* .extrude: what an extruder's stepper does */
	FLIGHT_WEIGHTS,  /* .weights: a stepper's joint follows the axes otherwise */
	FLIGHT_CUT,      /* .cut: motion is taken back, other motion follows */
	FLIGHT_OUTPUT,   /* .output: an output is set, but for those of heaters */
	FLIGHT_HEATER,   /* .heater: a heater's target changes */
	FLIGHT_KINDS,

	FLIGHT_PARTS_MAX = 3,
	FLIGHT_PAYLOAD_WORDS = 6,
	FLIGHT_PAYLOAD_BYTES = 48,
};

struct flight_move {
	double start_s;
	double start_mm[MOVE_AXES], dir[MOVE_AXES];
	double length_mm, accel_mm_s2;
	double start_mm_s, cruise_mm_s, end_mm_s;
	double accel_s, cruise_s, decel_s;
	uint32_t line;
	int32_t extruder;
};

/* .id: the move. Positions in the queue's frame, see trapq.h. */
struct flight_phase {
	double start_s, dur_s, v_mm_s, a_mm_s2;
	double pos_mm[MOVE_AXES], dir[MOVE_AXES];
};

/* p + v t + a/2 t^2 + j/6 t^3 in steps of the stepper's counter, t from start_s to start_s + dur_s; the
 * counter becomes n + 1 where it crosses n + 0.5 upward. .index: stepper; .id: steps in it not yet
 * handed out; FLIGHT_AT_FAULT: as it was at a fault, .part: so many newer ones come after it. */
struct flight_segment {
	double start_s, dur_s, p, v, a, j;
};

/* .index: stepper; .id: add, see struct step_run; FLIGHT_UP, FLIGHT_REBASE. */
struct flight_run {
	uint64_t first_clock, last_clock;
	uint32_t interval;
	uint16_t count, shift;
	double first_s;      /* machine time of the first step */
	double now_s;        /* when it was handed out */
	int64_t count_steps; /* the counter after it */
};

struct flight_map { /* .index: MCU; FLIGHT_AGAIN: nothing new, repeated for the reader's sake */
	double from_s, t0_s;
	uint64_t clock0;
	double freq_hz, now_s;
	uint64_t reserved;
};

/* .index: MCU; counts since the record before of that MCU; .id: frames in flight. */
struct flight_link {
	double now_s;
	uint32_t resent; /* frames */
	uint16_t bursts, timeouts, naks, probes;
	uint32_t bad_crc, bad_acks;
	uint32_t round_trip_us;
	uint32_t acked; /* number of the oldest frame in flight, modulo 2^32 */
	uint32_t line;  /* enum line_state, now */
	uint32_t full;  /* how often the line's queue was full */
	uint32_t reserved;
};

struct flight_param {  /* .index: axis or stepper, or PLAN_NOTE_ALL; .id: G-code line */
	uint32_t what; /* enum plan_param */
	uint32_t reserved;
	double from, to, at_s, now_s;
	uint64_t reserved2;
};

struct flight_position {
	double at_s, now_s;
	double from_mm[MOVE_AXES], to_mm[MOVE_AXES];
	uint64_t reserved[2];
};

struct flight_shaper {
	double at_s, end_s; /* one told before for the same at_s is not made */
	struct plan_shaper shaper;
};

struct flight_extrude { /* .index: stepper; those told before for the same at_s or later are not made */
	double at_s, now_s;
	struct extrude_param param;
	uint64_t reserved;
};

struct flight_weights { /* .index: stepper */
	double at_s, now_s;
	double steps_per_mm[MOVE_AXES];
};

struct flight_cut { /* .index: stepper whose segments are void from then on, FLIGHT_CUT_MOVE: the last move */
	double at_s; /* no step after it was handed out */
	double now_s;
	uint64_t reserved[4];
};

struct flight_output { /* .index: output */
	double at_s, now_s;
	double from, to; /* 0..1 */
	uint64_t reserved[2];
};

struct flight_heater { /* .index: heater */
	double now_s;
	double from_degc, to_degc;
	double degc, power; /* as they are then; 0..1 */
	uint64_t reserved;
};

struct flight_resync { /* .index: stepper */
	double at_s, now_s;
	int64_t from_steps, to_steps;
	uint64_t reserved[2];
};

struct flight_hold { /* .index: enum engine_hold */
	double at_s; /* all motion after it that was not handed out is dropped */
	double now_s;
	uint64_t reserved[4];
};

struct flight_fault {   /* .index: stepper, 0xff: none */
	uint32_t fault; /* enum engine_fault */
	uint16_t mcu;
	int16_t detail;
	double at_s, value_s, now_s;
	uint64_t reserved[2];
};

struct flight_mark {
	double now_s, limit_s; /* no step after limit_s has been handed out */
	int64_t now_ns;
	int64_t gap_ns; /* since the cycle before */
	uint64_t cycles, runs;
};

enum { FLIGHT_MANUAL = 1 };                                                 /* move, phase */
enum { FLIGHT_UP = 1, FLIGHT_REBASE = 2 };                                  /* run */
enum { FLIGHT_AT_FAULT = 1 };                                               /* segment */
enum { FLIGHT_AGAIN = 1 };                                                  /* map */
enum { FLIGHT_CUT_MOVE = 0xff };                                            /* cut: index */
enum { FLIGHT_LINK_LOST = 1, FLIGHT_LINK_BACK = 2, FLIGHT_LINK_RESET = 4 }; /* link */

struct flight_rec {
	uint32_t sequence; /* its number, low 32 bits */
	uint32_t check;    /* over all the rest */
	uint8_t kind;      /* enum flight_kind */
	uint8_t index, part, flags;
	uint32_t id;
	union {
		uint64_t word[FLIGHT_PAYLOAD_WORDS];
		struct flight_segment segment;
		struct flight_run run;
		struct flight_map map;
		struct flight_link link;
		struct flight_param param;
		struct flight_extrude extrude;
		struct flight_weights weights;
		struct flight_cut cut;
		struct flight_output output;
		struct flight_heater heater;
		struct flight_resync resync;
		struct flight_hold hold;
		struct flight_fault fault;
		struct flight_mark mark;
	};
};
_Static_assert(sizeof(struct flight_rec) == FLIGHT_REC_BYTES, "size is in files");
#define FLIGHT_ONE_PART(name) \
	_Static_assert(sizeof(struct name) == FLIGHT_PAYLOAD_BYTES, "a whole part")
FLIGHT_ONE_PART(flight_segment);
FLIGHT_ONE_PART(flight_run);
FLIGHT_ONE_PART(flight_map);
FLIGHT_ONE_PART(flight_link);
FLIGHT_ONE_PART(flight_param);
FLIGHT_ONE_PART(flight_extrude);
FLIGHT_ONE_PART(flight_weights);
FLIGHT_ONE_PART(flight_cut);
FLIGHT_ONE_PART(flight_output);
FLIGHT_ONE_PART(flight_heater);
FLIGHT_ONE_PART(flight_resync);
FLIGHT_ONE_PART(flight_hold);
FLIGHT_ONE_PART(flight_fault);
FLIGHT_ONE_PART(flight_mark);
#undef FLIGHT_ONE_PART
_Static_assert(offsetof(struct flight_rec, part) == 10, "bits 16 .. 23 of word 1");
_Static_assert(sizeof(struct flight_move) == 3 * 48, "whole parts");
_Static_assert(sizeof(struct flight_phase) == 2 * 48, "whole parts");
_Static_assert(sizeof(struct flight_position) == 2 * 48, "whole parts");
_Static_assert(sizeof(struct flight_shaper) == 2 * 48, "whole parts");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are little-endian");

/* ---- the head: whose record it is (PLAN), and how far it goes (RT) ---- */

struct flight_mcu {
	char name[FLIGHT_NAME_MAX];
	double freq_hz; /* nominal; 0: not known (yet) */
};

struct flight_stepper {
	char name[FLIGHT_NAME_MAX];
	double steps_per_mm[MOVE_AXES]; /* weights of the axes; all 0: the joint is no sum of them */
	double tolerance_s, min_interval_s;
	uint32_t mcu, oid;
};

struct flight_identity {
	char program[FLIGHT_NAME_MAX]; /* "stepd 0.1.0" */
	char kinematics[FLIGHT_NAME_MAX];
	char config[256]; /* path of the configuration */
	int64_t started_unix_s;
	uint64_t pid;
	double horizon_s, low_water_s;
	uint32_t mcus, steppers;
	struct flight_mcu mcu[ENGINE_MCUS];
	struct flight_stepper stepper[ENGINE_STEPPERS];
	char heater[HEAT_HEATERS][FLIGHT_NAME_MAX];
	char output[ENGINE_OUTPUTS][FLIGHT_NAME_MAX]; /* their pins */
	uint32_t check;                               /* over what is above */
	uint32_t reserved;
};

enum flight_frozen { FLIGHT_RUNNING, FLIGHT_FROZEN_FAULT, FLIGHT_FROZEN_EMERGENCY };

struct flight_state {
	_Atomic uint64_t written; /* number of the newest record; 0: none */
	_Atomic uint64_t missed;  /* records not written after the freeze */
	_Atomic uint32_t frozen;  /* enum flight_frozen */
	_Atomic uint32_t closed;  /* 1: the process ended in order (PLAN) */
};

struct flight_head {
	char magic[8];
	uint32_t version, head_bytes, rec_bytes, reserved;
	uint64_t capacity; /* records, a power of two */
	struct flight_identity identity;
	_Alignas(64) struct flight_state state;
};
_Static_assert(sizeof(struct flight_head) <= FLIGHT_HEAD_BYTES, "one page");

#endif
