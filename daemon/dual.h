/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dual.h - dual carriages: which of two carriages on an axis moves, and how.
 *
 * A carriage is at scale * axis + offset: one is the primary (scale 1, offset 0), the other rests (scale 0),
 * copies it (1) or mirrors it (-1). A change of mode is one of weights, at rest, in step with motion.
 * Owner: part of struct machine. Threads: PLAN. Units: mm.
 */
#ifndef DAEMON_DUAL_H
#define DAEMON_DUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_config.h"

enum {
	DUAL_PAIRS_MAX = 2,
	DUAL_SAVED_MAX = 8,
	DUAL_NAME_MAX = 32,
};

enum dual_mode { DUAL_RESTS, DUAL_PRIMARY, DUAL_COPY, DUAL_MIRROR };

struct dual_pair {
	int axis;
	int rail[2]; /* indices in machine_config.rails */
	enum dual_mode mode[2];
	double scale[2]; /* that of the mode */
	double offset_mm[2];
};

/* What outlives this process of a carriage. */
struct dual_carriage {
	double offset_mm;
	uint32_t mode; /* enum dual_mode */
	int32_t rail;
};

struct dual_saved {
	char name[DUAL_NAME_MAX];
	enum dual_mode mode[DUAL_PAIRS_MAX][2];
	double at_mm[DUAL_PAIRS_MAX][2];
};

struct dual {
	struct dual_pair pair[DUAL_PAIRS_MAX];
	size_t pairs;
	struct dual_saved saved[DUAL_SAVED_MAX];
	size_t saves;
};

struct gcode;
struct machine;

/* The pairs of the configuration, each on its first carriage. */
void dual_init(struct dual *d, const struct machine_config *mc);

/* How they are, and to make them so again before anything moves (false: these are others, or it makes no sense) or
 * as dual_init() does. The axes have no positions then. */
void dual_keep(const struct dual *d, struct dual_carriage kept[DUAL_PAIRS_MAX][2]);
bool dual_restore(struct machine *m, const struct dual_carriage kept[DUAL_PAIRS_MAX][2]);
void dual_begin(struct machine *m);

/* The axes with two carriages, as a mask. */
uint32_t dual_axes(const struct dual *d);

/* How the carriage on that rail follows its axis: 1, -1, 0; 1 for a carriage alone on it. */
double dual_scale(const struct dual *d, int rail);

/* Where the axis may be, as things are. */
void dual_range(const struct dual *d, const struct machine_config *mc, int axis, double *lo_mm,
		double *hi_mm);

/* Make the carriage on that rail the primary one, or let it copy or mirror the other. 0, -EAGAIN (no room in
 * the planner: nothing has changed) or -EINVAL with a text in err. */
int dual_set(struct machine *m, int rail, enum dual_mode mode, char *err);

/* Its G-code commands. m may be NULL if none of them is run. */
void dual_attach(struct gcode *g, struct machine *m);

#endif
