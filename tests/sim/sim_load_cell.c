/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_load_cell.c - a load cell probe (HX711, HX717, ADS1220) on the whole machine, against a bed with a shape.
 *
 * Shown: LOAD_CELL_CALIBRATE, TARE, READ and DIAGNOSTIC say what the model has; PROBE finds the bed within a microstep and the
 * stated noise, with an HX711, an HX717 and an ADS1220 (its bus in hard- and software), the cell either way round, the chip and Z's motor on two MCUs whose clocks
 * drift, on firmware without stepd's own messages; Z homes with it; the force stays in bounds; what goes wrong (not
 * calibrated, saturated, too much force before and on the way, chip silent before and on the way, a touch that is none) gets
 * its own reply and the machine goes on; the fit of the contact is exact on exact lines.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; the noise's seed is STEPD_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlib/probescene.h"

#define CELL "load_cell_probe.z_offset=0", "load_cell_probe.speed=3"
#define PINS CELL, "load_cell_probe.dout_pin=PE5", "load_cell_probe.sclk_pin=PE6"
#define HX711 PINS, "load_cell_probe.sensor_type=hx711"
#define HX717 PINS, "load_cell_probe.sensor_type=hx717"
#define ADS1220 \
	CELL, "load_cell_probe.sensor_type=ads1220", "load_cell_probe.cs_pin=PE5", \
		"load_cell_probe.data_ready_pin=PE6"
#define CALIBRATED \
	"load_cell_probe.counts_per_gram=210", "load_cell_probe.reference_tare_counts=-31000"

static double off_mm(const struct scene *s, double found_mm)
{
	return found_off_mm(s, found_mm, (const double[3]){ 0 });
}

static void press_places(struct scene *s, double limit_mm)
{
	static const char *const places[] = { "G1 X30 Y40 Z3 F6000", "G1 X250 Y30 Z2",
					      "G1 X141.5 Y155.3 Z2.5", "G1 X20.2 Y260.9 Z2.321" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char line[120];
		double off;

		snprintf(line, sizeof(line), "%s\nPROBE\n", places[i]);
		s->b.load_cell.most_grams = 0;
		run(s, line);
		off = off_mm(s, said_number(s, "Result is z="));
		if (!(fabs(off) <= limit_mm + MICROSTEP_Z_MM))
			fail_msg("%s: off by %.5f mm", line, off);
		/* 75 g, and what three samples and a turn of the link cost at 3 mm/s. */
		assert_true(s->b.load_cell.most_grams < 75 + 2500 * 3 * 0.06);
		assert_true(over_bed_mm(s) > 0);
		run(s, "G1 Z5 F600\n");
	}
}

