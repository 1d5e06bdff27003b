/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clockfit.h - a line of clock over time, by weighted regression with a fading memory.
 *
 * Plain value. Threads: one at a time (RT). Units: _s and ticks from wherever the caller counts them.
 */
#ifndef RTCORE_CLOCKFIT_H
#define RTCORE_CLOCKFIT_H

struct clockfit {
	double time_mean_s, clock_mean, time_var, cov, weight_sum, slope_hz;
};

/* A line through one point. */
static inline void clockfit_start(struct clockfit *f, double t_s, double clock, double slope_hz)
{
	f->time_mean_s = t_s;
	f->clock_mean = clock;
	f->slope_hz = slope_hz;
	f->time_var = f->cov = 0.0;
	f->weight_sum = 1.0;
}

static inline double clockfit_at(const struct clockfit *f, double t_s)
{
	return f->clock_mean + (t_s - f->time_mean_s) * f->slope_hz;
}

/* Take a point. The sum of weights grows to memory and stays there: all points count alike at first, and from then on
 * the old ones fade. The slope stays: clockfit_turn(). Returns the share that the point has in the means. */
static inline double clockfit_add(struct clockfit *f, double t_s, double clock, double weight,
				  double memory)
{
	double gain = weight / (f->weight_sum + weight);
	double dt = t_s - f->time_mean_s, dc = clock - f->clock_mean;

	f->weight_sum += weight;
	if (f->weight_sum > memory - 1.0)
		f->weight_sum = memory - 1.0;
	f->time_var = (1.0 - gain) * (f->time_var + gain * dt * dt);
	f->cov = (1.0 - gain) * (f->cov + gain * dt * dc);
	f->time_mean_s += gain * dt;
	f->clock_mean += gain * dc;
	return gain;
}

/* Give the line the slope of its points, within off_max of freq_hz: a wild estimate must not turn time around. */
static inline void clockfit_turn(struct clockfit *f, double freq_hz, double off_max)
{
	double lo = freq_hz * (1.0 - off_max), hi = freq_hz * (1.0 + off_max);

	if (!(f->time_var > 0.0))
		return;
	f->slope_hz = f->cov / f->time_var;
	f->slope_hz = f->slope_hz < lo ? lo : f->slope_hz > hi ? hi : f->slope_hz;
}

#endif
