/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chip_serial.h"

#include "board.h"

_Static_assert(MCU_RECEIVE_WINDOW < sizeof(chip_rx.bytes), "the ring holds what a host may send");

struct chip_ring chip_rx, chip_tx;
volatile bool chip_frame_end;

bool chip_serial_waiting(void)
{
	return chip_frame_end || (uint8_t)(chip_rx.in - chip_rx.out) >= WIRE_FRAME_MAX;
}

uint8_t chip_serial_peek(const uint8_t **bytes)
{
	uint8_t in, out = chip_rx.out;

	*bytes = chip_rx.bytes + out;
	if (!chip_serial_waiting())
		return 0;
	chip_frame_end = false;
	in = chip_rx.in;
	if (in < out)
		chip_frame_end = true; /* there is a second piece */
	return (uint8_t)(in >= out ? in - out : 256 - out);
}

void chip_serial_done(uint8_t count)
{
	chip_rx.out = (uint8_t)(chip_rx.out + count);
}

#ifdef MCU_NO_CAN /* where a node's frames wait is mcu_can.c */
bool board_send(struct board *b, const uint8_t *frame, size_t len)
{
	uint8_t in = chip_tx.in;
	uint8_t room = (uint8_t)(chip_tx.out - in - 1);

	if (len > room)
		return false;
	for (; len; len--)
		chip_tx.bytes[in++] = *frame++;
	chip_tx.in = in;
	chip_serial_kick(b);
	return true;
}
#endif
