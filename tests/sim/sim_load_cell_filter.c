/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_load_cell_filter.c - a load cell probe with hum, buzz and drift on its force, with and without filters.
 *
 * Shown: without a filter the hum of the mains, the buzz of a fan and a drift trigger the probe above the bed; with the notch, the low-pass
 * and the high-pass of the configuration they do not, and PROBE finds the bed of the model within two microsteps, the nozzle pressed hardly
 * deeper; all at once, on firmware without stepd's own messages, with the chip on a second MCU; firmware that can't filter is refused.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; the noise's seed is STEPD_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/simlib/probescene.h"

#define CELL \
	"load_cell_probe.z_offset=0", "load_cell_probe.speed=3", \
		"load_cell_probe.sensor_type=hx717", "load_cell_probe.counts_per_gram=210", \
		"load_cell_probe.reference_tare_counts=-31000", \
		"load_cell_probe.force_safety_limit=20000"
#define PINS "load_cell_probe.dout_pin=PE5", "load_cell_probe.sclk_pin=PE6"
#define NOTCH "load_cell_probe.notch_filter_frequencies=50"
#define BUZZ "load_cell_probe.buzz_filter_cutoff_frequency=40"
#define DRIFT "load_cell_probe.drift_filter_cutoff_frequency=1"

/* What comes on top of the force. */
struct trouble {
	double hum_grams, hum_hz, drift_grams_s;
};
static const struct trouble hum = { .hum_grams = 120, .hum_hz = 50 };
static const struct trouble buzz = { .hum_grams = 150, .hum_hz = 137 };
static const struct trouble drift = { .drift_grams_s = 30 };

static struct scene *with(const struct trouble *t, const char *const *o)
{
	struct scene *s = open_scene("etc/sim-cartesian.cfg", o);
	struct chip_load_cell *c = &s->b.load_cell;

	c->hum_grams = t->hum_grams;
	c->hum_hz = t->hum_hz;
	c->drift_grams_s = t->drift_grams_s;
	run(s, "G28\nG1 X30 Y40 Z10 F6000\n");
	return s;
}

/* It stops on the way, with an error or a height that is none. */
static void triggers_falsely(const struct trouble *t)
{
	static const char *const o[] = { NO_START, CELL, PINS, BED, NULL };
	struct scene *s = with(t, o);

	batch_lines(&s->b, "PROBE\n");
	scene_pass(s, 15);
	assert_false(gcode_busy(&s->b.m->gcode));
	assert_true(s->b.load_cell.most_grams == 0); /* it has never touched the bed */
	assert_true(over_bed_mm(s) > 1);
	scene_close(s);
}

static void finds_the_bed(const struct trouble *t, const char *const *o, double limit_mm)
{
	static const char *const places[] = { "G1 X30 Y40 Z10 F6000\n", "G1 X250 Y30 Z9\n",
					      "G1 X141.5 Y155.3 Z9.5\n" };
	struct scene *s = with(t, o);

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		double off_mm;

		run(s, places[i]);
		s->b.load_cell.most_grams = 0;
		run(s, "PROBE\n");
		off_mm = found_off_mm(s, said_number(s, "Result is z="), (const double[3]){ 0 });
		if (!(fabs(off_mm) <= limit_mm))
			fail_msg("%s: off by %.5f mm", places[i], off_mm);
		/* 75 g, and what two filters' delay and the link cost at 3 mm/s. */
		assert_true(s->b.load_cell.most_grams < 75 + 2500 * 3 * 0.06);
		run(s, "G1 Z10 F600\n");
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_hum(void **state)
{
	static const char *const o[] = { NO_START, CELL, PINS, NOTCH, BED, NULL };

	(void)state;
	triggers_falsely(&hum);
	finds_the_bed(&hum, o, 0.005);
}

static void test_buzz(void **state)
{
	static const char *const o[] = { NO_START, CELL, PINS, BUZZ, BED, NULL };

	(void)state;
	triggers_falsely(&buzz);
	finds_the_bed(&buzz, o, 0.005);
}

static void test_drift(void **state)
{
	static const char *const o[] = { NO_START, CELL, PINS, DRIFT, BED, NULL };

	(void)state;
	triggers_falsely(&drift);
	finds_the_bed(&drift, o, 0.005);
}

static void test_all(void **state)
{
	static const struct trouble all = { .hum_grams = 120, .hum_hz = 50, .drift_grams_s = 30 };
	static const char *const old[] = { NO_START, CELL,  PINS, NOTCH,
					   BUZZ,     DRIFT, BED,  "stepd_sim.extensions=false",
					   NULL };
	static const char *const second[] = { NO_START,
					      CELL,
					      NOTCH,
					      BUZZ,
					      DRIFT,
					      BED,
					      SECOND,
					      "load_cell_probe.dout_pin=second:PE5",
					      "load_cell_probe.sclk_pin=second:PE6",
					      NULL };

	(void)state;
	finds_the_bed(&all, old, 0.005);
	finds_the_bed(&all, second, 0.005);
}

/* It can't read the chip without the messages of filters, and can't filter without those of sections. */
static void test_refused(void **state)
{
	static const char *const o[] = {
		NO_START, CELL, PINS, DRIFT, "stepd_sim.without=sos_filter_set", NULL
	};
	static const char *const none[] = {
		NO_START, CELL, PINS, BED, "stepd_sim.without=sos_filter_set", NULL
	};
	struct scene *s = scene_open("etc/sim-cartesian.cfg", o);

	(void)state;
	assert_null(s);
	s = open_scene("etc/sim-cartesian.cfg", none);
	run(s, "G28\nG1 X30 Y40 Z2 F6000\nPROBE\n");
	assert_true(said_number(s, "Result is z=") < 1);
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hum),     cmocka_unit_test(test_buzz),
		cmocka_unit_test(test_drift),   cmocka_unit_test(test_all),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
