// SPDX-License-Identifier: GPL-2.0-or-later
/* test_steplog.c - where a motor's counter was when, and whether its shaft follows.
 *
 * Shown: between any two of random runs, with fractions and reversals, the counter is that of the steps one by one; what is
 * too old is not known; runs that are missing, a counter that was read back and stops make what was before void; which way
 * a sensor counts is found in motion and not at rest; an angle that is off by less than the bound, or beyond for less than
 * 0.3 s, is nothing; one of a rotor that stands is found at any speed.
 * How: the module alone. Seed: STEPD_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "daemon/angle/angle_watch.h"
#include "daemon/angle/steplog.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

#define FREQ_HZ 16e6
enum { RUNS = 600, WATCHED = 3 };

static struct steplog log_;
static struct steplog_motor motor;
static struct engine_observer observer;

static void begin(void)
{
	memset(&motor, 0, sizeof(motor));
	assert_true(steplog_init(&log_, 1u << WATCHED));
	steplog_observer(&log_, &observer);
}

static void drain(void)
{
	struct steplog_rec rec;

	while (steplog_pop(&log_, &rec)) {
		assert_int_equal(rec.stepper, WATCHED);
		steplog_take(&motor, &rec);
	}
}

static int below(uint64_t *seed, int n)
{
	return (int)random_uniform(seed, 0, n);
}

static void each_step(void **state)
{
	static double step_s[RUNS * 64];
	static int64_t behind[RUNS * 64];
	uint64_t r = simrun_seed(1);
	double at_s = 1;
	int64_t count = 0;
	size_t steps = 0;
	int64_t got;

	(void)state;
	begin();
	for (int i = 0; i < RUNS; i++) {
		struct step_run run = { .count = (uint16_t)below(&r, 60) + 1,
					.shift = (uint8_t)below(&r, 5),
					.dir = below(&r, 2) };

		run.interval = (uint32_t)(3000 + below(&r, 6000)) << run.shift;
		run.add = below(&r, 81) - 40;
		at_s += 1e-5 * (10 + below(&r, 990));
		for (int64_t j = 1; j <= run.count; j++) {
			step_s[steps] =
				at_s + (double)(step_run_ticks(&run, j) - step_run_ticks(&run, 1)) /
					       FREQ_HZ;
			count += run.dir ? 1 : -1;
			behind[steps++] = count;
		}
		observer.run(&log_, WATCHED, &run, at_s, count);
		observer.run(&log_, WATCHED + 1, &run, at_s, 77);
		at_s = step_s[steps - 1];
	}
	drain();
	assert_true(motor.breaks <= 1);
	for (size_t i = 1; i < steps; i++) {
		assert_true(steplog_at(&motor, FREQ_HZ, (step_s[i - 1] + step_s[i]) / 2, &got));
		assert_int_equal(got, behind[i - 1]);
	}
	assert_true(steplog_at(&motor, FREQ_HZ, at_s + 100, &got));
	assert_int_equal(got, count);
	assert_true(steplog_at(&motor, FREQ_HZ, 0, &got));
	assert_int_equal(got, 0);
	steplog_free(&log_);
}

static void push(double at_s, int64_t count)
{
	struct step_run run = { .count = 1, .interval = 100, .dir = true };

	observer.run(observer.ctx, WATCHED, &run, at_s, count);
}

static void gaps(void **state)
{
	int64_t got;

	(void)state;
	begin();
	for (int i = 1; i <= STEPLOG_RECORDS; i++) /* one more than there is room for */
		push(i, i);
	push(STEPLOG_RECORDS + 1, STEPLOG_RECORDS + 1);
	drain();
	assert_int_equal(motor.breaks, 0);
	assert_false(steplog_at(&motor, FREQ_HZ, STEPLOG_RECORDS - STEPLOG_RUNS - 1, &got));
	push(STEPLOG_RECORDS + 2, STEPLOG_RECORDS + 2);
	drain();
	assert_int_equal(motor.breaks, 1);
	assert_true(steplog_at(&motor, FREQ_HZ, STEPLOG_RECORDS + 3, &got));
	assert_int_equal(got, STEPLOG_RECORDS + 2);
	observer.resync(observer.ctx, WATCHED, 1e5, got, got);
	drain();
	assert_int_equal(motor.breaks, 1);
	observer.resync(observer.ctx, WATCHED, 1e5, got, 12);
	drain();
	assert_int_equal(motor.breaks, 2);
	push(2e5, 13);
	drain();
	assert_int_equal(motor.breaks, 2);
	assert_true(steplog_at(&motor, FREQ_HZ, 3e5, &got));
	assert_int_equal(got, 13);
	observer.hold(observer.ctx, ENGINE_HELD_TRIGGER, 3e5);
	drain();
	assert_int_equal(motor.breaks, 3);
	steplog_free(&log_);
	memset(&observer, 0, sizeof(observer));
	assert_true(steplog_init(&log_, 0));
	steplog_observer(&log_, &observer);
	assert_null(observer.run);
}

