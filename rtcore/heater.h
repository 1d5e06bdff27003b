/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heater.h - one heater's control: from temperatures to power, and the watch over both.
 *
 * Pure: each temperature comes in with its time, the power goes out. A fault switches the heater off and
 * stays until heater_clear(). The same with the sign turned controls a fan by a temperature.
 * Owner:   the caller places struct heater. Threads: the one that owns it (RT).
 * Units:   _degc, _s machine time; power 0..1 of what the output can do.
 * Sources: relay tuning: Astrom and Hagglund, "Automatic tuning of simple regulators with
 *          specifications on phase and amplitude margins", Automatica 20 (1984); the settings from it:
 *          Ziegler and Nichols, "Optimum settings for automatic controllers", Trans. ASME 64 (1942).
 */
#ifndef RTCORE_HEATER_H
#define RTCORE_HEATER_H

#include <stdbool.h>
#include <stdint.h>

#include "heater_model.h"

enum heater_control { HEATER_WATERMARK, HEATER_PID, HEATER_MPC };

enum heater_fault {
	HEATER_OK,
	HEATER_SENSOR_RANGE,  /* its sensor reads what can't be */
	HEATER_SENSOR_SILENT, /* nothing comes from it */
	HEATER_SLOW,          /* the temperature does not follow the power */
	HEATER_HOT,           /* above max_temp */
	HEATER_RISES,         /* it heats without power: its switch is stuck */
	HEATER_MCU,           /* the MCU of heater or sensor is shut down or gone */
	HEATER_FAULTS,
};

enum { HEATER_TUNE_SWITCHES = 16 }; /* of the relay; the first third is not counted */

struct heater_param {
	uint32_t control; /* enum heater_control */
	bool cooling;     /* the output cools: a fan */
	bool verify;
	double max_power, min_power; /* min_power: of what is not 0 */
	double smooth_s;             /* of what is shown and of the slope; > 0 */
	double kp, ki, kd;           /* power per K, per K s, per K/s */
	double max_delta_degc;       /* watermark */
	struct heater_model model;   /* MPC */
	/* verify: so much too cold, summed up over time, is a fault; while it heats up the sum stands
	 * still as long as each gain_time_s brings gain_degc */
	double error_degc_s_max, gain_time_s, hysteresis_degc, gain_degc;
};

struct heater {
	struct heater_param p;
	double target_degc; /* 0: off */
	double degc, smooth_degc, slope_degc_s;
	double at_s; /* of degc; < 0: none yet */
	double power;
	double integral;           /* power */
	double fan, filament_mm_s; /* that act on it, as the caller says */
	double beside_degc;        /* likewise: the hottest of the others, which may warm it */
	struct heater_model_state model;
	struct heater_model_calibration calibration;
	bool heating;   /* watermark: on */
	uint32_t fault; /* enum heater_fault */
	struct {
		bool approaching, reached;
		double error_degc_s, goal_degc, goal_s;
	} verify;
	struct {
		double degc, s; /* the lowest of late without power, and when */
	} off;
	struct {
		bool on, done;
		uint32_t switches;
		double peak_degc, peak_s; /* since the last switch */
		double from_degc, from_s; /* the last peak */
		double swing_degc, half_s;
		uint32_t counted;
		double ku, tu_s; /* the result: ultimate gain and period */
	} tune;
};

void heater_init(struct heater *h, const struct heater_param *p);

/* A new target, 0: off. Ends tuning. Returns: false while a fault is latched; nothing changes then. */
bool heater_set_target(struct heater *h, double degc);

/* As max_power and min_power of struct heater_param, from the next sample on; min <= max. */
void heater_set_limits(struct heater *h, double max_power, double min_power);

/* A temperature. h->power is what to give from now on. Returns: HEATER_OK, or what it shows to be wrong:
 * the caller is to heater_fail() it. */
enum heater_fault heater_sample(struct heater *h, double at_s, double degc);

/* Off until heater_clear(); what cools is full on meanwhile. No effect if a fault is latched already.
 * Returns: whether it is new. */
bool heater_fail(struct heater *h, enum heater_fault fault);
void heater_clear(struct heater *h);

/* Swing around degc, by switching between nothing and max_power, until h->tune.done (or until
 * heater_set_target()): then ku and tu_s are found and it is off. Returns: false while a fault is latched. */
bool heater_tune(struct heater *h, double degc);

static inline bool heater_calibrating(const struct heater *h)
{
	return h->calibration.stage != HEATER_MODEL_IDLE &&
	       h->calibration.stage != HEATER_MODEL_DONE;
}

/* Find its model; see heater_model.h. Done, and off, at stage HEATER_MODEL_DONE. with_fan: the caller switches a fan
 * on at stage HEATER_MODEL_FAN. Returns: false while a fault is latched, or without MPC. */
bool heater_calibrate(struct heater *h, double degc, bool with_fan);

#endif
