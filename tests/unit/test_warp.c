/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_warp.c - the time warp, with feed rates and holds at random instants of random moves.
 *
 * Shown, in long double: the parts of a move follow each other without a gap in place, time and
 * speed, from its start to exactly its end; the acceleration is never above the move's own, the speed never
 * above what the move allows there (its ramps, its cruise speed at the rate, its limit); at each moment
 * the speed is the one asked for or goes there as fast as it may; a hold stands after speed /
 * acceleration; at rate 1 a move is given out whole; what is taken back begins where it was asked for or
 * at a part's start; each part is a sound move; dwells keep their length and stop in a hold. The cost a
 * move is printed.
 * Repeat: STEPD_SEED=<printed> build/tests/unit/test_warp
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <math.h>

#include "tests/oracle/refmotion.h"
#include "trapq.h"
#include "warp.h"

enum { MOVES = 60 };

#define PERIOD_S 6.25e-3
#define ACCEL_MAX 2e4

static uint64_t rng;
static struct move moves[MOVES];

struct scene {
	struct warp w;
	double until_s;
	int next;                    /* move */
	long double v, place, v_ulp; /* where the last part ended */
	double end_s;
	struct move part; /* given out, not yet looked at */
	double part_s, factor;
	bool waits;
	uint64_t parts, whole, taken_back;
};

/* ---- the move's own bounds, as squared speeds along it ---- */

static long double factor_of(const struct warp *w, const struct move *m)
{
	if (w->hold)
		return 0;
	return m->feed_factor > 0 && w->epoch > m->feed_epoch ? w->feed / m->feed_factor : 1;
}

static long double planned_v2(const struct move *m, long double s, long double cruise)
{
	long double a = m->accel_mm_s2, v0 = m->start_mm_s, v1 = m->end_mm_s, v2 = cruise * cruise;

	v2 = fminl(v2, v0 * v0 + 2 * a * s);
	return fmaxl(fminl(v2, v1 * v1 + 2 * a * (m->length_mm - s)), 0);
}

/* What is asked for at s. */
static long double asked_v2(const struct move *m, long double s, long double factor)
{
	long double cruise = m->cruise_mm_s;

	if (factor > 1)
		cruise = fmaxl(cruise, fminl(cruise * factor, m->limit_mm_s));
	return planned_v2(m, s, cruise) * (factor < 1 ? factor * factor : 1);
}

/* From the part's start, is the speed either as asked, or on its way there at full acceleration? The part of one
 * phase from from_mm of the move on. */
static void check_aim(const struct move *m, const struct move *part, double from_mm,
		      long double factor)
{
	long double v2_max = 1e-30L + (long double)m->cruise_mm_s * m->cruise_mm_s *
					      (factor > 1 ? factor * factor : 1);
	long double accel = m->accel_mm_s2, t = part->accel_s + part->cruise_s + part->decel_s;
	long double a = (part->end_mm_s - (long double)part->start_mm_s) / t;

	for (int i = 1; i < 4 && t > 1e-6L; i++) {
		long double at = t * (i / 4.0L), v = part->start_mm_s + a * at;
		long double s = from_mm + (part->start_mm_s + a * at / 2) * at;
		long double ask2 = asked_v2(m, s, factor), top2 = asked_v2(m, s, 1e3L);
		long double off = (v * v - ask2) / v2_max;

		/* The raised cruise speed leaves 1e-9 for rounding; v is exact to 1e-12 of the highest. */
		if (v * v > top2 + 1e-8L * v2_max)
			fail_msg("%Lg mm/s at %Lg mm, more than %Lg", v, s, sqrtl(top2));
		if (fabsl(off) < 1e-8L)
			continue;
		if (fabsl(a / (off > 0 ? -accel : accel) - 1) > 1e-5L)
			fail_msg("%Lg mm/s at %Lg mm (asked: %Lg), but acceleration %Lg of %Lg", v,
				 s, sqrtl(ask2), a, accel);
	}
}

/* A way of some ulps is passed over. */
static bool same_place(double a_mm, long double b_mm, const struct move *m)
{
	return fabsl(a_mm - b_mm) <= 1e-14L * m->length_mm;
}

/* Along the move: dir is a unit vector. */
static long double place_of(const struct move *m, const double at_mm[MOVE_AXES])
{
	long double s = 0;

	for (int i = 0; i < 3; i++)
		s += (at_mm[i] - (long double)m->start_mm[i]) * m->dir[i];
	return s;
}

