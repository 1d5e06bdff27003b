// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_sensor_i2c.c - temperature sensors on I2C, on the whole machine.
 *
 * Shown: each kind, on the MCU's bus and on two pins, gives the temperature of the place it is at over its whole range
 * within its resolution, with humidity and pressure beside it in STATUS and the temperature in M105; a chip that is silent
 * or garbled counts as broken, is said once with its name and address, and comes back; a heater that goes by one holds
 * within 0.5 °C, is off at the pin within 1 s of the chip's silence, checksums or disconnection, latched, while the print
 * goes on exact; a planner busy for 2 s is no fault, one busy for longer is answered by the heater going off within 3 s; a
 * temperature fan follows one; sensors made of others are what they are told to be, and break with them; an events file
 * breaks chips.
 * How: mcu/boards/sim/chip_climate.c; pins are watched at the firmware. Repeat: no seed but the machine's own, 1.
 */
#include <limits.h>
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

static double now_s(const struct scene *s)
{
	return batch_world_mcu_s(&s->b, 0);
}

static bool is_broken(const struct scene *s, int sensor)
{
	return place_status(s, sensor)->state == HEAT_SENSOR_BROKEN;
}

/* Every step was exact; errors were told. */
static void end(struct scene *s)
{
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- each kind ---- */

struct kind {
	const char *type;
	double from_degc, to_degc; /* as its data sheet has it */
	double step_degc;          /* of its resolution, rounded up */
	bool humidity, pressure;
};

static void whole_range(const struct kind *k, bool pins)
{
	char sections[512];
	struct scene *s;
	double worst = 0;
	int i;

	snprintf(sections, sizeof(sections),
		 "[temperature_sensor place]\nsensor_type: %s\ngcode_id: C\n%s"
		 "[stepd_sim_heater place]\nsensor_lag_s: 0.1\n",
		 k->type,
		 pins ? "i2c_software_scl_pin: PF6\ni2c_software_sda_pin: PF7\n"
		      : "i2c_bus: i2c2\n");
	s = pinwatch_open("etc/sim-heated.cfg", sections);
	i = place_sensor(s, "place");
	for (int n = 0; n <= 37; n++) {
		double degc = k->from_degc + (k->to_degc - k->from_degc) * n / 37;

		place_put(s, i, degc);
		scene_pass(s, 2.5);
		assert_int_equal(place_status(s, i)->state, HEAT_SENSOR_GOOD);
		worst = fmax(worst, fabs(place_status(s, i)->degc - degc));
	}
	print_message("%s%s: within %.4f °C\n", k->type, pins ? " on pins" : "", worst);
	assert_true(worst <= k->step_degc);
	place_put(s, i, 21.5);
	scene_pass(s, 2.5);
	scene_hush(s);
	assert_true(scene_run(s, "M105\nSTATUS\n"));
	assert_true(scene_said(s, " C:21.") && scene_said(s, "sensor place: 21."));
	assert_int_equal(scene_said(s, "humidity 40.0 %") || scene_said(s, "humidity 39.9 %"),
			 k->humidity);
	assert_int_equal(scene_said(s, "pressure 1013.2"), k->pressure);
	/* silent, and back */
	scene_hush(s);
	place_act(s, i, "chip silent");
	scene_pass(s, 5);
	assert_true(is_broken(s, i));
	assert_true(scene_said(s, "place: this temperature sensor counts as broken: ") &&
		    scene_said(s, k->type) && scene_said(s, " at i2c_address ") &&
		    scene_said(s, "does not answer"));
	scene_hush(s);
	scene_pass(s, 20);
	assert_false(scene_said(s, "counts as broken"));
	assert_int_equal(s->errors, 0);
	place_act(s, i, "chip ok");
	scene_pass(s, 3);
	assert_true(!is_broken(s, i) && scene_said(s, " is back"));
	pinwatch_finish(s);
}

static void ranges(void **state)
{
	static const struct kind kinds[] = {
		{ "HTU21D", -40, 124, 0.011, true, false },
		{ "SI7013", -40, 125, 0.011, true, false },
		{ "SI7020", -40, 125, 0.011, true, false },
		{ "SI7021", -40, 125, 0.011, true, false },
		{ "SHT21", -40, 125, 0.011, true, false },
		{ "SHT3X", -40, 125, 0.003, true, false },
		{ "LM75", -55, 125, 0.0626, false, false },
		{ "AHT1X", -40, 85, 0.0002, true, false },
		{ "AHT2X", -40, 85, 0.0002, true, false },
		{ "AHT3X", -40, 85, 0.0002, true, false },
		{ "BME280", -40, 85, 0.005, true, true },
		{ "BMP280", -40, 85, 0.005, false, true },
		{ "BMP180", -40, 85, 0.02, false, true }, /* the integers on its way are 0.00625 °C */
		{ "BMP388", -40, 85, 0.002, false, true },
		{ "BME680", -40, 85, 0.005, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		whole_range(&kinds[i], false);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i += 5)
		whole_range(&kinds[i], true);
}

static void garbled(void **state)
{
	static const char *const types[] = { "SHT3X", "HTU21D" };

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		char sections[200];
		struct scene *s;

		snprintf(sections, sizeof(sections),
			 "[temperature_sensor place]\nsensor_type: %s\ni2c_address: 69\n", types[n]);
		s = pinwatch_open("etc/sim-heated.cfg", sections);
		scene_pass(s, 3);
		place_act(s, place_sensor(s, "place"), "chip garbled");
		scene_pass(s, 5);
		assert_true(is_broken(s, place_sensor(s, "place")));
		assert_true(scene_said(s, "at i2c_address 69: its checksum is wrong"));
		pinwatch_finish(s);
	}
}

/* ---- a heater on one ---- */

static const char *const chamber =
	"[heater_generic chamber]\nheater_pin: PG4\nsensor_type: SHT3X\nmin_temp: 0\n"
	"max_temp: 90\ncontrol: pid\npid_kp: 60\npid_ki: 2\npid_kd: 200\nsht3x_report_time: 20\n"
	"[stepd_sim_heater chamber]\npower_w: 200\ncapacity_j_k: 400\nloss_w_k: 1.2\n"
	"sensor_lag_s: 2\n";

static struct scene *hot_chamber(const char *sections)
{
	struct scene *s = pinwatch_open("etc/sim-heated.cfg", sections);

	assert_true(scene_run(s, "SET_HEATER_TEMPERATURE HEATER=chamber TARGET=60\n"
				 "TEMPERATURE_WAIT SENSOR=chamber MINIMUM=59\n"));
	scene_pass(s, 120);
	assert_int_equal(s->errors, 0);
	scene_hush(s);
	return s;
}

static void breaks(const char *action, const char *why)
{
	struct scene *s = hot_chamber(chamber);
	int i = place_sensor(s, "chamber"), pin = pinwatch_pin("PG4");
	double worst = 0, from_s;

	for (int n = 0; n < 600; n++) {
		scene_pass(s, 0.1);
		worst = fmax(worst, fabs(place_body(s, i)->body_degc - 60));
	}
	assert_true(worst < 0.5);
	batch_lines(&s->b, "G1 X60 F3000\nG1 Y60\nG1 X10\nG1 Y10\nG1 X60\nG1 Y60\nG1 X10\n");
	from_s = now_s(s);
	place_act(s, i, action);
	scene_pass(s, 10);
	print_message("within %.2f °C; %s: off after %.3f s\n", worst, action,
		      pinwatch.since_s[pin] - from_s);
	assert_true(pinwatch.since_s[pin] > from_s && pinwatch.since_s[pin] - from_s < 1);
	assert_false(pinwatch.level[pin]);
	assert_true(scene_said(s, why));
	assert_true(scene_said(s, "chamber: sensor out of range"));
	place_act(s, i, "sensor ok");
	place_act(s, i, "chip ok");
	scene_pass(s, 3);
	assert_true(scene_run(s, "SET_HEATER_TEMPERATURE HEATER=chamber TARGET=50\n"));
	assert_true(scene_said(s, "switched off for a fault"));
	scene_hush(s);
	assert_true(scene_run(s, "CLEAR_FAULT\nSET_HEATER_TEMPERATURE HEATER=chamber TARGET=62\n"));
	scene_pass(s, 30);
	assert_int_equal(s->errors, 0);
	assert_true(pinwatch.since_s[pin] > from_s + 20);
	end(s);
}

static void heater(void **state)
{
	(void)state;
	breaks("chip silent", "at i2c_address 68: does not answer");
	breaks("chip garbled", "at i2c_address 68: its checksum is wrong");
	breaks("sensor open", "at i2c_address 68: does not answer");
}

static void busy(void **state)
{
	struct scene *s = hot_chamber(chamber);
	int pin = pinwatch_pin("PG4");
	double from_s;

	(void)state;
	for (int n = 0; n < 10; n++) {
		scene_planner_busy(s, 2);
		scene_pass(s, 0.5 + 0.07 * n);
	}
	assert_false(is_broken(s, place_sensor(s, "chamber")));
	assert_int_equal(s->errors, 0);
	from_s = now_s(s);
	scene_planner_busy(s, 6);
	assert_true(pinwatch.since_s[pin] - from_s < 3 && !pinwatch.level[pin]);
	scene_pass(s, 1);
	assert_true(scene_said(s, "chamber: sensor out of range: nothing comes from it"));
	end(s);
}

static void fan(void **state)
{
	(void)state;
	place_test_fan("sensor_type: LM75\n", 3, 3);
}

/* ---- made of others ---- */

static const char *const two_places =
	"[temperature_sensor top]\nsensor_type: SHT3X\n"
	"[temperature_sensor bottom]\nsensor_type: Generic 3950\nsensor_pin: PF6\n"
	"[temperature_sensor both]\nsensor_type: temperature_combined\n"
	"sensor_list: temperature_sensor top, temperature_sensor bottom\n"
	"combination_method: %s\nmaximum_deviation: 20\ngcode_id: C\n";

static void combined(void **state)
{
	static const struct {
		const char *how;
		double degc;
	} all[] = { { "mean", 35 }, { "min", 30 }, { "max", 40 } };

	(void)state;
	for (size_t n = 0; n < 3; n++) {
		char sections[600];
		struct scene *s;
		int i;

		snprintf(sections, sizeof(sections), two_places, all[n].how);
		s = pinwatch_open("etc/sim-heated.cfg", sections);
		i = place_sensor(s, "both");
		place_put(s, place_sensor(s, "top"), 30);
		place_put(s, place_sensor(s, "bottom"), 40);
		scene_pass(s, 3);
		assert_true(fabs(place_status(s, i)->degc - all[n].degc) < 0.2);
		assert_true(scene_run(s, "M105\n"));
		assert_true(scene_said(s, " C:"));
		place_put(s, place_sensor(s, "bottom"), 55);
		scene_pass(s, 3);
		assert_true(is_broken(s, i));
		place_put(s, place_sensor(s, "bottom"), 40);
		scene_pass(s, 3);
		assert_false(is_broken(s, i));
		place_act(s, place_sensor(s, "top"), "chip silent");
		scene_pass(s, 5);
		assert_true(is_broken(s, i));
		pinwatch_finish(s);
	}
}

static void combined_heater(void **state)
{
	struct scene *s = hot_chamber(
		"[temperature_sensor top]\nsensor_type: SHT3X\nsht3x_report_time: 30\n"
		"[temperature_sensor bottom]\nsensor_type: Generic 3950\nsensor_pin: PF6\n"
		"[heater_generic chamber]\nheater_pin: PG4\nsensor_type: temperature_combined\n"
		"sensor_list: top, temperature_sensor bottom\ncombination_method: max\n"
		"maximum_deviation: 100\nmin_temp: 0\nmax_temp: 90\ncontrol: watermark\n"
		"[stepd_sim_heater top]\npower_w: 200\ncapacity_j_k: 400\nloss_w_k: 1.2\n"
		"sensor_lag_s: 2\n");
	int pin = pinwatch_pin("PG4");
	double from_s = now_s(s);

	(void)state;
	assert_true(fabs(place_body(s, place_sensor(s, "top"))->body_degc - 60) < 4);
	place_act(s, place_sensor(s, "top"), "chip silent");
	scene_pass(s, 5);
	assert_true(pinwatch.since_s[pin] - from_s < 1 && !pinwatch.level[pin]);
	assert_true(scene_said(s, "chamber: sensor out of range"));
	end(s);
}

/* ---- what is wrong ---- */

static void wrong(void **state)
{
	static const struct {
		const char *sections, *says;
	} cases[] = {
		{ "[temperature_sensor a]\nsensor_type: BME280\ni2c_bus: i2c3\n"
		  "i2c_software_scl_pin: PF6\ni2c_software_sda_pin: PF7\n",
		  "either a bus or pins" },
		{ "[temperature_sensor a]\nsensor_type: BME280\ni2c_mcu: nose\n",
		  "[temperature_sensor a] i2c_mcu: value 'nose': expected the name of a configured MCU" },
		{ "[temperature_sensor a]\nsensor_type: BME280\ni2c_address: 200\n",
		  "i2c_address: value '200': expected a whole number of at least 0 and at most 127" },
		{ "[temperature_sensor a]\nsensor_type: SHT3X\nsht3x_report_time: 0\n",
		  "sht3x_report_time: value '0': expected a number of at least 0.2" },
		{ "[temperature_sensor a]\nsensor_type: temperature_combined\n",
		  "sensor_list: missing" },
		{ "[temperature_sensor a]\nsensor_type: temperature_combined\n"
		  "sensor_list: extruder, nose\ncombination_method: mean\nmaximum_deviation: 5\n",
		  "expected sections that have a sensor of their own, and 'nose' is none" },
		{ "[temperature_sensor a]\nsensor_type: temperature_combined\n"
		  "sensor_list: extruder\ncombination_method: median\nmaximum_deviation: 5\n",
		  "combination_method: value 'median': expected one of: mean min max" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		pinwatch_refused("etc/sim-heated.cfg", cases[i].sections, cases[i].says);
}

static void events_file(void **state)
{
	const char *cfg = simrun_path("i2c.cfg"), *gcode = simrun_path("i2c.gcode"),
		   *events = simrun_path("events");
	struct simrun_args a = { 0 };
	char full[PATH_MAX];
	struct simrun r;
	FILE *f = simrun_create(gcode);

	(void)state;
	fputs("G4 P20000\nM105\n", f);
	fclose(f);
	f = simrun_create(cfg);
	fprintf(f, "[include %s]\n[temperature_sensor place]\nsensor_type: SHT3X\n",
		realpath("etc/sim-heated.cfg", full));
	fclose(f);
	f = simrun_create(events);
	fputs("5 place chip silent\n12 place chip ok\n14 place sensor stuck\n", f);
	fclose(f);
	simrun_add(&a, "-c");
	simrun_add(&a, "%s", cfg);
	simrun_add(&a, "--events");
	simrun_add(&a, "%s", events);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, 60);
	assert_int_equal(r.status, 0);
	/* once a second for 7 s */
	assert_in_range((uint64_t)simrun_number(&r, "temperatures_degc.place.glitches"), 7, 11);
	f = simrun_create(events);
	fputs("5 place chip explodes\n", f);
	fclose(f);
	simrun(&r, &a, 60);
	assert_non_null(strstr(r.err, "action 'chip explodes': expected chip silent, chip garbled"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),      cmocka_unit_test(garbled),
		cmocka_unit_test(heater),      cmocka_unit_test(busy),
		cmocka_unit_test(fan),         cmocka_unit_test(combined),
		cmocka_unit_test(wrong),       cmocka_unit_test(combined_heater),
		cmocka_unit_test(events_file),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
