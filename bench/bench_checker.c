// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_checker.c - executed steps a second that the checker compares.
 *
 * Shows the speed of checker_step() on exact steps of zigzag moves, and that memory stays bounded.
 * The steps are listed first, with the same closed form in double; that time is not counted.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "daemon/checker/checker.h"

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* X to and fro by 10.1 mm, rest to rest. */
static struct move zigzag(uint32_t i)
{
	struct move m = { .id = i + 1, .accel_mm_s2 = 3000 };

	m.accel_s = m.decel_s = 0.05;
	m.cruise_mm_s = m.accel_mm_s2 * m.accel_s;
	m.length_mm = 10.1;
	m.cruise_s = (m.length_mm - m.cruise_mm_s * m.accel_s) / m.cruise_mm_s;
	m.start_mm[AXIS_X] = i & 1 ? m.length_mm : 0;
	m.dir[AXIS_X] = i & 1 ? -1 : 1;
	return m;
}

static double step_time(const struct move *m, double x)
{
	double xa = m->cruise_mm_s * m->accel_s / 2, xc = m->cruise_mm_s * m->cruise_s;

	if (x < xa)
		return sqrt(2 * x / m->accel_mm_s2);
	if (x < xa + xc)
		return m->accel_s + (x - xa) / m->cruise_mm_s;
	return 2 * m->accel_s + m->cruise_s - sqrt(2 * (m->length_mm - x) / m->accel_mm_s2);
}

static void run(double steps_per_mm, double seconds)
{
	struct checker_config cfg = { .steppers = 1, .mcus = 1, .freq_hz = { 50e6 } };
	struct move m = zigzag(0);
	uint32_t n = (uint32_t)floor(m.length_mm * steps_per_mm + 0.5);
	double *at = malloc(n * sizeof(double));
	double dur = m.accel_s + m.cruise_s + m.decel_s, start = 1, t0, spent = 0;
	struct checker *c;
	struct checker_result r;
	struct rusage ru;
	char err[200] = "no memory";
	uint64_t steps = 0;

	cfg.stepper[0] = (struct checker_stepper){ .name = "x",
						   .dir_sign = 1,
						   .steps_per_mm = { steps_per_mm } };
	if (!at || checker_new(&c, &cfg, err, sizeof(err))) {
		fprintf(stderr, "bench_checker: %s\n", err);
		exit(1);
	}
	for (uint32_t k = 0; k < n; k++)
		at[k] = step_time(&m, (k + 0.5) / steps_per_mm);
	t0 = now_s();
	for (uint32_t i = 0; spent < seconds; i++) {
		m = zigzag(i);
		checker_move(c, &m, start);
		for (uint32_t k = 0; k < n; k++) {
			/* The way back is the way there, backward in time. */
			double t = i & 1 ? dur - at[n - 1 - k] : at[k];

			checker_step(c, 0, !(i & 1), (uint64_t)((start + t) * 50e6 + 0.5));
		}
		steps += n;
		start += dur;
		spent = now_s() - t0;
	}
	checker_finish(c, &r);
	spent = now_s() - t0;
	getrusage(RUSAGE_SELF, &ru);
	printf("%8.0f steps/mm %10llu steps %7.1f ns/step %6.2f M steps/s  violations %llu  "
	       "max %.3f us  peak %ld KiB\n",
	       steps_per_mm, (unsigned long long)steps, spent * 1e9 / (double)steps,
	       (double)steps / spent / 1e6, (unsigned long long)r.violations, r.all.max_us,
	       ru.ru_maxrss);
	for (uint32_t i = 0; i < r.listed && i < 3; i++)
		printf("    %s\n", r.list[i].text);
	checker_free(c);
	free(at);
}

int main(void)
{
	printf("checker: executed steps compared with the exact motion, one core\n");
	run(80, 1);
	run(640, 1);
	return 0;
}
