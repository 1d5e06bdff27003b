/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_spi.c - SPI 1 and 2 as masters, on PA5-7 and PB13-15. RM0090 chapter 28, RM0008 chapter 25. */
#include "board.h"
#include "stm32.h"

enum { CR1 = 0x00, SR = 0x08, DR = 0x0c };
enum { CR1_MSTR = 1 << 2, CR1_BAUD = 3, CR1_SPE = 1 << 6, CR1_SSI = 1 << 8, CR1_SSM = 1 << 9 };
enum { SR_RXNE = 1 << 0, SR_BSY = 1 << 7, SHIFT_MAX = 7, FUNCTION = 5 };
enum { SECOND = 1 << 15 }; /* in what board_spi_setup() returns, beside CR1: bus 1 */

static const struct {
	uint32_t base, clock_hz;
	uint8_t sck; /* MISO and MOSI follow it */
} buses[] = { { 0x40013000, STM32_APB2_HZ, 5 }, { 0x40003800, STM32_APB2_HZ / 2, 16 + 13 } };

void board_delay(struct board *b, uint32_t ticks)
{
	uint32_t start = board_clock(b);

	while (board_clock(b) - start < ticks)
		;
}

uint16_t board_spi_setup(struct board *b, uint32_t bus, uint8_t mode, uint32_t rate_hz)
{
	uint32_t shift = 0; /* the clock is that of the unit / 2 / 2^shift */

	if (bus >= sizeof(buses) / sizeof(buses[0]))
		return 0;
	while (shift < SHIFT_MAX && buses[bus].clock_hz / 2 >> shift > rate_hz)
		shift++;
	(void)b;
	stm32_pin_to_peripheral(buses[bus].sck, FUNCTION);
	stm32_pin_to_peripheral(buses[bus].sck + 2, FUNCTION);
	stm32_pin_input_of_peripheral(buses[bus].sck + 1, FUNCTION);
	return (uint16_t)(CR1_SPE | CR1_MSTR | CR1_SSI | CR1_SSM | mode | shift << CR1_BAUD |
			  (bus ? SECOND : 0));
}

void board_spi_transfer(struct board *b, uint16_t bus, uint8_t *data, uint8_t len)
{
	uint32_t base = buses[bus & SECOND ? 1 : 0].base;

	(void)b;
	CM_REG(base + CR1) = bus & (uint16_t)~SECOND & (uint16_t)~CR1_SPE;
	CM_REG(base + CR1) = bus & (uint16_t)~SECOND;
	for (; len; len--, data++) {
		CM_REG(base + DR) = *data;
		while (!(CM_REG(base + SR) & SR_RXNE))
			;
		*data = (uint8_t)CM_REG(base + DR);
	}
	while (CM_REG(base + SR) & SR_BSY)
		;
}
