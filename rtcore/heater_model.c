// SPDX-License-Identifier: GPL-2.0-or-later
#include "heater_model.h"

#include <math.h>
#include <string.h>

/* Poles of the observer, 1/s: as fast as the sensor allows, and no faster than its noise. */
#define POLE_MAX 0.5
#define POLE_OF_RATE 0.75

/* ---- control ---- */

static double loss_w_k(const struct heater_model *m, double fan)
{
	double at = fan * (m->losses - 1);
	uint32_t i = (uint32_t)at;

	if (i + 1 >= m->losses)
		return m->loss_w_k[m->losses - 1];
	return m->loss_w_k[i] + (at - i) * (m->loss_w_k[i + 1] - m->loss_w_k[i]);
}

/* What leaves the body. */
static double leaves_w(const struct heater_model *m, double body_degc, double fan,
		       double filament_mm_s)
{
	double taken = filament_mm_s > 0 ? m->filament_j_k_mm * filament_mm_s : 0;

	return (loss_w_k(m, fan) + taken) * (body_degc - m->ambient_degc);
}

/* Gains that put all three poles of the error at -p: (s + p)^3 = s^3 + (r + l1) s^2 + r l2 s + r l3. */
void heater_model_observe(const struct heater_model *m, struct heater_model_state *s, double degc,
			  double dt_s, double power, double fan, double filament_mm_s)
{
	double p = fmin(POLE_MAX, POLE_OF_RATE * m->rate), error_degc, given_w;

	if (!s->known) {
		*s = (struct heater_model_state){ .known = true,
						  .body_degc = degc,
						  .sensor_degc = degc };
		return;
	}
	given_w = power * m->power_w + s->unknown_w - leaves_w(m, s->body_degc, fan, filament_mm_s);
	s->sensor_degc += (s->body_degc - s->sensor_degc) * (1 - exp(-m->rate * dt_s));
	s->body_degc += given_w / m->capacity_j_k * dt_s;
	error_degc = degc - s->sensor_degc;
	s->sensor_degc += (3 * p - m->rate) * dt_s * error_degc;
	s->body_degc += 3 * p * p / m->rate * dt_s * error_degc;
	s->unknown_w += p * p * p / m->rate * m->capacity_j_k * dt_s * error_degc;
	/* The model is never that wrong. */
	s->unknown_w = fmax(-m->power_w, fmin(m->power_w, s->unknown_w));
}

double heater_model_power(const struct heater_model *m, const struct heater_model_state *s,
			  double target_degc, double fan, double filament_mm_s)
{
	double hold_w = leaves_w(m, target_degc, fan, filament_mm_s) - s->unknown_w;
	double reach_w = (target_degc - s->body_degc) * m->capacity_j_k / m->reach_s;

	return (hold_w + reach_w) / m->power_w;
}

/* ---- calibration ---- */

/* As warm as its surroundings: it changes by less within so long. */
#define CALM_DEGC 0.15
#define CALM_S 30.0
#define CALM_SMOOTH 0.05
#define MARGIN_DEGC 0.5
/* Switches on before averaging begins, and until it ends. */
enum { SKIPPED = 2, AVERAGED = 5 };
/* Of the way up, this share is looked at: the sensor's own transient is over then. */
#define FIT_FROM 0.3
#define FIT_POINTS_MIN 8

void heater_model_calibrate(struct heater_model_calibration *c, double target_degc, bool with_fan)
{
	memset(c, 0, sizeof(*c));
	c->stage = HEATER_MODEL_SETTLE;
	c->target_degc = target_degc;
	c->with_fan = with_fan;
	c->calm_s = -1;
}

static void next_stage(struct heater_model_calibration *c, double at_s)
{
	c->stage++;
	if (c->stage == HEATER_MODEL_FAN && !c->with_fan)
		c->stage = HEATER_MODEL_DONE;
	c->from_s = at_s;
	c->switches = 0;
}

static void settle(struct heater_model_calibration *c, double at_s, double degc)
{
	if (c->calm_s < 0) {
		c->calm_s = at_s;
		c->ambient_degc = c->calm_degc = degc;
	}
	c->ambient_degc += CALM_SMOOTH * (degc - c->ambient_degc);
	if (at_s < c->calm_s + CALM_S)
		return;
	if (fabs(c->ambient_degc - c->calm_degc) < CALM_DEGC) {
		next_stage(c, at_s);
		return;
	}
	c->calm_s = at_s;
	c->calm_degc = c->ambient_degc;
}

