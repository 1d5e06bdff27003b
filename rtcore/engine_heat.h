/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine_heat.h - the rt core's part in heating: sums from the MCUs to temperatures, to powers, to outputs.
 *
 * Part of struct engine. A sensor that breaks switches off the heaters that depend on it, tells the planner
 * (EV_HEATER) and takes the MCU's own range check away; all else goes on.
 * Threads: RT; engine_heat_read() any.
 */
#ifndef RTCORE_ENGINE_HEAT_H
#define RTCORE_ENGINE_HEAT_H

#include "heat.h"
#include "snapshot.h"
#include "wire.h"

struct engine;
struct ctl_rec;

struct engine_heat_sensor {
	struct heat_sensor_config cfg;
	bool present;
	bool asked; /* the MCU is sampling */
	bool armed; /* it checks the range */
	bool again; /* the latest question may have been lost */
	uint32_t state;
	double degc, at_s; /* the last plausible one; at_s also of others */
	double asked_s;
	uint32_t bad_row, good_row;
	uint32_t glitches;
	bool hot; /* the bad ones in a row are beyond max, where the good ones led */
};

struct engine_heat_heater {
	struct heat_heater_config cfg;
	bool present;
	bool owed;     /* the last power has not been sent: no room then */
	uint8_t zeros; /* sent in a row: more than one, as what a link has not sent may be dropped */
	double told_degc;       /* target, in the flight record */
	int64_t filament_steps; /* the stepper's count at the last sample */
	struct heater h;
};

struct engine_heat {
	struct engine_heat_sensor sensor[HEAT_SENSORS];
	struct engine_heat_heater heater[HEAT_HEATERS];
	bool used, changed;
	uint64_t samples;
	struct snapshot snapshot;
};

_Static_assert(sizeof(struct heat_status) <= 8 * SNAPSHOT_WORDS, "heat_status fits its snapshot");

/* CTL_SENSOR…, CTL_HEATER…. */
void engine_heat_control(struct engine *e, const struct ctl_rec *rec, int64_t now_ns);

/* A report of an analog input. Returns whether it is one of the sensors. */
bool engine_heat_state(struct engine *e, int mcu, const struct msg_analog_in_state *m,
		       int64_t rx_ns);

/* A report of a converter. */
void engine_heat_chip(struct engine *e, int mcu, const struct msg_thermocouple_result *m,
		      int64_t rx_ns);

/* Have sensor number i's MCU sample, with or without its own check of the range; engine_sensor.c. Without room in the
 * link, nothing happens. */
void engine_sensor_ask(struct engine *e, int i, bool armed);
/* What was asked at that MCU last may not have been sent: it is asked again. */
void engine_sensors_again(struct engine *e, int mcu);
/* What its MCU reports at full scale. */
double engine_sensor_full_sum(const struct engine_heat_sensor *s);

/* The same from older firmware. */
bool engine_heat_state_old(struct engine *e, int mcu, const struct msg_analog_in_state__old *m,
			   int64_t rx_ns);

/* A cycle: start sampling, watch for silence, send what is owed, publish. */
void engine_heat_service(struct engine *e, int64_t now_ns);

/* The latest state. Thread: any. Returns false if it could not be read. */
bool engine_heat_read(struct engine *e, struct heat_status *out);

#endif
