// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_extrude_live.c - extruders' changes in the middle of moves that are planned already.
 *
 * Shown: SYNC_EXTRUDER_MOTION and SET_PRESSURE_ADVANCE given out of band in the middle of a 280 mm move act at
 * the pins within the horizon and 10 ms, at horizons of 100 and 20 ms; given in the file they act where they
 * stand. One out of band changes what it says and nothing else, and what the file says later still holds.
 * Random prints of long and short moves with such commands every few ms at any instant, two extruders
 * and a stepper that goes from one to the other and back, with and without input shapers, held and resumed: no violation, no step
 * farther than 12.5 us from its exact time, positions exact. A wider window than the machine's delay waits for that,
 * which is shorter again once the machine rests.
 * What is said between a homing trigger and the next motion is kept.
 * How: the whole machine in virtual time, tests/simlib/scene.h; step times from the simulated firmware.
 * Repeat: STEPD_SEED=n tests/run build/tests/sim/sim_extrude_live; the seed is printed.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oracle/refmotion.h"
#include "tests/simlib/scene.h"
#include "tests/simlib/simrun.h"

enum { PIECES = 60 };

static unsigned long seed;

/* The last steps of one motor, and the first whose distance from the one before it is another. */
static struct {
	int motor;
	uint64_t last, steady; /* clock; ticks between steps, once steady */
	unsigned same, steps;
	int64_t changed_ns;
	bool watching;
} pin;

static const char *machine_write(const char *kinematics)
{
	const char *path = simrun_path("live.cfg");
	char base[64], full[PATH_MAX];
	FILE *f = simrun_create(path);

	snprintf(base, sizeof(base), "etc/sim-%s.cfg", kinematics);
	fprintf(f, "[include %s]\n", realpath(base, full) ? full : base);
	fprintf(f, "[extruder1]\nstep_pin: PF0\ndir_pin: PF1\nenable_pin: !PF2\n"
		   "rotation_distance: 8\nmicrosteps: 16\nstep_pulse_duration: 0.0000005\n"
		   "nozzle_diameter: 0.6\nfilament_diameter: 1.75\npressure_advance: 0.05\n"
		   "max_extrude_cross_section: 100\n");
	fprintf(f,
		"[extruder_stepper belt]\nstep_pin: PF3\ndir_pin: !PF4\n"
		"rotation_distance: 22\nmicrosteps: 32\nstep_pulse_duration: 0.0000005\n"
		"extruder: extruder\npressure_advance: 0.03\npressure_advance_smooth_time: 0.02\n");
	fclose(f);
	return path;
}

static struct scene *open_machine(const char *kinematics, const char *const *overrides)
{
	struct scene *s = scene_open(machine_write(kinematics), overrides);

	assert_non_null(s);
	return s;
}

static int motor_of(const struct scene *s, const char *name)
{
	for (size_t i = 0; i < s->b.m->motors; i++)
		if (!strcmp(s->b.m->motor[i].cfg->name, name))
			return (int)i;
	fail_msg("no motor %s", name);
	return -1;
}

static void out_of_band(struct scene *s, const char *line)
{
	scene_now(s, line);
}

/* ---- when it acts ---- */

static void on_step(void *ctx, int motor, int dir, uint64_t clock)
{
	struct scene *s = ctx;
	uint64_t gap = clock - pin.last;

	(void)dir;
	if (motor != pin.motor)
		return;
	pin.last = clock;
	pin.steps++;
	if (!pin.watching) {
		pin.same = gap + 1 >= pin.steady && gap <= pin.steady + 1 ? pin.same + 1 : 0;
		pin.steady = pin.same ? pin.steady : gap;
	} else if (!pin.changed_ns && fabs((double)gap / (double)pin.steady - 1) > 0.02) {
		pin.changed_ns = s->b.now_ns;
	}
}

/* From the command to the first step interval that is 2 % off, s. */
static double latency_s(const char *kinematics, const char *motor, const char *command, bool now,
			const char *const *overrides)
{
	struct scene *s = open_machine(kinematics, overrides);
	int64_t told_ns;

	assert_true(scene_run(s, "G28\nM83\nG1 X5 Y20 Z5 F12000\nM400\n"));
	memset(&pin, 0, sizeof(pin));
	pin.motor = motor_of(s, motor);
	s->b.stepped = on_step;
	s->b.stepped_ctx = s;
	batch_lines(&s->b, "G1 X145 E14 F2400\n");
	scene_pass(s, 1.0);
	assert_true(pin.same > 200); /* at constant speed */
	pin.watching = true;
	told_ns = s->b.now_ns;
	if (now)
		out_of_band(s, command);
	else
		batch_lines(&s->b, command);
	scene_pass(s, 10);
	s->b.stepped = NULL;
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	assert_true(pin.changed_ns > 0);
	scene_close(s);
	return (double)(pin.changed_ns - told_ns) * 1e-9;
}

