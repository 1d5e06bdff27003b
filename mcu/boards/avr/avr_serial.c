/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_serial.c - USART 0, 8N1. */
#include <avr/interrupt.h>
#include <avr/io.h>

#include "avr.h"
#include "board.h"
#include "chip_serial.h"

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
	chip_serial_received(UDR0);
}

ISR(USART0_UDRE_vect)
{
	if (chip_serial_sent_all())
		UCSR0B &= (uint8_t) ~(1 << UDRIE0);
	else
		UDR0 = chip_serial_next();
}

void chip_serial_kick(struct board *b)
{
	/* UCSR0B is out of reach of single-instruction bit writes, and the interrupt writes it too */
	board_lock(b);
	UCSR0B |= 1 << UDRIE0;
	board_unlock(b);
}
