/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_flash.c - the flash chip's own number, by command 4Bh, before the clock is fast. Data sheet 4.10. */
#include <string.h>

#include "rp2040.h"

#define SSI(offset) CM_REG(0x18000000 + (offset))
enum { CTRLR0 = 0x00, ENABLE = 0x08, BAUD = 0x14, STATUS = 0x28, DATA = 0x60 };
enum {
	BYTES_BOTH_WAYS = 7 << 16,
	STATUS_RX = 1 << 3,
	COMMAND_ID = 0x4b,
	BEFORE = 5 /* command, four of no meaning */
};

static uint8_t number[RP2040_ID_BYTES];

/* As slow as this, the queue of 16 never runs empty, which would end the command. */
void rp2040_flash_init(void)
{
	SSI(ENABLE) = 0;
	SSI(CTRLR0) = BYTES_BOTH_WAYS;
	SSI(BAUD) = 32;
	SSI(ENABLE) = 1;
	for (uint8_t i = 0; i < BEFORE + RP2040_ID_BYTES; i++)
		SSI(DATA) = i == 0 ? COMMAND_ID : 0;
	for (uint8_t i = 0; i < BEFORE + RP2040_ID_BYTES; i++) {
		uint8_t byte;

		while (!(SSI(STATUS) & STATUS_RX))
			;
		byte = (uint8_t)SSI(DATA);
		if (i >= BEFORE)
			number[i - BEFORE] = byte;
	}
}

uint8_t rp2040_flash_id(uint8_t *id)
{
	memcpy(id, number, RP2040_ID_BYTES);
	return RP2040_ID_BYTES;
}
