/* SPDX-License-Identifier: GPL-2.0-or-later */
/* board.h - everything the firmware core needs from a board, in one place.
 *
 * A board implements these functions, calls mcu_init(), feeds received bytes to mcu_receive(), runs
 * due timers (mcu_run(), or mcu_sched_run() from its timer interrupt) and mcu_task() from its main
 * loop. struct board is the board's own; a chip with one instance may ignore the pointer.
 * The core calls all but board_send() locked (board_lock()), or from a timer.
 * Pins are numbered as in the board's dictionary ("pin" enumeration). The core calls set-up
 * functions before anything else on a pin; a false return becomes an orderly shutdown.
 * Units: clock = ticks of CLOCK_FREQ, low 32 bits.
 */
#ifndef MCU_BOARD_H
#define MCU_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct board;
struct mcu_can;

/* The clock now. While a timer runs in virtual time, that is the timer's own clock. */
uint32_t board_clock(struct board *b);

/* Hand one frame to the host link. Returns: false if there is no room; the frame is lost then. */
bool board_send(struct board *b, const uint8_t *frame, size_t len);

/* The node of a CAN bus that the board is; NULL: it is none. Not of boards that are built without mcu_can.c. */
const struct mcu_can *board_can(struct board *b);

/* Restart the firmware. May return (a simulated board restarts a little later): the core then does
 * nothing more until mcu_init(). */
void board_reset(struct board *b);

/* Make a pin an output at this level, or an input. pull_up: 1 up, 0 none, -1 down.
 * Returns: false if the pin does not exist or can't do it. */
bool board_gpio_setup_out(struct board *b, uint16_t pin, bool level);
bool board_gpio_setup_in(struct board *b, uint16_t pin, int8_t pull_up);
void board_gpio_write(struct board *b, uint16_t pin, bool level);
bool board_gpio_read(struct board *b, uint16_t pin);

#ifdef MCU_BOARD_FAST
/* A header of the board's, for chips: in place of what follows, board_lock(), board_unlock() and
 * board_timers_changed() as here and what mcu_step_fast.h asks for, all inline. */
#include MCU_BOARD_FAST
static inline uint32_t board_clock_now(struct board *b)
{
	return board_clock(b);
}
#else
/* The clock to tell the host, never less than before: on a board whose timers run late it is ahead of theirs. */
uint32_t board_clock_now(struct board *b);

/* For boards on which edges are stamped: when the pin took the level that board_gpio_read() says; word of an edge
 * comes later than the edge, so the line itself is asked once more. */
enum board_since {
	BOARD_SINCE_UNKNOWN, /* nobody stamps it, or not since it is known */
	BOARD_SINCE_STAMPED, /* at *clock */
	BOARD_SINCE_GONE,    /* the same, but the line has another level meanwhile */
};
enum board_since board_gpio_since(struct board *b, uint16_t pin, uint32_t *clock);
/* Between these two no timer runs; not nested. A board in virtual time is never interrupted. */
static inline void board_lock(struct board *b)
{
	(void)b;
}
static inline void board_unlock(struct board *b)
{
	(void)b;
}

/* The first timer in the list is a new one. Locked, or from a timer. */
static inline void board_timers_changed(struct board *b)
{
	(void)b;
}
#endif

/* A step of a stepper: like board_gpio_write() of its step pin. For observers the stepper and the
 * direction (as in set_next_step_dir) are there too. The end of the pulse, where it has one, is a
 * plain board_gpio_write(). */
void board_step(struct board *b, uint16_t pin, bool level, uint8_t oid, bool dir);

/* Analog input. board_adc_sample() returns 0 with the reading (0..ADC_MAX) in *value, or the
 * ticks after which to ask again. */
bool board_adc_setup(struct board *b, uint16_t pin);
uint32_t board_adc_sample(struct board *b, uint16_t pin, uint16_t *value);

/* Hardware PWM; value 0..PWM_MAX. Setting up again changes the cycle time. */
bool board_pwm_setup(struct board *b, uint16_t pin, uint32_t cycle_ticks, uint16_t value);
void board_pwm_write(struct board *b, uint16_t pin, uint16_t value);

/* Buses; the functions that wait are called unlocked. Boards that are built without mcu_spi.c or mcu_i2c.c need none
 * of them. At least so many ticks pass; nothing in virtual time. Also from a timer, for some µs. */
void board_delay(struct board *b, uint32_t ticks);

/* An SPI bus by its number in the dictionary; mode 0..3; not faster than rate_hz, if the chip can be as slow.
 * Returns: what board_spi_transfer() gets, never 0; 0: there is none. */
uint16_t board_spi_setup(struct board *b, uint32_t bus, uint8_t mode, uint32_t rate_hz);
/* Bytes out, and in their place those that came in. */
void board_spi_transfer(struct board *b, uint16_t bus, uint8_t *data, uint8_t len);

/* How a transfer on I2C ended; the numbers are those of the wire. */
enum board_i2c_status {
	BOARD_I2C_SUCCESS,
	BOARD_I2C_NACK,
	BOARD_I2C_TIMEOUT,
	BOARD_I2C_START_NACK,
	BOARD_I2C_START_READ_NACK,
};
/* The same for I2C: write write_len bytes, then, if read_len is not 0, start again and read. */
uint16_t board_i2c_setup(struct board *b, uint32_t bus, uint32_t rate_hz);
enum board_i2c_status board_i2c_transfer(struct board *b, uint16_t bus, uint8_t address,
					 const uint8_t *write, uint8_t write_len, uint8_t *read,
					 uint8_t read_len);
/* Bytes to the lights on a pin, the highest bit of each first: a pulse a bit, a long one for 1, none of them more than
 * bit_max_ticks after the one before; the line rests for reset_min_ticks before them. Boards that are built without
 * mcu_neopixel.c need none. Returns: false if a bit came too late. */
bool board_neopixel_send(struct board *b, uint16_t pin, const uint8_t *data, uint16_t len,
			 uint32_t bit_max_ticks, uint32_t reset_min_ticks);
#endif
