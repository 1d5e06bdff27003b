/* SPDX-License-Identifier: GPL-2.0-or-later */
/* simrun.h - run `stepd batch --json` in a process of its own and read what it found.
 *
 * The program is $STEPD_BUILD/stepd, as tests/run gives it. Everything goes to a folder of the test's
 * own below $STEPD_BUILD, which simrun_cleanup() removes.
 * Owner:   the caller places struct simrun; what it points to lasts until the next run or
 *          simrun_cleanup(), so that a test which fails leaves nothing behind.
 * Threads: one. Errors: what the test itself needs and doesn't get ends it with a message.
 */
#ifndef TESTS_SIMLIB_SIMRUN_H
#define TESTS_SIMLIB_SIMRUN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { SIMRUN_ARGS_MAX = 64, SIMRUN_ARG_LEN = 256, SIMRUN_PATH_MAX = 512 };

/* A command line that grows. */
struct simrun_args {
	char arg[SIMRUN_ARGS_MAX][SIMRUN_ARG_LEN];
	size_t count;
};

struct simrun {
	int status;               /* exit status; 128 + signal */
	struct json_object *json; /* NULL if there was none */
	char *out, *err;          /* standard output and error, zero-terminated */
	double wall_s;
};

/* Add one argument, as by printf. */
void simrun_add(struct simrun_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Add "-o" and an override, as by printf. */
void simrun_override(struct simrun_args *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Run `stepd batch --json --quiet ARGS…`. The process is ended after cpu_s seconds of its own time. */
void simrun(struct simrun *r, const struct simrun_args *a, unsigned cpu_s);

/* A number of the JSON, path like "step_error_us.max". NaN if there is none. */
double simrun_number(const struct simrun *r, const char *path);
/* The value itself, or NULL. */
struct json_object *simrun_value(const struct simrun *r, const char *path);

/* Whether the print is exact: exit status 0, no violation, no position error, every step within
 * tolerance_us, nothing late, no underrun, no line refused. Otherwise says on standard output what is
 * not and shows the program's own words. */
bool simrun_exact(const struct simrun *r, const char *what, double tolerance_us);

/* Path of a file in the test's folder. The text stays valid; at most 16 names. */
const char *simrun_path(const char *name);
/* Create a file there; the test ends if that fails. */
FILE *simrun_create(const char *path);
/* Copy the first lines of a (gzipped) text to path. Returns how many there were, -1: no such file. */
long simrun_head(const char *from, const char *path, long lines_max);
/* Whole file, zero-terminated, to be freed; *len may be NULL. NULL if it can't be read. */
char *simrun_read(const char *path, size_t *len);
/* Whether the file can be read and has this text. */
bool simrun_holds(const char *path, const char *text);
/* Drop the last run's results and the folder. */
void simrun_cleanup(void);
/* The same as cmocka's teardown of a test or of all. Returns 0. */
int simrun_teardown(void **state);

/* $STEPD_SEED, or def; says on standard output which. */
unsigned long simrun_seed(unsigned long def);
/* $STEPD_TEST_SIZE, at least 1. */
unsigned simrun_size(void);
/* Whether this test was built with a sanitizer: a subset is enough then. */
bool simrun_sanitized(void);

#endif
