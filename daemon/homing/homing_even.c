// SPDX-License-Identifier: GPL-2.0-or-later
/* Motors of one axis that did not stop together: word of the trigger took longer to some of them. */
#include <math.h>
#include <stdlib.h>

#include "daemon/homing/homing.h"
#include "daemon/homing/homing_private.h"
#include "daemon/machine/machine.h"

#define ALONE_MM_S 5.0

void homing_note_uneven(struct machine *m, const double steps[ENGINE_STEPPERS],
			const double at_mm[MOVE_AXES])
{
	struct homing *h = &m->homing;

	h->uneven = 0;
	for (size_t i = 0; i < m->motors; i++) {
		if (!(h->motors & 1u << i) || m->motor[i].cfg->joint.kind != KIN_LINEAR)
			continue;
		h->ahead_steps[i] = (int)lround(steps[i] - machine_motor_steps(m, i, at_mm));
		if (h->ahead_steps[i] != 0)
			h->uneven |= 1u << i;
	}
}

bool homing_even(struct machine *m, void (*then)(struct machine *m, const char *error))
{
	struct homing *h = &m->homing;
	int row = 0;

	if (!h->uneven)
		return false;
	h->state = HOMING_EVEN;
	acts_begin(m);
	for (size_t i = 0; i < m->motors && row < ACTS_MAX; i++) {
		if (!(h->uneven & 1u << i))
			continue;
		acts_alone(m, (int)i, -h->ahead_steps[i] * m->motor[i].cfg->step_distance_mm,
			   ALONE_MM_S);
		row++;
	}
	h->uneven = 0;
	acts_run(m, then);
	return true;
}
