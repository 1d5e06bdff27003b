// SPDX-License-Identifier: GPL-2.0-or-later
/* What a switch may do wrong: it stays closed, or has triggered without being closed, by noise on its wire. Shorter than the
 * samples the MCU leaves it out. */
#include <math.h>
#include <stdlib.h>

#include "daemon/homing/homing.h"
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

/* An approach goes on so often. */
enum { GLITCHES_MAX = 3 };

/* Where the counters will be after the retract: the second approach has to move them on. */
void homing_expect_retract(struct machine *m, const double to_mm[MOVE_AXES])
{
	struct homing *h = &m->homing;
	const double *at_mm = planner_position(m->planner);

	for (size_t i = 0; i < m->motors; i++) {
		int64_t steps = llround(machine_motor_steps(m, i, to_mm) -
					machine_motor_steps(m, i, at_mm));

		h->count_first[i] = h->count[i];
		h->count_before[i] = h->count[i] +
				     (m->motor[i].cfg->dir_pin.invert ? -steps : steps);
	}
}

/* Whether each switch let its motors move before it was closed (again). */
bool homing_all_moved(const struct machine *m)
{
	const struct homing *h = &m->homing;

	for (size_t k = 0; k < h->endstops; k++) {
		bool moved = h->pass == 0;

		for (size_t i = 0; i < m->motors; i++)
			if (h->endstop[k].motors & 1u << i &&
			    llabs(h->count[i] - h->count_before[i]) > 1)
				moved = true;
		if (!moved)
			return false;
	}
	return true;
}

/* Whether a switch that triggered is closed as long as its axis stands there: a probe's pin goes in, a driver's stall
 * ends with the motion. */
static bool stays_closed(const struct machine *m)
{
	const struct homing *h = &m->homing;

	if (h->line.input || h->manual.stepper || h->with_probe || h->reason != HOMING_REASON_HIT)
		return false;
	for (size_t r = 0; r < m->mc->rail_count; r++)
		for (size_t i = 0;
		     h->step[h->at].rails & 1u << r && i < m->mc->rails[r].endstop_count; i++)
			if (m->mc->rails[r].endstop[i].driver)
				return false;
	return true;
}

bool homing_doubts(const struct machine *m, const struct homing_endstop *e)
{
	return !e->doubted && stays_closed(m);
}

static void again(struct machine *m, const char *error)
{
	if (error)
		homing_fail(m, error);
	else
		homing_approach(m, m->homing.approach_mm_s);
}

bool homing_glitched(struct machine *m)
{
	struct homing *h = &m->homing;
	double at_mm[MOVE_AXES];
	char axes[MACHINE_AXES + 1];

	/* Which of several it was is told by the second approach. */
	if (h->endstops != 1 || h->endstop[0].closed || !stays_closed(m))
		return false;
	if (h->glitches++ == GLITCHES_MAX) {
		homing_endstop_fail(m, "the endstop triggers and is open again, time after time: "
				       "noise on its wire, or a loose switch");
		return true;
	}
	machine_say(m, REPLY_INFO,
		    "homing %s: the endstop has triggered and is open again (noise on its wire?), %d "
		    "of %d: going on",
		    homing_axes(m, axes), h->glitches, GLITCHES_MAX);
	homing_rest_place(m, at_mm);
	machine_resume_motion(m, at_mm);
	/* Of motors that share axes one may have stopped a step later: the others are not where they were. */
	for (int axis = 0; axis < MOVE_AXES; axis++)
		if (h->back[axis] == 0)
			h->home_mm[axis] = at_mm[axis];
	if (!homing_even(m, again))
		again(m, NULL);
	return true;
}

const char *homing_too_early(const struct machine *m)
{
	const struct homing *h = &m->homing;

	for (size_t k = 0; k < h->endstops && h->pass == 1; k++) {
		int64_t back = 0, moved = 0;

		for (size_t i = 0; i < m->motors; i++) {
			int64_t way = llabs(h->count_before[i] - h->count_first[i]);

			if (!(h->endstop[k].motors & 1u << i) || way <= back)
				continue;
			back = way;
			moved = llabs(h->count[i] - h->count_before[i]);
		}
		if (moved < back / 2)
			return "an endstop has triggered long before it did in the first approach: noise "
			       "on its wire?";
	}
	return NULL;
}

/* It is not worth an error: the second approach says where the switch is. */
void homing_say_pressed(struct machine *m)
{
	const struct homing *h = &m->homing;
	char axes[MACHINE_AXES + 1];

	if (h->pass == 0 && h->path.sights == 0 && !h->glitches && stays_closed(m))
		machine_say(m, REPLY_INFO,
			    "homing %s: the endstop was triggered already before anything moved%s",
			    homing_axes(m, axes),
			    h->rail->homing_retract_mm > 0
				    ? ""
				    : "; without a homing_retract_dist nobody knows how far beyond "
				      "the switch it is");
}
