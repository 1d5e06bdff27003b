/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_probe_kinds.c - the commands that all probes share, with each kind of probe.
 *
 * Shown, for a switch, a BLTouch, a smart effector, an eddy-current probe and load cells on HX711, HX717 and ADS1220: QUERY_PROBE; PROBE,
 * with samples, their median and average; PROBE_ACCURACY; samples that are never near enough to each other, and retries that make
 * them so; PROBE_CALIBRATE with TESTZ, ACCEPT and ABORT, whose z_offset is the model's own; and that the machine goes on after each.
 * How: the machine in this process (tests/simlib/scene.h) over a bed with a shape, each probe with 4 um of noise. STEPD_SEED.
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

#define NOISE_MM 0.004
#define NOISE "stepd_sim.probe_noise=0.004"
#define CELL(chip) \
	"load_cell_probe.sensor_type=" chip, "load_cell_probe.z_offset=0", \
		"load_cell_probe.speed=3", "load_cell_probe.counts_per_gram=210", \
		"load_cell_probe.reference_tare_counts=-31000"
#define PINS "load_cell_probe.dout_pin=PE5", "load_cell_probe.sclk_pin=PE6"

static const struct kind {
	const char *name;
	const char *options[10];
	double offset_mm; /* z_offset; 0: what touches is the nozzle */
} kinds[] = {
	{ "switch", { "probe.pin=^PE3", "probe.z_offset=1.5", "probe.x_offset=20" }, 1.5 },
	{ "bltouch",
	  { "bltouch.sensor_pin=^PE3", "bltouch.control_pin=PE4", "bltouch.z_offset=2.2",
	    "bltouch.x_offset=-30", "bltouch.y_offset=12" },
	  2.2 },
	{ "smart_effector",
	  { "smart_effector.pin=^PE3", "smart_effector.z_offset=0.1",
	    "smart_effector.control_pin=PE4" },
	  0.1 },
	{ "eddy", { EDDY }, 1 },
	{ "hx711", { PINS, CELL("hx711") }, 0 },
	{ "hx717", { PINS, CELL("hx717") }, 0 },
	{ "ads1220",
	  { "load_cell_probe.cs_pin=PE5", "load_cell_probe.data_ready_pin=PE6", CELL("ads1220") },
	  0 },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static struct scene *open_kind(const struct kind *k)
{
	const char *o[16] = { NO_START, BED, NOISE };
	size_t n = 0;
	struct scene *s;

	while (o[n])
		n++;
	for (size_t i = 0; i < 10 && k->options[i]; i++)
		o[n++] = k->options[i];
	assert_true(n < 16);
	s = open_scene("etc/sim-cartesian.cfg", o);
	if (strcmp(k->name, "eddy") == 0)
		eddy_table(s);
	run(s, "G28\nG1 X60 Y70 Z6 F6000\n");
	return s;
}

static void near(const struct scene *s, const struct kind *k, const char *text)
{
	const double *xy_mm = s->b.m->mc->probe.offset_mm;
	const double offset_mm[] = { xy_mm[0], xy_mm[1], k->offset_mm };
	double off = found_off_mm(s, said_number(s, text), offset_mm);

	if (!(fabs(off) <= NOISE_MM + MICROSTEP_Z_MM))
		fail_msg("%s, %s: off by %.5f mm", k->name, text, off);
}

static void probing(struct scene *s, const struct kind *k)
{
	run(s, "QUERY_PROBE\n");
	assert_true(scene_said(s, "probe: open"));
	run(s, "PROBE\n");
	near(s, k, "Result is z=");
	run(s, "G1 Z6\nPROBE SAMPLES=3 SAMPLES_RESULT=median SAMPLE_RETRACT_DIST=3\n");
	assert_int_equal(s->b.m->probe.run.count, 3);
	near(s, k, "Result is z=");
	run(s, "G1 Z6\nPROBE SAMPLES=2 SAMPLES_RESULT=average LIFT_SPEED=10\n");
	near(s, k, "Result is z=");
	run(s, "G1 Z6\nPROBE_ACCURACY SAMPLES=6\n");
	near(s, k, "average ");
	near(s, k, "median ");
	assert_true(said_number(s, "range ") <= 2 * (NOISE_MM + MICROSTEP_Z_MM));
	assert_true(said_number(s, "standard deviation ") <= said_number(s, "range "));
}

static void tolerance(struct scene *s, const struct kind *k)
{
	const double *z_mm = s->b.m->probe.run.z_mm;

	run(s, "G1 Z6\n");
	refused(s, "PROBE SAMPLES=8 SAMPLES_TOLERANCE=0\n",
		"samples differ by more than samples_tolerance 0 mm");
	refused(s, "G1 Z6\nPROBE SAMPLES=8 SAMPLES_TOLERANCE=0 SAMPLES_TOLERANCE_RETRIES=2\n",
		"samples differ by more than samples_tolerance 0 mm");
	assert_int_equal(s->b.m->probe.run.retries, 3);
	run(s, "G1 Z6\nPROBE SAMPLES=2 SAMPLES_TOLERANCE=0.002 SAMPLES_TOLERANCE_RETRIES=60\n");
	assert_true(fabs(z_mm[0] - z_mm[1]) <= 0.002);
	near(s, k, "Result is z=");
	run(s, "G1 Z6\n");
	assert_int_equal(s->b.m->homed, 7);
}

static void calibrating(struct scene *s, const struct kind *k)
{
	double before_mm = s->b.m->probe.offset_mm[AXIS_Z];

	run(s, "PROBE_CALIBRATE\nTESTZ Z=-1\nTESTZ Z=+\nTESTZ Z=-\nABORT\n");
	assert_true(s->b.m->probe.offset_mm[AXIS_Z] == before_mm);
	run(s, "G1 X60 Y70 Z6 F6000\nPROBE_CALIBRATE\n");
	refused(s, "PROBE_CALIBRATE\n", "a manual probe is under way");
	touch_down(s, MICROSTEP_Z_MM / 2);
	run(s, "ACCEPT\n");
	if (!(fabs(said_number(s, "z_offset: ") - k->offset_mm) <= NOISE_MM + 2 * MICROSTEP_Z_MM))
		fail_msg("%s: z_offset %.4f, expected %.4f", k->name, said_number(s, "z_offset: "),
			 k->offset_mm);
	run(s, "G1 Z6\n");
}

static void test_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		struct scene *s = open_kind(&kinds[i]);

		print_message("%s\n", kinds[i].name);
		probing(s, &kinds[i]);
		tolerance(s, &kinds[i]);
		calibrating(s, &kinds[i]);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
