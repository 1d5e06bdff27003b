/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printer_file_private.h - what the parts of the reader of printer files share: printer_file*.c alone. */
#ifndef SIM_PRINTER_FILE_PRIVATE_H
#define SIM_PRINTER_FILE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "printer_bus.h"

struct printer;
struct printer_body;
struct printer_models;
struct sim;

struct printer_file {
	struct printer *printer;
	struct printer_models *models;
	struct sim *const *sims;
	unsigned int sim_count;
	const char *path;
	unsigned int line;
	char *err;
	size_t err_size;
	char *rest;                /* of the line, where words are taken from */
	struct printer_body *body; /* the last warm part; NULL: none, or of an absent MCU */
	int readings;              /* that it has */
};

/* A key of a line: either a word or a number. */
struct printer_file_key {
	const char *key;
	const char **word;
	double *number;
	double max;
	bool negative; /* it may be */
};

/* -EINVAL, after the message "file:line: …" has gone to f->err. */
int printer_file_complain(struct printer_file *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The rest of the line, all key=value. 0 or -EINVAL, likewise. */
int printer_file_keys(struct printer_file *f, const struct printer_file_key *keys, size_t count);
/* The same, of a line that says with *mcu whose part it is. 1: go on; 0: nobody's that is there; -EINVAL. */
int printer_file_line(struct printer_file *f, const struct printer_file_key *keys, size_t count,
		      const double *mcu);
int printer_file_number(struct printer_file *f, double *to, const char *key, const char *text,
			double max);
bool printer_file_absent(const struct printer_file *f, double mcu);
/* Number of a pin of an MCU that is there; NULL is an error, too. */
int printer_file_pin(struct printer_file *f, double mcu, const char *key, const char *name);
/* What printer_add_…() returned, as 0 or a message. */
int printer_file_result(struct printer_file *f, int result);

/* How a chip is connected. */
struct printer_file_link {
	const char *name, *tx, *rx, *select, *cs, *spi, *sclk, *mosi, *miso, *scl, *sda, *i2c;
	double mcu, cs_high, mode, address;
	enum printer_bus_kind kind;
};
enum { PRINTER_FILE_LINK_KEYS = 16 };

/* printer_file_parts.c: the rest of a line of that kind. */
int printer_file_input(struct printer_file *f);
int printer_file_fan(struct printer_file *f);
int printer_file_light(struct printer_file *f);
/* printer_file_probes.c: likewise. */
int printer_file_eddy(struct printer_file *f);
int printer_file_load_cell(struct printer_file *f);

/* printer_file_chips.c: kinds of lines that are there, and what is only known at the end. */
bool printer_file_has(const char *kind);
int printer_file_chip(struct printer_file *f, const char *kind);
int printer_file_end(struct printer_file *f);
/* As printer_file_line(), of a line whose first PRINTER_FILE_LINK_KEYS of keys are left to the link. */
int printer_file_link(struct printer_file *f, struct printer_file_link *l,
		      struct printer_file_key *keys, size_t count);
/* Add a chip where the link says, the next of the printer's. 0 or -EINVAL. */
int printer_file_add_chip(struct printer_file *f, const struct printer_file_link *l,
			  const struct printer_chip_ops *ops, void *model);
/* Index of the warm part of that name, or -EINVAL. */
int printer_file_body(struct printer_file *f, const char *name);
/* The driver of that name, NULL: none. */
struct chip_tmc *printer_file_driver(const struct printer_file *f, const char *name);

#endif
