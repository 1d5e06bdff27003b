/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_fast.h - what board.h leaves to a chip's header: locking and step pins, in a few cycles.
 *
 * Ticks are CPU cycles. Threads: the main loop and the timer interrupt, see each function.
 */
#ifndef AVR_FAST_H
#define AVR_FAST_H

#include <stdbool.h>
#include <stdint.h>

#include <avr/interrupt.h>
#include <avr/io.h>

/* A step's own code takes at least this from its first edge to its second one, and at least as long to
 * the next step: pulses up to this long end in the pass that began them (measured by test_firmware). */
enum { BOARD_STEP_TICKS = 32 };

static inline void board_lock(struct board *b)
{
	(void)b;
	cli();
}

static inline void board_unlock(struct board *b)
{
	(void)b;
	sei();
}

/* Let the timer interrupt come soon: it then looks at the list. */
static inline void board_timers_changed(struct board *b)
{
	(void)b;
	OCR1A = TCNT1 + 40;
}

/* A step pin: writing a one to a bit of PINx toggles the pin, in two cycles. */
struct board_line {
	volatile uint8_t *pin_reg;
	uint8_t mask;
	uint8_t unstep_mask; /* 0 if each edge is a step */
};

void board_line_init(struct board_line *line, uint16_t pin, bool level, bool both_edges);

static inline void board_line_step(const struct board_line *line)
{
	*line->pin_reg = line->mask;
}

static inline void board_line_unstep(const struct board_line *line)
{
	*line->pin_reg = line->unstep_mask;
}
#endif
