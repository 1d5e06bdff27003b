/* SPDX-License-Identifier: GPL-2.0-or-later */
/* angle.h - magnetic sensors that say at which angle motors' shafts are: [angle NAME].
 *
 * Each is read by its MCU at fixed times from when the machine is ready on, whatever the machine does. A sensor that says nothing for
 * a second, or nothing but errors, is told once, and that it is back. With a motor its angles are compared with its steps
 * (angle_watch.h); steps that are lost are a fault (faults/).
 * Owner: struct machine. Threads: PLAN. Units: turns of the shaft; _s machine time.
 */
#ifndef DAEMON_ANGLE_ANGLE_H
#define DAEMON_ANGLE_ANGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/angle/angle_table.h"
#include "daemon/angle/angle_watch.h"
#include "daemon/angle/steplog.h"
#include "daemon/config/machine_angle.h"
#include "daemon/gcode/gcode_command.h"

struct ev_message;
struct machine;
struct msg_sensor_bulk_data;
struct session;
struct textbuf;

/* Why there is no angle, as the firmware says it (docs/PROTOCOL.md). */
enum { ANGLE_ERRORS = 6 };

struct angle {
	const struct machine_angle *cfg;
	int device; /* of the bus */
	int motor;  /* index in machine.motor; -1: none */
	uint8_t oid;
	bool on;          /* it is being read */
	bool apart;       /* a command uses the chip: it is not read */
	uint64_t clock;   /* when sample 0 is due, */
	uint32_t ticks;   /* and how long after it the next one is */
	uint8_t shift;    /* of the times in samples */
	uint16_t message; /* number of the next one */
	uint64_t number;  /* of its first sample */
	/* what it said last; good: ever */
	bool good, told;
	double turns, at_s; /* turns: corrected by */
	struct angle_table table;
	int64_t good_ns, told_ns; /* the last angle, or when it was started; told or well so long */
	int last_error;           /* -1: it has said nothing */
	uint64_t samples, errors[ANGLE_ERRORS], lost; /* lost: messages */
	/* whether the motor follows; only with a motor, and max_following_error */
	struct angle_watch watch;
	struct steplog_motor log;
	uint32_t breaks; /* of the log, so far */
};

/* ANGLE_CALIBRATE */
struct angle_calibration {
	struct angle *of; /* NULL: none is under way */
	unsigned stops;   /* of a turn */
	unsigned place;   /* of these, from where it began */
	bool back, waits; /* on the way back; at a stop, for samples from from_s on */
	bool error;       /* in angles.text */
	unsigned count;
	double from_s, first, sum;
	int64_t deadline_ns;
	double said[2][ANGLE_STOPS_MAX + 1]; /* there, back */
};

struct angles {
	struct angle sensor[MACHINE_ANGLE_MAX];
	size_t count;
	struct steplog steps; /* of their motors */
	struct angle_calibration calibration;
	struct angle *asking; /* of ANGLE_DEBUG_…; NULL: nobody */
	char text[160];
};

/* machine_setup(). After the motors. Then their steps are to be observed. */
bool angles_setup(struct machine *m, char *err, size_t err_size);
/* Its commands, if there is a sensor. */
void angles_init(struct machine *m);
void angles_free(struct machine *m);
bool angles_configure(struct machine *m, struct session *s);
/* That MCU has been brought up once more. */
void angles_attached(struct machine *m, int mcu);
/* A message of an MCU. Returns true if it was a sensor's. */
bool angles_hear(struct machine *m, const struct ev_message *msg);
void angles_poll(struct machine *m);
/* All commands end. */
void angles_abort(struct machine *m);
/* Lines for STATUS. */
void angles_status(const struct machine *m, struct textbuf *t);

/* Not read until angle_go_on(). */
void angle_set_apart(struct machine *m, struct angle *a);
void angle_go_on(struct angle *a);

/* The sensor that CHIP names; NULL: error replied. */
struct angle *angle_named(struct gcode *g, const struct machine *m, const struct gcode_line *l);

/* angle_calibrate.c: an angle as the sensor says it. */
void angle_calibration_take(struct machine *m, struct angle *a, double at_s, double turns);
void angle_calibration_poll(struct machine *m);
extern const struct gcode_command angle_calibrate_commands[];
extern const unsigned angle_calibrate_command_count;

extern const struct gcode_command angle_commands[];
extern const unsigned angle_command_count;

#endif
