// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_holds.c - feed holds at random instants of a print, each of them measured at the pins.
 *
 * Shown, on a CoreXY machine with MZV shapers and pressure advance: every hold begins to act within the horizon
 * and 10 ms; the motors rest within the time that the deceleration takes besides, and what shapers and smoothing
 * add; the place is on the path; nothing moves before RESUME; and the print ends with every step exact.
 * How: the machine in this process (tests/simlib/scene.h), seeds printed. A few dozen holds of the demo, or
 * `make holds HOLDS=10000 HOLDS_FILE=FILE`, as often the file as it takes. Repeat with STEPD_SEED=<printed seed>.
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

#define CONFIG "etc/sim-corexy.cfg"
#define DEMO "etc/demo/demo.gcode"
#define HORIZON_S 0.1
#define MARGIN_S 0.010
/* Half a microstep of X and of Y, both off by as much; and of Z. */
#define PINS_MM 0.0090

enum { DEMO_LINES = 6000, HOLDS_DEFAULT = 60, TURNS_MAX = 100000 };

struct figures {
	long holds, moving; /* and those of them that came in mid-move */
	double acts_s, acts_s_sum, slows_s, rests_s, beyond_s; /* the most of each */
	double off_mm, pins_off_mm;
};

/* What the engine says of the motion. */
struct watch {
	struct engine_observer next;
	bool held;
	double slows_s; /* the parts since a hold take this long */
};

static struct watch watch;
static struct figures fig;

static void on_move(void *ctx, const struct move *m, double start_s)
{
	if (watch.held)
		watch.slows_s += m->accel_s + m->cruise_s + m->decel_s;
	watch.next.move(ctx, m, start_s);
}

static void watch_engine(struct engine *e)
{
	watch = (struct watch){ .next = e->cfg.observer };
	e->cfg.observer.move = on_move;
}

static void now(struct scene *s, const char *line)
{
	assert_int_equal(scene_now(s, line), GCODE_OK);
}

static double last_step_s(const struct scene *s)
{
	double last_s = 0;

	for (size_t i = 0; i < s->b.m->motors; i++)
		last_s = fmax(last_s, checker_last_s(s->b.checker, (uint32_t)i));
	return last_s;
}

/* What the taps of shapers and smoothing put off at most. */
static double span_s(const struct engine *e)
{
	double span = shaper_span_s(&e->shaper), delay = shaper_newest(&e->shaper)->delay_s;

	for (int i = 0; i < e->steppers; i++)
		if (e->stepper[i].extrude)
			span = fmax(span, delay + extrude_half_s(e->stepper[i].extrude));
	return span;
}

/* From the straight line of the move under way. */
static double off_path_mm(const struct move *m, const double at_mm[MOVE_AXES])
{
	double by[3], along = 0, dir2 = 0, off2 = 0;

	for (int i = 0; i < 3; i++) {
		by[i] = at_mm[i] - m->start_mm[i];
		along += by[i] * m->dir[i];
		dir2 += m->dir[i] * m->dir[i];
	}
	along = dir2 > 0 ? fmin(fmax(along / dir2, 0), m->length_mm) : 0;
	for (int i = 0; i < 3; i++)
		off2 += (by[i] - along * m->dir[i]) * (by[i] - along * m->dir[i]);
	return sqrt(off2);
}

static void measure(struct scene *s, double told_s, double last_before_s)
{
	const struct engine *e = s->b.m->engine;
	double end_s = trapq_end_s(&e->trapq), last_s = last_step_s(s), at_mm[MOVE_AXES], off,
	       rests_s;

	fig.holds++;
	trapq_end_position(&e->trapq, at_mm);
	off = off_path_mm(&e->warp.planned, at_mm);
	fig.off_mm = fmax(fig.off_mm, off);
	assert_true(off < 1e-9);
	for (int i = 0; i < 3; i++)
		at_mm[i] = scene_truth_mm(s, i);
	off = off_path_mm(&e->warp.planned, at_mm);
	fig.pins_off_mm = fmax(fig.pins_off_mm, off);
	if (off > PINS_MM)
		fail_msg("hold %ld: the motors rest %.5f mm off the path", fig.holds, off);
	if (last_s == last_before_s || watch.slows_s == 0)
		return; /* nothing moved then */
	fig.moving++;
	fig.acts_s = fmax(fig.acts_s, end_s - watch.slows_s - told_s);
	fig.acts_s_sum += end_s - watch.slows_s - told_s;
	fig.slows_s = fmax(fig.slows_s, watch.slows_s);
	rests_s = last_s - told_s;
	fig.rests_s = fmax(fig.rests_s, rests_s);
	fig.beyond_s = fmax(fig.beyond_s, rests_s - watch.slows_s - span_s(e));
	if (end_s - watch.slows_s - told_s > HORIZON_S + MARGIN_S ||
	    rests_s > HORIZON_S + MARGIN_S + watch.slows_s + span_s(e))
		fail_msg("hold %ld acts after %.1f ms, slows down for %.1f ms, rests after %.1f ms",
			 fig.holds, (end_s - watch.slows_s - told_s) * 1e3, watch.slows_s * 1e3,
			 rests_s * 1e3);
}