static void heat(struct heater_model_calibration *c, double at_s, double degc)
{
	double way_degc = c->target_degc - c->ambient_degc, above_degc = degc - c->ambient_degc;

	if (c->points < HEATER_MODEL_POINTS &&
	    above_degc >= way_degc * (c->points + 1) / HEATER_MODEL_POINTS) {
		c->at_s[c->points] = at_s - c->from_s;
		c->above_degc[c->points++] = above_degc;
	}
	if (degc >= c->target_degc) {
		next_stage(c, at_s);
		c->on = false;
	}
}

/* A relay; the mean power over whole cycles is what leaves at the mean temperature. */
static void hold(struct heater_model_calibration *c, const struct heater_model *m, double at_s,
		 double degc, double power)
{
	double dt_s = at_s - c->last_s, span_s;

	c->power_s += (c->on ? power : 0) * dt_s;
	c->degc_s += 0.5 * (degc + c->last_degc) * dt_s;
	if (c->on ? degc < c->target_degc + MARGIN_DEGC : degc > c->target_degc - MARGIN_DEGC)
		return;
	c->on = !c->on;
	if (!c->on)
		return;
	if (++c->switches == SKIPPED) {
		c->begin_s = at_s;
		c->power_s = c->degc_s = 0;
	}
	if (c->switches < SKIPPED + AVERAGED)
		return;
	span_s = at_s - c->begin_s;
	c->loss_w_k[c->stage == HEATER_MODEL_FAN] = m->power_w * c->power_s /
						    (c->degc_s - c->ambient_degc * span_s);
	next_stage(c, at_s);
}

double heater_model_calibrate_sample(struct heater_model_calibration *c,
				     const struct heater_model *m, double at_s, double degc,
				     double max_power)
{
	if (c->stage == HEATER_MODEL_SETTLE)
		settle(c, at_s, degc);
	else if (c->stage == HEATER_MODEL_HEAT)
		heat(c, at_s, degc);
	else if (c->stage == HEATER_MODEL_HOLD || c->stage == HEATER_MODEL_FAN)
		hold(c, m, at_s, degc, max_power);
	c->last_s = at_s;
	c->last_degc = degc;
	if (c->stage == HEATER_MODEL_HEAT)
		return max_power;
	return (c->stage == HEATER_MODEL_HOLD || c->stage == HEATER_MODEL_FAN) && c->on ? max_power
											: 0;
}

/* Once the sensor's transient is over, with k = loss/capacity and its rate r,
 *     -ln(1 - loss above / power) = k t - ln(r / (r - k)):
 * a straight line over the time, whose slope gives the capacity and whose offset the rate. */
bool heater_model_result(const struct heater_model_calibration *c, struct heater_model *m,
			 double max_power)
{
	double n = 0, t = 0, y = 0, tt = 0, ty = 0, k, lag;

	for (uint32_t i = 0; i < c->points; i++) {
		double left = 1 - c->loss_w_k[0] * c->above_degc[i] / (m->power_w * max_power), v;

		if (c->above_degc[i] < FIT_FROM * (c->target_degc - c->ambient_degc) ||
		    !(left > 0.02))
			continue;
		v = -log(left);
		n++;
		t += c->at_s[i];
		y += v;
		tt += c->at_s[i] * c->at_s[i];
		ty += c->at_s[i] * v;
	}
	if (c->stage != HEATER_MODEL_DONE || n < FIT_POINTS_MIN)
		return false;
	k = (n * ty - t * y) / (n * tt - t * t);
	lag = (t - y / k) / n; /* where the line begins */
	if (!(k > 0) || !(lag > 0) || !(c->loss_w_k[0] > 0))
		return false;
	m->capacity_j_k = c->loss_w_k[0] / k;
	m->rate = k / (1 - exp(-k * lag));
	m->ambient_degc = c->ambient_degc;
	m->losses = c->with_fan ? 2 : 1;
	memcpy(m->loss_w_k, c->loss_w_k, sizeof(c->loss_w_k));
	return true;
}
