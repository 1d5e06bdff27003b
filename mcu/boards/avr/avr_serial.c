/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_serial.c - USART 0, 8N1, with a ring each way. */
#include <string.h>

#include <avr/interrupt.h>
#include <avr/io.h>

#include "avr.h"
#include "board.h"

/* Indices are 8 bits and wrap by themselves. One interrupt writes, the main loop reads, or the other
 * way round: no locking. */
static volatile uint8_t rx_in, rx_out, tx_in, tx_out;
static volatile bool frame_end; /* a byte came that may be the last of a frame */
static uint8_t rx[256], tx[256];

_Static_assert(MCU_RECEIVE_WINDOW < sizeof(rx), "the ring holds what a host may send");

void avr_serial_init(void)
{
	UCSR0A = 1 << U2X0;
	UBRR0 = F_CPU / 8 / AVR_BAUD - 1;
	UCSR0C = 1 << UCSZ01 | 1 << UCSZ00;
	UCSR0B = 1 << RXEN0 | 1 << TXEN0 | 1 << RXCIE0;
}

#ifdef USART_RX_vect
#define USART0_RX_vect USART_RX_vect
#define USART0_UDRE_vect USART_UDRE_vect
#endif

ISR(USART0_RX_vect)
{
	uint8_t byte = UDR0;
	uint8_t at = rx_in;

	/* what finds no room is lost, and repeated by the host */
	if ((uint8_t)(at + 1) == rx_out)
		return;
	rx[at] = byte;
	rx_in = (uint8_t)(at + 1);
	if (byte == WIRE_SYNC)
		frame_end = true;
}

ISR(USART0_UDRE_vect)
{
	uint8_t at = tx_out;

	if (at == tx_in) {
		UCSR0B &= (uint8_t) ~(1 << UDRIE0);
		return;
	}
	UDR0 = tx[at];
	tx_out = (uint8_t)(at + 1);
}

bool avr_serial_waiting(void)
{
	return frame_end || (uint8_t)(rx_in - rx_out) >= WIRE_FRAME_MAX;
}

uint8_t avr_serial_peek(const uint8_t **bytes)
{
	uint8_t in, out = rx_out;

	*bytes = rx + out;
	if (!avr_serial_waiting())
		return 0;
	frame_end = false;
	in = rx_in;
	if (in < out)
		frame_end = true; /* there is a second piece */
	return (uint8_t)(in >= out ? in - out : 256 - out);
}

void avr_serial_done(uint8_t count)
{
	rx_out = (uint8_t)(rx_out + count);
}

bool board_send(struct board *b, const uint8_t *frame, size_t len)
{
	uint8_t in = tx_in;
	uint8_t room = (uint8_t)(tx_out - in - 1);

	(void)b;
	if (len > room)
		return false;
	for (; len; len--)
		tx[in++] = *frame++;
	tx_in = in;
	/* UCSR0B is out of reach of single-instruction bit writes, and the interrupt writes it too */
	board_lock(b);
	UCSR0B |= 1 << UDRIE0;
	board_unlock(b);
	return true;
}
