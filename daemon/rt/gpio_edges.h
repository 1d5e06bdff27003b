/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gpio_edges.h - rising edges of a GPIO line, stamped by the kernel in its interrupt, through the character device.
 *
 * Threads: any; what the descriptor gives may be read by another one. Units: ns, CLOCK_MONOTONIC.
 */
#ifndef DAEMON_RT_GPIO_EDGES_H
#define DAEMON_RT_GPIO_EDGES_H

#include <stddef.h>
#include <stdint.h>

enum { GPIO_EDGES_LABEL_MAX = 32 };

/* Take the line as an input. chip: name (gpiochip0) or label. Returns a non-blocking descriptor that becomes readable
 * with each rising edge, or -1 with a text in err. */
int gpio_edges_open(const char *chip, unsigned line, char *err, size_t err_size);

/* Times of the edges in what was read from it, at most max; whole events only. Returns how many. */
size_t gpio_edges_decode(const uint8_t *data, size_t len, int64_t *at_ns, size_t max);

/* The label of a chip that is named by name or label. Returns 0 or a negative errno. */
int gpio_edges_label(const char *chip, char label[GPIO_EDGES_LABEL_MAX]);

#endif