/* The part that waits, of move m, is final. */
static void check_part(struct scene *sc, const struct move *m)
{
	const struct move *p = &sc->part;
	double dur_s = p->accel_s + p->cruise_s + p->decel_s;
	/* What an ulp of the place is in speed near rest. */
	long double scale = fmax(m->cruise_mm_s, p->cruise_mm_s), from = place_of(m, p->start_mm);
	long double v_ulp = sqrtl(2e-14L * m->accel_mm_s2 * m->length_mm) + 1e-9L * scale;
	int phases = (p->accel_s > 0) + (p->cruise_s > 0) + (p->decel_s > 0);

	sc->waits = false;
	sc->parts++;
	v_ulp += sc->v_ulp; /* of the move before, if this is the first of the next */
	assert_true(trapq_sound(p) && p->id == m->id);
	assert_true(memcmp(p->dir, m->dir, sizeof(p->dir)) == 0);
	if (fabsl(from - sc->place) > 1e-12L)
		fail_msg("a part from %Lg mm on, the one before ended at %Lg", from, sc->place);
	if (fabs(sc->part_s - sc->end_s) > 1e-12 * (1 + sc->end_s) && sc->v > v_ulp)
		fail_msg("a gap of %g s at %Lg mm/s (%Lg)", sc->part_s - sc->end_s, sc->v, v_ulp);
	if (fabsl(p->start_mm_s - sc->v) > 1e-10L * scale + 1e-15L * sc->part_s * ACCEL_MAX)
		fail_msg("speed jumps from %Lg to %g mm/s", sc->v, p->start_mm_s);
	if ((p->accel_mm_s2 - m->accel_mm_s2) * (p->accel_s + p->decel_s) > (double)v_ulp)
		fail_msg("acceleration %g of %g for %g s", p->accel_mm_s2, m->accel_mm_s2, dur_s);
	if (phases == 1)
		check_aim(m, p, (double)sc->place, sc->factor);
	else /* as planned, or with its cruise speed raised; perhaps not to its end */
		assert_true(sc->place == 0 && sc->factor >= 1 &&
			    p->cruise_mm_s <= fmax(m->cruise_mm_s, m->limit_mm_s) &&
			    p->cruise_mm_s <= m->cruise_mm_s * sc->factor);
	if (memcmp(p, m, sizeof(*p)) == 0)
		sc->whole++;
	sc->place += p->length_mm;
	sc->v = p->end_mm_s;
	sc->v_ulp = v_ulp - sc->v_ulp;
	sc->end_s = sc->part_s + dur_s;
}

static void take_part(struct scene *sc)
{
	if (sc->waits)
		check_part(sc, &moves[sc->next - 1]);
}

/* A change has come: what of the last part stays? */
static void take_back(struct scene *sc, double least_s)
{
	double at_s;

	if (!warp_take_back(&sc->w, least_s, sc->w.until_s, &at_s))
		return;
	assert_true(sc->waits);
	sc->taken_back++;
	assert_true(at_s == fmax(least_s, sc->part_s) && at_s == sc->w.at_s);
	if (warp_shorten(&sc->part, at_s - sc->part_s)) {
		take_part(sc);
		assert_true(fabs(sc->end_s - at_s) < 1e-12 * (1 + at_s));
	}
	sc->waits = false;
}

/* All that is due up to until_s. Returns false when the moves are at an end. */
static bool pump(struct scene *sc)
{
	for (;;) {
		switch (warp_next(&sc->w, sc->until_s)) {
		case WARP_AHEAD:
			assert_true(sc->w.at_s >= sc->until_s);
			return true;
		case WARP_PART:
			take_part(sc);
			sc->part = sc->w.part;
			sc->part_s = sc->w.part_s;
			sc->factor = (double)factor_of(&sc->w, &sc->w.planned);
			sc->waits = true;
			assert_true(sc->part_s < sc->until_s);
			break;
		case WARP_DONE:
			take_part(sc);
			assert_false(warp_busy(&sc->w));
			if (sc->next > 0)
				assert_true(same_place(moves[sc->next - 1].length_mm, sc->place,
						       &moves[sc->next - 1]));
			if (sc->next == MOVES)
				return false;
			sc->place = 0;
			warp_move(&sc->w, &moves[sc->next++], sc->w.at_s);
			break;
		}
	}
}

/* Moves that follow each other, at rest at both ends and sometimes in between. */
static void draw_moves(double longest_mm, double limit)
{
	double pos[MOVE_AXES] = { 0 }, dir[MOVE_AXES] = { 0.6, -0.8, 0, 0.03 }, v = 0;

	for (int n = 0; n < MOVES;) {
		bool stop = n == MOVES - 1 || ref_random(&rng) % 5 == 0;
		double accel = v > 0 && ref_random(&rng) % 2 ? moves[n - 1].accel_mm_s2
							     : ref_loguniform(&rng, 300, ACCEL_MAX);

		if (!ref_move(&rng, &moves[n], pos, dir, ref_loguniform(&rng, 0.005, longest_mm),
			      accel, v, 200, stop)) {
			if (n > 0 && ref_random(&rng) % 8 == 0) { /* no way on from here */
				n--;
				v = moves[n].start_mm_s;
			}
			continue;
		}
		if (!(moves[n].accel_mm_s2 > 0))
			continue;
		moves[n].limit_mm_s = limit;
		moves[n].feed_factor = 1;
		v = moves[n++].end_mm_s;
	}
}

