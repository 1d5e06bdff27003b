/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_homing.c - G28 on the whole machine: endstops, motors, trsyncs, and what may go wrong.
 *
 * Shown: whatever the order of the axes, the end they home to, the pins' inversion, and however motors
 * and endstops are spread over two MCUs, the position found is the printer model's own within one
 * microstep, before and after moves, and every step is exact; how far an axis went on beyond its trigger is
 * told, and so it is in truth. A homing that fails (the endstop never
 * triggers, stays pressed, is not there) says so, leaves the axis without a known position, and the
 * machine goes on.
 * How: the machine in this process (tests/simlib/scene.h). STEPD_ECHO=1 shows the replies; repeat random
 * moves with STEPD_SEED=<printed seed>.
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

#include "tests/simlib/random.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

#define NO_START "stepd.startup_gcode="
#define MOVES "G1 X120 Y80 F12000\nG1 X30.5 Y200.25 Z12\nG1 X55 Y60 Z3.3\n"
#define MICROSTEPS 1.0
/* From the switch: the way on until motors on another MCU have stopped, too. */
#define NEAR_MM 0.25

static const char *const kinematics[] = { "etc/sim-cartesian.cfg",     "etc/sim-corexy.cfg",
					  "etc/sim-corexz.cfg",        "etc/sim-hybrid_corexy.cfg",
					  "etc/sim-hybrid_corexz.cfg", "etc/sim-dual_carriage.cfg" };
enum { KINEMATICS = sizeof(kinematics) / sizeof(*kinematics) };

