/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_homing_pins.c - homing and rest as the pins show them: speeds of the approaches, motors and heaters that go off.
 *
 * Shown, from the steps at the pins: the first approach goes at homing_speed, the way back at homing_retract_speed and for
 * homing_retract_dist, the second approach at second_homing_speed, and it ends at the switch; without a retract there is
 * one approach; to the minimum and to the maximum, with their defaults and without. With [safe_z_home] and
 * [homing_override], on each kind of machine with a Z carriage, the nozzle is where they say and the position the model's.
 * Axes of one or two motors and towers home by stall, and their drivers look for one only then.
 * After [idle_timeout] motor_timeout the enable pins let go and the axes are unknown; after heater_timeout the heaters'
 * pins are low; each in its own time, and a command begins both anew.
 * How: the machine in this process (tests/simlib/scene.h).
 */
#include "tests/simlib/probescene.h"
#include "tests/simlib/simconfig.h"

#include <stdio.h>

#define NEAR_SHARE 0.02

enum { LEGS_MAX = 16, WINDOW = 8 };

/* Steps of one motor in one direction. */
struct leg {
	int dir;
	long steps;
	double window_s[WINDOW]; /* of the latest steps */
	double speed_mm_s;       /* the most, over so many steps */
};

static struct watch {
	struct scene *s;
	int motor, legs;
	struct leg leg[LEGS_MAX];
} watch;

static void stepped(void *ctx, int motor, int dir, uint64_t clock)
{
	struct watch *w = ctx;
	struct leg *l = &w->leg[w->legs - 1];
	double at_s = (double)clock / w->s->b.mcu[0].nominal_hz, *slot;

	if (motor != w->motor)
		return;
	if (w->legs == 0 || l->dir != dir) {
		assert_true(w->legs < LEGS_MAX);
		l = &w->leg[w->legs++];
		*l = (struct leg){ .dir = dir };
	}
	slot = &l->window_s[l->steps % WINDOW];
	if (l->steps >= WINDOW)
		l->speed_mm_s = fmax(l->speed_mm_s,
				     WINDOW / (at_s - *slot) /
					     w->s->b.printer.steppers[motor].steps_per_mm);
	*slot = at_s;
	l->steps++;
}

static void near(double got, double expected, const char *what)
{
	if (!(fabs(got - expected) <= NEAR_SHARE * expected))
		fail_msg("%s: expected %g, at the pins %g", what, expected, got);
}

struct speeds {
	double first, second, back, back_mm; /* back_mm 0: no second approach */
};

static void home_at_pins(const char *const *overrides, int axis, const struct speeds *e)
{
	struct scene *s = open_scene("etc/sim-cartesian.cfg", overrides);
	double step_mm = scene_microstep_mm(s, axis);
	char line[16];

	run(s, "G28\nG1 X150 Y150 Z50 F6000\n");
	watch = (struct watch){ .s = s, .motor = axis };
	s->b.stepped = stepped;
	s->b.stepped_ctx = &watch;
	snprintf(line, sizeof(line), "G28 %c\n", "XYZ"[axis]);
	run(s, line);
	assert_int_equal(watch.legs, e->back_mm > 0 ? 3 : 1);
	near(watch.leg[0].speed_mm_s, e->first, "first approach, mm/s");
	assert_true((double)watch.leg[0].steps * step_mm > 40);
	if (e->back_mm > 0) {
		near(watch.leg[1].speed_mm_s, e->back, "retract, mm/s");
		near((double)watch.leg[1].steps * step_mm, e->back_mm, "retract, mm");
		near(watch.leg[2].speed_mm_s, e->second, "second approach, mm/s");
		assert_true(watch.leg[2].dir == watch.leg[0].dir);
		near((double)watch.leg[2].steps * step_mm, e->back_mm, "second approach, mm");
	}
	assert_true(scene_agrees(s, 1));
	assert_true(scene_exact(s));
	scene_close(s);
}

static void test_speeds(void **state)
{
	static const char *const own[] = { NO_START,
					   "stepper_x.homing_speed=40",
					   "stepper_x.second_homing_speed=6",
					   "stepper_x.homing_retract_speed=17",
					   "stepper_x.homing_retract_dist=7",
					   "stepper_y.homing_speed=33",
					   "stepper_y.homing_retract_dist=3",
					   "stepper_y.position_endstop=300",
					   "stepper_z.homing_speed=9",
					   "stepper_z.homing_retract_dist=0",
					   NULL };
	static const struct speeds expected[] = { { 40, 6, 17, 7 },
						  { 33, 16.5, 33, 3 },
						  { 9, 0, 0, 0 } };

	(void)state;
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		home_at_pins(own, axis, &expected[axis]);
}

/* ---- safe_z_home, homing_override ---- */

static struct scene *open_with(const char *kind, const char *more)
{
	char config[40], sections[1000];

	snprintf(config, sizeof(config), "etc/sim-%s.cfg", kind);
	snprintf(sections, sizeof(sections), "[stepd]\nstartup_gcode:\n%s", more);
	return open_scene(simconfig_behind(config, sections), NULL);
}

