/* SPDX-License-Identifier: GPL-2.0-or-later */
/* converse.h - the conversation that is the same with each firmware: targets, their pins, the configuration.
 *
 * A cmocka test of it takes a target's number as its initial state (CONVERSE_CASE). Targets whose simulator or image is missing skip.
 */
#ifndef TESTS_CONVERSE_H
#define TESTS_CONVERSE_H

#include "talk.h"

/* The simulated board, an atmega644p, an atmega1284p and an atmega2560 in simavr, an STM32F405 in QEMU, an RP2040 in rp2040js, the same over USB. */
enum {
	CONVERSE_SIM,
	CONVERSE_AVR,
	CONVERSE_AVR_1284P,
	CONVERSE_AVR_2560,
	CONVERSE_ARM,
	CONVERSE_RP2040,
	CONVERSE_RP2040_USB,
	CONVERSE_TARGETS
};

/* oids */
enum { X, Y, Z, TRSYNC, ENDSTOP, HEATER, FAN, SENSOR, BOTH, OIDS };
enum { CRC = 0x12345678 };

struct converse_pins {
	uint8_t x_step, x_dir, y_step, y_dir, z_step, z_dir, both_step, both_dir, stop, heater, fan,
		sensor;
	uint8_t spi_bus;        /* one whose pins are none of these, nor the link's */
	uint8_t pulse_ticks;    /* at least 100 ns, and short enough for the fast path */
	uint8_t too_fast_ticks; /* no steps can be so close */
	const char *x_step_name;
};

/* Pins of the target that is open. */
extern const struct converse_pins *pins;

/* Start the target; the test's state tells which. With what configure() says, or without. */
struct talk *open_talk(void **state);
struct talk *open_configured(void **state);
void configure(struct talk *k);
void close_talk(struct talk *k);

/* Ticks that are as long as so many at 16 MHz. */
int64_t ticks16(const struct talk *k, int64_t ticks);

/* Edges of a pin to this level (2: any), into clocks[]. Returns: how many; over cap fails. */
int edges_of(const struct talk *k, uint16_t pin, int level, uint64_t *clocks, int cap);

/* The position the firmware tells; what came before is forgotten. */
int32_t position(struct talk *k, uint8_t oid);

extern const int converse_targets[CONVERSE_TARGETS];
#define CONVERSE_USB_CASE(f) \
	{ \
#f " rp2040-usb", f, NULL, NULL, (void *)&converse_targets[CONVERSE_RP2040_USB] \
	}
#define CONVERSE_AVR_CASE(f) \
	{ #f " avr", f, NULL, NULL, (void *)&converse_targets[CONVERSE_AVR] }, \
		{ #f " 1284p", f, NULL, NULL, (void *)&converse_targets[CONVERSE_AVR_1284P] }, \
	{ \
#f " 2560", f, NULL, NULL, (void *)&converse_targets[CONVERSE_AVR_2560] \
	}
#define CONVERSE_CASE(f) \
	CONVERSE_AVR_CASE(f), \
		{ #f " sim", f, NULL, NULL, (void *)&converse_targets[CONVERSE_SIM] }, \
		{ #f " rp2040", f, NULL, NULL, (void *)&converse_targets[CONVERSE_RP2040] }, \
	{ \
#f " arm", f, NULL, NULL, (void *)&converse_targets[CONVERSE_ARM] \
	}
#endif
