/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chip_usb_f4.c - the USB driver of the STM32F4, and the device that it is, on a model of the unit's registers.
 *
 * Shown: a host enumerates it, sets and reads the line coding, is refused what there is not and goes on; bytes come through both ways, whole
 * and in order, also over a reset of the bus. How: the driver's source is built here; the model has the unit's queues (RM0090 chapter 34):
 * what comes is popped word by word and has to be taken whole, what goes has to be all there before the host gets it. No chip was
 * at hand: what the model leaves out (timing, errors on the line) is not shown.
 */
#define CHIP_NAME "stepd_fake"
#include "tests/chipfake/usb_data.h"

#include "mcu/boards/stm32f4/stm32f4_usb.c"

enum { ENTRIES = 64, WORDS = 256 };

/* The unit. */
static struct {
	uint32_t rx_words[WORDS], rx_status[ENTRIES];
	unsigned word_in, word_out, status_in, status_out, words_left;
	uint32_t tx[3][32], tx_count[3];
	uint32_t in_ctl[3], in_size[3], in_int[3], out_ctl[3], out_size[3];
	uint32_t dcfg, dctl, masks, in_mask, endpoints, gahb;
	bool was_reset;
} otg;

static uint32_t pending(void)
{
	uint32_t what = otg.was_reset ? INT_RESET : 0;

	if (otg.status_in != otg.status_out || otg.words_left)
		what |= INT_RX;
	for (int i = 0; i < 3; i++)
		if (otg.in_int[i] & otg.in_mask && otg.endpoints >> i & 1)
			what |= INT_IN;
	return what;
}

uint32_t cm_read(uint32_t address)
{
	uint32_t i = (address - DIEPCTL) % 0x200 / 0x20;

	if (address == GINTSTS)
		return pending();
	if (address == GRSTCTL)
		return (uint32_t)RST_IDLE;
	if (address == GRXSTSP) {
		assert_int_equal(otg.words_left, 0); /* the one before was taken whole */
		assert_true(otg.status_in != otg.status_out);
		otg.words_left = ((otg.rx_status[otg.status_out % ENTRIES] >> 4 & 0x7ff) + 3) / 4;
		return otg.rx_status[otg.status_out++ % ENTRIES];
	}
	if (address == QUEUE) {
		assert_true(otg.words_left > 0);
		otg.words_left--;
		return otg.rx_words[otg.word_out++ % WORDS];
	}
	if (address >= DIEPCTL && address < DIEPCTL + 0x60)
		return address % 0x20 ? otg.in_int[i] : otg.in_ctl[i];
	if (address >= DOEPCTL && address < DOEPCTL + 0x60)
		return otg.out_ctl[i];
	return address == DCFG ? otg.dcfg : address == DCTL ? otg.dctl : 0;
}

static void write_in(uint32_t i, uint32_t reg, uint32_t value)
{
	if (reg == 0x00) {
		otg.in_ctl[i] = value & ~(uint32_t)(EP_CLEAR_NAK | EP_NAK | EP_DATA0);
		if (value & (uint32_t)EP_ON)
			otg.tx_count[i] = 0;
	} else if (reg == 0x08) {
		otg.in_int[i] &= ~value;
	} else if (reg == 0x10) {
		otg.in_size[i] = value;
	}
}

void cm_write(uint32_t address, uint32_t value)
{
	uint32_t i = (address - DIEPCTL) % 0x200 / 0x20;

	if (address == GINTSTS && value & INT_RESET)
		otg.was_reset = false;
	else if (address == GINTMSK)
		otg.masks = value;
	else if (address == DIEPMSK)
		otg.in_mask = value;
	else if (address == DAINTMSK)
		otg.endpoints = value;
	else if (address == DCFG)
		otg.dcfg = value;
	else if (address == DCTL)
		otg.dctl = value;
	else if (address == GAHBCFG)
		otg.gahb = value;
	else if (address >= DIEPCTL && address < DIEPCTL + 0x60)
		write_in(i, address % 0x20, value);
	else if (address >= DOEPCTL && address < DOEPCTL + 0x60 && address % 0x20 == 0)
		otg.out_ctl[i] = value & ~(uint32_t)(EP_CLEAR_NAK | EP_DATA0);
	else if (address >= DOEPCTL && address < DOEPCTL + 0x60)
		otg.out_size[i] = value;
	else if (address >= QUEUE && address < QUEUE + 3 * 0x1000) {
		uint32_t e = (address - QUEUE) / 0x1000;

		assert_true(otg.in_ctl[e] & (uint32_t)EP_ON);
		assert_true(otg.tx_count[e] < 16);
		otg.tx[e][otg.tx_count[e]++] = value;
	}
}

