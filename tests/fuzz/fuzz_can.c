/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_can.c - CAN frames of any content, to the host and to a node.
 *
 * Shown: no frame crashes the host's parsing, its list of boards and its messages, or the firmware's node, which
 * never has more to say than its queue holds and never says it under an id that is not its own. How: the input is
 * records of struct can_frame; each goes to all of them.
 * Build: clang -fsanitize=fuzzer,address,undefined. Repeat: run it on the file it has written.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/can_frame.h"
#include "daemon/canbus.h"
#include "mcu_can.h"
#include "mcu/boards/sim/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static void to_host(struct canbus *b, const struct can_frame *f)
{
	uint8_t *bytes = malloc(CAN_MAX_DLEN); /* so that writing over its end is seen */
	enum line_state state = LINE_FINE;
	uint32_t n;

	CHECK(bytes);
	n = can_frame_take(f, 0x109, bytes);
	CHECK(n <= CAN_MAX_DLEN);
	CHECK(!n || !can_frame_error(f, &state));
	if (can_frame_error(f, &state))
		CHECK(state == LINE_FINE || state >= LINE_BUS_OFF);
	canbus_note(b, f);
	CHECK(b->boards <= CANBUS_BOARDS);
	free(bytes);
}

static void to_node(struct sim *s, const struct can_frame *f)
{
	struct mcu_can_frame m = { .id = (uint16_t)f->can_id, .len = f->len };
	int frames = 0;

	memcpy(m.data, f->data, sizeof(m.data));
	sim_can_receive(s, &m);
	for (; sim_can_next(s, &m); frames++) {
		CHECK(m.len >= 1 && m.len <= WIRE_CAN_DATA);
		CHECK(m.id == WIRE_CAN_FROM_NODES || (m.id & 1 && m.id >= 0x101 && m.id <= 0x2ff));
	}
	CHECK(frames <= MCU_CAN_TX / WIRE_CAN_DATA + 1);
	sim_run_until(s, sim_clock(s) + 10000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t uuid[WIRE_CAN_UUID] = { 1, 2, 3, 4, 5, 6 };
	struct sim_cfg cfg = { .canbus_hz = 1000000 };
	struct canbus bus = { .name = "can0", .fd = -1, .queries = 1 };
	struct sim *s;
	char text[432];

	memcpy(cfg.can_uuid, uuid, sizeof(uuid));
	s = sim_new(&cfg);
	CHECK(s && sim_start(s) == 0);
	for (; size >= sizeof(struct can_frame);
	     data += sizeof(struct can_frame), size -= sizeof(struct can_frame)) {
		struct can_frame f;

		memcpy(&f, data, sizeof(f));
		to_host(&bus, &f);
		to_node(s, &f);
	}
	canbus_absent(&bus, uuid, text, sizeof(text));
	CHECK(strlen(text) < sizeof(text));
	canbus_absent(&bus, uuid, text, size + 1);
	sim_free(s);
	return 0;
}
