/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "thermal.h"

#include <math.h>
#include <string.h>

/* Filament counts as spread evenly over steps not longer than this. */
#define STEP_S_MAX 0.25
/* A glitch lasts longer than the conversions of one sum, and is over before the next. */
#define GLITCH_S 0.01

void thermal_start(struct thermal_body *b)
{
	b->at_s = 0;
	b->body_degc = b->sensor_degc = b->ambient_degc;
	b->duty = b->fan = b->energy_j = 0;
	b->sensor_fault = b->heater_fault = 0;
	b->glitch_end_s = -1;
}

/* Body: C dT/dt = P - h (T - T0), towards T1 = T0 + P/h with rate k = h/C. Sensor: lag dS/dt = T - S, exactly
 * for that T. */
static void step(struct thermal_body *b, double dt_s, double filament_mm_s)
{
	double power_w = b->power_w * (b->heater_fault == THERMAL_DEAD ? 0
				       : b->heater_fault == THERMAL_ON ? 1
								       : b->duty);
	double h = b->loss_w_k + b->fan_loss_w_k * b->fan + b->filament_j_k_mm * filament_mm_s;
	double k = h / b->capacity_j_k, end_degc = b->ambient_degc + power_w / h;
	double above = b->body_degc - end_degc, fall = exp(-k * dt_s);
	double r = 1 / b->lag_s, apart = fabs(r - k) > 1e-9 * r ? r - k : 1e-9 * r;
	double part = above * r / apart;

	b->energy_j += power_w * dt_s;
	b->body_degc = end_degc + above * fall;
	b->sensor_degc = end_degc + part * fall +
			 (b->sensor_degc - end_degc - part) * exp(-r * dt_s);
}

void thermal_advance(struct thermal_body *b, double at_s, double filament_mm)
{
	double left_s = at_s - b->at_s, rate_mm_s = 0;

	if (left_s <= 0)
		return;
	if (filament_mm > 0) /* pulled back it takes nothing along */
		rate_mm_s = filament_mm / left_s;
	b->at_s = at_s;
	while (left_s > 0) {
		double dt_s = left_s < STEP_S_MAX ? left_s : STEP_S_MAX;

		step(b, dt_s, rate_mm_s);
		left_s -= dt_s;
	}
}

double thermal_reading(const struct thermal_body *b)
{
	double degc = b->sensor_fault == THERMAL_STUCK ? b->stuck_degc : b->sensor_degc;
	double at = (degc - THERMAL_FROM_DEGC) / THERMAL_STEP_DEGC;
	int i;

	if (b->sensor_fault == THERMAL_OPEN || b->at_s <= b->glitch_end_s)
		return 1;
	if (b->sensor_fault == THERMAL_SHORT)
		return 0;
	at = at < 0 ? 0 : at > THERMAL_CURVE - 1 ? THERMAL_CURVE - 1 : at;
	i = at > THERMAL_CURVE - 2 ? THERMAL_CURVE - 2 : (int)at;
	return (double)b->share[i] + (at - i) * ((double)b->share[i + 1] - (double)b->share[i]);
}

static const struct {
	const char *name;
	int sensor, heater; /* -1: as it is */
} actions[] = {
	{ "sensor ok", THERMAL_SENSOR_OK, -1 },
	{ "sensor open", THERMAL_OPEN, -1 },
	{ "sensor short", THERMAL_SHORT, -1 },
	{ "sensor stuck", THERMAL_STUCK, -1 },
	{ "sensor glitch", -1, -1 },
	{ "heater ok", -1, THERMAL_HEATER_OK },
	{ "heater dead", -1, THERMAL_DEAD },
	{ "heater on", -1, THERMAL_ON },
};

bool thermal_action(struct thermal_body *b, const char *action)
{
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].name, action) != 0)
			continue;
		if (actions[i].sensor < 0 && actions[i].heater < 0)
			b->glitch_end_s = b->at_s + GLITCH_S;
		if (actions[i].sensor >= 0)
			b->sensor_fault = (uint32_t)actions[i].sensor;
		if (actions[i].heater >= 0)
			b->heater_fault = (uint32_t)actions[i].heater;
		b->stuck_degc = b->sensor_degc;
		return true;
	}
	return false;
}

const char *thermal_actions(void)
{
	return "sensor ok, sensor open, sensor short, sensor stuck, sensor glitch, heater ok, "
	       "heater dead, heater on";
}
