/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_stepcompress.c - the longest run through slots, against the exact optimum.
 *
 * Shown: on random curves (smooth, kinked, noisy; slots at every step or far apart; wide and narrow
 * tolerances) the prefix found is no longer than the exact longest one with a real interval and, but
 * for rounding, no shorter than the exact longest integer one; the fit for every prefix passes its
 * slots; the same with fractions, against the real optimum within what rounding leaves of the
 * tolerance; and a whole file's worth of motion needs at most 5 % more commands than the greedy exact
 * optimum; with fractions at most 7 % more than the real one, at all clocks and 12.5 us and 1 us together (and
 * 10 % in each case, whose long runs are few).
 * How: tests/oracle/optrun.c clips half-planes and looks for integer points; slow, exact.
 * Repeat: STEPD_SEED=<printed> build/tests/unit/test_stepcompress
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
#include "tests/oracle/optrun.h"
#include "tests/oracle/refmotion.h"

enum { CURVES = 2000, MOVES = 400 };

/* A curve of single steps in t[], less a base; returns how many. */
static int make_curve(uint64_t *rng, struct stepcompress *sc, double *t, int most)
{
	double freq = ref_random(rng) % 2 ? 16e6 : ref_random(rng) % 2 ? 50e6 : 180e6;
	double tol = 12.5e-6 * freq, v = ref_loguniform(rng, 100.0, 200e3) / freq, at = 0.0;
	double a = ref_uniform(rng, -1.0, 1.0) * ref_loguniform(rng, 1e3, 3e6) / freq / freq;
	double base = ref_uniform(rng, -1.0, 1.0) * tol;
	int kink = (int)(ref_random(rng) % 100), n = 0;
	bool noise = ref_random(rng) % 8 == 0;

	sc->tol = tol;
	while (n < most) {
		double v2 = v * v + 2.0 * a;

		v = v2 > 1e-18 ? sqrt(v2) : 1e-9;
		if (n == kink) {
			v *= ref_uniform(rng, 0.7, 1.4);
			a *= ref_uniform(rng, -1.0, 1.0);
		}
		at += 1.0 / v;
		if (at - base < 1.0 - tol || at - base > 1e8)
			break;
		t[n++] = at - base + (noise ? ref_uniform(rng, -0.3, 0.3) * tol : 0.0);
	}
	return n;
}

/* The exact longest prefix. */
static int32_t exact(const struct stepcompress *sc, bool integer, double tol)
{
	static struct optrun opt;
	int32_t len = 0;

	optrun_start(&opt, integer, -1e6L);
	while (len < sc->n &&
	       optrun_step(&opt, (int64_t)(len + 1) * sc->stride, (long double)sc->tau[len] - tol,
			   (long double)sc->tau[len] + tol))
		len++;
	return len;
}

/* Every prefix of what was found has a fit that passes it. */
static void check_fits(const struct stepcompress *sc, int shift, int32_t found, int64_t *fits,
		       int64_t *empty)
{
	for (int32_t c = 1; c <= found; c++) {
		struct stepcompress_fit f;

		stepcompress_fit(sc, c, c == found && c < sc->n && c % 2, &f);
		assert_true(f.share > 0.0 && f.share < 1.0);
		double add = ldexp(f.add, 2 * shift);

		assert_true(f.add >= -32768.0 && f.add <= 32767.0);
		assert_true(add == floor(add) && fabs(add) <= INT32_MAX);
		++*fits;
		*empty += f.lo > f.hi;
		for (int32_t i = 1; i <= c && f.lo <= f.hi; i++) {
			int32_t n = stepcompress_step(sc, i);
			double j = n, rest = f.add * j * (j - 1.0) / 2.0;

			assert_true(j * f.lo + rest >= sc->tau[i - 1] - sc->tol - 1e-4);
			assert_true(j * f.hi + rest <= sc->tau[i - 1] + sc->tol + 1e-4);
		}
	}
}

static void curves(bool fractional)
{
	static const int strides[] = { 1, 1, 2, 3, 5, 9, 16, 96 };
	static struct stepcompress sc;
	static double t[STEPCOMPRESS_SLOTS * 96];
	uint64_t rng = ref_seed(fractional ? "curves with fractions" : "curves");
	int64_t ours = 0, best = 0, shorter = 0, empty = 0, fits = 0;

	for (int k = 0; k < CURVES; k++) {
		int shift = fractional ? 1 + (int)(ref_random(&rng) % 16) : 0;
		int32_t stride = strides[ref_random(&rng) % 8], found, len;
		int32_t slots = 1 + (int32_t)(ref_random(&rng) % STEPCOMPRESS_SLOTS);
		int32_t n = make_curve(&rng, &sc, t, slots * stride);

		if (n < stride)
			continue;
		sc.stride = stride;
		sc.n = n / stride;
		for (int i = 0; i < STEPCOMPRESS_SLOTS; i++) /* others are read, of no effect */
			sc.tau[i] = i < sc.n ? t[(i + 1) * stride - 1] : 1e6;
		stepcompress_unit(&sc, shift);
		found = stepcompress_longest(&sc);
		/* Rounding the add moves step j by at most a quarter of j^2 units. Above a shift of 8 not
		 * every add has room. */
		double j = sc.n * stride, lost = fractional ? ldexp(0.25 * j * j, -2 * shift) : 0.0;

		len = 0;
		if (lost < sc.tol && shift <= 8)
			len = exact(&sc, !fractional, sc.tol - lost);
		assert_true(found >= 1 && found <= sc.n);
		/* In single precision: 1e-3 of the tolerance is rounding. */
		assert_true(found <= exact(&sc, false, 1.001 * sc.tol));
		check_fits(&sc, shift, found, &fits, &empty);
		ours += found;
		best += len;
		shorter += found < len;
	}
	print_message("%d curves: %lld slots, best %s runs %lld, %lld shorter; "
		      "%lld of %lld fits without an interval\n",
		      CURVES, (long long)ours, fractional ? "real" : "integer", (long long)best,
		      (long long)shorter, (long long)empty, (long long)fits);
	assert_true(shorter <= CURVES / 200 && best > ours / 4);
	assert_true(empty <= fits / 100);
}

