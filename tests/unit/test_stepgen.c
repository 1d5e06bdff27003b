/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_stepgen.c - steps of random motion against exact times.
 *
 * Shown: for random chains of moves (junction jumps, reversals, 0.02 mm and 100 mm, extruder moves
 * slower than a step a second, pauses of hours, start after 100 days, 500 kHz), cartesian and CoreXY, 80
 * and 640 steps/mm, 16/50/180 MHz, handed out in slices at random instants: every step is there
 * once, in order, within the tolerance; joins keep half the exact interval; nothing is late.
 * The same with every kind of input shaper on X and Y, changed in mid-motion again and again.
 * How: tests/oracle/ computes all steps in long double; runs are expanded and compared.
 * Repeat: STEPD_SEED=<printed> build/tests/unit/test_stepgen
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stepgen.h"
#include "tests/oracle/refrun.h"
#include "tests/oracle/refshape.h"

enum { MOVES = 120, PHASES = 64, SHAPED_PHASES = 1024 };

struct scene {
	uint64_t rng;
	struct move moves[MOVES];
	double start_s[MOVES];
	double rename_mm[MOVES][MOVE_AXES];
	bool rename[MOVES];
	double weight[MOVE_AXES];
	double freq_hz, steps_mm;
	double tol_s;
	bool fractional;
	int n;
	/* Shapers change before these moves are known, in force some time later. */
	int changes, change_move[REF_SETS];
	struct shaper_change change[REF_SETS];
};

static const double no_mm[MOVE_AXES];

static void scene_dir(uint64_t *rng, double dir[MOVE_AXES], const double last[MOVE_AXES])
{
	double norm;

	memset(dir, 0, MOVE_AXES * sizeof(double));
	switch (ref_random(rng) % 8) {
	case 0:
		dir[AXIS_X] = ref_random(rng) % 2 ? 1.0 : -1.0;
		return;
	case 1:
		dir[AXIS_E] = ref_random(rng) % 2 ? 1.0 : -1.0;
		return;
	case 2: /* back where it came from */
		for (int i = 0; i < MOVE_AXES; i++)
			dir[i] = -last[i];
		if (dir[0] != 0.0 || dir[1] != 0.0 || dir[3] != 0.0)
			return;
		break;
	case 3: /* a slight bend */
		for (int i = 0; i < 2; i++)
			dir[i] = last[i] + ref_uniform(rng, -0.05, 0.05);
		break;
	default:
		break;
	}
	if (dir[0] == 0.0 && dir[1] == 0.0) {
		dir[0] = ref_uniform(rng, -1.0, 1.0);
		dir[1] = ref_uniform(rng, -1.0, 1.0);
	}
	norm = sqrt(dir[0] * dir[0] + dir[1] * dir[1]);
	dir[0] /= norm;
	dir[1] /= norm;
	dir[AXIS_E] = ref_random(rng) % 3 ? 0.033 : 0.0;
}

