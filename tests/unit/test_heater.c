// SPDX-License-Identifier: GPL-2.0-or-later
/* test_heater.c - one heater's control against a model of a heated body.
 *
 * Shown: PID with the values that tuning finds keeps within 0.5 K and overshoots by less than 2 K, hotend and
 * bed, and a fan moves it by less than 3 K; model-predictive control finds the body's figures by itself, and with
 * them a fan or filament moves it by less than 1 K; the power stays within 0 and max_power; two-point control swings
 * around its target by no more than max_delta and the lag; a dead heater, one that comes loose and one that
 * stops half way are found, in less than 120 s, and a slow but healthy one is not; one that heats without power is found; a fault stays until it is
 * cleared; what cools turns the other way. How: the body has a sensor that lags; times are 0.2 s apart.
 * Repeat: STEPD_SEED=n tests/run build/tests/unit/test_heater; the seed of the noise is printed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "heater.h"
#include "tests/oracle/refmotion.h"
#include "tests/simlib/simrun.h"

#define PERIOD_S 0.2
#define AMBIENT 25.0

static uint64_t rng;

/* A body and its sensor, in steps of 10 ms. */
struct body {
	double power_w, capacity, loss, lag_s, degc, sensor_degc, at_s, noise;
	bool dead;
};

static void pass(struct body *b, double share)
{
	for (int i = 0; i < 20; i++) {
		b->degc += 0.01 / b->capacity *
			   ((b->dead ? 0 : share * b->power_w) - b->loss * (b->degc - AMBIENT));
		b->sensor_degc += 0.01 / b->lag_s * (b->degc - b->sensor_degc);
	}
	b->at_s += PERIOD_S;
}

static struct body hotend(void)
{
	return (struct body){ .power_w = 40,
			      .capacity = 12,
			      .loss = 0.065,
			      .lag_s = 1.5,
			      .degc = AMBIENT,
			      .sensor_degc = AMBIENT,
			      .noise = 0.1 };
}

static struct body bed(void)
{
	return (struct body){ .power_w = 250,
			      .capacity = 600,
			      .loss = 1.6,
			      .lag_s = 4,
			      .degc = AMBIENT,
			      .sensor_degc = AMBIENT,
			      .noise = 0.05 };
}

static enum heater_fault turn(struct heater *h, struct body *b)
{
	enum heater_fault fault;

	pass(b, h->power);
	fault = heater_sample(h, b->at_s, b->sensor_degc + ref_uniform(&rng, -b->noise, b->noise));
	assert_true(h->power >= 0 && h->power <= h->p.max_power);
	if (fault != HEATER_OK)
		heater_fail(h, fault);
	return fault;
}

static struct heater_param param(uint32_t control)
{
	return (struct heater_param){ .control = control,
				      .verify = true,
				      .max_power = 1,
				      .smooth_s = 1,
				      .kp = 0.1,
				      .max_delta_degc = 2,
				      .error_degc_s_max = 120,
				      .gain_time_s = 20,
				      .hysteresis_degc = 5,
				      .gain_degc = 2 };
}

/* Values as the daemon makes them of the result. */
static void tuned(const struct body *like, double target, struct heater_param *p)
{
	struct body b = *like;
	struct heater h;

	heater_init(&h, p);
	assert_true(heater_tune(&h, target));
	for (int i = 0; i < 50000 && h.tune.on; i++)
		assert_int_equal(turn(&h, &b), HEATER_OK);
	assert_true(h.tune.done);
	assert_true(h.target_degc == 0 && h.power == 0);
	p->kp = 0.6 * h.tune.ku;
	p->ki = p->kp / (0.5 * h.tune.tu_s);
	p->kd = p->kp * 0.125 * h.tune.tu_s;
	print_message("tuned at %.0f: ku %.4f tu %.2f s: kp %.2f ki %.3f kd %.1f\n", target,
		      h.tune.ku, h.tune.tu_s, 255 * p->kp, 255 * p->ki, 255 * p->kd);
}

static void hold(const struct body *like, double target, double fan_loss)
{
	struct heater_param p = param(HEATER_PID);
	struct body b = *like;
	struct heater h;
	double over = 0, band = 0, fan = 0;

	tuned(like, target, &p);
	p.gain_time_s = 60;
	heater_init(&h, &p);
	assert_true(heater_set_target(&h, target));
	for (int i = 0; i < 6000; i++) {
		if (i == 4000)
			b.loss += fan_loss;
		assert_int_equal(turn(&h, &b), HEATER_OK);
		if (i < 4000)
			over = fmax(over, b.sensor_degc - target);
		if ((i > 3000 && i < 4000) || i > 5000)
			band = fmax(band, fabs(b.sensor_degc - target));
		if (i >= 4000)
			fan = fmax(fan, fabs(b.sensor_degc - target));
	}
	print_message("target %.0f: overshoot %.2f, band %.2f, fan step %.2f\n", target, over, band,
		      fan);
	assert_true(over < 2 && band < 0.5 && fan < 3);
}