static void on(const char *config, const char *const *o, double limit_mm)
{
	struct scene *s = open_scene(config, o);

	run(s, "G28\n");
	press_places(s, limit_mm);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_one_mcu(void **state)
{
	static const char *const hx711[] = { NO_START, HX711, CALIBRATED, BED, NULL };
	static const char *const hx717[] = { NO_START, HX717, CALIBRATED, BED, NULL };

	(void)state;
	on("etc/sim-cartesian.cfg", hx711, 0);
	on("etc/sim-corexy.cfg", hx711, 0);
	on("etc/sim-cartesian.cfg", hx717, 0);
}

static void test_ads1220(void **state)
{
	static const char *const own[] = { NO_START, ADS1220, CALIBRATED, BED, NULL };
	static const char *const software[] = { NO_START,
						ADS1220,
						CALIBRATED,
						BED,
						"load_cell_probe.spi_software_sclk_pin=PG3",
						"load_cell_probe.spi_software_mosi_pin=PG4",
						"load_cell_probe.spi_software_miso_pin=PG5",
						"load_cell_probe.sample_rate=330",
						NULL };
	static const char *const second[] = { NO_START,
					      CELL,
					      CALIBRATED,
					      BED,
					      SECOND,
					      "load_cell_probe.sensor_type=ads1220",
					      "load_cell_probe.cs_pin=second:PE5",
					      "load_cell_probe.data_ready_pin=second:PE6",
					      "load_cell_probe.sample_rate=1200",
					      NULL };

	(void)state;
	on("etc/sim-cartesian.cfg", own, 0);
	on("etc/sim-corexy.cfg", software, 0);
	on("etc/sim-cartesian.cfg", second, 0);
}

/* Other registers than those that were written: it is not there, or it is another chip. */
static void test_ads1220_by_hand(void **state)
{
	static const char *const o[] = { NO_START,
					 ADS1220,
					 BED,
					 "load_cell_probe.input_mux=AIN1_AIN0",
					 "load_cell_probe.gain=64",
					 NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	s->b.load_cell.counts_per_gram = 400;
	s->b.load_cell.zero_counts = -9000;
	run(s, "G28\nG1 X60 Y70 Z5 F6000\n");
	s->b.ads1220.gone = true;
	refused(s, "LOAD_CELL_TARE\n",
		"expected an ADS1220 at cs_pin: its registers are ff ff ff ff, not 6c 94 00 00");
	s->b.ads1220.gone = false;
	run(s, "LOAD_CELL_CALIBRATE\nTARE\n");
	s->b.load_cell.load_grams = 500;
	run(s, "CALIBRATE GRAMS=500\nACCEPT\n");
	assert_true(fabs(s->b.m->load_cell.counts_per_gram - 200) < 0.3);
	assert_true(fabs(s->b.m->load_cell.reference_counts - 4500) < 100);
	s->b.load_cell.load_grams = 0;
	run(s, "LOAD_CELL_DIAGNOSTIC\n");
	assert_true(fabs(said_number(s, "samples in 6.06 s, ") - 660) < 2);
	assert_false(s->b.ads1220.runs);
	press_places(s, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_turned_round(void **state)
{
	static const char *const o[] = { NO_START, HX717, CALIBRATED, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	s->b.load_cell.counts_per_gram *= -1;
	run(s, "G28\n");
	press_places(s, 0);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_noise(void **state)
{
	static const char *const o[] = {
		NO_START, HX711, CALIBRATED, BED, "stepd_sim.probe_noise=0.004", NULL
	};

	(void)state;
	on("etc/sim-cartesian.cfg", o, 0.004);
}

/* The way back takes 20 s, of which all is known. */
static void test_slow(void **state)
{
	static const char *const o[] = { NO_START,
					 "load_cell_probe.z_offset=0",
					 "load_cell_probe.speed=0.5",
					 "load_cell_probe.sample_rate=10",
					 "load_cell_probe.sensor_type=hx711",
					 "load_cell_probe.dout_pin=PE5",
					 "load_cell_probe.sclk_pin=PE6",
					 CALIBRATED,
					 BED,
					 NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28\nG1 X30 Y40 Z1 F6000\nPROBE\n");
	assert_true(fabs(off_mm(s, said_number(s, "Result is z="))) <= 2 * MICROSTEP_Z_MM);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_two_mcus(void **state)
{
	static const char *const z[] = {
		NO_START, HX717, CALIBRATED, BED, SECOND, Z_ON_SECOND, NULL
	};
	static const char *const chip[] = { NO_START,
					    HX717,
					    CALIBRATED,
					    BED,
					    SECOND,
					    "load_cell_probe.dout_pin=second:PE5",
					    "load_cell_probe.sclk_pin=second:PE6",
					    NULL };
	static const char *const old[] = {
		NO_START, HX711, CALIBRATED, BED, "stepd_sim.extensions=false", NULL
	};

	(void)state;
	on("etc/sim-cartesian.cfg", z, 0);
	on("etc/sim-cartesian.cfg", chip, 0);
	on("etc/sim-cartesian.cfg", old, 0);
}

static void test_z_homes_with_it(void **state)
{
	static const char *const o[] = {
		NO_START, HX717, CALIBRATED, BED, "stepper_z.endstop_pin=probe:z_virtual_endstop",
		NULL
	};
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	run(s, "G28 X Y\nG1 X100 Y120 F6000\nG28 Z\n");
	assert_true(fabs(s->b.m->status.position_mm[AXIS_Z] - over_bed_mm(s)) <= MICROSTEP_Z_MM);
	run(s, "G1 Z2 F600\nPROBE\n");
	assert_true(fabs(said_number(s, "Result is z=")) <= 2 * MICROSTEP_Z_MM);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- by hand ---- */

static void test_calibration(void **state)
{
	static const char *const o[] = { NO_START, HX717, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct chip_load_cell *c = &s->b.load_cell;

	(void)state;
	c->counts_per_gram = 143.5;
	c->zero_counts = 5400;
	run(s, "G28\nG1 X60 Y70 Z5 F6000\n");
	refused(s, "PROBE\n", "the load cell is not calibrated: expected LOAD_CELL_CALIBRATE first");
	refused(s, "LOAD_CELL_READ\n", "the load cell is not calibrated");
	refused(s, "TARE\n", "expected LOAD_CELL_CALIBRATE before");
	run(s, "LOAD_CELL_CALIBRATE\n");
	refused(s, "CALIBRATE GRAMS=500\n", "expected TARE before");
	refused(s, "ACCEPT\n", "expected CALIBRATE GRAMS=<g> before");
	run(s, "TARE\n");
	refused(s, "CALIBRATE GRAMS=500\n", "the force makes too little difference");
	refused(s, "CALIBRATE GRAMS=5\n", "GRAMS=5: expected 50 to 25000");
	c->load_grams = 500;
	run(s, "CALIBRATE GRAMS=500\nACCEPT\n");
	assert_true(fabs(s->b.m->load_cell.counts_per_gram - 143.5) < 0.2);
	assert_true(fabs(s->b.m->load_cell.reference_counts - 5400) < 100);
	run(s, "LOAD_CELL_READ\n");
	assert_true(fabs(strtod(s->said, NULL) - 500) < 1);
	c->load_grams = 0;
	run(s, "LOAD_CELL_TARE\n");
	assert_true(scene_said(s, "load cell tare value: "));
	run(s, "LOAD_CELL_DIAGNOSTIC\n");
	assert_true(fabs(said_number(s, "samples in 10 s, ") - 320) < 1);
	press_places(s, 0);
	run(s, "LOAD_CELL_CALIBRATE\nABORT\n");
	refused(s, "ABORT\n", "no manual probe is under way");
	run(s, "QUERY_PROBE\n");
	assert_true(scene_said(s, "probe: open"));
	c->load_grams = 200;
	run(s, "QUERY_PROBE\n");
	assert_true(scene_said(s, "probe: TRIGGERED"));
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- what goes wrong ---- */

static void still_works(struct scene *s)
{
	assert_int_equal(s->b.m->homed, 7);
	assert_true(scene_agrees(s, 1));
	run(s, "G1 X60 Y70 Z3 F6000\nPROBE\n");
	assert_true(fabs(off_mm(s, said_number(s, "Result is z="))) <= MICROSTEP_Z_MM);
	run(s, "G1 Z5 F600\n");
}

/* Something happens on the way down: it stops soon. */
static void on_the_way(struct scene *s, void (*what)(struct chip_load_cell *c, bool on),
		       const char *text)
{
	double from_mm, to_mm;

	run(s, "G1 Z20 F600\n");
	batch_lines(&s->b, "PROBE\n");
	scene_pass(s, 2);
	assert_int_equal(s->b.m->homing.state, HOMING_PROBE);
	from_mm = scene_truth_mm(s, AXIS_Z);
	what(&s->b.load_cell, true);
	scene_pass(s, 0.5);
	to_mm = scene_truth_mm(s, AXIS_Z);
	assert_true(from_mm - to_mm < 3 * 0.1);
	scene_pass(s, 6);
	what(&s->b.load_cell, false);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_int_equal(s->errors, 1);
	if (!scene_said(s, text))
		fail_msg("expected \"%s\", heard: %s", text, s->said);
	still_works(s);
}

static void silence(struct chip_load_cell *c, bool on)
{
	c->silent = on;
}

static void overload(struct chip_load_cell *c, bool on)
{
	c->load_grams = on ? 1e5 : 0;
}

static void hand(struct chip_load_cell *c, bool on)
{
	c->load_grams = on ? 300 : 0;
}

static void test_failures(void **state)
{
	static const char *const one[] = { NO_START, HX717, CALIBRATED, BED, NULL };
	static const char *const two[] = { NO_START, HX717,       CALIBRATED, BED,
					   SECOND,   Z_ON_SECOND, NULL };
	static const char *const spi[] = { NO_START, ADS1220, CALIBRATED, BED, NULL };
	static const char *const *const all[] = { one, two, spi };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct scene *s = open_scene("etc/sim-cartesian.cfg", all[i]);
		struct chip_load_cell *c = &s->b.load_cell;

		run(s, "G28\n");
		still_works(s);
		c->silent = true;
		refused(s, "PROBE\n", "the chip gives no samples");
		c->silent = false;
		still_works(s);
		c->load_grams = 1e6;
		refused(s, "PROBE\n", "the load cell is saturated");
		c->load_grams = 2100;
		refused(s, "PROBE\n",
			"there is more force on the load cell than force_safety_limit before it has "
			"moved");
		c->load_grams = 0;
		still_works(s);
		on_the_way(s, silence, "the load cell gave no samples");
		on_the_way(s, overload, "too much force on the load cell");
		on_the_way(s, hand, "was that the bed?");
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* Lines without noise: the break, wherever it is. */
static void test_fit(void **state)
{
	static struct contact t;
	double z_mm;

	(void)state;
	for (int k = 10; k < 90; k += 7) {
		double at = 0.002 * k + 0.0003;

		t.count = 100;
		for (int i = 0; i < 100; i++) {
			t.z_mm[i] = 0.002 * i;
			t.value[i] = 7 - 2000 * fmax(0, at - t.z_mm[i]);
		}
		assert_int_equal(contact_find(&t, 20, &z_mm), CONTACT_FOUND);
		assert_true(fabs(z_mm - at) < 1e-5);
	}
	for (int i = 0; i < 100; i++)
		t.value[i] = 5 + (i % 3);
	assert_int_equal(contact_find(&t, 20, &z_mm), CONTACT_NONE);
	for (int i = 0; i < 100; i++)
		t.value[i] = -20.0 * i;
	assert_int_not_equal(contact_find(&t, 20, &z_mm), CONTACT_FOUND);
	t.count = 2;
	assert_int_equal(contact_find(&t, 20, &z_mm), CONTACT_FEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_mcu),     cmocka_unit_test(test_turned_round),
		cmocka_unit_test(test_ads1220),     cmocka_unit_test(test_ads1220_by_hand),
		cmocka_unit_test(test_noise),       cmocka_unit_test(test_slow),
		cmocka_unit_test(test_two_mcus),    cmocka_unit_test(test_z_homes_with_it),
		cmocka_unit_test(test_calibration), cmocka_unit_test(test_failures),
		cmocka_unit_test(test_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
