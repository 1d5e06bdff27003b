/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_chip_i2c.c - the I2C driver of the STM32 on a model of the unit's registers.
 *
 * Shown: writes and reads of all lengths are whole, the last byte that is read is refused and no more are asked of the chip; who does not
 * answer, or refuses a byte, is told as that; a line that is stuck is a timeout, and the next transfer works. How: the driver's source is
 * built here; the model has the unit's two stages, and takes its next step at any look at its status (RM0090 chapter 27). No chip was at hand:
 * what the model leaves out (timing, other masters) is not shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MCU_FREQ_HZ 84000000
#include "tests/chipfake/stm32.h"

#include "mcu/boards/stm32/stm32_i2c.c"

enum { BASE = 0x40005400, ADDRESS = 0x40, BYTES = 255, TAKES = 100 };

static struct {
	uint32_t cr1, sr1, ccr;
	enum { IDLE, STARTED, ADDRESSED, WRITING, READING, REFUSED } phase;
	bool reading, stuck, busy;
	uint8_t dr, shift;
	bool dr_full, shift_full;
	unsigned received; /* since the address */
	/* the chip at the bus */
	uint8_t written[BYTES];
	unsigned written_count, given, stops;
	uint8_t next;
} i2c;

static uint32_t ticks;

uint32_t board_clock(struct board *b)
{
	(void)b;
	return ticks += 1000;
}

/* ---- the unit ---- */

static void stop_now(void)
{
	i2c.cr1 &= ~(uint32_t)CR1_STOP;
	i2c.phase = IDLE;
	i2c.busy = false;
	i2c.stops++;
}

/* The next byte from the chip: into the data register, or behind it. */
static void receive(void)
{
	bool ack = i2c.cr1 & CR1_POS && i2c.received == 0 ? true : i2c.cr1 & CR1_ACK;

	if (i2c.shift_full)
		return; /* the clock is held */
	i2c.given++;
	i2c.received++;
	if (i2c.dr_full) {
		i2c.shift = i2c.next++;
		i2c.shift_full = true;
	} else {
		i2c.dr = i2c.next++;
		i2c.dr_full = true;
	}
	if (!ack)
		i2c.phase = REFUSED;
}

/* What happens by itself. */
static void go_on(void)
{
	if (i2c.stuck)
		return;
	if (i2c.cr1 & CR1_STOP && i2c.phase != READING) {
		stop_now();
		return;
	}
	if (i2c.cr1 & CR1_START) {
		i2c.cr1 &= ~(uint32_t)CR1_START;
		i2c.sr1 = SR1_STARTED;
		i2c.phase = STARTED;
		i2c.busy = true;
		i2c.dr_full = i2c.shift_full = false;
	} else if (i2c.phase == READING) {
		receive();
	} else if (i2c.phase == WRITING && i2c.dr_full) {
		i2c.dr_full = false;
		if (i2c.written_count == TAKES)
			i2c.sr1 |= SR1_NACK;
		else
			i2c.written[i2c.written_count++] = i2c.dr;
	}
}

static uint32_t status(void)
{
	uint32_t s;

	go_on();
	s = i2c.sr1;
	if (i2c.phase == WRITING && !i2c.dr_full)
		s |= SR1_ROOM | (i2c.written_count ? SR1_DONE : 0);
	if (i2c.phase == READING || i2c.phase == REFUSED || i2c.phase == IDLE)
		s |= (i2c.dr_full ? SR1_COME : 0) | (i2c.shift_full ? SR1_DONE : 0);
	return s;
}

uint32_t cm_read(uint32_t address)
{
	switch (address - BASE) {
	case CR1:
		return i2c.cr1;
	case SR1:
		return status();
	case SR2:
		if (i2c.sr1 & SR1_ADDRESS) {
			i2c.sr1 &= ~(uint32_t)SR1_ADDRESS;
			i2c.phase = i2c.reading ? READING : WRITING;
			i2c.received = 0;
		} else {
			go_on();
		}
		return i2c.busy ? SR2_BUSY : 0;
	case DR: {
		uint8_t byte = i2c.dr;

		assert_true(i2c.dr_full);
		i2c.dr = i2c.shift;
		i2c.dr_full = i2c.shift_full;
		i2c.shift_full = false;
		return byte;
	}
	default:
		fail();
		return 0;
	}
}

static void send_byte(uint8_t byte)
{
	if (i2c.phase == STARTED) {
		i2c.reading = byte & 1;
		i2c.sr1 = byte >> 1 == ADDRESS ? SR1_ADDRESS : SR1_NACK;
		i2c.phase = ADDRESSED;
		return;
	}
	assert_int_equal(i2c.phase, WRITING);
	assert_false(i2c.dr_full);
	i2c.dr = byte;
	i2c.dr_full = true;
}

