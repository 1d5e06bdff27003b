/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usb_cdc.h"

#include <string.h>

#include "board.h"
#include "chip_serial.h"

enum {
	GET_STATUS = 0,
	CLEAR_FEATURE = 1,
	SET_FEATURE = 3,
	SET_ADDRESS = 5,
	GET_DESCRIPTOR = 6,
	GET_CONFIGURATION = 8,
	SET_CONFIGURATION = 9,
	GET_INTERFACE = 10,
	SET_INTERFACE = 11,
	/* of CDC */
	SET_LINE_CODING = 0x20,
	GET_LINE_CODING = 0x21,
	SET_LINE_STATE = 0x22,
	SEND_BREAK = 0x23,
	/* what a request is */
	TO_HOST = 0x80,
	TYPE = 0x60,
	TYPE_STANDARD = 0x00,
	TYPE_CLASS = 0x20,
	/* descriptors */
	DEVICE = 1,
	CONFIGURATION = 2,
	STRING = 3,
	INTERFACE = 4,
	ENDPOINT = 5,
	OF_INTERFACE = 0x24,
	NAME_MAKER = 1,
	NAME_PRODUCT,
	NAME_NUMBER,
	NAMES,
	LINE_CODING = 7, /* bytes */
	NAME_CHARS = 32,
	DATA_MAX = USB_PACKET - 1,
};

#define LOW_HIGH(n) (uint8_t)((n)&0xff), (uint8_t)((n) >> 8)

static const uint8_t device_descriptor[] = {
	18,
	DEVICE,
	LOW_HIGH(0x0200),
	2 /* CDC */,
	0,
	0,
	USB_PACKET,
	LOW_HIGH(USB_VENDOR),
	LOW_HIGH(USB_PRODUCT),
	LOW_HIGH(0x0100),
	NAME_MAKER,
	NAME_PRODUCT,
	NAME_NUMBER,
	1, /* configuration */
};

enum { CONFIGURATION_BYTES = 67 };
static const uint8_t configuration[CONFIGURATION_BYTES] = {
	9,
	CONFIGURATION,
	LOW_HIGH(CONFIGURATION_BYTES),
	2 /* interfaces */,
	1,
	0,
	0x80 /* powered by the bus */,
	50 /* 100 mA */,
	/* control: abstract control model */
	9,
	INTERFACE,
	0,
	0,
	1,
	2,
	2,
	1,
	0,
	5,
	OF_INTERFACE,
	0,
	LOW_HIGH(0x0110), /* CDC 1.1 */
	5,
	OF_INTERFACE,
	1,
	0,
	1, /* no calls */
	4,
	OF_INTERFACE,
	2,
	2, /* line coding and state */
	5,
	OF_INTERFACE,
	6,
	0,
	1, /* of interfaces 0 and 1 */
	7,
	ENDPOINT,
	TO_HOST | USB_NOTICE,
	3,
	LOW_HIGH(USB_NOTICE_PACKET),
	16 /* ms */,
	/* data */
	9,
	INTERFACE,
	1,
	0,
	2,
	10,
	0,
	0,
	0,
	7,
	ENDPOINT,
	USB_DATA,
	2,
	LOW_HIGH(USB_PACKET),
	0,
	7,
	ENDPOINT,
	TO_HOST | USB_DATA,
	2,
	LOW_HIGH(USB_PACKET),
	0,
};

static struct {
	const uint8_t *data; /* of the answer that is being sent */
	uint8_t left;
	bool empty_last;   /* it ends in an empty packet */
	bool address_next; /* the address is valid once the answer was taken */
	bool coding_next;  /* line coding comes */
	bool configured, sending;
	uint8_t address;
	uint8_t coding[LINE_CODING];
	uint8_t text[2 + 2 * NAME_CHARS];
} usb = { .coding = { LOW_HIGH(250000 & 0xffff), LOW_HIGH(250000 >> 16), 0, 0, 8 } };

/* ---- data ---- */

/* The next bytes, if the endpoint is free. */
static void pump(void)
{
	uint8_t packet[DATA_MAX], len = 0;

	if (!usb.configured || usb.sending || chip_serial_sent_all())
		return;
	while (len < DATA_MAX && !chip_serial_sent_all())
		packet[len++] = chip_serial_next();
	usb.sending = true;
	usb_port_send(USB_DATA, packet, len);
}

void chip_serial_kick(struct board *b)
{
	board_lock(b);
	pump();
	board_unlock(b);
}

/* ---- requests ---- */

static void next_packet(void)
{
	uint8_t len = usb.left < USB_PACKET ? usb.left : USB_PACKET;

	usb_port_send(0, usb.data, len);
	usb.data += len;
	usb.left = (uint8_t)(usb.left - len);
	if (len < USB_PACKET)
		usb.empty_last = false;
}

/* No more than the host wants; a shorter answer that fills its last packet ends in an empty one. */
static void answer(const uint8_t *data, uint8_t len, uint16_t wanted)
{
	usb.data = data;
	usb.left = len < wanted ? len : (uint8_t)wanted;
	usb.empty_last = len < wanted && len % USB_PACKET == 0;
	next_packet();
}

