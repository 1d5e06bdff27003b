/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checker_trace.h - turns an MCU's pin-edge trace into executed steps.
 *
 * Input: text lines "clock pin level"; '#' starts a comment line. Step pins give a step at their
 * active edge, in the direction of the dir pin's level at that moment (0 until it has had an edge).
 * Owner: the caller places struct checker_trace. Threads: any one. Units: _clock.
 */
#ifndef CHECKER_TRACE_H
#define CHECKER_TRACE_H

#include <stdint.h>
#include <stdio.h>

#define CHECKER_TRACE_PINS 4096

struct checker_trace_step {
	uint32_t stepper;
	int dir; /* level of the dir pin: 0 or 1 */
	uint64_t clock;
};

struct checker_trace {
	FILE *f;
	const char *name;
	uint64_t line;
	struct {
		uint8_t level;
		int8_t step_invert;  /* as config_stepper: 0 rising, 1 falling, -1 both */
		int16_t stepper;     /* -1: not a step pin */
		uint16_t dir_pin;
	} pin[CHECKER_TRACE_PINS];
};

/* name (for messages) outlives t. */
void checker_trace_open(struct checker_trace *t, FILE *f, const char *name);
/* -EINVAL for a pin number out of range. */
int checker_trace_stepper(struct checker_trace *t, uint32_t stepper, uint32_t step_pin,
			  uint32_t dir_pin, int step_invert);
/* 1: *out is the next step; 0: end of the trace; -EPROTO: a bad line, named in err. */
int checker_trace_next(struct checker_trace *t, struct checker_trace_step *out, char *err,
		       size_t err_len);

#endif
