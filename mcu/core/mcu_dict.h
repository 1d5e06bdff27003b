/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_dict.h - the data dictionary of this firmware as JSON text.
 *
 * Made from messages.def and the list of handlers, so that it can't disagree with the code; ids are
 * the values of enum msg_id. Boards compress it (at start, or at build time) and hand it to mcu_init().
 * Threads: any; no state.
 */
#ifndef MCU_DICT_H
#define MCU_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A label of the "pin" enumeration: count 1 is one pin, more are a range whose name ends in the
 * number of the first (PA0 and 16: PA0..PA15). Names must need no escaping in JSON. */
struct mcu_dict_pins {
	const char *name;
	uint16_t first;
	uint16_t count;
};

struct mcu_dict_info {
	const char *mcu_name; /* constant MCU */
	const char *version;
	const char *build_versions;
	uint32_t freq_hz;
	uint32_t adc_max, pwm_max;
	const struct mcu_dict_pins *pins;
	size_t pin_count;
	uint32_t serial_baud; /* 0: not a serial line */
	uint32_t canbus_hz;   /* bit rate; 0: not a node of a CAN bus */
	const char *reserve;  /* "serial:PD0,PD1": pins that the link needs; or NULL */
	const struct mcu_dict_pins *spi, *i2c; /* buses, as the enumerations have them */
	size_t spi_count, i2c_count;
	/* "i2c,sw_bus": leave out messages with these words in their names, and both_edge: its constant; or NULL */
	const char *without;
	bool no_extensions; /* leave out what only stepd's own firmware has */
	bool stamps;        /* it stamps edges of inputs */
	bool digital_only;  /* leave out analog inputs, hardware PWM, buses and reset */
};

/* Write the text into buf[0..cap), with a final NUL. Returns: its length, or 0 if it does not fit. */
size_t mcu_dict_json(char *buf, size_t cap, const struct mcu_dict_info *info);
#endif
