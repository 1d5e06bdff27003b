/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_extrude.c - extruder steps of random motion against an independent account of the rule.
 *
 * Shown: two extruders in turn, pressure advance and smoothing of many sizes and none, changed every
 * few ms or now and then; a stepper that joins and leaves an extruder at any instant, also inside
 * a constant-velocity move and back; the machine's delay changed by input shapers meanwhile; handed
 * out in slices at random instants: every step within the tolerance, none missing, extra or out of
 * order, position exact. And by name: advance 0.04 s with smooth time 0.04 s, a stepper moved to
 * another extruder and back in one long move, without a jump of speed; one that leaves where a phase ends.
 * How: the checker (daemon/checker) is told the moves, the changes and every step.
 * Repeat: STEPD_SEED=<printed> build/tests/unit/test_extrude; STEPD_SCENES: how many.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/checker/checker.h"
#include "stepgen.h"
#include "tests/oracle/refmotion.h"

enum { MOVES = 150, PHASES = 1024 };

struct scene {
	uint64_t rng;
	struct move moves[MOVES];
	double start_s[MOVES];
	int n;
	double steps_mm, freq_hz;
	double every_s; /* between changes of parameters; 0: none */
	bool shapers;
};

struct machine {
	struct trapq_phase phases[PHASES];
	struct trapq tq;
	struct shaper sh;
	struct extrude ex;
	struct stepgen sg;
	struct clockmap map;
	struct checker *checker;
	uint64_t steps, commands, changes;
};

static void moves_make(struct scene *sc)
{
	uint64_t *rng = &sc->rng;
	double pos[MOVE_AXES] = { 0 }, v = 0.0;
	double t = ref_random(rng) % 6 ? 1.0 : 86400.0 * ref_uniform(rng, 1.0, 100.0);
	double length = ref_random(rng) % 3 ? 5.0 : 0.2;
	int extruder = 0;

	sc->n = 0;
	for (int tries = 0; sc->n < MOVES && tries < 10 * MOVES; tries++) {
		struct move *m = &sc->moves[sc->n];
		double dir[MOVE_AXES] = { 0 }, w = ref_uniform(rng, 0.0, 2.0 * M_PI);
		bool only = ref_random(rng) % 10 == 0, stop = only || ref_random(rng) % 8 == 0;

		if (only && v > 0.0)
			continue;
		if (only) {
			dir[AXIS_E] = ref_random(rng) % 2 ? 1.0 : -1.0;
		} else {
			dir[AXIS_X] = cos(w);
			dir[AXIS_Y] = sin(w);
			dir[AXIS_E] = ref_random(rng) % 6   ? ref_uniform(rng, 0.02, 0.06)
				      : ref_random(rng) % 2 ? -0.01
							    : 0.0;
		}
		if (!ref_move(rng, m, pos, dir, length * ref_uniform(rng, 0.1, 3.0),
			      ref_loguniform(rng, 500.0, 10000.0), v, only ? 40.0 : 200.0, stop))
			continue;
		if (v == 0.0) {
			t += ref_random(rng) % 3 ? 0.0 : ref_loguniform(rng, 1e-3, 2.0);
			if (ref_random(rng) % 4 == 0)
				extruder = (int)(ref_random(rng) % 2);
		}
		m->extruder = extruder;
		sc->start_s[sc->n++] = t;
		t += m->accel_s + m->cruise_s + m->decel_s;
		v = m->end_mm_s;
		for (int i = 0; i < MOVE_AXES; i++)
			pos[i] += m->dir[i] * m->length_mm;
	}
}

static struct extrude_param random_param(uint64_t *rng)
{
	struct extrude_param p = { .source = (int)(ref_random(rng) % 4) - 1 };

	p.source = p.source > 1 ? 0 : p.source;
	if (ref_random(rng) % 3) {
		p.advance_s = ref_random(rng) % 2 ? 0.04 : ref_uniform(rng, 0.0, 0.1);
		p.half_s = ref_random(rng) % 2 ? 0.02 : ref_uniform(rng, 0.001, 0.05);
	}
	return p;
}

