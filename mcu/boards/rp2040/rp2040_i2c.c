/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040_i2c.c - I2C 0 and 1 as masters, polled, on the pins of the bus that is chosen. Data sheet 4.3. */
#include "board.h"
#include "rp2040.h"

enum {
	CON = 0x00,
	TAR = 0x04,
	DATA = 0x10,
	FS_HIGH = 0x1c,
	FS_LOW = 0x20,
	RAW_INTR = 0x34,
	CLR_ABORT = 0x54,
	CLR_STOP = 0x60,
	ENABLE = 0x6c,
	STATUS = 0x70,
	RX_LEVEL = 0x78,
	SDA_HOLD = 0x7c,
	ABORT_SOURCE = 0x80,
	SPIKES = 0xa0,
};
enum {
	CON_MASTER = 1 << 0 | 1 << 6, /* and no slave */
	CON_FAST = 2 << 1,            /* counts by the FS registers */
	CON_RESTART = 1 << 5,
	DATA_READ = 1 << 8,
	DATA_STOP = 1 << 9,
	DATA_RESTART = 1 << 10,
	INTR_ABORT = 1 << 6,
	INTR_STOP = 1 << 9,
	STATUS_TX_ROOM = 1 << 1,
	ABORT_ADDRESS = 1 << 0,
	ABORT_DATA = 1 << 3,
	BUS_SHIFT = 12,
	TIMEOUT_TICKS = MCU_FREQ_HZ / 200,
};

/* Buses: a unit serves pins 4 apart, its SDA the even ones; bus n has SDA at GPIO 2n and SCL behind it. */
enum { BUSES = RP2040_PINS / 2 };

static inline volatile uint32_t *reg(uint32_t unit, uint32_t offset)
{
	return &CM_REG((unit ? 0x40048000 : 0x40044000) + offset);
}

uint16_t board_i2c_setup(struct board *b, uint32_t bus, uint32_t rate_hz)
{
	uint32_t unit = bus % 2, cycles;

	(void)b;
	if (bus >= BUSES)
		return 0;
	rate_hz = rate_hz < 10000 ? 10000 : rate_hz > 400000 ? 400000 : rate_hz;
	cycles = (RP2040_SYS_HZ + rate_hz - 1) / rate_hz;
	rp2040_reset_parts(unit ? RESET_I2C1 : RESET_I2C0);
	*reg(unit, ENABLE) = 0;
	*reg(unit, CON) = CON_MASTER | CON_FAST | CON_RESTART;
	*reg(unit, FS_HIGH) = cycles * 2 / 5;
	*reg(unit, FS_LOW) = cycles - cycles * 2 / 5;
	*reg(unit, SDA_HOLD) = RP2040_SYS_HZ / 1000000 * 3 / 10 + 1; /* 300 ns */
	*reg(unit, SPIKES) = cycles * 2 / 5 / 16;
	rp2040_pin_to((uint16_t)(bus * 2), FUNCTION_I2C, 1);
	rp2040_pin_to((uint16_t)(bus * 2 + 1), FUNCTION_I2C, 1);
	return (uint16_t)(1 + bus);
}

/* One byte's command to the queue, when there is room. Returns: false if the unit gave up, or nothing happens. */
static bool put(struct board *b, uint32_t unit, uint32_t command)
{
	uint32_t start = board_clock(b);

	while (!(*reg(unit, STATUS) & STATUS_TX_ROOM))
		if (*reg(unit, RAW_INTR) & INTR_ABORT || board_clock(b) - start > TIMEOUT_TICKS)
			return false;
	*reg(unit, DATA) = command;
	return !(*reg(unit, RAW_INTR) & INTR_ABORT);
}

static bool get(struct board *b, uint32_t unit, uint8_t *byte)
{
	uint32_t start = board_clock(b);

	while (!*reg(unit, RX_LEVEL))
		if (*reg(unit, RAW_INTR) & INTR_ABORT || board_clock(b) - start > TIMEOUT_TICKS)
			return false;
	*byte = (uint8_t)*reg(unit, DATA);
	return true;
}

/* The whole of it is over. */
static bool stopped(struct board *b, uint32_t unit)
{
	uint32_t start = board_clock(b);

	while (!(*reg(unit, RAW_INTR) & INTR_STOP))
		if (board_clock(b) - start > TIMEOUT_TICKS)
			return false;
	return !(*reg(unit, RAW_INTR) & INTR_ABORT);
}

/* Returns: true if all went well. */
static bool talk(struct board *b, uint32_t unit, const uint8_t *write, uint8_t write_len,
		 uint8_t *read, uint8_t read_len)
{
	for (uint8_t i = 0; i < write_len; i++)
		if (!put(b, unit, write[i] | (i + 1 == write_len && !read_len ? DATA_STOP : 0u)))
			return false;
	for (uint8_t i = 0; i < read_len; i++)
		if (!put(b, unit,
			 DATA_READ | (i == 0 && write_len ? DATA_RESTART : 0u) |
				 (i + 1 == read_len ? DATA_STOP : 0u)) ||
		    !get(b, unit, &read[i]))
			return false;
	return stopped(b, unit);
}

/* Why the unit gave up, if it has. A chip that answers to a write, but to no read, is told as one that answers to none. */
static enum board_i2c_status status_of(uint32_t unit, bool reading)
{
	uint32_t why = *reg(unit, RAW_INTR) & INTR_ABORT ? *reg(unit, ABORT_SOURCE) : 0;

	if (why & ABORT_ADDRESS)
		return reading ? BOARD_I2C_START_READ_NACK : BOARD_I2C_START_NACK;
	return why & ABORT_DATA ? BOARD_I2C_NACK : BOARD_I2C_TIMEOUT;
}

enum board_i2c_status board_i2c_transfer(struct board *b, uint16_t bus, uint8_t address,
					 const uint8_t *write, uint8_t write_len, uint8_t *read,
					 uint8_t read_len)
{
	uint32_t unit = (bus - 1u) % 2;
	uint8_t nothing;

	if (!write_len &&
	    !read_len) { /* the unit has no transfer without a byte: is there somebody? */
		read = &nothing;
		read_len = 1;
	}
	*reg(unit, ENABLE) = 0;
	*reg(unit, TAR) = address;
	*reg(unit, ENABLE) = 1;
	(void)*reg(unit, CLR_ABORT);
	(void)*reg(unit, CLR_STOP);
	if (talk(b, unit, write, write_len, read, read_len))
		return BOARD_I2C_SUCCESS;
	return status_of(unit, !write_len && read != &nothing);
}
