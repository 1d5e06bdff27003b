/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refshape.h - exact steps of a joint whose axes are delayed, weighted and summed, in long double.
 *
 * Straight from the definition: between two neighbours of all instants at which anything begins or
 * ends, the joint's position is a quadratic, read off the axes at the middle. Slow.
 * Shares no code with rtcore. Single thread; the caller frees. Units: _s machine time, steps, mm.
 */
#ifndef ORACLE_REFSHAPE_H
#define ORACLE_REFSHAPE_H

#include "tests/oracle/refmotion.h"

enum { REF_TAPS = 16, REF_SETS = 16, REF_NAMES = 16 };

/* Each axis is the sum of amp[axis] * itself delay_s earlier. From at_s to end_s the joint goes over
 * to this set from the one before, in `slices` steps, as rtcore/shaper.h says. */
struct ref_set {
	long double at_s, end_s;
	int n, slices;
	struct {
		double delay_s;
		double amp[MOVE_AXES];
	} tap[REF_TAPS];
};

struct ref_phase {
	long double start_s, end_s, v_mm_s, a_mm_s2;
	long double pos_mm[MOVE_AXES], dir[MOVE_AXES]; /* continuous: names don't matter */
};

struct ref_shape {
	struct ref_phase *phase;
	int n, cap;
	int sets;
	struct ref_set set[REF_SETS];    /* set[0] from the start */
	long double shift_mm[MOVE_AXES]; /* names less continuous positions, at the end … */
	long double end_mm[MOVE_AXES];
	int names; /* … and of moves from these instants on; name[0] from the start */
	struct {
		long double from_s, shift_mm[MOVE_AXES];
	} name[REF_NAMES];
};

void ref_shape_free(struct ref_shape *r);
void ref_shape_move(struct ref_shape *r, const struct move *m, double start_s);
void ref_shape_rename(struct ref_shape *r, const double old_mm[MOVE_AXES],
		      const double new_mm[MOVE_AXES]);
/* All steps, appended to j, whose weights and offset are used; or its formula, of the shaped axes as they are
 * named. */
void ref_shape_steps(const struct ref_shape *r, struct ref_joint *j);
/* The joint's position and speed at any time. */
long double ref_shape_at(const struct ref_shape *r, const double weight[MOVE_AXES], long double t_s,
			 long double *speed);

#endif
