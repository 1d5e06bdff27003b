/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_i2c.c - I2C 1 and 2 as masters, polled, on PB6 and PB7, PB10 and PB11 (SCL, SDA); RM0090 chapter 27, RM0008 chapter 26.
 *
 * How a read ends depends on its length: the unit has a byte and the next one before anybody looks, so the last is refused while it is
 * still on its way (RM0090 27.3.3). What has to come in one go is locked; all else may be late, the unit holds the clock.
 * The unit is read and written with cm_read() and cm_write(), so that a test can be in its place (tests/unit/test_chip_i2c.c).
 */
#include "board.h"
#include "stm32.h"

enum { CR1 = 0x00, CR2 = 0x04, DR = 0x10, SR1 = 0x14, SR2 = 0x18, CCR = 0x1c, TRISE = 0x20 };
enum {
	CR1_ON = 1 << 0,
	CR1_START = 1 << 8,
	CR1_STOP = 1 << 9,
	CR1_ACK = 1 << 10,
	CR1_POS = 1 << 11, /* ACK is for the byte after the next */
	CR1_RESET = 1 << 15,
	SR1_STARTED = 1 << 0,
	SR1_ADDRESS = 1 << 1,
	SR1_DONE = 1 << 2, /* BTF: nothing is left to send, or two bytes have come */
	SR1_COME = 1 << 6,
	SR1_ROOM = 1 << 7,
	SR1_NACK = 1 << 10,
	SR1_WRONG = 1 << 8 | 1 << 9 | SR1_NACK, /* bus error, arbitration lost */
	SR2_BUSY = 1 << 1,
	CCR_FAST = 1 << 15,
	APB1_MHZ = STM32_APB1_HZ / 1000000,
	STANDARD_HZ = 100000,
	FAST_HZ = 400000,
	RATE_MAX = 0xfff,
	RATE_SHIFT = 1, /* in what board_i2c_setup() returns: bus, then CCR; its bit 15 is CCR_FAST */
	FUNCTION = 4,
	TIMEOUT_TICKS = MCU_FREQ_HZ / 200,
};

static uint32_t base_of(uint32_t bus)
{
	return bus ? 0x40005800 : 0x40005400;
}

static void change(uint32_t base, uint32_t clear, uint32_t set)
{
	cm_write(base + CR1, (cm_read(base + CR1) & ~clear) | set);
}

/* From its reset on, at this rate: a stuck unit is free again then. */
static void unit_init(uint32_t base, uint16_t ccr)
{
	cm_write(base + CR1, CR1_RESET);
	cm_write(base + CR1, 0);
	cm_write(base + CR2, APB1_MHZ);
	cm_write(base + CCR, ccr);
	cm_write(base + TRISE, ccr & CCR_FAST ? APB1_MHZ * 3 / 10 + 1 : APB1_MHZ + 1);
	cm_write(base + CR1, CR1_ON);
}

/* 100 kHz and less, 400 kHz and less with a third of the time high. */
uint16_t board_i2c_setup(struct board *b, uint32_t bus, uint32_t rate_hz)
{
	uint8_t scl = bus ? 16 + 10 : 16 + 6;
	bool fast = rate_hz > STANDARD_HZ;
	uint32_t parts = fast ? 3 : 2, ccr;

	(void)b;
	if (bus > 1)
		return 0;
	rate_hz = rate_hz > FAST_HZ ? FAST_HZ : rate_hz ? rate_hz : 1;
	ccr = (STM32_APB1_HZ / parts + rate_hz - 1) / rate_hz;
	ccr = ccr < 4 ? 4 : ccr > RATE_MAX ? RATE_MAX : ccr;
	stm32_pin_open_drain(scl, FUNCTION);
	stm32_pin_open_drain(scl + 1, FUNCTION);
	unit_init(base_of(bus), (uint16_t)(ccr | (fast ? CCR_FAST : 0)));
	return (uint16_t)(ccr << RATE_SHIFT | bus | (fast ? CCR_FAST : 0));
}

/* Wait for a bit of SR1. Returns: false if something went wrong, or nothing happens. */
static bool await(struct board *b, uint32_t base, uint32_t bit)
{
	uint32_t start = board_clock(b);

	for (;;) {
		uint32_t now = cm_read(base + SR1);

		if (now & SR1_WRONG)
			return false;
		if (now & bit)
			return true;
		if (board_clock(b) - start > TIMEOUT_TICKS)
			return false;
	}
}

