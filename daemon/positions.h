/* SPDX-License-Identifier: GPL-2.0-or-later */
/* positions.h - where the steppers' counters put the axes, in a file that outlives this process.
 *
 * MCUs outlive the daemon: their motors stay on and their counters go on counting what they make. The record says what a
 * counter means. The next daemon believes it only if every MCU with a motor proves that it is the same run of it: its
 * configuration has the same CRC, its clock has gone on since, and it needed no reset. Axes whose motors were without
 * current (a shutdown) are not known, nor is an axis of dual carriages whose counters contradict each other. The file is
 * mapped: a word of it is there whatever ends the process, and its CRC says whether it is whole. A change of what is
 * homed, or of which carriages follow, first makes it void, the latter until the rt core has taken it.
 * Owner: struct machine. Threads: PLAN. Units: in the names.
 */
#ifndef DAEMON_POSITIONS_H
#define DAEMON_POSITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "daemon/dual.h"

struct machine;

struct positions_record {
	uint32_t magic, check; /* check: CRC-32 of what follows */
	uint32_t homed;        /* axis mask; 0: nothing is known */
	uint32_t motors, mcus,
		geometry; /* CRC of what the configuration says of motors and endstops */
	int64_t now_ns;   /* CLOCK_MONOTONIC; of clock_ticks */
	double clock_ticks[ENGINE_MCUS];
	double freq_hz[ENGINE_MCUS];
	uint32_t crc[ENGINE_MCUS];          /* of the MCU's configuration */
	double zero_steps[ENGINE_STEPPERS]; /* where the joint is with the counter at 0 */
	struct dual_carriage carriage[DUAL_PAIRS_MAX][2];
};

struct positions {
	struct positions_record *file; /* mapped; NULL: there is none */
	struct positions_record was;   /* as found at the start, .homed 0: nothing */
	bool asked;                    /* the counters, at the start */
	bool renamed;     /* dual carriages: the rt core does not know it yet, perhaps */
	uint32_t homed;   /* since ... */
	int64_t since_ns; /* ... then */
};

/* Map the file, read what it says. Without a file, or one that can't be had, nothing is kept. Before the MCUs are set up. */
void positions_open(struct machine *m, const char *path);
void positions_close(struct machine *m);
/* Whether motors may still be on and in place, so that setting the MCU up must not let go of them. */
bool positions_hope(const struct machine *m);
/* All MCUs are ready: find out. True: that is done. As often as it takes. */
bool positions_settled(struct machine *m);
/* Keep the record up to date. */
void positions_poll(struct machine *m);
/* Motors will follow the axes otherwise, behind what is planned. */
void positions_renamed(struct machine *m);
/* Motors are about to be let go of. */
void positions_void(struct machine *m);

#endif
