/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sos_filter.c - filters of load cells: how they are made, and how the firmware runs them in fixed point.
 *
 * Shown: low-passes, high-passes and notches have -3 dB, nothing and all where they are said to, by their frequency response, for many
 * frequencies, and are stable; the firmware's numbers follow the same sections in double within a bound that goes by the filter, over
 * noise, steps and hum; it ends at rest; what is beyond its numbers is told, never wrapped; wrong use is a shutdown.
 * How: the firmware's filter alone, and conversations with the simulated MCU. Repeat with STEPD_SEED.
 */
#include "test_mcu_peer.h"

#include <complex.h>
#include <math.h>

#include "daemon/probe/sos.h"
#include "mcu/core/mcu_sos_filter.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

enum { SECTIONS = 4, GRAM = 1 << 15 };

/* Of H(z) on the unit circle. */
static double gain(const struct sos_section *s, double share)
{
	double complex w = cexp(-2 * M_PI * share * I);

	return cabs((s->b[0] + s->b[1] * w + s->b[2] * w * w) / (1 + s->a[0] * w + s->a[1] * w * w));
}

/* Poles within the unit circle: the triangle of Jury's criterion. */
static bool stable(const struct sos_section *s)
{
	return fabs(s->a[1]) < 1 && fabs(s->a[0]) < 1 + s->a[1];
}

#define NEAR(value, wanted) assert_true(fabs((value) - (wanted)) < 1e-6)

static void response(void **state)
{
	(void)state;
	for (double share = 0.001; share < 0.49; share *= 1.3) {
		struct sos_section notch = sos_notch(share, 2);

		for (int order = 1; order <= 2; order++) {
			struct sos_section low = sos_lowpass(share, order),
					   high = sos_highpass(share, order);
			double above = 0.5 * (share + 0.5),
			       ratio = tan(M_PI * above) / tan(M_PI * share);

			assert_true(stable(&low) && stable(&high));
			NEAR(gain(&low, 0), 1);
			NEAR(gain(&low, share), M_SQRT1_2);
			NEAR(gain(&low, 0.5), 0);
			/* Butterworth's: 1 / sqrt(1 + ratio^2n) */
			NEAR(gain(&low, above), 1 / sqrt(1 + pow(ratio, 2 * order)));
			NEAR(gain(&high, 0), 0);
			NEAR(gain(&high, share), M_SQRT1_2);
			NEAR(gain(&high, 0.5), 1);
		}
		assert_true(stable(&notch));
		NEAR(gain(&notch, 0), 1);
		NEAR(gain(&notch, share), 0);
		NEAR(gain(&notch, 0.5), 1);
		if (share < 0.05) { /* hardly warped: a width of share / quality */
			assert_true(gain(&notch, share * 0.7) < 0.85);
			assert_true(gain(&notch, share / 1.2808) > 0.69 &&
				    gain(&notch, share / 1.2808) < 0.73);
		}
	}
}

/* ---- in fixed point ---- */

static struct mcu_sos_filter *fixed(const struct sos_section *s, unsigned n)
{
	struct mcu_sos_filter *f = calloc(1, sizeof(*f) + n * sizeof(f->section[0]));

	assert_non_null(f);
	f->sections = f->sections_max = (uint8_t)n;
	f->frac_bits = 31 - SOS_INT_BITS;
	for (unsigned i = 0; i < n; i++)
		for (int k = 0; k < 5; k++)
			f->section[i].coeff[k] = sos_word(k < 3 ? s[i].b[k] : s[i].a[k - 3]);
	return f;
}

static double in_double(const struct sos_section *s, double state[][2], unsigned n, double value)
{
	for (unsigned i = 0; i < n; i++) {
		double out = s[i].b[0] * value + state[i][0];

		state[i][0] = s[i].b[1] * value - s[i].a[0] * out + state[i][1];
		state[i][1] = s[i].b[2] * value - s[i].a[1] * out;
		value = out;
	}
	return value;
}

/* The sum of the magnitudes of the answer to a pulse: what a bounded error can become. */
static double sum(const struct sos_section *s)
{
	double state[1][2] = { { 0 } }, magnitudes = 0;

	for (int i = 0; i < 20000; i++)
		magnitudes += fabs(in_double(s, state, 1, i == 0));
	return magnitudes;
}

/* How far fixed point can be off: in each section three roundings of half a unit, and words of half a unit of theirs too much or too little
 * times values of so many grams, answer to which is that of its poles, then of all behind it. */
static double bound_g(const struct sos_section *s, unsigned n, double most_g)
{
	double bound = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct sos_section poles = { .b = { 1 }, .a = { s[i].a[0], s[i].a[1] } };

		bound = bound * sum(&s[i]) +
			(1.5 / GRAM + 5 * ldexp(most_g, SOS_INT_BITS - 32)) * sum(&poles);
	}
	return bound;
}