static void scene_new(struct scene *sc)
{
	memset(sc, 0, sizeof(*sc));
	warp_init(&sc->w);
	warp_drop(&sc->w, 100);
	sc->until_s = sc->end_s = 100;
}

static double total_s(void)
{
	double s = 0;

	for (int i = 0; i < MOVES; i++)
		s += moves[i].accel_s + moves[i].cruise_s + moves[i].decel_s;
	return s;
}

static void test_untouched(void **state)
{
	static struct scene sc;
	double t;

	(void)state;
	rng = ref_seed("warp_untouched");
	for (int k = 0; k < 100; k++) {
		draw_moves(k % 2 ? 100 : 2, 200);
		scene_new(&sc);
		t = 100;
		for (int i = 0; i < MOVES; i++)
			t += moves[i].accel_s + moves[i].cruise_s + moves[i].decel_s;
		for (int i = 0; pump(&sc); i++) {
			assert_true(i < 1000000);
			sc.until_s += PERIOD_S;
			take_back(&sc, sc.until_s);
		}
		assert_int_equal(sc.whole, MOVES);
		assert_int_equal(sc.parts, MOVES);
		assert_int_equal(sc.taken_back, 0);
		assert_true(fabs(sc.w.at_s - t) < 1e-10);
	}
}

/* At a constant rate everything takes so much longer, but for where it is cut nothing is added. */
static void test_constant(void **state)
{
	static struct scene sc;

	(void)state;
	rng = ref_seed("warp_constant");
	for (int k = 0; k < 200; k++) {
		double rate = ref_uniform(&rng, WARP_FEED_MIN, 1);

		draw_moves(k % 2 ? 100 : 2, 200);
		scene_new(&sc);
		warp_set_feed(&sc.w, rate, 1);
		sc.until_s = 1e5;
		assert_false(pump(&sc));
		assert_true(sc.parts <= 3 * MOVES);
		assert_true(fabs((sc.w.at_s - 100) * rate / total_s() - 1) < 1e-9);
	}
}

/* Feed rates and holds at random instants. */
static void test_random(void **state)
{
	static struct scene sc;
	const char *size = getenv("STEPD_TEST_SIZE");
	int scenes = 1000 * (size ? atoi(size) : 1);
	uint64_t changes = 0, parts = 0, taken_back = 0;

	(void)state;
	rng = ref_seed("warp_random");
	for (int k = 0; k < scenes; k++) {
		double pace_s = ref_loguniform(&rng, 1e-3, 0.3), next_s = 0;

		draw_moves(k % 3 ? 2 : 100, ref_random(&rng) % 2 ? 300 : 0);
		for (int i = 0; i < MOVES; i++)
			if (k % 4 == 0)
				moves[i].feed_factor = 0.75 * (i / 5 % 3);
		for (int i = 0; i < MOVES; i++)
			if (k % 8 == 1)
				moves[i].feed_epoch = (uint32_t)i / 7 % 2;
		scene_new(&sc);
		for (int i = 0; pump(&sc); i++) {
			assert_true(i < 2000000);
			sc.until_s += ref_uniform(&rng, 0, 2 * PERIOD_S);
			if (sc.until_s < next_s)
				continue;
			next_s = sc.until_s + ref_uniform(&rng, 0, 2 * pace_s);
			changes++;
			if (ref_random(&rng) % 2)
				warp_set_hold(&sc.w, WARP_HOLD_ASKED, !sc.w.hold);
			else if (ref_random(&rng) % 3 == 0)
				warp_set_feed(&sc.w, 1, 1);
			else
				warp_set_feed(&sc.w, ref_loguniform(&rng, 0.05, 4), 1);
			take_back(&sc, sc.until_s - ref_uniform(&rng, 0, PERIOD_S));
		}
		assert_int_equal(sc.next, MOVES);
		assert_true(sc.w.v_mm_s == 0);
		parts += sc.parts;
		taken_back += sc.taken_back;
	}
	print_message("%llu changes, %llu parts, %llu taken back\n", (unsigned long long)changes,
		      (unsigned long long)parts, (unsigned long long)taken_back);
	assert_true(changes > 5000);
}