/* ---- the watch ---- */

static const struct angle_motor step_motor = { 200, 16, 2 };

/* For that time, every 2 ms, at so many full steps a second, off by off full steps. Returns the last verdict that is none of the usual. */
static enum angle_verdict turn(struct angle_watch *w, double *at_s, double *steps, double for_s,
			       double speed, int sign, double off)
{
	enum angle_verdict seen = ANGLE_FOLLOWS;

	for (double end_s = *at_s + for_s; *at_s < end_s; *at_s += 0.002) {
		double turns = sign * (*steps + off) / 200 + 0.4;
		enum angle_verdict v = angle_watch_take(w, &step_motor, *at_s, turns - floor(turns),
							(int64_t)round(*steps * 16));

		if (v != ANGLE_FOLLOWS && v != ANGLE_UNKNOWN)
			seen = v;
		*steps += speed * 0.002;
	}
	return seen;
}

/* The same with a rotor that stands. */
static enum angle_verdict stand(struct angle_watch *w, double *at_s, double *steps, double for_s,
				double speed)
{
	for (double end_s = *at_s + for_s; *at_s < end_s; *at_s += 0.002, *steps += speed * 0.002)
		if (angle_watch_take(w, &step_motor, *at_s, w->ref[0] - floor(w->ref[0]),
				     (int64_t)round(*steps * 16)) == ANGLE_LOSES)
			return ANGLE_LOSES;
	return ANGLE_FOLLOWS;
}

static void watch(void **state)
{
	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		struct angle_watch w = { .known = false };
		double at_s = 10, steps = 35;

		turn(&w, &at_s, &steps, 0.3, 0, sign, 0);
		assert_true(w.known);
		assert_int_equal(w.sign, 0);
		assert_int_equal(turn(&w, &at_s, &steps, 0.5, 900, sign, 0), ANGLE_FOLLOWS);
		assert_int_equal(w.sign, sign);
		assert_int_equal(turn(&w, &at_s, &steps, 0.5, -300, sign, 1.9), ANGLE_FOLLOWS);
		assert_int_equal(turn(&w, &at_s, &steps, 0.5, 70, sign, -1.9), ANGLE_FOLLOWS);
		assert_int_equal(turn(&w, &at_s, &steps, 0.29, 70, sign, -4), ANGLE_FOLLOWS);
		assert_int_equal(turn(&w, &at_s, &steps, 0.5, 70, sign, 0), ANGLE_FOLLOWS);
		assert_int_equal(turn(&w, &at_s, &steps, 0.31, 70, sign, -4), ANGLE_LOSES);
		assert_int_equal(turn(&w, &at_s, &steps, 0.3, 800, sign, -4), ANGLE_FOUND);
		assert_true(fabs(w.off_steps) < 0.1); /* from there on */
		assert_int_equal(turn(&w, &at_s, &steps, 0.4, 0, sign, -8), ANGLE_LOSES);
		angle_watch_forget(&w, at_s);
		turn(&w, &at_s, &steps, 0.3, 100, sign, 0);
		assert_int_equal(stand(&w, &at_s, &steps, 0.6, 4000), ANGLE_LOSES);
		angle_watch_forget(&w, at_s + 1);
		turn(&w, &at_s, &steps, 0.9, 0, sign, 0);
		assert_false(w.known);
		/* a reference in motion, of a motor that goes fast */
		turn(&w, &at_s, &steps, 0.4, 3000, sign, 0);
		assert_true(w.known);
		assert_int_equal(w.sign, sign);
	}
}

/* With the other motor's steps there is no reference: in 2 s that is told. */
static void deaf(void **state)
{
	struct angle_watch w = { .known = false };
	double at_s = 10, steps = 0;
	enum angle_verdict v = ANGLE_UNKNOWN;

	(void)state;
	for (; at_s < 13 && v != ANGLE_DEAF; at_s += 0.002) {
		v = angle_watch_take(&w, &step_motor, at_s, 0.3, (int64_t)round(steps * 16));
		steps += 1;
	}
	assert_int_equal(v, ANGLE_DEAF);
	assert_true(at_s > 11.5 && at_s < 12.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step),
		cmocka_unit_test(gaps),
		cmocka_unit_test(watch),
		cmocka_unit_test(deaf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
