/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_bus.h - buses of the printer and the chips at them: SPI, I2C, one-wire serial of stepper drivers, one-wire.
 *
 * A bus is one of the MCU's own, by its number, or a few pins. On pins it is followed edge by edge, the serial and the one-wire
 * one in time; a chip sees bytes either way. Chips are models behind struct printer_chip_ops; chip_tmc.h has some.
 * Owner:   struct printer; the caller owns the models. Threads: the sims'. Units: _s of the MCU, as printer.now_s.
 */
#ifndef SIM_PRINTER_BUS_H
#define SIM_PRINTER_BUS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PRINTER_BUSES_MAX = 16,
	PRINTER_CHIPS_MAX = 32,
	PRINTER_CHIP_NAME = 64,
	PRINTER_SELECTS = 3,
	PRINTER_DATAGRAM = 8,
	PRINTER_EDGES = 96,
	PRINTER_NO_PIN = 0xffff,
};

/* PRINTER_LINES: no bus, a chip that has pins of its own (printer_chip_pin()). */
enum printer_bus_kind { PRINTER_SPI, PRINTER_I2C, PRINTER_UART, PRINTER_ONEWIRE, PRINTER_LINES };

struct printer_chip;

/* What a model does; those of other buses may be NULL. */
struct printer_chip_ops {
	/* SPI: selected or no longer; the byte that it sends next, decided before it has the one that comes with it. */
	void (*select)(struct printer_chip *c, bool on);
	uint8_t (*next)(struct printer_chip *c);
	void (*put)(struct printer_chip *c, uint8_t byte);
	/* I2C: its address came; returns whether it answers. Then bytes to it (returns whether it takes more) or from
	 * it. */
	bool (*start)(struct printer_chip *c, bool read);
	bool (*write)(struct printer_chip *c, uint8_t byte);
	uint8_t (*read)(struct printer_chip *c);
	/* One-wire: the same, a reset for the address; write() returns whether bytes come from the chip now. Whether it
	 * holds the line down for good; may be NULL. */
	bool (*holds)(struct printer_chip *c);
	/* Serial: a datagram of 4 or 8 bytes. Returns: the length of the answer. */
	unsigned (*datagram)(struct printer_chip *c, const uint8_t *bytes, unsigned len,
			     uint8_t answer[PRINTER_DATAGRAM]);
	/* A pin that it listens to, beside those of its bus. */
	void (*edge)(struct printer_chip *c, uint16_t pin, bool level);
	/* The level of a pin that it drives, -1: it doesn't. */
	int (*level)(struct printer_chip *c, uint16_t pin);
	/* Break it or mend it; do_it false: only say whether there is such an action. */
	bool (*action)(struct printer_chip *c, const char *action, bool do_it);
	const char *actions; /* in words */
};

struct printer_chip {
	char name[PRINTER_CHIP_NAME];
	const struct printer_chip_ops *ops;
	void *model;
	uint8_t bus;     /* index in printer.buses */
	uint16_t cs_pin; /* SPI; PRINTER_NO_PIN: always selected */
	bool cs_active_high;
	bool falling;                         /* SPI: takes bits at the falling edge */
	uint8_t address;                      /* I2C */
	uint16_t select_pin[PRINTER_SELECTS]; /* serial: it is connected while these are so */
	bool select_level[PRINTER_SELECTS];
	uint8_t selects;
	/* state */
	bool selected, select_is[PRINTER_SELECTS];
};

struct printer_bus {
	enum printer_bus_kind kind;
	uint8_t mcu;
	int number; /* of the MCU's bus; -1: on pins */
	uint16_t pin[3]; /* SPI: clock, out, in; I2C: clock, data; serial: to the chips, from them; one-wire: one */
	/* state */
	bool clock, data;
	uint8_t bits, in, out, out_bit;                            /* of a byte */
	enum { BUS_IDLE, BUS_ADDRESS, BUS_WRITE, BUS_READ } phase; /* I2C */
	bool pulled, acking;
	struct printer_chip *chip; /* that is spoken to */
	double edge_s[PRINTER_EDGES];
	bool level[PRINTER_EDGES]; /* from then on */
	unsigned edges;
	double bit_s;
	uint8_t answer[PRINTER_DATAGRAM];
	unsigned answer_len;
	double answer_s; /* of its first bit */
	/* one-wire: */
	double fall_s, present_s; /* of the slot; of the end of a reset that was answered, 0: none */
	bool reading;             /* chip talks */
};

struct printer;

/* What breaks a chip that is read: words, and the flags that they set. False: it is none of them. */
#define PRINTER_CHIP_BREAKS "chip silent, chip garbled or chip ok"
bool printer_chip_break(const char *action, bool do_it, bool *silent, bool *garbled);

/* Add a bus or find the same one. Returns its index, -ENOSPC, -EINVAL or -EBUSY (a pin has another role). */
int printer_add_bus(struct printer *p, const struct printer_bus *b);
/* Add a chip to a bus that is there; the same errors. */
int printer_add_chip(struct printer *p, const struct printer_chip *c);
/* The chip drives that pin of its MCU, or listens to it, by its own account. Returns 0, -EINVAL or -EBUSY. */
int printer_chip_pin(struct printer *p, unsigned chip, uint16_t pin);
/* Index of the chip of that name, -1: none. */
int printer_chip_find(const struct printer *p, const char *name);

/* For printer.c: an edge, the level of an input (-1: nobody drives it), of pins that a bus or chip is at. */
void printer_bus_edge(struct printer *p, unsigned bus, uint16_t pin, bool level);
int printer_bus_read(struct printer *p, unsigned bus, uint16_t pin);
void printer_chip_edge(struct printer *p, uint8_t mcu, uint16_t pin, bool level);
/* The chip at an address, or NULL. */
struct printer_chip *printer_i2c_chip(struct printer *p, const struct printer_bus *b,
				      uint8_t address);
/* The same on the MCU's own bus of that number. */
struct printer_chip *printer_own_i2c_chip(struct printer *p, uint8_t mcu, unsigned number,
					  uint8_t address);
/* Whether a pin that becomes an input lets go of a line of a bus. */
bool printer_bus_pin(const struct printer *p, uint8_t mcu, uint16_t pin);

/* For the board: the MCU's own buses. The status is that of board.h. */
void printer_spi(struct printer *p, uint8_t mcu, unsigned number, uint8_t *data, unsigned len);
int printer_i2c(struct printer *p, uint8_t mcu, unsigned number, uint8_t address,
		const uint8_t *write, unsigned write_len, uint8_t *read, unsigned read_len);
#endif
