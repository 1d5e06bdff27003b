/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostgpio.h - lines of this machine's own GPIO chips, through libgpiod 1.6 or 2.x.
 *
 * A line is named as pins are in printer configurations: `gpio17` (line 17 of gpiochip0),
 * `gpiochip1/gpio4`, LABEL/gpio4 with a chip's label, or by the name that the kernel knows for it (`GPIO17`,
 * `gpiochip1/SPI_CE1`). Levels are those of the wire, never inverted.
 * Owner:   hostgpio_open() to hostgpio_close(). Threads: one at a time for a line.
 * Errors:  0 or a negative errno; opening says in words what is wrong.
 * Units:   _ns, CLOCK_MONOTONIC, as the kernel stamps edges in its interrupt.
 */
#ifndef DAEMON_HOSTGPIO_HOSTGPIO_H
#define DAEMON_HOSTGPIO_HOSTGPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/pins.h"

enum { HOSTGPIO_TEXT_MAX = 160 };

struct hostgpio_line; /* opaque; one line, held for this process alone */

/* How a line is to be used. */
struct hostgpio_use {
	bool output;
	bool level;         /* of an output, from the start */
	enum pin_pull pull; /* of an input; none: as it is */
};

/* A change of an input's level. */
struct hostgpio_edge {
	int64_t at_ns;
	bool level; /* after it */
};

/* Take a line. Returns NULL with a text in err that names line and chip, what is wrong and, if it is in
 * use, by whom. */
struct hostgpio_line *hostgpio_open(const char *name, const struct hostgpio_use *use, char *err,
				    size_t err_size);
/* Give it back; an output keeps its level where the chip does that. NULL is fine. */
void hostgpio_close(struct hostgpio_line *l);

/* "line 17 'GPIO17' of gpiochip0". Lives as long as the line. */
const char *hostgpio_text(const struct hostgpio_line *l);

/* Drive an output. One call into the kernel; may sleep on a chip behind I2C or SPI. */
int hostgpio_set(struct hostgpio_line *l, bool level);
/* The level now, 0 or 1. */
int hostgpio_get(struct hostgpio_line *l);

/* An input's edges: readable when there are some. */
int hostgpio_fd(const struct hostgpio_line *l);
/* Those that have come, oldest first, at most max. The kernel keeps HOSTGPIO_KEPT of them at least and drops the
 * newest of more: with so many at once, ask for the level. Waits if there are none. Returns how many. */
enum { HOSTGPIO_KEPT = 16 };
int hostgpio_read(struct hostgpio_line *l, struct hostgpio_edge *edges, int max);

#endif
