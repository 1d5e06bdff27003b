// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/scan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

#define MASK_XY (1u << AXIS_X | 1u << AXIS_Y)
/* At rest before and after, so that the times of the samples on the way are known well. */
#define CALM_S 0.5
#define AFTER_S 0.1
#define REACH_MM 3.0
/* Samples come later than that only when it has failed. */
#define KEEP_S 1.5
#define SILENT_NS ((int64_t)1500 * 1000 * 1000)
/* Straight on: so far off the line at most. */
#define STRAIGHT_MM 1e-6
/* Of the plane's slopes, for places whose samples lie on a line. */
#define RIDGE_MM2 1e-3
enum { SAMPLES_MIN = 3 };

/* ---- the height of a place ---- */

bool scan_height(const struct scan_place *p, double *z_mm)
{
	double xx, yy, xy, xz, yz, det, slope_x, slope_y;

	if (p->n < SAMPLES_MIN)
		return false;
	/* Around the samples' mean: two equations. */
	xx = p->xx - p->x * p->x / p->n + RIDGE_MM2 * p->n;
	yy = p->yy - p->y * p->y / p->n + RIDGE_MM2 * p->n;
	xy = p->xy - p->x * p->y / p->n;
	xz = p->xz - p->x * p->z / p->n;
	yz = p->yz - p->y * p->z / p->n;
	det = xx * yy - xy * xy;
	slope_x = (xz * yy - yz * xy) / det;
	slope_y = (yz * xx - xz * xy) / det;
	*z_mm = (p->z - slope_x * p->x - slope_y * p->y) / p->n;
	return true;
}

static void add(struct scan_place *p, double x, double y, double z)
{
	p->n++;
	p->x += x;
	p->y += y;
	p->z += z;
	p->xx += x * x;
	p->xy += x * y;
	p->yy += y * y;
	p->xz += x * z;
	p->yz += y * z;
}

/* ---- the samples ---- */

static double distance_mm(const struct machine *m, size_t i, const double at_mm[3], double by[2])
{
	double to_mm[MOVE_AXES];

	probe_points_nozzle(m, i, to_mm);
	for (int k = 0; k < 2; k++)
		by[k] = at_mm[k] - to_mm[k];
	return hypot(by[0], by[1]);
}

/* Of a sample with the nozzle there: the place that it is nearest to, going on in their order, but not past one that it
 * has not been at yet: around a faulty region the way leads over later places. */
static void assign(struct machine *m, const double at_mm[3], double height_mm)
{
	struct scan *s = &m->scan;
	double by[2], next[2], d = distance_mm(m, s->at, at_mm, by);
	double z_mm = at_mm[AXIS_Z] - height_mm + m->probe.offset_mm[AXIS_Z];

	while (s->at + 1 < m->points.count) {
		double ahead = distance_mm(m, s->at + 1, at_mm, next);

		if (ahead >= d || s->place[s->at].n == 0)
			break;
		d = ahead;
		memcpy(by, next, sizeof(by));
		s->at++;
	}
	if (d <= s->reach_mm)
		add(&s->place[s->at], by[0], by[1], z_mm);
}

static void take_samples(struct machine *m)
{
	struct scan *s = &m->scan;
	const struct eddy *e = &m->eddy;

	for (; !s->wrong && s->taken < e->bulk.count; s->taken++) {
		const struct bulk_sample *b = bulk_get(&e->bulk, s->taken);
		double at_s, at_mm[3], hz, height_mm;
		bool later;

		if (!b)
			continue;
		if (!eddy_time_s(e, b->number, &at_s))
			return;
		if (!track_at(&m->track, at_s, at_mm, &later)) {
			if (later)
				return;
			continue;
		}
		s->wrong = eddy_sample(e, b->word, &hz);
		if (!s->wrong && !eddy_height(e, hz, &height_mm))
			s->wrong = "the coil's frequency is out of the calibrated range: expected a "
				   "HORIZONTAL_MOVE_Z within it";
		if (!s->wrong)
			assign(m, at_mm, height_mm);
	}
}

/* ---- the way ---- */

static void end(struct machine *m, const char *error)
{
	m->scan.state = SCAN_IDLE;
	track_stop(&m->track);
	if (error)
		eddy_stop(m);
	m->scan.then(m, error);
}

