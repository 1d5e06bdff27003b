/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal_file.h - what is known of a job, on a disk (slot_file.h).
 *
 * The record is for the same machine and program version: no other byte order or layout is read.
 * Owner:   the caller. Threads: PLAN. Units: in the names; lengths in mm.
 */
#ifndef DAEMON_JOURNAL_JOURNAL_FILE_H
#define DAEMON_JOURNAL_JOURNAL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/slot_file.h"
#include "heat.h"
#include "move.h"

enum { JOURNAL_VERSION = 2, JOURNAL_NAME_MAX = 32 };

enum journal_state {
	JOURNAL_NONE, /* no job, or it is over and done with */
	JOURNAL_PRINTING,
	JOURNAL_PAUSED,
	JOURNAL_FAILED, /* it ended because of an error or a fault */
};

/* Flags of struct journal_mark. */
enum {
	JOURNAL_RELATIVE = 1,
	JOURNAL_RELATIVE_E = 2,
	JOURNAL_INCH = 4,
	JOURNAL_RETRACTED = 8, /* by G10 */
};

/* Where a line of the file begins, and what the interpreter knew then. */
struct journal_mark {
	uint64_t offset;
	uint32_t line, flags;
	double position_mm[MOVE_AXES]; /* as struct gcode has it */
	double base_mm[MOVE_AXES];     /* of the user's zero */
	double offset_mm[MOVE_AXES];   /* SET_GCODE_OFFSET's part of that */
	double feed_mm_s, speed_factor, extrude_factor;
	double fan;          /* [fan], 0 .. 1 */
	double retracted_mm; /* by G10 */
	int32_t extruder;
	uint32_t plane; /* enum arc_plane: G17, G18, G19 */
};

struct journal_heater {
	char name[JOURNAL_NAME_MAX];
	double target_degc, degc;
};

struct journal_record {
	struct slot_head head;
	int64_t wall_s;         /* since 1970 */
	int64_t mono_ns;        /* CLOCK_MONOTONIC of that boot, or the virtual clock */
	uint32_t state;         /* enum journal_state */
	uint32_t homed;         /* axis mask */
	uint64_t size;          /* of the file */
	struct journal_mark at; /* the line whose motion is under way: nothing of it is sure */
	double machine_mm[MOVE_AXES];
	uint32_t faults; /* latched */
	uint32_t heaters;
	struct journal_heater heater[HEAT_HEATERS];
	char file[256];
	char fault[160]; /* the last one */
};
_Static_assert(sizeof(struct journal_record) + sizeof(uint32_t) <= SLOT_BYTES, "it fits");

/* Bytes of a slot, with its seal. */
void journal_seal(const struct journal_record *r, uint8_t slot[SLOT_BYTES]);
/* The record that counts, of all slots one behind the other. Returns its slot, -1: there is none. */
int journal_newest(const uint8_t *slots, struct journal_record *r);

/* slot_file_open() and read it: *slot as journal_newest(). NULL: -errno in *slot. */
struct slot_file *journal_file_open(const char *path, bool threads, struct journal_record *r,
				    int *slot);

#endif
