/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manual.h - steppers that move by themselves: MANUAL_STEPPER, FORCE_MOVE, STEPPER_BUZZ.
 *
 * A [manual_stepper] has a time line of its own in the rt core (rtcore/engine_manual.c), which knows only
 * distances; what its position is called is known here. Any other stepper moves alone along the toolhead's
 * time line: for one move it follows E instead of its axes, and no extruder does (force_move.c).
 * Threads: PLAN only. Units: _mm, _mm_s, _mm_s2.
 */
#ifndef DAEMON_MANUAL_H
#define DAEMON_MANUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/gcode/gcode_command.h"
#include "move.h"

struct machine;
struct machine_manual;

enum { MANUAL_RECORDS = 8 }; /* for one command, at most */

struct manual {
	const struct machine_manual *cfg;
	size_t motor;
	double frame_mm;  /* sum of its distances: where its time line has it, planned */
	double offset_mm; /* what its position is called, less that */
	uint32_t moves;   /* number of the last one */
	bool on;          /* its enable line */
};

extern const struct gcode_command manual_commands[]; /* their table's ctx is the machine */
extern const unsigned manual_command_count;

/* The commands. */
void manual_init(struct machine *m);

/* Queue a move by this far; sync: what follows waits for its end. speed is lowered to what the pulses
 * allow; accel_mm_s2 0: that of the machine. 0, -EAGAIN, or -EINVAL: out of the range of times. */
int manual_queue(struct machine *m, struct manual *s, double by_mm, double velocity_mm_s,
		 double accel_mm_s2, bool sync);

/* Its enable line on, if it is off. 0 or -EAGAIN. */
int manual_enable(struct machine *m, struct manual *s);

/* From rest to rest: lengths and times of a move of that length, in *out. False: it would take longer than
 * MANUAL_S_MAX or be of more than MANUAL_STEPS_MAX steps. */
#define MANUAL_MM_MIN 1e-6 /* shorter ones vanish */
#define MANUAL_S_MAX 1e6
#define MANUAL_STEPS_MAX 1e9
bool manual_trapezoid(const struct machine *m, size_t motor, double by_mm, double velocity_mm_s,
		      double accel_mm_s2, struct move *out);

/* force_move.c: its commands. */
/* force_move.c: move one motor alone by so much, from rest to rest; positions keep their names. accel 0: the
 * machine's. Returns 0, or -EAGAIN. */
int force_move_motor(struct machine *m, int motor, double by_mm, double velocity_mm_s,
		     double accel_mm_s2);
extern const struct gcode_command force_move_commands[];
extern const unsigned force_move_command_count;

#endif
