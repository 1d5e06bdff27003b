/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usb_data.h - the device of usb_cdc.h built into a test, and the tests that are the same with each chip's unit.
 *
 * The test includes this first, then the chip's driver, and defines unit. Threads: one.
 */
#ifndef CHIPFAKE_USB_DATA_H
#define CHIPFAKE_USB_DATA_H

#include <string.h>

#include "usb_host.h"

#define USB_VENDOR 0x1209
#define USB_PRODUCT 0x0001
#define MCU_NO_CAN
#include "mcu/boards/chip/chip_serial.c"
#include "mcu/boards/usb/usb_cdc.c"
#include "stm32.h"

extern const struct usb_unit unit;

static void test_enumerate(void **state)
{
	(void)state;
	usb_host_enumerate(&unit);
	usb_host_line_coding(&unit);
	usb_host_refusals(&unit);
}

/* All that is in the ring comes in packets of under 64 bytes. */
static void expect_data(const uint8_t *want, int len)
{
	uint8_t packet[HOST_PACKET];
	int got = 0, n;

	while ((n = unit.in(USB_DATA, packet)) >= 0) {
		assert_in_range(n, 1, HOST_PACKET - 1);
		assert_true(got + n <= len);
		assert_memory_equal(packet, want + got, (size_t)n);
		got += n;
	}
	assert_int_equal(n, HOST_NAK);
	assert_int_equal(got, len);
}

static void test_data(void **state)
{
	uint8_t bytes[250];
	const uint8_t *got;

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 % WIRE_SYNC);
	for (uint8_t len = 1; len < 250; len = (uint8_t)(len + 31)) {
		assert_true(board_send(NULL, bytes, len));
		assert_true(len > 5 ||
			    board_send(NULL, bytes + len, 1)); /* behind what is under way */
		expect_data(bytes, len > 5 ? len : len + 1);
	}
	/* what does not fit is refused whole */
	assert_true(board_send(NULL, bytes, 200));
	assert_false(board_send(NULL, bytes, 200));
	expect_data(bytes, 200);
	for (uint8_t len = 1; len <= HOST_PACKET; len++) {
		uint8_t at = 0;

		bytes[len - 1] = WIRE_SYNC;
		assert_int_equal(unit.out(USB_DATA, bytes, len), 0);
		while (at < len) {
			uint8_t n = chip_serial_peek(&got);

			assert_true(n > 0 && at + n <= len);
			assert_memory_equal(got, bytes + at, n);
			chip_serial_done(n);
			at = (uint8_t)(at + n);
		}
		bytes[len - 1] = (uint8_t)((len - 1) * 7 % WIRE_SYNC);
	}
}

/* The cable is pulled while bytes wait: the rest comes after it. */
static void test_again(void **state)
{
	uint8_t bytes[100], packet[HOST_PACKET];
	int n;

	(void)state;
	memset(bytes, 0x55, sizeof(bytes));
	assert_true(board_send(NULL, bytes, sizeof(bytes)));
	n = unit.in(USB_DATA, packet);
	assert_true(n > 0);
	unit.reset();
	assert_true(board_send(NULL, bytes, 10)); /* nobody listens */
	usb_host_enumerate(&unit);
	n = 0;
	for (int more; (more = unit.in(USB_DATA, packet)) > 0;)
		n += more;
	assert_in_range(n, 1, 110);
	assert_true(board_send(NULL, bytes, 10));
	expect_data(bytes, 10);
}

static int usb_data_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enumerate),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
