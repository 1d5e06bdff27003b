/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_output.h - what digital and PWM outputs have in common: values at given clocks, and the guard of those that must not stay as they
 * are when the host falls silent.
 *
 * A value that is not the default lasts for max_duration_ticks at most, unless another one is queued by then. If none is, the MCU shuts
 * down; an output with fail_safe (config_fail_safe, stepd's extension) goes to its default, alone, and the host is told.
 * Owner: the object of mcu_gpio_out.c or mcu_pwm.c, whose first member this is. Threads: the firmware's. Units: clocks of the MCU.
 */
#ifndef MCU_OUTPUT_H
#define MCU_OUTPUT_H

#include "mcu.h"

struct mcu_output {
	struct mcu_timer timer;
	struct mcu_moveq queue;
	uint32_t max_duration_ticks; /* 0: no guard */
	uint32_t end_clock;          /* of the guard, or of the running entry */
	uint16_t pin;
	bool guarded;   /* end_clock is the guard's */
	bool timed;     /* end_clock means something: the timer has to run then */
	bool fail_safe; /* the guard's end is no shutdown */
	bool expired;   /* it has ended, and the host is to be told */
};

/* A value is applied at clock, from its start or from the queue; risky: it is not the default. Finds out until when it may last.
 * Returns: false if the next entry comes behind that. */
bool mcu_output_apply(struct mcu_output *o, uint32_t clock, bool risky);

/* Queue a value. too_long: why the MCU shuts down if it comes too late for the guard. Returns: end_clock is another one now, since the
 * entry is the first; the timer's is not yet. */
bool mcu_output_queue(struct mcu *m, struct mcu_output *o, uint32_t clock, uint32_t value,
		      enum mcu_reason too_long);

/* The guard has ended. Returns: true if the output is to go to its default, which the host is told; else the MCU shuts down, missed says
 * why. */
bool mcu_output_expire(struct mcu *m, struct mcu_output *o, enum mcu_reason missed);

/* end_clock is here. Returns: there is a value to be applied, *value: the next of the queue, or safe, if the guard has ended. Inline: the
 * edge waits for it. */
static inline bool mcu_output_next(struct mcu *m, struct mcu_output *o, uint32_t safe,
				   uint32_t *value, enum mcu_reason missed)
{
	struct mcu_move *move;

	*value = safe;
	if (o->guarded)
		return mcu_output_expire(m, o, missed);
	move = mcu_moveq_pop(&o->queue);
	*value = move->value;
	mcu_moves_put(&m->moves, move);
	return true;
}

/* No timer, queue or guard any more. */
void mcu_output_stop(struct mcu *m, struct mcu_output *o);

#endif
