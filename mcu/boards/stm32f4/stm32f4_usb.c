/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32f4_usb.c - USB OTG FS as a device, on PA11 and PA12; RM0090 chapter 34, RM0390 chapter 31.
 *
 * One queue for all that comes, one each for what goes to the host; in words. The unit is read and written with cm_read() and cm_write(), so
 * that a test can be in its place (tests/unit/test_chip_usb_f4.c).
 */
#include "stm32.h"
#include "usb_cdc.h"

enum {
	OTG = 0x50000000,
	GOTGCTL = OTG + 0x000,
	GAHBCFG = OTG + 0x008,
	GUSBCFG = OTG + 0x00c,
	GRSTCTL = OTG + 0x010,
	GINTSTS = OTG + 0x014,
	GINTMSK = OTG + 0x018,
	GRXSTSP = OTG + 0x020,
	GRXFSIZ = OTG + 0x024,
	DIEPTXF0 = OTG + 0x028,
	GCCFG = OTG + 0x038,
	CID = OTG + 0x03c,
	DIEPTXF = OTG + 0x100, /* and 4 bytes an endpoint, from 1 on */
	DCFG = OTG + 0x800,
	DCTL = OTG + 0x804,
	DIEPMSK = OTG + 0x810,
	DAINTMSK = OTG + 0x81c,
	/* endpoint 0; 0x20 bytes each */
	DIEPCTL = OTG + 0x900,
	DIEPINT = OTG + 0x908,
	DIEPTSIZ = OTG + 0x910,
	DOEPCTL = OTG + 0xb00,
	DOEPTSIZ = OTG + 0xb10,
	PCGCCTL = OTG + 0xe00,
	QUEUE = OTG + 0x1000, /* and 0x1000 bytes an endpoint */

	AHB_INT = 1 << 0,
	USB_DEVICE = 1 << 30,
	USB_PHY = 1 << 6,
	USB_TURNAROUND = 6 << 10, /* for a bus of 32 MHz and up */
	RST_CORE = 1 << 0,
	RST_RX = 1 << 4,
	RST_TX_ALL = 1 << 5 | 0x10 << 6,
	RST_IDLE = (int)(1u << 31),
	INT_HOST_MODE = 1 << 0,
	INT_RX = 1 << 4,
	INT_RESET = 1 << 12,
	INT_SPEED = 1 << 13,
	INT_IN = 1 << 18,
	CID_2 = 0x2000, /* the unit of the F446 and later: VBUS is not asked for in another way */
	CCFG_ON = 1 << 16,
	CCFG_NO_VBUS = 1 << 21,
	OTGCTL_VALID = 3 << 6,
	CFG_FULL_SPEED = 3,
	CFG_ADDRESS = 4,
	CTL_GONE = 1 << 1,
	EP_ON = (int)(1u << 31),
	EP_DATA0 = 1 << 28,
	EP_NAK = 1 << 27,
	EP_CLEAR_NAK = 1 << 26,
	EP_QUEUE_SHIFT = 22,
	EP_STALL = 1 << 21,
	EP_TYPE_SHIFT = 18,
	EP_ACTIVE = 1 << 15,
	TYPE_BULK = 2,
	TYPE_INTERRUPT = 3,
	SIZ_PACKET = 1 << 19,
	SIZ_SETUPS = 3 << 29,
	EPINT_SENT = 1 << 0,
	/* what GRXSTSP says */
	RX_DATA = 2,
	RX_OUT_DONE = 3,
	RX_SETUP_DONE = 4,
	RX_SETUP = 6,
	/* words of the queues: of 320 in all */
	RX_WORDS = 128,
	TX_WORDS = 32,
	TURNS = 1000000, /* 25 ms and more */
	DM_PIN = 11,
	FUNCTION = 10,
};

static uint8_t request[USB_SETUP];

static inline uint32_t ep(uint32_t reg, uint8_t endpoint)
{
	return reg + endpoint * 0x20u;
}

static void set(uint32_t reg, uint32_t bits)
{
	cm_write(reg, cm_read(reg) | bits);
}

void usb_port_send(uint8_t endpoint, const uint8_t *bytes, uint8_t len)
{
	cm_write(ep(DIEPTSIZ, endpoint), SIZ_PACKET | len);
	set(ep(DIEPCTL, endpoint), (uint32_t)EP_ON | EP_CLEAR_NAK);
	for (uint8_t at = 0; at < len; at += 4) {
		uint32_t word = 0;

		for (uint8_t i = 0; i < 4 && at + i < len; i++)
			word |= (uint32_t)bytes[at + i] << 8 * i;
		cm_write(QUEUE + endpoint * 0x1000u, word);
	}
}

/* Endpoint 0 hears requests at any time, whether it takes packets or not. */
void usb_port_stall(void)
{
	set(DIEPCTL, EP_STALL);
	set(DOEPCTL, EP_STALL);
}

/* The unit keeps the old one for the acknowledgement by itself. */
void usb_port_address(uint8_t address, bool now)
{
	if (!now)
		cm_write(DCFG, CFG_FULL_SPEED | (uint32_t)address << CFG_ADDRESS);
}

/* The endpoint takes one more packet. */
static void take_more(uint8_t endpoint)
{
	cm_write(ep(DOEPTSIZ, endpoint),
		 SIZ_PACKET | USB_PACKET | (endpoint ? 0u : (uint32_t)SIZ_SETUPS));
	set(ep(DOEPCTL, endpoint), (uint32_t)EP_ON | EP_CLEAR_NAK);
}

