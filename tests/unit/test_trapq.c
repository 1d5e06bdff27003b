/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_trapq.c - the trapezoid queue.
 *
 * Shown: a move's phases join and end where the move and the queue do; the ring refuses what it can't hold or
 * what is early or broken, unchanged; positions at random times agree with the moves; naming the
 * position moves nothing; clearing stops at the point reached.
 * Repeat: STEPD_SEED=<printed> build/tests/unit/test_trapq
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "tests/oracle/refmotion.h"
#include "trapq.h"

enum { CAPACITY = 64 };

static struct move simple_move(double x_mm, double length_mm)
{
	/* 0.1 s up to 10 mm/s, cruise, 0.1 s down */
	return (struct move){ .start_mm = { x_mm },
			      .dir = { 1.0 },
			      .length_mm = length_mm,
			      .accel_mm_s2 = 100.0,
			      .cruise_mm_s = 10.0,
			      .accel_s = 0.1,
			      .cruise_s = (length_mm - 1.0) / 10.0,
			      .decel_s = 0.1,
			      .id = 7,
			      .line = 9 };
}

static void test_phases(void **state)
{
	struct trapq_phase ph[CAPACITY];
	struct trapq tq;
	struct move m = simple_move(0.0, 5.0);
	double end[MOVE_AXES];

	(void)state;
	trapq_init(&tq, ph, CAPACITY);
	assert_int_equal(trapq_append(&tq, &m, 1.0), TRAPQ_OK);
	assert_int_equal(tq.head - tq.tail, 3);
	assert_true(fabs(ph[1].pos_mm[0] - 0.5) < 1e-12 && fabs(ph[2].pos_mm[0] - 4.5) < 1e-12);
	assert_true(fabs(trapq_end_s(&tq) - 1.6) < 1e-12);
	trapq_end_position(&tq, end);
	assert_true(end[0] == 5.0 && end[1] == 0.0);
	/* phases without duration are left out */
	m = simple_move(5.0, 1.0);
	assert_int_equal(trapq_append(&tq, &m, trapq_end_s(&tq)), TRAPQ_OK);
	assert_int_equal(tq.head - tq.tail, 5);
	trapq_retire(&tq, 1.1);
	assert_int_equal(tq.tail, 1);
	trapq_retire(&tq, 5.0);
	assert_int_equal(tq.head - tq.tail, 0);
}

static void test_refusals(void **state)
{
	struct trapq_phase ph[4];
	struct trapq tq;
	struct move m = simple_move(0.0, 5.0), bad;

	(void)state;
	trapq_init(&tq, ph, 4);
	assert_int_equal(trapq_room(&tq), 1);
	assert_int_equal(trapq_append(&tq, &m, -1.0), TRAPQ_EARLY);
	assert_int_equal(trapq_append(&tq, &m, NAN), TRAPQ_INVALID);
	for (int i = 0; i < 9; i++) {
		bad = m;
		switch (i) {
		case 0:
			bad.length_mm = 0.0;
			break;
		case 1:
			bad.cruise_s = -1.0;
			break;
		case 2:
			bad.length_mm = 5.1;
			break;
		case 3:
			bad.dir[2] = NAN;
			break;
		case 4:
			bad.start_mm[3] = INFINITY;
			break;
		case 5:
			bad.cruise_mm_s = 11.0;
			break;
		case 6:
			bad.accel_mm_s2 = NAN;
			break;
		case 7:
			bad.end_mm_s = -0.1;
			break;
		default:
			bad.accel_s = bad.cruise_s = bad.decel_s = 0.0;
			break;
		}
		assert_int_equal(trapq_append(&tq, &bad, 1.0), TRAPQ_INVALID);
	}
	assert_int_equal(tq.head, 0);
	assert_true(trapq_end_s(&tq) == 0.0);
	assert_int_equal(trapq_append(&tq, &m, 1.0), TRAPQ_OK);
	m.start_mm[0] = 5.0;
	assert_int_equal(trapq_append(&tq, &m, 2.0), TRAPQ_FULL);
	assert_int_equal(trapq_append(&tq, &m, 1.5), TRAPQ_EARLY);
	assert_true(tq.end_mm[0] == 5.0);
}

/* Position of a move at t seconds, in long double. */
static long double move_at(const struct move *m, long double t)
{
	long double v0 = m->start_mm_s, vc = m->cruise_mm_s, a = m->accel_mm_s2, d = 0.0L, s;

	s = t < m->accel_s ? t : m->accel_s;
	d += v0 * s + 0.5L * a * s * s;
	t -= m->accel_s;
	if (t > 0.0L)
		d += vc * (t < m->cruise_s ? t : m->cruise_s);
	t -= m->cruise_s;
	if (t > 0.0L) {
		s = t < m->decel_s ? t : m->decel_s;
		d += vc * s - 0.5L * a * s * s;
	}
	return d;
}