static void scene_make(struct scene *sc, uint64_t seed)
{
	static const double freqs[] = { 16e6, 50e6, 180e6 };
	double pos[MOVE_AXES] = { 0 }, dir[MOVE_AXES] = { 1.0 }, v = 0.0, t;
	uint64_t *rng = &sc->rng;

	memset(sc, 0, sizeof(*sc));
	*rng = seed;
	sc->freq_hz = freqs[ref_random(rng) % 3];
	sc->steps_mm = ref_random(rng) % 2 ? 80.0 : 640.0;
	switch (ref_random(rng) % 5) {
	case 0:
	case 1:
		sc->weight[AXIS_X] = ref_random(rng) % 2 ? sc->steps_mm : -sc->steps_mm;
		break;
	case 2:
	case 3:
		sc->weight[AXIS_X] = sc->steps_mm;
		sc->weight[AXIS_Y] = ref_random(rng) % 2 ? sc->steps_mm : -sc->steps_mm;
		break;
	default:
		sc->weight[AXIS_E] = sc->steps_mm;
	}
	double max = ref_random(rng) % 4 ? ref_loguniform(rng, 5.0, 500.0)
					 : 500e3 / sc->steps_mm / 1.5;
	bool slow = ref_random(rng) % 8 == 0;

	if (slow)
		max = 1e-2 * ref_uniform(rng, 0.1, 1.0);
	t = ref_random(rng) % 4 ? ref_uniform(rng, 0.2, 10.0) : 86400.0 * 100.0;
	for (int tries = 0; sc->n < MOVES && tries < 10 * MOVES; tries++) {
		struct move *m = &sc->moves[sc->n];
		double len = ref_random(rng) % 8 ? ref_loguniform(rng, 0.02, 2.0)
						 : ref_loguniform(rng, 0.002, 40.0);
		double accel = ref_loguniform(rng, 100.0, 20000.0);
		bool stop = ref_random(rng) % 10 == 0, pause = v == 0.0 && ref_random(rng) % 2;
		double d[MOVE_AXES];

		scene_dir(rng, d, dir);
		if (slow)
			len *= 0.05;
		if (!ref_move(rng, m, pos, d, len, accel, v, max, stop))
			continue;
		if (v == 0.0 && sc->n && ref_random(rng) % 4 == 0) {
			sc->rename[sc->n] = true;
			for (int i = 0; i < MOVE_AXES; i++)
				m->start_mm[i] = pos[i] = ref_uniform(rng, -100.0, 100.0);
			memcpy(sc->rename_mm[sc->n], pos, sizeof(pos));
		}
		if (pause)
			t += ref_random(rng) % 4 ? ref_loguniform(rng, 1e-3, 1.0)
						 : ref_loguniform(rng, 1.0, 20000.0);
		sc->start_s[sc->n++] = t;
		t += m->accel_s + m->cruise_s + m->decel_s;
		v = m->end_mm_s;
		for (int i = 0; i < MOVE_AXES; i++)
			pos[i] += m->dir[i] * m->length_mm;
		memcpy(dir, d, sizeof(dir));
	}
}

static bool scene_reference(const struct scene *sc, struct ref_joint *ref)
{
	double pos[MOVE_AXES] = { 0 };

	ref_joint_init(ref, sc->weight);
	for (int k = 0; k < sc->n; k++) {
		const struct move *m = &sc->moves[k];

		if (sc->rename[k])
			ref_joint_rename(ref, pos, sc->rename_mm[k]);
		ref_joint_move(ref, m, sc->start_s[k]);
		for (int i = 0; i < MOVE_AXES; i++)
			pos[i] = m->start_mm[i] + m->dir[i] * m->length_mm;
	}
	/* Ties may fall either way in double: not this test's business. */
	return ref_joint_filter(ref, STEPGEN_REVERSAL_FILTER_S) > 2e-8L && ref->close_steps > 1e-7L;
}

static struct plan_shaper_axis random_shaper(uint64_t *rng)
{
	return (struct plan_shaper_axis){ .type = (uint32_t)(ref_random(rng) % SHAPER_TYPES),
					  .freq_hz = ref_uniform(rng, 25.0, 90.0),
					  .damping_ratio = ref_uniform(rng, 0.0, 0.2) };
}

/* Shapers for a scene: from the start, and changes; as the engine would place them. */
static void scene_shape(struct scene *sc)
{
	uint64_t *rng = &sc->rng;
	struct shaper sh;
	int every = 4 + (int)(ref_random(rng) % 60);

	shaper_init(&sh);
	sc->changes = 0;
	for (int k = 0; k < sc->n && sc->changes < REF_SETS - 1; k++) {
		struct plan_shaper plan;
		struct shaper_set set;

		if (k > 0 && ref_random(rng) % (uint64_t)every)
			continue;
		plan.axis[0] = random_shaper(rng);
		plan.axis[1] = ref_random(rng) % 4 ? random_shaper(rng) : plan.axis[0];
		assert_true(shaper_set_make(&plan, &set));
		assert_true(shaper_append(&sh, &set, sc->start_s[k] + shaper_newest(&sh)->delay_s,
					  INFINITY));
		sc->change_move[sc->changes] = k;
		sc->change[sc->changes++] = *shaper_at_index(&sh, sh.head - 1);
	}
}

