/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_bed.c - the simulated printer's bed and probe.
 *
 * Shown: the surface is the sum that it is said to be; the probe triggers at that height under its own place,
 * releases by its hysteresis and differs by no more than its noise, never twice alike; with motors at the
 * corners the height is the plane through them; a BLTouch goes by its servo pulses and needs a reset after
 * an alarm; a noisy endstop stays within its noise.
 * How: step edges by hand. The noise is seeded: the same each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "mcu/boards/sim/printer.h"

enum { STEP, DIR, PROBE = 30, SERVO, SWITCH, PER_MM = 100 };

static void init(struct printer *p, int z_motors)
{
	printer_init(p, PRINTER_CARTESIAN, 7);
	p->start_mm[PRINTER_X] = 100;
	p->start_mm[PRINTER_Y] = 50;
	for (int i = 0; i < z_motors; i++)
		printer_add_stepper(p,
				    &(struct printer_stepper){ .axis = PRINTER_Z,
							       .step_pin = (uint8_t)(STEP + 2 * i),
							       .dir_pin = (uint8_t)(DIR + 2 * i),
							       .steps_per_mm = PER_MM });
}

static void turn(struct printer *p, int motor, int steps)
{
	printer_edge(p, 0, (uint8_t)(DIR + 2 * motor), steps > 0);
	for (int i = 0; i < abs(steps); i++) {
		printer_edge(p, 0, (uint8_t)(STEP + 2 * motor), true);
		printer_edge(p, 0, (uint8_t)(STEP + 2 * motor), false);
	}
}

/* Steps downward until the pin reads 1: the height then. */
static double descend(struct printer *p, uint8_t pin)
{
	for (int i = 0; i < 100 * PER_MM && printer_read(p, 0, pin) == 0; i++)
		turn(p, 0, -1);
	assert_int_equal(printer_read(p, 0, pin), 1);
	return printer_axis_mm(p, PRINTER_Z);
}

static void test_surface(void **state)
{
	struct printer p;

	(void)state;
	init(&p, 1);
	p.bed.height_mm = 0.5;
	p.bed.slope_x = 0.001;
	p.bed.slope_y = -0.002;
	p.bed.wave[1] = (struct printer_wave){ 0.3, 0.01, 0.02, 0.4 };
	assert_true(fabs(printer_bed_mm(&p, 30, 70) -
			 (0.5 + 0.03 - 0.14 + 0.3 * sin(0.3 + 1.4 + 0.4))) < 1e-12);
}

static void test_probe(void **state)
{
	struct printer p;
	double truth, last = 0;

	(void)state;
	init(&p, 1);
	p.bed.height_mm = -1;
	p.bed.slope_x = 0.01;
	assert_int_equal(printer_add_probe(&p, &(struct printer_probe){ .pin = PROBE,
									.x_mm = 20,
									.z_mm = 2.5,
									.hysteresis_mm = 0.2 }),
			 0);
	assert_int_equal(printer_add_probe(&p, &(struct printer_probe){ .pin = PROBE }), -EBUSY);
	truth = -1 + 0.01 * 120 + 2.5;
	assert_true(fabs(printer_trigger_mm(&p, 100, 50) - truth) < 1e-12);
	turn(&p, 0, 10 * PER_MM);
	assert_true(fabs(descend(&p, PROBE) - truth) < 0.5 / PER_MM + 1e-9);
	turn(&p, 0, 19);
	assert_int_equal(printer_read(&p, 0, PROBE), 1);
	turn(&p, 0, 3);
	assert_int_equal(printer_read(&p, 0, PROBE), 0);
	p.probe.noise_mm = 0.5;
	for (int i = 0; i < 50; i++) {
		double at;

		turn(&p, 0, 2 * PER_MM);
		assert_int_equal(printer_read(&p, 0, PROBE), 0);
		at = descend(&p, PROBE);
		assert_true(fabs(at - truth) <= 0.5 + 1.5 / PER_MM);
		if (i > 1)
			assert_true(at != last);
		last = at;
	}
	p.probe.stuck_open = true;
	assert_int_equal(printer_read(&p, 0, PROBE), 0);
}

static void test_noisy_endstop(void **state)
{
	struct printer p;
	double least = 1e9, most = -1e9;

	(void)state;
	init(&p, 1);
	printer_add_endstop(&p, &(struct printer_endstop){ .pin = SWITCH,
							   .axis = PRINTER_Z,
							   .trigger_mm = 1,
							   .hysteresis_mm = 0.1,
							   .noise_mm = 0.3 });
	turn(&p, 0, 5 * PER_MM);
	for (int i = 0; i < 100; i++) {
		double at = descend(&p, SWITCH);

		least = fmin(least, at);
		most = fmax(most, at);
		turn(&p, 0, PER_MM);
		assert_int_equal(printer_read(&p, 0, SWITCH), 0);
	}
	assert_true(least >= 0.7 - 1.5 / PER_MM && most <= 1.3 + 1.5 / PER_MM);
	assert_true(most - least > 0.4);
}

