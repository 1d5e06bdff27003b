// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_ds18b20.c - thermometers on one wire, on the whole machine.
 *
 * Shown: the temperature of the place it is at, from end to end of its range within its resolution, beside a print that
 * stays exact; two share a pin and are read at once, in turn; one that is off the line, silent, garbled or shorted counts as broken, is said once, and comes
 * back; a temperature fan follows one, at full speed once it is broken; what is wrong in a configuration.
 * How: mcu/boards/sim/chip_ds18b20.c, slots of the line in virtual time. Repeat: no seed but the machine's own, 1.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/pinwatch.h"
#include "tests/simlib/place.h"
#include "tests/simlib/simrun.h"

static const char *const two =
	"[temperature_sensor one]\nsensor_type: DS18B20\nserial_no: 28-0316a2798eff\n"
	"sensor_pin: PF6\nds18_report_time: 1\ngcode_id: C\n"
	"[temperature_sensor other]\nsensor_type: DS18B20\nserial_no: 28-00000a0b0c0d\n"
	"sensor_pin: PF6\nds18_report_time: 1\n"
	"[stepd_sim_heater one]\nsensor_lag_s: 0.1\n[stepd_sim_heater other]\nsensor_lag_s: 0.1\n";

static void ranges(void **state)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", two);
	int one = place_sensor(s, "one"), other = place_sensor(s, "other");
	double worst = 0;

	(void)state;
	for (int n = 0; n <= 37; n++) {
		double degc = -55 + 180 * n / 37.0;

		place_put(s, one, degc);
		place_put(s, other, 70 - degc);
		batch_lines(&s->b, "G1 X60 F3000\nG1 Y60\nG1 X10\nG1 Y10\n");
		scene_pass(s, 3.5);
		worst = fmax(worst, fabs(place_status(s, one)->degc - degc));
		worst = fmax(worst, fabs(place_status(s, other)->degc - (70 - degc)));
	}
	print_message("within %.4f °C\n", worst);
	assert_true(worst <= 0.03126); /* half a step of 12 bits */
	place_put(s, one, 21.52);
	scene_pass(s, 3);
	scene_hush(s);
	assert_true(scene_run(s, "M105\nSTATUS\n"));
	assert_true(scene_said(s, " C:21.5") && scene_said(s, "sensor one: 21.50 °C"));
	pinwatch_finish(s);
}

static void breaks(void **state)
{
	static const char *const actions[] = { "chip silent", "chip garbled", "sensor open",
					       "sensor short" };

	(void)state;
	for (size_t k = 0; k < sizeof(actions) / sizeof(*actions); k++) {
		struct scene *s = pinwatch_open("etc/sim-heated.cfg", two);
		int one = place_sensor(s, "one");

		scene_pass(s, 3);
		assert_int_equal(place_status(s, one)->state, HEAT_SENSOR_GOOD);
		place_act(s, one, actions[k]);
		scene_pass(s, 4.5);
		assert_int_equal(place_status(s, one)->state, HEAT_SENSOR_BROKEN);
		assert_true(scene_said(
			s,
			"one: this temperature sensor counts as broken: DS18B20 28-0316a2798eff"));
		assert_int_equal(s->errors, 0);
		/* alone, but for a line that is held down */
		assert_int_equal(place_status(s, place_sensor(s, "other"))->state,
				 k == 3 ? HEAT_SENSOR_BROKEN : HEAT_SENSOR_GOOD);
		place_act(s, one, "sensor ok");
		place_act(s, one, "chip ok");
		scene_pass(s, 3);
		assert_int_equal(place_status(s, one)->state, HEAT_SENSOR_GOOD);
		assert_true(scene_said(s, "sensor one is back"));
		pinwatch_finish(s);
	}
}

static void fan(void **state)
{
	(void)state;
	place_test_fan("sensor_type: DS18B20\nsensor_pin: PF6\nserial_no: 28-0316a2798eff\n"
		       "ds18_report_time: 1\n",
		       4, 5);
}

static void wrong(void **state)
{
	static const struct {
		const char *sections, *says;
	} cases[] = {
		{ "[temperature_sensor a]\nsensor_type: DS18B20\nsensor_pin: PF6\n",
		  "serial_no: missing: expected the chip's number" },
		{ "[temperature_sensor a]\nsensor_type: DS18B20\nsensor_pin: PF6\n"
		  "serial_no: 10-0316a2798eff\n",
		  "serial_no: value '10-0316a2798eff': expected 28- and 12 digits" },
		{ "[temperature_sensor a]\nsensor_type: DS18B20\nsensor_pin: PF6\n"
		  "serial_no: 28-0316a2798eff\nds18_report_time: 0.5\n",
		  "ds18_report_time: value '0.5': expected a number of at least 1" },
		{ "[heater_generic a]\nheater_pin: PG4\nsensor_type: DS18B20\nsensor_pin: PF6\n"
		  "serial_no: 28-0316a2798eff\nmin_temp: 0\nmax_temp: 60\ncontrol: watermark\n",
		  "expected a sensor that is read more often than a DS18B20, once a second: a "
		  "heater has to be off 3 s after" },
		{ "[temperature_sensor a]\nsensor_type: DS18B20\nsensor_pin: PF6\n"
		  "serial_no: 28-0316a2798eff\n"
		  "[heater_generic b]\nheater_pin: PG4\nsensor_type: temperature_combined\n"
		  "sensor_list: temperature_sensor a\ncombination_method: max\n"
		  "maximum_deviation: 9\nmin_temp: 0\nmax_temp: 60\ncontrol: watermark\n",
		  "sensor_list: value 'temperature_sensor a': expected a sensor that is read more often" },
		{ "[temperature_sensor a]\nsensor_type: DS18B20\nserial_no: 28-0316a2798eff\n"
		  "sensor_mcu: nose\n",
		  "sensor_mcu: value 'nose': expected the name of an [mcu" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		pinwatch_refused("etc/sim-heated.cfg", cases[i].sections, cases[i].says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(breaks),
		cmocka_unit_test(fan),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