/* Home by these lines, move, home again, move: belief and truth agree all along. */
static void home_and_move(const char *config, const char *const *overrides, const char *lines)
{
	struct scene *s = scene_open(config, overrides);

	assert_non_null(s);
	for (int round = 0; round < 2; round++) {
		assert_true(scene_run(s, lines));
		assert_int_equal(s->errors, 0);
		assert_int_equal(s->b.m->homed, 7);
		assert_true(scene_agrees(s, MICROSTEPS));
		for (int axis = 0; axis < MACHINE_AXES; axis++)
			assert_true(fabs(scene_truth_mm(s, axis) -
					 s->b.mc->rails[axis].position_endstop_mm) < NEAR_MM);
		assert_true(scene_run(s, MOVES));
		assert_int_equal(s->errors, 0);
		assert_true(scene_agrees(s, MICROSTEPS));
		assert_true(fabs(scene_truth_mm(s, 0) - 55) < 0.05);
		assert_true(fabs(scene_truth_mm(s, 2) - 3.3) < 0.05);
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_orders(void **state)
{
	static const char *const orders[] = {
		"G28",
		"G28 X\nG28 Y\nG28 Z",
		"G28 Z\nG28 Y\nG28 X",
		"G28 Y X\nG28 Z",
		"G28 Z\nG28 X Y",
		"G28 X Z\nG28 Y",
		"g28x0y0z0",
	};
	static const char *const o[] = { NO_START, NULL };

	(void)state;
	for (size_t k = 0; k < KINEMATICS; k++)
		for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
			home_and_move(kinematics[k], o, orders[i]);
}

static void test_to_the_maximum(void **state)
{
	static const char *const o[] = { NO_START, "stepper_x.position_endstop=300",
					 "stepper_y.position_endstop=298.5", NULL };
	static const char *const forced[] = { NO_START, "stepper_x.position_endstop=300",
					      "stepper_x.homing_positive_dir=true", NULL };

	(void)state;
	for (size_t k = 0; k < KINEMATICS; k++) {
		home_and_move(kinematics[k], o, "G28");
		home_and_move(kinematics[k], forced, "G28");
	}
}

static void test_inverted_pins(void **state)
{
	static const char *const o[] = { NO_START,
					 "stepper_x.endstop_pin=!PA3",
					 "stepper_y.endstop_pin=^!PB3",
					 "stepper_z.endstop_pin=~PC3",
					 "stepper_x.dir_pin=!PA1",
					 "stepper_y.dir_pin=!PB1",
					 "stepper_y.step_pin=!PB0",
					 "stepper_z.dir_pin=!PC1",
					 "stepper_z.step_pin=!PC0",
					 NULL };

	(void)state;
	for (size_t k = 0; k < KINEMATICS; k++)
		home_and_move(kinematics[k], o, "G28");
}

static void test_one_approach_only(void **state)
{
	static const char *const o[] = { NO_START, "stepper_x.homing_retract_dist=0",
					 "stepper_y.homing_retract_dist=1",
					 "stepper_z.homing_retract_dist=0", NULL };

	(void)state;
	home_and_move(kinematics[0], o, "G28");
}

static void test_128_microsteps(void **state)
{
	static const char *const o[] = { NO_START,
					 "stepper_x.microsteps=128",
					 "stepper_y.microsteps=128",
					 "stepper_z.microsteps=128",
					 "stepper_x.step_pulse_duration=4e-7",
					 "stepper_y.step_pulse_duration=4e-7",
					 "stepper_z.step_pulse_duration=4e-7",
					 NULL };
	struct scene *s;

	(void)state;
	for (size_t k = 0; k < KINEMATICS; k++) {
		s = scene_open(kinematics[k], o);
		assert_non_null(s);
		assert_true(scene_run(s, "G28\n" MOVES));
		assert_true(scene_agrees(s, MICROSTEPS));
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

#define SECOND "mcu second.serial=/run/stepd/sim-second", "stepd_sim second.clock_ppm=60"

static void test_endstops_on_the_other_mcu(void **state)
{
	static const char *const o[] = { NO_START,
					 SECOND,
					 "stepper_x.endstop_pin=second:PA3",
					 "stepper_y.endstop_pin=^!second:PB3",
					 "stepper_z.endstop_pin=second:PC3",
					 NULL };

	(void)state;
	for (size_t k = 0; k < KINEMATICS; k++)
		home_and_move(kinematics[k], o, "G28");
}

/* Switches that close and open where they like, within bounds: the axis is off by no more. */
static void test_noisy_switches(void **state)
{
	static const char *const one[] = { NO_START, "stepd_sim.endstop_noise=0.04",
					   "stepd_sim.endstop_hysteresis=0.3", NULL };
	static const char *const two[] = { NO_START,
					   SECOND,
					   "stepd_sim.endstop_noise=0.04",
					   "stepd_sim.endstop_hysteresis=0.3",
					   "stepper_y.step_pin=second:PB0",
					   "stepper_y.dir_pin=second:PB1",
					   "stepper_y.enable_pin=!second:PB2",
					   "stepper_x.endstop_pin=second:PA3",
					   NULL };
	double off_most = 0;

	(void)state;
	for (size_t k = 0; k < 2 * KINEMATICS; k++) {
		struct scene *s = scene_open(kinematics[k / 2], k & 1 ? two : one);

		assert_non_null(s);
		for (int round = 0; round < 4; round++) {
			assert_true(scene_run(s, "G28\n" MOVES));
			assert_int_equal(s->errors, 0);
			for (int axis = 0; axis < MACHINE_AXES; axis++) {
				double step_mm = scene_microstep_mm(s, axis);
				double off = fabs(scene_off_microsteps(s, axis)) * step_mm;

				assert_true(off <= 0.04 + MICROSTEPS * step_mm);
				off_most = fmax(off, off_most);
			}
		}
		assert_true(scene_exact(s));
		scene_close(s);
	}
	assert_true(off_most > 0.02);
}

/* On CoreXY each of X and Y turns motors on both. */
static void test_motors_on_both_mcus(void **state)
{
	static const char *const o[] = { NO_START,
					 SECOND,
					 "stepper_y.step_pin=second:PB0",
					 "stepper_y.dir_pin=second:PB1",
					 "stepper_y.enable_pin=!second:PB2",
					 "stepper_z.step_pin=second:PC0",
					 "stepper_z.dir_pin=second:PC1",
					 "stepper_z.enable_pin=!second:PC2",
					 "stepper_x.endstop_pin=second:PA3",
					 NULL };

	(void)state;
	for (size_t k = 0; k < KINEMATICS; k++)
		home_and_move(kinematics[k], o, "G28 Y\nG28 X Z");
}

/* How far the axis is from where its switch closed this time, by the model; and what was said of it, by the reply and in STATUS. */
static double overshoot_mm(struct scene *s, int axis)
{
	const struct printer_endstop *e = scene_endstop(s, axis);
	double truth_mm = fabs(scene_truth_mm(s, axis) - e->trigger_mm - e->off_mm);
	char word[8], line[MACHINE_TEXT_MAX * 4];
	const char *said = strstr(s->said, "overshoot (mm, accounted for)"), *at;

	snprintf(word, sizeof(word), " %c:", "XYZ"[axis]);
	at = said ? strstr(said, word) : NULL;
	if (!at)
		fail_msg("no overshoot of axis %d: %s", axis, s->said);
	if (!(fabs(strtod(at + 3, NULL) - truth_mm) <= scene_microstep_mm(s, axis)))
		fail_msg("axis %d: overshoot of %.4f mm in truth, said: %s", axis, truth_mm, said);
	machine_status_text(s->b.m, line, sizeof(line));
	at = strstr(strstr(line, "homing: overshoot"), word);
	assert_true(fabs(strtod(at + 3, NULL) - truth_mm) <= scene_microstep_mm(s, axis));
	return truth_mm;
}

static void test_overshoot(void **state)
{
	static const char *const one[] = { NO_START, "stepd_sim.endstop_noise=0.04",
					   "stepper_x.second_homing_speed=40", NULL };
	static const char *const two[] = { NO_START,
					   SECOND,
					   "stepd_sim.endstop_noise=0.04",
					   "stepper_x.second_homing_speed=40",
					   "stepper_x.endstop_pin=second:PA3",
					   NULL };
	static const char *const lines[] = { "G28\n", "G28 X\n", "G28 Y Z\n" };
	static const uint32_t masks[] = { 7, 1, 6 };

	(void)state;
	for (size_t k = 0; k < KINEMATICS - 1;
	     k++) /* of two carriages the model's X is the second one */
		for (int mcus = 1; mcus <= 2; mcus++) {
			struct scene *s = scene_open(kinematics[k], mcus == 1 ? one : two);

			assert_non_null(s);
			for (size_t i = 0; i < 3; i++) {
				scene_hush(s);
				assert_true(scene_run(s, lines[i]));
				assert_int_equal(s->errors, 0);
				for (int axis = 0; axis < MACHINE_AXES; axis++)
					if (masks[i] & 1u << axis) {
						double mm = overshoot_mm(s, axis);

						/* Word from one MCU to the other takes some ms. */
						if (axis == 0 && mcus == 2)
							assert_true(mm > 0.04);
					}
			}
			scene_close(s);
		}
}

/* The axis stands on its switch already, and beyond it. */
static void test_pressed_at_the_start(void **state)
{
	static const char *const o[] = { NO_START, NULL };

	(void)state;
	for (size_t k = 0; k < KINEMATICS; k++)
		for (int axis = 0; axis < MACHINE_AXES; axis++) {
			struct scene *s = scene_open(kinematics[k], o);

			assert_non_null(s);
			scene_push_mm(s, axis, -2);
			assert_true(scene_run(s, "G28\n"));
			assert_int_equal(s->errors, 0);
			assert_true(scene_agrees(s, MICROSTEPS));
			assert_true(scene_exact(s));
			scene_close(s);
		}
}

/* ---- failures ---- */

/* Homing of that axis must fail with the text; then the axis is unknown, the others are not, and
 * once repaired all goes on. */
static void fails_then_works(struct scene *s, int axis, const char *text, double hysteresis_mm,
			     double trigger_mm)
{
	struct printer_endstop *e = scene_endstop(s, axis);
	const char letter = "XYZ"[axis];
	char line[64], expected[64];

	assert_true(scene_run(s, "G28\n" MOVES));
	assert_int_equal(s->errors, 0);
	e->trigger_mm = trigger_mm;
	e->hysteresis_mm = hysteresis_mm;
	s->b.printer.watched = hysteresis_mm > 0;
	snprintf(line, sizeof(line), "G28 %c\n", letter);
	assert_true(scene_run(s, line));
	assert_int_equal(s->errors, 1);
	if (!scene_said(s, text))
		fail_msg("expected \"%s\", heard: %s", text, s->said);
	assert_int_equal(s->b.m->homed & 1u << axis, 0);

	scene_hush(s);
	snprintf(line, sizeof(line), "G1 %c20 F3000\n", letter);
	snprintf(expected, sizeof(expected), "axis %c has no known position", letter);
	assert_true(scene_run(s, line));
	assert_true(scene_said(s, expected));

	scene_hush(s);
	e->hysteresis_mm = 0;
	e->trigger_mm = 0;
	scene_push_mm(s, axis, 20);
	assert_true(scene_run(s, "G28\n" MOVES));
	assert_int_equal(s->errors, 0);
	assert_true(scene_agrees(s, MICROSTEPS));
	assert_true(scene_exact(s));
}

static void each_axis_fails(const char *const *o, const char *text, double hysteresis_mm,
			    double trigger_mm)
{
	for (size_t k = 0; k < KINEMATICS; k++)
		for (int axis = 0; axis < MACHINE_AXES; axis++) {
			struct scene *s = scene_open(kinematics[k], o);

			assert_non_null(s);
			fails_then_works(s, axis, text, hysteresis_mm, trigger_mm);
			scene_close(s);
		}
}

static void test_never_triggers(void **state)
{
	static const char *const o[] = { NO_START, NULL };

	(void)state;
	each_axis_fails(o, "did not trigger before the end of the move", 0, -1e6);
}

static void test_stays_pressed(void **state)
{
	static const char *const o[] = { NO_START, NULL };

	(void)state;
	/* Pressed for good: everywhere within reach. */
	each_axis_fails(o, "still triggered after the retract", 0, 1e6);
	/* Sticks for longer than the retract. */
	each_axis_fails(o, "still triggered after the retract", 20, 0);
}

static void test_never_triggers_on_two_mcus(void **state)
{
	static const char *const o[] = { NO_START,
					 SECOND,
					 "stepper_y.step_pin=second:PB0",
					 "stepper_y.dir_pin=second:PB1",
					 "stepper_y.enable_pin=!second:PB2",
					 "stepper_x.endstop_pin=second:PA3",
					 NULL };

	(void)state;
	each_axis_fails(o, "did not trigger before the end of the move", 0, -1e6);
	each_axis_fails(o, "still triggered after the retract", 20, 0);
}

static void test_no_endstop(void **state)
{
	/* At a chip that stepd does not know. */
	static const char *const o[] = { NO_START, "stepper_z.endstop_pin=sx1509_x:PIN_0",
					 "sx1509 x.i2c_address=62", NULL };
	struct scene *s = scene_open(kinematics[0], o);

	(void)state;
	assert_non_null(s);
	assert_true(scene_run(s, "G28 Z\n"));
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "axis Z cannot home"));
	assert_true(scene_run(s, "G28\n")); /* all or nothing */
	assert_int_equal(s->errors, 2);
	assert_int_equal(s->b.m->homed, 0);
	scene_hush(s);
	assert_true(scene_run(s, "G28 X Y\nG1 X100 Y50 F6000\nSET_KINEMATIC_POSITION Z=5\nG1 Z6\n"));
	assert_int_equal(s->errors, 0);
	assert_true(fabs(scene_truth_mm(s, 0) - 100) < 0.05);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* Moves by odd numbers of half steps end where a motor just steps or just does not, whatever the last bit
 * says. Homing from there, to a switch that is pressed already or not, is no violation either way. */
static void half_steps(const char *config, const char *const *overrides, uint64_t *rng)
{
	static const int halves[] = { 1, 3, 5, 9, 41, 801 };
	static const char *const homings[] = { "X", "Y", "X Y", "Z" };
	static const char *const ways[] = { "X%g", "Y%g", "X%g Y%g" };
	static const int feeds[] = { 60, 600, 6000 };
	char lines[1000] = "G28 X Y\nG91\n";
	struct scene *s = scene_open(config, overrides);

	assert_non_null(s);
	for (int i = 0; i < 10; i++) {
		size_t at = strlen(lines);
		double by_mm;

		random_step(rng);
		by_mm = halves[*rng >> 60 & 3] / 160.0 * (*rng >> 59 & 1 ? 1 : -1);
		if (i == 3)
			by_mm = halves[4 + (*rng >> 58 & 1)] / 160.0;
		at += (size_t)snprintf(lines + at, 40, "G1 ");
		at += (size_t)snprintf(lines + at, 60, ways[(*rng >> 40) % 3], by_mm, by_mm);
		at += (size_t)snprintf(lines + at, 40, " F%d\n", feeds[(*rng >> 32) % 3]);
		if (*rng >> 50 & 1)
			snprintf(lines + at, 60, "G4 P%d\nG28 %s\n", (int)(*rng >> 45 & 3),
				 homings[*rng >> 47 & 3]);
	}
	scene_run(s, lines);
	if (scene_violations(s) != 0 || s->b.result.position_error_worst_steps != 0)
		fail_msg("%s:\n%s%s", config, lines, s->said);
	scene_close(s);
}

static void test_half_a_step_away(void **state)
{
	static const char *const one[] = { NO_START, NULL };
	static const char *const two[] = { NO_START,
					   SECOND,
					   "stepper_y.step_pin=second:PB0",
					   "stepper_y.dir_pin=second:PB1",
					   "stepper_y.enable_pin=!second:PB2",
					   "stepper_x.endstop_pin=second:PA3",
					   NULL };
	uint64_t rng = simrun_seed(1);

	(void)state;
	for (unsigned i = 0; i < 100 * simrun_size(); i++)
		half_steps(kinematics[i & 1], i & 2 ? two : one, &rng);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_to_the_maximum),
		cmocka_unit_test(test_inverted_pins),
		cmocka_unit_test(test_one_approach_only),
		cmocka_unit_test(test_128_microsteps),
		cmocka_unit_test(test_endstops_on_the_other_mcu),
		cmocka_unit_test(test_noisy_switches),
		cmocka_unit_test(test_motors_on_both_mcus),
		cmocka_unit_test(test_overshoot),
		cmocka_unit_test(test_pressed_at_the_start),
		cmocka_unit_test(test_never_triggers),
		cmocka_unit_test(test_stays_pressed),
		cmocka_unit_test(test_never_triggers_on_two_mcus),
		cmocka_unit_test(test_no_endstop),
		cmocka_unit_test(test_half_a_step_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
