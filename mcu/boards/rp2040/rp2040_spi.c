/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_spi.c - SPI 0 and 1 as masters, on the pins of the bus that is chosen. Data sheet 4.4. */
#include "board.h"
#include "rp2040.h"

enum { CR0 = 0x00, CR1 = 0x04, DR = 0x08, SR = 0x0c, PRESCALE = 0x10 };
enum { CR0_8_BITS = 7, CR0_MODE_SHIFT = 6, CR0_RATE_SHIFT = 8, CR1_ON = 1 << 1 };
enum { SR_RNE = 1 << 2, SR_BSY = 1 << 4 };

/* Of each bus the unit and its pins. */
static const struct {
	uint8_t unit, miso, mosi, clock;
} buses[] = {
	{ 0, 0, 3, 2 },   { 0, 4, 7, 6 },    { 0, 16, 19, 18 }, { 0, 20, 23, 22 },
	{ 1, 8, 11, 10 }, { 1, 12, 15, 14 }, { 1, 24, 27, 26 },
};

/* What board_spi_setup() returns: bit 15, the bus, the mode, a prescaler, by which the unit's clock is divided beside
 * 1 + the rate's 8 bits. */
enum { VALID = 1 << 15, BUS_SHIFT = 12, MODE_SHIFT = 10, PRESCALE_SHIFT = 8 };
static const uint8_t prescale[4] = { 2, 8, 32, 254 };

static uint32_t base_of(uint8_t unit)
{
	return unit ? 0x40040000 : 0x4003c000;
}

void board_delay(struct board *b, uint32_t ticks)
{
	uint32_t start = board_clock(b);

	while (board_clock(b) - start < ticks)
		;
}

uint16_t board_spi_setup(struct board *b, uint32_t bus, uint8_t mode, uint32_t rate_hz)
{
	uint32_t p = 0, divide = 0;

	(void)b;
	if (bus >= sizeof(buses) / sizeof(buses[0]))
		return 0;
	if (rate_hz == 0)
		rate_hz = 1;
	for (; p < 4; p++) {
		divide = (RP2040_SYS_HZ / prescale[p] + rate_hz - 1) / rate_hz;
		if (divide <= 256)
			break;
	}
	if (p == 4) {
		p = 3;
		divide = 256;
	}
	rp2040_reset_parts(buses[bus].unit ? RESET_SPI1 : RESET_SPI0);
	rp2040_pin_to(buses[bus].miso, FUNCTION_SPI, 1);
	rp2040_pin_to(buses[bus].mosi, FUNCTION_SPI, 0);
	rp2040_pin_to(buses[bus].clock, FUNCTION_SPI, 0);
	return (uint16_t)(VALID | bus << BUS_SHIFT | (uint32_t)mode << MODE_SHIFT |
			  p << PRESCALE_SHIFT | (divide ? divide - 1 : 0));
}

void board_spi_transfer(struct board *b, uint16_t bus, uint8_t *data, uint8_t len)
{
	uint32_t base = base_of(buses[bus >> BUS_SHIFT & 7].unit), mode = bus >> MODE_SHIFT & 3;

	(void)b;
	CM_REG(base + CR1) = 0;
	CM_REG(base + PRESCALE) = prescale[bus >> PRESCALE_SHIFT & 3];
	/* SPO is bit 6, SPH bit 7: the mode's bits the other way round */
	CM_REG(base + CR0) = CR0_8_BITS | (mode >> 1) << CR0_MODE_SHIFT |
			     (mode & 1) << (CR0_MODE_SHIFT + 1) | (bus & 0xffu) << CR0_RATE_SHIFT;
	CM_REG(base + CR1) = CR1_ON;
	for (; len; len--, data++) {
		CM_REG(base + DR) = *data;
		while (!(CM_REG(base + SR) & SR_RNE))
			;
		*data = (uint8_t)CM_REG(base + DR);
	}
	while (CM_REG(base + SR) & SR_BSY)
		;
}
