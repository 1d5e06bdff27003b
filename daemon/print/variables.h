/* SPDX-License-Identifier: GPL-2.0-or-later */
/* variables.h - SAVE_VARIABLE: values in a file that outlive the process ([save_variables]).
 *
 * The file is written whole to another name beside it and put in its place when it is on the disk: whatever
 * happens meanwhile, it is the old one or the new one. The disk's work is a job (job.h).
 * Owner: struct print. Threads: PLAN.
 */
#ifndef DAEMON_PRINT_VARIABLES_H
#define DAEMON_PRINT_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>

struct print;
struct job;
struct variables_write;

enum { VARIABLES_MAX = 4096, VARIABLES_BYTES_MAX = 1 << 20 };

struct variable {
	char *name;  /* lower case */
	char *value; /* a literal (literal.h) */
};

struct variables {
	char *path;                /* NULL: there is none */
	struct variable *variable; /* sorted by name */
	size_t count;
	struct job *job;
	struct variables_write *write; /* of the job */
};

/* Read the file; there may be none yet. False with a text. */
bool variables_load(struct variables *v, char *err, size_t err_size);
void variables_free(struct variables *v);
void variables_poll(struct print *p);
/* The value of that name, NULL: none. */
const char *variables_find(const struct variables *v, const char *name);

/* Put len bytes of text into the file at path, so that it always is the old one or the new one. Returns 0 or a
 * negative errno: it is the old one. */
int variables_replace(const char *path, const char *text, size_t len);

#endif