static void finish(struct machine *m)
{
	struct probe_points *p = &m->points;
	struct scan *s = &m->scan;

	for (size_t i = 0; i < p->count; i++) {
		double xy[2];

		p->at = i;
		if (!scan_height(&s->place[i], &p->z_mm[i])) {
			end(m, "there are too few samples: it flies too fast, or some were lost");
			return;
		}
		probe_points_touched(m, i, xy);
		p->z_mm[i] += twist_mm(m, xy[0] - m->probe.offset_mm[0],
				       xy[1] - m->probe.offset_mm[1]);
	}
	end(m, NULL);
}

static void flown(struct machine *m, const char *error);

/* Whether place i lies on the way from i - 1 to i + 1. */
static bool straight_on(const struct machine *m, size_t i)
{
	const double(*at)[2] = m->points.at_mm;
	double ax, ay, bx, by;

	if (i == 0 || i + 1 >= m->points.count)
		return false;
	ax = at[i][0] - at[i - 1][0];
	ay = at[i][1] - at[i - 1][1];
	bx = at[i + 1][0] - at[i][0];
	by = at[i + 1][1] - at[i][1];
	return fabs(ax * by - ay * bx) <= STRAIGHT_MM * hypot(ax, ay) && ax * bx + ay * by > 0;
}

/* As many places as a row of acts has room for. */
static void fly(struct machine *m)
{
	const struct probe_points *p = &m->points;
	struct scan *s = &m->scan;
	double to_mm[MOVE_AXES];

	acts_begin(m);
	if (s->to == 0)
		acts_dwell(m, CALM_S);
	while (s->to < p->count && m->acts.count < ACTS_MAX - 1) {
		size_t i = s->to++;

		if (straight_on(m, i))
			continue;
		probe_points_nozzle(m, i, to_mm);
		acts_move(m, MASK_XY, to_mm, p->speed_mm_s);
	}
	if (s->to == p->count)
		acts_dwell(m, AFTER_S);
	acts_run(m, flown);
}

static void flown(struct machine *m, const char *error)
{
	struct scan *s = &m->scan;

	if (!error)
		error = s->wrong;
	if (error) {
		m->points.at = s->at;
		end(m, error);
		return;
	}
	if (s->to < m->points.count) {
		fly(m);
		return;
	}
	s->state = SCAN_DRAINS;
	s->end_s = machine_now_s(m);
	s->deadline_ns = m->now_ns + SILENT_NS;
}

static void started(struct machine *m, const char *error)
{
	struct scan *s = &m->scan;

	if (error) {
		end(m, error);
		return;
	}
	s->state = SCAN_FLIES;
	s->taken = m->eddy.bulk.count;
	track_start(&m->track, KEEP_S);
	fly(m);
}

static void over_first(struct machine *m, const char *error)
{
	if (error)
		end(m, error);
	else
		eddy_start(m, started);
}

/* Not nearer to another place than to its own, and enough for a few samples. */
static double reach_mm(const struct machine *m)
{
	const struct probe_points *p = &m->points;
	double sample_mm = p->speed_mm_s / EDDY_RATE_HZ, least = INFINITY;

	for (size_t i = 1; i < p->count; i++)
		least = fmin(least, hypot(p->at_mm[i][0] - p->at_mm[i - 1][0],
					  p->at_mm[i][1] - p->at_mm[i - 1][1]));
	return fmin(least / 2, fmax(REACH_MM, 2.5 * sample_mm));
}

void scan_run(struct machine *m, probe_then *then)
{
	struct scan *s = &m->scan;
	double to_mm[MOVE_AXES];

	s->then = then;
	s->to = s->at = 0;
	s->wrong = NULL;
	s->reach_mm = reach_mm(m);
	memset(s->place, 0, sizeof(*s->place) * m->points.count);
	probe_points_nozzle(m, 0, to_mm);
	acts_begin(m);
	acts_move_axis(m, AXIS_Z, m->points.travel_z_mm, m->points.speed_mm_s);
	acts_move(m, MASK_XY, to_mm, m->points.speed_mm_s);
	acts_run(m, over_first);
}

void scan_poll(struct machine *m)
{
	struct scan *s = &m->scan;
	const struct bulk *b = &m->eddy.bulk;
	double at_s;

	if (s->state == SCAN_IDLE)
		return;
	take_samples(m);
	if (s->state != SCAN_DRAINS)
		return;
	if (s->wrong)
		end(m, s->wrong);
	else if (s->taken == b->count && b->count && bulk_time_s(b, b->next - 1, &at_s) &&
		 at_s >= s->end_s)
		finish(m);
	else if (m->now_ns > s->deadline_ns)
		end(m, "the LDC1612 has fallen silent: no samples for 1.5 s");
}

void scan_abort(struct machine *m)
{
	m->scan.state = SCAN_IDLE;
	track_stop(&m->track);
}
