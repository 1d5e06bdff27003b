/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_boot2.c - what the boot ROM starts: the first 256 bytes of the flash, which it copies to the end of RAM and whose last
 * four are their checksum (mcu/tools/rp2040-uf2.c). Data sheet 2.8.
 *
 * It sets the flash interface (4.10) to the plain read command 03h, which every chip has, copies the image behind it to RAM and starts
 * it there. So nothing waits for the flash later, and which chip it is does not matter. No function but this one: the image is not
 * there yet. The clock is the ring oscillator's, of 6.5 MHz or so.
 */
#include "cortexm.h"
#include "rp2040.h"

enum {
	SSI = 0x18000000,
	CTRLR0 = 0x00,
	CTRLR1 = 0x04,
	ENABLE = 0x08,
	BAUD = 0x14,
	SPI_CTRLR0 = 0xf4,
	READ_WORDS = 31 << 16 | 3 << 8,         /* 32 bits after what is sent: "EEPROM read" */
	COMMAND_03 = 3 << 24 | 2 << 8 | 6 << 2, /* 8 bits of command, 24 of address */
};

extern uint32_t cm_image_load[], cm_image_start[], cm_image_end[];

void rp2040_boot2(void) __attribute__((section(".boot2"), used, noreturn));
void rp2040_boot2(void)
{
	const volatile uint32_t *from = cm_image_load;

	CM_REG(SSI + ENABLE) = 0;
	CM_REG(SSI + BAUD) = 2;
	CM_REG(SSI + CTRLR0) = READ_WORDS;
	CM_REG(SSI + CTRLR1) = 0;
	CM_REG(SSI + SPI_CTRLR0) = COMMAND_03;
	CM_REG(SSI + ENABLE) = 1;
	for (uint32_t *to = cm_image_start; to < cm_image_end; to++)
		*to = *from++;
	CM_VTOR = (uint32_t)cm_image_start;
	__asm__ volatile("msr msp, %0\n\tbx %1" ::"r"(cm_image_start[0]), "r"(cm_image_start[1]));
	__builtin_unreachable();
}