static void test_latency(void **state)
{
	static const char *const commands[][2] = {
		{ "belt", "SYNC_EXTRUDER_MOTION EXTRUDER=belt MOTION_QUEUE=" },
		{ "belt", "SYNC_EXTRUDER_MOTION EXTRUDER=belt MOTION_QUEUE=extruder1" },
		{ "extruder", "SET_PRESSURE_ADVANCE ADVANCE=0.09" },
		{ "extruder", "SET_PRESSURE_ADVANCE ADVANCE=0" },
	};
	static const char *const horizons[] = { "100", "20" };

	(void)state;
	for (int h = 0; h < 2; h++) {
		char horizon[64], low_water[64];
		const char *overrides[] = { "extruder.pressure_advance=0.04", horizon, low_water,
					    NULL };
		double most_s = 1e-3 * atof(horizons[h]) + 0.01;

		snprintf(horizon, sizeof(horizon), "stepd.horizon_ms=%s", horizons[h]);
		snprintf(low_water, sizeof(low_water), "stepd.low_water_ms=%g",
			 atof(horizons[h]) / 2);
		for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
			double s = latency_s(i % 2 ? "corexy" : "cartesian", commands[i][0],
					     commands[i][1], true, overrides);

			print_message("horizon %s ms: %s: %.1f ms\n", horizons[h], commands[i][1],
				      s * 1e3);
			if (!(s > 0 && s <= most_s))
				fail_msg("%s acts after %.1f ms", commands[i][1], s * 1e3);
		}
	}
	/* In the file: when the move is over, 3.5 s after it began. */
	assert_true(latency_s("cartesian", "extruder", "SET_PRESSURE_ADVANCE ADVANCE=0.09\n", false,
			      NULL) > 2.3);
}

/* ---- what it changes ---- */

static const struct extrude_param *newest(const struct scene *s, const char *motor)
{
	return extrude_newest(s->b.m->engine->stepper[motor_of(s, motor)].extrude);
}

static void test_fields(void **state)
{
	struct scene *s = open_machine("cartesian", NULL);

	(void)state;
	assert_true(scene_run(s, "G28\nM83\nG1 X5 Y20 Z5 F12000\nM400\n"));
	/* Two changes wait behind a move; what comes in its middle holds where they say nothing. */
	batch_lines(&s->b, "G1 X145 E7 F6000\nSET_PRESSURE_ADVANCE EXTRUDER=belt ADVANCE=0.05\n"
			   "G1 X5 E7\nSYNC_EXTRUDER_MOTION EXTRUDER=belt MOTION_QUEUE=extruder1\n"
			   "G1 X6\n");
	scene_pass(s, 0.5);
	out_of_band(s, "SET_PRESSURE_ADVANCE EXTRUDER=belt ADVANCE=0.01 SMOOTH_TIME=0.016");
	assert_true(batch_settle(&s->b));
	assert_true(newest(s, "belt")->advance_s == 0.05);
	assert_true(newest(s, "belt")->half_s == 0.008);
	assert_int_equal(newest(s, "belt")->source, 1);
	assert_int_equal(s->errors, 0);
	/* A wider window than ever waits for the machine's delay; then it is there. */
	assert_true(scene_run(s, "G1 X145 E0.1\n"));
	batch_lines(&s->b, "G1 X5 E1 F6000\nG1 X100 E1\n");
	scene_pass(s, 0.5);
	out_of_band(s, "SET_PRESSURE_ADVANCE EXTRUDER=belt SMOOTH_TIME=0.15");
	assert_true(batch_settle(&s->b));
	assert_true(newest(s, "belt")->half_s == 0.075);
	/* Without motion. */
	out_of_band(s, "SYNC_EXTRUDER_MOTION EXTRUDER=belt MOTION_QUEUE=");
	scene_pass(s, 0.5);
	assert_int_equal(newest(s, "belt")->source, EXTRUDE_NONE);
	assert_true(scene_run(s, "G1 X50 E1 F6000\n"));
	assert_int_equal(s->errors, 0);
	out_of_band(s, "ACTIVATE_EXTRUDER EXTRUDER=extruder1"); /* belongs to the file */
	assert_int_equal(s->errors, 1);
	assert_true(scene_exact(s));
	scene_close(s);
}

