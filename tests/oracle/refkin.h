/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refkin.h - joint positions of the non-linear kinematics in long double, for tests.
 *
 * Shares the parameters with rtcore (struct kin), not the formulas. Single thread. Units: mm, rad, s.
 */
#ifndef ORACLE_REFKIN_H
#define ORACLE_REFKIN_H

#include <stdint.h>

#include "kin.h"

/* The joint at xyz; an angle between -pi and pi. */
long double refkin_position(const struct kin *k, const long double xyz[3]);

/* The joint t s along the path; an angle on from path->base. */
long double refkin_along(const struct kin *k, const struct kin_path *path, long double t);

/* When the joint first is at target between lo_s and hi_s, where it is monotone: bisection. */
long double refkin_time(const struct kin *k, const struct kin_path *path, long double target,
			long double lo_s, long double hi_s);

/* A joint of that kind and a point in its reach, by chance. */
void refkin_random(uint64_t *rng, enum kin_kind kind, struct kin *k, double xyz[3]);

#endif
