/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slot_file.h - a small record on a disk that is always whole: two slots, written in turn, each sealed with a CRC-32.
 *
 * The file has its size from the start and is only written over: no block is allocated, no directory changes. A slot is
 * written while the other one is safe on the disk. A write is a job beside the planner (daemon/print/job.h); one that
 * hangs is left. A record begins with a struct slot_head; the valid one with the higher sequence counts.
 * Owner:   the caller. Threads: PLAN.
 */
#ifndef DAEMON_SLOT_FILE_H
#define DAEMON_SLOT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOT_BYTES = 4096, SLOTS = 2, SLOT_FILE_BYTES = SLOTS * SLOT_BYTES };

/* How slots get to the disk. write: begin it, bytes are the callee's to copy; false: not now. error: of
 * the last one: SLOT_BUSY while it is under way, 0 or an errno. */
enum { SLOT_BUSY = -1 };
struct slot_disk {
	bool (*write)(void *ctx, uint64_t offset, const uint8_t *bytes, size_t len);
	int (*error)(void *ctx);
	void *ctx;
};

struct slot_head {
	uint32_t magic, version;
	uint64_t sequence;
};

/* What makes a slot one of these records: its head and, beyond the seal, what makes sense. */
struct slot_kind {
	uint32_t magic, version;
	bool (*valid)(const uint8_t slot[SLOT_BYTES]);
};

/* A slot of a record of len bytes that begins with a head: magic and version are put into it, the seal is the last four bytes. */
void slot_seal(const struct slot_kind *kind, const void *record, size_t len,
	       uint8_t slot[SLOT_BYTES]);
/* The slot that counts, of all slots one behind the other. -1: there is none. damaged, may be NULL: one holds something that is no
 * such record. */
int slot_newest(const struct slot_kind *kind, const uint8_t *slots, bool *damaged);

struct slot_file;
/* Open or make it, with all its room, and read it: slots[SLOT_FILE_BYTES], zeros where nothing is. NULL: an errno in *error. May
 * wait for the disk: at the start only. threads: writes are jobs in threads. */
struct slot_file *slot_file_open(const char *path, bool threads, uint8_t *slots, int *error);
/* NULL: nothing. Waits for nothing: a write that is under way is left to end by itself. */
void slot_file_close(struct slot_file *f);
/* Its slots, until it is closed. More than SLOT_BYTES at once are not written. */
struct slot_disk slot_file_disk(struct slot_file *f);
/* Before the close, whatever is under way: who opens the file next finds it. Not waited for the disk. False: not written. */
bool slot_file_last(struct slot_file *f, uint64_t offset, const uint8_t slot[SLOT_BYTES]);

#endif
