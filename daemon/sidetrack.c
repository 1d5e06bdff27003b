// SPDX-License-Identifier: GPL-2.0-or-later
/* sidetrack.c - see sidetrack.h. */
#include "daemon/sidetrack.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/extruders.h"
#include "daemon/gcode/gcode_restore.h"
#include "daemon/machine/machine.h"
#include "daemon/print/print.h"
#include "daemon/shapers.h"

static void swap_planners(struct machine *m)
{
	struct planner *p = m->planner;

	m->planner = m->sidetrack.planner;
	m->sidetrack.planner = p;
	m->plan = m->plan == &m->plan_ring[0] ? &m->plan_ring[1] : &m->plan_ring[0];
}

bool sidetrack_begin(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;
	const struct gcode *g = &m->gcode;

	bool stream = m->stream.paused;

	if (m->state != MACHINE_READY || t->state || (!sdcard_printing(&m->print->sd) && !stream) ||
	    m->homing.state != HOMING_IDLE || m->acts.running || m->resume_owed ||
	    g->script.depth || (g->ack_due && !stream) || (gcode_busy(g) && !gcode_moving(g)))
		return false;
	t->stream = stream;
	t->state = SIDETRACK_STOPPING;
	t->asked = t->leaves = false;
	pause_send(m->print);
	if (!m->hold)
		machine_hold(m, true);
	return true;
}

void sidetrack_give_up(struct sidetrack *t)
{
	if (t->state == SIDETRACK_STOPPING && t->asked)
		t->leaves = true; /* it may have come about just now */
	else if (t->state == SIDETRACK_STOPPING)
		t->state = SIDETRACK_OFF;
}

/* ---- the interpreter ---- */

static void keep_gcode(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;
	struct gcode *g = &m->gcode;
	struct gcode_objects *o = g->objects;

	gcode_state_keep(g, &t->gcode);
	t->feed_epoch = g->feed_epoch;
	t->path.pending = g->path.pending;
	if (g->ack_due) /* a host says nothing else before */
		gcode_reply(g, REPLY_OK, "%s", "");
	g->ack_due = false;
	if (g->path.pending) {
		t->path = g->path;
		g->path.pending = g->busy = false;
	}
	if (o) {
		memcpy(t->objects.at_mm, o->at_mm, sizeof(o->at_mm));
		t->objects.front_mm = o->front_mm;
		t->objects.current = o->current;
		t->objects.away = o->away;
		o->current = -1;
	}
	gcode_set_position(g, GCODE_MASK_ALL, t->held_mm);
}

static void put_gcode(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;
	struct gcode *g = &m->gcode;
	struct gcode_objects *o = g->objects;

	if (g->feed_epoch != t->feed_epoch) /* changed live since */
		t->gcode.speed_factor = g->speed_factor;
	gcode_state_put(g, &t->gcode);
	if (o) {
		memcpy(o->at_mm, t->objects.at_mm, sizeof(o->at_mm));
		o->front_mm = t->objects.front_mm;
		o->current = t->objects.current;
		o->away = t->objects.away;
	}
	if (!t->path.pending)
		return;
	g->path = t->path;
	g->busy = true;
	if (t->stream)
		return;
	m->print->sd.waiting = true;
	m->print->sd.failures = g->failures;
}

/* ---- and back ---- */

/* The rt core has set it aside. */
static void set_aside(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;

	memcpy(t->held_mm, m->status.position_mm, sizeof(t->held_mm));
	t->held_s = m->pushed_s - m->status.consumed_s;
	t->homed = m->homed;
	t->extruder = m->extruder;
	t->extrudes = planner_position(m->planner)[AXIS_E] != t->held_mm[AXIS_E];
	t->sent = false;
	planner_follow(t->planner, m->planner, t->held_mm);
	swap_planners(m);
	keep_gcode(m);
	m->hold = false;
	t->state = SIDETRACK_ON;
}

static int missing(const struct machine *m, char *err)
{
	const struct sidetrack *t = &m->sidetrack;

	if (m->extruder != t->extruder) {
		snprintf(err, GCODE_ERR_MAX,
			 "the print can't go on with another extruder; expected T%d first",
			 t->extruder);
		return -EINVAL;
	}
	return t->extrudes ? heaters_check_extrude(m, err) : 0;
}