static void machine_setup(struct machine *m, const struct scene *sc,
			  const struct extrude_param *param)
{
	struct plan_shaper plan = { .delay_s = 0.05 };
	struct stepgen_config cfg = { .shaper = &m->sh, .extrude = &m->ex };
	struct checker_config cc = { .steppers = 1, .mcus = 1, .freq_hz = { sc->freq_hz } };
	struct shaper_set set;
	char err[200];

	memset(m, 0, sizeof(*m));
	trapq_init(&m->tq, m->phases, PHASES);
	shaper_init(&m->sh);
	assert_true(shaper_set_make(&plan, &set));
	assert_true(shaper_append(&m->sh, &set, 0.0, -1.0));
	shaper_settle(&m->sh);
	extrude_init(&m->ex, sc->steps_mm, param, &m->sh, &m->tq);
	stepgen_init(&m->sg, &cfg, &m->tq);
	m->map = (struct clockmap){ 0.0, 12345, sc->freq_hz };
	if (sc->start_s[0] > 1e6)
		m->map = (struct clockmap){ sc->start_s[0] - 50.0,
					    (uint64_t)(sc->start_s[0] * sc->freq_hz), sc->freq_hz };
	cc.stepper[0] = (struct checker_stepper){ .name = "extruder",
						  .dir_sign = 1,
						  .steps_per_mm = { 0, 0, 0, sc->steps_mm },
						  .extruder = true,
						  .source = param->source,
						  .advance_s = param->advance_s,
						  .half_s = param->half_s };
	assert_int_equal(checker_new(&m->checker, &cc, err, sizeof(err)), 0);
	checker_map(m->checker, 0, 0.0, m->map.clock0, m->map.t0_s, m->map.freq_hz);
	checker_shaper(m->checker, 0.0, 0.0, &plan);
}

static void machine_change(struct machine *m, const struct extrude_param *p, double at_s)
{
	if (!extrude_append(&m->ex, p, at_s))
		return;
	m->changes++;
	assert_int_equal(checker_extrude(m->checker, 0, at_s, p->source, p->advance_s, p->half_s),
			 0);
}

static void machine_shapers(struct machine *m, uint64_t *rng, double known_s, double limit_s)
{
	struct plan_shaper plan = { .delay_s = 0.05 };
	const struct shaper_change *c;
	struct shaper_set set;

	plan.axis[0] = (struct plan_shaper_axis){ .type = SHAPER_3HUMP_EI,
						  .freq_hz = ref_uniform(rng, 8.0, 60.0) };
	if (!shaper_set_make(&plan, &set) ||
	    !shaper_append(&m->sh, &set, known_s + shaper_newest(&m->sh)->delay_s, limit_s + 1e-3))
		return;
	c = shaper_at_index(&m->sh, m->sh.head - 1);
	checker_shaper(m->checker, c->at_s, c->end_s, &plan);
}

static void machine_run_steps(struct machine *m, double due_s, double limit_s)
{
	enum stepgen_result r;
	struct step_run run;

	while ((r = stepgen_next(&m->sg, due_s, limit_s, &m->map, &run)) == STEPGEN_RUN) {
		int64_t interval = run.interval;
		uint64_t clock = run.first_clock;

		for (int j = 0; j < run.count; j++) {
			checker_step(m->checker, 0, run.dir ? 1 : -1, clock);
			interval += run.add;
			clock += (uint64_t)interval;
		}
		m->steps += run.count;
		m->commands++;
	}
	if (r != STEPGEN_NONE) {
		print_message("stepgen error %d at %.6f\n", r, due_s);
		fail();
	}
}

static void machine_finish(struct machine *m, const char *what, int scene)
{
	static struct checker_result res;

	checker_finish(m->checker, &res);
	checker_free(m->checker);
	if (res.violations || res.position_error_worst_steps || res.all.steps != m->steps) {
		print_message("%s %d: %llu steps, %llu violations, position error %lld\n", what,
			      scene, (unsigned long long)m->steps,
			      (unsigned long long)res.violations,
			      (long long)res.position_error_worst_steps);
		for (uint32_t i = 0; i < res.listed && i < 6; i++)
			print_message("  %s\n", res.list[i].text);
		fail();
	}
	assert_int_equal(res.position_steps[0], stepgen_count(&m->sg));
}

/* A third of the changes: at a phase's beginning or end, within 90 ns, or farther away than 110: at 100 ns, where one
 * instant ends, rounding decides. */
static double near_joint(const struct machine *m, uint64_t *rng, double at_s)
{
	double by_s = ref_uniform(rng, 0.0, ref_random(rng) % 4 ? 90e-9 : 1e-9);
	uint64_t i = trapq_find(&m->tq, at_s) + 1;

	if (ref_random(rng) % 3 || i < m->tq.tail || i >= m->tq.head)
		return at_s;
	by_s += ref_random(rng) % 3 ? 0.0 : 110e-9;
	return fmax(at_s,
		    m->tq.phases[i & m->tq.mask].start_s + (ref_random(rng) % 2 ? by_s : -by_s));
}

