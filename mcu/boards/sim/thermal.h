/* SPDX-License-Identifier: GPL-2.0-or-later */
/* thermal.h - the printer's warm parts: a heated body each, its sensor, and what takes heat away.
 *
 * Two lumps: a body of one heat capacity that loses heat to its surroundings, more with a fan and with
 * filament that is pushed through; and a sensor that follows it with a first-order lag. Exact for as long as
 * nothing changes, so that it may be advanced in steps of any length. Pure and deterministic.
 * Owner:   the caller places struct thermal_body. Threads: one at a time.
 * Units:   _s since the start, _degc, W, J/K.
 */
#ifndef SIM_THERMAL_H
#define SIM_THERMAL_H

#include <stdbool.h>
#include <stdint.h>

enum { THERMAL_NAME_MAX = 64, THERMAL_CURVE = 512 };

/* The sensor's reading is given every so many degrees from there on. */
#define THERMAL_FROM_DEGC (-60.0)
#define THERMAL_STEP_DEGC 2.0

enum thermal_sensor_fault { THERMAL_SENSOR_OK, THERMAL_OPEN, THERMAL_SHORT, THERMAL_STUCK };
enum thermal_heater_fault { THERMAL_HEATER_OK, THERMAL_DEAD, THERMAL_ON };

struct thermal_body {
	char name[THERMAL_NAME_MAX];
	double power_w, capacity_j_k, loss_w_k, fan_loss_w_k, lag_s;
	double ambient_degc;
	double filament_j_k_mm;     /* heat that a mm of filament takes, per K */
	float share[THERMAL_CURVE]; /* the sensor's reading, of full scale */
	/* state */
	double at_s, body_degc, sensor_degc;
	double duty, fan; /* 0..1 now */
	double energy_j;  /* given so far */
	uint32_t sensor_fault, heater_fault;
	bool loose;   /* the sensor in its hole: it lags ten times as long */
	bool bare;    /* the block: it loses two and a half times as much to its surroundings */
	bool clogged; /* no filament passes, whatever the motor does */
	int draught;  /* 1: as if the fan were full on, -1: none of it arrives */
	double moved_degc; /* the surroundings, from ambient_degc */
	double stuck_degc, glitch_end_s;
};

/* At ambient_degc, at time 0, everything off. */
void thermal_start(struct thermal_body *b);

/* Let time pass to at_s; filament_mm: pushed through meanwhile. Times before at_s do nothing. */
void thermal_advance(struct thermal_body *b, double at_s, double filament_mm);

/* What is around it, as it is now. */
double thermal_ambient_degc(const struct thermal_body *b);

/* What the sensor reads now, 0..1. */
double thermal_reading(const struct thermal_body *b);

/* Break or mend it: "sensor open", "sensor short", "sensor stuck", "sensor glitch" (one sample),
 * "sensor loose", "sensor ok", "heater dead", "heater on", "heater ok", "block bare", "block ok", "cooling on", "cooling off",
 * "cooling ok", "flow off", "flow ok", "ambient 5", "ambient ok". False: there is no such action. */
bool thermal_action(struct thermal_body *b, const char *action);

/* The actions' names, for messages. */
const char *thermal_actions(void);

#endif
