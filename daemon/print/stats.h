/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats.h - what has become of a print: state, times, filament, layers (print_stats).
 *
 * Owner: struct print. Threads: PLAN. Units: _ns host time, _s, _mm of filament.
 */
#ifndef DAEMON_PRINT_STATS_H
#define DAEMON_PRINT_STATS_H

#include <stdint.h>

struct print;

enum print_state {
	PRINT_STANDBY,
	PRINT_PRINTING,
	PRINT_PAUSED,
	PRINT_COMPLETE,
	PRINT_CANCELLED,
	PRINT_ERROR,
};

struct print_stats {
	enum print_state state;
	char file[256], message[256]; /* message: of an error */
	int64_t begin_ns, end_ns;     /* begin 0: not yet; end 0: not over */
	int64_t first_e_ns;           /* filament moved first, 0: not yet */
	int64_t pause_ns;             /* begin of the present pause, 0: none */
	int64_t paused_ns;            /* sum of those before, after first_e_ns */
	double filament_mm, last_e_mm;
	int32_t layer, layers; /* -1: not said */
};

/* Nothing is known. */
void print_stats_reset(struct print_stats *s);
/* The file that is to be printed. */
void print_stats_select(struct print_stats *s, const char *file);
/* From now on it is so. message: of an error, or NULL. */
void print_stats_set(struct print *p, enum print_state state, const char *message);
/* Count filament. */
void print_stats_poll(struct print *p);

const char *print_stats_name(const struct print_stats *s);
/* Since the begin, and of that while filament has moved and nothing was paused. */
double print_stats_total_s(const struct print_stats *s, int64_t now_ns);
double print_stats_print_s(const struct print_stats *s, int64_t now_ns);

#endif
