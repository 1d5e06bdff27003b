/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookahead.c - the speeds are those of the definition, whenever they are planned.
 *
 * Shown: on random short queues, speeds equal a direct evaluation of the definition in
 * lookahead.h (long double, each junction from all limits, O(n²)), so none breaks a limit and
 * none could be higher; planning after every move, now and then, or once at the end gives the
 * same bits; on a straight line no more moves are kept than a stop needs; a full ring or window
 * decides early, keeps all limits, and moves on; a stand-alone move cruises over exactly the
 * ratio that was asked for.
 * Repeat: STEPD_SEED=<printed seed>.
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

#include "daemon/planner/lookahead.h"
#include "tests/simlib/random.h"

enum { N_MAX = 48, RING = 4096 };

static uint64_t rng_state;

static double rnd(double lo, double hi)
{
	return random_uniform(&rng_state, lo, hi);
}

static int rndi(int n)
{
	return (int)rnd(0, n);
}

static struct lookahead_move random_move(int style)
{
	static const double cruise[] = { 10, 50, 100, 100, 300 };
	struct lookahead_move m;

	memset(&m, 0, sizeof(m));
	if (style == 0) {
		/* whole numbers: many exact ties and level stretches */
		m.length_mm = 1 + rndi(3);
		m.accel_mm_s2 = 1024;
		m.smooth_mm_s2 = 512;
		m.cruise_v2_max = 1024 * (1 + rndi(12));
		m.start_v2_max = rndi(3) ? (double)INFINITY : 1024.0 * rndi(10);
		return m;
	}
	m.length_mm = exp(rnd(log(0.01), log(30)));
	m.accel_mm_s2 = style == 1 ? 1000 : exp(rnd(log(100), log(20000)));
	m.smooth_mm_s2 = m.accel_mm_s2 * (style == 1 ? 0.5 : rnd(0.05, 1));
	m.cruise_v2_max = cruise[rndi(5)] * cruise[rndi(5)];
	m.start_v2_max = rndi(2) ? (double)INFINITY : pow(rnd(0, 60), 2);
	return m;
}

/* The definition, evaluated directly. */
struct direct {
	int n;
	long double limit[N_MAX + 1], s[N_MAX + 1], v[N_MAX + 1];
	long double s_peak[N_MAX], top[N_MAX], cruise[N_MAX];
	bool valley[N_MAX + 1];
};

static long double peak(long double a, long double b, long double ramp, long double max)
{
	long double p = (a + b + ramp) / 2;

	return p < max ? p : max;
}

/* Greatest value at each junction: each limit reaches as far as acceleration lets it. */
static void envelope(const struct lookahead_move *m, int n, const long double *limit, bool smooth,
		     long double *out)
{
	for (int i = 0; i <= n; i++) {
		long double reach = 0;

		out[i] = limit[i];
		for (int j = i; j < n; j++) {
			reach += 2.0L * m[j].length_mm *
				 (smooth ? m[j].smooth_mm_s2 : m[j].accel_mm_s2);
			out[i] = fminl(out[i], limit[j + 1] + reach);
		}
		reach = 0;
		for (int j = i - 1; j >= 0; j--) {
			reach += 2.0L * m[j].length_mm *
				 (smooth ? m[j].smooth_mm_s2 : m[j].accel_mm_s2);
			out[i] = fminl(out[i], limit[j] + reach);
		}
	}
}

/* Does S rise when one walks from junction i in direction step, level stretches aside? */
static bool rises(const struct direct *d, int i, int step)
{
	long double here = d->s[i], eps = 1e-12L * (here + 1e-9L);

	for (int j = i; j + step >= 0 && j + step <= d->n; j += step) {
		long double p = d->s_peak[step > 0 ? j : j - 1], q = d->s[j + step];

		if (p > here + eps)
			return true;
		if (q < here - eps)
			return false;
	}
	return false;
}

