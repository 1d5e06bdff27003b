/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.h - the lines of a host that sends a print itself, and where they wait while a fault has paused it.
 *
 * Whose line is whose is told by numbers: a host that sends a print as N12 …*87 gets its numbered lines kept (and answered,
 * or it would say nothing else), some 20 KiB of them: three quarters of STREAM_KEPT, less a longest line. Lines without a
 * number are the user's and run. Of a print without numbers nobody can tell, so all lines of its source wait where they are,
 * and commands come out of band, where all are taken meanwhile. If there is no other way for them, lines without numbers
 * do not wait.
 * Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_STREAM_H
#define DAEMON_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/gcode/gcode_line.h"

struct machine;

enum { STREAM_KEPT = 32768 };

struct stream {
	bool console;     /* commands can come out of band */
	bool numbered;    /* the last move came with number and checksum */
	bool waiting;     /* at the last poll a line was there */
	bool paused;      /* its lines wait */
	int64_t quiet_ns; /* of a print that was given up: what comes before then is dropped */
	unsigned dropped;
	struct linebuf kept;
	char storage[STREAM_KEPT];
};

void stream_init(struct stream *s);
/* A line of the host's: run it, keep it, or GCODE_AGAIN: it has to wait. */
enum gcode_result stream_feed(struct machine *m, struct gcode_numbering *n,
			      const struct linebuf_line *l);
/* Lines that wait are not to be tried again and again. */
bool stream_blocks(const struct stream *s);
/* Lines that were kept and may run now. */
bool stream_has_lines(const struct stream *s);
/* A poll; waiting: a line of the host's is there. */
void stream_poll(struct machine *m, bool waiting);

/* Whether a host's print is under way whose lines can be told from others. */
bool stream_prints(const struct machine *m);
/* Its lines wait from now on; if they do already, nothing happens. */
void stream_pause(struct machine *m);
/* After RESUME: what was kept comes first. */
void stream_go_on(struct machine *m);
/* The print is given up. */
void stream_drop(struct machine *m);

#endif
