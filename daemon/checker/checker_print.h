/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checker_print.h - a checker's result for people and for programs. Threads: any. */
#ifndef CHECKER_PRINT_H
#define CHECKER_PRINT_H

#include <stdio.h>

#include "daemon/checker/checker.h"

/* A table per stepper, the total, and the listed violations. */
void checker_print(FILE *f, const struct checker_config *cfg, const struct checker_result *r);

/* The members of a JSON object (no braces, no comma after the last):
 * "steps": {name: n, …}, "step_error_us": {"rms", "p99", "p999", "max"}, "position_error_steps",
 * "violations", "violations_by_kind", "violation_list". */
void checker_print_json(FILE *f, const struct checker_config *cfg, const struct checker_result *r);

/* A JSON string with its quotes. */
void checker_print_json_string(FILE *f, const char *s);

#endif
