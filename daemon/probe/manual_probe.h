/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manual_probe.h - finding the bed with a sheet of paper: TESTZ, ACCEPT, ABORT.
 *
 * Once started it waits for these commands, as long as it takes; others may be given meanwhile.
 * Owner: struct machine. Threads: PLAN. Units: mm, machine coordinates of the nozzle.
 */
#ifndef DAEMON_PROBE_MANUAL_PROBE_H
#define DAEMON_PROBE_MANUAL_PROBE_H

#include <stdbool.h>

#include "daemon/gcode/gcode_command.h"
#include "move.h"

struct machine;

enum { MANUAL_PROBE_PAST = 64 };
enum manual_word { MANUAL_ACCEPT, MANUAL_ADJUSTED, MANUAL_ABORT };

struct manual_probe {
	bool active;
	/* Who hears these words instead, and goes on with gcode_resume(): a tour of screws. NULL: a height is being
	 * found. */
	void (*guided)(struct machine *m, enum manual_word word);
	double past_mm[MANUAL_PROBE_PAST]; /* heights tried, ascending */
	int past;
	double start_mm;
	/* at_mm: where the nozzle was accepted; NULL: given up. The interpreter is busy with ACCEPT or ABORT,
	 * which goes on with gcode_resume(). */
	void (*then)(struct machine *m, const double *at_mm);
	double trigger_mm; /* PROBE_CALIBRATE: of the probe at this place */
};

/* Start, with the nozzle near the bed. */
void manual_probe_start(struct machine *m, void (*then)(struct machine *m, const double *at_mm));

/* Whether anything of the kind may start: the machine is ready, and none is under way. False: an error has been
 * replied. */
bool manual_probe_can_start(struct gcode *g, const struct machine *m);
/* ACCEPT, ADJUSTED and ABORT are heard there, until active is false again. */
void manual_probe_guide(struct machine *m, void (*guided)(struct machine *m, enum manual_word word));

extern const struct gcode_command manual_probe_commands[];
extern const unsigned manual_probe_command_count;

#endif