/* ---- at random ---- */

static void random_command(char *line, size_t cap, uint64_t *rng)
{
	static const char *const names[] = { "extruder", "extruder1", "belt" };
	const char *name = names[ref_random(rng) % 3];

	switch (ref_random(rng) % 5) {
	case 0:
	case 1:
		snprintf(line, cap, "SET_PRESSURE_ADVANCE EXTRUDER=%s ADVANCE=%.3f", name,
			 ref_random(rng) % 4 ? ref_uniform(rng, 0.0, 0.1) : 0.0);
		break;
	case 2:
		snprintf(line, cap, "SET_PRESSURE_ADVANCE EXTRUDER=%s SMOOTH_TIME=%.3f", name,
			 ref_random(rng) % 20 ? ref_uniform(rng, 0.01, 0.06) : 0.12);
		break;
	default:
		snprintf(line, cap, "SYNC_EXTRUDER_MOTION EXTRUDER=%s MOTION_QUEUE=%s",
			 ref_random(rng) % 2 ? "belt" : name,
			 ref_random(rng) % 5 ? names[ref_random(rng) % 2] : "");
	}
}

static void write_print(FILE *f, uint64_t *rng)
{
	char line[160];

	fprintf(f, "G28\nM83\n");
	for (int i = 0; i < PIECES; i++) {
		double far = ref_random(rng) % 3 ? 140 : 10;

		fprintf(f, "G1 X%.3f Y%.3f E%.4f F%.0f\n", ref_uniform(rng, 5, 5 + far),
			ref_uniform(rng, 5, 5 + far), ref_uniform(rng, 0.01, 0.1) * far / 10,
			ref_uniform(rng, 1200, 12000));
		if (ref_random(rng) % 3 == 0) {
			random_command(line, sizeof(line), rng);
			fprintf(f, "%s\n", line);
		}
		if (ref_random(rng) % 12 == 0)
			fprintf(f, "SET_INPUT_SHAPER SHAPER_FREQ_X=%.1f\n",
				ref_uniform(rng, 30, 90));
		if (ref_random(rng) % 8 == 0)
			fprintf(f, "ACTIVATE_EXTRUDER EXTRUDER=extruder%s\nG4 P%.0f\n",
				ref_random(rng) % 2 ? "1" : "", ref_uniform(rng, 0, 200));
	}
}