static bool scene_shaped_reference(const struct scene *sc, struct ref_joint *ref)
{
	struct ref_shape shape = { .sets = 1 };
	double pos[MOVE_AXES] = { 0 };

	shape.set[0] = (struct ref_set){ .n = 1, .tap = { { 0.0, { 1, 1, 1, 1 } } } };
	for (int i = 0; i < sc->changes; i++) {
		const struct shaper_change *c = &sc->change[i];
		struct ref_set *s = &shape.set[shape.sets++];

		*s = (struct ref_set){ .at_s = c->at_s,
				       .end_s = c->end_s,
				       .n = (int)c->set.n,
				       .slices = SHAPER_SLICES };
		for (int k = 0; k < s->n; k++) {
			s->tap[k].delay_s = c->set.tap[k].delay_s;
			memcpy(s->tap[k].amp, c->set.tap[k].amp, sizeof(s->tap[k].amp));
		}
	}
	ref_joint_init(ref, sc->weight);
	for (int k = 0; k < sc->n; k++) {
		const struct move *m = &sc->moves[k];

		if (sc->rename[k])
			ref_shape_rename(&shape, pos, sc->rename_mm[k]);
		ref_shape_move(&shape, m, sc->start_s[k]);
		for (int i = 0; i < MOVE_AXES; i++)
			pos[i] = m->start_mm[i] + m->dir[i] * m->length_mm;
	}
	ref_shape_steps(&shape, ref);
	ref_shape_free(&shape);
	return ref_joint_filter(ref, STEPGEN_REVERSAL_FILTER_S) > 2e-8L && ref->close_steps > 1e-7L;
}

struct checker {
	const struct ref_joint *ref;
	struct clockmap map;
	long double tol_s;
	int64_t next;   /* reference step expected */
	uint64_t clock; /* of the last step */
	uint64_t commands, rebases, fractional;
	long double worst_s;
	bool any;
};

static long double exact_clock(const struct checker *ck, int64_t i)
{
	return (long double)ck->map.clock0 +
	       (ck->ref->steps[i].t_s - (long double)ck->map.t0_s) * ck->map.freq_hz;
}

/* Clock of step j after its base. */
static uint64_t run_ticks(const struct step_run *run, int64_t j)
{
	int64_t ticks = ref_run_ticks(j, run->interval, run->add, run->shift);

	assert_true(ticks >= 0 && ticks < INT64_C(1) << 30);
	return (uint64_t)ticks;
}

static void check_run(struct checker *ck, const struct step_run *run, double due_s, double limit_s)
{
	int64_t first = ck->next;
	uint64_t base = run->rebase ? run->base_clock : ck->clock, clock = base;

	assert_true(run->count >= 1);
	assert_true(first + run->count <= ck->ref->n);
	assert_true(ck->ref->steps[first].t_s < (long double)due_s + 1e-8L);
	assert_true(run->count == 1 ||
		    ck->ref->steps[first + run->count - 1].t_s <= (long double)limit_s + 1e-8L);
	assert_true(ck->any || run->rebase);
	if (run->rebase && ck->any) {
		assert_true(run->base_clock > ck->clock);
		assert_true(run->first_clock - ck->clock >= (1u << 28) - 10000u);
	}
	assert_true(run->shift ? run->shift <= 16 : run->add == (int16_t)run->add);
	for (int64_t j = 0; j < run->count; j++) {
		const struct ref_step *s = &ck->ref->steps[first + j];
		uint64_t before = ck->clock;

		assert_true(base + run_ticks(run, j + 1) > clock);
		assert_true(base + run_ticks(run, j + 1) < clock + (1 << 29));
		clock = base + run_ticks(run, j + 1);
		if (s->dir != (run->dir ? 1 : -1)) {
			print_message("step %lld at %.9Lf: direction %d, exact %d\n",
				      (long long)(first + j), s->t_s, run->dir ? 1 : -1, s->dir);
			fail();
		}
		long double err = ((long double)clock - exact_clock(ck, first + j)) /
				  ck->map.freq_hz;

		if (fabsl(err) > ck->worst_s)
			ck->worst_s = fabsl(err);
		if (fabsl(err) > ck->tol_s) {
			print_message("step %lld at %.9Lf off by %.9Lg us\n",
				      (long long)(first + j), s->t_s, err * 1e6L);
			fail();
		}
		assert_true(!ck->any || clock > before);
		if (ck->any && (j == 0 || j == run->count - 1)) {
			long double exact = exact_clock(ck, first + j) -
					    exact_clock(ck, first + j - 1);

			if ((long double)(clock - before) < 0.5L * exact - 1e-3L) {
				print_message(
					"step %lld: interval %llu, exact %.6Lf; j %lld of %d, rebase %d\n",
					(long long)(first + j), (unsigned long long)(clock - before),
					exact, (long long)j, run->count, run->rebase);
				fail();
			}
		}
		ck->clock = clock;
		ck->any = true;
		if (j == 0)
			assert_true(clock == run->first_clock);
	}
	assert_true(clock == run->last_clock);
	ck->next += run->count;
	ck->commands++;
	ck->rebases += run->rebase;
	ck->fractional += run->shift > 0;
}