int sidetrack_return(struct machine *m, double velocity_mm_s, char *err)
{
	struct sidetrack *t = &m->sidetrack;
	struct gcode_target to = { .feed_mm_s = velocity_mm_s,
				   .feed_factor = m->gcode.speed_factor,
				   .feed_epoch = m->gcode.feed_epoch,
				   .line = m->gcode.line };
	int rc;

	if (t->state != SIDETRACK_ON) {
		snprintf(err, GCODE_ERR_MAX, "the print is on its way already");
		return -EBUSY;
	}
	rc = missing(m, err);
	if (rc < 0)
		return rc;
	memcpy(to.position_mm, t->held_mm, sizeof(to.position_mm));
	to.position_mm[AXIS_E] = planner_position(m->planner)[AXIS_E];
	rc = m->ops.move(m, &to, err);
	if (rc == 0)
		rc = planner_set_position(m->planner, t->held_mm); /* E, and what rounding left */
	if (rc == 0) {
		t->state = SIDETRACK_RETURNING;
		t->sent = t->again = false;
	}
	return rc;
}

void sidetrack_stay(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;

	if (t->state != SIDETRACK_RETURNING)
		return;
	t->again = t->sent;
	if (t->sent)
		return;
	t->state = SIDETRACK_ON;
	gcode_set_position(&m->gcode, GCODE_MASK_ALL, t->held_mm);
}

static void poll_returning(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;
	uint32_t cooled = m->heaters.cooled;
	bool there;

	planner_flush(m->planner);
	there = planner_empty(m->planner) && !m->resume_owed && machine_lead_s(m) <= 0;
	if (!t->sent && there)
		t->sent = ring_push(m->plan, &(struct plan_rec){ .kind = PLAN_RETURN });
	if (!t->sent || m->status.side)
		return;
	planner_number_after(t->planner, m->planner);
	swap_planners(m);
	put_gcode(m);
	t->held_s = 0;
	t->state = SIDETRACK_OFF;
	pause_end(m->print);
	if (!t->again)
		return;
	t->again = false;
	m->heaters.cooled = cooled;
	machine_pause(m);
}

void sidetrack_forget(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;

	if (m->state != MACHINE_READY || (t->state != SIDETRACK_ON && !sidetrack_busy(t)) ||
	    (t->state == SIDETRACK_RETURNING && t->sent))
		return;
	if (t->state == SIDETRACK_STOPPING) {
		t->state = SIDETRACK_OFF;
		return;
	}
	planner_drop(t->planner, NULL);
	if (m->gcode.objects)
		m->gcode.objects->current = t->objects.current;
	t->state = SIDETRACK_FORGETTING;
	t->sent = false;
}

void sidetrack_stopped(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;

	if (t->state == SIDETRACK_STOPPING && m->status.side) { /* it had just come about */
		planner_follow(t->planner, m->planner, m->status.position_mm);
		swap_planners(m);
		t->held_s = m->pushed_s - m->status.consumed_s;
		t->objects.current = -1;
		m->hold = false;
	} else if (t->state == SIDETRACK_STOPPING) {
		t->asked = false;
		t->state = SIDETRACK_OFF;
		machine_hold(m, false);
	} else if (t->state == SIDETRACK_RETURNING && t->sent && !m->status.side) {
		planner_number_after(t->planner, m->planner);
		swap_planners(m);
		t->state = SIDETRACK_OFF;
		t->held_s = 0;
	}
	if (t->state == SIDETRACK_OFF)
		return;
	t->state = SIDETRACK_ON;
	t->sent = false;
	sidetrack_forget(m);
}

static void poll_forgetting(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;

	if (!t->sent) {
		t->sent = ring_push(m->plan, &(struct plan_rec){ .kind = PLAN_FORGET });
		if (!t->sent)
			return;
		shapers_send(m); /* what stood aside may have said otherwise last */
		extruders_send(m);
	}
	if (m->status.side)
		return;
	t->held_s = 0;
	t->state = SIDETRACK_OFF;
}

void sidetrack_poll(struct machine *m)
{
	struct sidetrack *t = &m->sidetrack;

	if (m->state != MACHINE_READY)
		return;
	if (t->state == SIDETRACK_STOPPING && m->status.side)
		set_aside(m);
	else if (t->state == SIDETRACK_STOPPING &&
		 t->leaves) /* told to go on behind what it was asked */
		t->state = m->status.hold == ENGINE_HOLD_NONE ? SIDETRACK_OFF : SIDETRACK_STOPPING;
	else if (t->state == SIDETRACK_STOPPING && m->status.hold == ENGINE_HOLD_REST)
		t->asked = machine_control(m, &(struct ctl_rec){ .kind = CTL_SIDE });
	else if (t->state == SIDETRACK_RETURNING)
		poll_returning(m);
	else if (t->state == SIDETRACK_FORGETTING)
		poll_forgetting(m);
}