static void interrupt(void)
{
	assert_true(otg.gahb & AHB_INT);
	for (int i = 0; i < 100 && pending() & otg.masks; i++)
		chip_serial_irq();
	assert_int_equal(pending() & otg.masks, 0);
}

/* ---- the bus ---- */

static void push(uint32_t what, uint8_t endpoint, const uint8_t *bytes, uint8_t len)
{
	otg.rx_status[otg.status_in++ % ENTRIES] = what << 17 | (uint32_t)len << 4 | endpoint;
	for (uint8_t at = 0; at < len; at += 4) {
		uint32_t word = 0;

		memcpy(&word, bytes + at, len - at < 4 ? (size_t)(len - at) : 4);
		otg.rx_words[otg.word_in++ % WORDS] = word;
	}
}

static void unit_reset(void)
{
	otg.was_reset = true;
	otg.dcfg = CFG_FULL_SPEED;
	for (int i = 1; i < 3; i++) /* the unit's doing, too */
		otg.in_ctl[i] = otg.out_ctl[i] = 0;
	interrupt();
}

static void unit_setup(const uint8_t bytes[8])
{
	assert_true(otg.out_size[0] & (uint32_t)SIZ_SETUPS);
	otg.in_ctl[0] &= ~(uint32_t)(EP_STALL | EP_ON);
	otg.out_ctl[0] &= ~(uint32_t)(EP_STALL | EP_ON);
	push(RX_SETUP, 0, bytes, 8);
	push(RX_SETUP_DONE, 0, NULL, 0);
	interrupt();
}

static int unit_in(uint8_t e, uint8_t *bytes)
{
	uint32_t len = otg.in_size[e] & 0x7f;

	if (otg.in_ctl[e] & EP_STALL)
		return HOST_STALL;
	if (!(otg.in_ctl[e] & (uint32_t)EP_ON))
		return HOST_NAK;
	assert_true(e == 0 || otg.in_ctl[e] & EP_ACTIVE);
	assert_int_equal(otg.tx_count[e], (len + 3) / 4);
	memcpy(bytes, otg.tx[e], len);
	otg.in_ctl[e] &= ~(uint32_t)EP_ON;
	otg.in_int[e] |= EPINT_SENT;
	interrupt();
	return (int)len;
}

static int unit_out(uint8_t e, const uint8_t *bytes, uint8_t len)
{
	if (otg.out_ctl[e] & EP_STALL)
		return HOST_STALL;
	if (!(otg.out_ctl[e] & (uint32_t)EP_ON))
		return HOST_NAK;
	otg.out_ctl[e] &= ~(uint32_t)EP_ON;
	push(RX_DATA, e, bytes, len);
	push(RX_OUT_DONE, e, NULL, 0);
	interrupt();
	return 0;
}

static uint8_t unit_address(void)
{
	return (uint8_t)(otg.dcfg >> CFG_ADDRESS & 0x7f);
}

static void start(void)
{
	memset(&otg, 0, sizeof(otg));
	otg.dctl = CTL_GONE;
	stm32_link_init();
	assert_int_equal(otg.dctl & CTL_GONE, 0);
	assert_int_equal(chipfake_pins[0].pin, 11);
	assert_int_equal(chipfake_pins[1].pin, 12);
	assert_int_equal(chipfake_pins[1].function, 10);
}

const struct usb_unit unit = { unit_reset, unit_setup, unit_in, unit_out, unit_address };

int main(void)
{
	start();
	return usb_data_tests();
}
