/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chip_usb_f1.c - the USB driver of the STM32F103, and the device that it is, on a model of the unit's registers.
 *
 * Shown: the same as in test_chip_usb_f4.c. How: the driver's source is built here; the model has the registers whose bits toggle, and the
 * unit's RAM of 16 bits a word (RM0008 chapter 23). No chip was at hand: what the model leaves out (timing, errors on the line) is not shown.
 */
#define CHIP_NAME "stepd_fake"
#define MCU_FREQ_HZ 72000000
#include "tests/chipfake/usb_data.h"

#include "mcu/boards/stm32f1/stm32f1_usb.c"

enum { REGISTERS = 8, RAM_HALVES = 256 };

/* The unit. */
static struct {
	uint32_t ep[REGISTERS];
	uint16_t ram[RAM_HALVES];
	uint32_t cntr, daddr;
	bool was_reset;
} fs;

/* ---- what the driver uses of the board ---- */

static uint32_t ticks;

uint32_t board_clock(struct board *b)
{
	(void)b;
	return ticks += 10000;
}

bool board_gpio_setup_out(struct board *b, uint16_t pin, bool level)
{
	(void)b;
	assert_false(level);
	stm32_pin_to_peripheral(pin, 1);
	return true;
}

bool board_gpio_setup_in(struct board *b, uint16_t pin, int8_t pull_up)
{
	(void)b;
	(void)pull_up;
	stm32_pin_to_peripheral(pin, 0);
	return true;
}

/* ---- registers ---- */

static uint32_t pending(void)
{
	for (uint32_t i = 0; i < REGISTERS; i++)
		if (fs.ep[i] & (EP_CTR_RX | EP_CTR_TX))
			return INT_DONE | i | (fs.was_reset ? INT_RESET : 0);
	return fs.was_reset ? INT_RESET : 0;
}

uint32_t cm_read(uint32_t address)
{
	if (address >= PACKETS) {
		assert_int_equal(address % 4, 0);
		assert_true((address - PACKETS) / 4 < RAM_HALVES);
		return fs.ram[(address - PACKETS) / 4];
	}
	if (address == ISTR)
		return pending();
	assert_true(address < USB + REGISTERS * 4);
	return fs.ep[(address - USB) / 4];
}

void cm_write(uint32_t address, uint32_t value)
{
	const uint32_t toggle = EP_DTOG_RX | EP_STAT_RX | EP_DTOG_TX | EP_STAT_TX;

	if (address >= PACKETS) {
		assert_int_equal(address % 4, 0);
		assert_true((address - PACKETS) / 4 < RAM_HALVES);
		fs.ram[(address - PACKETS) / 4] = (uint16_t)value;
	} else if (address < USB + REGISTERS * 4) {
		uint32_t *r = &fs.ep[(address - USB) / 4];

		*r = (value & EP_KEPT) | ((*r ^ value) & toggle) | (*r & EP_SETUP) |
		     (*r & value & (EP_CTR_RX | EP_CTR_TX));
	} else if (address == ISTR) {
		fs.was_reset &= (value & INT_RESET) != 0;
	} else if (address == CNTR) {
		fs.cntr = value;
	} else if (address == DADDR) {
		fs.daddr = value;
	}
}

static void interrupt(void)
{
	for (int i = 0; i < 100 && pending() & fs.cntr; i++)
		chip_serial_irq();
	assert_int_equal(pending() & fs.cntr, 0);
}

/* ---- the bus ---- */

static void set_stat(uint8_t e, uint32_t rx, uint32_t tx)
{
	fs.ep[e] = (fs.ep[e] & ~(uint32_t)(EP_STAT_RX | EP_STAT_TX)) | rx << 12 | tx << 4;
}

static uint32_t stat(uint8_t e, bool from_host)
{
	return fs.ep[e] >> (from_host ? 12 : 4) & 3;
}

static void unit_reset(void)
{
	fs.was_reset = true;
	fs.daddr = 0;
	memset(fs.ep, 0, sizeof(fs.ep));
	interrupt();
}

static void write_packet(uint8_t e, const uint8_t *bytes, uint8_t len)
{
	uint32_t at = fs.ram[e * 4 + 2];

	assert_true(at >= 24 && at + HOST_PACKET <= RAM_HALVES * 2);
	assert_int_equal(fs.ram[e * 4 + 3] & 0xfc00, COUNT_64 & 0xfc00);
	for (uint8_t i = 0; i < len; i++)
		if (i % 2)
			fs.ram[(at + i) / 2] |= (uint16_t)(bytes[i] << 8);
		else
			fs.ram[(at + i) / 2] = bytes[i];
	fs.ram[e * 4 + 3] = (uint16_t)((fs.ram[e * 4 + 3] & 0xfc00) | len);
}

static void unit_setup(const uint8_t bytes[8])
{
	assert_int_equal(fs.ep[0] >> EP_TYPE & 3, 1);
	write_packet(0, bytes, 8);
	set_stat(0, NAK, NAK);
	fs.ep[0] |= EP_SETUP | EP_CTR_RX | EP_DTOG_TX | EP_DTOG_RX;
	interrupt();
}

static int unit_in(uint8_t e, uint8_t *bytes)
{
	uint32_t at = fs.ram[e * 4], len = fs.ram[e * 4 + 1];

	if (stat(e, false) == STALL)
		return HOST_STALL;
	if (stat(e, false) != VALID)
		return HOST_NAK;
	assert_int_equal(fs.ep[e] & 15, e);
	assert_true(len <= HOST_PACKET);
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(fs.ram[(at + i) / 2] >> i % 2 * 8);
	set_stat(e, stat(e, true), NAK);
	fs.ep[e] = (fs.ep[e] ^ EP_DTOG_TX) | EP_CTR_TX;
	interrupt();
	return (int)len;
}

static int unit_out(uint8_t e, const uint8_t *bytes, uint8_t len)
{
	if (stat(e, true) == STALL)
		return HOST_STALL;
	if (stat(e, true) != VALID)
		return HOST_NAK;
	write_packet(e, bytes, len);
	set_stat(e, NAK, stat(e, false));
	fs.ep[e] = ((fs.ep[e] ^ EP_DTOG_RX) & ~(uint32_t)EP_SETUP) | EP_CTR_RX;
	interrupt();
	return 0;
}

static uint8_t unit_address(void)
{
	assert_true(fs.daddr & DADDR_ON);
	return fs.daddr & 0x7f;
}

const struct usb_unit unit = { unit_reset, unit_setup, unit_in, unit_out, unit_address };

int main(void)
{
	stm32_link_init();
	/* PA12 was low for a moment */
	if (chipfake_pin_count != 2 || chipfake_pins[0].pin != 12 || chipfake_pins[1].function != 0)
		return 1;
	return usb_data_tests();
}
