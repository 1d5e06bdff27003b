/* SPDX-License-Identifier: GPL-2.0-or-later */
/* delta_calibrate.h - DELTA_CALIBRATE, DELTA_ANALYZE: the geometry of a delta by a flat bed and a printed object.
 *
 * Measurements are kept as steps below the switches (delta_fit.h), here and in the configuration, so that they hold
 * whatever geometry is found.
 * Owner: struct machine. Threads: PLAN. Units: mm.
 */
#ifndef DAEMON_BED_DELTA_CALIBRATE_H
#define DAEMON_BED_DELTA_CALIBRATE_H

#include "daemon/config/machine_level.h"
#include "daemon/gcode/gcode_command.h"

struct machine;

enum delta_entry_kind {
	DELTA_CENTER_DISTS,
	DELTA_CENTER_WIDTHS,
	DELTA_OUTER_DISTS,
	DELTA_OUTER_WIDTHS,
	DELTA_ENTRIES
};

struct delta_calibrate {
	struct machine_delta_data data;
	/* Of a printed object, as they come in. */
	double entry_mm[DELTA_ENTRIES][6], scale;
	unsigned entered;        /* bit mask */
	double manual_height_mm; /* of MANUAL_HEIGHT, until the machine rests */
};

void delta_calibrate_init(struct machine *m);

extern const struct gcode_command delta_calibrate_commands[];
extern const unsigned delta_calibrate_command_count;

#endif
