// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/acts.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon/kinematics/kinematics.h"
#include "daemon/machine/machine.h"

void acts_begin(struct machine *m)
{
	assert(!m->acts.running);
	m->acts.count = m->acts.made = 0;
	m->acts.sync = 0;
}

static struct act *add(struct machine *m, enum act_kind kind)
{
	struct acts *a = &m->acts;

	assert(a->count < ACTS_MAX);
	a->act[a->count] = (struct act){ .kind = kind };
	return &a->act[a->count++];
}

void acts_move(struct machine *m, uint32_t axes, const double to_mm[MOVE_AXES], double velocity_mm_s)
{
	struct act *act = add(m, ACT_MOVE);

	act->axes = axes;
	memcpy(act->to_mm, to_mm, sizeof(act->to_mm));
	act->velocity_mm_s = velocity_mm_s;
}

void acts_move_axis(struct machine *m, int axis, double to_mm, double velocity_mm_s)
{
	double to[MOVE_AXES] = { 0 };

	to[axis] = to_mm;
	acts_move(m, 1u << axis, to, velocity_mm_s);
}

void acts_dwell(struct machine *m, double dwell_s)
{
	add(m, ACT_DWELL)->dwell_s = dwell_s;
}

void acts_output(struct machine *m, int output, double value)
{
	struct act *act = add(m, ACT_OUTPUT);

	act->output = output;
	act->value = (uint16_t)lround(value * PLAN_OUTPUT_FULL);
}

void acts_alone(struct machine *m, int motor, double by_mm, double velocity_mm_s)
{
	struct act *act = add(m, ACT_ALONE);

	act->motor = motor;
	act->by_mm = by_mm;
	act->velocity_mm_s = velocity_mm_s;
}

void acts_run(struct machine *m, void (*then)(struct machine *m, const char *error))
{
	m->acts.then = then;
	m->acts.running = true;
}

static void end(struct machine *m, const char *error)
{
	m->acts.running = false;
	if (m->acts.made > 0)
		gcode_set_position(&m->gcode, GCODE_MASK_XYZ, planner_position(m->planner));
	m->acts.then(m, error);
}

static int go(struct machine *m, const struct act *act, const double to_mm[MOVE_AXES], char *err)
{
	int rc = act->unchecked ? 0 : machine_check_move(m, to_mm, err);

	if (rc == 0)
		rc = machine_motors_on(m);
	if (rc < 0)
		return rc;
	planner_set_feed_factor(m->planner, 0, 0);
	rc = machine_move(m, to_mm, act->velocity_mm_s, 0);
	if (rc == -EINVAL)
		strncpy(err, planner_error(m->planner), GCODE_ERR_MAX - 1);
	return rc;
}

/* If it has to be made again, it goes on from where it has come to. */
static int make_move(struct machine *m, const struct act *act, char *err)
{
	const struct kinematics_ops *kinematics = m->mc->kinematics;
	double to_mm[MOVE_AXES], by_mm[MOVE_AXES];
	int rc = 0;

	memcpy(to_mm, planner_position(m->planner), sizeof(to_mm));
	memcpy(by_mm, to_mm, sizeof(by_mm));
	for (int axis = 0; axis < MOVE_AXES; axis++)
		if (act->axes & 1u << axis)
			to_mm[axis] = act->to_mm[axis];
	if (kinematics->around &&
	    kinematics->around(m->mc, planner_position(m->planner), to_mm, by_mm))
		rc = go(m, act, by_mm, err);
	return rc < 0 ? rc : go(m, act, to_mm, err);
}

static int make(struct machine *m, const struct act *act, char *err)
{
	switch (act->kind) {
	case ACT_MOVE:
		return make_move(m, act, err);
	case ACT_DWELL:
		return planner_dwell(m->planner, act->dwell_s);
	case ACT_ALONE:
		return force_move_motor(m, act->motor, act->by_mm, act->velocity_mm_s, 0);
	case ACT_OUTPUT:
		return planner_output(m->planner, (uint16_t)act->output, act->value);
	}
	return 0;
}

void acts_queue(struct machine *m)
{
	char err[GCODE_ERR_MAX];

	for (size_t i = 0; i < m->acts.count; i++)
		make(m, &m->acts.act[i], err);
}

void acts_tick(struct machine *m)
{
	struct acts *a = &m->acts;
	char err[GCODE_ERR_MAX] = "";

	if (!a->running || a->sync)
		return;
	for (; a->made < a->count; a->made++) {
		int rc = make(m, &a->act[a->made], err);

		if (rc == -EAGAIN)
			return;
		if (rc < 0) {
			end(m, err[0] ? err : strerror(-rc));
			return;
		}
	}
	a->sync = machine_sync(m);
}

bool acts_event(struct machine *m, const struct ev_rec *ev)
{
	if (!m->acts.running || ev->kind != EV_SYNC || ev->sync_id != m->acts.sync || !m->acts.sync)
		return false;
	m->acts.sync = 0;
	end(m, NULL);
	return true;
}

void acts_abort(struct machine *m, const char *reason)
{
	m->acts.sync = 0;
	if (m->acts.running)
		end(m, reason);
}
