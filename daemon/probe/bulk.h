/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bulk.h - samples that an MCU sends in bulk, numbered, each with its time.
 *
 * The sensor's own rhythm is even, so times are a straight line over the samples' numbers, fitted to those that the
 * MCU says: of the last sample of each block where it has sensor_bulk_clock, else of answers to questions.
 * Owner: the sensor's module. Threads: PLAN. Units: _s machine time.
 */
#ifndef DAEMON_PROBE_BULK_H
#define DAEMON_PROBE_BULK_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

struct machine;
struct session;

enum { BULK_SAMPLES = 4096, BULK_ANCHORS = 64 };

struct bulk_sample {
	uint64_t number;
	uint32_t word; /* its four bytes */
};

struct bulk {
	int mcu;
	uint8_t oid;
	double period_s; /* between two samples, about */
	double look_s;   /* how often the MCU looks for one */
	bool little;     /* the first byte is the lowest */
	bool on;
	bool exact;        /* the MCU says the time of each block */
	uint16_t sequence; /* of the next block */
	uint32_t per_block;
	uint64_t next;  /* number of the next sample */
	uint64_t count; /* of samples that have come; the last BULK_SAMPLES are kept */
	struct bulk_sample sample[BULK_SAMPLES];
	uint32_t anchors;
	struct {
		uint64_t number;
		double at_s;
	} anchor[BULK_ANCHORS];
	double mean_number, mean_s, slope_s; /* the line */
	int64_t ask_ns;                      /* when to ask next, if it isn't exact */
};

/* The MCU has been told to start. session: of it. */
void bulk_start(struct bulk *b, const struct machine *m, const struct session *s);
void bulk_stop(struct bulk *b);
/* A message of the MCU. Returns true if it was of these samples. */
bool bulk_hear(struct bulk *b, const struct machine *m, int id, const union msg_any *any);
/* Whether a question is due: it is the caller's to send. */
bool bulk_ask(struct bulk *b, int64_t now_ns);
/* When a sample was ready. False: not known yet. */
bool bulk_time_s(const struct bulk *b, uint64_t number, double *at_s);
/* Samples of which the time that they took lies between the two, in their order, until take() returns false; at_s is the middle of that
 * time. Returns: false: the last of them has not come yet, and nobody was told of any. */
bool bulk_each(const struct bulk *b, double from_s, double to_s,
	       bool (*take)(void *ctx, double at_s, uint32_t word), void *ctx);
/* The sample that was number i of those that have come; NULL: it is not kept any more. */
const struct bulk_sample *bulk_get(const struct bulk *b, uint64_t i);

/* Machine time of a clock of that MCU, not far from now. */
bool bulk_clock_s(const struct machine *m, int mcu, uint32_t clock, double *at_s);

#endif
