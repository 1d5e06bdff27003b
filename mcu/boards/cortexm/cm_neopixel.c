/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cm_neopixel.c - pulses to chains of lights, by the family's finest counter. Interrupts come between pulses only, and are short; whether
 * one was too long for the lights is looked at behind each bit. */
#include "board.h"
#include "chip_config.h"
#include "chip_neopixel.h"

/* Of ns, in counts. */
#define COUNTS(ns) ((uint32_t)((uint64_t)(ns)*MCU_FREQ_HZ * CHIP_FINE_COUNTS / 1000000000))

enum { ZERO_NS = 250, ONE_NS = 650, BIT_NS = 1200 };

bool chip_neopixel_bits(uint16_t pin, const uint8_t *data, uint16_t len, uint16_t bit_max_ticks,
			bool room)
{
	const uint32_t zero = COUNTS(ZERO_NS), one = COUNTS(ONE_NS), bit = COUNTS(BIT_NS);
	uint32_t max = (uint32_t)bit_max_ticks * CHIP_FINE_COUNTS, rise;
	struct board_line line;

	(void)room; /* not needed, but better */
	board_line_init(&line, pin, false, true);
	chip_fine_init();
	rise = chip_fine();
	for (const uint8_t *end = data + len; data != end; data++)
		for (uint32_t mask = 0x80; mask; mask >>= 1) {
			uint32_t high = *data & mask ? one : zero;

			if (chip_fine_since(rise) > max)
				return false;
			rise = chip_fine();
			board_line_step(&line);
			while (chip_fine_since(rise) < high)
				;
			board_line_step(&line);
			board_unlock(NULL);
			while (chip_fine_since(rise) < bit)
				;
			board_lock(NULL);
		}
	return true;
}
