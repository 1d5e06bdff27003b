/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe_points.h - many places of the bed, one after the other, with the probe or by hand.
 *
 * Goes up, over each place, probes; or, by hand, waits there for TESTZ and ACCEPT. In the end the nozzle
 * is up again and then() has the heights. For commands that level or measure a bed.
 * Owner: struct machine. Threads: PLAN. Units: mm, machine coordinates; _mm_s.
 */
#ifndef DAEMON_PROBE_PROBE_POINTS_H
#define DAEMON_PROBE_PROBE_POINTS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/probe/probe.h"

enum { PROBE_POINTS_MAX = 64 * 64 + 256 };

struct probe_points {
	size_t count, at;
	double at_mm[PROBE_POINTS_MAX][2]; /* places, of the nozzle or of the probe */
	bool of_probe;                     /* the probe goes there, not the nozzle */
	bool manual;                       /* the nozzle does, by hand */
	enum { PROBE_POINTS_TOUCH, PROBE_POINTS_SCAN, PROBE_POINTS_FLY } way; /* or above it */
	double travel_z_mm, speed_mm_s;
	struct probe_how how;
	/* The results: of the nozzle when the probe triggered, or when the height was accepted. */
	double z_mm[PROBE_POINTS_MAX];
	/* error: NULL, or why there are no results. Goes on with gcode_resume(). */
	probe_then *then;
	bool failed;
	char text[160];
};

/* HORIZONTAL_MOVE_Z and METHOD of the line, and those of PROBE, into m->points; defaults given. False: an
 * error has been replied, also for a machine without a probe, or one that is not homed. */
bool probe_points_read(struct gcode *g, struct machine *m, const struct gcode_line *l,
		       double travel_z_mm, double speed_mm_s);
#define PROBE_POINTS_PARAMS \
	"[METHOD=<automatic|manual|scan|rapid_scan>] [HORIZONTAL_MOVE_Z=<mm>] " PROBE_PARAMS

/* Whether each place of m->points can be reached: 0, or -EINVAL with a text in err that names the first one that
 * can't. */
int probe_points_check(struct machine *m, char *err);

/* Probe all of m->points. */
void probe_points_run(struct machine *m, probe_then *then);

/* How high the nozzle is over the bed at such a result: the probe's z_offset; by hand 0. */
double probe_points_offset_mm(const struct machine *m);
/* Where the nozzle is over place i, at travel_z. */
void probe_points_nozzle(const struct machine *m, size_t i, double to_mm[MOVE_AXES]);
/* Where the bed was touched: place number i, of the probe if it has been one. */
void probe_points_touched(const struct machine *m, size_t i, double xy_mm[2]);

#endif
