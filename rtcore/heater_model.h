/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heater_model.h - model-predictive control of a heater: a heat balance that runs beside the real one.
 *
 * A body of one heat capacity takes the heater's power, loses heat to what is around it (more with a fan) and to
 * filament, and a sensor follows it with a first-order lag. An observer keeps the model at what the sensor
 * says and finds the power that the model does not know of; the output is what holds the target plus what
 * brings the body there in time. Fan and filament are known beforehand, so they act before they are felt.
 * Pure. Owner: the caller. Threads: one. Units: _w, _j_k, _w_k, _degc, _s.
 * Sources: Luenberger, "An introduction to observers", IEEE Trans. Automatic Control 16 (1971).
 */
#ifndef RTCORE_HEATER_MODEL_H
#define RTCORE_HEATER_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { HEATER_MODEL_LOSSES = 8, HEATER_MODEL_POINTS = 64 };

struct heater_model {
	double power_w;                       /* at full power */
	double capacity_j_k;                  /* 0: not known, it has to be calibrated */
	double rate;                          /* of the sensor: 1 / lag, 1/s */
	double loss_w_k[HEATER_MODEL_LOSSES]; /* with the fan at 0 … 1, evenly spaced */
	uint32_t losses;                      /* >= 1 */
	double filament_j_k_mm;               /* that a mm of filament takes, per K */
	double reach_s; /* a distance to the target is to be gone after so long */
	double ambient_degc;
};

struct heater_model_state {
	bool known;
	double body_degc, sensor_degc;
	double unknown_w; /* power that comes from elsewhere */
};

/* A temperature, dt_s after the one before, with the power (0..1) that was given since then, the fan, and the
 * filament pushed through per second. */
void heater_model_observe(const struct heater_model *m, struct heater_model_state *s, double degc,
			  double dt_s, double power, double fan, double filament_mm_s);

/* Power to be given, not limited: 1 is full. */
double heater_model_power(const struct heater_model *m, const struct heater_model_state *s,
			  double target_degc, double fan, double filament_mm_s);

/* ---- calibration ---- */

enum heater_model_stage {
	HEATER_MODEL_IDLE,
	HEATER_MODEL_SETTLE, /* off, until it is as warm as what is around it */
	HEATER_MODEL_HEAT,   /* full power up to the target */
	HEATER_MODEL_HOLD,   /* around the target, for the loss */
	HEATER_MODEL_FAN,    /* the same with the fan on */
	HEATER_MODEL_DONE,   /* the result is there */
};

struct heater_model_calibration {
	uint32_t stage;
	bool with_fan;
	double target_degc, ambient_degc;
	double calm_s, calm_degc; /* as it was at the last look at whether it changes */
	double last_s, last_degc;
	/* heating up: at and temperature above ambient */
	uint32_t points;
	double from_s, at_s[HEATER_MODEL_POINTS], above_degc[HEATER_MODEL_POINTS];
	/* holding */
	bool on;
	uint32_t switches;
	double begin_s, power_s, degc_s; /* integrals since then */
	double loss_w_k[2];
};

void heater_model_calibrate(struct heater_model_calibration *c, double target_degc, bool with_fan);

/* A temperature. Returns the power to give, of max_power. */
double heater_model_calibrate_sample(struct heater_model_calibration *c,
				     const struct heater_model *m, double at_s, double degc,
				     double max_power);

/* What was found, into *m: capacity, rate, losses, ambient. False: it makes no sense. */
bool heater_model_result(const struct heater_model_calibration *c, struct heater_model *m,
			 double max_power);

#endif
