/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heaters.h - heaters and temperature sensors on the planner's side: set-up, targets, waits, reports.
 *
 * Control runs in the rt core (rtcore/engine_heat.h); here are names, commands and what people are told.
 * Owner: struct machine. Threads: PLAN. Units: _degc; _ns host time.
 */
#ifndef DAEMON_HEATERS_H
#define DAEMON_HEATERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control.h"
#include "daemon/gcode/gcode_command.h"
#include "heat.h"

struct machine;
struct session;

/* What the interpreter waits for: both within their bounds. */
struct heaters_wait {
	bool on, tuning;
	int heater; /* -1: a sensor alone */
	int sensor;
	double min_degc, max_degc;
};

struct heaters {
	struct heat_status status; /* as last read */
	uint32_t sequence;
	double cleared_s[HEAT_HEATERS]; /* the fault in a status from before that is cleared */
	int output[HEAT_HEATERS];       /* index in machine.output[] */
	bool modelled[HEAT_HEATERS];    /* MPC: its model is known */
	struct heat_limits limits[HEAT_HEATERS];
	struct heaters_wait wait;
	int64_t report_ns; /* next report */
	int64_t auto_ns;   /* M155: between two reports, 0: none */
	bool noted_extruder, noted_bed;
	bool started;    /* what has a target from the beginning has got it */
	uint32_t cut;    /* mask: to be switched off, the control ring had no room yet */
	uint32_t cooled; /* mask: a fault has done so in this print, and nobody has set them since */
	uint32_t idled;  /* mask: idle_timeout has done so in this feed hold, likewise */
	double wanted_degc[HEAT_HEATERS]; /* as set last, whatever a fault has done since */
};

/* Outputs of all heaters. Returns false if there are too many, with a text in err. */
bool heaters_setup(struct machine *m, char *err, size_t err_size);
/* Commands and the interpreter's operations. After machine_ops_init() and gcode_init(). */
void heaters_init(struct machine *m);
/* What the rt core has to know of heaters on that MCU. */
bool heaters_configure(struct machine *m, struct session *s);

/* That MCU has been brought up once more: temperature fans have their target again. */
void heaters_attached(struct machine *m, int mcu);
/* What depends on that MCU is off, and fit again: it had shut down, or was silent. */
void heaters_resumed(struct machine *m, int mcu);
/* A poll: state, waits, reports. */
void heaters_poll(struct machine *m);
/* EV_HEATER. A fault goes to react_heater(), and ends a wait for it. */
void heaters_event(struct machine *m, const struct ev_heater *ev);

/* Whether it may be switched on to that temperature: 0, or -EINVAL with a text in err. */
int heaters_ready(const struct machine *m, int heater, double degc, char *err);
/* Set a target, 0: off. Returns 0, -EAGAIN, or -EINVAL with a text in err (GCODE_ERR_MAX). */
int heaters_target(struct machine *m, int heater, double degc, char *err);
/* Those of the mask, or all, are switched off now, whatever motion is planned; if the control ring is full, as soon as it is not. */
void heaters_cut(struct machine *m, uint32_t mask);
void heaters_off(struct machine *m);
/* Those that are on go off until a feed hold ends. Returns whether there are any. */
bool heaters_idle(struct machine *m);
/* Whether these are as hot as before; else they are heated. Returns 0, or a negative errno and the reason. */
int heaters_back(struct machine *m, char *err);
/* The heater's fault is no longer latched; it is off. Returns as heaters_target(). */
int heaters_clear(struct machine *m, int heater, char *err);

/* Whether filament may be moved by the extruder in use: 0, or -EINVAL with a text in err. */
int heaters_check_extrude(const struct machine *m, char *err);

/* What is wrong with a heater, in words; fault: enum heater_fault; any other number is "ok". */
const char *heaters_fault_text(uint32_t fault);

/* Indices by name, own or with its section's kind; -1: there is none. */
int heaters_find(const struct machine *m, const char *name, size_t len);
int heaters_find_sensor(const struct machine *m, const char *name, size_t len);

/* heaters_report.c */

/* "T:205.1 /205.0 B:60.0 /60.0"; "" without heaters. */
void heaters_report(const struct machine *m, char *buf, size_t cap);
/* Lines for STATUS. */
void heaters_status(const struct machine *m, char *buf, size_t cap);

extern const struct gcode_command heaters_commands[];
extern const unsigned heaters_command_count;

#endif
