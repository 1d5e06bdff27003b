/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nasty.h - a G-code file of everything that is hard on a motion path, from a seed.
 *
 * Tiny segments, arcs as 0.05 mm segments, reversals, speed changes on a straight line, E-only moves,
 * retraction with wipe, Z hops, G92, absolute and relative axes and extruder, limits changed before
 * every second move, dwells, factors, inches, fan changes, M400. All within x, y 10..290, z 0..50, so
 * that a correct machine refuses no line. Threads: one.
 */
#ifndef TESTS_SIMLIB_NASTY_H
#define TESTS_SIMLIB_NASTY_H

#include <stdint.h>
#include <stdio.h>

/* Write that many pieces of a few to some hundred lines each. Same seed, same file. */
void nasty_write(FILE *f, uint64_t seed, unsigned pieces);

#endif
