/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_endstop_phase.c - switches whose noise the phase of a stepper driver takes out, on the whole machine.
 *
 * Shown: with [endstop_phase] the found position is the model's within one microstep though the switch closes up to twelve
 * microsteps too early or late, with the dir pin either way, with the switch on another MCU, and on the towers of a delta; without it is off by what the
 * noise is. A trigger at a phase too far off is an error, the axis is unknown, and homing works again. The phase is found by
 * ENDSTOP_PHASE_CALIBRATE, in use from the next homing on, and kept by SAVE_CONFIG without a restart. With
 * endstop_align_zero position 0 is at a full step of the motor.
 * How: the machine in this process (tests/simlib/scene.h), drivers of the model (mcu/boards/sim/chip_tmc.c).
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_endstop_phase; the seed is printed.
 */
#include "tests/simlib/probescene.h"
#include "tests/simlib/simconfig.h"

#include <stdio.h>

#define NOISE_MM 0.03 /* of Z: twelve microsteps of 0.0025 mm; its four full steps are 0.16 mm */
#define TOWER_NOISE_MM 0.2
enum { ROUNDS = 12, START_MSCNT = 368 };

#define DRIVER "[tmc2209 stepper_z]\nuart_pin: PG0\nrun_current: 0.8\n"
#define NOISE "[stepd_sim]\nendstop_noise: 0.03\nendstop_hysteresis: 0.1\n"

static const char *path;

static struct scene *open_phase(const char *kind, const char *more)
{
	char config[40], sections[1200];
	struct scene *s;

	snprintf(config, sizeof(config), "etc/sim-%s.cfg", kind);
	snprintf(sections, sizeof(sections), "[stepd]\nstartup_gcode:\n%s", more);
	path = simconfig_behind(config, sections);
	s = open_scene(path, NULL);
	s->b.m->hooks.save_config = true;
	for (size_t i = 0; i < s->b.mc->tmc_count; i++)
		s->b.tmc[i].start_mscnt = START_MSCNT;
	return s;
}

/* Where in its four full steps the model's motor stands when its axis is at its switch, without noise: it rises with the
 * axis, and it was at START_MSCNT when the motor had made no step. */
static double true_phase(const struct scene *s, int axis)
{
	const struct printer_stepper *motor = &s->b.printer.steppers[axis];
	double steps = (s->b.printer.endstops[axis].trigger_mm - s->b.printer.start_mm[axis]) *
		       motor->steps_per_mm;
	double phase = steps + (motor->invert_dir ? 1 : -1) * START_MSCNT / 16.0;

	return phase - 64 * floor(phase / 64);
}

static double spread(double a, double b)
{
	double d = fabs(a - b);

	return d > 32 ? 64 - d : d;
}

/* Home Z again and again; the most it is off, in microsteps, and the least. */
static void rounds(struct scene *s, double *least, double *most)
{
	*least = INFINITY;
	*most = -INFINITY;
	for (int i = 0; i < ROUNDS; i++) {
		double off;

		run(s, "G28 Z\n");
		off = scene_off_microsteps(s, AXIS_Z);
		*least = fmin(*least, off);
		*most = fmax(*most, off);
		run(s, "G1 Z3 F600\n");
	}
}

