/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clockmap.h - machine time to one MCU's clock: a straight line.
 *
 * Plain value, copied freely. Clock synchronisation replaces the line only between calls of its
 * users and only so that times already handed out keep their clocks (piecewise linear).
 * Threads: any. Units: _s machine time, _clock MCU ticks in 64 bits, _hz ticks per second.
 */
#ifndef RTCORE_CLOCKMAP_H
#define RTCORE_CLOCKMAP_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct clockmap {
	double t0_s;     /* at this machine time */
	uint64_t clock0; /* the MCU's clock is this, < 2^62 */
	double freq_hz;  /* slope, > 0 */
};

/* Ticks from clock0 to t_s; may be negative or fractional. */
static inline double clockmap_ticks(const struct clockmap *map, double t_s)
{
	return (t_s - map->t0_s) * map->freq_hz;
}

/* The tick nearest to a distance from clock0. False, nothing written: before clock 0, beyond
 * 2^62, or not a number. The only way from a time to a clock: signed, range-checked, since a
 * negative double converted to an unsigned integer is undefined in C. */
static inline bool clockmap_from_ticks(const struct clockmap *map, double ticks, uint64_t *clock)
{
	if (!(fabs(ticks) < 0x1p61))
		return false;
	int64_t c = (int64_t)map->clock0 + (int64_t)(ticks + (ticks < 0.0 ? -0.5 : 0.5));
	if (c < 0 || c >= (int64_t)1 << 62)
		return false;
	*clock = (uint64_t)c;
	return true;
}

/* Machine time to clock; as clockmap_from_ticks(). */
static inline bool clockmap_clock(const struct clockmap *map, double t_s, uint64_t *clock)
{
	return clockmap_from_ticks(map, clockmap_ticks(map, t_s), clock);
}

/* Clock (< 2^62) to machine time. */
static inline double clockmap_time_s(const struct clockmap *map, uint64_t clock)
{
	return map->t0_s + (double)((int64_t)clock - (int64_t)map->clock0) / map->freq_hz;
}

#endif
