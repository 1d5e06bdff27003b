/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_file.h - G-code from a plain or gzip file, streamed in chunks.
 *
 * The last line needs no newline. Owner: the caller. Threads: PLAN only (reads may block).
 * Errors: negative errno, with a text that names the file.
 */
#ifndef DAEMON_GCODE_GCODE_FILE_H
#define DAEMON_GCODE_GCODE_FILE_H

#include "daemon/linebuf.h"

enum { GCODE_FILE_BUFFER = 64 * 1024 };

struct gcode_file {
	void *gz;
	const char *path; /* the caller's */
	char *storage;
	struct linebuf lines;
	int error; /* errno of a failed read, 0 if none */
	char reason[128];
	bool ended;
};

int gcode_file_open(struct gcode_file *f, const char *path, char *err, size_t err_cap);

/* The next line, the same until gcode_file_done(). False: the end, or f->error is set and
 * f->reason says what (damaged gzip data, disk error). */
bool gcode_file_next(struct gcode_file *f, struct linebuf_line *out);
void gcode_file_done(struct gcode_file *f);
void gcode_file_close(struct gcode_file *f);

#endif
