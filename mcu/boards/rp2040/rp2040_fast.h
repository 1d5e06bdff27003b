/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_fast.h - for board.h: step pins by the registers that set, clear and toggle outputs.
 *
 * Threads: the main loop and the timer interrupt, see each function.
 */
#ifndef RP2040_RP2040_FAST_H
#define RP2040_RP2040_FAST_H

#include "cm_fast.h"

struct board_line {
	volatile uint32_t *step, *unstep; /* registers; unstep is NULL where each edge is a step */
	uint32_t mask;
};

void board_line_init(struct board_line *line, uint16_t pin, bool level, bool both_edges);

static inline void board_line_step(const struct board_line *line)
{
	*line->step = line->mask;
}

static inline void board_line_unstep(const struct board_line *line)
{
	if (line->unstep)
		*line->unstep = line->mask;
}
#endif
