/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32f1_usb.c - the USB unit of the F103, on PA11 and PA12; RM0008 chapter 23. Its RAM has 16 bits in each word.
 *
 * A bit of an endpoint's register toggles where 1 is written (STAT, DTOG), or stays where it is (CTR): update() knows. The host sees
 * the device by a resistor at PA12 that boards have: the pin is pulled low for a moment at the start. The unit is read and written with
 * cm_read() and cm_write(), so that a test can be in its place (tests/unit/test_chip_usb_f1.c).
 */
#include "board.h"
#include "stm32.h"
#include "usb_cdc.h"

enum {
	USB = 0x40005c00, /* registers of the endpoints first */
	CNTR = USB + 0x40,
	ISTR = USB + 0x44,
	DADDR = USB + 0x4c,
	BTABLE = USB + 0x50,
	PACKETS = 0x40006000,
	CNTR_FORCE_RESET = 1 << 0,
	CNTR_OFF = 1 << 1,
	INT_RESET = 1 << 10, /* in CNTR and ISTR */
	INT_DONE = 1 << 15,
	ISTR_ENDPOINT = 15,
	DADDR_ON = 1 << 7,
	EP_CTR_RX = 1 << 15,
	EP_DTOG_RX = 1 << 14,
	EP_STAT_RX = 3 << 12,
	EP_SETUP = 1 << 11,
	EP_TYPE = 9, /* 2 bits: bulk, control, -, interrupt */
	EP_CTR_TX = 1 << 7,
	EP_DTOG_TX = 1 << 6,
	EP_STAT_TX = 3 << 4,
	EP_KEPT = 0x070f, /* type, kind and address */
	STALL = 1,
	NAK = 2,
	VALID = 3,
	COUNT_64 = 1 << 15 | 1 << 10, /* two blocks of 32 */
	TABLE_WORDS = 4,              /* an endpoint: where and how long, to the host and from it */
	FIRST_BUFFER = 3 * 8,
	GONE_TICKS = MCU_FREQ_HZ / 100,
	DP_PIN = 12,
};

/* Half words of the unit's RAM, by offset. */
static void put16(uint32_t at, uint16_t value)
{
	cm_write(PACKETS + at * 2, value);
}

static uint16_t get16(uint32_t at)
{
	return (uint16_t)cm_read(PACKETS + at * 2);
}

/* To the host and from it, of each endpoint. */
static uint32_t buffer_at(uint8_t endpoint, bool from_host)
{
	return FIRST_BUFFER + (endpoint * 2u + from_host) * USB_PACKET;
}

/* Bits of an endpoint's register: of those that toggle, the ones in mask become what they are in value; done: of CTR, those to clear. */
static void update(uint8_t endpoint, uint32_t mask, uint32_t value, uint32_t done)
{
	uint32_t reg = USB + endpoint * 4u, now = cm_read(reg);

	cm_write(reg, (now & EP_KEPT) | ((now ^ value) & mask) | ((EP_CTR_RX | EP_CTR_TX) & ~done));
}

static void set_tx(uint8_t endpoint, uint32_t state)
{
	update(endpoint, EP_STAT_TX, state << 4, 0);
}

static void set_rx(uint8_t endpoint, uint32_t state)
{
	update(endpoint, EP_STAT_RX, state << 12, 0);
}

void usb_port_send(uint8_t endpoint, const uint8_t *bytes, uint8_t len)
{
	uint32_t to = buffer_at(endpoint, false);

	for (uint8_t at = 0; at < len; at += 2)
		put16(to + at, (uint16_t)(bytes[at] | (at + 1 < len ? bytes[at + 1] : 0) << 8));
	put16(endpoint * 8u + 2, len);
	set_tx(endpoint, VALID);
}

void usb_port_stall(void)
{
	set_tx(0, STALL);
	set_rx(0, STALL);
}

void usb_port_address(uint8_t address, bool now)
{
	if (now)
		cm_write(DADDR, DADDR_ON | address);
}

/* An endpoint from its first packet on; nothing to send yet. */
static void endpoint_init(uint8_t endpoint, uint32_t type, bool takes)
{
	put16(endpoint * 8u, (uint16_t)buffer_at(endpoint, false));
	put16(endpoint * 8u + 2, 0);
	put16(endpoint * 8u + 4, (uint16_t)buffer_at(endpoint, true));
	put16(endpoint * 8u + 6, COUNT_64);
	cm_write(USB + endpoint * 4u, type << EP_TYPE | endpoint);
	update(endpoint, EP_DTOG_RX | EP_DTOG_TX | EP_STAT_RX | EP_STAT_TX,
	       NAK << 4 | (takes ? (uint32_t)VALID << 12 : 0), EP_CTR_RX | EP_CTR_TX);
}

void usb_port_configure(void)
{
	endpoint_init(USB_DATA, 0, true);
	endpoint_init(USB_NOTICE, 3, false);
}

uint8_t usb_port_id(uint8_t id[USB_ID_MAX])
{
	return stm32_id(id);
}

void stm32_link_init(void)
{
	uint32_t start = board_clock(NULL);

	board_gpio_setup_out(NULL, DP_PIN, false);
	while (board_clock(NULL) - start < GONE_TICKS)
		;
	board_gpio_setup_in(NULL, DP_PIN, 0); /* the unit's from when it is on */
	cm_write(CNTR, CNTR_FORCE_RESET);
	start = board_clock(NULL);
	while (board_clock(NULL) - start < MCU_FREQ_HZ / 100000)
		;
	cm_write(CNTR, 0);
	cm_write(ISTR, 0);
	cm_write(BTABLE, 0);
	cm_write(CNTR, INT_RESET | INT_DONE);
}

static void endpoint_done(uint8_t endpoint)
{
	uint32_t state = cm_read(USB + endpoint * 4u);
	uint8_t bytes[USB_PACKET];

	if (state & EP_CTR_TX) {
		update(endpoint, 0, 0, EP_CTR_TX);
		usb_was_sent(endpoint);
	}
	if (state & EP_CTR_RX) {
		uint32_t from = buffer_at(endpoint, true), len = get16(endpoint * 8u + 6) & 0x3ff;

		len = len < USB_PACKET ? len : USB_PACKET;
		for (uint32_t at = 0; at < len; at++)
			bytes[at] = (uint8_t)(get16(from + (at & ~1u)) >> (at & 1) * 8);
		update(endpoint, 0, 0, EP_CTR_RX);
		set_rx(endpoint, VALID); /* before a refusal, which is for the next packet */
		if (state & EP_SETUP)
			usb_was_asked(bytes);
		else
			usb_has_come(endpoint, bytes, (uint8_t)len);
	}
}

void chip_serial_irq(void)
{
	uint32_t what;

	while ((what = cm_read(ISTR)) & INT_DONE)
		endpoint_done(what & ISTR_ENDPOINT);
	if (what & INT_RESET) {
		cm_write(ISTR, ~(uint32_t)INT_RESET & 0xffff);
		endpoint_init(0, 1, true);
		cm_write(DADDR, DADDR_ON);
		usb_was_reset();
	}
}
