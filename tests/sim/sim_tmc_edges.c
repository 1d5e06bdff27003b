/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_tmc_edges.c - stepping at both edges, and drivers that forget what they were told.
 *
 * Shown: motors step at both edges of their pins if driver, firmware and pulse allow it, at one else, exact either way. A
 * driver of each kind that can tell a reset and has one in the middle of a move stops the machine though its errors are only
 * to hold it, also if it fell silent before; its axis is not known after it, and exact again once it was homed.
 * How: tests/simlib/drivers.h; register models (mcu/boards/sim/chip_tmc.c) whose dedge decides what an edge moves.
 * An argument names the cases to run. STEPD_ECHO=1 shows the replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/simlib/drivers.h"
#include "tests/simlib/simrun.h"

/* ---- steps at both edges ---- */

static struct {
	int pin;
	uint64_t edges;
} stepped;

static void count_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	(void)ctx, (void)level, (void)clock;
	stepped.edges += pin == stepped.pin;
}

/* Edges of a motor's step pin for each step that it makes; the motor turns as its driver's registers say. */
static double edges_a_step(int motor, bool dedge, const char *const *overrides)
{
	struct scene *s = scene_open(drivers_file(), overrides);
	struct sim_hooks hooks;
	uint64_t steps;
	double edges;

	assert_non_null(s);
	scene_run(s, "G4 P10\nG28\nG1 X1 Y1 Z1 F6000\n");
	hooks = s->b.mcu[0].hooks;
	hooks.edge = count_edge;
	sim_set_hooks(s->b.mcu[0].sim, &hooks);
	stepped.pin = s->b.printer.steppers[motor].step_pin;
	stepped.edges = 0;
	steps = s->b.printer.steppers[motor].edge_count;
	scene_run(s, "G1 X120 Y90 Z30 F6000\nG1 X21.3 Y5 Z2\n");
	steps = s->b.printer.steppers[motor].edge_count - steps;
	assert_true(steps > 1000);
	edges = (double)stepped.edges / (double)steps;
	assert_true(scene_agrees(s, 1.5));
	assert_int_equal(s->b.tmc[motor].both_edges, dedge);
	assert_int_equal(s->b.m->motor[motor].both_edges, dedge);
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	scene_close(s);
	return edges;
}

/* Where driver and firmware can, and the pulse isn't a long one. */
static void both_edges(void **state)
{
	static const char *const slow[] = { "stepper_x.step_pulse_duration=0.000002", NULL };
	static const char *const limit[] = { "stepper_y.step_pulse_duration=0.0000005", NULL };
	static const char *const inverted[] = { "stepper_x.step_pin=!PA0", "stepper_x.dir_pin=!PA1",
						NULL };
	static const char *const firmware[] = { "stepd_sim.without=both_edge", NULL };
	struct scene *s = drivers_open(false);

	(void)state;
	scene_close(s); /* the file is there */
	assert_true(edges_a_step(X, true, NULL) == 1);
	assert_true(edges_a_step(Y, true, limit) == 1);
	assert_true(edges_a_step(X, true, inverted) == 1);
	assert_true(edges_a_step(X, false, slow) == 2);
	assert_true(edges_a_step(Y, true, slow) == 1); /* that one's pulse is short */
	assert_true(edges_a_step(X, false, firmware) == 2);
	assert_true(edges_a_step(Y, false, firmware) == 2);
}

/* A driver that has forgotten it makes half of the steps: the model tells. */
static void both_edges_forgotten(void **state)
{
	struct scene *s = drivers_open(false);
	double from_mm;

	(void)state;
	scene_run(s, "G28\n");
	from_mm = scene_truth_mm(s, AXIS_X);
	s->b.tmc[X].both_edges = false;
	scene_run(s, "G1 X40 F6000\n");
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - from_mm - 20) < 0.1);
	scene_close(s);
}

/* ---- a reset ---- */

/* Something that takes longer than the look at it, each motor in its turn. */
static const char *moving(int driver)
{
	switch (driver) {
	case X:
		return "G1 X190 F1200\n";
	case E:
		return "M83\nG1 E40 F300\n";
	case Z:
		return "G1 Z100 F1200\n";
	case B:
		return "MANUAL_STEPPER STEPPER=b MOVE=100 SPEED=20 SYNC=0\nG1 X190 F1200\n";
	default:
		return "MANUAL_STEPPER STEPPER=d MOVE=100 SPEED=20 SYNC=0\nG1 X190 F1200\n";
	}
}

