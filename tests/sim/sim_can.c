// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_can.c - prints over CAN: one MCU, or two that share the bus.
 *
 * Shown: at 1 Mbit/s and 500 kbit/s, the bus modelled bit by bit with a host queue of 10 frames (Linux' default, full
 * again and again) and nodes of three mailboxes, every step is exact: 0 violations, final position error 0, nothing
 * late, no underrun, nothing repeated that had arrived but the first frame. So it is with frames lost, sent twice and
 * held up by others, and homing stops motors on both MCUs. The bus is busy twice as long at half the rate; a bus that
 * is too slow for the print slows it down, or stops it before a step is sent late, as a serial line does: the MCU
 * never shuts down.
 * How: `stepd batch` with canbus_uuid. Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_can; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/simlib/nasty.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define TOLERANCE_US 12.5
enum { DEMO_LINES = 3000, NASTY_PIECES = 30, CPU_S = 300, SEEDS = 3 };

static unsigned long seed;
static double full_times; /* in the prints so far */

static const struct simconfig one = { .kinematics = "corexy", .microsteps = 16, .clock_hz = 50e6 };
static const struct simconfig two = { .kinematics = "cartesian",
				      .microsteps = 16,
				      .clock_hz = 180e6,
				      .two_mcus = true,
				      .second_clock_hz = 16e6,
				      .second_ppm = -80 };

static void args(struct simrun_args *a, const struct simconfig *c, unsigned bitrate)
{
	simconfig_args(c, a);
	simrun_override(a, "mcu.serial=");
	simrun_override(a, "mcu.canbus_uuid=11aabbccddee");
	if (c->two_mcus) {
		simrun_override(a, "mcu second.serial=");
		simrun_override(a, "mcu second.canbus_uuid=11aabbccddef");
	}
	simrun_override(a, "stepd_sim.canbus_bitrate=%u", bitrate);
}

/* Returns the share of the time that the bus was busy. */
static double print(const struct simconfig *c, unsigned bitrate, unsigned ppm, const char *gcode,
		    unsigned long run_seed)
{
	struct simrun_args a = { 0 };
	struct simrun r;
	char text[256];
	double again, full, faults, busy, frames;

	snprintf(text, sizeof(text), "%s, %u kbit/s, %u ppm, seed %lu", simconfig_text(c),
		 bitrate / 1000, ppm, run_seed);
	args(&a, c, bitrate);
	simrun_add(&a, "--wire-faults");
	simrun_add(&a, "%u", ppm);
	simrun_add(&a, "--seed");
	simrun_add(&a, "%lu", run_seed % 1000000);
	simrun_add(&a, "%s", gcode);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, text, TOLERANCE_US));
	again = simrun_number(&r, "links.mcu.retransmits");
	full = simrun_number(&r, "links.mcu.queue_full");
	faults = simrun_number(&r, "canbuses.can0.faults");
	frames = simrun_number(&r, "canbuses.can0.frames");
	busy = simrun_number(&r, "canbuses.can0.busy_share");
	printf("%s: %.0f frames, bus busy %.1f %%, %.0f faults, sent again %.0f times, queue full %.0f "
	       "times, smallest lead %.1f ms\n",
	       text, frames, busy * 100, faults, again, full, simrun_number(&r, "lead_min_s") * 1e3);
	full_times += full;
	assert_true(frames * 6 > simrun_number(&r, "links.mcu.bytes"));
	if (ppm == 0) {
		assert_true(again <= 1); /* the first sequence number is a guess */
		assert_true(faults == 0);
	} else {
		assert_true(faults > 0);
		assert_true(again > 1);
	}
	return busy;
}

static void each(const struct simconfig *c, unsigned bitrate, unsigned ppm)
{
	const char *demo = simrun_path("demo.gcode"), *nasty = simrun_path("nasty.gcode");

	assert_true(simrun_head("etc/demo/demo.gcode", demo, DEMO_LINES) > 0);
	full_times = 0;
	for (unsigned i = 0; i < SEEDS * simrun_size(); i++) {
		FILE *f = simrun_create(nasty);

		nasty_write(f, seed + i, NASTY_PIECES);
		fclose(f);
		print(c, bitrate, ppm, demo, seed + 2 * i);
		print(c, bitrate, ppm, nasty, seed + 2 * i + 1);
	}
	assert_true(full_times > 10);
}

