/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refmotion.h - exact step times of random motion, in long double, for tests and benches.
 *
 * Shares no code with rtcore. Single thread; the caller frees.
 * Units: _s machine time, steps, mm.
 */
#ifndef ORACLE_REFMOTION_H
#define ORACLE_REFMOTION_H

#include <stdbool.h>
#include <stdint.h>

#include "kin.h"
#include "move.h"

/* xorshift64*; state must not be 0. */
uint64_t ref_random(uint64_t *state);
double ref_uniform(uint64_t *state, double lo, double hi);
/* Uniform in the logarithm. */
double ref_loguniform(uint64_t *state, double lo, double hi);
/* STEPD_SEED if set, else from the clock; never 0. Printed with what it is for. */
uint64_t ref_seed(const char *what);

/* A move from *start_mm along dir[], with given start speed; the rest is drawn so that all invariants
 * of struct move hold. max_mm_s limits the speed. stop: it has to end at rest. */
bool ref_move(uint64_t *state, struct move *m, const double start_mm[MOVE_AXES],
	      const double dir[MOVE_AXES], double length_mm, double accel_mm_s2, double start_mm_s,
	      double max_mm_s, bool stop);

struct ref_step {
	long double t_s;
	int dir;
};

/* A joint's exact steps. */
struct ref_joint {
	double weight[MOVE_AXES];
	struct kin kin; /* kind not KIN_LINEAR: it follows this instead */
	double steps_per_unit;
	long double angle;               /* of KIN_ANGLE: where it was last, with all its turns */
	long double shift_mm[MOVE_AXES]; /* named position minus continuous position */
	long double offset;
	/* Least distance of a turning or end point to a threshold; below 0 where the distance is less than
	 * the last double before that time is off, and a step may be taken before or after a slow stretch. */
	long double close_steps;
	long double end_v; /* steps/s at the end of the last phase */
	int64_t count;
	struct ref_step *steps;
	int64_t n, cap;
};

void ref_joint_init(struct ref_joint *j, const double weight[MOVE_AXES]);
/* A joint that is no weighted sum; the counter is 0 while the axes are at start_mm. */
void ref_joint_init_kin(struct ref_joint *j, const struct kin *kin, double steps_per_unit,
			const double start_mm[MOVE_AXES]);
void ref_joint_free(struct ref_joint *j);
/* One monotone stretch p0 + v t + a t^2 / 2, less the offset. */
void ref_joint_phase(struct ref_joint *j, long double start_s, long double p0, long double v,
		     long double a, long double dur);
/* The same of a joint that is no weighted sum, while the axes go along the path; its base is set here. */
void ref_joint_path(struct ref_joint *j, struct kin_path *path, long double start_s,
		    long double dur);
void ref_joint_move(struct ref_joint *j, const struct move *m, double start_s);
/* Names change while the axes, so far called old_mm, stand still. */
void ref_joint_rename(struct ref_joint *j, const double old_mm[MOVE_AXES],
		      const double new_mm[MOVE_AXES]);
/* Leave out pairs closer than filter_s. Returns the least | gap - filter |, to see ties. */
long double ref_joint_filter(struct ref_joint *j, long double filter_s);

#endif
