/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path_plot.h - pictures of a run: planned against executed path, step-time error.
 *
 * PREFIX-path.png shows one layer (or the whole print): planned path grey, executed steps coloured
 * on top, and beside it a corner of about 2 mm enlarged until the two can be told apart.
 * PREFIX-error.png is the histogram of the step-time error with the tolerance marked. Both are made
 * by gnuplot from PREFIX-*.dat and PREFIX.gp, which stay.
 * Owner: opaque, plot_open() to plot_finish(). Threads: any one. Units: mm, s, us.
 * Errors: 0 or a negative errno; -ENOENT from plot_finish(): no gnuplot, the files were left.
 */
#ifndef PATH_PLOT_H
#define PATH_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/checker/checker.h"
#include "move.h"

struct plot;

struct plot_options {
	const char *title; /* e.g. the G-code file's path, of which the name is shown; may be NULL */
	unsigned layer;    /* draw this layer with extrusion, from 1 (or the last there is); 0: 3 */
	bool whole_print;  /* draw everything instead */
	bool svg;          /* SVG instead of PNG */
	double tolerance_us; /* 0 means 12.5 */
};

/* Create PREFIX-*.dat. -errno if they can't be. */
int plot_open(struct plot **out, const char *prefix, const struct plot_options *opt);

/* Planned: each move with the machine time it starts at, in order. Bounded memory: only the layer's
 * are kept. */
int plot_planned_move(struct plot *p, const struct move *m, double start_s);

/* Executed: where the steppers stand at time_s (see path_recon.h), in order of time, each after
 * the planned moves of that time. Call it for each step: thinning out is done here, and times off
 * the layer cost nothing. */
int plot_executed_point(struct plot *p, double time_s, double x_mm, double y_mm);

/* Write the scripts, run gnuplot, free p. r may be NULL: then no histogram. msg gets one sentence:
 * the files made, or what to install. */
int plot_finish(struct plot *p, const struct checker_result *r, char *msg, size_t msg_len);

/* Give up without a picture; p may be NULL. */
void plot_free(struct plot *p);

#endif
