/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_stepper_run.c - from one step to the next, and from one run to the next. In a file of its own
 * because chips build it for speed. */
#include "mcu_stepper.h"

/* v 2^-shift, shift 1 to 32: the integer part and, in *frac, what is behind the point. By bytes and then by bits: a chip of 8 bits shifts
 * by one bit at a time, which was most of what a run's start took. */
static uint32_t split(uint32_t v, uint8_t shift, bool negative, uint32_t *frac)
{
	uint8_t sign = negative ? UINT8_MAX : 0;
	uint32_t behind = 0;

	for (; shift >= 8; shift = (uint8_t)(shift - 8)) {
		behind = behind >> 8 | v << 24;
		v = v >> 8 | (uint32_t)sign << 24;
	}
	for (; shift; shift--) {
		behind = behind >> 1 | v << 31;
		v = v >> 1 | (uint32_t)(sign & 0x80) << 24;
	}
	*frac = behind;
	return v;
}

void mcu_stepper_advance(struct mcu_stepper *s, uint32_t *clock)
{
	if (s->mode == MCU_STEPPER_FRAC) {
		s->clock_frac += s->interval_frac;
		*clock += s->clock_frac < s->interval_frac;
		*clock += s->interval;
		s->interval_frac += s->add_frac;
		s->interval += s->interval_frac < s->add_frac;
	} else {
		*clock += s->interval;
	}
	s->interval += s->add;
}

bool mcu_stepper_load(struct mcu *m, struct mcu_stepper *s)
{
	struct mcu_move *move = mcu_moveq_pop(&s->queue);
	uint8_t shift;

	if (!move)
		return false;
	shift = move->step.shift;
	s->mode = move->step.add ? MCU_STEPPER_PLAIN : MCU_STEPPER_STEADY;
	s->interval = move->interval;
	s->add = (uint32_t)move->step.add;
	if (shift) {
		s->mode = MCU_STEPPER_FRAC;
		s->interval = split(s->interval, shift, false, &s->interval_frac);
		s->add = split(s->add, (uint8_t)(2 * shift), move->step.add < 0, &s->add_frac);
		s->clock_frac = UINT32_C(1) << 31; /* rounds to the nearest clock */
	}
	mcu_stepper_advance(s, &s->clock);
	s->count = move->step.count;
	if (s->dir != move->step.dir) {
		s->dir = move->step.dir;
		board_gpio_write(m->board, s->dir_pin, s->dir);
	}
	s->position += s->dir ? s->count : (uint32_t) - (int32_t)s->count;
	mcu_moves_put(&m->moves, move);
	return true;
}
