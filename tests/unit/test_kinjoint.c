/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_kinjoint.c - steps of the non-linear joints against an exact reference.
 *
 * Shown: over random motion within reach, with rests and with axes that are named anew, the runs of every
 * kind of joint expand to exactly the reference's steps, each within the tolerance, in order, whatever the
 * microsteps; the same with the axes shaped, by shapers that change in mid-motion again and again, or with
 * nothing but another delay, and with motion that was taken back before it was due; a stop, a restart and a position read back lose nothing; a path out of reach is
 * an error.
 * How: the engine's cycle (5 ms, 50 ms due, 100 ms horizon) on one stepgen; the reference is in long double,
 * by halving (tests/oracle). Draws with a turning point or a reversal too close to call are left out.
 * Repeat: STEPD_SEED=<printed> build/tests/unit/test_kinjoint
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "stepgen.h"
#include "tests/oracle/refkin.h"
#include "tests/oracle/refmotion.h"
#include "tests/oracle/refshape.h"

enum { PHASES = 1024, MOVES = 24, STEPS = 400000, CHANGES = 6, SHAPED_MOVES = 200 };

static uint64_t rng;

struct rig {
	struct trapq tq;
	struct trapq_phase phases[PHASES];
	struct stepgen sg;
	struct ref_joint ref;
	double at_mm[MOVE_AXES]; /* as named */
	double least_mm;         /* nothing comes nearer to the Z axis */
	double start_s, end_s, speed_mm_s;
	struct kin kin;
	double steps_per_unit;
	uint64_t *clock; /* expanded */
	int8_t *dir;
	int64_t steps;
	uint64_t last_clock;
};

static const struct clockmap map = { 0.0, 1000, 50e6 };
static const double start_mm[MOVE_AXES] = { 30, -20, 10 }, zero_mm[MOVE_AXES];

/* Nothing of it leaves the middle of the reach, or comes near the Z axis. */
static bool inside(const struct rig *r, const double to_mm[3])
{
	double dx = to_mm[0] - r->at_mm[0], dy = to_mm[1] - r->at_mm[1], l2 = dx * dx + dy * dy;
	double s = l2 > 0 ? -(r->at_mm[0] * dx + r->at_mm[1] * dy) / l2 : 0;

	s = fmin(fmax(s, 0), 1);
	return hypot(to_mm[0], to_mm[1]) < 90 && to_mm[2] > 0 && to_mm[2] < 100 &&
	       hypot(r->at_mm[0] + s * dx, r->at_mm[1] + s * dy) > r->least_mm;
}

/* A move on from here, if it can be; it starts where r->end_s was, or after a rest. */
static bool draw_move(struct rig *r, bool stop, struct move *m)
{
	double dir[MOVE_AXES] = { 0 }, to_mm[3], n = 0, length = ref_loguniform(&rng, 0.02, 60);

	for (int i = 0; i < 3; i++) {
		dir[i] = ref_uniform(&rng, -1, 1) * (i == 2 && ref_random(&rng) >> 63 ? 0 : 1);
		n = hypot(n, dir[i]);
	}
	for (int i = 0; i < 3; i++) {
		dir[i] /= n;
		to_mm[i] = r->at_mm[i] + dir[i] * length;
	}
	if (!inside(r, to_mm) ||
	    !ref_move(&rng, m, r->at_mm, dir, length, ref_loguniform(&rng, 500, 20000),
		      r->speed_mm_s, 300, stop))
		return false;
	r->start_s = r->end_s + (r->speed_mm_s == 0 ? ref_uniform(&rng, 1e-3, 0.2) : 0);
	r->end_s = r->start_s + (m->accel_s + m->cruise_s + m->decel_s);
	r->speed_mm_s = m->end_mm_s;
	for (int i = 0; i < MOVE_AXES; i++)
		r->at_mm[i] = m->start_mm[i] + m->dir[i] * m->length_mm;
	return true;
}

/* One more move, or none. */
static void add_move(struct rig *r, bool stop)
{
	struct move m;

	if (!draw_move(r, stop, &m))
		return;
	assert_int_equal(trapq_append(&r->tq, &m, r->start_s), TRAPQ_OK);
	ref_joint_move(&r->ref, &m, r->start_s);
	assert_true(r->end_s == trapq_end_s(&r->tq));
}

static void draw_names(double named_mm[MOVE_AXES])
{
	do
		for (int i = 0; i < 3; i++)
			named_mm[i] = ref_uniform(&rng, i == 2 ? 1 : -60, 60);
	while (hypot(named_mm[0], named_mm[1]) < 5);
}