static void test_one_at_1000(void **state)
{
	(void)state;
	each(&one, 1000000, 0);
}

static void test_one_at_500(void **state)
{
	(void)state;
	each(&one, 500000, 0);
}

static void test_two_at_1000(void **state)
{
	(void)state;
	each(&two, 1000000, 0);
}

static void test_two_at_500(void **state)
{
	(void)state;
	each(&two, 500000, 0);
}

static void test_two_lossy(void **state)
{
	(void)state;
	each(&two, 1000000, 2000);
	each(&two, 500000, 500);
}

static void test_share(void **state)
{
	const char *demo = simrun_path("demo.gcode");
	double fast, slow;

	(void)state;
	assert_true(simrun_head("etc/demo/demo.gcode", demo, DEMO_LINES) > 0);
	fast = print(&one, 1000000, 0, demo, 1);
	slow = print(&one, 500000, 0, demo, 1);
	assert_true(slow > 1.95 * fast && slow < 2.05 * fast);
}

static void test_homing(void **state)
{
	const char *gcode = simrun_path("home.gcode");
	FILE *f = simrun_create(gcode);

	(void)state;
	fputs("G28\nG1 X50 Y60 Z5 F9000\nG28 X Y\nG1 X20 Y30 F9000\nG28\nG1 X100 Y100 Z10 F9000\n",
	      f);
	for (int i = 0; i < 40; i++)
		fprintf(f, "G1 X%d Y%d F12000\n", 50 + i * 37 % 100, 50 + i * 53 % 100);
	fclose(f);
	for (unsigned i = 0; i < SEEDS; i++) {
		print(&two, 1000000, 0, gcode, seed + i);
		print(&two, 500000, 0, gcode, seed + i);
	}
}

/* More than the line takes: motion is slowed down, and if that does not do, stopped. Returns whether it was stopped. */
static bool expect_slow(const struct simrun_args *a, const char *what)
{
	struct simrun r;

	simrun(&r, a, CPU_S);
	printf("%s: slowed down %.0f times; %.200s\n", what, simrun_number(&r, "slowed"), r.err);
	assert_true(simrun_number(&r, "violations") == 0);
	assert_null(strstr(r.err, "shut down"));
	if (r.status == 0) {
		assert_true(simrun_exact(&r, what, TOLERANCE_US));
		assert_true(simrun_number(&r, "slowed") > 0);
		return false;
	}
	assert_int_equal(r.status, 1);
	assert_non_null(strstr(r.err, "a step was too late to be sent"));
	return true;
}

static void test_too_slow(void **state)
{
	const char *demo = simrun_path("demo.gcode");
	unsigned stopped = 0;

	(void)state;
	assert_true(simrun_head("etc/demo/demo.gcode", demo, DEMO_LINES) > 0);
	for (unsigned kbit = 60; kbit <= 100; kbit += 20) {
		struct simrun_args a = { 0 };

		args(&a, &one, kbit * 1000);
		simrun_add(&a, "%s", demo);
		stopped += expect_slow(&a, "CAN");
	}
	for (unsigned baud = 19200; baud <= 57600; baud += 19200) {
		struct simrun_args a = { 0 };

		simconfig_args(&one, &a);
		simrun_override(&a, "mcu.baud=%u", baud);
		simrun_add(&a, "%s", demo);
		stopped += expect_slow(&a, "serial");
	}
	assert_true(stopped > 0 && stopped < 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_1000), cmocka_unit_test(test_one_at_500),
		cmocka_unit_test(test_two_at_1000), cmocka_unit_test(test_two_at_500),
		cmocka_unit_test(test_two_lossy),   cmocka_unit_test(test_share),
		cmocka_unit_test(test_homing),      cmocka_unit_test(test_too_slow),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
