/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pathmove.c - geometry, limits, junction and trapezoid of one straight move. */
#include "pathmove.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define POSITION_MM_MAX 1e9 /* beyond it, doubles no longer resolve 1e-7 mm */

static inline double min2(double a, double b)
{
	return a < b ? a : b;
}

struct range {
	const char *name;
	double value, min, max;
	bool zero; /* 0 stands for "none" */
};

int pathmove_check_limits(const struct planner_limits *l, char *err, size_t size)
{
	const double *v = l->axis_velocity_mm_s_max, *a = l->axis_accel_mm_s2_max;
	bool extruder = l->extrude_velocity_mm_s_max != 0;
	const struct range ranges[] = {
		{ "maximum velocity (mm/s)", l->velocity_mm_s_max, 1e-3, 1e6, false },
		{ "maximum acceleration (mm/s^2)", l->accel_mm_s2_max, 1e-2, 1e9, false },
		{ "minimum cruise ratio", l->cruise_ratio_min, 0, 0.9999, false },
		{ "square corner velocity (mm/s)", l->corner_mm_s, 0, 1e6, false },
		{ "extruder velocity (mm/s)", l->extrude_velocity_mm_s_max, 1e-3, 1e6, true },
		{ "extruder acceleration (mm/s^2)", l->extrude_accel_mm_s2_max, 1e-2, 1e9,
		  !extruder },
		{ "longest extrude-only move (mm)", l->extrude_mm_max, 0, 1e9, false },
		{ "instantaneous corner velocity (mm/s)", l->extrude_corner_mm_s, 0, 1e6, false },
		{ "maximum cross section (mm^2)", l->extrude_area_mm2_max, 0, 1e9, false },
		{ "filament area (mm^2)", l->filament_area_mm2, 1e-6, 1e6, !extruder },
		{ "nozzle diameter (mm)", l->nozzle_mm, 0, 1e3, false },
		{ "X velocity (mm/s)", v[AXIS_X], 1e-3, 1e6, true },
		{ "Y velocity (mm/s)", v[AXIS_Y], 1e-3, 1e6, true },
		{ "Z velocity (mm/s)", v[AXIS_Z], 1e-3, 1e6, true },
		{ "E velocity (mm/s)", v[AXIS_E], 1e-3, 1e6, true },
		{ "X acceleration (mm/s^2)", a[AXIS_X], 1e-2, 1e9, true },
		{ "Y acceleration (mm/s^2)", a[AXIS_Y], 1e-2, 1e9, true },
		{ "Z acceleration (mm/s^2)", a[AXIS_Z], 1e-2, 1e9, true },
		{ "E acceleration (mm/s^2)", a[AXIS_E], 1e-2, 1e9, true },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const struct range *r = &ranges[i];

		/* written so that NaN fails */
		if ((r->value >= r->min && r->value <= r->max) || (r->zero && r->value == 0))
			continue;
		snprintf(err, size, "%s is %g, expected %s%g to %g", r->name, r->value,
			 r->zero ? "0 or " : "", r->min, r->max);
		return -EINVAL;
	}
	return 0;
}

static int check_numbers(const double target_mm[MOVE_AXES], double feed_mm_s, char *err, size_t size)
{
	for (int i = 0; i < MOVE_AXES; i++) {
		if (fabs(target_mm[i]) <= POSITION_MM_MAX)
			continue;
		snprintf(err, size, "%c position %g mm is not within +-%g mm", "XYZE"[i],
			 target_mm[i], POSITION_MM_MAX);
		return -EINVAL;
	}
	if (feed_mm_s >= 1e-6 && feed_mm_s <= 1e9)
		return 0;
	snprintf(err, size, "speed %g mm/s is not within 1e-6 to 1e9 mm/s", feed_mm_s);
	return -EINVAL;
}

/* Lower the move's limits so that `share` of it stays within the given ones; 0 = no limit. */
static void limit_share(struct pathmove *m, double share, double velocity, double accel)
{
	share = fabs(share);
	if (velocity > 0 && m->cruise_mm_s_max * share > velocity)
		m->cruise_mm_s_max = velocity / share;
	if (accel > 0 && m->accel_mm_s2 * share > accel)
		m->accel_mm_s2 = accel / share;
}

