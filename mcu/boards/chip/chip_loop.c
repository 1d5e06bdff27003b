/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chip.h"

#include "board.h"

struct mcu chip_mcu;

void chip_loop(void *arena, size_t arena_size)
{
	const struct mcu_cfg cfg = {
		.arena = arena,
		.arena_size = arena_size,
		.dict = chip_dict,
		.dict_len = chip_dict_len,
		.freq_hz = MCU_FREQ_HZ,
		.move_count_max = MCU_MOVES_MAX,
	};

	mcu_init(&chip_mcu, &cfg);
	for (;;) {
		const uint8_t *bytes;
		uint8_t count = chip_serial_peek(&bytes);

		chip_watchdog();
#ifndef MCU_NO_CAN
		if (chip_link_lost) {
			chip_link_lost = false;
			board_lock(NULL);
			mcu_shutdown(&chip_mcu, MCU_REASON_CAN_ID);
			board_unlock(NULL);
		}
#endif
		if (count) {
			mcu_receive(&chip_mcu, bytes, count);
			chip_serial_done(count);
		}
		if (chip_mcu.attention)
			mcu_task(&chip_mcu);
		else if (!count)
			chip_idle();
	}
}
