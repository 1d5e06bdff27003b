/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_kinematics.c - prints, homing and limits on every kind of machine.
 *
 * Shown: a small print of lines, circles, tiny segments, reversals and hops is exact on each of the
 * configurations etc/sim-KIND.cfg at 16 and 128 microsteps, after G28 and after SET_KINEMATIC_POSITION; the same
 * with input shapers, and others every few lines, where joints are no sums; homing and names with shaped axes;
 * G28 finds the printer model's own position (on several MCUs: sim_homing_mcus); motors of one axis with a switch each stop each at its own; a
 * move out of reach is refused with place, value and limit, and moves nothing. Dual carriages: each homes,
 * rests, copies and mirrors, keeps its distance, and comes back to a saved state.
 * How: `stepd batch` and tests/simlib/scene.h.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_kinematics; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "daemon/kinematics/kinematics.h"
#include "tests/simlib/sample.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simconfig.h"
#include "tests/simlib/simrun.h"

#define TOLERANCE_US 12.5
#define NO_START "stepd.startup_gcode="
enum { CPU_S = 120, PIECES = 14 };

static unsigned long seed;

struct kind {
	const char *name; /* etc/sim-NAME.cfg */
	const char *motors[8];
	double x_mm, y_mm, least_mm, far_mm, low_mm, high_mm;
	bool homes;
};

static const struct kind kinds[] = {
	{ "cartesian", { "stepper_x", "stepper_y", "stepper_z" }, 150, 150, 0, 140, 0, 50, true },
	{ "corexz", { "stepper_x", "stepper_y", "stepper_z" }, 150, 150, 0, 140, 0, 50, true },
	{ "hybrid_corexy", { "stepper_x", "stepper_y", "stepper_z" }, 150, 150, 0, 140, 0, 50, true },
	{ "hybrid_corexz", { "stepper_x", "stepper_y", "stepper_z" }, 150, 150, 0, 140, 0, 50, true },
	{ "generic_cartesian",
	  { "stepper a", "stepper b", "stepper y", "stepper z", "stepper z1" },
	  135,
	  150,
	  0,
	  125,
	  0,
	  50,
	  true },
	{ "dual_carriage",
	  { "stepper_x", "stepper_y", "stepper_z", "dual_carriage" },
	  135,
	  150,
	  0,
	  130,
	  0,
	  50,
	  true },
	{ "delta", { "stepper_a", "stepper_b", "stepper_c" }, 0, 0, 0, 129, 0, 120, true },
	{ "deltesian", { "stepper_left", "stepper_right", "stepper_y" }, 0, 0, 0, 115, 0, 120, true },
	{ "polar", { "stepper_arm", "stepper_z", "stepper_bed" }, 0, 0, 0.3, 149, 0, 100, true },
	{ "rotary_delta", { "stepper_a", "stepper_b", "stepper_c" }, 0, 0, 0, 120, 10, 100, true },
	{ "winch", { "stepper_a", "stepper_b", "stepper_c", "stepper_d" }, 0, 0, 0, 900, 0, 900, true },
	{ "none", { NULL }, 0, 0, 0, 500, -100, 100, true },
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* A print with these microsteps, after G28 or from where the start-up G-code says it is; with shapers that change before
 * every so-manieth line. */
static void print(const struct kind *k, int microsteps, bool homed, unsigned shapers)
{
	const char *path = simrun_path("sample.gcode");
	struct sample s = { .seed = seed + (unsigned long)(k - kinds) * 10 +
				    (unsigned long)microsteps,
			    .x_mm = k->x_mm,
			    .y_mm = k->y_mm,
			    .least_mm = k->least_mm,
			    .far_mm = k->far_mm,
			    .low_mm = k->low_mm,
			    .high_mm = k->high_mm,
			    .pieces = PIECES,
			    .axes = 2,
			    .shapers = shapers };
	struct simrun_args a = { 0 };
	struct simrun r;
	char text[96];
	FILE *f = simrun_create(path);

	if (homed)
		fprintf(f, "G28\n");
	sample_write(f, &s);
	fclose(f);
	simrun_add(&a, "-c");
	simrun_add(&a, "etc/sim-%s.cfg", k->name);
	if (homed)
		simrun_override(&a, "stepd.startup_gcode=");
	for (int i = 0; i < 8 && k->motors[i]; i++) {
		simrun_override(&a, "%s.microsteps=%d", k->motors[i], microsteps);
		if (microsteps > 16)
			simrun_override(&a, "%s.step_pulse_duration=0.0000002", k->motors[i]);
	}
	if (shapers) {
		simrun_override(&a, "input_shaper.shaper_freq_x=50.6");
		simrun_override(&a, "input_shaper.shaper_freq_y=41.8");
	}
	simrun_add(&a, "%s", path);
	snprintf(text, sizeof(text), "%s at %d microsteps%s, seed %llu", k->name, microsteps,
		 shapers ? ", shaped" : "", (unsigned long long)s.seed);
	simrun(&r, &a, CPU_S);
	assert_true(simrun_exact(&r, text, TOLERANCE_US));
}

static void test_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		print(&kinds[i], 16, false, 0);
		print(&kinds[i], 16, kinds[i].homes, 0);
		print(&kinds[i], 128, false, 0);
	}
}

