/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine_case.h - the engine rig of a case, r, and ways to go that several tests take. A test program includes it once.
 */
#ifndef TESTS_UNIT_ENGINE_CASE_H
#define TESTS_UNIT_ENGINE_CASE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/riglib/engine_rig.h"

static struct rig *r;

/* Teardown of each case. */
static inline int rig_over(void **state)
{
	(void)state;
	if (r)
		rig_free(r);
	r = NULL;
	return 0;
}

static inline void zigzag(int moves, double mm_s)
{
	for (int i = 0; i < moves; i++)
		rig_go(r, i % 2 ? -13.7 : 21.3, i % 3 ? 8.1 : -9.9, i % 2 ? 0.5 : -0.5, 0.31, mm_s);
}

/* A long way in X at speed, in pieces. */
static inline void straight(int pieces, double mm_s)
{
	double by_mm[MOVE_AXES] = { mm_s * 0.05 };
	double first_mm[MOVE_AXES] = { mm_s * mm_s / 1000 };

	assert_true(rig_move(r, first_mm, 0, mm_s, mm_s, 1000));
	for (int i = 0; i < pieces; i++)
		assert_true(rig_move(r, by_mm, mm_s, mm_s, mm_s, 1000));
	assert_true(rig_move(r, first_mm, mm_s, mm_s, 0, 1000));
}

#endif
