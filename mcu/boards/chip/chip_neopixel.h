/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_neopixel.h - pulses to chains of lights, by the board; chip_neopixel.c has what is the same on all.
 *
 * A pulse begins each bit, a long one is a 1. Widths that WS2812, WS2812B and SK6812 all take, by their data sheets: 0.22 to 0.45 us and
 * 0.65 to 0.75 us, which a chip's own code may exceed by 0.1 us; a bit takes 1.2 us and more.
 */
#ifndef CHIP_CHIP_NEOPIXEL_H
#define CHIP_CHIP_NEOPIXEL_H

#include <stdbool.h>
#include <stdint.h>

/* All bits, the highest of each byte first. room: no timer is due before they are sent. Main loop; locked when it begins and when
 * it ends, not always in between. Returns: false if a bit would have come, or came, more than bit_max_ticks after the one before. */
bool chip_neopixel_bits(uint16_t pin, const uint8_t *data, uint16_t len, uint16_t bit_max_ticks,
			bool room);
#endif
