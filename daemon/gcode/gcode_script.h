/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_script.h - lines of the configuration (macros, timers, buttons) that run as G-code.
 *
 * A script takes the interpreter for itself: no other line runs until it has ended, and the line that called
 * it is answered then. It is run line by line as the machine takes them, from gcode_exec() and gcode_poll();
 * a macro that it calls runs in between. A line that is refused ends all of it.
 * Owner:   struct gcode; texts are the caller's and outlive the script.
 * Threads: PLAN only.
 */
#ifndef DAEMON_GCODE_GCODE_SCRIPT_H
#define DAEMON_GCODE_GCODE_SCRIPT_H

#include "daemon/gcode/gcode.h"

/* From a command's handler: run these lines before what comes behind it. macro: what may not call itself,
 * or NULL. An error is given if it does, or if too many call each other. */
enum gcode_result gcode_script_call(struct gcode *g, const char *name, const char *text,
				    const void *macro);

/* The same with lines that are freed at their end, also if there is an error. */
enum gcode_result gcode_script_call_owned(struct gcode *g, const char *name, char *text,
					  const void *macro);

/* Run first (may be NULL), then text, as soon as nothing else runs. False: too many wait; an error is given. */
bool gcode_script_queue(struct gcode *g, const char *name, const char *first, const char *text);
/* The same with a copy of one line. */
bool gcode_script_queue_line(struct gcode *g, const char *name, const char *text, size_t len);

/* Whether something waits to be run or is being run. */
static inline bool gcode_script_pending(const struct gcode *g)
{
	return g->script.depth || g->script.waiting_count;
}

/* While an operation is under way: these lines run as if it were not; then it is again, and then() comes from
 * gcode_poll() with whether one of them was refused. Asserts: there are none yet. False: there are too many frames, and an
 * error is given. */
bool gcode_script_inner(struct gcode *g, const char *name, const char *text,
			void (*then)(void *ctx, bool failed), void *ctx);
/* They end here, if there are any, and then() does not come. */
void gcode_script_inner_stop(struct gcode *g);

/* Forget all of it; while there are inner lines, these alone, as refused. */
void gcode_script_abort(struct gcode *g);
/* And what waits. */
void gcode_script_forget(struct gcode *g);

/* Run lines as far as the machine takes them; the owed "ok" at the end. */
void gcode_script_run(struct gcode *g);

/* gcode.c: run a line of a script. */
enum gcode_result gcode_run_line(struct gcode *g, const char *text, size_t len);

#endif