static void scene_run(struct scene *sc, struct machine *m, int number)
{
	struct extrude_param param = { .source = 0 };
	uint64_t *rng = &sc->rng;
	double now = sc->start_s[0] - 0.2, change_s = now, shape_s = now, read_s = now;
	int fed = 0;

	if (ref_random(rng) % 2)
		param = random_param(rng);
	machine_setup(m, sc, &param);
	for (int guard = 0; guard < 1000000; guard++) {
		double due, limit, known;

		while (fed < sc->n && trapq_room(&m->tq) && m->tq.end_s < now + 0.3) {
			assert_int_equal(trapq_append(&m->tq, &sc->moves[fed], sc->start_s[fed]),
					 TRAPQ_OK);
			checker_move(m->checker, &sc->moves[fed], sc->start_s[fed]);
			fed++;
		}
		due = now;
		limit = now + ref_loguniform(rng, 1e-3, 0.1);
		if (fed < sc->n && due > sc->start_s[fed] - 0.001)
			due = sc->start_s[fed] - 0.001;
		if (fed < sc->n && limit > sc->start_s[fed] - 0.0005)
			limit = sc->start_s[fed] - 0.0005;
		limit = fmax(limit, due);
		known = fmax(read_s, m->tq.known_s);
		while (sc->every_s > 0.0 && change_s < now) {
			struct extrude_param p = random_param(rng);
			double at_s = extrude_earliest_s(&m->ex, &p, read_s + 2e-4);

			/* in the middle of what is known, as long as it is not read */
			at_s += ref_random(rng) % 2 ? 0.0 : ref_uniform(rng, 0.0, 0.1);
			at_s = near_joint(m, rng, at_s);
			at_s = fmax(
				at_s,
				m->ex.changes[(m->ex.change_head - 1) & (EXTRUDE_CHANGES - 1)].at_s);
			machine_change(m, &p, at_s);
			change_s += sc->every_s * ref_uniform(rng, 0.5, 1.5);
		}
		if (sc->shapers && shape_s < now) {
			machine_shapers(m, rng, known, limit);
			shape_s += ref_loguniform(rng, 0.01, 3.0);
		}
		trapq_rest(&m->tq, limit);
		read_s = fmax(read_s, limit);
		machine_run_steps(m, due, limit);
		trapq_retire(&m->tq, fmin(stepgen_frontier_s(&m->sg), now) - 0.3);
		shaper_retire(&m->sh, stepgen_frontier_s(&m->sg));
		if (fed == sc->n && due > m->tq.end_s + 1.0)
			break;
		now = due + ref_loguniform(rng, 1e-4, 0.05);
	}
	machine_finish(m, "scene", number);
}

static void test_random(void **state)
{
	static struct scene sc;
	static struct machine m;
	uint64_t seed = ref_seed("extruders"), steps = 0, commands = 0, changes = 0;
	int n = getenv("STEPD_SCENES") ? atoi(getenv("STEPD_SCENES")) : 100;

	(void)state;
	for (int k = 0; k < n; k++) {
		static const double every[] = { 0.0, 0.01, 0.1, 1.0 };

		memset(&sc, 0, sizeof(sc));
		sc.rng = seed * 1000003u + (uint64_t)k;
		sc.steps_mm = ref_random(&sc.rng) % 2 ? 400.0 : -3200.0;
		sc.freq_hz = ref_random(&sc.rng) % 2 ? 16e6 : 180e6;
		sc.every_s = every[ref_random(&sc.rng) % 4];
		sc.shapers = ref_random(&sc.rng) % 3 == 0;
		if (getenv("STEPD_VERBOSE"))
			printf("scene %d: every %g s, shapers %d\n", k, sc.every_s, sc.shapers);
		moves_make(&sc);
		scene_run(&sc, &m, k);
		steps += m.steps;
		commands += m.commands;
		changes += m.changes;
	}
	print_message("%d scenes, %llu steps, %llu commands, %llu changes\n", n,
		      (unsigned long long)steps, (unsigned long long)commands,
		      (unsigned long long)changes);
	assert_true(steps > 0 && changes > 0);
}