static void test_corners(void **state)
{
	static const double at[4][2] = { { 0, 0 }, { 200, 0 }, { 200, 100 }, { 0, 100 } };
	struct printer p;

	(void)state;
	for (int n = 2; n <= 4; n++) {
		init(&p, n);
		p.start_mm[PRINTER_Z] = 5;
		p.bed.corners = (uint8_t)n;
		for (int i = 0; i < n; i++)
			p.bed.corner[i] = (struct printer_corner){ (uint8_t)i, at[i][0], at[i][1],
								   0.01 * at[i][0] };
		turn(&p, 0, PER_MM);
		turn(&p, 1, PER_MM);
		if (n > 2)
			turn(&p, 2, 2 * PER_MM);
		if (n > 3)
			turn(&p, 3, 2 * PER_MM);
		/* 1 mm higher all over; with three and more, one more towards y = 100 */
		assert_true(fabs(printer_height_mm(&p, 100, 50) - (5 + 1 + 1 + (n > 2 ? 0.5 : 0))) <
			    1e-9);
		assert_true(fabs(printer_height_mm(&p, 0, 0) - 6) < 1e-9);
	}
}

/* The same pulse five times, 20 ms apart, then nothing for a while. */
static void pulses(struct printer *p, double width_s)
{
	for (int i = 0; i < 5; i++) {
		p->now_s += 0.02;
		printer_edge(p, 0, SERVO, true);
		p->now_s += width_s;
		printer_edge(p, 0, SERVO, false);
	}
	p->now_s += 0.1;
}

static void test_bltouch(void **state)
{
	struct printer p;
	double at;

	(void)state;
	init(&p, 1);
	assert_int_equal(printer_add_probe(&p, &(struct printer_probe){ .pin = PROBE,
									.z_mm = 2,
									.servo = true,
									.control_pin = SERVO }),
			 0);
	turn(&p, 0, 5 * PER_MM);
	p.now_s = 1;
	turn(&p, 0, -4 * PER_MM); /* stowed, it feels nothing */
	assert_int_equal(printer_read(&p, 0, PROBE), 0);
	turn(&p, 0, 4 * PER_MM);
	pulses(&p, 650e-6);
	assert_int_equal(p.probe.state, PRINTER_PIN_DOWN);
	assert_int_equal(p.probe.deployments, 1);
	at = descend(&p, PROBE);
	assert_true(fabs(at - 2) < 1.0 / PER_MM);
	assert_int_equal(p.probe.state, PRINTER_PIN_UP); /* by itself */
	p.now_s += 0.02;
	assert_int_equal(printer_read(&p, 0, PROBE), 0);
	turn(&p, 0, 3 * PER_MM);
	/* In touch mode the signal is whether the pin is in; it stays out when it is pushed. */
	pulses(&p, 1162e-6);
	assert_int_equal(printer_read(&p, 0, PROBE), 1);
	pulses(&p, 650e-6);
	pulses(&p, 1162e-6);
	assert_int_equal(printer_read(&p, 0, PROBE), 0);
	descend(&p, PROBE);
	p.now_s += 10;
	assert_int_equal(printer_read(&p, 0, PROBE), 1);
	turn(&p, 0, PER_MM);
	assert_int_equal(printer_read(&p, 0, PROBE), 0);
	turn(&p, 0, -PER_MM);
	pulses(&p, 1475e-6);
	assert_int_equal(printer_read(&p, 0, PROBE), 0);
	/* Too low to deploy: the alarm stays until the reset. */
	turn(&p, 0, -PER_MM);
	pulses(&p, 650e-6);
	assert_int_equal(printer_read(&p, 0, PROBE), 1);
	turn(&p, 0, 5 * PER_MM);
	pulses(&p, 650e-6);
	assert_int_equal(printer_read(&p, 0, PROBE), 1);
	pulses(&p, 2190e-6);
	assert_int_equal(printer_read(&p, 0, PROBE), 0);
	pulses(&p, 650e-6);
	assert_int_equal(p.probe.state, PRINTER_PIN_DOWN);
	pulses(&p, 1475e-6);
	p.probe.jammed = true;
	pulses(&p, 650e-6);
	assert_int_equal(printer_read(&p, 0, PROBE), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_surface),       cmocka_unit_test(test_probe),
		cmocka_unit_test(test_noisy_endstop), cmocka_unit_test(test_corners),
		cmocka_unit_test(test_bltouch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
