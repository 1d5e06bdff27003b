/* SPDX-License-Identifier: GPL-2.0-or-later */
/* series.h - values that a bench has measured, by name: a table, JSON, and data to plot.
 *
 * Owner: the caller places struct series_set. Threads: one. Units: _ns, shown in us.
 */
#ifndef TESTS_BENCHLIB_SERIES_H
#define TESTS_BENCHLIB_SERIES_H

#include <stddef.h>
#include <stdint.h>

enum { SERIES_MAX = 16, SERIES_VALUES_MAX = 5000 };

struct series {
	char name[80];
	double us[SERIES_VALUES_MAX];
	size_t count;
};

struct series_set {
	struct series series[SERIES_MAX];
	size_t count;
};

/* A new one. NULL: too many. */
struct series *series_add(struct series_set *set, const char *name);
/* What is beyond SERIES_VALUES_MAX is dropped. */
void series_value(struct series *s, int64_t ns);

/* Table on standard output; json (NULL: none) gets the same as a file; folder (NULL: none) gets NAME.dat of each: sorted us, and the
 * share that is at most so. Sorts the values. Returns 0, or a negative errno if something cannot be written. */
int series_results(struct series_set *set, const char *json, const char *folder);

#endif
