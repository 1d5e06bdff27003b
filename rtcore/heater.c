// SPDX-License-Identifier: GPL-2.0-or-later
#include "heater.h"

#include <math.h>
#include <string.h>

/* The relay switches this far beyond its target, so that noise does not switch it. */
#define TUNE_MARGIN_DEGC 0.5
/* A pause in the temperatures counts as no more than this. */
#define STEP_S_MAX 1.0
/* Without power it may get so much hotter in this time, and so much from one sample to the next. */
#define RISE_DEGC 20.0
#define RISE_S 60.0
#define RISE_STEP_DEGC 5.0

static void rest(struct heater *h)
{
	h->power = 0;
	h->integral = 0;
	h->heating = false;
	memset(&h->verify, 0, sizeof(h->verify));
}

void heater_init(struct heater *h, const struct heater_param *p)
{
	memset(h, 0, sizeof(*h));
	h->p = *p;
	h->at_s = -1;
}

bool heater_set_target(struct heater *h, double degc)
{
	if (h->fault != HEATER_OK)
		return false;
	if (degc <= 0 || h->target_degc <= 0 || h->tune.on)
		rest(h);
	h->tune.on = h->tune.done = false;
	h->calibration.stage = HEATER_MODEL_IDLE;
	h->target_degc = degc > 0 ? degc : 0;
	h->verify.approaching = h->verify.reached = false;
	h->verify.error_degc_s = 0;
	return true;
}

bool heater_fail(struct heater *h, enum heater_fault fault)
{
	if (h->fault != HEATER_OK)
		return false;
	heater_set_target(h, 0);
	h->fault = fault;
	h->power = h->p.cooling ? h->p.max_power : 0;
	return true;
}

void heater_clear(struct heater *h)
{
	h->fault = HEATER_OK;
	rest(h);
}

/* ---- control ---- */

