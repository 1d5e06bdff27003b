/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostgpio_lib.h - what hostgpio.c needs of libgpiod; one file for each of its interfaces: hostgpio_lib1.c for
 * 1.6, hostgpio_lib2.c for 2.x. The Makefile says which by HOSTGPIO_LIBGPIOD, the library's first number.
 * Errors: as in hostgpio.h. */
#ifndef DAEMON_HOSTGPIO_HOSTGPIO_LIB_H
#define DAEMON_HOSTGPIO_HOSTGPIO_LIB_H

#include "daemon/hostgpio/hostgpio.h"

struct gpiod_chip;

struct hostgpio_line {
	struct gpiod_chip *chip;
	void *handle; /* of the library, for the requested line */
	void *buffer; /* for its events */
	unsigned int offset;
	char text[HOSTGPIO_TEXT_MAX];
};

/* What the kernel tells of a chip, and of a line if there is such a one. */
struct hostgpio_info {
	char chip[32], label[32];
	unsigned int lines;
	char line[32];     /* its name; "" if it has none */
	char consumer[32]; /* who has it; "" if nobody says so */
	bool used;
};

/* Open /dev/… */
int hostgpio_lib_open(struct hostgpio_line *l, const char *path);
void hostgpio_lib_close(struct hostgpio_line *l);
/* Of the chip, and of the line offset if it exists. */
int hostgpio_lib_info(struct hostgpio_line *l, unsigned int offset, struct hostgpio_info *out);
/* The offset of the line of that name, or -ENOENT. */
int hostgpio_lib_find(struct hostgpio_line *l, const char *name);
/* Request l->offset. */
int hostgpio_lib_request(struct hostgpio_line *l, const struct hostgpio_use *use);
#endif