static void test_random(void **state)
{
	static const char *const plain[] = { "extruder.pressure_advance=0.04",
					     "extruder.max_extrude_cross_section=100", NULL };
	static const char *const shaped[] = { "extruder.pressure_advance=0.04",
					      "extruder.max_extrude_cross_section=100",
					      "input_shaper.shaper_freq_x=50.6",
					      "input_shaper.shaper_freq_y=41.8", NULL };

	(void)state;
	for (int i = 0; i < 6; i++) {
		const char *path = simrun_path("random.gcode");
		uint64_t rng = seed * 100 + (unsigned)i;
		struct scene *s = open_machine(i % 2 ? "corexy" : "cartesian",
					       i % 3 ? shaped : plain);
		FILE *f = simrun_create(path);
		char *text, *line, *rest = NULL, command[160];

		write_print(f, &rng);
		fclose(f);
		text = simrun_read(path, NULL);
		assert_non_null(text);
		for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			batch_lines(&s->b, line);
			/* every 10 ms for a while */
			for (int n = (int)(ref_random(&rng) % 30); n > 0; n--) {
				scene_pass(s, ref_uniform(&rng, 0.001, 0.02));
				random_command(command, sizeof(command), &rng);
				if (s->b.m->homing.state == HOMING_IDLE)
					out_of_band(s, command);
			}
			/* and the motion itself goes otherwise */
			if (ref_random(&rng) % 4 == 0) {
				out_of_band(s, "HOLD");
				scene_pass(s, ref_uniform(&rng, 0.01, 0.5));
				random_command(command, sizeof(command), &rng);
				out_of_band(s, command);
				out_of_band(s, "RESUME");
			}
		}
		free(text);
		assert_true(batch_settle(&s->b));
		if (s->errors)
			fail_msg("%s", s->said + (s->said_len > 300 ? s->said_len - 300 : 0));
		s->said_len = 0;
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

/* What was said while an axis homes is not lost with the plan that its switch voids. */
static void test_homing(void **state)
{
	struct scene *s = open_machine("cartesian", NULL);
	const struct extrude_param *now;
	const struct extrude *ex;

	(void)state;
	batch_lines(&s->b, "G28\n");
	for (int i = 0; i < 20000 && !s->b.m->engine->held; i++)
		scene_pass(s, 0.001);
	assert_true(s->b.m->engine->held);
	out_of_band(s, "SET_PRESSURE_ADVANCE EXTRUDER=extruder ADVANCE=0.08 SMOOTH_TIME=0.15");
	assert_true(scene_run(s, "M83\nG1 X50 Y50 Z5 F6000\nG1 X100 E2\nM400\n"));
	ex = s->b.m->engine->stepper[motor_of(s, "extruder")].extrude;
	assert_non_null(ex);
	now = extrude_newest(ex);
	assert_true(now->advance_s == 0.08 && fabs(now->half_s - 0.075) < 1e-12);
	assert_true(scene_exact(s));
	scene_close(s);
}

static void assert_delay(const struct scene *s, double delay_s)
{
	double is_s = shaper_newest(&s->b.m->engine->shaper)->delay_s;

	if (fabs(is_s - delay_s) > 1e-9)
		fail_msg("the delay is %.6f s, expected %.6f s", is_s, delay_s);
}

/* The delay grows for a wide window, stays while there is motion, and is shorter again once all has been made; what is
 * wide again then, out of band too, has the delay it needs first. */
static void test_delay(void **state)
{
	static const char *const kinematics[] = { "corexy", "delta", "polar" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinematics) / sizeof(*kinematics); i++) {
		struct scene *s = open_machine(kinematics[i], NULL);

		assert_true(scene_run(s, "M83\nG1 X45 Y10 Z8 F6000\nM400\n"));
		assert_delay(s, 0.02); /* extruder1's */
		assert_true(scene_run(s, "SET_PRESSURE_ADVANCE EXTRUDER=extruder ADVANCE=0.05 "
					 "SMOOTH_TIME=0.18\nG1 X60 Y30 E1\n"));
		assert_delay(s, 0.09);
		batch_lines(&s->b, "SET_PRESSURE_ADVANCE EXTRUDER=extruder SMOOTH_TIME=0.02\n"
				   "G1 X40 Y60 E2\nG1 X20 Y70 E1\n");
		scene_pass(s, 0.3);
		assert_delay(s, 0.09);
		assert_true(batch_settle(&s->b));
		scene_pass(s, 3);
		assert_delay(s, 0.02);
		out_of_band(s, "SET_PRESSURE_ADVANCE EXTRUDER=extruder SMOOTH_TIME=0.1");
		batch_lines(&s->b, "G1 X45 Y10 E2\nG1 X60 Y30 F1200 E1\n");
		scene_pass(s, 0.6);
		assert_delay(s, 0.05);
		out_of_band(s, "SET_PRESSURE_ADVANCE EXTRUDER=extruder SMOOTH_TIME=0.04");
		out_of_band(s, "SET_PRESSURE_ADVANCE EXTRUDER=extruder SMOOTH_TIME=0.08");
		/* shapers have a delay of their own */
		assert_true(scene_run(s, "SET_INPUT_SHAPER SHAPER_TYPE=3hump_ei SHAPER_FREQ_X=30 "
					 "SHAPER_FREQ_Y=40\nG1 X40 Y60 E2\nG1 X20 Y70 E1\n"));
		scene_pass(s, 3);
		assert_true(s->b.m->span_s > 0.06 && s->b.m->delay_s >= 0.04 - 1e-9);
		assert_true(scene_run(s, "SET_INPUT_SHAPER SHAPER_TYPE=zv\nG1 X40 Y60 E2\n"));
		scene_pass(s, 3);
		assert_true(s->b.m->span_s < 0.04);
		assert_delay(s, 0.04);
		assert_true(scene_run(s, "G1 X45 Y10 E2 F6000\nG1 X60 Y30 E1\n"));
		assert_int_equal(s->errors, 0);
		assert_true(scene_exact(s));
		scene_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latency), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_random),  cmocka_unit_test(test_homing),
		cmocka_unit_test(test_delay),
	};

	seed = simrun_seed(1);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
