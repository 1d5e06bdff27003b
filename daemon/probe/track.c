// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/track.h"

#include <string.h>

#include "daemon/machine/machine.h"

void track_start(struct track *t, double keep_s)
{
	t->on = true;
	t->least_s = keep_s / (TRACK_LOOKS - 2);
	t->looks = 0;
}

void track_stop(struct track *t)
{
	t->on = false;
}

static const struct track_look *look_at(const struct track *t, uint32_t i)
{
	return &t->look[i % TRACK_LOOKS];
}

void track_look(struct track *t, const struct machine *m)
{
	struct track_look *l = &t->look[t->looks % TRACK_LOOKS];

	if (!t->on || (t->looks && m->status.now_s <= look_at(t, t->looks - 1)->at_s + t->least_s))
		return;
	l->at_s = m->status.now_s;
	memcpy(l->mm, m->status.position_mm, sizeof(l->mm));
	t->looks++;
}

bool track_at(const struct track *t, double at_s, double mm[3], bool *later)
{
	uint32_t first = t->looks > TRACK_LOOKS ? t->looks - TRACK_LOOKS : 0, low = first,
		 high = t->looks;
	const struct track_look *a, *b;
	double share;

	/* The first look that is not before: low. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (look_at(t, middle)->at_s < at_s)
			low = middle + 1;
		else
			high = middle;
	}
	*later = low == t->looks;
	if (*later || low == first)
		return false;
	a = look_at(t, low - 1);
	b = look_at(t, low);
	share = (at_s - a->at_s) / (b->at_s - a->at_s);
	for (int k = 0; k < 3; k++)
		mm[k] = a->mm[k] + share * (b->mm[k] - a->mm[k]);
	return true;
}