static void pid_holds(void **state)
{
	struct body h = hotend(), b = bed();

	(void)state;
	hold(&h, 205, 0.02);
	hold(&h, 280, 0.02);
	hold(&h, 150, 0.03);
	hold(&b, 60, 0);
	hold(&b, 110, 0);
}

/* Calibrated on a body, then held there: with the fan, and with filament pushed through. */
static void mpc(const struct body *like, double target, double fan_loss, double filament)
{
	struct heater_param p = param(HEATER_MPC);
	struct body b = *like;
	struct heater h;
	double over = 0, band = 0, fan = 0, pushed = 0;

	p.model = (struct heater_model){ .power_w = b.power_w,
					 .losses = 1,
					 .filament_j_k_mm = 0.0053,
					 .reach_s = 2,
					 .ambient_degc = AMBIENT };
	p.gain_time_s = 60;
	heater_init(&h, &p);
	assert_true(heater_calibrate(&h, target, fan_loss > 0));
	for (int i = 0; i < 100000 && h.calibration.stage != HEATER_MODEL_DONE; i++) {
		b.loss = like->loss + (h.calibration.stage == HEATER_MODEL_FAN ? fan_loss : 0);
		assert_int_equal(turn(&h, &b), HEATER_OK);
	}
	assert_true(heater_model_result(&h.calibration, &p.model, p.max_power));
	print_message("found: %.2f J/K (%.2f), %.4f and %.4f W/K (%.4f, %.4f), lag %.2f s (%.2f)\n",
		      p.model.capacity_j_k, b.capacity, p.model.loss_w_k[0], p.model.loss_w_k[1],
		      like->loss, like->loss + fan_loss, 1 / p.model.rate, b.lag_s);
	assert_true(fabs(p.model.capacity_j_k / b.capacity - 1) < 0.1);
	assert_true(fabs(p.model.loss_w_k[0] / like->loss - 1) < 0.05);
	assert_true(fabs(p.model.rate * b.lag_s - 1) < 0.3);
	b = *like;
	heater_init(&h, &p);
	assert_true(heater_set_target(&h, target));
	for (int i = 0; i < 4500; i++) {
		h.fan = i >= 2000 && i < 3000 && fan_loss > 0;
		h.filament_mm_s = i >= 3500 ? 8 : 0;
		b.loss = like->loss + h.fan * fan_loss + (i >= 3500 ? 8 * filament : 0);
		assert_int_equal(turn(&h, &b), HEATER_OK);
		if (i < 2000)
			over = fmax(over, b.sensor_degc - target);
		if (i > 1500 && i < 2000)
			band = fmax(band, fabs(b.sensor_degc - target));
		if (i >= 2000 && i < 3500)
			fan = fmax(fan, fabs(b.sensor_degc - target));
		if (i >= 3500)
			pushed = fmax(pushed, fabs(b.sensor_degc - target));
	}
	print_message(
		"target %.0f: overshoot %.2f, band %.2f, fan step %.2f, 8 mm/s of filament %.2f\n",
		target, over, band, fan, pushed);
	assert_true(over < 2 && band < 0.5 && fan < 1 && pushed < 1);
}

static void mpc_holds(void **state)
{
	struct body h = hotend(), b = bed();

	(void)state;
	mpc(&h, 205, 0.02, 0.0053);
	mpc(&h, 250, 0.04, 0.006);
	mpc(&b, 60, 0, 0);
	mpc(&b, 110, 0, 0);
}

static void watermark(void **state)
{
	struct heater_param p = param(HEATER_WATERMARK);
	struct body b = bed();
	struct heater h;
	double low = INFINITY, high = 0;
	int switches = 0;
	bool was = false;

	(void)state;
	p.gain_time_s = 60;
	p.max_power = 0.8;
	heater_init(&h, &p);
	heater_set_target(&h, 60);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(turn(&h, &b), HEATER_OK);
		assert_true(h.power == 0 || h.power == 0.8);
		if (i < 3000)
			continue;
		low = fmin(low, b.sensor_degc);
		high = fmax(high, b.sensor_degc);
		switches += was != (h.power > 0);
		was = h.power > 0;
	}
	print_message("%.2f to %.2f, %d switches\n", low, high, switches);
	assert_true(low > 57 && high < 63.5 && low < 58.5 && high > 61.5);
	assert_true(switches > 8);
}

/* When the fault was found after b was broken at break_s; < 0: never. */
static double found_s(struct heater *h, struct body *b, double target, double break_s, bool loose)
{
	heater_set_target(h, target);
	for (int i = 0; i < 3000; i++) {
		if (b->at_s >= break_s) {
			b->dead = !loose;
			if (loose)
				b->lag_s = 1e9;
		}
		if (turn(h, b) != HEATER_OK)
			return b->at_s - break_s;
	}
	return -1;
}

