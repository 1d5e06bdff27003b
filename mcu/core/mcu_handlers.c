/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu.h"

/* Each handler takes its own message type; these adapters pick it from the union. */
#define HANDLER(name) \
	static void call_##name(struct mcu *m, const union msg_any *msg) \
	{ \
		mcu_cmd_##name(m, &msg->name); \
	}
#include "mcu_handlers.def"

mcu_handler_fn *const WIRE_ROM mcu_handlers[MSG_ID_COUNT] = {
#define HANDLER(name) [MSG_ID_##name] = call_##name,
#include "mcu_handlers.def"
};