/* Somewhere else by name; the joint stays. */
static void rename_axes(struct rig *r)
{
	double named_mm[MOVE_AXES] = { 0 };

	draw_names(named_mm);
	trapq_set_position(&r->tq, named_mm);
	ref_joint_rename(&r->ref, r->at_mm, named_mm);
	memcpy(r->at_mm, named_mm, sizeof(named_mm));
}

static void expand(struct rig *r, const struct step_run *run)
{
	uint64_t clock = run->rebase ? run->base_clock : r->last_clock;

	for (int64_t j = 0; j < run->count; j++) {
		clock += (uint64_t)((int64_t)run->interval + (int64_t)run->add * j);
		assert_true(r->steps < STEPS);
		r->clock[r->steps] = clock;
		r->dir[r->steps++] = run->dir ? 1 : -1;
	}
	assert_true(clock == run->last_clock);
	r->last_clock = clock;
}

static void make_steps(struct rig *r, double from_s, double until_s)
{
	for (double now = from_s; now < until_s; now += 0.005) {
		struct step_run run;
		enum stepgen_result rc;

		while ((rc = stepgen_next(&r->sg, now + 0.05, now + 0.1, &map, &run)) == STEPGEN_RUN)
			expand(r, &run);
		if (rc != STEPGEN_NONE)
			fail_msg("kind %u: result %d at %.6f", r->ref.kin.kind, rc, now);
	}
}

static double steps_per_unit(enum kin_kind kind, int micro)
{
	double scale = micro / 16.0;

	return kind == KIN_ANGLE ? 2546.5 * scale : kind == KIN_ELBOW ? 12800 * scale : 80 * scale;
}

/* At rest at at_mm. */
static void start_joint(struct rig *r, const struct shaper *shaper)
{
	const struct stepgen_config cfg = { .kin = &r->kin,
					    .steps_per_unit = r->steps_per_unit,
					    .shaper = shaper };

	trapq_init(&r->tq, r->phases, PHASES);
	trapq_set_position(&r->tq, start_mm);
	stepgen_init(&r->sg, &cfg, &r->tq);
}

static void start(struct rig *r, enum kin_kind kind, int micro)
{
	double xyz[3];

	refkin_random(&rng, kind, &r->kin, xyz);
	r->steps = 0;
	r->last_clock = 0;
	r->end_s = 1.0;
	r->speed_mm_s = 0;
	r->least_mm = 0.5;
	memcpy(r->at_mm, start_mm, sizeof(start_mm));
	r->steps_per_unit = steps_per_unit(kind, micro) * (ref_random(&rng) >> 63 ? 1 : -1);
	start_joint(r, NULL);
	ref_joint_init_kin(&r->ref, &r->kin, r->steps_per_unit, r->at_mm);
}

/* Whether each step is there, in time. */
static void compare(struct rig *r)
{
	for (int64_t i = 0; i < r->steps && i < r->ref.n; i++) {
		long double due = 1000.0L + r->ref.steps[i].t_s * 50e6L;
		long double e = ((long double)r->clock[i] - due) / 50.0L;

		if (r->dir[i] != r->ref.steps[i].dir || fabsl(e) > 12.5L)
			fail_msg("kind %u: step %lld at %.9Lf s is %.3Lf us off, %d for %d",
				 r->ref.kin.kind, (long long)i, r->ref.steps[i].t_s, e, r->dir[i],
				 r->ref.steps[i].dir);
		if (i)
			assert_true(r->clock[i] > r->clock[i - 1]);
	}
	if (r->steps != r->ref.n)
		fail_msg("kind %u: %lld steps for %lld", r->ref.kin.kind, (long long)r->steps,
			 (long long)r->ref.n);
}

static struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->clock = calloc(STEPS, sizeof(*r->clock));
	r->dir = calloc(STEPS, sizeof(*r->dir));
	assert_true(r->clock && r->dir);
	return r;
}

static void rig_free(struct rig *r)
{
	free(r->clock);
	free(r->dir);
	free(r);
}

