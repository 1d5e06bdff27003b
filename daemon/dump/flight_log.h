/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_log.h - a flight recorder's file, read: whole records in order, and what is wrong with it.
 *
 * The file may belong to a live process, be cut short, torn, foreign or made to do harm: nothing in it is
 * believed. What is not a whole record is left out and counted. The head's texts end and are printable,
 * its counts are within their arrays, its numbers finite; the records are what their sums say, with
 * any content.
 * Owner: the caller, to flight_log_free(). Threads: one.
 */
#ifndef DAEMON_DUMP_FLIGHT_LOG_H
#define DAEMON_DUMP_FLIGHT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flight.h"

struct flight_entry {
	uint64_t number;
	struct flight_rec rec;
};

struct flight_log {
	struct flight_identity identity;
	bool identity_bad; /* its sum is wrong: names and weights may be, too */
	uint64_t capacity; /* records of the ring */
	uint64_t written, missed;
	uint32_t frozen; /* enum flight_frozen */
	bool closed;
	struct flight_entry *entry; /* in order of their numbers, which may have gaps */
	size_t count;
	uint64_t torn;  /* neither empty nor whole */
	uint64_t stale; /* whole, but of a number that can't be there */
	uint64_t cut;   /* the file ends before them */
};

/* Take the bytes of a file. -1 with a text in err: it is no flight record of this version. */
int flight_log_parse(struct flight_log *log, const void *bytes, size_t size, char *err,
		     size_t err_size);

/* Read a file. live (may be NULL): a process records in it now. */
int flight_log_read(struct flight_log *log, const char *path, bool *live, char *err,
		    size_t err_size);

void flight_log_free(struct flight_log *log);

#endif