static void watch(void **state)
{
	static const struct {
		double target, break_s;
		bool loose;
	} cases[] = { { 205, 0, false }, { 205, 30, false }, { 205, 300, false }, { 205, 20, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct heater_param p = param(HEATER_PID);
		struct body b = hotend();
		struct heater h;
		double s;

		p.ki = 0.01;
		heater_init(&h, &p);
		s = found_s(&h, &b, cases[i].target, cases[i].break_s, cases[i].loose);
		print_message("broken at %.0f s: found after %.1f s\n", cases[i].break_s, s);
		assert_true(s > 0 && s < 120);
		assert_int_equal(h.fault, HEATER_SLOW);
		assert_true(h.power == 0 && h.target_degc == 0);
		assert_false(heater_set_target(&h, 100)); /* latched */
		assert_false(heater_tune(&h, 100));
		assert_false(heater_fail(&h, HEATER_SENSOR_RANGE));
		turn(&h, &b);
		assert_true(h.power == 0);
		heater_clear(&h);
		assert_true(heater_set_target(&h, 100));
	}
}

/* Its switch is stuck: found while it is off, and while it regulates; what is warmed from beside, or has stored heat, is fine. */
static void stuck_on(void **state)
{
	struct heater_param p = param(HEATER_PID);

	(void)state;
	p.ki = 0.01;
	for (int i = 0; i < 4;
	     i++) { /* off, at 205 °C, beside something hotter, just switched off */
		struct body b = i == 2 ? bed() : hotend();
		struct heater h;
		enum heater_fault fault = HEATER_OK;
		double from_s;

		heater_init(&h, &p);
		if (i % 2)
			heater_set_target(&h, 205);
		for (int k = 0; k < 1500 && (i == 1 || i == 3) && h.degc < (i == 3 ? 150 : 300); k++)
			turn(&h, &b);
		if (i == 3)
			heater_set_target(&h, 0);
		h.beside_degc = i == 2 ? 110 : 0;
		from_s = b.at_s;
		for (int k = 0; k < 1500 && fault == HEATER_OK; k++) {
			pass(&b, i < 2 ? 1 : i == 2 && b.degc < 90 ? 0.5 : 0);
			fault = heater_sample(&h, b.at_s, b.sensor_degc);
		}
		print_message("%d: %u after %.1f s, at %.1f °C\n", i, fault, b.at_s - from_s,
			      b.sensor_degc);
		assert_int_equal(fault, i < 2 ? HEATER_RISES : HEATER_OK);
		assert_true(i >= 2 || b.at_s - from_s < 25);
	}
}

/* A big bed that gains just a little more than it must. */
static void slow_is_fine(void **state)
{
	struct heater_param p = param(HEATER_PID);
	struct body b = bed();
	struct heater h;

	(void)state;
	p.gain_time_s = 60;
	b.capacity = 3000;
	heater_init(&h, &p);
	assert_true(found_s(&h, &b, 70, 1e9, false) < 0);
	assert_true(b.degc > 60);
}

static void cooling(void **state)
{
	struct heater_param p = param(HEATER_PID);
	struct heater h;

	(void)state;
	p.cooling = true;
	p.verify = false;
	p.min_power = 0.2;
	heater_init(&h, &p);
	heater_set_target(&h, 40);
	heater_sample(&h, 1, 30);
	assert_true(h.power == 0);
	heater_sample(&h, 60, 41);
	heater_sample(&h, 61, 41);
	assert_true(h.power == 0.2);
	heater_sample(&h, 90, 60);
	heater_sample(&h, 91, 60);
	assert_true(h.power == 1);
	heater_set_limits(&h, 0.7, 0.3);
	heater_sample(&h, 91.5, 60);
	assert_true(h.power == 0.7);
	heater_sample(&h, 91.8, 41);
	heater_set_limits(&h, 1, 0.2);
	heater_sample(&h, 91.9, 60);
	assert_true(h.power == 1);
	heater_set_target(&h, 0);
	assert_true(h.power == 0);
	heater_set_target(&h, 40);
	heater_fail(&h, HEATER_SENSOR_SILENT); /* rather too cold than too hot */
	assert_true(h.power == 1);
	heater_sample(&h, 92, 20);
	assert_true(h.power == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pid_holds), cmocka_unit_test(mpc_holds),
		cmocka_unit_test(watermark), cmocka_unit_test(watch),
		cmocka_unit_test(stuck_on),  cmocka_unit_test(slow_is_fine),
		cmocka_unit_test(cooling),
	};

	rng = simrun_seed(1) * 2 + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