static bool is_sum(const struct kind *k)
{
	return k->x_mm != 0 || !k->motors[0];
}

static void test_shaped_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		if (is_sum(&kinds[i]))
			continue; /* see sim_shapers */
		print(&kinds[i], 16, kinds[i].homes, 1000000);
		print(&kinds[i], 16, false, 25);
		print(&kinds[i], 128, false, 25);
	}
}

static struct scene *scene_of(const char *name, const char *const *overrides)
{
	char path[64];
	struct scene *s;

	snprintf(path, sizeof(path), "etc/sim-%s.cfg", name);
	s = scene_open(path, overrides);
	assert_non_null(s);
	return s;
}

static void run_ok(struct scene *s, const char *lines)
{
	assert_true(scene_run(s, lines));
	if (s->errors)
		fail_msg("%s: %s", lines, s->said);
}

/* The line is refused with these words, and nothing has moved. */
static void refused(struct scene *s, const char *line, const char *words)
{
	uint64_t steps = s->b.m->engine->status.steps;

	scene_hush(s);
	assert_true(scene_run(s, line));
	if (s->errors != 1 || !scene_said(s, words))
		fail_msg("%s: expected \"%s\", heard: %s", line, words, s->said);
	assert_true(s->b.m->engine->status.steps == steps);
	scene_hush(s);
}

static double model_mm(const struct scene *s, int axis)
{
	return printer_axis_mm(&s->b.printer, (enum printer_axis)axis);
}

static void near(double a, double b, double within)
{
	if (!(fabs(a - b) <= within))
		fail_msg("%.6f, expected %.6f", a, b);
}

/* ---- several switches on an axis ---- */

