/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_eddy_tap.c - PROBE METHOD=tap: an eddy-current probe feels the nozzle touch the bed.
 *
 * Shown: the height found is that of the model's bed under the nozzle, within a microstep and the stated noise, on one and two MCUs
 * whose clocks drift, on CoreXY, with a coil that has become warm since its calibration; the nozzle goes little into the bed and is
 * off it at the end; samples and PROBE_ACCURACY; what goes wrong (too near, no contact, chip silent on the way, firmware or probe
 * that can't) gets its own reply and the machine goes on.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; the noise's seed is STEPD_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/simlib/eddyscene.h"

/* What was found is off the bed under the nozzle, which is over it now. */
static double off_mm(struct scene *s)
{
	assert_true(over_bed_mm(s) > 0);
	return found_off_mm(s, said_number(s, "Result is z="), (const double[3]){ 0 });
}

static void tap_places(struct scene *s, double limit_mm)
{
	static const char *const places[] = { "G1 X30 Y40 Z5 F6000", "G1 X250 Y30 Z3",
					      "G1 X141.5 Y155.3 Z8", "G1 X20.2 Y260.9 Z1.2" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char line[120];
		double off;

		snprintf(line, sizeof(line), "%s\nPROBE METHOD=tap\n", places[i]);
		s->b.eddy.deepest_mm = 0;
		run(s, line);
		off = off_mm(s);
		if (!(fabs(off) <= limit_mm + MICROSTEP_Z_MM))
			fail_msg("%s: off by %.5f mm", places[i], off);
		assert_true(s->b.eddy.deepest_mm > 0.02 && s->b.eddy.deepest_mm < 0.12);
		run(s, "G1 Z5 F600\n");
	}
}

static void on(const char *config, const char *const *o, double degc, double limit_mm)
{
	struct scene *s = open_scene(config, o);

	eddy_table(s);
	s->b.eddy.degc = degc;
	run(s, "G28\n");
	tap_places(s, limit_mm);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_finds_the_bed(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, NULL };
	static const char *const intb[] = { NO_START, EDDY, BED,
					    "probe_eddy_current coil.intb_pin=PE5", NULL };

	(void)state;
	on("etc/sim-cartesian.cfg", o, 25, 0);
	on("etc/sim-corexy.cfg", intb, 25, 0);
}

/* A tap does not depend on what the coil was calibrated at. */
static void test_warm(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, NULL };

	(void)state;
	on("etc/sim-cartesian.cfg", o, 75, 0);
}

static void test_noise(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, "stepd_sim.probe_noise=0.004", NULL };

	(void)state;
	on("etc/sim-cartesian.cfg", o, 25, 0.004);
}

static void test_two_mcus(void **state)
{
	static const char *const z[] = { NO_START, EDDY, BED, SECOND, Z_ON_SECOND, NULL };
	static const char *const chip[] = {
		NO_START, EDDY, BED, SECOND, "probe_eddy_current coil.i2c_mcu=second", NULL
	};

	(void)state;
	on("etc/sim-cartesian.cfg", z, 25, 0);
	on("etc/sim-cartesian.cfg", chip, 25, 0);
}

static void test_samples(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);

	(void)state;
	eddy_table(s);
	run(s, "G28\nG1 X60 Y70 Z5 F6000\nPROBE METHOD=tap SAMPLES=3 SAMPLES_RESULT=median\n");
	assert_int_equal(s->b.m->probe.run.count, 3);
	assert_true(fabs(off_mm(s)) <= MICROSTEP_Z_MM);
	run(s, "G1 Z5\nPROBE_ACCURACY METHOD=tap SAMPLES=4\n");
	assert_true(said_number(s, "range ") <= MICROSTEP_Z_MM);
	/* And then without, as before. */
	run(s, "G1 Z5\nPROBE\n");
	eddy_agrees(s, said_number(s, "Result is z="), 0, "PROBE");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- what goes wrong ---- */

static void still_works(struct scene *s)
{
	assert_int_equal(s->b.m->homed, 7);
	run(s, "G1 X60 Y70 Z5 F6000\nPROBE METHOD=tap\n");
	assert_true(fabs(off_mm(s)) <= MICROSTEP_Z_MM);
	run(s, "G1 Z5 F600\n");
}

/* Once it is near the bed. */
static void on_the_way(struct scene *s, bool *what, const char *text)
{
	scene_hush(s);
	batch_lines(&s->b, "PROBE METHOD=tap\n");
	for (int i = 0; i < 1000 && !s->b.m->probe.run.tapping; i++)
		scene_pass(s, 0.01);
	scene_pass(s, 0.15);
	*what = true;
	scene_pass(s, 4);
	*what = false;
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_int_equal(s->errors, 1);
	if (!scene_said(s, text))
		fail_msg("expected \"%s\", heard: %s", text, s->said);
	assert_true(s->b.eddy.deepest_mm < 0.12);
	still_works(s);
}

static void test_failures(void **state)
{
	static const char *const o[] = { NO_START, EDDY, BED, NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct chip_ldc1612 *c = &s->b.eddy;

	(void)state;
	eddy_table(s);
	run(s, "G28\nG1 X60 Y70 Z5 F6000\n");
	refused(s, "PROBE METHOD=scan\n", "METHOD=scan: expected automatic or tap");
	still_works(s);
	on_the_way(s, &c->silent, "the probe's sensor gave no valid samples");
	on_the_way(s, &c->gone, "the probe's sensor gave no valid samples");
	on_the_way(s, &c->open, "the probe's sensor gave no valid samples");
	/* Nothing resists. */
	c->give = 1;
	refused(s, "PROBE METHOD=tap\n",
		"the coil followed the nozzle all the way back: it did not touch the bed");
	c->give = 0.1;
	still_works(s);
	run(s, "G1 Z0.2\n");
	refused(s, "PROBE METHOD=tap\n", "the nozzle is too near to the bed for a tap");
	run(s, "G1 Z5\n");
	still_works(s);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_who_cannot(void **state)
{
	static const char *const old[] = { NO_START, EDDY, BED, "stepd_sim.extensions=false", NULL };
	static const char *const other[] = { NO_START, BED, "probe.pin=^PE3", "probe.z_offset=1.5",
					     NULL };
	struct scene *s = open_scene("etc/sim-cartesian.cfg", old);

	(void)state;
	eddy_table(s);
	run(s, "G28\nG1 X60 Y70 Z5 F6000\n");
	refused(s, "PROBE METHOD=tap\n", "the firmware can't feel a tap: expected stepd's own");
	run(s, "G1 Z5\nPROBE\n");
	scene_close(s);
	s = open_scene("etc/sim-cartesian.cfg", other);
	run(s, "G28\nG1 Z5 F600\n");
	refused(s, "PROBE METHOD=tap\n", "METHOD=tap: expected a [probe_eddy_current]");
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_the_bed), cmocka_unit_test(test_warm),
		cmocka_unit_test(test_noise),         cmocka_unit_test(test_two_mcus),
		cmocka_unit_test(test_samples),       cmocka_unit_test(test_failures),
		cmocka_unit_test(test_who_cannot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
