/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refrun.h - when the steps of a queue_step_frac come, by the definition of docs/PROTOCOL.md section 6. */
#ifndef ORACLE_REFRUN_H
#define ORACLE_REFRUN_H

#include <stdint.h>

/* Ticks from the base to step j = 0 .. 2^16: floor of (j * interval * 2^shift + add * j(j-1)/2) / 4^shift + 1/2.
 * The part of j * interval that is whole ticks is taken out first: no more than 64 bits are needed then. */
static inline int64_t ref_run_ticks(int64_t j, uint32_t interval, int32_t add, uint32_t shift)
{
	int64_t unit = INT64_C(1) << 2 * shift, one = INT64_C(1) << shift, way = j * interval;
	int64_t rest = way % one * one + (int64_t)add * (j * (j - 1) / 2) + unit / 2;

	return way / one + rest / unit - (rest % unit < 0);
}

#endif
