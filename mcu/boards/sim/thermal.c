/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "thermal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Filament counts as spread evenly over steps not longer than this. */
#define STEP_S_MAX 0.25
/* A glitch lasts longer than the conversions of one sum, and is over before the next. */
#define GLITCH_S 0.01
#define LOOSE 10.0
#define BARE 2.5
#define AMBIENT_DEGC_MAX 100.0

void thermal_start(struct thermal_body *b)
{
	b->at_s = 0;
	b->body_degc = b->sensor_degc = b->ambient_degc;
	b->duty = b->fan = b->energy_j = 0;
	b->sensor_fault = b->heater_fault = 0;
	b->loose = b->bare = b->clogged = false;
	b->draught = 0;
	b->moved_degc = 0;
	b->glitch_end_s = -1;
}

/* Body: C dT/dt = P - h (T - T0), towards T1 = T0 + P/h with rate k = h/C. Sensor: lag dS/dt = T - S, exactly
 * for that T. */
static void step(struct thermal_body *b, double dt_s, double filament_mm_s)
{
	double power_w = b->power_w * (b->heater_fault == THERMAL_DEAD ? 0
				       : b->heater_fault == THERMAL_ON ? 1
								       : b->duty);
	double fan = b->draught > 0 ? 1 : b->draught < 0 ? 0 : b->fan;
	double flow_mm_s = b->clogged ? 0 : filament_mm_s;
	double h = b->loss_w_k * (b->bare ? BARE : 1) + b->fan_loss_w_k * fan +
		   b->filament_j_k_mm * flow_mm_s;
	double k = h / b->capacity_j_k, end_degc = thermal_ambient_degc(b) + power_w / h;
	double above = b->body_degc - end_degc, fall = exp(-k * dt_s);
	double r = 1 / (b->lag_s * (b->loose ? LOOSE : 1)),
	       apart = fabs(r - k) > 1e-9 * r ? r - k : 1e-9 * r;
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

/* What an action sets; AS_IS: it doesn't. */
enum { AS_IS = 9 };
static const struct {
	const char *name;
	int sensor, loose, heater, bare, draught, clogged;
} actions[] = {
	{ "sensor ok", THERMAL_SENSOR_OK, 0, AS_IS, AS_IS, AS_IS, AS_IS },
	{ "sensor open", THERMAL_OPEN, AS_IS, AS_IS, AS_IS, AS_IS, AS_IS },
	{ "sensor short", THERMAL_SHORT, AS_IS, AS_IS, AS_IS, AS_IS, AS_IS },
	{ "sensor stuck", THERMAL_STUCK, AS_IS, AS_IS, AS_IS, AS_IS, AS_IS },
	{ "sensor loose", AS_IS, 1, AS_IS, AS_IS, AS_IS, AS_IS },
	{ "heater ok", AS_IS, AS_IS, THERMAL_HEATER_OK, AS_IS, AS_IS, AS_IS },
	{ "heater dead", AS_IS, AS_IS, THERMAL_DEAD, AS_IS, AS_IS, AS_IS },
	{ "heater on", AS_IS, AS_IS, THERMAL_ON, AS_IS, AS_IS, AS_IS },
	{ "block ok", AS_IS, AS_IS, AS_IS, 0, AS_IS, AS_IS },
	{ "block bare", AS_IS, AS_IS, AS_IS, 1, AS_IS, AS_IS },
	{ "cooling ok", AS_IS, AS_IS, AS_IS, AS_IS, 0, AS_IS },
	{ "cooling on", AS_IS, AS_IS, AS_IS, AS_IS, 1, AS_IS },
	{ "cooling off", AS_IS, AS_IS, AS_IS, AS_IS, -1, AS_IS },
	{ "flow ok", AS_IS, AS_IS, AS_IS, AS_IS, AS_IS, 0 },
	{ "flow off", AS_IS, AS_IS, AS_IS, AS_IS, AS_IS, 1 },
};

double thermal_ambient_degc(const struct thermal_body *b)
{
	return b->ambient_degc + b->moved_degc;
}

/* "ambient 5" or "ambient ok". */
static bool ambient_action(struct thermal_body *b, const char *action)
{
	static const char word[] = "ambient ";
	double degc;
	char *end;

	if (strncmp(action, word, sizeof(word) - 1) != 0)
		return false;
	action += sizeof(word) - 1;
	degc = strtod(action, &end);
	if (!strcmp(action, "ok"))
		degc = b->ambient_degc;
	else if (end == action || *end || !(fabs(degc) <= AMBIENT_DEGC_MAX))
		return false;
	b->moved_degc = degc - b->ambient_degc;
	return true;
}

bool thermal_action(struct thermal_body *b, const char *action)
{
	if (!strcmp(action, "sensor glitch")) {
		b->glitch_end_s = b->at_s + GLITCH_S;
		return true;
	}
	for (unsigned i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].name, action) != 0)
			continue;
		if (actions[i].sensor != AS_IS) {
			b->sensor_fault = (uint32_t)actions[i].sensor;
			b->stuck_degc = b->sensor_degc;
		}
		if (actions[i].loose != AS_IS)
			b->loose = actions[i].loose;
		if (actions[i].heater != AS_IS)
			b->heater_fault = (uint32_t)actions[i].heater;
		if (actions[i].bare != AS_IS)
			b->bare = actions[i].bare;
		if (actions[i].draught != AS_IS)
			b->draught = actions[i].draught;
		if (actions[i].clogged != AS_IS)
			b->clogged = actions[i].clogged;
		return true;
	}
	return ambient_action(b, action);
}

const char *thermal_actions(void)
{
	return "sensor ok, sensor open, sensor short, sensor stuck, sensor loose, sensor glitch, heater ok, "
	       "heater dead, heater on, block ok, block bare, cooling ok, cooling on, cooling off, flow ok, flow off, "
	       "ambient ok or ambient and a number up to 100";
}