static void test_at(void **state)
{
	static struct trapq_phase ph[1024];
	struct trapq tq;
	struct move moves[200];
	double start_s[200], pos[MOVE_AXES] = { 0 }, t = 1.0, v = 0.0;
	double dir[MOVE_AXES] = { 0.6, -0.8, 0.0, 0.033 };
	uint64_t rng = ref_seed("trapq_at");
	int n = 0;

	(void)state;
	trapq_init(&tq, ph, 1024);
	while (n < 200) {
		bool stop = ref_random(&rng) % 4 == 0;

		if (!ref_move(&rng, &moves[n], pos, dir, ref_loguniform(&rng, 0.01, 50.0), 3000.0,
			      v, 200.0, stop))
			continue;
		if (v == 0.0 && ref_random(&rng) % 2)
			t += ref_uniform(&rng, 0.0, 0.5);
		start_s[n] = t;
		assert_int_equal(trapq_append(&tq, &moves[n], t), TRAPQ_OK);
		t = trapq_end_s(&tq);
		v = moves[n].end_mm_s;
		for (int i = 0; i < MOVE_AXES; i++)
			pos[i] += dir[i] * moves[n].length_mm;
		n++;
	}
	for (int k = 0; k < 20000; k++) {
		double at = ref_uniform(&rng, 0.5, t + 0.5);
		struct trapq_point pt;
		int i = n - 1;

		trapq_at(&tq, at, &pt);
		while (i > 0 && start_s[i] > at)
			i--;
		long double d = at > start_s[i] ? move_at(&moves[i], (long double)at - start_s[i])
						: 0.0L;

		for (int a = 0; a < MOVE_AXES; a++)
			assert_true(fabsl(pt.pos_mm[a] - (moves[i].start_mm[a] + dir[a] * d)) <
				    1e-9L);
		assert_true(pt.speed_mm_s >= -1e-9 && pt.speed_mm_s <= 200.0 + 1e-9);
	}
}

static void test_names(void **state)
{
	struct trapq_phase ph[CAPACITY];
	struct trapq tq;
	struct move m = simple_move(0.0, 5.0);
	double name[MOVE_AXES] = { 100.0, 1.0, 2.0, 3.0 }, end[MOVE_AXES];
	struct trapq_point pt;

	(void)state;
	trapq_init(&tq, ph, CAPACITY);
	assert_int_equal(trapq_append(&tq, &m, 1.0), TRAPQ_OK);
	trapq_set_position(&tq, name);
	trapq_end_position(&tq, end);
	for (int i = 0; i < MOVE_AXES; i++)
		assert_true(fabs(end[i] - name[i]) < 1e-12);
	m = simple_move(100.0, 5.0);
	assert_int_equal(trapq_append(&tq, &m, 2.0), TRAPQ_OK);
	/* in the queue's frame the second move goes on where the first one ended */
	assert_true(fabs(ph[3].pos_mm[0] - 5.0) < 1e-12);
	trapq_at(&tq, 2.3, &pt);
	assert_true(fabs(pt.pos_mm[0] - 102.5) < 1e-9 && fabs(pt.speed_mm_s - 10.0) < 1e-9);
	assert_int_equal(pt.id, 7);
	assert_int_equal(pt.line, 9);
	for (int i = 0; i < MOVE_AXES; i++)
		end[i] = pt.pos_mm[i] - tq.shift_mm[i];
	trapq_clear(&tq, 2.3, end);
	trapq_end_position(&tq, end);
	assert_true(fabs(end[0] - 102.5) < 1e-9 && trapq_end_s(&tq) == 2.3);
	assert_int_equal(tq.head - tq.tail, 0);
	trapq_at(&tq, 5.0, &pt);
	assert_true(fabs(pt.pos_mm[0] - 102.5) < 1e-9 && pt.speed_mm_s == 0.0 && pt.id == 0);
}

/* Whatever the time, the last phase ends exactly where the queue does. */
static void test_end(void **state)
{
	uint64_t rng = ref_seed("trapq end");
	const double no_mm[MOVE_AXES] = { 0 }, dir[MOVE_AXES] = { 1.0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct trapq_phase ph[CAPACITY], *last;
		struct trapq tq;
		struct move m;

		trapq_init(&tq, ph, CAPACITY);
		if (!ref_move(&rng, &m, no_mm, dir, ref_loguniform(&rng, 0.1, 100.0),
			      ref_loguniform(&rng, 100.0, 20000.0), 0.0, 200.0, true))
			continue;
		assert_int_equal(trapq_append(&tq, &m, ref_loguniform(&rng, 1.0, 1e7)), TRAPQ_OK);
		last = &ph[tq.head - 1];
		assert_true(last->start_s + last->dur_s == trapq_end_s(&tq));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phases), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_at),     cmocka_unit_test(test_names),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
