/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcode_ops.h - what the interpreter asks of the machine.
 *
 * Owner:   the machine fills struct gcode_ops; it outlives the interpreter.
 * Threads: PLAN only.
 * Units:   _mm in machine coordinates unless it says user; _mm_s, _s, _degc.
 * Errors:  a text for the user from each operation; see struct gcode_ops.
 */
#ifndef DAEMON_GCODE_GCODE_OPS_H
#define DAEMON_GCODE_GCODE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/reply.h"
#include "move.h"

enum {
	GCODE_ERR_MAX = 320,   /* size of the error text an operation may write */
	GCODE_TEXT_MAX = 4096, /* size of the text of STATUS and M105 */
};

/* Axis masks: bit AXIS_X .. AXIS_E. */
#define GCODE_MASK_XYZ 7u
#define GCODE_MASK_ALL 15u

struct gcode_target {
	double position_mm[MOVE_AXES]; /* absolute machine coordinates, transforms applied */
	double feed_mm_s;              /* along the path as the user asked, M220 applied; > 0 */
	double feed_factor;            /* M220 as it was in that feed */
	uint32_t feed_epoch;           /* number of the last live M220 by then */
	uint32_t line;                 /* number of the line in its source */
};

/* A change of limits: only the fields named in .mask count. All > 0 (ratio 0 <= r < 1). */
enum {
	GCODE_LIMIT_VELOCITY = 1,
	GCODE_LIMIT_ACCEL = 2,
	GCODE_LIMIT_CRUISE_RATIO = 4,
	GCODE_LIMIT_CORNER = 8,
};
struct gcode_limits {
	uint32_t mask;
	double velocity_mm_s;
	double accel_mm_s2;
	double minimum_cruise_ratio;
	double square_corner_velocity_mm_s;
};

/* Where the machine is at this moment (not at the end of the queue). */
struct gcode_position {
	double commanded_mm[MOVE_AXES];
	/* From the steps handed out, by forward kinematics: equal at rest, up to a horizon ahead of
	 * commanded_mm in motion. */
	double stepper_mm[MOVE_AXES];
	char steppers[512]; /* "stepper_x:1234 stepper_y:-20": these steps, up minus down */
};

enum gcode_heater { GCODE_HEATER_EXTRUDER, GCODE_HEATER_BED };

/* What the machine does. A NULL operation is "not available on this machine".
 * Each int returns 0 (done or queued), -EAGAIN (no room: nothing done, the line comes again),
 * -EINPROGRESS (accepted; call gcode_resume() when finished: no line runs until then), or another
 * negative errno with the reason in err: the value and what was expected, one line, no newline.
 * err holds GCODE_ERR_MAX bytes and is "" on entry. None of them may call gcode_resume() itself:
 * what is finished at once returns 0. */
struct gcode_ops {
	void *ctx;
	int (*move)(void *ctx, const struct gcode_target *t, char *err);
	/* Whether move() would be allowed to go there; nothing moves. 0 or an error. NULL: always. */
	int (*check)(void *ctx, const struct gcode_target *t, char *err);
	/* M220 is now factor, live: also for all that has been handed over with a lower epoch. NULL: only for
	 * what follows. */
	void (*speed_factor)(void *ctx, double factor, uint32_t epoch);
	/* Raise Z by so much now, in mid-move; all that has been handed over goes on from there, and position_mm
	 * of what follows is to be higher by it. */
	int (*nudge)(void *ctx, double by_mm, char *err);
	/* Let go of the kernel module that stamps. At any time. */
	int (*release_stamps)(void *ctx, char *err);
	/* Feed hold on or off, in the middle of a move. At any time. */
	int (*hold)(void *ctx, bool on, char *err);
	bool (*held)(void *ctx);                            /* it is on */
	int (*dwell)(void *ctx, double dwell_s, char *err); /* dwell_s > 0 */
	/* Axes in mask are now called position_mm[]; nothing moves, the axes count as homed. */
	int (*set_position)(void *ctx, uint32_t mask, const double position_mm[MOVE_AXES],
			    char *err);
	/* For moves from here on. Already checked to be finite and in the ranges stated above. */
	int (*set_limits)(void *ctx, const struct gcode_limits *l, char *err);
	void (*get_limits)(void *ctx, struct gcode_limits *l);
	int (*wait_moves)(void *ctx, char *err); /* usually -EINPROGRESS until all is executed */
	/* Home the axes in mask (never 0). Before gcode_resume(): gcode_set_position(). */
	int (*home)(void *ctx, uint32_t mask, char *err);
	/* At once. Also called from out-of-band input. Afterwards gcode_set_position() if the
	 * position is known, and operations that need the machine fail with a reason. */
	void (*emergency_stop)(void *ctx, const char *reason);
	int (*motors_off)(void *ctx, uint32_t mask, char *err); /* mask 0 = all */
	/* In step with the motion before it. value 0..1; fan 0 is the part cooling fan. */
	int (*fan)(void *ctx, unsigned fan, double value, char *err);
	/* tool: -1: the extruder in use. wait: -EINPROGRESS until the target is reached. */
	int (*heater)(void *ctx, enum gcode_heater h, int tool, double target_degc, bool wait,
		      char *err);
	int (*restart)(void *ctx, bool firmware, char *err);     /* 0 or an error; at any time */
	bool (*position)(void *ctx, struct gcode_position *out); /* false: unknown */
	/* Text of one or more lines into buf (cap bytes, terminated). */
	void (*status)(void *ctx, char *buf, size_t cap);
	void (*temperatures)(void *ctx, char *buf, size_t cap); /* "T:20.0 /0.0 B:20.0 /0.0" */
	void (*display)(void *ctx, const char *text);           /* M117 */
	/* Keep an option's value for SAVE_CONFIG; option NULL: forget the section. NULL: there is no SAVE_CONFIG. */
	void (*save)(void *ctx, const char *section, const char *option, const char *value);
	/* Every reply goes here; never NULL. text has no newline. */
	void (*reply)(void *ctx, enum reply_kind kind, const char *text);
};

#endif
