/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sample.h - a small print for machines of any shape: lines, circles, tiny segments, hops, from a seed.
 *
 * All within a ring around the middle, or a box. Threads: one.
 */
#ifndef TESTS_SIMLIB_SAMPLE_H
#define TESTS_SIMLIB_SAMPLE_H

#include <stdint.h>
#include <stdio.h>

struct sample {
	uint64_t seed;
	double x_mm, y_mm;       /* the middle */
	double least_mm, far_mm; /* distances from it; nothing passes nearer than least_mm */
	double low_mm, high_mm;  /* Z */
	unsigned pieces;
	int axes;         /* 2: E moves along, 3: no extruder */
	unsigned shapers; /* other input shapers before every so-manieth line; 0: never */
};

void sample_write(FILE *f, const struct sample *s);

#endif