static void stopped_by_reset(struct scene *s, int driver)
{
	char text[64];

	snprintf(text, sizeof(text), "%s: it has been reset: was its supply gone?",
		 s->b.mc->tmc[driver].chip->name);
	assert_true(scene_said(s, text));
	assert_int_equal(s->b.m->state, MACHINE_FAULT);
	assert_int_equal(s->b.tmc[driver].reg[0x01], 0);
	assert_true(s->b.tmc[driver].both_edges); /* written anew */
	scene_hush(s);
	assert_int_equal(scene_now(s, "CLEAR_FAULT"), GCODE_OK);
	assert_true(scene_said(s, "1 cleared, 0 latched"));
	scene_pass(s, 1);
	assert_int_equal(s->b.m->state, MACHINE_READY);
}

static void reset_in_a_move(void **state)
{
	static const int who[] = { X, Z, E, B, D };

	(void)state;
	for (size_t i = 0; i < sizeof(who) / sizeof(*who); i++) {
		struct scene *s = drivers_open(true);

		scene_run(s, "G28\n");
		batch_lines(&s->b, moving(who[i]));
		scene_pass(s, 1);
		assert_true(chip_tmc_action(&s->b.tmc[who[i]], "reset", true));
		assert_false(s->b.tmc[who[i]].both_edges);
		scene_pass(s, 2.5);
		stopped_by_reset(s, who[i]);
		if (who[i] == X || who[i] == Z) {
			scene_hush(s);
			scene_run(s, who[i] == X ? "G1 X1\n" : "G1 Z1\n");
			assert_true(scene_said(s, "has no known position"));
			assert_int_equal(s->b.m->homed & 2, 2); /* Y has gone on as it should */
			scene_run(s, "G28\nG1 X30 Y20 Z10 F6000\n");
			assert_true(scene_agrees(s, 1.5));
		}
		scene_close(s);
	}
}

/* X, where a hold is asked for: as its axis is in doubt, it is a pause. */
static struct scene *silent_in_a_move(void)
{
	struct scene *s = drivers_open(true);

	scene_run(s, "G28\n");
	batch_lines(&s->b, moving(X));
	chip_tmc_action(&s->b.tmc[X], "silent", true);
	scene_pass(s, 3);
	assert_true(scene_said(s, "it does not answer on mcu:PC0"));
	assert_true(scene_said(s, "motion is held, then PAUSE is run, temperatures are kept;"));
	assert_int_equal(s->b.m->state, MACHINE_READY);
	return s;
}

/* First it falls silent, which pauses; it comes back as if it had never been told anything. */
static void reset_in_silence(void **state)
{
	struct scene *s = silent_in_a_move();

	(void)state;
	chip_tmc_action(&s->b.tmc[X], "reset", true);
	chip_tmc_action(&s->b.tmc[X], "ok", true);
	scene_pass(s, 3);
	stopped_by_reset(s, X);
	assert_int_equal(s->b.m->homed & 1, 0);
	scene_close(s);
}

/* One that only was silent may have lost steps: homed, the move goes on to its end. */
static void silence_alone(void **state)
{
	struct scene *s = silent_in_a_move();

	(void)state;
	chip_tmc_action(&s->b.tmc[X], "ok", true);
	scene_pass(s, 3);
	scene_run(s, "CLEAR_FAULT\nRESUME\n");
	assert_true(scene_said(s, "steps of X may be lost; expected G28 first"));
	scene_run(s, "G28 X\nRESUME\n");
	assert_true(batch_settle(&s->b));
	assert_int_equal(s->b.m->state, MACHINE_READY);
	assert_true(fabs(scene_truth_mm(s, AXIS_X) - 190) < 0.02);
	assert_true(scene_exact(s));
	scene_close(s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_edges),      cmocka_unit_test(both_edges_forgotten),
		cmocka_unit_test(reset_in_a_move), cmocka_unit_test(reset_in_silence),
		cmocka_unit_test(silence_alone),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