static void direct_plan(const struct lookahead_move *m, int n, struct direct *d)
{
	long double capped[N_MAX + 1];

	memset(d, 0, sizeof(*d));
	d->n = n;
	for (int i = 1; i < n; i++)
		d->limit[i] = fminl(m[i].start_v2_max,
				    fminl(m[i - 1].cruise_v2_max, m[i].cruise_v2_max));
	envelope(m, n, d->limit, true, d->s);
	for (int i = 0; i < n; i++)
		d->s_peak[i] = peak(d->s[i], d->s[i + 1], 2.0L * m[i].length_mm * m[i].smooth_mm_s2,
				    m[i].cruise_v2_max);
	for (int i = 1; i < n; i++)
		d->valley[i] = rises(d, i, 1) && rises(d, i, -1);
	for (int i = 0; i < n; i++) {
		for (int j = i; j >= 0; j--) {
			d->top[i] = fmaxl(d->top[i], d->s_peak[j]);
			if (d->valley[j])
				break;
		}
		for (int j = i; j < n; j++) {
			d->top[i] = fmaxl(d->top[i], d->s_peak[j]);
			if (d->valley[j + 1])
				break;
		}
	}
	for (int i = 0; i <= n; i++) {
		capped[i] = d->limit[i];
		if (i > 0)
			capped[i] = fminl(capped[i], d->top[i - 1]);
		if (i < n)
			capped[i] = fminl(capped[i], d->top[i]);
	}
	envelope(m, n, capped, false, d->v);
	for (int i = 0; i < n; i++)
		d->cruise[i] = peak(d->v[i], d->v[i + 1], 2.0L * m[i].length_mm * m[i].accel_mm_s2,
				    fminl(m[i].cruise_v2_max, d->top[i]));
}

struct planned {
	int n;
	double start_v2[N_MAX], cruise_v2[N_MAX], end_v2[N_MAX];
};

static void take(struct lookahead *la, struct planned *out)
{
	while (la->head != la->decided) {
		const struct lookahead_move *m = lookahead_first(la, &out->end_v2[out->n]);

		out->start_v2[out->n] = m->start_v2;
		out->cruise_v2[out->n] = m->cruise_v2;
		if (out->n > 0)
			assert_true(out->end_v2[out->n - 1] == m->start_v2);
		lookahead_pop(la);
		out->n++;
	}
}

/* plan: 0 only when due, 1 after each move, 2 now and then */
static void plan(const struct lookahead_move *m, int n, int how, struct planned *out)
{
	static struct lookahead_move ring[RING];
	struct lookahead la;

	out->n = 0;
	lookahead_init(&la, ring, RING, 1e9);
	for (int i = 0; i < n; i++) {
		lookahead_push(&la, &m[i]);
		if (how == 1 || (how == 2 && rndi(4) == 0) || lookahead_due(&la))
			lookahead_plan(&la);
		if (how != 0 && rndi(2))
			take(&la, out);
	}
	lookahead_stop(&la);
	lookahead_plan(&la);
	take(&la, out);
	assert_int_equal(out->n, n);
	assert_int_equal(lookahead_count(&la), 0);
	assert_true(la.decided_s == 0 && la.undecided_s == 0);
}

static void near(double got, long double want, int round, int i, const char *what)
{
	if (fabsl(got - want) <= 1e-9L * (want + 1e-6L))
		return;
	fail_msg("round %d, move %d: %s is %.17g, by definition %.17Lg", round, i, what, got, want);
}

static void test_definition(void **state)
{
	struct lookahead_move m[N_MAX];
	struct planned p;
	struct direct d;
	int valleys = 0, capped = 0;

	(void)state;
	for (int round = 0; round < 6000; round++) {
		int n = 1 + rndi(N_MAX);

		for (int i = 0; i < n; i++)
			m[i] = random_move(round % 3);
		direct_plan(m, n, &d);
		plan(m, n, round % 2, &p);
		for (int i = 0; i < n; i++) {
			near(p.start_v2[i], d.v[i], round, i, "start");
			near(p.end_v2[i], d.v[i + 1], round, i, "end");
			near(p.cruise_v2[i], d.cruise[i], round, i, "cruise");
			valleys += d.valley[i];
			capped += d.cruise[i] == d.top[i];
		}
	}
	/* the cases that matter did occur */
	assert_true(valleys > 1000 && capped > 1000);
}

static void test_same_whenever_planned(void **state)
{
	struct lookahead_move m[N_MAX];
	struct planned a, b, c;

	(void)state;
	for (int round = 0; round < 6000; round++) {
		int n = 1 + rndi(N_MAX);

		for (int i = 0; i < n; i++)
			m[i] = random_move(round % 3);
		plan(m, n, 0, &a);
		plan(m, n, 1, &b);
		plan(m, n, 2, &c);
		for (int i = 0; i < n; i++) {
			assert_true(a.start_v2[i] == b.start_v2[i] &&
				    a.start_v2[i] == c.start_v2[i]);
			assert_true(a.cruise_v2[i] == b.cruise_v2[i] &&
				    a.cruise_v2[i] == c.cruise_v2[i]);
		}
	}
}

