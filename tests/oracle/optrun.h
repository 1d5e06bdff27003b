/* SPDX-License-Identifier: GPL-2.0-or-later */
/* optrun.h - the fewest commands a greedy compressor can need: the longest run, each time. Slow, exact.
 *
 * Each step within the tolerance is two half-planes in (interval, add). Their intersection is kept as
 * a convex polygon; the run is as long as it holds an integer point (or, real-valued, any point).
 * Shares no code with rtcore. Single thread. Units: ticks, seconds.
 */
#ifndef ORACLE_OPTRUN_H
#define ORACLE_OPTRUN_H

#include <stdbool.h>
#include <stdint.h>

#include "refmotion.h"

enum {
	OPTRUN_VERTICES = 8192,
	OPTRUN_STEPS = 2000, /* longest run: polygons of long cruises have thousands of corners */
};

/* State of one run being grown. */
struct optrun {
	bool integer;
	int n;
	int64_t add, interval; /* an integer point inside, if known */
	bool known;
	long double a[OPTRUN_VERTICES], i[OPTRUN_VERTICES]; /* add, interval */
};

void optrun_start(struct optrun *o, bool integer, long double interval_min);
/* Step j has to be within lo .. hi ticks after the base. False: no run reaches it. */
bool optrun_step(struct optrun *o, int64_t j, long double lo, long double hi);
/* The last interval of a run of j steps has to be at least this. Does one exist? Writes add and
 * interval of one near the middle. Does not change what the run may be. */
bool optrun_end(const struct optrun *o, int64_t j, long double last_min, long double *interval,
		long double *add);

/* Commands for a list of steps at freq_hz with tolerance tol_s, half-interval rule at the joins,
 * no horizon. */
int64_t optrun_commands(const struct ref_step *steps, int64_t n, double freq_hz, double tol_s,
			bool integer);

#endif