static unsigned random_sections(uint64_t *seed, struct sos_section *s)
{
	unsigned n = 0;
	double drift = 0.001 * pow(100, random_uniform(seed, 0, 1));

	if (random_uniform(seed, 0, 1) < 0.6)
		s[n++] = sos_highpass(drift, random_uniform(seed, 0, 1) < 0.5 ? 1 : 2);
	while (n < 3 && random_uniform(seed, 0, 1) < 0.5) {
		double share = 0.01 * pow(48, random_uniform(seed, 0, 1));

		s[n++] = sos_notch(share, 0.5 + 9.5 * random_uniform(seed, 0, 1));
	}
	if (n == 0 || random_uniform(seed, 0, 1) < 0.6) {
		double share = 0.01 * pow(48, random_uniform(seed, 0, 1));

		s[n++] = sos_lowpass(share, random_uniform(seed, 0, 1) < 0.5 ? 1 : 2);
	}
	return n;
}

static void follows(void **state)
{
	uint64_t seed = simrun_seed(1);
	double worst_g = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct sos_section s[SECTIONS];
		double states[SECTIONS][2] = { { 0 } }, limit_g, hum = random_uniform(&seed, 0, 1),
		       step_g = 0;
		unsigned n = random_sections(&seed, s);
		struct mcu_sos_filter *f = fixed(s, n);

		limit_g = bound_g(s, n, 10000);
		for (int i = 0; i < 4000; i++) {
			double grams, wanted_g, off_g;
			int32_t value;

			if (i % 500 == 0)
				step_g = 4000 * random_uniform(&seed, 0, 1) - 2000;
			grams = i > 3000 ? 0
					 : step_g + 100 * sin(hum * i) +
						   20 * (random_uniform(&seed, 0, 1) - 0.5);
			value = (int32_t)lround(grams * GRAM);
			wanted_g = in_double(s, states, n, (double)value / GRAM);
			assert_true(mcu_sos_filter_run(f, &value));
			off_g = fabs((double)value / GRAM - wanted_g);
			worst_g = fmax(worst_g, off_g / limit_g);
			if (off_g > limit_g)
				fail_msg("round %d, sample %d: off by %.6f g, expected %.6f", round,
					 i, off_g, limit_g);
		}
		free(f);
	}
	printf("at worst %.2f of the limit\n", worst_g);
}

/* Beyond its numbers it says so, at any coefficients. */
static void bounded(void **state)
{
	uint64_t seed = simrun_seed(2);

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct sos_section none = { .b = { 1 } };
		struct mcu_sos_filter *f = fixed(&none, 1);
		bool told = false;

		f->frac_bits = (uint8_t)(1 + random_uniform(&seed, 0, 1) * 31);
		for (int k = 0; k < 5; k++)
			f->section[0].coeff[k] =
				random_uniform(&seed, 0, 1) < 0.3
					? INT32_MIN
					: (int32_t)((random_uniform(&seed, 0, 1) - 0.5) *
						    4294967295.0);
		for (int i = 0; i < 50 && !told; i++) {
			int32_t value =
				(int32_t)((random_uniform(&seed, 0, 1) - 0.5) * 4294967295.0);
			bool beyond = value > MCU_SOS_MAX || value < -MCU_SOS_MAX;

			told = !mcu_sos_filter_run(f, &value);
			assert_true(told || !beyond);
			assert_true(told || (value <= MCU_SOS_MAX && value >= -MCU_SOS_MAX));
		}
		free(f);
	}
}

enum { FILTER, OIDS };
#define WRONG(reason, ...) \
	PEER_WRONG(OIDS, reason, SEND(p, config_sos_filter, .oid = FILTER, .max_sections = 2); \
		   __VA_ARGS__)

static void wrong(void **state)
{
	(void)state;
	WRONG("Invalid count parameter",
	      SEND(p, sos_filter_set_section, .oid = FILTER, .section_idx = 2));
	WRONG("Invalid count parameter",
	      SEND(p, sos_filter_set_state, .oid = FILTER, .section_idx = 2));
	WRONG("Invalid count parameter",
	      SEND(p, sos_filter_set_active, .oid = FILTER, .n_sections = 3));
	WRONG("Invalid count parameter",
	      SEND(p, sos_filter_set_active, .oid = FILTER, .coeff_int_bits = 31));
	WRONG("Invalid sample parameters",
	      SEND(p, sos_filter_set_state, .oid = FILTER, .state0 = MCU_SOS_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(response),
		cmocka_unit_test(follows),
		cmocka_unit_test(bounded),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
