/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fifo.h - G-code from a FIFO, for a poll loop.
 *
 * Writers come and go, several at once. What is read waits in a bounded buffer; when that is full
 * the FIFO is not polled any more and the writers block: nothing is dropped. When the last writer
 * leaves in mid-line, that fragment is handed out marked, and must not be run.
 * M112 is acted on when it is read, before all lines in the buffer: they are dropped. Behind a
 * full pipe it can't be seen; that is what a second struct fifo on "<path>.now" is for, whose lines
 * go to gcode_exec_now() and so never wait.
 * Owner:   the caller places struct fifo; lines point into its buffer until fifo_read() or _done().
 * Threads: PLAN only.
 * Errors:  negative errno, with a text that names path and expectation.
 *
 * Loop:    poll(fifo_poll_fd) → fifo_read → while (fifo_next) { run; if AGAIN or WAIT break;
 *          fifo_done; }, and the same again when the planner has room.
 */
#ifndef DAEMON_FIFO_H
#define DAEMON_FIFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/linebuf.h"

enum {
	FIFO_BUFFER = 256 * 1024,
	FIFO_PATH_MAX = 256,
};

struct fifo_config {
	const char *path;
	mode_t mode;     /* exactly, whatever the umask */
	size_t buffer;   /* bytes of read-ahead; 0 = FIFO_BUFFER */
	size_t line_max; /* longest line; 0 = 4096 */
	/* Called from fifo_read() the moment an M112 line is seen; lines that waited have been
	 * dropped, their number is in dropped. */
	void (*emergency)(void *ctx, uint32_t dropped);
	/* Single bytes '!' and '~' at the start of a line (feed hold, resume). NULL: they are text. */
	void (*signal_byte)(void *ctx, char byte);
	void *ctx;
};

struct fifo {
	struct fifo_config cfg;
	char path[FIFO_PATH_MAX];
	int fd;
	uint64_t dev, ino; /* of what was made at path last */
	int next; /* made after path was removed: read from when the writers of fd have gone; -1: none */
	bool astray; /* something else is at path, and that has been said */
	char *storage;
	struct linebuf lines;
	uint8_t scan; /* out-of-band scanner: where in a line it is */
	bool partial; /* the last byte read was no newline */
	bool end_due; /* the writers left in mid-line; to be marked when there is room */
	uint64_t bytes, opens, emergencies;
};

/* Create the FIFO and open it. A FIFO that nobody reads is replaced; one with a reader, a regular
 * file or anything else is refused with a clear text. Allocates the buffer. */
int fifo_open(struct fifo *f, const struct fifo_config *cfg, char *err, size_t err_cap);

/* The descriptor to poll for POLLIN, -1 while there is no room. */
int fifo_poll_fd(const struct fifo *f);

/* Read what is there and fits. Returns bytes read, or a negative errno (never -EAGAIN). */
int fifo_read(struct fifo *f);

/* The next line, the same until fifo_done(). Lines with flags must not be run: see linebuf.h. */
bool fifo_next(struct fifo *f, struct linebuf_line *out);
void fifo_done(struct fifo *f);

/* Look whether path still is this FIFO; make it anew if it was removed. Writers that have the old one open are read to their
 * end first. Returns 0: nothing has changed; 1: made anew; or a negative errno, once: something else is there. The last two with a
 * text in err. Cost: a system call or two; call it once a second or so. */
int fifo_watch(struct fifo *f, char *err, size_t err_cap);

/* Close and remove the FIFO (if it is still the one that was created). */
void fifo_close(struct fifo *f);

#endif
