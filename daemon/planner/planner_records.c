/* SPDX-License-Identifier: GPL-2.0-or-later */
/* planner_records.c - the records between moves: dwells, names of positions, syncs, outputs, shapers, weights, notes. See
 * planner.h. */
#include "planner_private.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DWELL_S_MAX 1e7

int planner_dwell(struct planner *p, double dwell_s)
{
	const struct plan_rec rec = { .kind = PLAN_DWELL, .dwell_s = dwell_s };

	if (!(dwell_s >= 0 && dwell_s <= DWELL_S_MAX)) {
		snprintf(p->error, sizeof(p->error), "dwell of %g s, expected 0 to %g", dwell_s,
			 DWELL_S_MAX);
		return -EINVAL;
	}
	return planner_add_aside(p, &rec, true);
}

int planner_set_position(struct planner *p, const double position_mm[MOVE_AXES])
{
	struct plan_rec rec = { .kind = PLAN_POSITION, .nudge_mm = p->nudge_mm };
	int rc;

	for (int i = 0; i < MOVE_AXES; i++) {
		if (!(fabs(position_mm[i]) <= 1e9)) {
			snprintf(p->error, sizeof(p->error),
				 "%c position %g mm is not within +-1e9 mm", "XYZE"[i],
				 position_mm[i]);
			return -EINVAL;
		}
		rec.position_mm[i] = position_mm[i];
	}
	rc = planner_add_aside(p, &rec, true);
	if (!rc)
		memcpy(p->position_mm, rec.position_mm, sizeof(p->position_mm));
	return rc;
}

static int add_sync(struct planner *p, uint32_t sync_id, bool stop)
{
	const struct plan_rec rec = { .kind = PLAN_SYNC, .sync_id = sync_id };

	return planner_add_aside(p, &rec, stop);
}

int planner_sync(struct planner *p, uint32_t sync_id)
{
	return add_sync(p, sync_id, true);
}

int planner_mark(struct planner *p, uint32_t sync_id)
{
	return add_sync(p, sync_id, false);
}

int planner_output(struct planner *p, uint16_t output, uint16_t value)
{
	const struct plan_rec rec = { .kind = PLAN_OUTPUT,
				      .output = { .output = output, .value = value } };

	return planner_add_aside(p, &rec, false);
}

int planner_shaper(struct planner *p, const struct plan_shaper *shaper, bool stop)
{
	const struct plan_rec rec = { .kind = PLAN_SHAPER, .shaper = *shaper };

	return planner_add_aside(p, &rec, stop);
}

int planner_extrude(struct planner *p, const struct plan_extrude *extrude)
{
	const struct plan_rec rec = { .kind = PLAN_EXTRUDE, .extrude = *extrude };

	return planner_add_aside(p, &rec, false);
}

int planner_note(struct planner *p, const struct plan_notes *notes)
{
	const struct plan_rec rec = { .kind = PLAN_NOTE, .notes = *notes };

	return planner_add_aside(p, &rec, false);
}

static void note(struct plan_notes *notes, enum plan_param what, uint32_t line, double from,
		 double to)
{
	if (from != to)
		notes->note[notes->count++] = (struct plan_note){ .what = (uint16_t)what,
								  .index = PLAN_NOTE_ALL,
								  .line = line,
								  .from = from,
								  .to = to };
}

int planner_limits_set(struct planner *p, const struct planner_limits *to)
{
	const struct planner_limits *from = &p->limits;
	struct plan_notes notes = { .count = 0 };
	int rc = pathmove_check_limits(to, p->error, sizeof(p->error));

	if (rc)
		return rc;
	note(&notes, PLAN_PARAM_VELOCITY, to->line, from->velocity_mm_s_max, to->velocity_mm_s_max);
	note(&notes, PLAN_PARAM_ACCEL, to->line, from->accel_mm_s2_max, to->accel_mm_s2_max);
	note(&notes, PLAN_PARAM_CRUISE_RATIO, to->line, from->cruise_ratio_min,
	     to->cruise_ratio_min);
	note(&notes, PLAN_PARAM_CORNER, to->line, from->corner_mm_s, to->corner_mm_s);
	if (notes.count > 0)
		rc = planner_note(p, &notes);
	if (!rc)
		p->limits = *to;
	return rc;
}

int planner_weights(struct planner *p, uint8_t stepper, const double steps_per_mm[MOVE_AXES])
{
	struct plan_rec rec = { .kind = PLAN_WEIGHTS, .weights = { .stepper = stepper } };

	memcpy(rec.weights.steps_per_mm, steps_per_mm, sizeof(rec.weights.steps_per_mm));
	return planner_add_aside(p, &rec, true);
}

int planner_manual(struct planner *p, uint8_t stepper, const struct move *m, bool sync)
{
	struct plan_rec rec = { .kind = PLAN_MANUAL,
				.stepper = stepper,
				.flags = sync ? PLAN_MANUAL_SYNC : 0 };

	if (m)
		rec.move = *m;
	return planner_add_aside(p, &rec, true);
}

int planner_forced(struct planner *p, const struct move *m)
{
	struct plan_rec rec = { .kind = PLAN_MOVE, .move = *m };
	int rc;

	memcpy(rec.move.start_mm, p->position_mm, sizeof(rec.move.start_mm));
	rec.move.nudge_mm = p->nudge_mm;
	rc = planner_add_aside(p, &rec, true);
	if (!rc)
		p->position_mm[AXIS_E] += m->dir[AXIS_E] * m->length_mm;
	return rc;
}
