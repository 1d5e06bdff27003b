/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_usb.c - the USB unit as a device; data sheet 4.1. Its RAM has the last request, a word of control a buffer, and the buffers.
 *
 * Chips before revision B2 may miss the end of a reset on a hub that others keep busy (RP2040-E5): nothing is done about it here.
 */
#include <string.h>

#include "board.h"
#include "rp2040.h"
#include "usb_cdc.h"

enum {
	RAM = 0x50100000,
	RAM_BYTES = 4096,
	REGS = 0x50110000,
	ADDRESS = REGS + 0x00,
	MAIN_CTRL = REGS + 0x40,
	SIE_CTRL = REGS + 0x4c,
	SIE_STATUS = REGS + 0x50,
	BUFF_STATUS = REGS + 0x58,
	STALL_ARM = REGS + 0x68,
	MUXING = REGS + 0x74,
	POWER = REGS + 0x78,
	INTE = REGS + 0x90,

	MAIN_DEVICE = 1 << 0,
	SIE_PULLUP = 1 << 16,
	SIE_EP0_INT = 1 << 29,
	STATUS_SETUP = 1 << 17,
	STATUS_RESET = 1 << 19,
	MUX_PHY = 1 << 0 | 1 << 3,
	POWER_PRESENT = 1 << 2 | 1 << 3, /* whatever the pin for VBUS says */
	INT_BUFFER = 1 << 4,
	INT_RESET = 1 << 12,
	INT_SETUP = 1 << 16,

	ENDPOINT_ON = (int)(1u << 31),
	ENDPOINT_INT = 1 << 29,
	TYPE_SHIFT = 26, /* 2 bulk, 3 interrupt */
	BUFFER_FULL = 1 << 15,
	BUFFER_DATA1 = 1 << 13,
	BUFFER_STALL = 1 << 11,
	BUFFER_READY = 1 << 10,
	BUFFER_LEN = 0x3ff,
	EP0_BUFFER = 0x100,
	BUFFERS = 0x180, /* of endpoint 1 to and from the host, of endpoint 2 to it */
};

/* The next packet of each buffer (2 n: to the host, 2 n + 1: from it) is DATA1. */
static bool data1[6];

/* Words of the unit's RAM by buffer. */
static volatile uint32_t *buffer_control(uint8_t buffer)
{
	return &CM_REG(RAM + 0x80 + buffer * 4u);
}

static uint32_t buffer_at(uint8_t buffer)
{
	return buffer < 2 ? EP0_BUFFER : BUFFERS + (buffer - 2u) * USB_PACKET;
}

/* Hand a buffer to the unit: it has another clock, and must see all else first (4.1.2.5.1). */
static void arm(uint8_t buffer, uint32_t flags)
{
	if (data1[buffer])
		flags |= BUFFER_DATA1;
	data1[buffer] = !data1[buffer];
	*buffer_control(buffer) = flags;
	for (int i = 0; i < 12; i++)
		__asm__ volatile("nop");
	*buffer_control(buffer) = flags | BUFFER_READY;
}

/* The RAM takes words, halves and bytes. */
static void *ram(uint32_t at)
{
	return (void *)(RAM + at);
}

void usb_port_send(uint8_t endpoint, const uint8_t *bytes, uint8_t len)
{
	uint8_t buffer = (uint8_t)(2 * endpoint);

	if (len)
		memcpy(ram(buffer_at(buffer)), bytes, len);
	arm(buffer, BUFFER_FULL | len);
}

void usb_port_stall(void)
{
	CM_REG(STALL_ARM) = 3;
	*buffer_control(0) = BUFFER_STALL;
	*buffer_control(1) = BUFFER_STALL;
}

void usb_port_address(uint8_t address, bool now)
{
	if (now)
		CM_REG(ADDRESS) = address;
}

void usb_port_configure(void)
{
	static const uint8_t types[] = { 2, 2, 3 };

	for (uint8_t i = 0; i < sizeof(types); i++) {
		*buffer_control((uint8_t)(i + 2)) = 0;
		CM_REG(RAM + 0x08 + i * 4u) = (uint32_t)ENDPOINT_ON | ENDPOINT_INT |
					      (uint32_t)types[i] << TYPE_SHIFT |
					      buffer_at((uint8_t)(i + 2));
		data1[i + 2] = false;
	}
	arm(2 * USB_DATA + 1, USB_PACKET);
}

uint8_t usb_port_id(uint8_t id[USB_ID_MAX])
{
	return rp2040_flash_id(id);
}

void rp2040_serial_init(void)
{
	rp2040_reset_parts(RESET_USB);
	for (uint32_t at = 0; at < RAM_BYTES; at += 4)
		CM_REG(RAM + at) = 0;
	CM_REG(MUXING) = MUX_PHY;
	CM_REG(POWER) = POWER_PRESENT;
	CM_REG(MAIN_CTRL) = MAIN_DEVICE;
	CM_REG(SIE_CTRL) = SIE_EP0_INT;
	CM_REG(INTE) = INT_BUFFER | INT_RESET | INT_SETUP;
	CM_REG(SIE_CTRL + RP2040_SET) = SIE_PULLUP;
}

static void buffer_done(uint8_t buffer)
{
	uint8_t bytes[USB_PACKET];
	uint32_t len = *buffer_control(buffer) & BUFFER_LEN;

	if (buffer % 2 == 0) {
		usb_was_sent(buffer / 2);
		return;
	}
	len = len < USB_PACKET ? len : USB_PACKET;
	memcpy(bytes, ram(buffer_at(buffer)), len);
	if (buffer > 1)
		arm(buffer, USB_PACKET);
	usb_has_come(buffer / 2, bytes, (uint8_t)len);
}

void chip_serial_irq(void)
{
	uint32_t status = CM_REG(SIE_STATUS), buffers = CM_REG(BUFF_STATUS);

	CM_REG(BUFF_STATUS) = buffers;
	for (uint8_t i = 0; i < sizeof(data1); i++)
		if (buffers >> i & 1)
			buffer_done(i);
	if (status & STATUS_RESET) {
		CM_REG(SIE_STATUS) = STATUS_RESET;
		CM_REG(ADDRESS) = 0;
		usb_was_reset();
	}
	if (status & STATUS_SETUP) {
		uint8_t request[USB_SETUP];

		CM_REG(SIE_STATUS) = STATUS_SETUP;
		memcpy(request, ram(0), USB_SETUP);
		data1[0] = data1[1] = true;
		if (request[6] ||
		    request[7]) /* what the host sends, or its word that it has it all */
			arm(1, USB_PACKET);
		usb_was_asked(request);
	}
}
