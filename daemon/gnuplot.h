/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gnuplot.h - what all scripts for gnuplot have in common, and running one.
 *
 * Threads: one. Errors: 0 or a negative errno.
 */
#ifndef DAEMON_GNUPLOT_H
#define DAEMON_GNUPLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* s and suffix as one string in gnuplot's single quotes; control characters are dropped. */
void gnuplot_quoted(FILE *f, const char *s, const char *suffix);

/* Where the picture goes: SVG or PNG, in pixels. */
void gnuplot_output(FILE *f, bool svg, int width, int height, const char *path, const char *suffix);

/* Run it on that script. -ENOENT: there is no gnuplot, -EIO: it failed; with one sentence in msg. */
int gnuplot_run(const char *script, char *msg, size_t msg_len);

#endif
