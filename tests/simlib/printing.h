/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printing.h - a machine with a folder of files to print, for tests.
 */
#ifndef TESTS_SIMLIB_PRINTING_H
#define TESTS_SIMLIB_PRINTING_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/print/print.h"
#include "tests/simlib/scene.h"

#define PRINTING_BASE "etc/sim-cartesian.cfg"

/* The folder, made if it isn't there; and a file in it. */
const char *printing_folder(void);
void printing_file(const char *name, const char *content);

/* The base machine with these sections behind it, and the card; axes at 0. */
struct scene *printing_open(const char *sections);
struct print *printing_of(struct scene *s);
/* A line that acts at once, and well. */
void printing_now(struct scene *s, const char *line);

/* Some hundred short moves around a polygon, and extrusion. Returns the length of text. */
size_t printing_make(char *text, size_t cap, unsigned corners);
/* Run until the print is so far, or ends. */
void printing_until_byte(struct scene *s, uint64_t byte);
/* Every step exact, the axes where they were told to be; then closed. */
void printing_ends_exact(struct scene *s);

/* For cmocka_run_group_tests(): removes all files. */
int printing_teardown(void **state);

#endif
