/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine.h - the printer as one object: configuration, MCU sessions, planner, interpreter.
 *
 * Everything that has no deadline and needs no thread of its own. The daemon runs it on the planner
 * thread beside the rt thread; batch runs the engine in the same thread under a virtual clock.
 * machine_poll() drains the events of the rt core and moves everything on; it never blocks.
 * Owner:   machine_new() to machine_free(). Threads: PLAN.
 * Units:   in the names; host time now_ns comes in as an argument.
 */
#ifndef DAEMON_MACHINE_MACHINE_H
#define DAEMON_MACHINE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/acts.h"
#include "daemon/angle/angle.h"
#include "daemon/bed/bed_screws.h"
#include "daemon/bus.h"
#include "daemon/checker/checker.h"
#include "daemon/config/config_save.h"
#include "daemon/config/machine_config.h"
#include "daemon/bed/delta_calibrate.h"
#include "daemon/dual.h"
#include "daemon/homing/endstop_phase.h"
#include "daemon/fans.h"
#include "daemon/gcode/gcode.h"
#include "daemon/gcode/gcode_objects.h"
#include "daemon/heaters.h"
#include "daemon/homing/homing.h"
#include "daemon/leds.h"
#include "daemon/bed/levelling.h"
#include "daemon/manual.h"
#include "daemon/probe/manual_probe.h"
#include "daemon/bed/mesh_calibrate.h"
#include "daemon/outputs.h"
#include "daemon/planner/planner.h"
#include "daemon/positions.h"
#include "daemon/probe/probe.h"
#include "daemon/probe/contact.h"
#include "daemon/probe/eddy.h"
#include "daemon/probe/load_cell.h"
#include "daemon/probe/scan.h"
#include "daemon/probe/track.h"
#include "daemon/probe/probe_points.h"
#include "daemon/homing/safe_home.h"
#include "daemon/faults/attach.h"
#include "daemon/faults/react.h"
#include "daemon/readback.h"
#include "daemon/session.h"
#include "daemon/sensors/sensors.h"
#include "daemon/sidetrack.h"
#include "daemon/stream.h"
#include "daemon/homing/switches.h"
#include "daemon/tachometer.h"
#include "daemon/tmc/tmc.h"
#include "daemon/bed/twist.h"
#include "daemon/bed/z_thermal.h"
#include "engine.h"

enum {
	MACHINE_PLAN_RECORDS = 4096,
	MACHINE_CONTROL_RECORDS = 1024,
	MACHINE_EVENT_RECORDS = 1024,
	MACHINE_TEXT_MAX = 512,
	MACHINE_ENDSTOPS = 16,
};

/* Of the step rate that the pulses allow: a run's intervals are not all alike. */
#define MACHINE_STEP_RATE_SHARE 0.95

enum machine_state {
	MACHINE_CONNECTING, /* sessions under way */
	MACHINE_READY,
	MACHINE_FAULT,    /* motion stopped by a fault; the reason is in m->reason */
	MACHINE_SHUTDOWN, /* emergency stop: only a restart helps */
	MACHINE_FAILED,   /* an MCU could not be brought up */
};

/* One motor and where it is connected. Index = the engine's stepper number. */
struct machine_motor {
	const struct machine_stepper *cfg;
	double steps_per_mm[MOVE_AXES]; /* weights of the axes */
	uint8_t mcu, oid;
	uint32_t axes;     /* mask of those it may move */
	int enable_output; /* index in outputs, -1: none */
	bool configured;
	bool both_edges;              /* each edge of its pin is a step: driver and firmware can */
	bool manual;                  /* moves by itself */
	struct extrude_param extrude; /* axis E: as last set */
	double smooth_s;              /* also while there is no advance */
};

/* A switch's input. */
struct machine_input {
	const struct pin *pin;
	const struct probe_sensor *sensor; /* it is no switch but the probe's; NULL: a switch */
	uint8_t oid;
};

struct machine_output {
	const struct pin *pin;
	uint8_t mcu, oid;
	bool pwm;
	double cycle_time_s;       /* of a software PWM; 0: plain on/off */
	bool in_phase;             /* changes keep to the PWM's cycle */
	double start_value;        /* 0..1, what the MCU sets it to at first, */
	double shutdown_value;     /* and when it shuts down */
	double max_duration_s;     /* so long at most without another word; 0: for ever */
	double kick_s, kick_value; /* from 0 this for so long first */
	int also; /* the output of the next pin of its [multi_pin], or what enables a fan; 0: none */
	bool on_off; /* it only enables: whatever is not 0 is on */
};

