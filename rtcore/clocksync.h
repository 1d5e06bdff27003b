/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clocksync.h - the estimate of one MCU's clock, and the mapping from machine time to it.
 *
 * Regression over (time the request left, clock in the reply), forgetting 1/12 a sample and
 * weighted toward the shortest round trips; where the MCU toggles a sync line, over (time of the edge,
 * clock that was agreed for it) instead. Going over from one to the other the estimate does not jump. Machine
 * time is the primary MCU's clock divided by its nominal frequency, and goes on where it is when that clock starts anew;
 * a secondary MCU gets a line that is slewed, never stepped.
 * Owner:   the caller places struct clocksync, one per MCU. Threads: one at a time (RT).
 * Units:   _ns host CLOCK_MONOTONIC, _s machine time, _clock MCU ticks in 64 bits.
 * Facts:   docs/PROTOCOL.md section 8.
 */
#ifndef RTCORE_CLOCKSYNC_H
#define RTCORE_CLOCKSYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "clockfit.h"
#include "clockmap.h"
#include "link.h"

enum {
	CLOCKSYNC_BOOT_SAMPLES = 8, /* after get_uptime, at least, before the estimate may be used */
	CLOCKSYNC_UNANSWERED_MAX = 4,
	CLOCKSYNC_EDGES_MIN =
		10, /* good ones, until a sync line is believed; bad ones in a row, until it isn't */
};

#define CLOCKSYNC_BOOT_PERIOD_NS ((int64_t)50 * 1000 * 1000)
#define CLOCKSYNC_SETTLE_PERIOD_NS ((int64_t)250 * 1000 * 1000) /* while these were not enough */
#define CLOCKSYNC_PERIOD_NS ((int64_t)983900 * 1000)
/* From one edge of a sync line to the next, and how long none may come before the line is given up. */
#define CLOCKSYNC_EDGE_PERIOD_S 0.1
#define CLOCKSYNC_EDGE_SILENCE_NS ((int64_t)3000 * 1000 * 1000)

/* One question and its answer. */
struct clocksync_sample {
	int64_t sent_ns;       /* the request had left the wire */
	int64_t received_ns;   /* the reply had arrived whole */
	int64_t reply_wire_ns; /* of that, time the reply spent on the wire; 0 if unknown */
	uint64_t clock;        /* in the reply, extended to 64 bits */
};

enum clocksync_verdict {
	CLOCKSYNC_ACCEPTED,
	CLOCKSYNC_OUTLIER, /* dropped: late, and a good sample is less than 10 s old */
	CLOCKSYNC_BAD,     /* dropped: impossible times (reply before request, time going back) */
};

/* The edges of a sync line: edge n was to come at first_clock + n * period_ticks. */
struct clocksync_edges {
	struct clockfit fit;
	double first, period; /* ticks after clock0, ticks */
	double last;          /* n of the last good one */
	double error_s;       /* usual size of an edge's error */
	double bias; /* ticks that they are ahead of the round trips, on average: those have two ways that differ */
	double bias_weight;
	int64_t last_ns;   /* of the last good one */
	uint32_t good;     /* since the line was last given up */
	uint32_t bad;      /* in a row */
	uint32_t spurious; /* all that were bad */
	bool agreed;       /* the MCU was told */
	bool locked;       /* the estimate goes by them */
};

struct clocksync {
	double freq_hz; /* nominal */
	/* regression; times in s after t0_ns, clocks in ticks after clock0 */
	int64_t t0_ns;
	uint64_t clock0;
	struct clockfit trips;
	double error_var; /* of the prediction, ticks^2 */
	struct clocksync_edges edges;
	double offset; /* ticks of the estimate from the line in use, since the other one was used */
	double half_trip_min_s; /* aged */
	double excess_var_s2;   /* mean square of what half trips took longer than that */
	double round_trip_s;    /* of the last sample, without the reply's wire time */
	double last_error_s;    /* last sample minus its prediction */
	double last_sent_s, good_time_s, short_time_s;
	double base_s;       /* of the primary: machine time at clock 0 */
	double handed_out_s; /* clocksync_now_s() never falls below it */
	double map_target_s; /* s2 of the last clocksync_secondary_map() */
	uint32_t samples, outliers;
	uint32_t discarded; /* for a repeated, ambiguous or implausible question or answer */
	uint32_t resets;    /* of the error variance */
	bool has_uptime;
	bool ready; /* bootstrapped */
	/* asking */
	bool waiting;
	uint32_t unanswered; /* in a row */
	uint64_t ticket;
	int64_t asked_ns, next_ask_ns;
};

void clocksync_init(struct clocksync *sync, double freq_hz, int64_t now_ns);

/* ---- the estimate ---- */

/* The first sample carries the clock from get_uptime, whole; later ones clocksync_extend(). */
enum clocksync_verdict clocksync_add(struct clocksync *sync, const struct clocksync_sample *s);

/* Bootstrapped: the functions below may be used. From the eighth sample after the first on, once the slope is
 * known within 50 ppm, going by how much the round trips differ, or after 4 s. */
static inline bool clocksync_ready(const struct clocksync *sync)
{
	return sync->ready;
}

