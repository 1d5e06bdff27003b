/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sdreader.h - a file's lines, read ahead in a thread of its own.
 *
 * A disk that stalls stops the thread, not the planner: that finds no further line, and what is read ahead
 * goes on. Reading ahead ends where the buffer is full.
 * Owner:   sdreader_open() to sdreader_close(). Threads: PLAN; the reader's own inside.
 * Units:   bytes, offsets from the file's beginning.
 */
#ifndef DAEMON_PRINT_SDREADER_H
#define DAEMON_PRINT_SDREADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/linebuf.h"

struct sdreader;

/* Read fd from offset on (a pipe as it comes); fd is the reader's from here on, also on failure. bytes: how much
 * is read ahead. Without a thread each sdreader_next() reads what it needs, and a non-blocking fd that has
 * nothing is as a disk that stalls. NULL: no memory or no thread. */
struct sdreader *sdreader_open(int fd, uint64_t offset, size_t bytes, bool threaded);
/* Never waits. NULL is fine. */
void sdreader_close(struct sdreader *r);

/* The next line, the same until sdreader_done(). False: none yet, or the end. */
bool sdreader_next(struct sdreader *r, struct linebuf_line *out);
void sdreader_done(struct sdreader *r);

/* Where the line begins that sdreader_next() gives. */
uint64_t sdreader_offset(const struct sdreader *r);
/* Whether there is no further line; *error is 0, or the errno of a read that failed. */
bool sdreader_ended(struct sdreader *r, int *error);

#endif
