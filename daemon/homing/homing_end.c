// SPDX-License-Identifier: GPL-2.0-or-later
/* How a homing ends: found, or given up with everything at rest. */
#include <math.h>
#include <stdio.h>

#include "daemon/homing/homing.h"
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"
#include "daemon/textbuf.h"

void homing_note_overshoot(struct machine *m, const double at_mm[MOVE_AXES])
{
	struct homing *h = &m->homing;

	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (h->step[h->at].axes & 1u << axis) {
			h->overshoot_mm[axis] = fabs(at_mm[axis] - h->home_mm[axis]);
			h->overshot |= 1u << axis;
		}
}

bool homing_overshoot_text(const struct machine *m, uint32_t mask, char *text, size_t size)
{
	struct textbuf t = { .at = text, .left = size };

	text[0] = 0;
	for (int axis = 0; axis < MACHINE_AXES; axis++)
		if (m->homing.overshot & mask & 1u << axis)
			textbuf_put(&t, " %c:%.4f", "XYZ"[axis], m -> homing.overshoot_mm[axis]);
	return text[0] != 0;
}

/* What has just homed: how far it went on. The position has it in already. */
static void say_overshoot(struct machine *m)
{
	char text[80];
	uint32_t mask = 0;

	for (size_t i = 0; i < m->homing.steps; i++)
		mask |= m->homing.step[i].axes;
	if (homing_overshoot_text(m, mask, text, sizeof(text)))
		machine_say(m, REPLY_INFO, "overshoot (mm, accounted for)%s", text);
}

/* The first error counts. */
static void put_away(struct machine *m, const char *error)
{
	(void)error;
	homing_finish(m, m->homing.text);
}

void homing_finish(struct machine *m, const char *error)
{
	struct homing *h = &m->homing;

	/* Not left there for the next move to break. */
	if (error && h->lowered && m->state == MACHINE_READY) {
		h->lowered = false;
		h->state = HOMING_RAISE;
		snprintf(h->text, sizeof(h->text), "%s", error);
		probe_raise(m, put_away);
		return;
	}
	h->state = HOMING_IDLE;
	tmc_stall(m, 0);
	if (!error && !h->line.input && !h->manual.stepper)
		say_overshoot(m);
	if (h->line.input)
		h->line.then(m, error);
	else if (h->then)
		h->then(m, error);
	else
		gcode_resume(&m->gcode, error);
}

void homing_abort(struct machine *m, const char *reason)
{
	struct msg_trsync_trigger t = { .reason = HOMING_REASON_HOST };
	struct ctl_rec rec = { .kind = CTL_HOMING };

	machine_control(m, &rec); /* count 0: nothing is watched any more */
	rec.kind = CTL_ABORT;
	machine_control(m, &rec);
	for (int i = 0; i < m->homing.watch.count; i++) {
		t.oid = m->homing.watch.trsync[i].oid;
		session_send(&m->session[m->homing.watch.trsync[i].mcu], MSG_ID_trsync_trigger, &t);
	}
	for (size_t i = 0; i < m->motors; i++)
		if (m->homing.motors & 1u << i)
			m->homed &= ~m->motor[i].axes;
	machine_resume_motion(m, NULL);
	homing_finish(m, reason);
}

const char *homing_axes(const struct machine *m, char *axes)
{
	return machine_axes_text(m->homing.step[m->homing.at].axes, axes);
}

void homing_fail(struct machine *m, const char *what)
{
	char text[160], axes[MACHINE_AXES + 1];

	if (m->homing.line.input) {
		homing_abort(m, what);
		return;
	}
	if (m->homing.manual.stepper) {
		snprintf(text, sizeof(text), "manual_stepper %.60s: %s",
			 m->homing.manual.stepper->cfg->stepper.name, what);
		homing_abort(m, text);
		return;
	}
	snprintf(text, sizeof(text), "homing %s: %s", homing_axes(m, axes), what);
	homing_abort(m, text);
}

void homing_endstop_fail(struct machine *m, const char *what)
{
	uint32_t axes = m->homing.step[m->homing.at].axes;
	const char axis[2] = { "xyz"[axes ? __builtin_ctz(axes) % MACHINE_AXES : 0] };

	react_noted(m, FAULT_CLASS_ENDSTOP, axis, what);
	homing_fail(m, what);
}