void usb_port_configure(void)
{
	const uint32_t bulk = EP_DATA0 | EP_ACTIVE | TYPE_BULK << EP_TYPE_SHIFT | USB_PACKET;

	cm_write(ep(DIEPCTL, USB_DATA), bulk | USB_DATA << EP_QUEUE_SHIFT);
	cm_write(ep(DOEPCTL, USB_DATA), bulk);
	cm_write(ep(DIEPCTL, USB_NOTICE), EP_DATA0 | EP_ACTIVE | TYPE_INTERRUPT << EP_TYPE_SHIFT |
						  USB_NOTICE << EP_QUEUE_SHIFT | USB_NOTICE_PACKET);
	take_more(USB_DATA);
}

uint8_t usb_port_id(uint8_t id[USB_ID_MAX])
{
	return stm32_id(id);
}

/* Wait until all these bits are as in want. Bounded. */
static void await(uint32_t reg, uint32_t bits, uint32_t want)
{
	for (uint32_t i = 0; i < TURNS && (cm_read(reg) & bits) != want; i++)
		;
}

void stm32_link_init(void)
{
	stm32_pin_to_peripheral(DM_PIN, FUNCTION);
	stm32_pin_to_peripheral(DM_PIN + 1, FUNCTION);
	await(GRSTCTL, (uint32_t)RST_IDLE, (uint32_t)RST_IDLE);
	set(GRSTCTL, RST_CORE);
	await(GRSTCTL, RST_CORE, 0);
	cm_write(PCGCCTL, 0);
	cm_write(GUSBCFG, USB_DEVICE | USB_PHY | USB_TURNAROUND);
	await(GINTSTS, INT_HOST_MODE, 0);
	if (cm_read(CID) >= CID_2) {
		set(GOTGCTL, OTGCTL_VALID);
		cm_write(GCCFG, CCFG_ON);
	} else {
		cm_write(GCCFG, CCFG_ON | CCFG_NO_VBUS);
	}
	cm_write(DCFG, CFG_FULL_SPEED);
	cm_write(GRXFSIZ, RX_WORDS);
	cm_write(DIEPTXF0, TX_WORDS << 16 | RX_WORDS);
	for (uint32_t i = 1; i <= USB_NOTICE; i++)
		cm_write(DIEPTXF + i * 4, TX_WORDS << 16 | (RX_WORDS + i * TX_WORDS));
	cm_write(GINTSTS, UINT32_MAX);
	cm_write(DIEPMSK, EPINT_SENT);
	cm_write(GINTMSK, INT_RX | INT_RESET | INT_SPEED | INT_IN);
	cm_write(GAHBCFG, AHB_INT);
	cm_write(DCTL, cm_read(DCTL) & ~(uint32_t)CTL_GONE);
}

static void was_reset(void)
{
	for (uint8_t i = 0; i <= USB_NOTICE; i++) {
		cm_write(ep(DOEPCTL, i), EP_NAK);
		cm_write(ep(DIEPINT, i), UINT32_MAX);
	}
	cm_write(DCFG, CFG_FULL_SPEED);
	cm_write(GRSTCTL, RST_TX_ALL);
	await(GRSTCTL, 1 << 5, 0);
	cm_write(GRSTCTL, RST_RX);
	await(GRSTCTL, RST_RX, 0);
	cm_write(DAINTMSK, (1 << (USB_NOTICE + 1)) - 1);
	take_more(0);
	usb_was_reset();
}

/* Words of the queue that one thing is in: into bytes[0..cap), and what is too much is dropped. */
static uint8_t read_queue(uint8_t *bytes, uint32_t len, uint8_t cap)
{
	for (uint32_t at = 0; at < len; at += 4) {
		uint32_t word = cm_read(QUEUE);

		for (uint32_t i = at; i < at + 4 && i < len && i < cap; i++, word >>= 8)
			bytes[i] = (uint8_t)word;
	}
	return (uint8_t)(len < cap ? len : cap);
}

static void take_one(void)
{
	uint32_t status = cm_read(GRXSTSP), len = status >> 4 & 0x7ff;
	uint8_t endpoint = status & 15, bytes[USB_PACKET], count;

	switch (status >> 17 & 15) {
	case RX_SETUP:
		read_queue(request, len, sizeof(request));
		break;
	case RX_SETUP_DONE:
		take_more(0);
		usb_was_asked(request);
		break;
	case RX_DATA:
		count = read_queue(bytes, len, sizeof(bytes));
		usb_has_come(endpoint, bytes, count);
		break;
	case RX_OUT_DONE:
		take_more(endpoint);
		break;
	default:
		break;
	}
}

void chip_serial_irq(void)
{
	uint32_t what = cm_read(GINTSTS);

	cm_write(GINTSTS, what & (INT_RESET | INT_SPEED));
	if (what & INT_RESET)
		was_reset();
	while (cm_read(GINTSTS) & INT_RX)
		take_one();
	if (what & INT_IN)
		for (uint8_t i = 0; i <= USB_NOTICE; i++)
			if (cm_read(ep(DIEPINT, i)) & EPINT_SENT) {
				cm_write(ep(DIEPINT, i), EPINT_SENT);
				usb_was_sent(i);
			}
}