/* Feed the moves a little ahead of the time that is asked for, as the engine does. */
static void scene_run(struct scene *sc, const struct ref_joint *ref, struct stepgen *sg,
		      struct checker *ck)
{
	static struct trapq_phase phases[SHAPED_PHASES];
	static struct shaper sh;
	struct trapq tq;
	struct stepgen_config cfg = { .tol_s = sc->tol_s, .fractional = sc->fractional };
	double now = sc->start_s[0] - 0.01;
	int fed = 0, changed = 0;

	shaper_init(&sh);
	trapq_init(&tq, phases, sc->changes ? SHAPED_PHASES : PHASES);
	cfg.shaper = sc->changes ? &sh : NULL;
	memcpy(cfg.weight, sc->weight, sizeof(cfg.weight));
	stepgen_init(sg, &cfg, &tq);
	*ck = (struct checker){ .ref = ref,
				.map = { 0.0, 12345, sc->freq_hz },
				.tol_s = (long double)sc->tol_s };
	if (now > 1e6)
		ck->map = (struct clockmap){ now - 50.0, (uint64_t)(now * sc->freq_hz),
					     sc->freq_hz };
	for (int64_t guard = 0; guard < 4000000; guard++) {
		while (fed < sc->n && trapq_room(&tq)) {
			if (sc->rename[fed])
				trapq_set_position(&tq, sc->rename_mm[fed]);
			double at = sc->start_s[fed];

			if (changed < sc->changes && sc->change_move[changed] == fed) {
				const struct shaper_change *c = &sc->change[changed];

				assert_true(shaper_append(&sh, &c->set, c->at_s, INFINITY));
				assert_true(shaper_at_index(&sh, sh.head - 1)->at_s == c->at_s);
				changed++;
			}

			assert_int_equal(trapq_append(&tq, &sc->moves[fed], at), TRAPQ_OK);
			fed++;
		}
		/* Not past what is known, unless that is all. */
		double due = now, limit = now + ref_loguniform(&sc->rng, 1e-3, 0.1);
		struct step_run run;
		enum stepgen_result r;

		if (fed < sc->n && due > sc->start_s[fed] - 0.001)
			due = sc->start_s[fed] - 0.001;
		if (fed < sc->n && limit > sc->start_s[fed] - 0.0005)
			limit = sc->start_s[fed] - 0.0005;
		limit = limit > due ? limit : due;
		trapq_rest(&tq, limit);
		while ((r = stepgen_next(sg, due, limit, &ck->map, &run)) == STEPGEN_RUN)
			check_run(ck, &run, due, limit);
		if (r != STEPGEN_NONE) {
			print_message("step %lld: error %d\n", (long long)ck->next, r);
			fail();
		}
		if (ck->next < ref->n && ref->steps[ck->next].t_s < (long double)due - 1e-8L) {
			print_message("step %lld at %.9Lf is not handed out by %.9f\n",
				      (long long)ck->next, ref->steps[ck->next].t_s, due);
			fail();
		}
		assert_true(stepgen_frontier_s(sg) >= due);
		trapq_retire(&tq, stepgen_frontier_s(sg) - (sc->changes ? SHAPER_SPAN_S_MAX : 0.0));
		shaper_retire(&sh, stepgen_frontier_s(sg));
		if (fed == sc->n && due > tq.end_s + SHAPER_SPAN_S_MAX)
			break;
		now = due + ref_loguniform(&sc->rng, 1e-5, 0.1);
		/* Long rests are not walked through. */
		if (ck->next < ref->n && ref->steps[ck->next].t_s > (long double)now + 1.0L)
			now = (double)ref->steps[ck->next].t_s - ref_uniform(&sc->rng, 0.0, 0.5);
	}
	assert_int_equal(ck->next, ref->n);
	assert_int_equal(stepgen_count(sg), ref->count);
}

