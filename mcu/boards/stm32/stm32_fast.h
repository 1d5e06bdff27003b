/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_fast.h - for board.h: step pins that are set and cleared by writing a word.
 *
 * Threads: the main loop and the timer interrupt, see each function.
 */
#ifndef STM32_STM32_FAST_H
#define STM32_STM32_FAST_H

#include "cm_fast.h"

/* A step pin: one register sets the bits in the lower half of what is written, and clears those in the upper. */
struct board_line {
	volatile uint32_t *set_clear;
	uint32_t step;
	bool both_edges;
};

void board_line_init(struct board_line *line, uint16_t pin, bool level, bool both_edges);

static inline uint32_t board_line_opposite(uint32_t word)
{
	return word << 16 | word >> 16;
}

static inline void board_line_step(struct board_line *line)
{
	*line->set_clear = line->step;
	if (line->both_edges)
		line->step = board_line_opposite(line->step);
}

static inline void board_line_unstep(const struct board_line *line)
{
	if (!line->both_edges)
		*line->set_clear = board_line_opposite(line->step);
}
#endif
