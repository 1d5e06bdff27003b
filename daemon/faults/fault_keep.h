/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_keep.h - heater faults that are latched, in a file that outlives this process.
 *
 * A heater that failed stays off until CLEAR_FAULT, whatever ends the daemon: a crash, a kill, RESTART, FIRMWARE_RESTART. What
 * is latched of a heater, by a class that stays and from disable up, is in the record (slot_file.h) a moment
 * later, and what is cleared is out of it. The next daemon latches it again, as disable: no more than that is still to
 * be done about it, and its coming again is taken as seriously as if it were new. A file of which nothing is whole is
 * told, and nothing is believed from it.
 * Owner: struct react. Threads: PLAN. Units: in the names.
 */
#ifndef DAEMON_FAULTS_FAULT_KEEP_H
#define DAEMON_FAULTS_FAULT_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/faults/faults.h"
#include "daemon/slot_file.h"

struct machine;

enum { FAULT_KEEP_VERSION = 1, FAULT_CLASS_NAME_MAX = 24 };

struct fault_kept {
	char class[FAULT_CLASS_NAME_MAX];
	char component[FAULT_NAME_MAX];
	int64_t wall_s; /* when it was latched, since 1970 */
};

struct fault_record {
	struct slot_head head;
	uint32_t count, reserved;
	struct fault_kept fault[FAULT_LATCHED_MAX];
};
_Static_assert(sizeof(struct fault_record) + sizeof(uint32_t) <= SLOT_BYTES, "it fits");

struct fault_keep {
	struct slot_file *file; /* NULL: nothing is kept */
	struct slot_disk disk;
	struct fault_record now, found;
	uint64_t sent, safe; /* sequence: handed to the disk last, and there */
	uint32_t slot;       /* the next one to be written */
	int64_t again_ns;    /* after an error, not before */
	int told_error, open_error;
	bool writing, damaged;
	uint32_t renew;      /* slots to be written, though nothing is new: one was damaged */
	bool restored, told; /* what was found */
	const char *path;    /* the caller's */
};

/* Bytes of a slot, with its seal. */
void fault_keep_seal(const struct fault_record *r, uint8_t slot[SLOT_BYTES]);
/* The record that counts, of all slots one behind the other. Returns its slot, -1: there is none. *damaged: something is
 * there that can't be read. */
int fault_keep_newest(const uint8_t *slots, struct fault_record *r, bool *damaged);
/* Make the record that of what is latched; wall_s is when what is new in it was. False: it was already. */
bool fault_keep_take(struct fault_record *r, const struct faults *f, int64_t wall_s);

/* Open it and read what it says. May wait for the disk. path: NULL: nothing is kept; it outlives m. A file that can't be had, or
 * is damaged, is told by fault_keep_poll() once somebody can hear it. */
void fault_keep_open(struct machine *m, const char *path);
/* What is new since the last write is written without a wait for the disk. */
void fault_keep_close(struct machine *m);
/* A poll: latch what was found, tell it, keep the record up to date. */
void fault_keep_poll(struct machine *m);

#endif