static void test_random_motion(void **state)
{
	struct rig *r = rig_new();
	const char *env = getenv("SIZE");
	int draws = 40 * (env && atoi(env) > 0 ? atoi(env) : 1), compared = 0;
	int64_t steps = 0;

	(void)state;
	for (int d = 0; d < draws; d++) {
		start(r, (enum kin_kind)(1 + d % (KIN_KINDS - 1)), d % 8 ? 16 : 128);
		for (int i = 0; i < MOVES && r->ref.n < STEPS / 2; i++) {
			bool stop = i % 12 == 11;

			add_move(r, stop);
			if (r->speed_mm_s == 0 && stop)
				rename_axes(r);
		}
		for (int i = 0; i < 500 && r->speed_mm_s > 0; i++)
			add_move(r, true); /* to rest */
		/* A reversal as long as the filter, or a turn on a threshold, may go either way. */
		if (r->speed_mm_s == 0 &&
		    ref_joint_filter(&r->ref, STEPGEN_REVERSAL_FILTER_S) > 1e-7L &&
		    r->ref.close_steps > 1e-6L) {
			make_steps(r, 0.8, r->end_s + 0.2);
			compare(r);
			compared++;
			steps += r->steps;
		}
		ref_joint_free(&r->ref);
	}
	printf("%d of %d draws compared, %lld steps\n", compared, draws, (long long)steps);
	assert_true(compared > draws / 3);
	rig_free(r);
}

/* ---- shaped axes ---- */

struct shaped {
	struct move move[SHAPED_MOVES];
	double start_s[SHAPED_MOVES], named_mm[SHAPED_MOVES][MOVE_AXES]; /* before the move */
	bool named[SHAPED_MOVES];
	int n, changes, change_move[CHANGES]; /* before that move is known */
	struct shaper_change change[CHANGES];
	struct ref_shape ref;
};

static struct plan_shaper random_shapers(void)
{
	struct plan_shaper plan = { .delay_s = ref_random(&rng) % 2 ? 0
								    : ref_uniform(&rng, 0, 0.05) };
	bool none = ref_random(&rng) % 3 == 0;

	for (int i = 0; i < 3 && !none; i++)
		plan.axis[i] = (struct plan_shaper_axis){
			.type = (uint32_t)(ref_random(&rng) % (i == 2 ? 2 : SHAPER_TYPES)),
			.freq_hz = ref_uniform(&rng, 25, 90),
			.damping_ratio = ref_uniform(&rng, 0, 0.2)
		};
	return plan;
}

/* Shapers change before the move, as the engine would have it. */
static void shape_change(struct shaped *sc, struct shaper *sh, double start_s)
{
	struct plan_shaper plan = random_shapers();
	struct ref_set *s = &sc->ref.set[sc->ref.sets++];
	struct shaper_set set;
	const struct shaper_change *c;

	assert_true(shaper_set_make(&plan, &set));
	assert_true(shaper_append(sh, &set, start_s + shaper_newest(sh)->delay_s, INFINITY));
	c = shaper_at_index(sh, sh->head - 1);
	*s = (struct ref_set){
		.at_s = c->at_s, .end_s = c->end_s, .n = (int)set.n, .slices = SHAPER_SLICES
	};
	for (int k = 0; k < s->n; k++) {
		s->tap[k].delay_s = set.tap[k].delay_s;
		memcpy(s->tap[k].amp, set.tap[k].amp, sizeof(set.tap[k].amp));
	}
	sc->change_move[sc->changes] = sc->n;
	sc->change[sc->changes++] = *c;
}

/* Random motion, from rest to rest; axes are named anew when no tap is in the motion before. */
static void shaped_scene(struct rig *r, struct shaped *sc)
{
	static struct shaper sh;
	int moves = 20 + (int)(ref_random(&rng) % 60);

	shaper_init(&sh);
	sc->n = sc->changes = 0;
	sc->ref = (struct ref_shape){ .sets = 1 };
	sc->ref.set[0] = (struct ref_set){ .n = 1, .tap = { { 0.0, { 1, 1, 1, 1 } } } };
	ref_shape_rename(&sc->ref, zero_mm, r->at_mm);
	for (int i = 0; i < 900 && sc->n < SHAPED_MOVES && (sc->n < moves || r->speed_mm_s > 0);
	     i++) {
		struct move *m = &sc->move[sc->n];

		sc->named[sc->n] = r->speed_mm_s == 0 && sc->n > 0 && ref_random(&rng) % 2;
		if (sc->named[sc->n]) {
			double before_mm[MOVE_AXES];

			memcpy(before_mm, r->at_mm, sizeof(before_mm));
			draw_names(r->at_mm);
			ref_shape_rename(&sc->ref, before_mm, r->at_mm);
			r->end_s += SHAPER_SPAN_S_MAX;
		}
		memcpy(sc->named_mm[sc->n], r->at_mm, sizeof(r->at_mm));
		while (!draw_move(r, sc->n >= moves || i % 12 == 11, m) && ++i < 900)
			;
		if (i >= 900)
			return;
		sc->start_s[sc->n] = r->start_s;
		if (sc->changes < CHANGES && (sc->n == 0 || ref_random(&rng) % 12 == 0))
			shape_change(sc, &sh, r->start_s);
		ref_shape_move(&sc->ref, m, sc->start_s[sc->n]);
		sc->n++;
	}
}

