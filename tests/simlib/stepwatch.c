// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/stepwatch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WINDOW_S 0.010
/* Windows don't begin at the same places of the path. */
#define MORE 1.25
#define MORE_STEPS 2

static void to_window(struct stepwatch_motor *m, int64_t window)
{
	for (; m->window < window; m->window++) {
		long by = m->count - 2 * m->at_window[1] + m->at_window[0];

		m->most = fmax(m->most, fabs((double)by));
		m->at_window[0] = m->at_window[1];
		m->at_window[1] = m->count;
		if (by == 0 && m->count == m->at_window[0])
			m->window = window - 1; /* it rests */
	}
}

static void on_step(void *ctx, int motor, int dir, uint64_t clock)
{
	struct stepwatch *w = ctx;
	struct stepwatch_motor *m;

	assert_true(motor < STEPWATCH_MOTORS);
	m = &w->motor[motor];
	to_window(m, (int64_t)((double)clock / w->b->mcu[0].nominal_hz / WINDOW_S));
	m->count += dir > 0 ? 1 : -1;
	m->up += dir > 0;
	m->down += dir <= 0;
}

void stepwatch_start(struct stepwatch *w, struct scene *s)
{
	*w = (struct stepwatch){ .b = &s->b };
	s->b.stepped = on_step;
	s->b.stepped_ctx = w;
}

void stepwatch_end(struct stepwatch *w)
{
	for (int i = 0; i < STEPWATCH_MOTORS; i++)
		to_window(&w->motor[i], w->motor[i].window + 3);
}

void stepwatch_same(const char *what, const struct stepwatch *a, const struct stepwatch *b,
		    bool shaped)
{
	for (int i = 0; i < STEPWATCH_MOTORS; i++) {
		const struct stepwatch_motor *m = &a->motor[i], *n = &b->motor[i];
		/* The reversals that are within the filter depend on the speed there; and so does how far
		 * shapers round a corner off. */
		long more = n->up - m->up, slack = 2 + m->up / (shaped ? 200 : 2000);

		if (m->count == 0 && n->count == 0)
			continue;
		printf("  motor %d: %ld up, %ld down; at most %.0f steps/s^2, undisturbed %.0f\n",
		       i, n->up, n->down, n->most / (WINDOW_S * WINDOW_S),
		       m->most / (WINDOW_S * WINDOW_S));
		if (shaped && i == STEPWATCH_MOTOR_E)
			more = 0;
		if (m->count != n->count || labs(more) > slack)
			fail_msg("%s: motor %d: %ld up, %ld down; expected %ld, %ld", what, i,
				 n->up, n->down, m->up, m->down);
		assert_true(n->most <= m->most * MORE + MORE_STEPS);
	}
}
