/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.h - the job journal: after a crash or a power loss the machine knows what it was printing, and where.
 *
 * While a file is printed its record (journal_file.h) is written every JOURNAL_PERIOD_NS, and at once when the state
 * changes. The offset is that of the line whose motion is under way, not of the line that was read last. At the start the
 * daemon says what it found, and keeps its place of the head up to date from then on. RECOVER_JOB tells the steps to take, RECOVER_JOB GO=1 goes on once they are done;
 * nothing goes on by itself.
 * Owner: struct print. Threads: PLAN. Units: in the names.
 */
#ifndef DAEMON_JOURNAL_JOURNAL_H
#define DAEMON_JOURNAL_JOURNAL_H

#include "daemon/gcode/gcode_command.h"
#include "daemon/journal/journal_file.h"

struct print;

enum {
	JOURNAL_MARKS = 16384
}; /* lines with motion that may be planned and not executed; a power of two */
#define JOURNAL_PERIOD_NS ((int64_t)400 * 1000 * 1000)
#define JOURNAL_STALL_NS ((int64_t)5 * 1000 * 1000 * 1000) /* a write that takes longer is told */

struct journal {
	struct slot_file *file;
	struct slot_disk disk;
	struct journal_mark *mark;     /* JOURNAL_MARKS, or NULL: there is no journal */
	uint32_t mark_head, mark_tail; /* the tail is that of the line under way */
	struct journal_mark next;      /* of the line that is about to be fed */
	uint64_t moves;                /* the interpreter's, before it */
	uint32_t first_id;             /* of the moves of the marks, about: none before is theirs */
	struct journal_mark paused;    /* where PAUSE was, without its offset */
	struct journal_record now, found;
	bool offered;  /* what was found has been told */
	bool moved;    /* the head, since that was written last */
	uint32_t slot; /* the next one to be written */
	bool writing;
	int64_t begun_ns; /* then */
	uint32_t written_state;
	int64_t due_ns;
	int told_error;
};

/* Open it, as configured. An error is told once the machine is ready. */
void journal_init(struct print *p);
void journal_free(struct print *p);
/* Another disk, for tests: nothing is found there. */
void journal_use(struct print *p, struct slot_disk disk);
void journal_poll(struct print *p);

/* Before a line of the file is fed, and after it was taken. */
void journal_line_begin(struct print *p, uint64_t offset, uint32_t line);
void journal_line_taken(struct print *p);
/* PAUSE, in its turn: the print goes on from here. */
void journal_pause(struct print *p);
/* A file is opened, or its position set: marks of before are void. */
void journal_restart(struct print *p);

extern const struct gcode_command journal_commands[];
extern const unsigned journal_command_count;

#endif
