/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_sched.h - timers of one firmware instance, a list sorted by 32-bit clock.
 *
 * Owner:   struct mcu holds the list, the user of a timer places it and keeps it while it is queued.
 * Threads: the firmware's; on a chip, the timer interrupt and locked code (board_lock()).
 * Units:   clocks are ticks modulo 2^32; only clocks less than 2^31 apart can be compared.
 */
#ifndef MCU_SCHED_H
#define MCU_SCHED_H

#include <stdbool.h>
#include <stdint.h>

struct mcu;
struct mcu_timer;

/* Runs at timer->clock. Returns: true if it has set timer->clock to the next time to run. It may
 * add and delete other timers, but only delete this one by returning false. */
typedef bool mcu_timer_fn(struct mcu *m, struct mcu_timer *timer);

struct mcu_timer {
	struct mcu_timer *next;
	mcu_timer_fn *fn;
	uint32_t clock;
};

struct mcu_sched {
	struct mcu_timer *head;
	uint32_t clock; /* that of the timer being run; boards in virtual time take it as the time */
};

/* The one comparison of 32-bit clocks: ticks from b to a, negative if a is earlier. */
static inline int32_t mcu_clock_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* Put a timer into a sorted list, after those of the same clock. */
static inline void mcu_sched_insert(struct mcu_timer **at, struct mcu_timer *timer)
{
	while (*at && mcu_clock_diff((*at)->clock, timer->clock) <= 0)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
}

/* Queue a timer, after those of the same clock. A clock in the past is a shutdown, "Timer too
 * close". Asserts nothing: must not be queued already. Cost: O(timers before it). */
void mcu_sched_add(struct mcu *m, struct mcu_timer *timer);

/* The same of a timer that may be queued, with a new clock. */
void mcu_sched_move(struct mcu *m, struct mcu_timer *timer, uint32_t clock);

/* Take a timer out; one that is not queued is fine. */
void mcu_sched_del(struct mcu *m, struct mcu_timer *timer);

/* Run timers that are due at or before until, in order. Ends early when one of the bits in stop is
 * set in m->attention, or at a stepper that is for a pass of mcu_step_fast.h. A timer that comes back with a past clock is a shutdown. */
void mcu_sched_run(struct mcu *m, uint32_t until, uint8_t stop);
#endif
