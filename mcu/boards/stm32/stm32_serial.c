/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_serial.c - USART 1 on PA9 and PA10, 8N1. */
#include "board.h"
#include "chip_serial.h"
#include "stm32.h"

#define USART(offset) CM_REG(STM32_USART + (offset))
enum { SR = 0x00, DR = 0x04, BRR = 0x08, CR1 = 0x0c };
enum { SR_RXNE = 1 << 5, SR_ORE = 1 << 3, SR_TXE = 1 << 7 };
enum {
	CR1_UE = 1 << 13,
	CR1_TXEIE = 1 << 7,
	CR1_RXNEIE = 1 << 5,
	CR1_TE = 1 << 3,
	CR1_RE = 1 << 2
};

enum { TX_PIN = 9, RX_PIN = 10, FUNCTION = 7 };

void stm32_link_init(void)
{
	stm32_pin_to_peripheral(TX_PIN, FUNCTION);
	stm32_pin_input_of_peripheral(RX_PIN, FUNCTION);
	USART(BRR) = STM32_APB2_HZ / STM32_BAUD;
	USART(CR1) = CR1_UE | CR1_RXNEIE | CR1_TE | CR1_RE;
}

void chip_serial_irq(void)
{
	if (USART(SR) & (SR_RXNE | SR_ORE))
		chip_serial_received((uint8_t)USART(DR));
	while (!chip_serial_sent_all() && USART(SR) & SR_TXE)
		USART(DR) = chip_serial_next();
	if (chip_serial_sent_all())
		cm_modify(&USART(CR1), CR1_TXEIE, 0);
}

void chip_serial_kick(struct board *b)
{
	board_lock(b); /* the interrupt writes CR1, too */
	cm_modify(&USART(CR1), 0, CR1_TXEIE);
	/* it comes anyway, but in QEMU 7.2, which does not know why */
	cm_pend(CHIP_SERIAL_IRQ);
	board_unlock(b);
}