static void test_corrected(void **state)
{
	static const char *const more[] = {
		"", "[stepper_z]\ndir_pin: !PC1\n",
		("[mcu second]\nserial: /run/stepd/second\n[stepd_sim second]\nclock_ppm: 60\n"
		 "[stepper_z]\nendstop_pin: second:PC3\n")
	};
	double least, most;

	(void)state;
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		char text[400];
		struct scene *s;
		int phase;

		snprintf(text, sizeof(text), NOISE "%s" DRIVER, more[i]);
		s = open_phase("cartesian", text);
		phase = (int)lround(true_phase(s, AXIS_Z)) % 64;
		rounds(s, &least, &most);
		assert_true(most - least > 8); /* that is what the noise does */
		refused(s, "ENDSTOP_PHASE_CALIBRATE STEPPER=stepper_z\n",
			"expected a motor of [endstop_phase]");
		scene_close(s);
		snprintf(text, sizeof(text),
			 NOISE "%s" DRIVER "[endstop_phase stepper_z]\ntrigger_phase: %d/64\n"
			       "endstop_accuracy: 0.08\n",
			 more[i], phase);
		s = open_phase("cartesian", text);
		rounds(s, &least, &most);
		if (!(least >= -1 && most <= 1))
			fail_msg("off by %.3f to %.3f microsteps", least, most);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_too_far(void **state)
{
	char text[400];
	struct scene *s = open_phase("cartesian", DRIVER);
	int phase = (int)lround(true_phase(s, AXIS_Z)) % 64;

	(void)state;
	scene_close(s);
	snprintf(text, sizeof(text),
		 DRIVER "[endstop_phase stepper_z]\ntrigger_phase: %d/64\nendstop_accuracy: 0.05\n",
		 phase);
	s = open_phase("cartesian", text);
	run(s, "G28\n");
	assert_true(scene_agrees(s, 1));
	/* Ten microsteps either way are known; more is not the switch that it was. */
	for (int i = -14; i <= 14; i++) {
		run(s, "SET_KINEMATIC_POSITION Z=3\nG1 Z4 F600\n");
		scene_endstop(s, AXIS_Z)->trigger_mm = i * 0.0025;
		scene_hush(s);
		scene_run(s, "G28 Z\n");
		if (abs(i) <= 9) {
			assert_int_equal(s->errors, 0);
			/* It is named as if the switch were where it was. */
			assert_true(fabs(scene_off_microsteps(s, AXIS_Z)) <= 1);
		} else if (abs(i) >= 12) {
			assert_int_equal(s->errors, 1);
			assert_true(scene_said(
				s, "homing Z: the endstop of stepper_z triggered at phase"));
			assert_int_equal(s->b.m->homed & 4, 0);
		}
	}
	scene_endstop(s, AXIS_Z)->trigger_mm = 0;
	run(s, "SET_KINEMATIC_POSITION Z=3\nG1 Z4\nG28\nG1 X30 Z5\n");
	assert_true(scene_agrees(s, 1));
	scene_close(s);
}

static void test_calibrated(void **state)
{
	struct scene *s = open_phase("cartesian", NOISE DRIVER "[endstop_phase]\n");
	double least, most, phase = true_phase(s, AXIS_Z), found;
	char *saved;

	(void)state;
	run(s, "ENDSTOP_PHASE_CALIBRATE\n");
	assert_true(scene_said(s, "stepper_z: not homed yet"));
	refused(s, "ENDSTOP_PHASE_CALIBRATE STEPPER=stepper_x\n",
		"expected a motor of [endstop_phase]");
	rounds(s, &least, &most);
	run(s, "ENDSTOP_PHASE_CALIBRATE\nENDSTOP_PHASE_CALIBRATE STEPPER=stepper_z\n");
	found = said_number(s, "stepper_z: trigger_phase=");
	if (!(spread(found, phase) <= NOISE_MM / MICROSTEP_Z_MM / 2))
		fail_msg("phase %.2f, found %g: %s", phase, found, s->said);
	/* All homings are alike now, as far off as it. */
	rounds(s, &least, &most);
	assert_true(most - least <= 1);
	run(s, "SAVE_CONFIG\n");
	assert_false(s->b.m->restart_wanted);
	saved = simrun_read(path, NULL);
	assert_non_null(strstr(saved, "#*# [endstop_phase stepper_z]\n#*# trigger_phase = "));
	free(saved);
	assert_true(scene_exact(s));
	scene_close(s);
	s = open_scene(path, NULL);
	assert_int_equal(s->b.m->endstop_phase.motor[0].trigger, (int)found);
	scene_close(s);
}

static void test_zero_at_a_full_step(void **state)
{
	struct scene *s = open_phase("cartesian", DRIVER);
	int phase = (int)lround(true_phase(s, AXIS_Z)) % 64;

	(void)state;
	scene_close(s);
	for (int i = 0; i < 7; i++) {
		int trigger = (phase + 64 + (i - 3) * 5) % 64;
		char text[400];

		snprintf(text, sizeof(text),
			 NOISE DRIVER "[endstop_phase stepper_z]\ntrigger_phase: %d/64\n"
				      "endstop_align_zero: True\n",
			 trigger);
		s = open_phase("cartesian", text);
		for (int round = 0; round < 3; round++) {
			int64_t mscnt;

			run(s, "G28\nG1 Z0.08 F600\n"); /* two full steps */
			mscnt = START_MSCNT - s->b.printer.steppers[AXIS_Z].pos_steps * 16;
			/* Full steps are 256 apart. */
			mscnt = ((mscnt % 256) + 256) % 256;
			if (!(mscnt <= 16 || mscnt >= 240))
				fail_msg("trigger_phase %d: at %d of 256", trigger, (int)mscnt);
		}
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

static void test_towers(void **state)
{
	static const char drivers[] =
		"[stepd_sim]\nendstop_noise: 0.2\nendstop_hysteresis: 0.5\n"
		"[tmc2209 stepper_a]\nuart_pin: PG0\nrun_current: 0.8\n"
		"[tmc2209 stepper_b]\nuart_pin: PG0\nuart_address: 1\nrun_current: 0.8\n"
		"[tmc2209 stepper_c]\nuart_pin: PG0\nuart_address: 2\nrun_current: 0.8\n";
	struct scene *s = open_phase("delta", drivers);
	char text[1000];

	(void)state;
	snprintf(text, sizeof(text),
		 "%s[endstop_phase stepper_a]\ntrigger_phase: %d/64\n"
		 "[endstop_phase stepper_b]\ntrigger_phase: %d/64\n"
		 "[endstop_phase stepper_c]\ntrigger_phase: %d/64\n",
		 drivers, (int)lround(true_phase(s, 0)) % 64, (int)lround(true_phase(s, 1)) % 64,
		 (int)lround(true_phase(s, 2)) % 64);
	scene_close(s);
	s = open_phase("delta", text);
	for (int i = 0; i < ROUNDS; i++) {
		run(s, "G28\n");
		assert_true(scene_agrees(s, 1));
		run(s, "G1 X10 Y-20 Z50 F6000\n");
		assert_true(scene_agrees(s, 1));
	}
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_corrected, simrun_teardown),
		cmocka_unit_test_teardown(test_too_far, simrun_teardown),
		cmocka_unit_test_teardown(test_calibrated, simrun_teardown),
		cmocka_unit_test_teardown(test_zero_at_a_full_step, simrun_teardown),
		cmocka_unit_test_teardown(test_towers, simrun_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