static void turn(struct scene *s, struct scene_file *f)
{
	batch_turn(&s->b, scene_feed(s, f));
	if (s->b.m->state != MACHINE_READY)
		fail_msg("hold %ld: %s", fig.holds, s->b.m->reason);
}

static void turns_until(struct scene *s, struct scene_file *f, double seconds)
{
	int64_t until_ns = s->b.now_ns + (int64_t)(seconds * 1e9);

	while (s->b.now_ns < until_ns)
		turn(s, f);
}

/* Hold, rest, measure, go on. */
static void hold(struct scene *s, struct scene_file *f, uint64_t *rng)
{
	struct engine *e = s->b.m->engine;
	double told_s, last_before_s = last_step_s(s), last_s;

	watch.held = true;
	watch.slows_s = 0;
	now(s, "HOLD");
	told_s = clocksync_machine_s(&e->mcu[0].sync, s->b.now_ns);
	for (int i = 0; !e->warp.paused || e->now_s < trapq_end_s(&e->trapq) + span_s(e); i++) {
		assert_true(i < TURNS_MAX);
		turn(s, f);
	}
	turns_until(s, f, 0.01);
	watch.held = false;
	last_s = last_step_s(s);
	measure(s, told_s, last_before_s);
	turns_until(s, f, random_uniform(rng, 0, 0.3));
	assert_true(last_step_s(s) == last_s);
	now(s, "RESUME");
}

static void print(const char *path, uint32_t lines, long holds, uint64_t seed)
{
	static const char *const overrides[] = { "input_shaper.shaper_freq_x=50.6",
						 "input_shaper.shaper_freq_y=41.8",
						 "extruder.pressure_advance=0.04", NULL };
	struct scene *s = scene_open(CONFIG, overrides);
	uint64_t rng = seed, steps;
	struct scene_file f;
	double print_s;

	assert_non_null(s);
	if (!scene_file_open(&f, path, lines))
		fail_msg("%s can't be read", path);
	assert_true(batch_settle(&s->b));
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		scene_push_mm(s, axis, 0); /* where the machine believes to be */
	watch_engine(s->b.m->engine);
	turns_until(s, &f, 0.2);
	while (f.more) {
		turns_until(s, &f, random_uniform(&rng, 0.01, 0.33));
		if (fig.holds < holds && f.more)
			hold(s, &f, &rng);
	}
	scene_file_close(&f);
	assert_true(batch_settle(&s->b));
	print_s = s->b.last_move_s;
	assert_int_equal(s->errors, 0);
	assert_true(scene_exact(s));
	steps = s->b.result.all.steps;
	printf("%s, seed %llu: %ld holds, %.0f s, %llu steps exact\n", path,
	       (unsigned long long)seed, fig.holds, print_s, (unsigned long long)steps);
	scene_close(s);
}

static void holds_of_a_print(void **state)
{
	const char *file = getenv("HOLDS_FILE"), *text = getenv("HOLDS");
	long holds = text && *text ? strtol(text, NULL, 10) : HOLDS_DEFAULT * (long)simrun_size();
	unsigned long seed = simrun_seed(1);
	bool own = file && *file;

	(void)state;
	while (fig.holds < holds)
		print(own ? file : DEMO, own ? UINT32_MAX : DEMO_LINES, holds, seed++);
	printf("%ld holds, %ld of them in motion:\n"
	       "  act after %.1f ms on average and %.1f ms at most (horizon %.0f ms)\n"
	       "  slow down for at most %.1f ms, rest after at most %.1f ms,\n"
	       "  at most %.1f ms later than the deceleration and the shapers take\n"
	       "  at rest off the path: commanded %.1e mm, motors %.4f mm\n",
	       fig.holds, fig.moving, fig.acts_s_sum / (double)fig.moving * 1e3, fig.acts_s * 1e3,
	       HORIZON_S * 1e3, fig.slows_s * 1e3, fig.rests_s * 1e3, fig.beyond_s * 1e3,
	       fig.off_mm, fig.pins_off_mm);
	assert_true(fig.moving > holds / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_of_a_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
