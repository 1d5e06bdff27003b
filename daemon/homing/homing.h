/* SPDX-License-Identifier: GPL-2.0-or-later */
/* homing.h - G28: drive axes to their endstops and name the position found.
 *
 * A state machine moved on by machine_poll(). The stop itself happens on the MCU (trsync) and in the
 * rt thread (relay); this only arms, waits, reads back and names. Threads: PLAN.
 */
#ifndef DAEMON_HOMING_HOMING_H
#define DAEMON_HOMING_HOMING_H

#include <stdbool.h>
#include <stdint.h>

#include "control.h"
#include "daemon/kinematics/kinematics.h"

struct machine;
struct manual;
struct ev_rec;

enum homing_state {
	HOMING_IDLE,
	HOMING_BEGIN,   /* motors on, then … */
	HOMING_SETTLE,  /* waits until earlier motion has been executed */
	HOMING_DRIVERS, /* drivers whose stall is the switch are being told so */
	HOMING_LOWER,   /* the probe it homes with is being made ready */
	HOMING_ARMED,   /* the endstops are watched; which are closed already is heard of now */
	HOMING_PROBE,   /* moves towards the endstops */
	HOMING_READ,    /* stopped: reads the steppers' counters back */
	HOMING_PHASE,   /* drivers are asked where in their tables the motors stand */
	HOMING_EVEN,    /* motors of one axis are brought together again */
	HOMING_RAISE,   /* the probe is being put away */
	HOMING_RETRACT, /* moves away, before the second approach */
};

enum { HOMING_SIGHTS = 32 };

/* The way of an approach: a straight line, positions as the axes are named then. */
struct homing_path {
	double from_mm[MOVE_AXES], dir[MOVE_AXES]; /* dir: unit vector */
	double begin_s;                            /* what was seen before was another way */
	/* When it was where: the latest times, of a stretch at one speed its ends. */
	struct homing_sight {
		double at_s, along_mm, speed_mm_s;
	} sight[HOMING_SIGHTS];
	uint32_t sights; /* all of them; the last HOMING_SIGHTS are kept */
	/* Steps handed out, and the joints' positions that they make, at the last of these times. */
	double stepper_at_steps[ENGINE_STEPPERS];
	int64_t stepper_count[ENGINE_STEPPERS];
};

/* A switch of the approach: a group of the rt core's watch. */
struct homing_endstop {
	const struct machine_input *input;
	uint32_t motors;     /* mask of those that stop with it */
	uint32_t rest_ticks; /* between two samples */
	bool unread;         /* its state has not come back */
	bool closed;         /* so it was when it was asked, … */
	bool doubted;        /* … for the second time */
	double trigger_s;    /* machine time */
};

/* The approach of a manual stepper. */
struct homing_manual {
	struct manual *stepper; /* NULL: carriages home */
	double by_mm, velocity_mm_s, accel_mm_s2;
	bool until_open; /* stops when the switch opens */
	bool must;       /* it has to */
	int64_t count;   /* the MCU's counter where it starts */
};

/* A straight way until a switch closes, wherever that is: for probes. Positions keep their names. */
struct homing_line {
	const struct machine_input *input; /* the switch; NULL: carriages or a manual stepper home */
	double to_mm[MOVE_AXES];           /* not beyond */
	double velocity_mm_s;
	/* Comes from machine_poll() in the end. error: NULL, or what went wrong; hit: the switch closed, and
	 * trigger_mm is where the axes were then. They are at rest at stop_mm, in any case without an error. */
	void (*then)(struct machine *m, const char *error);
	bool hit;
	double trigger_mm[MOVE_AXES], stop_mm[MOVE_AXES];
};

struct homing {
	enum homing_state state;
	struct homing_line line;
	struct homing_manual manual;
	struct kinematics_homing step[KINEMATICS_HOMING_MAX];
	size_t steps, at;                /* number of them, the one under way */
	const struct machine_rail *rail; /* the first one of it: how fast, how far back */
	int pass;                        /* 0 first approach, 1 second */
	double approach_mm_s;            /* its speed */
	bool with_probe;                 /* its switch is the probe's, … */
	bool lowered;   /* … which has been made ready and not been put away yet */
	char text[160]; /* of an error, while it is */
	/* Who hears of the end; NULL: the interpreter goes on. */
	void (*then)(struct machine *m, const char *error);
	uint32_t sync; /* the sync that is waited for */
	bool hit;
	uint8_t reason;
	bool recount;    /* MCUs may have counted other steps than the engine … */
	bool recounting; /* … and are being asked for */
	const char *failure; /* it ends with that once the counters are known; NULL: it has not failed */
	struct ctl_homing watch;
	struct homing_endstop endstop[MACHINE_ENDSTOP_MAX];
	size_t endstops;
	uint32_t motors;                  /* mask of all motors that turn */
	uint32_t uneven;                  /* mask of those that are not where their axis is, … */
	int ahead_steps[ENGINE_STEPPERS]; /* … and by how much */
	uint32_t motors_unread;           /* of these, whose counter has not come back */
	int64_t count[ENGINE_STEPPERS];   /* as the MCUs say */
	int64_t count_first[ENGINE_STEPPERS];  /* where the first approach ended, … */
	int64_t count_before[ENGINE_STEPPERS]; /* … and the second one starts */
	double shift_steps[ENGINE_STEPPERS]; /* their switches were so far from where they usually are */
	int glitches;                        /* of this step */
	double home_mm[MOVE_AXES];           /* the axes when the switches are closed */
	double back[MOVE_AXES];              /* unit vector away from them */
	double overshoot_mm[MOVE_AXES]; /* of the last approach of each axis: from the trigger to where it rested, … */
	uint32_t overshot; /* … mask of axes that have one */
	struct homing_path path;
	int64_t go_ns;                 /* the move starts then */
	int64_t deadline_ns, retry_ns; /* of the questions asked; 0: none is open */
};

/* Begin. mask: axes, bits AXIS_X .. AXIS_Z. then: hears of the end, NULL: the interpreter goes on.
 * Returns -EINPROGRESS, or -EINVAL with a text in err. */
int homing_start(struct machine *m, uint32_t mask,
		 void (*then)(struct machine *m, const char *error), char *err);

/* A manual stepper alone, as STOP_ON_ENDSTOP says; its .count is found here. Returns likewise. */
int homing_start_manual(struct machine *m, const struct homing_manual *how, char *err);

/* A straight way until a switch closes; how->input, to_mm, velocity_mm_s and then count. */
void homing_start_line(struct machine *m, const struct homing_line *how);

/* " X:0.0125 Z:0.0025": how far the axes of the mask went on beyond the trigger of their last homing, mm. False: none has homed. */
bool homing_overshoot_text(const struct machine *m, uint32_t mask, char *text, size_t size);

/* An event of the rt core. Returns true if it was homing's own. */
bool homing_event(struct machine *m, const struct ev_rec *ev);

/* Time passes. */
void homing_tick(struct machine *m);

/* Give up: everything stops, the interpreter gets the reason. */
void homing_abort(struct machine *m, const char *reason);

#endif
