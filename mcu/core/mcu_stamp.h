/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_stamp.h - a level that a look has found: when the pin took it, where the board stamps edges.
 *
 * Chips don't; there all of this vanishes. Threads: as the core.
 */
#ifndef MCU_STAMP_H
#define MCU_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "mcu.h"

#ifdef MCU_BOARD_FAST
static inline bool mcu_stamp(struct mcu *m, uint16_t pin, uint32_t look_clock, uint32_t rest_ticks,
			     uint32_t start_clock, uint32_t *clock)
{
	(void)m;
	(void)pin;
	(void)rest_ticks;
	(void)start_clock;
	*clock = look_clock;
	return true;
}
#else
/* Word of an edge comes at most this much later than a look that could have seen it. */
static inline uint32_t mcu_stamp_word_ticks(const struct mcu *m)
{
	return mcu_freq_hz(m) / 50;
}

/* The look at look_clock, rest_ticks after the one before and the first of them at start_clock, has found the pin's level.
 * *clock: the edge's, if it was since the start and can be the one that was found, else the look's.
 * Returns: false if the line has another level meanwhile. */
static inline bool mcu_stamp(struct mcu *m, uint16_t pin, uint32_t look_clock, uint32_t rest_ticks,
			     uint32_t start_clock, uint32_t *clock)
{
	uint32_t edge_clock, ago;
	enum board_since since = board_gpio_since(m->board, pin, &edge_clock);

	*clock = look_clock;
	ago = look_clock - edge_clock;
	if (since == BOARD_SINCE_STAMPED && ago <= look_clock - start_clock &&
	    ago <= rest_ticks + mcu_stamp_word_ticks(m))
		*clock = edge_clock;
	return since != BOARD_SINCE_GONE;
}
#endif
#endif