static void scenes_run(const char *what, bool shaped, bool fractional)
{
	static const double tols[] = { STEPGEN_TOL_S, 1e-6, 3e-7 };
	static struct scene sc;
	static struct stepgen sg;
	uint64_t seed = ref_seed(what);
	long double worst = 0.0L;
	uint64_t commands = 0, steps = 0, rebases = 0, fractions = 0;
	int done = 0, n = getenv("STEPD_SCENES") ? atoi(getenv("STEPD_SCENES")) : 150;

	for (int k = 0; k < 2 * n && done < n; k++) {
		struct ref_joint ref;
		struct checker ck;
		bool sure;

		scene_make(&sc, seed * 1000003u + (uint64_t)k);
		sc.fractional = fractional;
		sc.tol_s = fractional ? tols[k % 3] : STEPGEN_TOL_S;
		if (shaped)
			scene_shape(&sc);
		sure = shaped ? scene_shaped_reference(&sc, &ref) : scene_reference(&sc, &ref);
		if (sure) {
			if (getenv("STEPD_VERBOSE"))
				printf("scene %d: %lld steps\n", k, (long long)ref.n);
			scene_run(&sc, &ref, &sg, &ck);
			worst = fmaxl(worst, ck.worst_s);
			commands += ck.commands;
			rebases += ck.rebases;
			fractions += ck.fractional;
			steps += (uint64_t)ref.n;
			done++;
		}
		ref_joint_free(&ref);
	}
	print_message("%d scenes, %llu steps, %llu commands, %llu with fractions, %llu rebases, "
		      "worst %.3Lf us\n",
		      done, (unsigned long long)steps, (unsigned long long)commands,
		      (unsigned long long)fractions, (unsigned long long)rebases, worst * 1e6L);
	assert_true(done >= n / 2 && rebases > 0);
	assert_true(fractional ? fractions > commands / 4 : fractions == 0);
}

static void test_random(void **state)
{
	(void)state;
	scenes_run("random motion", false, false);
}

static void test_random_fractions(void **state)
{
	(void)state;
	scenes_run("random motion, fractions", false, true);
}

static void test_shaped(void **state)
{
	(void)state;
	scenes_run("shaped motion", true, false);
}

/* On a threshold at rest, up, down, again and again: nothing is lost, nothing doubled. */
static void test_threshold(void **state)
{
	static struct stepgen sg;
	struct trapq_phase phases[PHASES];
	struct trapq tq;
	struct clockmap map = { 0.0, 0, 50e6 };
	struct stepgen_config cfg = { .weight = { 80.0 } };
	double pos = 0.0, t = 1.0;
	uint64_t rng = ref_seed("threshold"), last = 0;
	struct step_run run;

	(void)state;
	trapq_init(&tq, phases, PHASES);
	stepgen_init(&sg, &cfg, &tq);
	for (int k = 0; k < 2000; k++) {
		/* ends at (n + 0.5) / 80 mm, in one of its roundings */
		double to = ((double)((int64_t)(ref_random(&rng) % 7) - 3) + 0.5) / 80.0;
		double start[MOVE_AXES] = { pos }, dir[MOVE_AXES] = { to > pos ? 1.0 : -1.0 };
		struct move m;
		int64_t sum = stepgen_count(&sg);

		if (to == pos ||
		    !ref_move(&rng, &m, start, dir, fabs(to - pos), 5000.0, 0.0, 100.0, true))
			continue;
		t += ref_loguniform(&rng, 1e-3, 0.1);
		assert_int_equal(trapq_append(&tq, &m, t), TRAPQ_OK);
		t = trapq_end_s(&tq);
		pos = to;
		while (stepgen_next(&sg, t + 0.0005, t + 0.0005, &map, &run) == STEPGEN_RUN) {
			sum += run.dir ? run.count : -run.count;
			assert_true(run.first_clock > last);
			last = run.last_clock;
		}
		assert_int_equal(sum, stepgen_count(&sg));
		assert_true(fabs(80.0 * pos - (double)stepgen_count(&sg)) < 0.5 + 1e-6);
		trapq_retire(&tq, stepgen_frontier_s(&sg));
	}
}

