/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_serial.c - UART 0 on GPIO 0 and 1, 8N1; data sheet 4.2. Its queues are off: a byte waits for 4 others, or 128 us, there. */
#include "board.h"
#include "chip_serial.h"
#include "rp2040.h"

#define UART(offset) CM_REG(0x40034000 + (offset))
enum {
	DR = 0x00,
	FR = 0x18,
	IBRD = 0x24,
	FBRD = 0x28,
	LCR = 0x2c,
	CR = 0x30,
	IMSC = 0x38,
	MIS = 0x40,
	ICR = 0x44
};
enum { FR_TXFF = 1 << 5, FR_RXFE = 1 << 4, LCR_8_BITS = 3 << 5, CR_ON = 1 << 9 | 1 << 8 | 1 << 0 };
enum { INT_RX = 1 << 4, INT_TX = 1 << 5, INT_OVERRUN = 1 << 10, TX_PIN = 0, RX_PIN = 1 };

void rp2040_serial_init(void)
{
	/* 64ths of the divider of the clock by 16 */
	uint32_t divider = RP2040_SYS_HZ * 4u / RP2040_BAUD;

	rp2040_reset_parts(RESET_UART0);
	UART(IBRD) = divider / 64;
	UART(FBRD) = divider % 64;
	UART(LCR) = LCR_8_BITS;
	UART(CR) = CR_ON;
	UART(IMSC) = INT_RX;
	rp2040_pin_to(TX_PIN, FUNCTION_UART, 0);
	rp2040_pin_to(RX_PIN, FUNCTION_UART, 1);
}

/* Its interrupt comes when a byte has left: the first is put here. */
static void put(void)
{
	while (!chip_serial_sent_all() && !(UART(FR) & FR_TXFF))
		UART(DR) = chip_serial_next();
	UART(IMSC) = chip_serial_sent_all() ? INT_RX : INT_RX | INT_TX;
}

void chip_serial_irq(void)
{
	UART(ICR) = INT_RX | INT_OVERRUN;
	while (!(UART(FR) & FR_RXFE))
		chip_serial_received((uint8_t)UART(DR));
	put();
}

void chip_serial_kick(struct board *b)
{
	board_lock(b); /* the interrupt puts, too */
	put();
	board_unlock(b);
}
