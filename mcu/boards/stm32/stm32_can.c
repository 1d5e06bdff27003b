/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_can.c - bxCAN 1 as a node's controller: RM0090 chapter 32. Which frames mean what is mcu_can.c's.
 *
 * Three mailboxes to send from, in the order they were filled; one filter lets this node's id and that for all nodes through. Frames are
 * taken in the interrupt; a node that has lost its id tells the main loop. The unit is read and written with cm_read() and cm_write(), so that
 * a test can be in its place (tests/unit/test_chip_can.c).
 */
#include "board.h"
#include "chip_serial.h"
#include "mcu_can.h"
#include "stm32.h"

enum {
	MCR = STM32_CAN + 0x00,
	MSR = STM32_CAN + 0x04,
	TSR = STM32_CAN + 0x08,
	RF0R = STM32_CAN + 0x0c,
	IER = STM32_CAN + 0x14,
	BTR = STM32_CAN + 0x1c,
	TX_BOX = STM32_CAN + 0x180, /* 16 bytes each: id, length, data */
	RX_BOX = STM32_CAN + 0x1b0,
	FMR = STM32_CAN + 0x200,
	FM1R = STM32_CAN + 0x204,
	FS1R = STM32_CAN + 0x20c,
	FA1R = STM32_CAN + 0x21c,
	F0R1 = STM32_CAN + 0x240,
	F0R2 = STM32_CAN + 0x244,

	MCR_INIT = 1 << 0,
	MCR_SLEEP = 1 << 1,
	MCR_IN_ORDER = 1 << 2,
	MCR_BUS_OFF_ENDS = 1 << 6,
	TSR_DONE = 1 << 0 | 1 << 8 | 1 << 16,
	TSR_EMPTY_SHIFT = 26,
	RF_COUNT = 3,
	RF_OVERRUN = 1 << 4,
	RF_RELEASE = 1 << 5,
	IER_SENT = 1 << 0,
	IER_COME = 1 << 1,
	ID_SHIFT = 21,
	ID_EXTENDED = 1 << 2,
	ID_REMOTE = 1 << 1,
	ID_SEND = 1 << 0,
	FILTER_INIT = 1 << 0,
	/* a bit is 1 + 11 + 2 quanta: sampled at 86 % */
	QUANTA = 14,
	SEGMENTS = (11 - 1) << 16 | (2 - 1) << 20,
	BOXES = 3,
	TURNS = 100000,
	FUNCTION = 9,
};

static struct mcu_can can;

volatile bool chip_link_lost;

const struct mcu_can *board_can(struct board *b)
{
	(void)b;
	return &can;
}

/* Frames into mailboxes that are empty; the interrupt off, or in it. */
static void put(void)
{
	for (uint32_t box = 0; box < BOXES; box++) {
		struct mcu_can_frame f;
		uint32_t data[2] = { 0, 0 };

		if (!(cm_read(TSR) >> (TSR_EMPTY_SHIFT + box) & 1))
			continue;
		if (!mcu_can_next(&can, &f))
			return;
		for (uint8_t i = 0; i < f.len; i++)
			data[i / 4] |= (uint32_t)f.data[i] << i % 4 * 8;
		cm_write(TX_BOX + box * 16 + 4, f.len);
		cm_write(TX_BOX + box * 16 + 8, data[0]);
		cm_write(TX_BOX + box * 16 + 12, data[1]);
		cm_write(TX_BOX + box * 16, (uint32_t)f.id << ID_SHIFT | ID_SEND);
	}
}

bool board_send(struct board *b, const uint8_t *frame, size_t len)
{
	bool sent;

	board_lock(b);
	sent = mcu_can_send(&can, frame, len);
	put();
	board_unlock(b);
	return sent;
}

/* Two ids pass: that for all nodes, and this node's own once it has one. A frame that comes meanwhile is lost, and said again. */
static void set_filter(void)
{
	uint32_t all = (uint32_t)WIRE_CAN_TO_NODES << ID_SHIFT;

	cm_write(FMR, FILTER_INIT);
	cm_write(FA1R, 0);
	cm_write(FM1R, 1); /* a list */
	cm_write(FS1R, 1); /* of 32 bits each */
	cm_write(F0R1, all);
	cm_write(F0R2, can.assigned ? (uint32_t)wire_can_id(can.node) << ID_SHIFT : all);
	cm_write(FA1R, 1);
	cm_write(FMR, 0);
}

static void take(const struct mcu_can_frame *f)
{
	bool assigned = can.assigned;
	uint8_t node = can.node;
	enum mcu_can_result result = mcu_can_receive(&can, f);

	if (result == MCU_CAN_DATA)
		for (uint8_t i = 0; i < f->len; i++)
			chip_serial_received(f->data[i]);
	if (result == MCU_CAN_TAKEN) {
		chip_link_lost = true;
		chip_frame_end = true; /* the main loop wakes */
	}
	if (can.assigned != assigned || can.node != node)
		set_filter();
}

static void take_all(void)
{
	while (cm_read(RF0R) & RF_COUNT) {
		uint32_t id = cm_read(RX_BOX), len = cm_read(RX_BOX + 4) & 15;
		const uint32_t data[2] = { cm_read(RX_BOX + 8), cm_read(RX_BOX + 12) };
		struct mcu_can_frame f = { .id = (uint16_t)(id >> ID_SHIFT),
					   .len = (uint8_t)(len < WIRE_CAN_DATA ? len
										: WIRE_CAN_DATA) };

		for (uint8_t i = 0; i < f.len; i++)
			f.data[i] = (uint8_t)(data[i / 4] >> i % 4 * 8);
		cm_write(RF0R, RF_RELEASE);
		while (cm_read(RF0R) & RF_RELEASE)
			;
		if (!(id & (ID_EXTENDED | ID_REMOTE)))
			take(&f);
	}
	cm_write(RF0R, RF_OVERRUN);
}

void chip_serial_irq(void)
{
	cm_write(TSR, TSR_DONE);
	take_all();
	put();
}

static void await(uint32_t bit, uint32_t want)
{
	for (uint32_t i = 0; i < TURNS && (cm_read(MSR) & bit) != want; i++)
		;
}

/* A number of 48 bits from the chip's 96: FNV-1a. */
static void make_uuid(uint8_t uuid[WIRE_CAN_UUID])
{
	uint64_t hash = 0xcbf29ce484222325;
	uint8_t id[STM32_ID_BYTES];

	stm32_id(id);
	for (uint8_t i = 0; i < STM32_ID_BYTES; i++)
		hash = (hash ^ id[i]) * 0x100000001b3;
	for (uint8_t i = 0; i < WIRE_CAN_UUID; i++)
		uuid[i] = (uint8_t)(hash >> 8 * i);
}

void stm32_link_init(void)
{
	uint8_t uuid[WIRE_CAN_UUID];

	make_uuid(uuid);
	mcu_can_init(&can, uuid);
	stm32_pin_input_of_peripheral(STM32_CAN_RX, FUNCTION);
	stm32_pin_to_peripheral(STM32_CAN_RX + 1, FUNCTION);
	cm_write(MCR, MCR_INIT | MCR_IN_ORDER | MCR_BUS_OFF_ENDS); /* awake */
	await(1, 1);
	cm_write(BTR, SEGMENTS | (STM32_APB1_HZ / QUANTA / CAN_HZ - 1));
	set_filter();
	cm_write(IER, IER_SENT | IER_COME);
	cm_write(MCR, MCR_IN_ORDER | MCR_BUS_OFF_ENDS);
	await(1, 0);
}