static void test_kinds(void **state)
{
	static const char *const kinds[] = { "cartesian", "corexy", "corexz", "hybrid_corexy",
					     "hybrid_corexz" };
	static const char safe[] =
		"[safe_z_home]\nhome_xy_position: 130, 110\nspeed: 100\nz_hop: 8\n"
		"move_to_previous: True\n";
	static const char lines[] = "[homing_override]\naxes: z\nset_position_z: 0\ngcode:\n  G90\n"
				    "  G1 Z7 F600\n  G28 X Y\n  G1 X130 Y110 F6000\n  G28 Z\n"
				    "  G1 Z8 F600\n";

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		for (int i = 0; i < 2; i++) {
			struct scene *s = open_with(kinds[k], i ? lines : safe);

			run(s, "G28\n");
			assert_int_equal(s->b.m->homed, 7);
			assert_true(scene_agrees(s, 1));
			assert_true(fabs(scene_truth_mm(s, AXIS_X) - 130) < 0.05);
			assert_true(fabs(scene_truth_mm(s, AXIS_Y) - 110) < 0.05);
			assert_true(fabs(scene_truth_mm(s, AXIS_Z) - 8) < 0.05);
			run(s, "G1 X60 Y50 Z2 F6000\nG28 Z\n");
			assert_true(scene_agrees(s, 1));
			/* move_to_previous; the lines home X and Y, too. */
			assert_true(fabs(scene_truth_mm(s, AXIS_X) - (i ? 130 : 60)) < 0.05);
			assert_true(scene_exact(s));
			scene_close(s);
		}
}

/* ---- homing by stall ---- */

#define STALL(axis, address, pin) \
	"[tmc2209 stepper_" axis "]\nuart_pin: PG0\nuart_address: " address "\nrun_current: 0.8\n" \
	"diag_pin: ^" pin "\ndriver_sgthrs: 100\n[stepper_" axis "]\nhoming_retract_dist: 0\n" \
	"endstop_pin: tmc2209_stepper_" axis ":virtual_endstop\n"

/* Axes of one or two motors and towers: one approach, until the driver of the axis' own motor says that it stalls. */
static void test_sensorless(void **state)
{
	static const char *const kinds[] = { "cartesian", "corexy", "hybrid_corexy", "delta" };

	(void)state;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		bool delta = !strcmp(kinds[k], "delta");
		struct scene *s = open_with(kinds[k],
					    delta ? STALL("a", "0", "PG4") STALL("b", "1", "PG5")
							    STALL("c", "2", "PG6")
						  : STALL("x", "0", "PG4") STALL("y", "1", "PG5"));

		for (int round = 0; round < 2; round++) {
			run(s, round ? "G28 Y X\nG28 Z\n" : "G28\n");
			assert_int_equal(s->b.m->homed, 7);
			assert_true(scene_said(s, "overshoot (mm, accounted for)"));
			assert_true(scene_agrees(s, 1));
			run(s, delta ? "G1 X20 Y-30 Z60 F6000\n" : "G1 X120 Y90 Z6 F6000\n");
			assert_true(scene_agrees(s, 1));
		}
		for (size_t i = 0; i < s->b.mc->tmc_count; i++)
			assert_false(s->b.tmc[i].stall_shown); /* for homing only */
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* ---- idle_timeout ---- */

static bool level(const struct scene *s, const char *pin)
{
	struct sim *mcu = s->b.mcu[0].sim;
	int number = sim_pin_number(mcu, pin);

	assert_true(number >= 0);
	return sim_pin_level(mcu, (uint16_t)number);
}

/* Whether it is on at any time of the next s. */
static bool heats(struct scene *s, const char *pin)
{
	int64_t until_ns = s->b.now_ns + 1000000000;
	bool on = false;

	while (s->b.now_ns < until_ns) {
		scene_pass(s, 0.0005);
		on |= level(s, pin);
	}
	return on;
}

static void motors_held(const struct scene *s, bool held)
{
	static const char *const pins[] = { "PA2", "PB2", "PC2" };

	for (size_t i = 0; i < 3; i++)
		assert_true(level(s, pins[i]) != held); /* inverted */
}

static void test_idle(void **state)
{
	static const char motors_first[] = "[idle_timeout]\nmotor_timeout: 30\nheater_timeout: 60\n";
	static const char heaters_first[] =
		"[idle_timeout]\nmotor_timeout: 60\nheater_timeout: 30\n";

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = open_with("heated", i ? heaters_first : motors_first);

		run(s, "G28\nM140 S100\nM104 S200\nG1 X50 Y50 F6000\n");
		scene_pass(s, 25);
		run(s, "G1 X60\n"); /* all of it begins anew */
		scene_pass(s, 28);
		motors_held(s, true);
		assert_true(heats(s, "PG1"));
		scene_pass(s, 3);
		motors_held(s, i);
		assert_int_equal(s->b.m->homed, i ? 7 : 0);
		assert_true(heats(s, "PG1") != i);
		scene_pass(s, 22);
		motors_held(s, i);
		assert_true(heats(s, "PG1") != i);
		scene_pass(s, 6);
		motors_held(s, false);
		assert_int_equal(s->b.m->homed, 0);
		assert_false(heats(s, "PG1") || heats(s, "PG0"));
		refused(s, "G1 X70\n", "axis X has no known position");
		run(s, "G28\nG1 X70 F6000\n");
		motors_held(s, true);
		assert_true(scene_agrees(s, 1));
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_speeds),
		cmocka_unit_test_teardown(test_kinds, simrun_teardown),
		cmocka_unit_test_teardown(test_sensorless, simrun_teardown),
		cmocka_unit_test_teardown(test_idle, simrun_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
