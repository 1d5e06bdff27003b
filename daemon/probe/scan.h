/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scan.h - heights of many places from samples taken while the probe flies over them.
 *
 * The places of m->points in their order, straight from one to the next at travel_z. Each sample belongs to where
 * the axes were in the middle of its conversion (track.h); of those near a place a plane is made, which says its height.
 * Owner: struct machine. Threads: PLAN. Units: mm.
 */
#ifndef DAEMON_PROBE_SCAN_H
#define DAEMON_PROBE_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/probe/probe_points.h"

/* Sums over a place's samples: x, y from the place, z the height found. */
struct scan_place {
	double n, x, y, z, xx, xy, yy, xz, yz;
};

struct scan {
	enum { SCAN_IDLE, SCAN_FLIES, SCAN_DRAINS } state;
	probe_then *then;
	size_t to;       /* the place that it flies to next */
	size_t at;       /* the place whose samples come now */
	uint64_t taken;  /* samples that have been looked at */
	double reach_mm; /* of a place */
	double end_s;    /* samples until then are waited for */
	int64_t deadline_ns;
	const char *wrong; /* with a sample, in words */
	struct scan_place place[PROBE_POINTS_MAX];
};

/* Height at the place itself. Pure. False: there are too few samples. */
bool scan_height(const struct scan_place *p, double *z_mm);

/* Fly over m->points; then m->points.z_mm[] are the results, as those of probing. Asserts: the probe is an eddy-current one. */
void scan_run(struct machine *m, probe_then *then);
void scan_poll(struct machine *m);
/* Motion has stopped for good; nobody is told. */
void scan_abort(struct machine *m);

#endif
