// SPDX-License-Identifier: GPL-2.0-or-later
/* MANUAL_STEPPER … STOP_ON_ENDSTOP: one stepper of its own time line and its switch. The toolhead rests. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/homing/homing.h"
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

int homing_start_manual(struct machine *m, const struct homing_manual *how, char *err)
{
	struct homing *h = &m->homing;

	if (h->state != HOMING_IDLE || m->probe.script.then) {
		snprintf(err, GCODE_ERR_MAX,
			 "the machine is homing or probing; expected no STOP_ON_ENDSTOP meanwhile");
		return -EBUSY;
	}
	if (manual_enable(m, how->stepper) < 0)
		return -EAGAIN;
	h->sync = machine_sync(m);
	if (h->sync == 0)
		return -EAGAIN;
	h->manual = *how;
	h->line.input = NULL;
	h->then = NULL;
	h->watch.count = 0;
	h->lowered = false;
	h->motors = 0;
	h->state = HOMING_SETTLE;
	return -EINPROGRESS;
}

void homing_manual_approach(struct machine *m)
{
	struct homing *h = &m->homing;
	const struct machine_motor *motor = &m->motor[h->manual.stepper->motor];
	const struct machine_input *input = m->endstop;
	const char *why;

	while (!pin_same(input->pin, &motor->cfg->endstop_pin))
		input++;
	h->motors = 1u << h->manual.stepper->motor;
	h->endstop[0] = (struct homing_endstop){ .input = input, .motors = h->motors };
	h->endstops = 1;
	h->manual.count = m->status.stepper_count[h->manual.stepper->motor];
	memset(h->home_mm, 0, sizeof(h->home_mm));
	memset(h->back, 0, sizeof(h->back));
	h->back[AXIS_E] = h->manual.by_mm < 0 ? 1 : -1;
	why = homing_choose_trsyncs(m);
	if (why)
		homing_fail(m, why);
	else
		homing_approach(m, h->manual.velocity_mm_s);
}

bool homing_manual_go(struct machine *m)
{
	struct homing *h = &m->homing;
	const struct homing_manual *how = &h->manual;

	if (manual_queue(m, how->stepper, how->by_mm, how->velocity_mm_s, how->accel_mm_s2, true) <
	    0)
		return false;
	h->sync = machine_sync(m);
	return h->sync != 0;
}

void homing_manual_found(struct machine *m, bool triggered)
{
	struct homing *h = &m->homing;
	struct manual *s = h->manual.stepper;
	const struct machine_motor *motor = &m->motor[s->motor];
	int64_t count = motor->cfg->dir_pin.invert ? -h->count[s->motor] : h->count[s->motor];

	/* The move's end was taken for granted. */
	s->frame_mm += (double)(count - h->manual.count) * motor->cfg->step_distance_mm -
		       h->manual.by_mm;
	machine_resume_motion(m, NULL);
	homing_finish(m, triggered || !h->manual.must ? NULL
			 : h->manual.until_open
				 ? "the endstop was still triggered at the end of the move"
				 : "the endstop did not trigger before the end of the move");
}
