/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe.h - the machine's probe: made ready, moved down until it triggers, put away.
 *
 * All of it takes time: each call starts something and its then() comes from machine_poll() once that has
 * ended, with NULL or what went wrong. One thing at a time; the interpreter is busy meanwhile.
 * A BLTouch is made ready by servo pulses (bltouch.c); a plain switch always is.
 * Owner: struct machine. Threads: PLAN. Units: _mm of the nozzle, machine coordinates; _mm_s.
 */
#ifndef DAEMON_PROBE_PROBE_H
#define DAEMON_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_probe.h"
#include "daemon/gcode/gcode_command.h"
#include "daemon/homing/homing.h"

struct machine;
struct probe_sensor;

typedef void probe_then(struct machine *m, const char *error);

/* How a place is probed: as configured, but for what a command says. */
struct probe_how {
	double speed_mm_s, lift_speed_mm_s, retract_mm, tolerance_mm;
	int samples, retries, result; /* enum machine_samples */
	bool tap;                     /* METHOD=tap: the nozzle touches the bed */
	bool keep; /* leave the probe down at the end where stow_on_each_sample allows */
};

/* activate_gcode or deactivate_gcode that is under way. */
struct probe_script {
	probe_then *then;  /* NULL: none is */
	probe_then *after; /* of what the lines are only a part of */
	bool activates;
	bool active; /* activate_gcode has been run, and deactivate_gcode not since */
	double at_mm[MOVE_AXES];
};

struct probe {
	const struct machine_probe *cfg; /* kind MACHINE_PROBE_NONE: there is none */
	const struct machine_input *input;
	const struct probe_sensor *sensor; /* NULL: a switch */
	double over_mm;                    /* of a sensor: see sensor.h */
	double accel_mm_s2;                /* on its way down; 0: as other moves */
	double recovery_s;                 /* of rest before it */
	double offset_mm[3];               /* Z: as calibrated since the start */
	bool last_triggered;               /* QUERY_PROBE */
	double last_z_mm;                  /* of PROBE */
	char text[160];                    /* of an error that is under way */

	struct probe_script script;

	/* a BLTouch: see bltouch.c */
	struct {
		int output;
		bool down, checked;
		int tries;
		probe_then *then;
	} touch;
	/* the samples of a place */
	struct {
		struct probe_how how;
		probe_then *then;
		int count, retries;
		double z_mm[MACHINE_SAMPLES_MAX];
		double at_mm[MOVE_AXES]; /* the result: where the nozzle was when it triggered */
		bool failed;
		bool tapping; /* with how.tap: near the bed, from where it is felt */
	} run;
};

/* The commands; m: NULL only to list them. */
void probe_attach(struct gcode *g, struct machine *m);
/* machine_new(): after the inputs and outputs are known. */
void probe_init(struct machine *m);
/* The machine is ready: a BLTouch draws its pin in, whatever it was. */
void probe_ready(struct machine *m);
/* Whether there is one: 0, or -EINVAL with a text in err. */
int probe_check(const struct machine *m, char *err);

/* Make ready to probe, and make sure that it is not triggered. */
void probe_lower(struct machine *m, probe_then *then);
/* Put away. */
void probe_raise(struct machine *m, probe_then *then);
/* As configured. */
void probe_how_default(const struct machine *m, struct probe_how *how);
/* With what the line says: PROBE_SPEED, LIFT_SPEED, SAMPLES, SAMPLE_RETRACT_DIST, SAMPLES_TOLERANCE,
 * SAMPLES_TOLERANCE_RETRIES, SAMPLES_RESULT. False: an error has been replied. */
bool probe_how_read(struct gcode *g, const struct machine *m, const struct gcode_line *l,
		    struct probe_how *how);
#define PROBE_PARAMS \
	"[PROBE_SPEED=<mm/s>] [LIFT_SPEED=<mm/s>] [SAMPLES=<n>] [SAMPLE_RETRACT_DIST=<mm>] " \
	"[SAMPLES_TOLERANCE=<mm>] [SAMPLES_TOLERANCE_RETRIES=<n>] " \
	"[SAMPLES_RESULT=<median|average>]"

/* Probe here, as often as how says; the result is in m->probe.run.at_mm. The nozzle stays where the last sample
 * has left it; after an error too, with the probe put away. */
void probe_run(struct machine *m, const struct probe_how *how, probe_then *then);

/* How low Z may go. */
double probe_lowest_mm(const struct machine *m);

/* probe_script.c: run activate_gcode (or deactivate_gcode), which leaves the axes where they are. then() may come at once. */
void probe_script_run(struct machine *m, bool activate, probe_then *then);
/* Motion has stopped for good: then() hears why. */
void probe_script_abort(struct machine *m, const char *reason);

/* bltouch.c: a pulse of the servo each */
#define BLTOUCH_CYCLE_S 0.02
void bltouch_lower(struct machine *m, probe_then *then);
void bltouch_raise(struct machine *m, probe_then *then);
void bltouch_ready(struct machine *m);
extern const struct gcode_command bltouch_commands[];
extern const unsigned bltouch_command_count;

/* effector.c */
extern const struct gcode_command effector_commands[];
extern const unsigned effector_command_count;

extern const struct gcode_command probe_commands[];
extern const unsigned probe_command_count;

#endif