/* Start, also again, and the address, whose flag goes when SR2 is read. *started: it came as far as the address. */
static bool start(struct board *b, uint32_t base, uint8_t address, uint32_t how, bool *started)
{
	change(base, CR1_POS | CR1_ACK, CR1_START | how);
	*started = await(b, base, SR1_STARTED);
	if (!*started)
		return false;
	cm_write(base + DR, address);
	return await(b, base, SR1_ADDRESS);
}

static bool write_all(struct board *b, uint32_t base, const uint8_t *bytes, uint8_t len)
{
	for (; len; len--) {
		if (!await(b, base, SR1_ROOM))
			return false;
		cm_write(base + DR, *bytes++);
	}
	return true;
}

static void get(uint32_t base, uint8_t **to)
{
	*(*to)++ = (uint8_t)cm_read(base + DR);
}

/* The address has been taken; with the last byte the stop is asked for. */
static bool read_all(struct board *b, uint32_t base, uint8_t *to, uint8_t len)
{
	board_lock(b);
	(void)cm_read(base + SR2);
	if (len == 1)
		change(base, 0, CR1_STOP);
	else if (len == 2)
		change(base, CR1_ACK, 0);
	board_unlock(b);
	for (; len > 3; len--) {
		if (!await(b, base, SR1_COME))
			return false;
		get(base, &to);
	}
	if (len == 3) {
		if (!await(b, base, SR1_DONE))
			return false;
		change(base, CR1_ACK, 0);
		board_lock(b);
		get(base, &to);
		change(base, 0, CR1_STOP);
		get(base, &to);
		board_unlock(b);
	} else if (len == 2) {
		if (!await(b, base, SR1_DONE))
			return false;
		board_lock(b);
		change(base, 0, CR1_STOP);
		get(base, &to);
		board_unlock(b);
		get(base, &to);
		return true;
	}
	if (!await(b, base, SR1_COME))
		return false;
	get(base, &to);
	return true;
}

static enum board_i2c_status talk(struct board *b, uint32_t base, uint8_t address,
				  const uint8_t *write, uint8_t write_len, uint8_t *read,
				  uint8_t read_len)
{
	bool started;

	if (write_len || !read_len) {
		if (!start(b, base, (uint8_t)(address << 1), 0, &started))
			return started && cm_read(base + SR1) & SR1_NACK ? BOARD_I2C_START_NACK
									 : BOARD_I2C_TIMEOUT;
		(void)cm_read(base + SR2);
		if (!write_all(b, base, write, write_len) ||
		    (write_len && !await(b, base, SR1_DONE)))
			return cm_read(base + SR1) & SR1_NACK ? BOARD_I2C_NACK : BOARD_I2C_TIMEOUT;
	}
	if (!read_len) {
		change(base, 0, CR1_STOP);
		return BOARD_I2C_SUCCESS;
	}
	if (!start(b, base, (uint8_t)(address << 1 | 1),
		   read_len == 1   ? 0u
		   : read_len == 2 ? CR1_ACK | CR1_POS
				   : (uint32_t)CR1_ACK,
		   &started))
		return started && cm_read(base + SR1) & SR1_NACK ? BOARD_I2C_START_READ_NACK
								 : BOARD_I2C_TIMEOUT;
	return read_all(b, base, read, read_len) ? BOARD_I2C_SUCCESS : BOARD_I2C_TIMEOUT;
}

enum board_i2c_status board_i2c_transfer(struct board *b, uint16_t bus, uint8_t address,
					 const uint8_t *write, uint8_t write_len, uint8_t *read,
					 uint8_t read_len)
{
	uint32_t base = base_of(bus & 1), begun;
	enum board_i2c_status status;

	status = talk(b, base, address, write, write_len, read, read_len);
	if (status == BOARD_I2C_TIMEOUT) {
		unit_init(base, (uint16_t)((bus >> RATE_SHIFT & RATE_MAX) | (bus & CCR_FAST)));
		return status;
	}
	if (status != BOARD_I2C_SUCCESS) {
		change(base, 0, CR1_STOP);
		cm_write(base + SR1, 0);
	}
	for (begun = board_clock(b); cm_read(base + SR2) & SR2_BUSY;)
		if (board_clock(b) - begun > TIMEOUT_TICKS)
			break;
	return status;
}
