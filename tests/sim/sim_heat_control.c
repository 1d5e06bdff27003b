// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_heat_control.c - controls that are not the PID of the configuration, and how they find what they go by.
 *
 * Shown: two-point control; PID_CALIBRATE and MPC_CALIBRATE, what they leave for SAVE_CONFIG, and that a machine
 * with that holds within 0.5 °C without overshoot above 2 °C; with MPC a fan step and filament move the body by
 * less than 1 °C.
 * How: tests/simlib/heated.h; pins are watched at the firmware. Repeat: no seed but the machine's own, 1.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/heated.h"
#include "tests/simlib/simrun.h"

static void watermark(void **state)
{
	static const char *const overrides[] = { "heater_bed.control=watermark",
						 "heater_bed.max_delta=1",
						 "idle_timeout.timeout=10000", NULL };
	struct scene *s = heated_open(overrides);

	(void)state;
	assert_true(scene_run(s, "M190 S60\n"));
	scene_pass(s, 120);
	heated.edges[BED] = 0;
	assert_true(heated_band(s, BED, 60, 600) < 3);
	print_message("%llu switches in 10 minutes\n", (unsigned long long)heated.edges[BED]);
	assert_true(heated.edges[BED] >= 4 && heated.edges[BED] < 60);
	heated_finish(s);
}

/* SAVE_CONFIG would write it: text, or a number that rounds to it. live: and not restart. */
static void saved(const struct scene *s, const char *option, const char *value, bool live)
{
	const struct config_save *save = &s->b.m->save;

	for (size_t i = 0; i < save->count; i++) {
		const struct config_pending *p = &save->pending[i];

		if (strcmp(p->section, "extruder") != 0 || strcmp(p->option, option) != 0)
			continue;
		assert_int_equal(p->live, live);
		if (strcmp(p->value, value) != 0 &&
		    !(fabs(strtod(p->value, NULL) / strtod(value, NULL) - 1) < 1e-3))
			fail_msg("%s: %s, expected %s", option, p->value, value);
		return;
	}
	fail_msg("%s is not there to be saved", option);
}

static void calibrate(void **state)
{
	char option[3][64];
	const char *const overrides[] = { option[0], option[1], option[2], NULL };
	static const char *const keys[] = { "pid_kp", "pid_ki", "pid_kd" };
	struct scene *s = heated_open(NULL);

	(void)state;
	assert_true(scene_run(s, "PID_CALIBRATE HEATER=extruder TARGET=200\n"));
	assert_int_equal(s->errors, 0);
	for (int i = 0; i < 3; i++) {
		const char *p = strstr(s->said, keys[i]);

		assert_non_null(p);
		snprintf(option[i], sizeof(option[i]), "extruder.%s=%.8s", keys[i], p + 8);
		option[i][strcspn(option[i], ",; \n")] = 0;
		print_message("%s\n", option[i]);
	}
	saved(s, "control", "pid", false);
	for (int i = 0; i < 3; i++)
		saved(s, keys[i], strchr(option[i], '=') + 1, false);
	scene_pass(s, 1);
	assert_true(heated_status(s, HOTEND)->target_degc == 0 && !heated.on[HOTEND]);
	/* M108 ends it, and the heater goes off */
	batch_lines(&s->b, "PID_CALIBRATE HEATER=heater_bed TARGET=60\n");
	scene_pass(s, 5);
	assert_true(heated_status(s, BED)->tuning && heated.on[BED]);
	scene_now(s, "M108");
	scene_pass(s, 1);
	assert_true(!heated_status(s, BED)->tuning && !heated.on[BED]);
	heated_finish(s);
	s = heated_open(overrides);
	assert_true(scene_run(s, "M109 S240\n"));
	scene_pass(s, 30);
	assert_true(heated_band(s, HOTEND, 240, 60) < 0.5);
	assert_true(s->b.heat[HOTEND].over_degc < 2);
	heated_finish(s);
}

/* "extruder.KEY=VALUE" of what has been said. */
static void take_option(const struct scene *s, const char *key, const char *stop, char *out,
			size_t cap)
{
	const char *p = strstr(s->said, key);

	assert_non_null(p);
	snprintf(out, cap, "extruder.%s=%s", key, p + strlen(key) + 2);
	out[strcspn(out, stop)] = 0;
	print_message("%s\n", out);
}

static void model_predictive(void **state)
{
	char option[4][96];
	const char *overrides[] = { "extruder.control=mpc",
				    "extruder.heater_power=40",
				    option[0],
				    option[1],
				    option[2],
				    option[3],
				    NULL,
				    NULL };
	struct scene *s;
	double fan, pushed;

	(void)state;
	overrides[2] = NULL;
	s = heated_open(overrides);
	scene_pass(s, 1);
	assert_true(scene_run(s, "M104 S200\n"));
	assert_true(scene_said(s, "expected MPC_CALIBRATE HEATER=extruder TARGET=… first"));
	assert_true(scene_run(s, "MPC_CALIBRATE HEATER=heater_bed TARGET=60\n"));
	assert_true(scene_said(s, "HEATER=heater_bed: expected one with control: mpc"));
	scene_hush(s);
	assert_true(scene_run(s, "MPC_CALIBRATE HEATER=extruder TARGET=200\n"));
	assert_int_equal(s->errors, 0);
	take_option(s, "block_heat_capacity", ",\n", option[0], sizeof(option[0]));
	take_option(s, "sensor_responsiveness", ",\n", option[1], sizeof(option[1]));
	take_option(s, "ambient_transfer", ",\n", option[2], sizeof(option[2]));
	take_option(s, "fan_ambient_transfer", "\n", option[3], sizeof(option[3]));
	saved(s, "control", "mpc", true);
	saved(s, "block_heat_capacity", strchr(option[0], '=') + 1, true);
	saved(s, "sensor_responsiveness", strchr(option[1], '=') + 1, true);
	saved(s, "ambient_transfer", strchr(option[2], '=') + 1, true);
	saved(s, "fan_ambient_transfer", strchr(option[3], '=') + 1, true);
	scene_pass(s, 1);
	assert_true(!heated.on[HOTEND] && heated_body(s, HOTEND)->thermal.fan == 0);
	assert_true(scene_run(s, "M104 S100\n")); /* it is in use at once */
	assert_int_equal(s->errors, 0);
	heated_finish(s);
	overrides[2] = option[0];
	s = heated_open(overrides);
	assert_true(scene_run(s, "M109 S205\n"));
	scene_pass(s, 30);
	assert_true(heated_band(s, HOTEND, 205, 30) < 0.5);
	assert_true(s->b.heat[HOTEND].over_degc < 2);
	batch_lines(&s->b, "M106 S255\n");
	fan = heated_band(s, HOTEND, 205, 40);
	batch_lines(&s->b, "M107\n");
	fan = fmax(fan, heated_band(s, HOTEND, 205, 40));
	batch_lines(&s->b, "M83\nG1 X100 E80 F600\nG1 X10 E80\n"); /* 8.9 mm/s of filament */
	pushed = heated_band(s, HOTEND, 205, 30);
	print_message("overshoot %.2f, fan step %.2f, filament %.2f °C\n",
		      s->b.heat[HOTEND].over_degc, fan, pushed);
	assert_true(fan < 1 && pushed < 1);
	assert_true(batch_settle(&s->b));
	heated_finish(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watermark),
		cmocka_unit_test(calibrate),
		cmocka_unit_test(model_predictive),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
