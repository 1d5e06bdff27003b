/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control.h - records of the two rings beside the motion ring.
 *
 * Control ring, planner thread to rt thread: acted on in the next cycle, ahead of all motion.
 * Event ring, rt thread to planner thread: what the MCUs said and what became of the motion.
 * Both carry fixed-size records. Units are in the names; clocks are 64-bit MCU ticks.
 */
#ifndef RTCORE_CONTROL_H
#define RTCORE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "heat.h"
#include "kin.h"
#include "move.h"
#include "wire.h"

enum {
	ENGINE_MCUS = 4,
	ENGINE_STEPPERS = 16,
	ENGINE_EXTRUDERS = 8, /* steppers of extruders among them */
	ENGINE_MANUALS = 8,   /* and of steppers with a time line of their own */
	ENGINE_OUTPUTS = 32,
	ENGINE_TRSYNCS = 16,
	ENGINE_HOMING_GROUPS = 8,
};

enum ctl_kind {
	CTL_SEND,      /* .send: a command for one MCU, as soon as the link allows */
	CTL_MCU_IDS,   /* .mcu_ids: the MCU's dictionary is known */
	CTL_MCU_READY, /* .mcu_ready: it is configured and may get motion */
	CTL_STEPPER,   /* .stepper: a joint and where its steps go */
	CTL_OUTPUT,    /* .output: a queued output */
	CTL_RESYNC,    /* .resync: at rest; a stepper's counter as read back from its MCU */
	CTL_POSITION,  /* .position_mm: name the axes' position; at rest */
	CTL_HOMING,    /* .homing: watch these trsyncs, stop when they fire; count 0: none */
	CTL_ABORT,     /* forget all motion that has not been handed out, until PLAN_RESUME */
	CTL_GO_ON, /* .recorded; after CTL_ABORT: what was latched as a fault has been dealt with */
	CTL_EMERGENCY,  /* emergency_stop to every MCU, forget all motion; final */
	CTL_LINK_RESET, /* .mcu: the link starts over (reset or reconnect) */
	CTL_HOLD,       /* come to rest on the path and stay there until ... */
	CTL_UNHOLD,     /* ... go on (not PLAN_RESUME, which ends a stop) */
	CTL_SIDE,       /* what is held at rest stands aside: records come from the side ring now */
	CTL_FEED_RATE,  /* .feed_rate: from now on; see warp.h */
	CTL_NUDGE,      /* .nudge_mm: added to Z by babysteps, in all */
	CTL_EXTRUDE,    /* .extrude: as PLAN_EXTRUDE, in the middle of whatever is planned */
	CTL_OUTPUT_SET, /* .output_set: at once, not in step with motion */
	CTL_SENSOR,     /* .sensor: a temperature sensor */
	CTL_SENSOR_VALUE,     /* .target: sensor number in .heater, its temperature; of a fed one */
	CTL_HEATER,           /* .heater: a heater and its control */
	CTL_HEATER_TARGET,    /* .target */
	CTL_HEATER_LIMITS,    /* .limits: how much and how little power it gets from now on */
	CTL_HEATER_TUNE,      /* .target: swing around that, then report */
	CTL_HEATER_CALIBRATE, /* .target: find its model around that, then report */
	CTL_HEATER_CLEAR,     /* .target: number alone; its fault is no longer latched */
	CTL_SYNC_LINE,        /* .sync_line: an MCU has one; before its CTL_MCU_READY */
	CTL_STATUS,           /* publish the state in this cycle, before its time */
};

struct ctl_send {
	uint8_t mcu;
	uint8_t len;
	uint8_t bytes[WIRE_PAYLOAD_MAX];
};

struct ctl_mcu_ids {
	uint8_t mcu;
	double freq_hz;          /* nominal, CLOCK_FREQ */
	uint16_t receive_window; /* bytes, 0 if the dictionary doesn't say */
	uint32_t canbus_hz;      /* bit rate; 0: not on CAN */
	bool apart;              /* no motion depends on it: what becomes of it stops none */
	struct wire_dict dict;
};

struct ctl_mcu_ready {
	uint8_t mcu;
	uint16_t move_count;
};

struct ctl_stepper {
	uint8_t stepper; /* index in the engine */
	uint8_t mcu;
	uint8_t oid;
	bool invert_dir;
	bool fractional;                /* the MCU has queue_step_frac */
	double steps_per_mm[MOVE_AXES]; /* weights of the axes in this joint */
	struct kin kin;                 /* kind not KIN_LINEAR: it follows this instead */
	double steps_per_unit;
	double tolerance_s;
	double reversal_filter_s;
	double min_interval_s;        /* never closer than this */
	bool manual;                  /* it has a time line of its own, whose E is its axis */
	bool extruder;                /* it follows E alone, */
	struct extrude_param extrude; /* at first like this, as in struct plan_extrude */
};

struct ctl_output {
	uint8_t output;
	uint8_t mcu;
	uint8_t oid;
	bool pwm;            /* queue_pwm_out, else queue_digital_out */
	bool invert;         /* the logical 0 is full scale */
	bool in_phase;       /* software PWM: changes, but to 0, wait for the end of a cycle */
	uint8_t also;        /* the output that gets the same values; 0: none */
	bool on_off;         /* whatever is not 0 is full scale */
	uint32_t full_scale; /* on the wire: 1, ticks of a software PWM cycle, or PWM_MAX */
	double kick_s;       /* from 0 it gets kick_value for so long first: a fan starts */
	uint16_t kick_value;
	double refresh_s; /* said again so often, once said (max_duration); 0: never */
};

struct ctl_resync {
	uint8_t stepper;
	int64_t count; /* steps, in the MCU's sign */
};

