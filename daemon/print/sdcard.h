/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sdcard.h - G-code files of a folder, printed from here: M20 to M27, SDCARD_PRINT_FILE.
 *
 * Lines run in turn with those of the FIFO, which go first. Opening and listing are jobs beside the planner, and
 * the file is read ahead (sdreader.h), so that no disk holds up motion. The position is a byte offset: that of
 * the first line that has not been run.
 * Owner:   struct print. Threads: PLAN. Units: bytes.
 */
#ifndef DAEMON_PRINT_SDCARD_H
#define DAEMON_PRINT_SDCARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/gcode/gcode_line.h"

struct print;
struct job;
struct sdreader;

enum {
	SDCARD_NAME_MAX = 256,
	SDCARD_FILES_MAX = 10000,
	SDCARD_DEPTH_MAX = 8, /* folders within folders */
};

struct sdcard_open; /* what a job does: see sdcard_files.h */

struct sdcard {
	char *folder; /* NULL: there is none */
	/* Another one than the folder's, for tests. Returns a descriptor or -errno. May be NULL. */
	int (*open)(void *ctx, const char *name, uint64_t *size);
	void *open_ctx;
	char name[SDCARD_NAME_MAX]; /* "" : no file */
	uint64_t size, position;
	int fd; /* of the file while it isn't being read; -1: none */
	struct sdreader *reader;
	bool printing;
	bool ending;              /* all lines have been run; motion has not ended */
	struct sdreader *leaving; /* the one whose line at hand has given it up */
	bool feeding;             /* a line of it is in use */
	bool waiting;             /* the last line has not ended */
	uint64_t failures;        /* the interpreter's, before it */
	struct gcode_numbering numbering;
	struct job *job;
	struct sdcard_open *work; /* of the job */
};

void sdcard_init(struct print *p);
void sdcard_free(struct print *p);
void sdcard_poll(struct print *p, bool may_feed);
bool sdcard_has_lines(struct sdcard *sd);

/* A file is being printed, and not stopped. */
static inline bool sdcard_printing(const struct sdcard *sd)
{
	return sd->printing;
}

/* Go on with the file from its position; the next lines of it wait. */
void sdcard_start(struct print *p);
void sdcard_stop(struct print *p);
/* No file any more; not while one is printing. */
void sdcard_unload(struct print *p);
/* Go on there. */
void sdcard_seek(struct print *p, uint64_t position);
/* sdcard_gcode.c: what the disk has answered. */
void sdcard_job_poll(struct print *p);
/* Give it up. */
void sdcard_cancel(struct print *p);
/* The print ends because of an error; on_error_gcode runs if the machine still can. */
void sdcard_fail(struct print *p, const char *reason);

#endif