static struct move long_move(void)
{
	return (struct move){ .dir = { 1.0, 0.0, 0.0, 0.04 },
			      .length_mm = 105.0,
			      .accel_mm_s2 = 2000.0,
			      .cruise_mm_s = 100.0,
			      .accel_s = 0.05,
			      .cruise_s = 1.0,
			      .decel_s = 0.05 };
}

/* One long move; a stepper with advance 0.04 s and smooth time 0.04 s goes over to another extruder at a
 * random instant inside the cruise, and comes back at another. */
static void test_hand_over(void **state)
{
	static struct machine m;
	uint64_t rng = ref_seed("hand-over");

	(void)state;
	for (int n = 0; n < 300; n++) {
		struct scene sc = { .n = 1, .steps_mm = n % 2 ? 400.0 : 3200.0, .freq_hz = 50e6 };
		struct extrude_param here = { 0, 0.04, 0.02 }, there = { 1, 0.04, 0.02 };
		double leave_s = ref_uniform(&rng, 1.2, 1.5), back_s = ref_uniform(&rng, 1.5, 1.8);
		double p = 0.0, v = 0.0, end = 0.0, gone, cruise = 100.0 * 0.04 * sc.steps_mm;
		struct joint_piece q;
		struct joint j;

		sc.start_s[0] = 1.0;
		sc.moves[0] = long_move();
		for (int pass = 0; pass < 2; pass++) {
			machine_setup(&m, &sc, &here);
			joint_init(&j, sc.moves[0].dir, &m.sh, &m.ex, &m.tq);
			assert_int_equal(trapq_append(&m.tq, &sc.moves[0], 1.0), TRAPQ_OK);
			checker_move(m.checker, &sc.moves[0], 1.0);
			machine_change(&m, &there, leave_s);
			machine_change(&m, &here, back_s);
			trapq_rest(&m.tq, 3.0);
			if (pass == 1) {
				machine_run_steps(&m, 2.9, 3.0);
				machine_finish(&m, "hand-over", n);
				continue;
			}
			/* the pieces: no jump of position, hardly one of speed */
			while (joint_next(&j, &m.tq, 2.9, &q) == JOINT_PIECE) {
				if (q.start_s > end + 1e-9)
					v = 0.0; /* it rested */
				assert_true(fabs(q.p - p) < 1e-7);
				if (q.start_s > 1.15 && q.start_s < 2.0)
					assert_true(fabs(q.v - v) < 0.01 * cruise);
				p = q.p_end;
				v = q.v + q.a * q.dur_s;
				end = q.start_s + q.dur_s;
			}
			gone = (back_s - leave_s) * cruise;
			assert_true(fabs(p - (105.0 * 0.04 * sc.steps_mm - gone)) < 1e-6);
			checker_free(m.checker);
		}
	}
}

/* A stepper leaves its extruder within 300 ns of where a phase ends: once the windows are over, it rests. */
static void test_leaves_at_a_joint(void **state)
{
	static const double ends_s[] = { 1.05, 2.05, 2.1 };
	static struct machine m;
	const struct extrude_param here = { 0, 0.04, 0.02 }, none = { -1, 0.04, 0.02 };
	struct scene sc = { .n = 1, .steps_mm = 3200.0, .freq_hz = 50e6, .start_s = { 1.0 } };

	(void)state;
	sc.moves[0] = long_move();
	for (int n = 0; n < 3 * 61; n++) {
		double at_s = ends_s[n % 3] + 1e-8 * (n / 3 - 30),
		       over_s = at_s + 0.05 + 0.02 - 1e-6, rest = 0.0;
		struct joint_piece q;
		struct joint j;

		machine_setup(&m, &sc, &here);
		joint_init(&j, sc.moves[0].dir, &m.sh, &m.ex, &m.tq);
		assert_int_equal(trapq_append(&m.tq, &sc.moves[0], 1.0), TRAPQ_OK);
		machine_change(&m, &none, at_s);
		for (int i = 1; i < 6; i++) /* so that there is always a window, and no sum anew */
			machine_change(&m, &none, at_s + 0.03 * i);
		trapq_rest(&m.tq, 3.0);
		while (joint_next(&j, &m.tq, 2.9, &q) == JOINT_PIECE) {
			if (q.start_s > over_s && fabs(q.p - rest) > 1e-6)
				fail_msg("changed %.0f ns after %g s: at %.6f s %g steps off",
					 1e9 * (at_s - ends_s[n % 3]), ends_s[n % 3], q.start_s,
					 q.p - rest);
			rest = extrude_end(&m.ex);
		}
		checker_free(m.checker);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_leaves_at_a_joint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
