/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cm_fine.h - for chip_config.h: the finest counter (cortexm.h) of a family whose clock is as fine as that. */
#ifndef CORTEXM_CM_FINE_H
#define CORTEXM_CM_FINE_H

enum { CHIP_FINE_COUNTS = 1 }; /* a tick */

static inline void chip_fine_init(void)
{
}

static inline uint32_t chip_fine(void)
{
	return chip_clock();
}

static inline uint32_t chip_fine_since(uint32_t from)
{
	return chip_clock() - from;
}
#endif
