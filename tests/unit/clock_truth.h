/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock_truth.h - true clocks beside the estimate, and samples made from them with random delays; for test_clocksync*.c,
 * each of which includes it once. */
#ifndef TESTS_UNIT_CLOCK_TRUTH_H
#define TESTS_UNIT_CLOCK_TRUTH_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clocksync.h"
#include "daemon/splitmix.h"

#define MS ((int64_t)1000000)
#define SEC ((int64_t)1000000000)

static uint64_t seed, rng_state;

static inline double rng_uniform(void)
{
	return splitmix_uniform(&rng_state);
}

static inline double rng_exp(double mean)
{
	return -mean * log(1.0 - rng_uniform());
}

/* ---- a true clock and the way to it ---- */

struct mcu {
	double freq_hz, off_ppm, wander_ppm, wander_period_s, phase;
	int64_t boot_ns;
};

/* Ticks since boot at a host time: rate = freq * (1 + off + wander * cos). */
static inline double true_ticks(const struct mcu *m, int64_t ns)
{
	double t = (double)(ns - m->boot_ns) * 1e-9;
	double w = 6.283185307179586 / m->wander_period_s;

	return m->freq_hz * (t * (1.0 + m->off_ppm * 1e-6) +
			     m->wander_ppm * 1e-6 / w * (sin(w * t + m->phase) - sin(m->phase)));
}

struct path {
	double base_s, jitter_s;    /* one way: least, and mean of what comes on top */
	double slow_chance, slow_s; /* now and then much more */
};

static inline double delay_s(const struct path *p)
{
	double d = p->base_s + rng_exp(p->jitter_s);

	return rng_uniform() < p->slow_chance ? d + rng_exp(p->slow_s) : d;
}

/* One question and answer at now_ns. */
static inline enum clocksync_verdict ask(struct clocksync *sync, const struct mcu *m,
					 const struct path *p, int64_t now_ns)
{
	int64_t read_ns = now_ns + (int64_t)(delay_s(p) * 1e9);
	struct clocksync_sample s = {
		.sent_ns = now_ns,
		.received_ns = read_ns + (int64_t)(delay_s(p) * 1e9),
	};
	uint64_t clock = (uint64_t)true_ticks(m, read_ns);

	s.clock = sync->samples == 0 ? clock
				     : clocksync_extend(sync, (uint32_t)clock, s.received_ns);
	assert_true(s.clock == clock); /* the wrap is not noticed */
	return clocksync_add(sync, &s);
}

static inline int64_t boot(struct clocksync *sync, const struct mcu *m, const struct path *p,
			   int64_t now_ns)
{
	clocksync_init(sync, m->freq_hz, now_ns);
	for (int64_t until_ns = now_ns + 6 * SEC; !clocksync_ready(sync);) {
		assert_true(now_ns < until_ns);
		ask(sync, m, p, now_ns);
		now_ns += clocksync_period_ns(sync);
	}
	assert_true(sync->samples > CLOCKSYNC_BOOT_SAMPLES);
	return now_ns;
}

/* Estimate minus truth, in s. */
static inline double error_s(const struct clocksync *sync, const struct mcu *m, int64_t ns)
{
	return ((double)sync->clock0 + clocksync_ticks(sync, ns) - true_ticks(m, ns)) / m->freq_hz;
}

#endif