/* The trsyncs of a group fire together. A group that fires because of its switch (reason hit) is done;
 * with the last one, or with a group that fires for another reason, everything stops. */
struct ctl_homing {
	uint8_t count;
	uint8_t hit;      /* trigger_reason of a switch */
	double start_s;   /* machine time: the trsyncs report from then on, */
	double timeout_s; /* and the MCUs stop by themselves after this much silence */
	struct {
		uint8_t mcu;
		uint8_t oid;
		uint8_t group; /* below ENGINE_HOMING_GROUPS */
	} trsync[ENGINE_TRSYNCS];
	uint32_t motors[ENGINE_HOMING_GROUPS]; /* mask of the steppers that stop with the group */
};

/* A digital output with a software PWM of clocksync_edge_ticks() a cycle, low by default. */
struct ctl_sync_line {
	uint8_t mcu;
	uint8_t oid;
};

struct ctl_rec {
	uint32_t kind; /* enum ctl_kind */
	union {
		uint8_t mcu;
		struct ctl_send send;
		struct ctl_mcu_ids mcu_ids;
		struct ctl_mcu_ready mcu_ready;
		struct ctl_stepper stepper;
		struct ctl_output output;
		struct ctl_resync resync;
		double position_mm[MOVE_AXES];
		struct ctl_homing homing;
		struct {
			double feed;    /* 1: as commanded */
			uint32_t epoch; /* its number: concerns moves of lower ones */
		} feed_rate;
		double nudge_mm;
		bool recorded; /* the record of the fault is safe: write on */
		struct plan_extrude extrude;
		struct ctl_sync_line sync_line;
		struct plan_output output_set;
		struct heat_sensor_config sensor;
		struct heat_heater_config heater;
		struct heat_target target;
		struct heat_limits limits;
	};
};

enum ev_kind {
	EV_MESSAGE,     /* .message: a response that the engine doesn't act on itself */
	EV_CLOCK_READY, /* .mcu: its clock estimate may be used */
	EV_SYNC,        /* .sync_id: all motion before the PLAN_SYNC has been executed */
	EV_HOMING_STOP, /* .homing_stop */
	EV_FAULT,       /* .fault */
	EV_SYNC_LINE, /* .sync_line: the MCU's clock estimate goes by it from now on, or no longer */
	EV_HEATER,    /* .heater */
	EV_LINK_LOST, /* .line: the same as FAULT_LINK_LOST before it was ready */
	EV_HOLD,      /* .hold: motion is slowed down or held by the rt core itself, or goes on */
	EV_LINE,      /* .line: something happened to it that does not end it */
};

/* What became of an MCU's line: serial port or CAN interface. */
enum line_state {
	LINE_FINE, /* nothing known against it: it is silence that counts; on CAN, error-active (again) */
	LINE_CLOSED,    /* end of file or an error: unplugged */
	LINE_DOWN,      /* from here on CAN: the interface was shut down */
	LINE_GONE,      /* the interface has vanished */
	LINE_BUS_OFF,   /* the controller has taken itself off the bus */
	LINE_STUCK,     /* its queue was full for LINE_STUCK_NS without a break */
	LINE_PASSIVE,   /* these don't end it: error-passive */
	LINE_RESTARTED, /* the controller was restarted: frames may be lost */
	LINE_OVERRUN,   /* frames came faster than they were taken */
};
#define LINE_STUCK_NS ((int64_t)1000 * 1000 * 1000)

enum engine_fault {
	FAULT_NONE,
	FAULT_STEPGEN, /* an invariant of a stepper's timeline would break; .detail = enum stepgen_result */
	FAULT_LATE, /* a step's time had nearly passed before it could go out; .value_s = how late; .stepper UINT8_MAX: a
		     * frame of .mcu */
	FAULT_UNDERRUN,     /* motion ran out at speed; .value_s = speed in mm/s */
	FAULT_LINK_FULL,    /* the link's buffer overflowed */
	FAULT_MCU_SHUTDOWN, /* .detail = static_string_id */
	FAULT_LINK_LOST,    /* .mcu can't be reached any more; .detail = enum line_state */
	FAULT_MCU_RESET,    /* .mcu started anew by itself */
};

struct ev_message {
	int64_t received_ns;
	uint8_t mcu;
	uint8_t len;
	uint8_t bytes[WIRE_PAYLOAD_MAX];
};

struct ev_fault {
	uint32_t fault; /* enum engine_fault */
	uint8_t mcu;
	uint8_t stepper;
	uint16_t detail;
	double at_s; /* machine time */
	double value_s;
};

struct ev_homing_stop {
	uint8_t trsync; /* index in ctl_homing.trsync */
	uint8_t reason; /* trigger_reason as the MCU said it */
};

struct ev_sync_line {
	uint8_t mcu;
	bool used;
};

enum ev_hold_why { EV_HOLD_MOVES, EV_HOLD_LEAD };

struct ev_hold {
	uint8_t why;   /* enum ev_hold_why: what follows is not known, steps would come late */
	uint8_t level; /* 0: it goes on, 1: motion is slowed down, 2: held */
	uint8_t mcu;   /* whose link it is; UINT8_MAX: this side, or none */
	bool lossy;    /* which loses frames */
	double at_s;   /* machine time up to which motion was given out */
	double lead_s; /* EV_HOLD_LEAD: as low as this */
};

struct ev_line {
	uint8_t mcu;
	uint8_t state; /* enum line_state */
};

struct ev_rec {
	uint32_t kind; /* enum ev_kind */
	union {
		uint8_t mcu;
		uint32_t sync_id;
		struct ev_message message;
		struct ev_fault fault;
		struct ev_homing_stop homing_stop;
		struct ev_sync_line sync_line;
		struct ev_heater heater;
		struct ev_line line;
		struct ev_hold hold;
	};
};

#endif