/* What is left of a move from after_s on. */
static struct move rest_of(const struct move *m, double after_s)
{
	double ta = fmin(after_s, m->accel_s), tc = fmin(after_s - ta, m->cruise_s);
	double td = after_s - ta - tc, s;
	struct move r = *m;

	s = (m->start_mm_s + 0.5 * m->accel_mm_s2 * ta) * ta + m->cruise_mm_s * tc +
	    (m->cruise_mm_s - 0.5 * m->accel_mm_s2 * td) * td;
	r.start_mm_s = td > 0 ? m->cruise_mm_s - m->accel_mm_s2 * td
			      : m->start_mm_s + m->accel_mm_s2 * ta;
	if (td > 0)
		r.cruise_mm_s = r.start_mm_s;
	r.accel_s -= ta;
	r.cruise_s -= tc;
	r.decel_s -= td;
	r.length_mm -= s;
	for (int i = 0; i < MOVE_AXES; i++)
		r.start_mm[i] += r.dir[i] * s;
	return r;
}

/* The end of the last move is taken back, and comes again. */
static void take_back(struct rig *r, const struct move *m, double start_s, double at_s)
{
	struct move rest;

	if (at_s <= start_s || at_s >= trapq_end_s(&r->tq) - 1e-4)
		return;
	rest = rest_of(m, at_s - start_s);
	trapq_cut(&r->tq, at_s);
	stepgen_cut(&r->sg, at_s);
	assert_int_equal(trapq_append(&r->tq, &rest, at_s), TRAPQ_OK);
}

/* Moves are known a little before they begin, changes before the next move is. */
static void shaped_run(struct rig *r, const struct shaped *sc)
{
	static struct shaper sh;
	double last_s = fmax(r->end_s + SHAPER_SPAN_S_MAX, sc->change[sc->changes - 1].end_s);
	int fed = 0, changed = 0;

	shaper_init(&sh);
	start_joint(r, &sh);
	for (double now = 0.9; now < last_s + 0.2; now += ref_uniform(&rng, 0.001, 0.01)) {
		double due = now + 0.05, limit = now + 0.1;
		struct step_run run;
		enum stepgen_result rc;

		while (fed < sc->n && sc->start_s[fed] < limit + 0.003) {
			double at_s = sc->start_s[fed], end_s = trapq_end_s(&r->tq);

			if (changed < sc->changes && sc->change_move[changed] == fed) {
				const struct shaper_change *c = &sc->change[changed++];

				assert_true(shaper_append(&sh, &c->set, c->at_s, INFINITY));
				assert_true(shaper_at_index(&sh, sh.head - 1)->at_s == c->at_s);
			}
			if (sc->named[fed])
				trapq_set_position(&r->tq, sc->named_mm[fed]);
			if (fabs(at_s - end_s) < 1e-9) /* the end of what came again is rounded */
				at_s = end_s;
			assert_int_equal(trapq_append(&r->tq, &sc->move[fed], at_s), TRAPQ_OK);
			fed++;
		}
		trapq_rest(&r->tq, limit);
		while ((rc = stepgen_next(&r->sg, due, limit, &map, &run)) == STEPGEN_RUN)
			expand(r, &run);
		if (rc != STEPGEN_NONE)
			fail_msg("kind %u: result %d at %.6f", r->kin.kind, rc, now);
		if (fed > 0 && ref_random(&rng) % 4 == 0)
			take_back(r, &sc->move[fed - 1], sc->start_s[fed - 1],
				  limit + 0.002 + ref_uniform(&rng, 0, 0.01));
		trapq_retire(&r->tq, stepgen_frontier_s(&r->sg) - SHAPER_SPAN_S_MAX);
		shaper_retire(&sh, stepgen_frontier_s(&r->sg));
	}
	assert_int_equal(fed, sc->n);
}

static void test_shaped(void **state)
{
	static struct shaped sc;
	struct rig *r = rig_new();
	const char *env = getenv("SIZE");
	int draws = 15 * (env && atoi(env) > 0 ? atoi(env) : 1), compared = 0;
	int64_t steps = 0;

	(void)state;
	for (int d = 0; d < draws; d++) {
		start(r, (enum kin_kind)(1 + d % (KIN_KINDS - 1)), d % 8 ? 16 : 128);
		r->least_mm = 4;
		shaped_scene(r, &sc);
		ref_shape_steps(&sc.ref, &r->ref);
		if (r->speed_mm_s == 0 && r->ref.n < STEPS / 2 &&
		    ref_joint_filter(&r->ref, STEPGEN_REVERSAL_FILTER_S) > 1e-7L &&
		    r->ref.close_steps > 1e-6L) {
			shaped_run(r, &sc);
			compare(r);
			compared++;
			steps += r->steps;
		}
		ref_shape_free(&sc.ref);
		ref_joint_free(&r->ref);
	}
	printf("%d of %d draws compared, %lld steps\n", compared, draws, (long long)steps);
	assert_true(compared > draws / 3);
	rig_free(r);
}