struct machine_config_hooks {
	/* Of the engine; all NULL if nobody watches. */
	struct engine_observer observer, recorder;
	/* A line for the user: state changes, faults. May be NULL. */
	void (*say)(void *ctx, enum reply_kind kind, const char *text);
	/* The rings have something for the rt thread. NULL in batch. */
	void (*wake)(void *ctx);
	/* The trigger of a homing move stopped this stepper at that machine time. May be NULL. */
	void (*halted)(void *ctx, int stepper, double at_s);
	/* A fault or M112 has frozen the flight recorder: keep what it holds. Returns where, for the
	 * message; NULL: there is none. May be NULL. */
	const char *(*keep_record)(void *ctx);
	/* After that: it is recorded on. False: it can't be. May be NULL. */
	bool (*record_on)(void *ctx);
	/* What this side knows of why MCU number mcu has shut down; NULL: nothing. May be NULL. */
	const char *(*mcu_fault)(void *ctx, int mcu);
	/* An MCU whose loss does not stop the machine is to be tried again: open its line if it was closed. False: it
	 * can't be opened (yet). NULL: it never was closed. */
	bool (*reopen)(void *ctx, int mcu);
	/* The MCU's clock estimate goes by its sync line from now on, or no longer. May be NULL. */
	void (*sync_line)(void *ctx, size_t mcu, bool used);
	/* RELEASE_STAMPS: let go of the kernel module. Returns 0 or a negative errno with a text. NULL: there is
	 * none. */
	int (*release_stamps)(void *ctx, char *err);
	/* A temperature of the host's, from that file. False: none to be had. May be NULL. */
	bool (*host_degc)(void *ctx, const char *path, double *degc);
	const char *positions; /* file of positions.h; NULL: none */
	const char *faults;    /* file of fault_keep.h; NULL: none */
	bool save_config;      /* SAVE_CONFIG may write the file */
	bool threads;          /* disks may be used in threads of their own */
	/* An MCU on CAN is about to be asked who it is: give it node id WIRE_CAN_NODE_MIN + mcu. absent: room for what
	 * is to be said if it never answers. May be NULL. */
	void (*address)(void *ctx, int mcu, char *absent, size_t size);
	/* More lines for STATUS, e.g. of the rt thread. May be NULL. */
	void (*status)(void *ctx, char *buf, size_t cap);
	void *ctx;
	bool no_heat; /* there is nothing behind heaters: their commands have no effect */
};

struct print;