static void acknowledge(void)
{
	answer(NULL, 0, 0);
}

static uint8_t put_char(uint8_t at, char c)
{
	usb.text[at] = (uint8_t)c;
	usb.text[at + 1] = 0;
	return (uint8_t)(at + 2);
}

static void answer_name(uint8_t which, uint16_t wanted)
{
	static const char *const names[NAMES] = {
		[NAME_MAKER] = "stepd", [NAME_PRODUCT] = CHIP_NAME
	};
	uint8_t id[USB_ID_MAX], len = 2;

	if (which == 0) { /* the language of the others: English */
		len = put_char(len, 0x09);
		usb.text[3] = 0x04;
	} else if (which == NAME_NUMBER) {
		uint8_t count = usb_port_id(id);

		for (uint8_t i = 0; i < 2 * count; i++)
			len = put_char(len,
				       "0123456789ABCDEF"[i % 2 ? id[i / 2] & 15 : id[i / 2] >> 4]);
	} else {
		for (const char *c = names[which]; *c && len < sizeof(usb.text); c++)
			len = put_char(len, *c);
	}
	usb.text[0] = len;
	usb.text[1] = STRING;
	answer(usb.text, len, wanted);
}

static bool answer_descriptor(uint8_t type, uint8_t index, uint16_t wanted)
{
	if (type == DEVICE && index == 0)
		answer(device_descriptor, sizeof(device_descriptor), wanted);
	else if (type == CONFIGURATION && index == 0)
		answer(configuration, sizeof(configuration), wanted);
	else if (type == STRING && index < NAMES)
		answer_name(index, wanted);
	else
		return false;
	return true;
}

static void configure(bool on)
{
	usb.configured = on;
	usb.sending = false;
	if (!on)
		return;
	usb_port_configure();
	pump();
}

/* Returns: false if there is no such thing. */
static bool standard(const uint8_t *r, uint16_t wanted)
{
	static const uint8_t zero[2];

	switch (r[1]) {
	case GET_DESCRIPTOR:
		return answer_descriptor(r[3], r[2], wanted);
	case SET_ADDRESS:
		usb.address = r[2] & 0x7f;
		usb.address_next = true;
		usb_port_address(usb.address, false);
		acknowledge();
		return true;
	case SET_CONFIGURATION:
		if (r[2] > 1)
			return false;
		acknowledge();
		configure(r[2]);
		return true;
	case GET_CONFIGURATION:
		answer((const uint8_t *)&usb.configured, 1, wanted);
		return true;
	case GET_STATUS:
		answer(zero, 2, wanted);
		return true;
	case GET_INTERFACE:
		answer(zero, 1, wanted);
		return true;
	case CLEAR_FEATURE: /* an endpoint that was halted begins anew: none ever is */
	case SET_INTERFACE:
		acknowledge();
		return r[2] == 0;
	default: /* SET_FEATURE: there is none */
		return false;
	}
}

static bool of_class(const uint8_t *r, uint16_t wanted)
{
	switch (r[1]) {
	case GET_LINE_CODING:
		answer(usb.coding, LINE_CODING, wanted);
		return true;
	case SET_LINE_CODING:
		if (wanted != LINE_CODING)
			return false;
		usb.coding_next = true;
		return true;
	case SET_LINE_STATE:
	case SEND_BREAK:
		acknowledge();
		return true;
	default:
		return false;
	}
}

/* ---- what the unit has seen ---- */

void usb_was_reset(void)
{
	usb.left = 0;
	usb.empty_last = usb.address_next = usb.coding_next = false;
	configure(false);
}

void usb_was_asked(const uint8_t request[USB_SETUP])
{
	uint16_t wanted = (uint16_t)(request[6] | request[7] << 8);
	uint8_t type = request[0] & TYPE;
	bool known = false;

	usb.left = 0;
	usb.empty_last = usb.address_next = usb.coding_next = false;
	if (type == TYPE_STANDARD)
		known = standard(request, wanted);
	else if (type == TYPE_CLASS)
		known = of_class(request, wanted);
	if (!known)
		usb_port_stall();
}

void usb_was_sent(uint8_t endpoint)
{
	if (endpoint == USB_DATA) {
		usb.sending = false;
		pump();
		return;
	}
	if (endpoint != 0)
		return;
	if (usb.left || usb.empty_last) {
		next_packet();
	} else if (usb.address_next) {
		usb.address_next = false;
		usb_port_address(usb.address, true);
	}
}

void usb_has_come(uint8_t endpoint, const uint8_t *bytes, uint8_t len)
{
	if (endpoint == USB_DATA) {
		while (len--)
			chip_serial_received(*bytes++);
	} else if (endpoint == 0 && usb.coding_next && len == LINE_CODING) {
		usb.coding_next = false;
		memcpy(usb.coding, bytes, LINE_CODING);
		acknowledge();
	}
}
