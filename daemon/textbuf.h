/* SPDX-License-Identifier: GPL-2.0-or-later */
/* textbuf.h - text put together in a buffer of the caller's, cut where that ends.
 *
 * Owner: the caller places it and the buffer. Threads: any.
 */
#ifndef DAEMON_TEXTBUF_H
#define DAEMON_TEXTBUF_H

#include <stddef.h>

struct textbuf {
	char *at; /* where the next text goes: a terminating 0 is there */
	size_t left;
};

/* Append. left 0: nothing happens. */
void textbuf_put(struct textbuf *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