/* After an abort the counter is what it is told to be and the next run starts over. */
static void test_resync(void **state)
{
	static struct stepgen sg;
	struct trapq_phase phases[PHASES];
	struct trapq tq;
	struct clockmap map = { 0.0, 0, 50e6 };
	struct stepgen_config cfg = { .weight = { 80.0 } };
	static struct shaper sh;
	struct move m;
	double dir[MOVE_AXES] = { 1.0 }, end[MOVE_AXES];
	uint64_t rng = ref_seed("resync");
	struct step_run run;

	(void)state;
	trapq_init(&tq, phases, PHASES);
	stepgen_init(&sg, &cfg, &tq);
	assert_true(ref_move(&rng, &m, no_mm, dir, 10.0, 1000.0, 0.0, 20.0, true));
	assert_int_equal(trapq_append(&tq, &m, 1.0), TRAPQ_OK);
	while (stepgen_next(&sg, 1.2, 1.3, &map, &run) == STEPGEN_RUN)
		;
	shaper_init(&sh);
	shaper_position(&sh, &tq, 1.5, end);
	trapq_clear(&tq, 1.5, end);
	stepgen_resync(&sg, 77);
	double home[MOVE_AXES] = { 5.0, 6.0, 7.0, 8.0 };

	trapq_set_position(&tq, home);
	assert_int_equal(stepgen_next(&sg, 10.0, 10.0, &map, &run), STEPGEN_NONE);
	assert_true(ref_move(&rng, &m, home, dir, 10.0, 1000.0, 0.0, 20.0, true));
	assert_int_equal(trapq_append(&tq, &m, 20.0), TRAPQ_OK);
	assert_int_equal(stepgen_next(&sg, 30.0, 30.0, &map, &run), STEPGEN_RUN);
	assert_true(run.rebase && run.dir);
	while (stepgen_next(&sg, 30.0, 30.0, &map, &run) == STEPGEN_RUN)
		assert_false(run.rebase);
	assert_int_equal(stepgen_count(&sg), 77 + 800);
}

/* Errors are reported and stay, nothing is handed out. */
static void test_errors(void **state)
{
	static struct stepgen sg;
	struct trapq_phase phases[PHASES];
	struct trapq tq;
	struct clockmap map = { 0.0, 0, 50e6 };
	struct stepgen_config cfg = { .weight = { 80.0 }, .min_interval_s = 1e-3, .tol_s = 1e-5 };
	double dir[MOVE_AXES] = { 1.0 };
	uint64_t rng = 1;
	struct step_run run;
	struct move m;

	(void)state;
	trapq_init(&tq, phases, PHASES);
	stepgen_init(&sg, &cfg, &tq);
	assert_true(ref_move(&rng, &m, no_mm, dir, 10.0, 1e5, 0.0, 500.0, true));
	assert_int_equal(trapq_append(&tq, &m, 1.0), TRAPQ_OK);
	enum stepgen_result r = STEPGEN_RUN;

	for (int i = 0; i < 1000 && r == STEPGEN_RUN; i++)
		r = stepgen_next(&sg, 5.0, 5.0, &map, &run);
	assert_int_equal(r, STEPGEN_TOO_FAST);
	assert_int_equal(stepgen_next(&sg, 5.0, 5.0, &map, &run), STEPGEN_TOO_FAST);

	/* a map that has every clock before 0 */
	cfg.min_interval_s = 0.0;
	trapq_init(&tq, phases, PHASES);
	stepgen_init(&sg, &cfg, &tq);
	assert_int_equal(trapq_append(&tq, &m, 1.0), TRAPQ_OK);
	map.t0_s = 100.0;
	assert_int_equal(stepgen_next(&sg, 5.0, 5.0, &map, &run), STEPGEN_CLOCK);

	/* phases taken away unread */
	trapq_init(&tq, phases, PHASES);
	stepgen_init(&sg, &cfg, &tq);
	assert_int_equal(trapq_append(&tq, &m, 1.0), TRAPQ_OK);
	trapq_retire(&tq, 50.0);
	assert_int_equal(stepgen_next(&sg, 5.0, 5.0, &map, &run), STEPGEN_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random), cmocka_unit_test(test_random_fractions),
		cmocka_unit_test(test_shaped), cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_resync), cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