static int limit_extruder(struct pathmove *m, double e_mm, const struct planner_limits *l,
			  char *err, size_t size)
{
	double rate = m->dir[AXIS_E], rate_max;

	if (!(l->extrude_velocity_mm_s_max > 0)) {
		snprintf(err, size, "move of E by %g mm, but there is no extruder", e_mm);
		return -EINVAL;
	}
	if ((m->dir[AXIS_X] == 0 && m->dir[AXIS_Y] == 0) || rate < 0) {
		if (l->extrude_mm_max > 0 && fabs(e_mm) > l->extrude_mm_max) {
			snprintf(err, size, "move of E alone by %.3f mm, longest allowed is %.3f mm",
				 e_mm, l->extrude_mm_max);
			return -EINVAL;
		}
		limit_share(m, rate, l->extrude_velocity_mm_s_max, l->extrude_accel_mm_s2_max);
		return 0;
	}
	if (!(l->extrude_area_mm2_max > 0))
		return 0;
	rate_max = l->extrude_area_mm2_max / l->filament_area_mm2;
	/* Rounded numbers make very short moves look thick; a tiny blob harms nobody. */
	if (rate <= rate_max || e_mm <= l->nozzle_mm * rate_max)
		return 0;
	snprintf(err, size,
		 "line of %.3f mm^2 cross section (E %.5f mm over %.3f mm), largest allowed is "
		 "%.3f mm^2",
		 rate * l->filament_area_mm2, e_mm, m->length_mm, l->extrude_area_mm2_max);
	return -EINVAL;
}

/* Start, end, direction and length. Returns false if the move is too short. */
static bool lay_out(struct pathmove *m, const double start_mm[MOVE_AXES],
		    const double target_mm[MOVE_AXES], double delta_mm[MOVE_AXES])
{
	double xyz_mm, e_mm = target_mm[AXIS_E] - start_mm[AXIS_E];
	int first = 0;

	for (int i = 0; i < MOVE_AXES; i++)
		delta_mm[i] = target_mm[i] - start_mm[i];
	xyz_mm = sqrt(delta_mm[AXIS_X] * delta_mm[AXIS_X] + delta_mm[AXIS_Y] * delta_mm[AXIS_Y] +
		      delta_mm[AXIS_Z] * delta_mm[AXIS_Z]);
	memcpy(m->start_mm, start_mm, sizeof(m->start_mm));
	memcpy(m->end_mm, target_mm, sizeof(m->end_mm));
	m->extrude_only = xyz_mm < PATHMOVE_MM_MIN;
	m->length_mm = xyz_mm;
	if (m->extrude_only) {
		m->length_mm = fabs(e_mm);
		for (first = AXIS_X; first < AXIS_E; first++) {
			m->end_mm[first] = start_mm[first];
			m->dir[first] = 0;
		}
		if (m->length_mm < PATHMOVE_MM_MIN)
			return false;
	}
	for (int i = first; i < MOVE_AXES; i++)
		m->dir[i] = delta_mm[i] / m->length_mm;
	return true;
}

int pathmove_init(struct pathmove *m, const double start_mm[MOVE_AXES],
		  const double target_mm[MOVE_AXES], double feed_mm_s,
		  const struct planner_limits *l, char *err, size_t size)
{
	double delta_mm[MOVE_AXES];
	int rc = check_numbers(target_mm, feed_mm_s, err, size);

	if (rc)
		return rc;
	if (!lay_out(m, start_mm, target_mm, delta_mm))
		return 0;
	m->cruise_mm_s_max = 1e9;
	/* E alone has limits of its own, set below. */
	m->accel_mm_s2 = m->extrude_only ? l->extrude_accel_mm_s2_max : l->accel_mm_s2_max;
	if (!m->extrude_only)
		m->cruise_mm_s_max = l->velocity_mm_s_max;
	if (delta_mm[AXIS_E] != 0) {
		rc = limit_extruder(m, delta_mm[AXIS_E], l, err, size);
		if (rc)
			return rc;
	}
	for (int i = 0; i < MOVE_AXES; i++)
		limit_share(m, m->dir[i], l->axis_velocity_mm_s_max[i], l->axis_accel_mm_s2_max[i]);
	m->limit_mm_s = m->cruise_mm_s_max;
	m->cruise_mm_s_max = min2(m->limit_mm_s, feed_mm_s);
	/* Junction deviation is scv² (√2 − 1) / accel, with the acceleration that was asked for;
	 * a move that must be gentler takes its corners more gently, too. */
	m->corner_mm_s2 = l->corner_mm_s * l->corner_mm_s * (M_SQRT2 - 1) * m->accel_mm_s2 /
			  l->accel_mm_s2_max;
	m->extrude_corner_mm_s = l->extrude_corner_mm_s;
	m->cruise_ratio_min = l->cruise_ratio_min;
	return 1;
}

