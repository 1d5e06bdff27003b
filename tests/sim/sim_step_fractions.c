/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_step_fractions.c - the same print with queue_step alone and with queue_step_frac.
 *
 * Shown: at 128 microsteps, at equal tolerance, every step is exact both ways and fractions need
 * fewer commands, the more so the coarser the clock is for the tolerance: from 40 % fewer at 16 MHz and 1 us
 * to hardly fewer at 180 MHz and 12.5 us, where whole ticks are fine enough. With a tolerance of 1 us and of 0.1 us
 * no step errs by more, at each clock and on two MCUs with different ones. A tolerance that a clock
 * can't keep is refused with the figure that it can.
 * How: `stepd batch` on the first layers of etc/demo/demo.gcode and on a file of everything that is hard
 * (tests/simlib/nasty.h); with firmware that has the message or not, or the option step_fractions off.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_step_fractions; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/simlib/nasty.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

enum { DEMO_LINES = 4000, NASTY_PIECES = 60, CPU_S = 300 };

static unsigned long seed;

static void arguments(struct simrun_args *a, const struct simconfig *c, double tolerance_us,
		      bool fractions)
{
	simconfig_args(c, a);
	simrun_override(a, "stepd.step_tolerance_us=%g", tolerance_us);
	simrun_override(a, "stepd.step_fractions=%s", fractions ? "true" : "false");
	simrun_override(a, "stepd.low_water_ms=50"); /* runs are seldom cut short */
	simrun_add(a, "--seed");
	simrun_add(a, "%lu", seed % 1000000);
}

struct cost {
	double commands, bytes, steps;
};

static struct cost print(const struct simconfig *c, const char *gcode, double tolerance_us,
			 bool fractions)
{
	struct simrun_args a = { 0 };
	struct simrun r;
	char text[256];

	snprintf(text, sizeof(text), "%s, %g us%s", simconfig_text(c), tolerance_us,
		 fractions ? ", fractions" : "");
	arguments(&a, c, tolerance_us, fractions);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, text, tolerance_us));
	return (struct cost){ simrun_number(&r, "queue_steps"), simrun_number(&r, "bytes"),
			      simrun_number(&r, "steps_total") };
}

/* Fewer commands with fractions: by that share at least. */
static void compare(double clock_hz, double tolerance_us, double share)
{
	struct simconfig c = { .kinematics = "cartesian", .microsteps = 128, .clock_hz = clock_hz };
	const char *gcode = simrun_path("demo.gcode");
	struct cost off, on;

	assert_true(simrun_head("etc/demo/demo.gcode", gcode, DEMO_LINES) > 0);
	off = print(&c, gcode, tolerance_us, false);
	on = print(&c, gcode, tolerance_us, true);
	printf("%s, %g us: %.0f steps, %.0f commands, with fractions %.0f: %.1f %% fewer; "
	       "bytes %+.1f %%\n",
	       simconfig_text(&c), tolerance_us, on.steps, off.commands, on.commands,
	       100 * (1 - on.commands / off.commands), 100 * (on.bytes / off.bytes - 1));
	assert_true(on.steps == off.steps);
	assert_true(on.commands <= (1 - share) * off.commands);
}

static void test_fewer_commands(void **state)
{
	(void)state;
	compare(16e6, 12.5, 0.13);
	compare(50e6, 12.5, 0.04);
	compare(180e6, 12.5, 0.0);
	compare(16e6, 4, 0.25);
	compare(16e6, 1, 0.4);
	compare(50e6, 1, 0.2);
	compare(180e6, 1, 0.05);
}

static void test_tight(void **state)
{
	static const double clocks_hz[] = { 16e6, 50e6, 180e6 };
	const char *gcode = simrun_path("nasty.gcode");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct simconfig one = { .kinematics = "corexy",
					 .microsteps = 16,
					 .clock_hz = clocks_hz[i] };
		struct simconfig two = { .kinematics = "cartesian",
					 .microsteps = 128,
					 .clock_hz = clocks_hz[i],
					 .two_mcus = true,
					 .second_clock_hz = clocks_hz[(i + 1) % 3],
					 .second_ppm = i % 2 ? -80 : 80 };
		FILE *f = simrun_create(gcode);

		nasty_write(f, seed + i, NASTY_PIECES);
		fclose(f);
		print(&one, gcode, 1, true);
		print(&two, gcode, 1, true);
		print(&one, gcode, 0.1, true);
	}
}

static double commands_with(const char *override)
{
	struct simconfig c = { .kinematics = "cartesian",
			       .microsteps = 128,
			       .clock_hz = 16e6,
			       .two_mcus = true,
			       .second_clock_hz = 16e6 };
	struct simrun_args a = { 0 };
	struct simrun r;

	arguments(&a, &c, 1, strcmp(override, "step_fractions") != 0);
	if (strncmp(override, "stepd_sim", 9) == 0)
		simrun_override(&a, "%s.extensions=false", override);
	simrun_add(&a, "%s", simrun_path("demo.gcode"));
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, override, 1));
	return simrun_number(&r, "queue_steps");
}

/* Each MCU by what its own dictionary has. */
static void test_negotiated(void **state)
{
	double both, off, none, second;

	(void)state;
	assert_true(simrun_head("etc/demo/demo.gcode", simrun_path("demo.gcode"), DEMO_LINES / 4) >
		    0);
	both = commands_with("");
	off = commands_with("step_fractions");
	none = commands_with("stepd_sim");
	second = commands_with("stepd_sim second");
	printf("commands: both MCUs %.0f, one %.0f, none %.0f, switched off %.0f\n", both, second,
	       none, off);
	/* Another dictionary takes another time to read: the start differs. */
	assert_true(none > 0.99 * off && none < 1.01 * off);
	assert_true(both < 0.8 * none);
	assert_true(both < 0.95 * second && second < 0.95 * none);
}

static void test_refused(void **state)
{
	struct simconfig c = { .kinematics = "cartesian", .microsteps = 16, .clock_hz = 4e6 };
	const char *gcode = simrun_path("one.gcode");
	FILE *f = simrun_create(gcode);
	struct simrun_args a = { 0 };
	struct simrun r;

	(void)state;
	fputs("G1 X10 F3000\nG1 X20 Y3\n", f);
	fclose(f);
	for (int fractions = 0; fractions < 2; fractions++) {
		a = (struct simrun_args){ 0 };
		arguments(&a, &c, 0.2, fractions);
		simrun_add(&a, "%s", gcode);
		simrun(&r, &a, CPU_S);
		assert_int_equal(r.status, 1);
		if (!strstr(r.err, "mcu 'mcu': step_tolerance_us is 0.2, but its clock of 4 MHz "
				   "can only keep 0.254 or more"))
			fail_msg("unexpected: %s", r.err);
		/* Just what it can keep, with whole ticks. */
		print(&c, gcode, 0.255, fractions);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fewer_commands),
		cmocka_unit_test(test_negotiated),
		cmocka_unit_test(test_tight),
		cmocka_unit_test(test_refused),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