void cm_write(uint32_t address, uint32_t value)
{
	switch (address - BASE) {
	case CR1:
		if (value & CR1_RESET) {
			unsigned stops = i2c.stops;

			memset(&i2c, 0, sizeof(i2c));
			i2c.stops = stops;
		} else {
			i2c.cr1 = value;
		}
		break;
	case DR:
		send_byte((uint8_t)value);
		break;
	case SR1:
		i2c.sr1 &= value;
		break;
	case CCR:
		i2c.ccr = value;
		break;
	case CR2:
		assert_int_equal(value, STM32_APB1_HZ / 1000000);
		break;
	default:
		assert_int_equal(address - BASE, TRISE);
	}
}

/* ---- tests ---- */

static uint16_t setup(uint32_t rate_hz)
{
	uint16_t bus;

	chipfake_pin_count = 0;
	bus = board_i2c_setup(NULL, 0, rate_hz);
	assert_int_not_equal(bus, 0);
	assert_int_equal(chipfake_pins[0].pin, 16 + 6);
	assert_int_equal(chipfake_pins[1].pin, 16 + 7);
	i2c.stops = 0;
	return bus;
}

static void test_rates(void **state)
{
	static const uint32_t rates[] = { 1, 10000, 100000, 250000, 400000, 1000000 };

	(void)state;
	assert_int_equal(board_i2c_setup(NULL, 2, 100000), 0);
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint32_t hz;

		setup(rates[i]);
		hz = STM32_APB1_HZ / ((i2c.ccr & CCR_FAST ? 3 : 2) * (i2c.ccr & 0xfff));
		/* not faster, unless it can't be as slow */
		assert_true(hz <= rates[i] || (i2c.ccr & 0xfff) == 0xfff);
		assert_true(hz <= 400000 && (hz <= 100000 || i2c.ccr & CCR_FAST));
	}
}

static void test_lengths(void **state)
{
	uint8_t out[8] = { 9, 8, 7, 6, 5, 4, 3, 2 }, in[8];
	uint16_t bus = setup(100000);
	unsigned stops = 0;

	(void)state;
	for (uint8_t w = 0; w <= 8; w++)
		for (uint8_t r = 0; r <= 8; r++) {
			i2c.written_count = i2c.given = 0;
			i2c.next = (uint8_t)(16 * w);
			assert_int_equal(board_i2c_transfer(NULL, bus, ADDRESS, out, w, in, r),
					 BOARD_I2C_SUCCESS);
			assert_int_equal(i2c.written_count, w);
			assert_memory_equal(i2c.written, out, w);
			assert_int_equal(i2c.given, r); /* none too many */
			for (uint8_t i = 0; i < r; i++)
				assert_int_equal(in[i], 16 * w + i);
			assert_int_equal(i2c.stops, ++stops);
			assert_false(i2c.busy);
		}
}

static void test_refused(void **state)
{
	uint8_t out[TAKES + 1] = { 0 }, in[4];
	uint16_t bus = setup(100000);

	(void)state;
	assert_int_equal(board_i2c_transfer(NULL, bus, 0x41, out, 1, in, 1), BOARD_I2C_START_NACK);
	assert_int_equal(board_i2c_transfer(NULL, bus, 0x41, out, 0, in, 0), BOARD_I2C_START_NACK);
	assert_int_equal(board_i2c_transfer(NULL, bus, 0x41, out, 0, in, 1),
			 BOARD_I2C_START_READ_NACK);
	assert_int_equal(board_i2c_transfer(NULL, bus, ADDRESS, out, TAKES + 1, in, 1),
			 BOARD_I2C_NACK);
	assert_int_equal(i2c.stops, 4);
	i2c.written_count = 0;
	assert_int_equal(board_i2c_transfer(NULL, bus, ADDRESS, out, 1, in, 4), BOARD_I2C_SUCCESS);
}

static void test_stuck(void **state)
{
	uint8_t out[1] = { 1 }, in[4];
	uint16_t bus = setup(400000);
	uint32_t ccr = i2c.ccr, from;

	(void)state;
	i2c.stuck = true;
	from = ticks;
	assert_int_equal(board_i2c_transfer(NULL, bus, ADDRESS, out, 1, in, 4), BOARD_I2C_TIMEOUT);
	assert_true(ticks - from < 3 * TIMEOUT_TICKS);
	assert_int_equal(i2c.ccr, ccr); /* it begins anew at the same rate */
	assert_int_equal(board_i2c_transfer(NULL, bus, ADDRESS, out, 1, in, 4), BOARD_I2C_SUCCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