struct machine {
	const struct machine_config *mc;
	struct machine_config_hooks hooks;
	struct engine *engine;
	struct ring plan_ring[2], control, events;
	struct ring *plan; /* the one of plan_ring that the planner writes to */
	void *plan_mem[2], *control_mem, *event_mem;
	struct planner *planner;
	struct gcode gcode;
	struct gcode_objects objects;
	struct gcode_meshes meshes;
	struct gcode_ops ops;
	struct print *print; /* daemon/print/ */
	struct session session[ENGINE_MCUS];
	size_t mcus;
	struct machine_motor motor[ENGINE_STEPPERS];
	size_t motors;
	struct machine_output output[ENGINE_OUTPUTS];
	size_t outputs;
	struct fans fans;
	struct outputs out;
	struct tachometers tachos;
	struct leds leds;
	struct machine_shaper shaper[SHAPER_AXES]; /* as last set */
	double span_s;                             /* of the longest shapers since all rested */
	struct manual manual[MACHINE_MANUAL_MAX];
	size_t manuals;
	int extruder; /* whose filament E is; 0 also without any */
	double half_s; /* half of the longest smooth time since all rested: the delay is never less */
	double delay_s; /* of the whole machine, as it was last said to the rt core */
	struct machine_input endstop[MACHINE_ENDSTOPS];
	size_t endstops;
	size_t trsyncs; /* on each MCU: as many as switches in one approach */
	uint8_t trsync_oid[ENGINE_MCUS][MACHINE_ENDSTOP_MAX];
	struct bus bus;
	struct tmc tmc;
	struct angles angles;
	struct heaters heaters;
	struct sensors sensors;
	struct react react;
	struct attach attach[ENGINE_MCUS];
	struct sidetrack sidetrack;
	struct stream stream;
	struct readback readback;
	struct positions positions;
	struct dual dual;
	bool linear; /* all joints are sums of the axes */
	struct homing homing;
	struct acts acts;
	struct switches switches;
	struct probe probe;
	struct eddy eddy;
	struct load_cell load_cell;
	struct contact contact;
	struct track track;
	struct scan scan;
	struct probe_points points;
	struct mesh_calibration mesh_calibration;
	struct levelling levelling;
	struct twist twist;
	struct delta_calibrate delta;
	struct manual_probe manual_probe;
	struct bed_screws bed_screws;
	struct z_thermal z_thermal;
	struct endstop_phase endstop_phase;
	struct safe_home safe_home;
	struct config_save save; /* for SAVE_CONFIG */
	enum machine_state state;
	char reason[MACHINE_TEXT_MAX]; /* of FAULT, SHUTDOWN, FAILED */
	uint32_t homed;                /* axis mask */
	uint32_t uncertain;            /* likewise: steps may be lost since they were homed */
	bool motors_on;
	uint32_t enabled; /* motors that are on; manual ones know it themselves */
	bool restart_wanted, restart_firmware;
	bool emergency_owed;              /* a CTL_EMERGENCY that the ring had no room for */
	bool hold;                        /* feed hold is on */
	bool warp_owed;                   /* hold or feed rate: the ring had no room */
	bool resume_owed;                 /* a PLAN_RESUME that the ring had no room for */
	uint32_t sync_last, sync_waiting; /* sync ids; 0: not waiting */
	double velocity_mm_s_cap;         /* what the steppers' pulses allow along any path */
	double feed;         /* M220 in the moves planned last, or the live one after them */
	double live_feed;    /* the last live one, … */
	uint32_t live_epoch; /* … and its number */
	double rush;         /* what was planned before M220 went up is faster so */
	double rush_until_s; /* in terms of pushed_s, that ends here */
	double pushed_s;     /* durations of all moves and dwells given to the ring */
	int64_t pushed_ns;   /* when the last record was */
	double brake_s;      /* at the speed of its end, the way to rest takes so long */
	struct engine_status status; /* as last read */
	uint32_t status_sequence;    /* of the snapshot then */
	int64_t now_ns;
	uint64_t moves_planned;
	uint32_t names_pushed; /* see engine_status.names */
};

/* Returns NULL with a text in err (err_size bytes). mc must outlive it. */
struct machine *machine_new(const struct machine_config *mc,
			    const struct machine_config_hooks *hooks, char *err, size_t err_size);
void machine_free(struct machine *m);

/* Move everything on. input_waiting: a line is there that could be run now, so the planner need not
 * bring the machine to a stop for want of more. */
void machine_poll(struct machine *m, int64_t now_ns, bool input_waiting);

/* Whether the interpreter can take a line now. */
static inline bool machine_accepts(const struct machine *m)
{
	return m->state != MACHINE_CONNECTING && !gcode_busy(&m->gcode) &&
	       !planner_refuses(m->planner) && !sidetrack_busy(&m->sidetrack) && !tmc_pending(m);
}

/* The same for a line that comes beside a file of ours, or in a hold: also while there is no room for motion, as
 * most lines need none and PAUSE can't wait. */
bool machine_takes_line(const struct machine *m);

/* Seconds of motion planned and not yet executed (as of the last poll). */
double machine_lead_s(const struct machine *m);
/* How far ahead of their time steps are handed out at most, now. */
double machine_horizon_s(const struct machine *m);

/* Nothing planned, nothing queued, nothing moving, nothing waited for. */
bool machine_rests(const struct machine *m);
/* The same, and no lines are being run: no script, no file. */
bool machine_idle(const struct machine *m);
/* Host time at which machine_poll() is to be called at the latest; INT64_MAX: whenever something happens. */
int64_t machine_next_ns(const struct machine *m);

/* Machine time at the last poll, from the published state and the host time passed since. */
double machine_now_s(const struct machine *m);
/* … and at a host time that is near it. */
double machine_time_s(const struct machine *m, int64_t host_ns);