/* Motion is dropped at a random instant, the counter kept or read back; names say where it is. */
static void test_stops(void **state)
{
	struct rig *r = rig_new();

	(void)state;
	for (int d = 0; d < 30; d++) {
		enum kin_kind kind = (enum kin_kind)(1 + d % (KIN_KINDS - 1));
		double stop_s, end_mm[MOVE_AXES];
		struct trapq_point there;
		long double at;
		int64_t count;

		start(r, kind, 16);
		for (int i = 0; i < 20; i++)
			add_move(r, false);
		stop_s = ref_uniform(&rng, 1.1, r->end_s + 0.1);
		make_steps(r, 0.8, stop_s - 0.1);
		stop_s = fmax(stop_s, stepgen_frontier_s(&r->sg));
		/* what was handed out was due before; the rest is forgotten */
		trapq_at(&r->tq, stop_s, &there);
		for (int i = 0; i < MOVE_AXES; i++)
			there.pos_mm[i] -= r->tq.shift_mm[i]; /* the queue's frame */
		trapq_clear(&r->tq, stop_s, there.pos_mm);
		stepgen_restart(&r->sg);
		trapq_end_position(&r->tq, end_mm);
		count = stepgen_count(&r->sg);
		const long double xyz[3] = { end_mm[0], end_mm[1], end_mm[2] };

		at = refkin_position(&r->ref.kin, xyz) * r->ref.steps_per_unit;
		if (kind == KIN_ANGLE) {
			long double turn = 2 * M_PIl * r->ref.steps_per_unit;

			at += turn * roundl((stepgen_position(&r->sg, count) - at) / turn);
		}
		assert_true(fabsl(stepgen_position(&r->sg, count) - at) < 1.01L);
		/* read back: it slipped by 7 steps; the axes are called something else */
		stepgen_resync(&r->sg, count + 7);
		memcpy(r->at_mm, end_mm, sizeof(end_mm));
		rename_axes(r);
		ref_joint_free(&r->ref);
		ref_joint_init_kin(&r->ref, &r->kin, r->steps_per_unit, r->at_mm);
		r->ref.count = count + 7;
		r->ref.offset -= (long double)(count + 7);
		r->steps = 0;
		r->end_s = stop_s + 0.2;
		r->speed_mm_s = 0;
		for (int i = 0; i < 200 && (i < 10 || r->speed_mm_s > 0); i++)
			add_move(r, i > 8);
		if (r->speed_mm_s == 0 &&
		    ref_joint_filter(&r->ref, STEPGEN_REVERSAL_FILTER_S) > 1e-7L &&
		    r->ref.close_steps > 1e-6L) {
			make_steps(r, stop_s, r->end_s + 0.2);
			compare(r);
		}
		ref_joint_free(&r->ref);
	}
	rig_free(r);
}

static void test_out_of_reach(void **state)
{
	struct rig *r = rig_new();
	struct kin k = { .kind = KIN_ROD, .rod = 100 };
	struct stepgen_config cfg = { .kin = &k, .steps_per_unit = 80 };
	struct move m = { .dir = { 1 },
			  .length_mm = 150,
			  .accel_mm_s2 = 1000,
			  .cruise_mm_s = 100,
			  .accel_s = 0.1,
			  .cruise_s = 1.4,
			  .decel_s = 0.1 };
	struct step_run run;
	enum stepgen_result rc = STEPGEN_RUN;

	(void)state;
	trapq_init(&r->tq, r->phases, PHASES);
	stepgen_init(&r->sg, &cfg, &r->tq);
	assert_int_equal(trapq_append(&r->tq, &m, 1.0), TRAPQ_OK);
	for (double now = 0.9; now < 3 && rc >= 0; now += 0.005)
		while ((rc = stepgen_next(&r->sg, now + 0.05, now + 0.1, &map, &run)) == STEPGEN_RUN)
			;
	assert_true(rc == STEPGEN_RANGE || rc == STEPGEN_TOO_FAST || rc == STEPGEN_CLOCK);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_motion),
		cmocka_unit_test(test_shaped),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_out_of_reach),
	};

	rng = ref_seed("kinjoint");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