static double within(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

/* The integral moves only where that does not press an output on that is at its end already. */
static double pid(struct heater *h, double error_degc, double slope_degc_s, double dt_s)
{
	double more = h->p.ki * error_degc * dt_s;
	double want = h->p.kp * error_degc + h->integral + more - h->p.kd * slope_degc_s;

	if ((want < h->p.max_power || more < 0) && (want > 0 || more > 0))
		h->integral = within(h->integral + more, 0, h->p.max_power);
	return h->p.kp * error_degc + h->integral - h->p.kd * slope_degc_s;
}

void heater_set_limits(struct heater *h, double max_power, double min_power)
{
	h->p.max_power = max_power;
	h->p.min_power = min_power;
	h->integral = within(h->integral, 0, max_power);
}

static double control(struct heater *h, double dt_s)
{
	double sign = h->p.cooling ? -1 : 1;
	double error_degc = sign * (h->target_degc - h->degc), want;

	if (h->p.control == HEATER_MPC) {
		want = within(heater_model_power(&h->p.model, &h->model, h->target_degc, h->fan,
						 h->filament_mm_s),
			      0, h->p.max_power);
	} else if (h->p.control == HEATER_PID) {
		want = within(pid(h, error_degc, sign * h->slope_degc_s, dt_s), 0, h->p.max_power);
	} else {
		if (error_degc >= h->p.max_delta_degc)
			h->heating = true;
		else if (error_degc <= -h->p.max_delta_degc)
			h->heating = false;
		want = h->heating ? h->p.max_power : 0;
	}
	return want > 0 && want < h->p.min_power ? h->p.min_power : want;
}

/* ---- the watch ---- */

static bool follows(struct heater *h, double dt_s)
{
	double short_degc = h->target_degc - h->p.hysteresis_degc - h->degc;

	if (short_degc <= 0) {
		h->verify.reached = true;
		h->verify.approaching = false;
		h->verify.error_degc_s = 0;
		return true;
	}
	if (!h->verify.reached && !h->verify.approaching) { /* a new target */
		h->verify.approaching = true;
		h->verify.goal_degc = h->degc + h->p.gain_degc;
		h->verify.goal_s = h->at_s + h->p.gain_time_s;
	}
	if (h->verify.approaching && h->degc >= h->verify.goal_degc) {
		h->verify.goal_degc = h->degc + h->p.gain_degc;
		h->verify.goal_s = h->at_s + h->p.gain_time_s;
		h->verify.error_degc_s = 0;
	}
	if (h->verify.approaching && h->at_s <= h->verify.goal_s)
		return true;
	h->verify.error_degc_s += short_degc * dt_s;
	return h->verify.error_degc_s < h->p.error_degc_s_max;
}

/* Without power a heater gets hotter by what it has stored, by a few degrees, or by what is beside it, slowly. A step from one
 * sample to the next is the sensor's. Returns: false: neither. */
static bool cools(struct heater *h, double before_degc)
{
	if (h->power > 0 || h->degc <= fmax(h->off.degc, h->beside_degc) ||
	    h->at_s - h->off.s > RISE_S || h->degc - before_degc > RISE_STEP_DEGC) {
		h->off.degc = h->degc;
		h->off.s = h->at_s;
	}
	return h->degc - h->off.degc < RISE_DEGC;
}

/* ---- tuning ---- */

static void tune_end(struct heater *h)
{
	double amplitude_degc = h->tune.swing_degc / h->tune.counted / 2;
	double margin_degc = fmin(TUNE_MARGIN_DEGC, 0.9 * amplitude_degc);

	h->tune.tu_s = 2 * h->tune.half_s / h->tune.counted;
	/* a relay of ±max_power/2 with hysteresis, by its describing function */
	h->tune.ku = 2 * h->p.max_power /
		     (M_PI * sqrt(amplitude_degc * amplitude_degc - margin_degc * margin_degc));
	heater_set_target(h, 0);
	h->tune.done = true;
}

static double tune(struct heater *h)
{
	bool up = h->heating; /* before this sample */
	bool higher = h->degc > h->tune.peak_degc;

	/* The peak comes after the switch: while off the highest, while on the lowest. */
	if (higher != up || h->tune.peak_s < 0) {
		h->tune.peak_degc = h->degc;
		h->tune.peak_s = h->at_s;
	}
	if (up ? h->degc < h->target_degc + TUNE_MARGIN_DEGC
	       : h->degc > h->target_degc - TUNE_MARGIN_DEGC)
		return up ? h->p.max_power : 0;
	h->heating = !up;
	if (h->tune.switches > HEATER_TUNE_SWITCHES / 3) {
		h->tune.swing_degc += fabs(h->tune.peak_degc - h->tune.from_degc);
		h->tune.half_s += h->tune.peak_s - h->tune.from_s;
		h->tune.counted++;
	}
	h->tune.from_degc = h->tune.peak_degc;
	h->tune.from_s = h->tune.peak_s;
	h->tune.peak_s = -1;
	if (++h->tune.switches == HEATER_TUNE_SWITCHES)
		tune_end(h);
	return h->heating ? h->p.max_power : 0;
}

bool heater_tune(struct heater *h, double degc)
{
	if (!heater_set_target(h, degc))
		return false;
	rest(h);
	memset(&h->tune, 0, sizeof(h->tune));
	h->tune.on = h->heating = true;
	h->tune.peak_s = -1;
	return true;
}

bool heater_calibrate(struct heater *h, double degc, bool with_fan)
{
	if (h->p.control != HEATER_MPC || !heater_set_target(h, 0))
		return false;
	heater_model_calibrate(&h->calibration, degc, with_fan);
	return true;
}

static void calibrate(struct heater *h)
{
	h->power = heater_model_calibrate_sample(&h->calibration, &h->p.model, h->at_s, h->degc,
						 h->p.max_power);
	/* The watch looks on once it is to be hot. */
	h->target_degc = h->calibration.stage >= HEATER_MODEL_HEAT &&
					 h->calibration.stage < HEATER_MODEL_DONE
				 ? h->calibration.target_degc
				 : 0;
}

/* ---- samples ---- */

static void smooth(struct heater *h, double at_s, double degc)
{
	double dt_s = at_s - h->at_s, k = fmin(1, dt_s / h->p.smooth_s);

	if (h->at_s < 0) {
		h->smooth_degc = degc;
	} else if (dt_s > 0) {
		h->smooth_degc += k * (degc - h->smooth_degc);
		h->slope_degc_s += k * ((degc - h->degc) / dt_s - h->slope_degc_s);
	}
	h->degc = degc;
	h->at_s = at_s;
}

enum heater_fault heater_sample(struct heater *h, double at_s, double degc)
{
	double dt_s = h->at_s < 0 ? 0 : within(at_s - h->at_s, 0, STEP_S_MAX);
	double before_degc = h->at_s < 0 ? -INFINITY : h->degc;

	smooth(h, at_s, degc);
	if (h->p.control == HEATER_MPC && h->p.model.capacity_j_k > 0)
		heater_model_observe(&h->p.model, &h->model, degc, dt_s, h->power, h->fan,
				     h->filament_mm_s);
	if (h->target_degc > 0 && h->p.verify && !follows(h, dt_s))
		return HEATER_SLOW;
	if (h->p.verify && !cools(h, before_degc))
		return HEATER_RISES;
	if (heater_calibrating(h)) {
		calibrate(h);
		return HEATER_OK;
	}
	if (h->target_degc <= 0)
		return HEATER_OK;
	h->power = h->tune.on ? tune(h) : control(h, dt_s);
	return HEATER_OK;
}