double pathmove_junction_v2(const struct pathmove *a, const struct pathmove *b)
{
	double cos2 = 0, sin2 = 0, v2 = INFINITY;
	double e_step = fabs(a->dir[AXIS_E] - b->dir[AXIS_E]);

	if (a->extrude_only != b->extrude_only)
		return 0;
	if (e_step > 0) {
		double v = min2(a->extrude_corner_mm_s, b->extrude_corner_mm_s) / e_step;

		v2 = v * v;
	}
	if (a->extrude_only)
		return v2;
	/* With the angle θ between the moves (π: straight on), the unit vectors' difference and
	 * sum give cos²(θ/2) and sin²(θ/2) without cancellation. */
	for (int i = AXIS_X; i <= AXIS_Z; i++) {
		double diff = a->dir[i] - b->dir[i], sum = a->dir[i] + b->dir[i];

		cos2 += 0.25 * diff * diff;
		sin2 += 0.25 * sum * sum;
	}
	if (sin2 < 1e-14) /* back the same way, but for rounding */
		return 0;
	if (cos2 > 1e-24) {
		double s = sqrt(sin2);
		double over = s * (1 + s) / cos2; /* s / (1 − s) */
		double half_tan = 0.5 * sqrt(sin2 / cos2);

		v2 = min2(v2, over * min2(a->corner_mm_s2, b->corner_mm_s2));
		v2 = min2(v2, half_tan * min2(a->length_mm * a->accel_mm_s2,
					      b->length_mm * b->accel_mm_s2));
	}
	return v2;
}

static bool close_to(double a, double b, double scale)
{
	return fabs(a - b) <= 1e-9 * scale;
}

static void check(const struct move *m)
{
	double accel_mm = 0.5 * (m->start_mm_s + m->cruise_mm_s) * m->accel_s;
	double decel_mm = 0.5 * (m->end_mm_s + m->cruise_mm_s) * m->decel_s;

	assert(m->length_mm > 0 && m->accel_mm_s2 > 0);
	assert(m->accel_s >= 0 && m->cruise_s >= 0 && m->decel_s >= 0);
	assert(m->accel_s + m->cruise_s + m->decel_s > 0);
	assert(m->start_mm_s >= 0 && m->end_mm_s >= 0);
	assert(m->cruise_mm_s >= m->start_mm_s && m->cruise_mm_s >= m->end_mm_s);
	assert(close_to(m->start_mm_s + m->accel_mm_s2 * m->accel_s, m->cruise_mm_s,
			m->cruise_mm_s));
	assert(close_to(m->cruise_mm_s - m->accel_mm_s2 * m->decel_s, m->end_mm_s, m->cruise_mm_s));
	assert(close_to(accel_mm + m->cruise_mm_s * m->cruise_s + decel_mm, m->length_mm,
			m->length_mm));
}

void pathmove_trapezoid(const struct pathmove *p, double start_mm_s, double cruise_mm_s,
			double end_mm_s, struct move *m)
{
	double up_mm_s = cruise_mm_s - start_mm_s, down_mm_s = cruise_mm_s - end_mm_s;
	double ramps_mm, cruise_mm;

	memcpy(m->start_mm, p->start_mm, sizeof(m->start_mm));
	memcpy(m->dir, p->dir, sizeof(m->dir));
	m->length_mm = p->length_mm;
	m->line = p->line;
	m->extruder = p->extruder;
	m->feed_factor = p->feed_factor;
	m->feed_epoch = p->feed_epoch;
	m->nudge_mm = p->nudge_mm;
	m->limit_mm_s = p->limit_mm_s;
	m->start_mm_s = start_mm_s;
	m->cruise_mm_s = cruise_mm_s;
	m->end_mm_s = end_mm_s;
	m->accel_mm_s2 = p->accel_mm_s2;
	m->accel_s = up_mm_s / p->accel_mm_s2;
	m->decel_s = down_mm_s / p->accel_mm_s2;
	ramps_mm = 0.5 * ((start_mm_s + cruise_mm_s) * m->accel_s +
			  (end_mm_s + cruise_mm_s) * m->decel_s);
	cruise_mm = p->length_mm - ramps_mm;
	m->cruise_s = cruise_mm / cruise_mm_s;
	if (cruise_mm < 1e-9 * p->length_mm) {
		/* Only ramps, and they fill the move but for rounding. Stretch them so that they
		 * fill it; the acceleration changes as little. */
		double stretch = p->length_mm / ramps_mm;

		/* Rounding of v² counts for more where a move hardly changes the speed. */
		assert(fabs(stretch - 1) <= 1e-6 || up_mm_s + down_mm_s <= 1e-9 * cruise_mm_s);
		m->accel_s *= stretch;
		m->decel_s *= stretch;
		m->accel_mm_s2 /= stretch;
		m->cruise_s = 0;
	}
	check(m);
}
