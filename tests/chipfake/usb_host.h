/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usb_host.h - a host for tests of USB devices, on top of a model of the chip's unit that the test has.
 *
 * The model's functions answer as a device on the bus: a packet, not now, or never. Errors fail the running cmocka test. Threads: one.
 */
#ifndef CHIPFAKE_USB_HOST_H
#define CHIPFAKE_USB_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HOST_NAK = -1, HOST_STALL = -2, HOST_PACKET = 64, HOST_ANSWER_MAX = 256 };

struct usb_unit {
	void (*reset)(void);
	void (*setup)(const uint8_t request[8]);
	/* A packet from the device (up to 64 bytes; the length), or to it (0): HOST_NAK, HOST_STALL. */
	int (*in)(uint8_t endpoint, uint8_t *bytes);
	int (*out)(uint8_t endpoint, const uint8_t *bytes, uint8_t len);
	uint8_t (*address)(void); /* the one that it listens to */
};

struct usb_request {
	uint8_t type, request;
	uint16_t value, index, length;
};

/* A request whose answer is data (length of it, up to r->length), or that has data of r->length, or none. Returns: how many bytes came, or
 * HOST_STALL. */
int usb_host_get(const struct usb_unit *u, const struct usb_request *r,
		 uint8_t answer[HOST_ANSWER_MAX]);
int usb_host_set(const struct usb_unit *u, const struct usb_request *r, const uint8_t *data);

/* What every device of usb_cdc.h has to do, from its reset on; the test's unit. */
void usb_host_enumerate(const struct usb_unit *u);
void usb_host_refusals(const struct usb_unit *u);
void usb_host_line_coding(const struct usb_unit *u);
#endif
