// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/gcode/transform.h"

#include <stddef.h>

void transform_chain_set(struct transform_chain *c, enum transform_place place,
			 const struct transform *t)
{
	c->link[place] = t ? *t : (struct transform){ NULL, NULL, NULL };
	c->active = false;
	for (int i = 0; i < TRANSFORM_PLACES; i++)
		c->active |= c->link[i].forward != NULL;
}

void transform_forward_before(const struct transform_chain *c, enum transform_place place,
			      double mm[MOVE_AXES])
{
	for (int i = 0; i < (int)place; i++) {
		if (c->link[i].forward)
			c->link[i].forward(c->link[i].ctx, mm);
	}
}

void transform_forward(const struct transform_chain *c, double mm[MOVE_AXES])
{
	transform_forward_before(c, TRANSFORM_PLACES, mm);
}

void transform_inverse(const struct transform_chain *c, double mm[MOVE_AXES])
{
	for (int i = TRANSFORM_PLACES - 1; i >= 0; i--) {
		if (c->link[i].forward)
			c->link[i].inverse(c->link[i].ctx, mm);
	}
}
