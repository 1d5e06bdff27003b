/* SPDX-License-Identifier: GPL-2.0-or-later */
/* breaker.h - mcu-sim's hand on its printer: lines of a file at their times, lines of a FIFO at once.
 *
 * The times count from the moment at which a host has configured the firmware first. What a line of the FIFO did, or why it did nothing, is
 * said on standard error. Owner: main.c; zero but for fifo_fd, -1. Threads: its one. Units: _ns of the host's clock.
 */
#ifndef SIM_BREAKER_H
#define SIM_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "printer_events.h"

struct sim;

struct breaker {
	struct printer_events *events;
	int64_t ready_ns; /* 0: not yet */
	const char *fifo;
	int fifo_fd;
	char line[256];
	unsigned len; /* of a line that has not come to its end */
};

/* Read the file, make the FIFO; NULL: without. Returns 0 or -errno after a message. */
int breaker_open(struct breaker *b, struct printer_events *events, const char *file,
		 const char *fifo);
/* The printer is at now_ns: what is due, what has come. */
void breaker_run(struct breaker *b, struct sim *sim, int64_t now_ns);
/* When something is due, INT64_MAX: never. */
int64_t breaker_next_ns(const struct breaker *b);
void breaker_close(struct breaker *b);
#endif
