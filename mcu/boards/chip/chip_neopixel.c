/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_neopixel.c - when a chain of lights is sent: best while no timer is due, so that steps come at their time and bits do, too. */
#include "chip_neopixel.h"

#include "board.h"
#include "chip.h"

enum {
	WAIT_TICKS = MCU_FREQ_HZ / 200, /* for such a time, at most */
	BYTE_TICKS = MCU_FREQ_HZ / 1000 * 13 /
		     1000,                /* eight bits and what is between bytes take less */
	LEAD_TICKS = MCU_FREQ_HZ / 80000, /* what a timer needs before its clock */
	REST_TICKS_MAX = MCU_FREQ_HZ / 100,
	BREATH_TICKS = MCU_FREQ_HZ / 1000000,
};

/* When bits were sent last, to any lights. */
static uint32_t end_clock;

bool board_neopixel_send(struct board *b, uint16_t pin, const uint8_t *data, uint16_t len,
			 uint32_t bit_max_ticks, uint32_t reset_min_ticks)
{
	uint32_t rest = reset_min_ticks < REST_TICKS_MAX ? reset_min_ticks : REST_TICKS_MAX;
	int32_t need = len * (int32_t)BYTE_TICKS + LEAD_TICKS;
	uint32_t from = board_clock(b), now = from;
	bool room, sent;

	for (;;) {
		room = mcu_clock_diff(chip_mcu.sched.head->clock, now) > need;
		if (now - end_clock > rest && (room || now - from > WAIT_TICKS))
			break;
		board_unlock(b);
		board_delay(b, BREATH_TICKS);
		board_lock(b);
		now = board_clock(b);
	}
	sent = chip_neopixel_bits(pin, data, len,
				  bit_max_ticks < UINT16_MAX ? (uint16_t)bit_max_ticks : UINT16_MAX,
				  room);
	end_clock = board_clock(b);
	return sent;
}
