/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu.h"

#ifdef MCU_BOARD_FAST
/* On a chip the handlers themselves: to the machine a pointer to a member is a pointer to the union. */
#define HANDLER(name) \
	void call_##name(struct mcu *m, const union msg_any *msg) __asm__("mcu_cmd_" #name);
#else
/* Each handler takes its own message type; these adapters pick it from the union. */
#define HANDLER(name) \
	static void call_##name(struct mcu *m, const union msg_any *msg) \
	{ \
		mcu_cmd_##name(m, &msg->name); \
	}
#endif
#include "mcu_handlers.def"

mcu_handler_fn *const WIRE_ROM mcu_handlers[MSG_ID_COUNT] = {
#define HANDLER(name) [MSG_ID_##name] = call_##name,
#include "mcu_handlers.def"
};
