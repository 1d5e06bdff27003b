/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_bus.h"

void *mcu_bus_sw_new(struct mcu *m, bool has_bus, size_t size)
{
	void *sw = has_bus ? NULL : mcu_arena_take(m, size);

	if (!sw)
		mcu_shutdown(m, has_bus ? MCU_REASON_NO_BUS : MCU_REASON_NO_MEMORY);
	return sw;
}
