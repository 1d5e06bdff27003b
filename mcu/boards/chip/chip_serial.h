/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_serial.h - the bytes of a chip's serial line, a ring each way; for the board's interrupts.
 *
 * Indices are 8 bits and wrap by themselves. One interrupt writes and the main loop reads, or the other way round: no
 * locking. Inline, for interrupts that should save few registers. Owner: chip_serial.c.
 */
#ifndef CHIP_CHIP_SERIAL_H
#define CHIP_CHIP_SERIAL_H

#include "chip.h"

struct chip_ring {
	volatile uint8_t in, out;
	uint8_t bytes[256];
};

extern struct chip_ring chip_rx, chip_tx;
extern volatile bool chip_frame_end; /* a byte came that may be the last of a frame */

/* There is something to be sent: let the interrupt that does it come. Main loop; by the board. */
void chip_serial_kick(struct board *b);

/* A byte has come; interrupt. What finds no room is lost, and repeated by the host. */
static inline void chip_serial_received(uint8_t byte)
{
	uint8_t at = chip_rx.in;

	if ((uint8_t)(at + 1) == chip_rx.out)
		return;
	chip_rx.bytes[at] = byte;
	chip_rx.in = (uint8_t)(at + 1);
	if (byte == WIRE_SYNC)
		chip_frame_end = true;
}

static inline bool chip_serial_sent_all(void)
{
	return chip_tx.out == chip_tx.in;
}

/* The next byte to be sent, of which there is one; interrupt. */
static inline uint8_t chip_serial_next(void)
{
	uint8_t at = chip_tx.out;

	chip_tx.out = (uint8_t)(at + 1);
	return chip_tx.bytes[at];
}
#endif
