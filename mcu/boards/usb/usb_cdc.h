/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usb_cdc.h - a serial line over USB: the device's side of enumeration, and the rings of chip_serial.h as its data.
 *
 * What is the same with each chip's unit; the unit is the port's. Sources: USB 2.0, chapter 9; CDC 1.2 and PSTN 1.2 (abstract control
 * model). Packets carry up to 63 bytes: a packet of 64 would ask for an empty one behind it.
 * Threads: the link's interrupt; chip_serial_kick() from the main loop with the interrupt held off.
 */
#ifndef USB_USB_CDC_H
#define USB_USB_CDC_H

#include <stdbool.h>
#include <stdint.h>

enum {
	USB_PACKET = 64, /* bytes of endpoint 0 and of the data */
	USB_SETUP = 8,   /* bytes of a request */
	USB_DATA = 1,    /* endpoint of the data, both ways */
	USB_NOTICE = 2,  /* endpoint that CDC wants, to the host; nothing is ever sent there */
	USB_NOTICE_PACKET = 8,
	USB_ID_MAX = 12,
};

/* ---- what the unit has seen ---- */

void usb_was_reset(void);
void usb_was_asked(const uint8_t request[USB_SETUP]);
/* The packet at this endpoint has been taken by the host; one has come from it. */
void usb_was_sent(uint8_t endpoint);
void usb_has_come(uint8_t endpoint, const uint8_t *bytes, uint8_t len);

/* ---- the port's ---- */

/* A packet for the host, 0 to 64 bytes, copied. The one before was taken. */
void usb_port_send(uint8_t endpoint, const uint8_t *bytes, uint8_t len);
/* Refuse what was asked for last. */
void usb_port_stall(void);
/* The address from the host; first when it was asked for, then with now when that has been acknowledged by the old one: a unit uses the one
 * that it needs. */
void usb_port_address(uint8_t address, bool now);
/* The data endpoints are on, from their first packet. */
void usb_port_configure(void);
/* The chip's own number, for the device's name. Returns: how many bytes, up to USB_ID_MAX. */
uint8_t usb_port_id(uint8_t id[USB_ID_MAX]);
#endif
