/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chip_can.c - the CAN driver of the STM32F4 on a model of the controller's registers.
 *
 * Shown: bit rate and pins; a node says that it is there, takes its id, and from then on frames with this id and that for all nodes
 * pass its filter and no others; the firmware's bytes go out in frames of up to 8, in order, through three mailboxes, however slowly the bus
 * takes them; an id that another gets stops the node. How: the driver's source is built here with mcu_can.c; the model has mailboxes, a queue of
 * three frames and the filter (RM0090 chapter 32). No chip was at hand: what the model leaves out (errors on the bus) is not shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CAN_HZ 500000
#define STM32_CAN_RX 24
#include "tests/chipfake/stm32.h"

#include "mcu/boards/chip/chip_serial.c"
#include "mcu/boards/stm32/stm32_can.c"
#include "mcu/core/mcu_can.c"

enum { QUEUE = 3, LOG = 64 };

static struct {
	uint32_t box[BOXES][4], order[BOXES], filled;
	uint32_t rx[QUEUE][4], rx_count;
	uint32_t mcr, ier, btr, fmr, fa, fm, fs, filter[2];
	bool sent; /* a mailbox has become empty */
} bx;

/* What mcu_can.c's command needs; not called here. */
void mcu_send(struct mcu *m, enum msg_id id, const void *msg)
{
	(void)m;
	(void)id;
	(void)msg;
	fail();
}

void mcu_shutdown(struct mcu *m, enum mcu_reason reason)
{
	(void)m;
	(void)reason;
	fail();
}

/* ---- registers ---- */

static bool is_full(uint32_t box)
{
	return bx.box[box][0] & ID_SEND;
}

uint32_t cm_read(uint32_t address)
{
	uint32_t value = 0;

	if (address == MSR)
		return bx.mcr & MCR_INIT;
	if (address == RF0R)
		return bx.rx_count;
	if (address >= RX_BOX && address < RX_BOX + 16) {
		assert_true(bx.rx_count > 0);
		return bx.rx[0][(address - RX_BOX) / 4];
	}
	assert_int_equal(address, TSR);
	for (uint32_t i = 0; i < BOXES; i++)
		value |= is_full(i) ? 0 : 1u << (TSR_EMPTY_SHIFT + i);
	return value;
}

void cm_write(uint32_t address, uint32_t value)
{
	if (address >= TX_BOX && address < TX_BOX + BOXES * 16) {
		uint32_t box = (address - TX_BOX) / 16;

		assert_false(is_full(box));
		bx.box[box][address % 16 / 4] = value;
		if (address % 16 == 0)
			bx.order[box] = bx.filled++;
		return;
	}
	switch (address) {
	case MCR:
		bx.mcr = value;
		break;
	case TSR:
		bx.sent &= !(value & TSR_DONE);
		break;
	case RF0R:
		if (value & RF_RELEASE) {
			assert_true(bx.rx_count > 0);
			bx.rx_count--;
			memmove(bx.rx[0], bx.rx[1], sizeof(bx.rx[0]) * (QUEUE - 1));
		}
		break;
	case BTR:
		assert_true(bx.mcr & MCR_INIT);
		bx.btr = value;
		break;
	case IER:
		bx.ier = value;
		break;
	case FMR:
		bx.fmr = value;
		break;
	case FM1R:
	case FS1R:
	case FA1R:
		assert_true(bx.fmr & FILTER_INIT || address == FA1R);
		*(address == FM1R ? &bx.fm : address == FS1R ? &bx.fs : &bx.fa) = value;
		break;
	case F0R1:
	case F0R2:
		assert_int_equal(bx.fa, 0); /* it is off meanwhile */
		bx.filter[address == F0R2] = value;
		break;
	default:
		fail();
	}
}

/* ---- the bus ---- */

static void interrupt(void)
{
	for (int i = 0;
	     i < 100 && ((bx.sent && bx.ier & IER_SENT) || (bx.rx_count && bx.ier & IER_COME)); i++)
		chip_serial_irq();
	assert_false(bx.sent || bx.rx_count);
}

/* A frame on the bus. Returns whether it passes the filter. */
static bool on_bus(uint32_t id, const void *data, uint8_t len)
{
	uint32_t word = id << ID_SHIFT;

	assert_int_equal(bx.fmr, 0);
	if (!bx.fa || !bx.fm || !bx.fs || (word != bx.filter[0] && word != bx.filter[1]))
		return false;
	assert_true(bx.rx_count < QUEUE);
	bx.rx[bx.rx_count][0] = word;
	bx.rx[bx.rx_count][1] = len;
	memcpy(&bx.rx[bx.rx_count++][2], data, len);
	return true;
}