static void test_own_endstops(void **state)
{
	static const char *const o[] = { NO_START, NULL };
	static const char *const split[] = { NO_START,
					     "mcu second.serial=/run/stepd/sim-second",
					     "stepd_sim second.clock_ppm=-40",
					     "stepper z1.step_pin=second:PC5",
					     "stepper z1.dir_pin=second:PC6",
					     NULL };
	static const char *const *const overrides[] = { o, split };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = scene_of("generic_cartesian", overrides[i]);

		/* The gantry starts askew; each motor stops where its own switch is. */
		near(model_mm(s, 5) - model_mm(s, AXIS_Z), 0.3, 1e-9);
		run_ok(s, "G28");
		near(model_mm(s, 5), model_mm(s, AXIS_Z), i ? 0.12 : 0.006);
		near(model_mm(s, AXIS_Z), scene_believed_mm(s, AXIS_Z), 0.006);
		run_ok(s, "G1 X100 Y100 Z20 F6000\nG28 Z\nG1 Z4 F600");
		near(model_mm(s, AXIS_Z), 4, 0.006);
		near(model_mm(s, AXIS_X), 100, 0.03);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

#define FURTHER(stepper, port, mm) \
	stepper ".step_pin=" port "0", stepper ".dir_pin=" port "1", \
		stepper ".endstop_pin=^" port "3", stepper ".rotation_distance=" mm, \
		stepper ".microsteps=16"

/* The same by [stepper_z1] and, where X turns two motors, [stepper_x1]. */
static void test_further_motors(void **state)
{
	static const char *const o[] = { NO_START, FURTHER("stepper_z1", "PF", "8"),
					 FURTHER("stepper_x1", "PG", "40"), NULL };
	static const char *const kinds_of[] = { "cartesian", "corexy", "hybrid_corexy" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds_of) / sizeof(*kinds_of); i++) {
		struct scene *s = scene_of(kinds_of[i], o);
		const struct machine_config *mc = s->b.mc;
		struct kinematics_model model;

		assert_int_equal(mc->rails[2].endstop_count, 2);
		assert_int_equal(mc->rails[0].endstop_count, 2);
		run_ok(s, "G28\nG1 X70 Y50 Z20 F6000\nG28 Z\nG1 X60 Y40 Z7 F3000");
		/* the gantry is straight, and all are where they are believed to be */
		near(model_mm(s, AXIS_Z), 7, 0.006);
		kinematics_model(mc, &model);
		for (int a = AXIS_E + 1; a < KINEMATICS_MODEL_AXES; a++)
			if (model.weight[4][a] != 0) /* stepper_z1's own */
				near(model_mm(s, a), 7, 0.006);
		near(model_mm(s, AXIS_X), 60, 0.03);
		near(model_mm(s, AXIS_Y), 40, 0.03);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_one_switch_never_triggers(void **state)
{
	static const char *const o[] = { NO_START, NULL };
	struct scene *s = scene_of("generic_cartesian", o);

	(void)state;
	/* that of z1, pressed from the other side and never there */
	scene_endstop(s, 5)->trigger_mm = 1e6;
	scene_endstop(s, 5)->at_max = true;
	assert_true(scene_run(s, "G28 Z"));
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(s, "did not trigger before the end of the move"));
	assert_int_equal(s->b.m->homed & 4, 0);
	scene_close(s);
}

/* ---- dual carriages ---- */

static const char *const duals[] = { "dual_carriage", "generic_cartesian" };

static void test_dual_modes(void **state)
{
	static const char *const o[] = { NO_START, NULL };
	static const int second_axis[] = { 4, 4 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct scene *s = scene_of(duals[i], o);
		int u = second_axis[i];
		double park = s->b.mc->rails[3].position_endstop_mm;

		run_ok(s, "G28");
		assert_int_equal(s->b.m->homed, 7);
		near(model_mm(s, AXIS_X), 0, 0.03);
		near(model_mm(s, u), park, 0.03);
		run_ok(s, "G1 X50 Y40 F9000");
		near(model_mm(s, AXIS_X), 50, 0.03);
		near(model_mm(s, u), park, 0.03);
		/* the other one moves */
		run_ok(s, "SET_DUAL_CARRIAGE CARRIAGE=1\nG1 X250 Y60 F9000");
		near(model_mm(s, AXIS_X), 50, 0.03);
		near(model_mm(s, u), 250, 0.03);
		near(model_mm(s, AXIS_Y), 60, 0.03);
		run_ok(s, "SAVE_DUAL_CARRIAGE_STATE NAME=here");
		/* both, the same way and the other */
		run_ok(s, "SET_DUAL_CARRIAGE CARRIAGE=0\nSET_DUAL_CARRIAGE CARRIAGE=1 MODE=COPY\n"
			  "G1 X70 Y50 F9000");
		near(model_mm(s, AXIS_X), 70, 0.03);
		near(model_mm(s, u), 270, 0.03);
		run_ok(s, "SET_DUAL_CARRIAGE CARRIAGE=1 MODE=MIRROR\nG1 X90.5 F9000");
		near(model_mm(s, AXIS_X), 90.5, 0.03);
		near(model_mm(s, u), 249.5, 0.03);
		near(model_mm(s, AXIS_Y), 50, 0.03);
		run_ok(s, "RESTORE_DUAL_CARRIAGE_STATE NAME=here");
		near(model_mm(s, AXIS_X), 50, 0.03);
		near(model_mm(s, u), 250, 0.03);
		near(scene_believed_mm(s, AXIS_X), 250, 1e-6);
		run_ok(s, "G28\nG1 X10 Y10 F6000");
		near(model_mm(s, AXIS_X), 10, 0.03);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_dual_limits(void **state)
{
	static const char *const o[] = { NO_START, NULL };
	struct scene *s = scene_of("dual_carriage", o);

	(void)state;
	run_ok(s, "G28\nSET_DUAL_CARRIAGE CARRIAGE=1\nG1 X200 F9000\nSET_DUAL_CARRIAGE CARRIAGE=0");
	/* the other carriage stands at 200 and keeps 45 mm */
	refused(s, "G1 X156 F6000", "X=156.0000 mm is out of reach; expected -10.0000 .. 155.0000");
	run_ok(s, "G1 X150 F6000");
	refused(s, "SET_DUAL_CARRIAGE CARRIAGE=0 MODE=COPY", "expected the carriage that is not");
	refused(s, "SET_DUAL_CARRIAGE CARRIAGE=2", "CARRIAGE=2: expected 0, 1 or a carriage's name");
	refused(s, "SET_DUAL_CARRIAGE CARRIAGE=1 MODE=DANCE", "MODE=DANCE: expected PRIMARY");
	refused(s, "RESTORE_DUAL_CARRIAGE_STATE NAME=never", "NAME=never: expected a state that");
	run_ok(s, "SET_DUAL_CARRIAGE CARRIAGE=1 MODE=MIRROR");
	/* now they are 50 apart: each may come 2.5 mm nearer */
	refused(s, "G1 X153", "X=153.0000 mm is out of reach; expected 30.0000 .. 152.5000");
	run_ok(s, "G1 X152.5 F600");
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- joints that are no sums ---- */

/* Where the nozzle really is: from the model's joints. */
static void truth_mm(struct scene *s, double xyz[3])
{
	const struct machine_config *mc = s->b.mc;
	double joint[MACHINE_STEPPER_MAX];
	struct kinematics_model model;

	kinematics_model(mc, &model);
	for (size_t i = 0; i < mc->stepper_count; i++) {
		joint[i] = 0;
		for (int a = 0; a < KINEMATICS_MODEL_AXES; a++)
			joint[i] += model.weight[i][a] * model_mm(s, a);
	}
	xyz[0] = xyz[1] = xyz[2] = 0;
	assert_true(mc->kinematics->forward(mc, joint, xyz));
}

static void agrees(struct scene *s, double within_mm)
{
	double xyz[3];

	assert_true(scene_agrees(s, 1)); /* each joint; its switch is not noisy */
	truth_mm(s, xyz);
	if (!strcmp(s->b.mc->kinematics->name, "polar")) { /* wherever the bed was, is 0 */
		near(hypot(xyz[0], xyz[1]), hypot(scene_believed_mm(s, 0), scene_believed_mm(s, 1)),
		     within_mm);
		near(xyz[2], scene_believed_mm(s, 2), within_mm);
		return;
	}
	for (int i = 0; i < 3; i++)
		near(xyz[i], scene_believed_mm(s, i), within_mm);
}

/* The delay of pressure advance grows on the way, and all stay in step; then shapers come and go, and it homes. */
static void test_advance(void **state)
{
	static const char *const o[] = { NO_START, NULL };
	static const char *const names[] = { "delta", "deltesian", "polar", "rotary_delta" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct scene *s = scene_of(names[i], o);

		run_ok(s, "G28\nM83\nG1 X40 Y10 Z30 F6000\nG1 X-30 Y30 E4");
		run_ok(s, "SET_PRESSURE_ADVANCE ADVANCE=0.08 SMOOTH_TIME=0.1\nG1 X-20 Y-40 Z22 E3\n"
			  "G1 X20 Y-40 E3\nG1 X50 Y0 E3\nSET_PRESSURE_ADVANCE ADVANCE=0.02\n"
			  "G1 X10 Y50 E3\nM400");
		agrees(s, 0.1);
		run_ok(s,
		       "SET_INPUT_SHAPER SHAPER_FREQ_X=40 SHAPER_FREQ_Y=55 SHAPER_TYPE_Y=3hump_ei\n"
		       "G1 X20 Y20 E1\nG1 X-20 Y30\nSET_INPUT_SHAPER SHAPER_FREQ_Z=60\n"
		       "G1 X-35 Y-20 Z35\nSET_PRESSURE_ADVANCE SMOOTH_TIME=0.15\nG1 X-30 Y-30 E1\n"
		       "G28\nG1 X30 Y30 Z24 E1\nM400");
		agrees(s, 0.1);
		run_ok(s, "G1 X20 Y-30\nSET_INPUT_SHAPER SHAPER_TYPE=none\nG1 X-20 Y-40\nG28");
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* G28 finds where the nozzle is, in the orders that there are; moves and a second G28 agree. */
static void home_joints(const char *name, const char *const *overrides, double within_mm)
{
	static const char *const orders[] = { "G28", "G28 Z\nG28 X Y", "G28 X\nG28 Y\nG28 Z" };

	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		struct scene *s = scene_of(name, overrides);

		for (int round = 0; round < 2; round++) {
			run_ok(s, orders[i]);
			assert_int_equal(s->b.m->homed, 7);
			agrees(s, within_mm);
			run_ok(s, "G1 X60 Y30 Z50 F6000\nG1 X-40 Y45 Z30\nG1 X-30 Y-50 Z20.5\n");
			agrees(s, within_mm);
			near(scene_believed_mm(s, 2), 20.5, 1e-9);
		}
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_home_joints(void **state)
{
	static const char *const o[] = { NO_START, NULL };

	(void)state;
	home_joints("delta", o, 0.05);
	home_joints("deltesian", o, 0.05);
	home_joints("polar", o, 0.03);
	home_joints("rotary_delta", o, 0.05);
}

static void test_tower_never_triggers(void **state)
{
	static const char *const o[] = { NO_START, NULL };
	struct scene *s = scene_of("delta", o);

	(void)state;
	scene_endstop(s, 1)->trigger_mm = 1e6;
	assert_true(scene_run(s, "G28"));
	assert_int_equal(s->errors, 1);
	assert_true(scene_said(
		s, "homing XYZ: the endstop did not trigger before the end of the move"));
	assert_int_equal(s->b.m->homed, 0);
	refused(s, "G1 Z5", "axis X has no known position; expected G28 X");
	scene_close(s);
}

/* Names change at rest, the steppers don't: SET_KINEMATIC_POSITION between moves, also of a bed that has turned
 * several times. */
static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		static const char *const o[] = { "input_shaper.shaper_freq_x=50.6",
						 "input_shaper.shaper_freq_y=41.8", NULL };
		struct scene *s;

		if (is_sum(&kinds[i]))
			continue; /* the sums have their own tests */
		s = scene_of(kinds[i].name, o);
		run_ok(s,
		       "SET_KINEMATIC_POSITION X=60 Y=20 Z=15\nG1 X90 Y5 Z16 F6000\nG1 X30 Y50\n"
		       "G1 X-30 Y30\nG1 X-30 Y-30\nG1 X40 Y-40\nG1 X60 Y20\nG1 X30 Y50\n"
		       "SET_KINEMATIC_POSITION X=-20 Y=40\nG1 X-25 Y20\nG1 X-60 Y-20 Z20\n"
		       "SET_KINEMATIC_POSITION Z=12\nG1 X-61 Y-21\nM400\n"
		       "SET_KINEMATIC_POSITION X=1 Y=9\nSET_KINEMATIC_POSITION X=33\nG1 X22 Y7\n");
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* ---- reach ---- */

static void test_reach(void **state)
{
	static const char *const o[] = { NO_START, NULL };
	static const struct {
		const char *name, *line, *words;
	} cases[] = {
		{ "corexz", "G1 X301 F6000",
		  "X=301.0000 mm is out of reach; expected -10.0000 .. 300" },
		{ "hybrid_corexy", "G1 Z-6",
		  "Z=-6.0000 mm is out of reach; expected -5.0000 .. 300" },
		{ "generic_cartesian", "G1 Y-11",
		  "Y=-11.0000 mm is out of reach; expected -10.0000" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene *s = scene_of(cases[i].name, o);

		refused(s, cases[i].line, "has no known position; expected G28");
		if (!strcmp(cases[i].name, "delta"))
			refused(s, "SET_KINEMATIC_POSITION X=400 Y=0 Z=0",
				"X=400.0000 Y=0.0000 Z=0.0000 is where [stepper_a] cannot be");
		run_ok(s, "G28");
		refused(s, cases[i].line, cases[i].words);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* An argument names the tests to run: a pattern. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prints),
		cmocka_unit_test(test_shaped_prints),
		cmocka_unit_test(test_own_endstops),
		cmocka_unit_test(test_further_motors),
		cmocka_unit_test(test_one_switch_never_triggers),
		cmocka_unit_test(test_dual_modes),
		cmocka_unit_test(test_dual_limits),
		cmocka_unit_test(test_home_joints),
		cmocka_unit_test(test_tower_never_triggers),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_advance),
		cmocka_unit_test(test_reach),
	};

	seed = simrun_seed(1);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
