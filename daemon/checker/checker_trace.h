/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checker_trace.h - turns an MCU's pin-edge trace into executed steps.
 *
 * Input: text lines "clock pin level" (pin: a name or a number, level 0 or 1, or more for pins that
 * are not asked for); '#' starts a comment line. A step pin gives a step at its active edge, in the
 * direction of the dir pin's level at that moment (0 until it has had an edge).
 * Owner: the caller places struct checker_trace. Threads: any one. Units: _clock.
 */
#ifndef CHECKER_TRACE_H
#define CHECKER_TRACE_H

#include <stdint.h>
#include <stdio.h>

#define CHECKER_TRACE_NAME_MAX 32
#define CHECKER_TRACE_SLOTS 256 /* hash table of pins; at most half full */

struct checker_trace_step {
	uint32_t stepper;
	int dir; /* level of the dir pin: 0 or 1 */
	uint64_t clock;
};

struct checker_trace_pin {
	char name[CHECKER_TRACE_NAME_MAX]; /* empty: slot unused */
	uint8_t level;
	int8_t step_invert; /* as config_stepper: 0 rising, 1 falling, -1 both */
	int16_t stepper;    /* -1: not a step pin */
	uint16_t dir_slot;
};

struct checker_trace {
	FILE *f;
	const char *name;
	uint64_t line;
	uint32_t pins;
	struct checker_trace_pin pin[CHECKER_TRACE_SLOTS];
};

/* name (for messages) outlives t. */
void checker_trace_open(struct checker_trace *t, FILE *f, const char *name);
/* -EINVAL: a pin's name is empty, too long or has blanks, both are one pin, or there are too many. */
int checker_trace_stepper(struct checker_trace *t, uint32_t stepper, const char *step_pin,
			  const char *dir_pin, int step_invert);
/* 1: *out is the next step; 0: end of the trace; -EPROTO: a bad line, named in err. */
int checker_trace_next(struct checker_trace *t, struct checker_trace_step *out, char *err,
		       size_t err_len);

#endif