/* From one question to the next. */
static inline int64_t clocksync_period_ns(const struct clocksync *sync)
{
	if (sync->ready)
		return CLOCKSYNC_PERIOD_NS;
	return sync->samples <= CLOCKSYNC_BOOT_SAMPLES ? CLOCKSYNC_BOOT_PERIOD_NS
						       : CLOCKSYNC_SETTLE_PERIOD_NS;
}

/* The 64-bit clock nearest to the estimate at near_ns whose low half is clock32. */
uint64_t clocksync_extend(const struct clocksync *sync, uint32_t clock32, int64_t near_ns);

/* Estimated clock at a host time; fractional, as distance from sync->clock0. */
double clocksync_ticks(const struct clocksync *sync, int64_t host_ns);
/* The same as a whole clock, 0 if it would be negative. */
uint64_t clocksync_clock(const struct clocksync *sync, int64_t host_ns);
/* Host time at which the estimate reaches ticks after sync->clock0. */
int64_t clocksync_host_ns(const struct clocksync *sync, double ticks);

/* Ticks a second, estimated. */
double clocksync_rate_hz(const struct clocksync *sync);

/* Standard deviation of the round trips' prediction error, and a bound for their estimate's error: three of it
 * and the shortest half round trip, whose asymmetry nobody can see. */
double clocksync_error_s(const struct clocksync *sync);
double clocksync_bound_s(const struct clocksync *sync);

/* ---- a sync line (clocksync_edge.c) ---- */

/* The MCU will toggle it from first_clock on, a rising edge every CLOCKSYNC_EDGE_PERIOD_S; once ready. */
void clocksync_edges_agree(struct clocksync *sync, uint64_t first_clock);
uint32_t clocksync_edge_ticks(double freq_hz);

/* A rising edge, stamped at_ns: whatever the line does, bounded and checked against what was agreed.
 * Returns: CLOCKSYNC_ACCEPTED, CLOCKSYNC_OUTLIER (too far from the edges' line) or CLOCKSYNC_BAD (none is due). */
enum clocksync_verdict clocksync_edge(struct clocksync *sync, int64_t at_ns);

/* Time passes: a line that has fallen silent is given up. */
void clocksync_edges_check(struct clocksync *sync, int64_t now_ns);
/* A sample of the round trips was taken: what is left of the change-over fades. */
void clocksync_edges_fade(struct clocksync *sync);

/* Whether the estimate goes by the sync line. */
static inline bool clocksync_by_edges(const struct clocksync *sync)
{
	return sync->edges.locked;
}

/* ---- machine time ---- */

/* The primary's estimate was begun anew (clocksync_init()) and is ready: machine time, by the estimate of before up
 * to now_ns, goes on without a jump. Before that, only while none of its clocks has been handed out. */
void clocksync_go_on(struct clocksync *primary, const struct clocksync *before, int64_t now_ns);
/* Machine time = base_s + clock / nominal frequency, of the primary. */
void clocksync_primary_map(const struct clocksync *primary, struct clockmap *map);
/* Machine time at a host time (any), and the reverse. */
double clocksync_machine_s(const struct clocksync *primary, int64_t host_ns);
int64_t clocksync_machine_ns(const struct clocksync *primary, double machine_s);
/* Machine time now: never less than what it returned before. */
double clocksync_now_s(struct clocksync *primary, int64_t now_ns);

/* First mapping of a secondary: its estimate laid over the primary's at now_ns. Only while no
 * clock of it has been handed out. Both must be ready. */
void clocksync_secondary_start(struct clocksync *secondary, const struct clocksync *primary,
			       int64_t now_ns, struct clockmap *map);

/* Next mapping, to be used for machine times >= frontier_s (before it, the old one stays): goes
 * through the old line at max(frontier_s, now) and slews to the estimates within 4 s or more.
 * Slope is always positive. Returns: the machine time from which *map holds (*map is written). */
double clocksync_secondary_map(struct clocksync *secondary, const struct clocksync *primary,
			       int64_t now_ns, double frontier_s, struct clockmap *map);

/* ---- asking ---- */

/* Push get_uptime or get_clock if one is due. Ids the dictionary lacks: nothing is asked. */
void clocksync_ask(struct clocksync *sync, struct link *link, const struct wire_dict *dict,
		   int64_t now_ns);

/* When clocksync_ask() has something to do. */
static inline int64_t clocksync_deadline_ns(const struct clocksync *sync)
{
	return sync->next_ask_ns;
}

/* A clock or uptime response, fields decoded; frame_bytes = length of the frame it came in.
 * Returns: true if it became a sample. */
bool clocksync_uptime(struct clocksync *sync, const struct link *link, const struct msg_uptime *m,
		      size_t frame_bytes, int64_t rx_ns);
bool clocksync_reply(struct clocksync *sync, const struct link *link, const struct msg_clock *m,
		     size_t frame_bytes, int64_t rx_ns);

/* An answer of a clock that is not the one that is followed. */
static inline void clocksync_heard(struct clocksync *sync)
{
	sync->waiting = false;
	sync->unanswered = 0;
}

/* Over 4 questions in a row without an answer. */
static inline bool clocksync_lost(const struct clocksync *sync)
{
	return sync->unanswered > CLOCKSYNC_UNANSWERED_MAX;
}

#endif
