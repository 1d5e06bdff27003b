/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_file.h - the flight recorder's memory: a file mapped shared, and which of them are kept.
 *
 * The file has all its room from the start, its pages are mapped and touched, so the rt thread meets
 * neither a fault nor a full file system. On tmpfs, that is; elsewhere the kernel takes pages away to
 * write them back (flight_file.in_memory).
 * A record that a fault or M112 has frozen, or that a process left that did not end in order, is
 * renamed PATH.1, PATH.2, … and never overwritten; the oldest of these are removed beyond a number.
 * Owner:   the caller. Threads: PLAN; flight_file.flight is RT's while that runs.
 */
#ifndef DAEMON_FLIGHT_FILE_H
#define DAEMON_FLIGHT_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "flight.h"

struct machine;

struct flight_file_config {
	const char *path;
	double mib;    /* for the ring, rounded down to a power of two of records */
	unsigned keep; /* frozen or left ones, PATH.N */
	bool replace;  /* what is at path may go, whatever its state (batch) */
};

struct flight_file {
	struct flight flight;
	struct flight_file_config cfg;
	char path[PATH_MAX]; /* where it is by now */
	int fd;
	size_t bytes;
	bool open, in_memory;
	bool kept; /* renamed */
};

/* The path when none is configured: beside the G-code FIFO if that is on tmpfs, else in /dev/shm, by
 * the FIFO's name. false: too long. */
bool flight_file_default(const char *gcode_fifo, char *path, size_t size);

/* Put what is there aside, create the file, map it. -1 with a text in err. */
int flight_file_open(struct flight_file *f, const struct flight_file_config *cfg, char *err,
		     size_t err_size);

/* Write whose record it is; again when the MCUs' clocks are known. */
void flight_file_identify(struct flight_file *f, const struct machine *m, const char *config);

/* A fault or an emergency stop freezes it: keep the file. Returns its path, for the message. */
const char *flight_file_keep(struct flight_file *f);

/* After the fault that froze it: what was kept is a file of its own from now on, and this one is where it was at first, to be
 * written on (flight_thaw()). At rest: it may take some ms. False: nothing has changed. */
bool flight_file_go_on(struct flight_file *f);

/* A line for STATUS. */
void flight_file_status(const struct flight_file *f, char *buf, size_t cap);

/* After the rt thread has ended. The file stays, for stepd dump. */
void flight_file_close(struct flight_file *f);

#endif
