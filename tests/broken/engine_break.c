// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/broken/engine_break.h"

#define STEPD_BREAK_TIMELINE
#include "engine_private.h"

struct engine_break_plan engine_break_plan;

/* The segment, and what is listed of it. listed: where in the list it begins. */
static void move_piece(struct stepgen *sg, struct stepgen_piece *p, int32_t listed, double shift_s)
{
	p->start_s += shift_s;
	for (int32_t k = p->first; k < p->steps && listed < sg->list_end; k++)
		sg->list_s[listed++] += shift_s;
}

void engine_break(struct engine *e, int stepper)
{
	struct engine_break_plan *b = &engine_break_plan;
	struct stepgen *sg = &e->stepper[stepper].gen;
	int32_t listed = sg->list_at;
	int64_t count = sg->count;

	if (b->shift_s == 0 || b->done || stepper != b->stepper)
		return;
	for (uint32_t i = sg->piece_tail; i != sg->piece_head; i++) {
		struct stepgen_piece *p = &sg->pieces[i & (STEPGEN_PIECES - 1)];
		int32_t left = p->steps - p->first;

		if (p->dir > 0 && count <= b->counter && b->counter < count + left) {
			move_piece(sg, p, listed, b->shift_s);
			b->done = true;
			return;
		}
		count += p->dir * (int64_t)left;
		listed += left;
	}
}
