/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_line.h - line numbers, checksums and acknowledgements, between a source and gcode_exec().
 *
 * "N12 G1 X10*87": the checksum is the XOR of all bytes before the '*'. A line with a checksum must
 * be the next in sequence; otherwise it is not run and "Resend: n" asks for the right one. N without
 * a checksum (as CAM programs write it) is only a label. M110 Nn sets the sequence: n + 1 is next.
 * Owner:   the caller, one struct gcode_numbering for each source.
 * Threads: PLAN only.
 */
#ifndef DAEMON_GCODE_GCODE_LINE_H
#define DAEMON_GCODE_GCODE_LINE_H

#include "daemon/gcode/gcode.h"
#include "daemon/linebuf.h"

enum gcode_ack {
	GCODE_ACK_NONE,
	GCODE_ACK_NUMBERED, /* "ok" after each line with N */
	GCODE_ACK_ALL,      /* "ok" after each line, blank ones too */
};

struct gcode_numbering {
	enum gcode_ack ack;
	uint32_t next; /* expected line number */
	uint64_t resends;
	bool checked; /* the line at hand had number and checksum */
	/* If set, given numbered lines that are in sequence instead of their being run; of GCODE_OK the line is taken. */
	enum gcode_result (*instead)(void *ctx, const char *text, size_t len, uint32_t line);
	void *ctx;
};

/* next = 1. */
void gcode_numbering_init(struct gcode_numbering *n, enum gcode_ack ack);

/* Check number and checksum, run the line, acknowledge. After GCODE_AGAIN give the same line again;
 * after GCODE_WAIT the "ok" comes with gcode_resume(). */
enum gcode_result gcode_feed(struct gcode *g, struct gcode_numbering *n, const char *text,
			     size_t len, uint32_t line_no);

/* The same for a line from linebuf, fifo or gcode_file: one that is too long or a fragment is
 * answered with an error and not run. */
enum gcode_result gcode_feed_line(struct gcode *g, struct gcode_numbering *n,
				  const struct linebuf_line *l);

/* An out-of-band line: through gcode_exec_now(), with N and checksum taken off (a wrong checksum is an
 * error; there is no sequence and no "ok"). Flags as above. */
enum gcode_result gcode_feed_now(struct gcode *g, const struct linebuf_line *l);

#endif