/* A hold anywhere stands after no more than speed / acceleration, and then nothing moves. */
static void test_hold(void **state)
{
	static struct scene sc;

	(void)state;
	rng = ref_seed("warp_hold");
	for (int k = 0; k < 3000; k++) {
		double at_s, v, accel = INFINITY, stop_s, place;
		int move;

		draw_moves(k % 2 ? 100 : 2, 0);
		scene_new(&sc);
		at_s = 100 + ref_uniform(&rng, 0, total_s());
		while (sc.until_s < at_s && pump(&sc))
			sc.until_s += PERIOD_S;
		warp_set_hold(&sc.w, WARP_HOLD_ASKED, true);
		take_back(&sc, sc.until_s);
		at_s = sc.w.at_s;
		v = sc.w.v_mm_s;
		for (int i = sc.next > 0 ? sc.next - 1 : 0; i < MOVES; i++)
			accel = fmin(accel, moves[i].accel_mm_s2);
		stop_s = at_s + v / accel + 1e-9;
		while (sc.until_s <= stop_s + 2 * PERIOD_S) {
			sc.until_s += PERIOD_S;
			if (!pump(&sc))
				break; /* behind the last move at rest */
		}
		take_part(&sc);
		assert_true(sc.v <= 1e-6L && sc.end_s <= stop_s);
		place = (double)sc.place;
		move = sc.next;
		sc.until_s += 1000;
		pump(&sc);
		assert_true(sc.w.paused && (double)sc.place == place && sc.next == move);
		assert_true(sc.w.at_s == sc.until_s);
		warp_set_hold(&sc.w, WARP_HOLD_ASKED, false);
		for (int i = 0; pump(&sc); i++) {
			assert_true(i < 1000000);
			sc.until_s += PERIOD_S;
		}
		assert_int_equal(sc.next, MOVES);
	}
}

static void test_dwell(void **state)
{
	static struct scene sc;

	(void)state;
	scene_new(&sc);
	warp_set_feed(&sc.w, 0.5, 1);
	warp_dwell(&sc.w, 101, 2);
	assert_int_equal(warp_next(&sc.w, 102), WARP_AHEAD);
	assert_true(warp_busy(&sc.w) && fabs(warp_left_s(&sc.w) - 1) < 1e-12);
	warp_set_hold(&sc.w, WARP_HOLD_ASKED, true);
	assert_int_equal(warp_next(&sc.w, 110), WARP_AHEAD);
	assert_int_equal(warp_next(&sc.w, 110), WARP_AHEAD);
	assert_true(fabs(warp_left_s(&sc.w) - 1) < 1e-12);
	warp_set_hold(&sc.w, WARP_HOLD_ASKED, false);
	assert_int_equal(warp_next(&sc.w, 110.5), WARP_AHEAD);
	assert_int_equal(warp_next(&sc.w, 120), WARP_DONE);
	assert_true(fabs(sc.w.at_s - 111) < 1e-12 && !warp_busy(&sc.w));
	/* A hold with nothing under way keeps what follows. */
	warp_set_hold(&sc.w, WARP_HOLD_ASKED, true);
	assert_int_equal(warp_next(&sc.w, 200), WARP_AHEAD);
	assert_true(sc.w.at_s == 200 && sc.w.paused);
	warp_set_hold(&sc.w, WARP_HOLD_ASKED, false);
	assert_int_equal(warp_next(&sc.w, 202), WARP_DONE);
	/* Of no length. */
	warp_dwell(&sc.w, 201, 0);
	assert_int_equal(warp_next(&sc.w, 202), WARP_DONE);
	assert_true(sc.w.at_s == 201);
}

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void test_cost(void **state)
{
	static struct trapq_phase ph[1024];
	static const double rates[] = { 1, 0.5 };
	struct trapq tq;
	struct warp w;

	(void)state;
	rng = ref_seed("warp_cost");
	draw_moves(2, 0);
	for (int pass = 0; pass < 3; pass++) { /* last: appended without a warp, to compare */
		double from_ns = cpu_ns();
		int n = 0;

		warp_init(&w);
		warp_set_feed(&w, pass < 2 ? rates[pass] : 1, 1);
		trapq_init(&tq, ph, 1024);
		for (; n < 200000; n++) {
			const struct move *m = &moves[n % MOVES];

			if (pass == 2)
				trapq_append(&tq, m, trapq_end_s(&tq));
			else
				warp_move(&w, m, w.at_s);
			while (pass < 2 && warp_next(&w, 1e9) == WARP_PART)
				trapq_append(&tq, &w.part, w.part_s);
			trapq_retire(&tq, trapq_end_s(&tq));
		}
		print_message("%.1f ns a move %s\n", (cpu_ns() - from_ns) / n,
			      pass == 0   ? "at rate 1"
			      : pass == 1 ? "at rate 0.5"
					  : "without a warp");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_untouched), cmocka_unit_test(test_constant),
		cmocka_unit_test(test_random),    cmocka_unit_test(test_hold),
		cmocka_unit_test(test_dwell),     cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