/* For homing.c. */
uint32_t machine_sync(struct machine *m); /* queue a sync; 0 if there was no room */
bool machine_control(struct machine *m, const struct ctl_rec *rec);
void machine_say(struct machine *m, enum reply_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* After the rt core has stopped: forget what was planned; planner and interpreter go on from
 * position_mm (NULL: the end of what was handed over), the rt core takes motion again. */
void machine_resume_motion(struct machine *m, const double position_mm[MOVE_AXES]);
/* The machine has stopped because of m->reason: whatever command is under way ends with it. */
void machine_end_commands(struct machine *m);
/* m->reason, that of a fault or an emergency stop, and where the flight record of it is. */
void machine_say_reason(struct machine *m);
/* All motion that has not been handed out is dropped, for that reason; heaters stay as they are. doubt: mask of axes whose
 * position is not known any more; the others' is read back. */
void machine_stop(struct machine *m, const char *reason, uint32_t doubt);
/* Where these axes (mask) are is known from now on. */
void machine_axes_known(struct machine *m, uint32_t axes);
/* "XZ": the axes of the mask. Pure. Returns: text. */
const char *machine_axes_text(uint32_t axes, char text[MACHINE_AXES + 1]);
/* Whoever prints is to wait: motion comes to rest on its path, see sidetrack.h, or where that can't be, at the end of what is
 * planned. */
void machine_pause(struct machine *m);
/* Feed hold on or off: motion comes to rest on its path, and goes on from there. At any time. */
void machine_hold(struct machine *m, bool on);
/* The feed rate (M220), live: also of moves planned before, whose epoch is less. */
void machine_set_feed(struct machine *m, double feed, uint32_t epoch);
/* Raise Z by so much, in the middle of whatever is under way; the planner goes on from there. Returns 0, -EAGAIN or
 * another negative errno with a text in err. */
int machine_nudge(struct machine *m, double by_mm, char *err);
/* Switch the motors' enable lines on if they are off. Returns 0 or -EAGAIN. */
int machine_motors_on(struct machine *m);

/* Bring the MCUs up from a reset, even those that hold this very configuration. Right after
 * machine_new(). */
void machine_reset_mcus(struct machine *m);

/* machine_joints.c */

/* How many steps a mm of each axis gives the motor, with carriages as they are. */
void machine_motor_weights(const struct machine *m, const struct machine_motor *motor,
			   double steps_per_mm[MOVE_AXES]);
/* Where motor i's joint is with the axes there, in steps. */
double machine_motor_steps(const struct machine *m, size_t i, const double at_mm[MOVE_AXES]);
/* The motor's joint as the checker wants it. */
void machine_checker_joint(const struct machine_stepper *cfg, struct checker_joint *out);
/* Whether a straight move from the planned position may be made: 0, or -EINVAL with a text in err. */
int machine_check_move(const struct machine *m, const double to_mm[MOVE_AXES], char *err);
/* The same for a place on the way of moves to come, wherever they come from. */
int machine_check_place(const struct machine *m, const double at_mm[MOVE_AXES], char *err);
/* Whether the joints can be where the axes are to be called this: 0, or -EINVAL with a text in err. */
int machine_check_name(const struct machine *m, const double at_mm[MOVE_AXES], char *err);
/* As planner_move(), within what the joints can do. */
int machine_move(struct machine *m, const double to_mm[MOVE_AXES], double feed_mm_s, uint32_t line);

/* Forward kinematics: where the axes are with the steppers' joints there. An axis without a motor
 * stays at 0; not a number where no place fits. */
void machine_steppers_to_axes(const struct machine *m, const double at_steps[ENGINE_STEPPERS],
			      double mm[MOVE_AXES]);

/* machine_ops.c: what the interpreter calls. */
void machine_ops_init(struct machine *m);
/* machine_gcode.c: the interpreter, as configured. After machine_ops_init(). */
void machine_gcode_init(struct machine *m);
/* machine_status.c: text of STATUS. */
void machine_status_text(struct machine *m, char *buf, size_t cap);
/* machine_setup.c: motors, outputs and trsyncs, and the configuration of one MCU. */
/* Index of the output on that pin, added if it is new; -1 if there are too many. */
int machine_output_add(struct machine *m, const struct pin *pin);
/* Another cycle of a software PWM that is off. False: no room now. */
bool machine_output_cycle(struct machine *m, int output, double cycle_time_s);
bool machine_setup(struct machine *m, char *err, size_t err_size);
bool machine_configure_mcu(void *ctx, struct session *s);

#endif