/* The oldest frame in a mailbox goes out. Returns: its length, -1: none. */
static int from_box(uint32_t id, uint8_t data[8])
{
	uint32_t box = BOXES;

	for (uint32_t i = 0; i < BOXES; i++)
		if (is_full(i) && (box == BOXES || bx.order[i] < bx.order[box]))
			box = i;
	if (box == BOXES)
		return -1;
	assert_true(bx.mcr & MCR_IN_ORDER);
	assert_int_equal(bx.box[box][0], id << ID_SHIFT | ID_SEND);
	memcpy(data, &bx.box[box][2], 8);
	bx.box[box][0] = 0;
	bx.sent = true;
	return (int)bx.box[box][1];
}

static const uint8_t query[] = { WIRE_CAN_QUERY };
static uint8_t uuid[WIRE_CAN_UUID];

static void give_id(const uint8_t *whose, uint8_t node)
{
	uint8_t assign[2 + WIRE_CAN_UUID] = { WIRE_CAN_ASSIGN };

	memcpy(assign + 1, whose, WIRE_CAN_UUID);
	assign[1 + WIRE_CAN_UUID] = node;
	assert_true(on_bus(WIRE_CAN_TO_NODES, assign, sizeof(assign)));
	interrupt();
}

static void start(void)
{
	memset(&bx, 0, sizeof(bx));
	memset(&chip_rx, 0, sizeof(chip_rx));
	chip_link_lost = false;
	chipfake_pin_count = 0;
	stm32_link_init();
	memcpy(uuid, board_can(NULL)->uuid, sizeof(uuid));
}

static void test_start(void **state)
{
	uint8_t data[8];

	(void)state;
	start();
	assert_int_equal(bx.mcr & (MCR_INIT | MCR_SLEEP), 0);
	/* the unit's clock by prescaler by quanta */
	assert_int_equal(STM32_APB1_HZ / ((bx.btr & 0x3ff) + 1) /
				 (3 + (bx.btr >> 16 & 15) + (bx.btr >> 20 & 7)),
			 CAN_HZ);
	assert_int_equal(chipfake_pin_count, 2);
	assert_int_equal(chipfake_pins[0].pin, 24);
	assert_int_equal(chipfake_pins[1].pin, 25);
	assert_int_equal(chipfake_pins[1].function, 9);
	assert_int_equal(from_box(WIRE_CAN_FROM_NODES, data), -1);
	assert_false(on_bus(0x104, query, 1));
	assert_true(on_bus(WIRE_CAN_TO_NODES, query, 1));
	interrupt();
	assert_int_equal(from_box(WIRE_CAN_FROM_NODES, data), 8);
	assert_int_equal(data[0], WIRE_CAN_UNASSIGNED);
	assert_memory_equal(data + 1, uuid, sizeof(uuid));
	assert_false(board_send(NULL, data, 8)); /* it has no id */
}

static void test_stream(void **state)
{
	uint8_t bytes[100], data[8];
	const uint8_t *got;
	int at = 0;

	(void)state;
	start();
	give_id(uuid, 7);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_true(board_send(NULL, bytes, sizeof(bytes)));
	while (at < (int)sizeof(bytes)) {
		int n = from_box(wire_can_id(7) + 1u, data);

		assert_in_range(n, 1, 8);
		assert_memory_equal(data, bytes + at, (size_t)n);
		at += n;
		if (at % 3) /* the interrupt is late: the other mailboxes go on */
			interrupt();
		else if (from_box(wire_can_id(7) + 1u, data) >= 0)
			at += 8;
		interrupt();
	}
	assert_int_equal(from_box(wire_can_id(7) + 1u, data), -1);
	/* and from the host */
	assert_false(on_bus(wire_can_id(8), bytes, 8));
	for (int i = 0; i < 3; i++)
		assert_true(on_bus(wire_can_id(7), bytes + 8 * i, 8));
	interrupt();
	assert_true(on_bus(wire_can_id(7), (const uint8_t[]){ WIRE_SYNC }, 1));
	interrupt();
	assert_int_equal(chip_serial_peek(&got), 25);
	assert_memory_equal(got, bytes, 24);
}

static void test_taken(void **state)
{
	static const uint8_t other[WIRE_CAN_UUID] = { 1, 2, 3, 4, 5, 6 };

	(void)state;
	start();
	give_id(uuid, 7);
	give_id(other, 9);
	assert_false(chip_link_lost);
	give_id(other, 7);
	assert_true(chip_link_lost);
	assert_false(on_bus(wire_can_id(7), query, 1));
	give_id(uuid, 8);
	assert_true(on_bus(wire_can_id(8), query, 1));
	interrupt();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