static void test_curves(void **state)
{
	(void)state;
	curves(false);
	curves(true);
}

/* Print-like motion of one axis: perimeters of short segments, infill, travel. */
static void make_moves(uint64_t *rng, struct move *moves, double *start_s, int count)
{
	double pos[MOVE_AXES] = { 0 }, dir[MOVE_AXES] = { 1.0 }, angle = 0.0, v = 0.0, t = 1.0;
	int n = 0;

	while (n < count) {
		bool small = ref_random(rng) % 4 != 0;
		double turn = small ? ref_uniform(rng, -0.2, 0.2) : ref_uniform(rng, -3.1, 3.1);
		double len = small ? ref_loguniform(rng, 0.1, 2.0) : ref_loguniform(rng, 1.0, 10.0);

		/* A sharp corner needs to be slow. */
		if (small || v < 10.0)
			angle += turn;
		dir[0] = cos(angle);
		dir[1] = sin(angle);
		v = n ? moves[n - 1].end_mm_s : 0.0;
		if (!ref_move(rng, &moves[n], pos, dir, len, 5000.0, v, 250.0, n == count - 1))
			continue;
		start_s[n] = t;
		t += moves[n].accel_s + moves[n].cruise_s + moves[n].decel_s;
		for (int i = 0; i < MOVE_AXES; i++)
			pos[i] += dir[i] * moves[n].length_mm;
		n++;
	}
}

/* With fractions: ours, and the real optimum. */
struct sums {
	int64_t ours, real;
};

static void count_commands(uint64_t *rng, double steps_mm, double freq_hz, double tol_s,
			   struct sums *sums)
{
	static struct move moves[MOVES];
	static double start_s[MOVES];
	static struct trapq_phase ph[2048];
	static struct stepgen sg;
	struct stepgen_config cfg = { .weight = { steps_mm }, .tol_s = tol_s };
	struct clockmap map = { 0.0, 0, freq_hz };
	struct ref_joint ref;
	struct step_run run;
	struct trapq tq;
	int64_t ours[2] = { 0 }, integer, real;
	int n = steps_mm < 100.0 ? MOVES : MOVES / 8;

	make_moves(rng, moves, start_s, n);
	ref_joint_init(&ref, cfg.weight);
	for (int k = 0; k < 2; k++) {
		cfg.fractional = k;
		trapq_init(&tq, ph, 2048);
		stepgen_init(&sg, &cfg, &tq);
		for (int i = 0; i < n; i++)
			assert_int_equal(trapq_append(&tq, &moves[i], start_s[i]), TRAPQ_OK);
		while (stepgen_next(&sg, trapq_end_s(&tq) + 1.0, trapq_end_s(&tq) + 1.0, &map,
				    &run) == STEPGEN_RUN)
			ours[k]++;
	}
	for (int i = 0; i < n; i++)
		ref_joint_move(&ref, &moves[i], start_s[i]);
	ref_joint_filter(&ref, STEPGEN_REVERSAL_FILTER_S);
	integer = optrun_commands(ref.steps, ref.n, freq_hz, tol_s, true);
	real = optrun_commands(ref.steps, ref.n, freq_hz, tol_s, false);
	print_message(
		"%3.0f steps/mm %3.0f MHz %4.1f us: %lld steps, %lld commands, optimum %lld integer, %+.1f %%; "
		"with fractions %lld, optimum %lld real, %+.1f %%\n",
		steps_mm, freq_hz / 1e6, 1e6 * tol_s, (long long)ref.n, (long long)ours[0],
		(long long)integer, 100.0 * ((double)ours[0] / (double)integer - 1.0),
		(long long)ours[1], (long long)real, 100.0 * ((double)ours[1] / (double)real - 1.0));
	assert_true((double)ours[0] <= 1.05 * (double)integer + 10.0);
	assert_true((double)ours[1] <= 1.10 * (double)real + 10.0);
	sums->ours += ours[1];
	sums->real += real;
	ref_joint_free(&ref);
}

static void test_commands(void **state)
{
	uint64_t rng = ref_seed("commands");
	struct sums sums = { 0 };

	(void)state;
	count_commands(&rng, 80.0, 16e6, STEPGEN_TOL_S, &sums);
	count_commands(&rng, 80.0, 180e6, STEPGEN_TOL_S, &sums);
	count_commands(&rng, 640.0, 16e6, STEPGEN_TOL_S, &sums);
	count_commands(&rng, 640.0, 50e6, STEPGEN_TOL_S, &sums);
	count_commands(&rng, 640.0, 180e6, STEPGEN_TOL_S, &sums);
	count_commands(&rng, 640.0, 16e6, 1e-6, &sums);
	count_commands(&rng, 640.0, 180e6, 1e-6, &sums);
	assert_true((double)sums.ours <= 1.07 * (double)sums.real);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_curves),
		cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