static void test_stand_alone_ratio(void **state)
{
	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct lookahead_move m = random_move(2);
		double ratio = rnd(0, 0.95), ramps_mm;
		struct planned p;

		m.smooth_mm_s2 = m.accel_mm_s2 * (1 - ratio);
		m.cruise_v2_max = 1e9;
		plan(&m, 1, 0, &p);
		ramps_mm = p.cruise_v2[0] / m.accel_mm_s2;
		assert_true(fabs(m.length_mm - ramps_mm - ratio * m.length_mm) <=
			    1e-12 * m.length_mm);
	}
}

/* 100 mm/s, 1000 mm/s², ratio 0.5: S needs 10 mm to stop, 20 moves of 0.5 mm. */
static void test_no_more_kept_than_needed(void **state)
{
	static struct lookahead_move ring[RING];
	struct lookahead_move m = { .length_mm = 0.5,
				    .accel_mm_s2 = 1000,
				    .smooth_mm_s2 = 500,
				    .cruise_v2_max = 1e4,
				    .start_v2_max = INFINITY };
	struct lookahead la;
	struct planned p;

	(void)state;
	lookahead_init(&la, ring, RING, 1e9);
	for (int i = 0; i < 5000; i++) {
		lookahead_push(&la, &m);
		lookahead_plan(&la);
		/* up to here it might have been one hill that is lower than the limit */
		if (i >= 39)
			assert_int_equal(lookahead_undecided(&la), 20);
		p.n = 0;
		take(&la, &p);
	}
	/* left alone, it plans when the undecided moves have doubled */
	for (int i = 0; i < 5000; i++) {
		lookahead_push(&la, &m);
		if (lookahead_due(&la))
			lookahead_plan(&la);
		assert_true(lookahead_undecided(&la) <= 41);
		while (la.head != la.decided)
			lookahead_pop(&la);
	}
	lookahead_stop(&la);
	assert_true(lookahead_due(&la));
	lookahead_plan(&la);
	assert_int_equal(lookahead_undecided(&la), 0);
}

/* Rings too small and windows too short for the moves: whatever is decided early must still
 * keep all limits, and each plan must decide enough to pay for itself. */
static void test_forced(void **state)
{
	static struct lookahead_move ring[RING];

	(void)state;
	for (int round = 0; round < 300; round++) {
		uint32_t size = 8u << rndi(6);
		double window_s = exp(rnd(log(0.01), log(3)));
		double end_v2 = 0, end;
		uint64_t visits = 0;
		struct lookahead la;
		struct lookahead_move last = { .cruise_v2_max = 0 };
		int style = round % 3, popped = 0, pushed = 0;

		lookahead_init(&la, ring, size, window_s);
		for (int i = 0; i < 2000; i++) {
			struct lookahead_move m = random_move(style);

			if (rndi(50) == 0)
				lookahead_stop(&la);
			assert_false(lookahead_full(&la));
			lookahead_push(&la, &m);
			pushed++;
			while (lookahead_due(&la)) {
				uint32_t before = lookahead_undecided(&la);

				visits += before;
				lookahead_plan(&la);
				if (lookahead_undecided(&la) == before)
					break;
			}
			if (i == 1999) {
				lookahead_stop(&la);
				lookahead_plan(&la);
			}
			while (la.head != la.decided) {
				const struct lookahead_move *f = lookahead_first(&la, &end);
				double ramp = f->accel_2d * (1 + 1e-12), ulp = 1e-9;

				assert_true(f->start_v2 == end_v2);
				assert_true(f->start_v2 <= f->start_v2_max);
				assert_true(f->start_v2 <= last.cruise_v2_max);
				assert_true(f->cruise_v2 <= f->cruise_v2_max);
				assert_true(f->cruise_v2 >= f->start_v2 && f->cruise_v2 >= end);
				assert_true(f->cruise_v2 > 0);
				assert_true(2 * f->cruise_v2 - f->start_v2 - end <= ramp + ulp);
				last = *f;
				end_v2 = end;
				lookahead_pop(&la);
				popped++;
			}
		}
		assert_int_equal(popped, pushed);
		assert_true(end_v2 == 0);
		assert_true(visits <= 12u * (unsigned)pushed);
	}
}

int main(void)
{
	const char *env = getenv("STEPD_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_same_whenever_planned),
		cmocka_unit_test(test_stand_alone_ratio),
		cmocka_unit_test(test_no_more_kept_than_needed),
		cmocka_unit_test(test_forced),
	};

	rng_state = env ? strtoull(env, NULL, 0) : 20261120;
	printf("STEPD_SEED=%llu\n", (unsigned long long)rng_state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
