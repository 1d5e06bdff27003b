/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_thermal.c - warm parts of the simulated printer, whole and broken.
 *
 * Shown: where a body comes to rest is what its numbers and each action that breaks it say, ambient + power / losses; what its sensor reads
 * then; that a loose one lags ten times as long; that each action is undone by its "ok", and that what is no action changes nothing.
 * How: compared with the balance by hand. No seed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mcu/boards/sim/thermal.h"

#define POWER 40.0
#define LOSS 0.065
#define FAN_LOSS 0.02
#define FILAMENT 0.0053
#define LAG 1.5
#define DUTY 0.4
#define FAN 0.5
#define MM_S 4.0
#define LONG_S 3600.0

static struct thermal_body body;

static void start(void)
{
	body = (struct thermal_body){ .power_w = POWER,
				      .capacity_j_k = 12,
				      .loss_w_k = LOSS,
				      .fan_loss_w_k = FAN_LOSS,
				      .filament_j_k_mm = FILAMENT,
				      .lag_s = LAG,
				      .ambient_degc = 25 };
	for (int i = 0; i < THERMAL_CURVE; i++)
		body.share[i] = (float)i / THERMAL_CURVE;
	thermal_start(&body);
	body.duty = DUTY;
	body.fan = FAN;
}

static double rest_degc(void)
{
	thermal_advance(&body, body.at_s + LONG_S, MM_S * LONG_S);
	return body.body_degc;
}

static void near_to(double got, double expected, double within)
{
	if (!(fabs(got - expected) <= within))
		fail_msg("%g, expected %g", got, expected);
}

#define LOSSES (LOSS + FAN_LOSS * FAN + FILAMENT * MM_S)
#define WHOLE (25 + DUTY * POWER / LOSSES)

static void balances(void **state)
{
	static const struct {
		const char *action, *ok;
		double degc;
	} rows[] = {
		{ "heater dead", "heater ok", 25 },
		{ "heater on", "heater ok", 25 + POWER / LOSSES },
		{ "block bare", "block ok", 25 + DUTY * POWER / (LOSSES + 1.5 * LOSS) },
		{ "cooling on", "cooling ok", 25 + DUTY * POWER / (LOSSES + FAN_LOSS * (1 - FAN)) },
		{ "cooling off", "cooling ok", 25 + DUTY * POWER / (LOSSES - FAN_LOSS * FAN) },
		{ "flow off", "flow ok", 25 + DUTY * POWER / (LOSSES - FILAMENT * MM_S) },
		{ "ambient -40", "ambient ok", WHOLE - 65 },
		{ "ambient 2.5", "ambient ok", WHOLE - 22.5 },
	};

	(void)state;
	start();
	near_to(rest_degc(), WHOLE, 1e-6);
	near_to(thermal_reading(&body), (WHOLE + 60) / 2 / THERMAL_CURVE, 1e-6);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(thermal_action(&body, rows[i].action));
		near_to(rest_degc(), rows[i].degc, 1e-6);
		near_to(body.sensor_degc, rows[i].degc, 1e-6);
		assert_true(thermal_action(&body, rows[i].ok));
		near_to(rest_degc(), WHOLE, 1e-6);
	}
}

/* A body that is warm at once, and stays so. */
static void start_warm(void)
{
	start();
	body.capacity_j_k = 1e12;
	body.body_degc = 125;
}

static void lag(void **state)
{
	(void)state;
	start_warm();
	thermal_advance(&body, LAG, 0);
	near_to(125 - body.sensor_degc, 100 * exp(-1), 1e-3);
	start_warm();
	assert_true(thermal_action(&body, "sensor loose"));
	thermal_advance(&body, LAG, 0);
	near_to(125 - body.sensor_degc, 100 * exp(-0.1), 1e-3);
	assert_true(thermal_action(&body, "sensor ok"));
	thermal_advance(&body, 2 * LAG, 0);
	near_to(125 - body.sensor_degc, 100 * exp(-1.1), 1e-3);
}

static void sensors(void **state)
{
	double before;

	(void)state;
	start();
	before = thermal_reading(&body);
	assert_true(thermal_action(&body, "sensor open"));
	near_to(thermal_reading(&body), 1, 0);
	assert_true(thermal_action(&body, "sensor short"));
	near_to(thermal_reading(&body), 0, 0);
	assert_true(thermal_action(&body, "sensor stuck"));
	rest_degc();
	assert_true(thermal_action(&body, "block bare"));
	near_to(thermal_reading(&body), before, 1e-9);
	assert_true(thermal_action(&body, "sensor ok"));
	near_to(thermal_reading(&body), (body.sensor_degc + 60) / 2 / THERMAL_CURVE, 1e-6);
	assert_true(thermal_action(&body, "sensor glitch"));
	near_to(thermal_reading(&body), 1, 0);
	thermal_advance(&body, body.at_s + 0.1, 0);
	assert_true(thermal_reading(&body) < 1);
}

static void wrong(void **state)
{
	static const char *const actions[] = {
		"",           "sensor",     "sensor ok ",  "heater cold",  "ambient",
		"ambient ",   "ambient 5x", "ambient 101", "ambient -101", "ambient nan",
		"ambient inf"
	};
	struct thermal_body before;

	(void)state;
	start();
	before = body;
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		assert_false(thermal_action(&body, actions[i]));
		assert_memory_equal(&body, &before, sizeof(body));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balances),
		cmocka_unit_test(lag),
		cmocka_unit_test(sensors),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
