/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_stepper.c - step pulses from queued (interval, count, add) runs.
 *
 * The first step of a run comes `interval` after the previous step, and the interval grows by `add`
 * after each. Both may have a fraction (queue_step_frac): they are added up with 32 bits of it, from the
 * whole clock of the step before the run on, and each step comes at the clock nearest to the sum.
 * On a chip most steppers step in batches instead (mcu_step_fast.h).
 * Steps keep to their clocks; one that would come before the driver's minimum pulse
 * and pause have passed is delayed, and the following ones catch up, unless they are over 1 ms late.
 */
#ifdef MCU_BOARD_FAST
#include "mcu_step_fast.h"
#else
#include "mcu_stepper.h"
#endif

enum {
	SHIFT_MAX = 16, /* of queue_step_frac: the add's unit is then 2^-32 ticks */
};

/* After a step, with clock_min as the earliest for the next one. Returns: false if there is none. */
static inline bool plan_next(struct mcu *m, struct mcu_stepper *s, uint32_t clock_min)
{
	int32_t lag;

	if (s->count)
		mcu_stepper_advance(s, &s->clock);
	else if (!mcu_stepper_load(m, s))
		return false;
	lag = mcu_clock_diff(clock_min, s->clock);
	if (lag <= 0) {
		s->timer.clock = s->clock;
	} else if ((uint32_t)lag <= s->lag_max_ticks) {
		s->timer.clock = clock_min;
	} else {
		mcu_shutdown(m, MCU_REASON_STEPPER_IN_PAST);
		return false;
	}
	return true;
}

static bool edge_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_stepper *s = mcu_container(timer, struct mcu_stepper, timer);

	s->level = !s->level;
	board_step(m->board, s->step_pin, s->level, s->oid, s->dir);
	s->count--;
	return plan_next(m, s, board_clock(m->board) + s->pulse_ticks);
}

static bool pulse_start(struct mcu *m, struct mcu_timer *timer);

static bool pulse_end(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_stepper *s = mcu_container(timer, struct mcu_stepper, timer);

	board_gpio_write(m->board, s->step_pin, !s->level);
	timer->fn = pulse_start;
	return plan_next(m, s, board_clock(m->board) + s->pulse_ticks);
}

static bool pulse_start(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_stepper *s = mcu_container(timer, struct mcu_stepper, timer);

	board_step(m->board, s->step_pin, s->level, s->oid, s->dir);
	s->count--;
	timer->fn = pulse_end;
	timer->clock = board_clock(m->board) + s->pulse_ticks;
	return true;
}

static int32_t position(const struct mcu_stepper *s)
{
	return (int32_t)(s->dir ? s->position - s->count : s->position + s->count);
}

/* Stop now; the counter keeps what was really stepped. */
void mcu_stepper_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_stepper *s = object;

	(void)oid;
	mcu_sched_del(m, &s->timer);
	s->position = (uint32_t)position(s);
	s->count = 0;
	s->dir = s->next_dir = false;
	s->need_reset = true;
	mcu_moveq_drop(&m->moves, &s->queue);
	board_gpio_write(m->board, s->dir_pin, false);
	if (s->both_edges)
		return;
	if (s->timer.fn == pulse_end)
		s->timer.fn = pulse_start;
	board_gpio_write(m->board, s->step_pin, !s->level);
}

static void stop_signalled(struct mcu *m, struct mcu_signal *signal)
{
	mcu_stepper_stop(m, mcu_container(signal, struct mcu_stepper, stop_signal), 0);
}

void mcu_cmd_config_stepper(struct mcu *m, const struct msg_config_stepper *msg)
{
	struct mcu_stepper *s = mcu_oid_new(m, msg->oid, MCU_OID_STEPPER, sizeof(*s));
	bool invert;

	if (!s)
		return;
	s->oid = msg->oid;
	s->step_pin = msg->step_pin;
	s->dir_pin = msg->dir_pin;
	s->pulse_ticks = msg->step_pulse_ticks;
	s->lag_max_ticks = mcu_freq_hz(m) / 1000;
	s->both_edges = (int8_t)msg->invert_step < 0;
	invert = !s->both_edges && msg->invert_step;
	s->level = !s->both_edges && !invert;
	s->timer.fn = s->both_edges ? edge_event : pulse_start;
	if (!board_gpio_setup_out(m->board, s->step_pin, invert) ||
	    !board_gpio_setup_out(m->board, s->dir_pin, false)) {
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_A_PIN);
		return;
	}
#ifdef MCU_BOARD_FAST
	if (s->pulse_ticks > BOARD_STEP_TICKS)
		return;
	s->timer.fn = MCU_STEP_FAST;
	board_line_init(&s->line, s->step_pin, invert, s->both_edges);
#endif
}

void mcu_cmd_reset_step_clock(struct mcu *m, const struct msg_reset_step_clock *msg)
{
	struct mcu_stepper *s = mcu_oid_get(m, msg->oid, MCU_OID_STEPPER);

	if (!s)
		return;
	if (s->count || s->queue.head) {
		mcu_shutdown(m, MCU_REASON_STEPPER_ACTIVE);
		return;
	}
	s->clock = msg->clock;
	s->need_reset = false;
}

void mcu_cmd_set_next_step_dir(struct mcu *m, const struct msg_set_next_step_dir *msg)
{
	struct mcu_stepper *s = mcu_oid_get(m, msg->oid, MCU_OID_STEPPER);

	if (s)
		s->next_dir = msg->dir;
}

/* Nothing runs and no pulse is active: the run starts the timer. */
static void start(struct mcu *m, struct mcu_stepper *s)
{
	(void)mcu_stepper_load(m, s);
	s->timer.clock = s->clock;
	mcu_sched_add(m, &s->timer);
}

void mcu_cmd_queue_step_frac(struct mcu *m, const struct msg_queue_step_frac *msg)
{
	struct mcu_stepper *s = mcu_oid_get(m, msg->oid, MCU_OID_STEPPER);
	struct mcu_move *move;

	if (!s)
		return;
	if (!msg->count) {
		mcu_shutdown(m, MCU_REASON_STEP_COUNT);
		return;
	}
	if (msg->shift > SHIFT_MAX) {
		mcu_shutdown(m, MCU_REASON_COMMAND_PARSER);
		return;
	}
	if (s->need_reset)
		return;
	move = mcu_moves_take(m);
	if (!move)
		return;
	move->interval = msg->interval;
	move->step.count = msg->count;
	move->step.add = msg->add;
	move->step.shift = msg->shift;
	move->step.dir = s->next_dir;
	mcu_moveq_push(&s->queue, move);
	if (!s->count && s->timer.fn != pulse_end)
		start(m, s);
}

void mcu_cmd_queue_step(struct mcu *m, const struct msg_queue_step *msg)
{
	struct msg_queue_step_frac whole = {
		.oid = msg->oid, .interval = msg->interval, .count = msg->count, .add = msg->add
	};

	mcu_cmd_queue_step_frac(m, &whole);
}

void mcu_cmd_stepper_get_position(struct mcu *m, const struct msg_stepper_get_position *msg)
{
	struct mcu_stepper *s = mcu_oid_get(m, msg->oid, MCU_OID_STEPPER);
	struct msg_stepper_position answer = { .oid = msg->oid };

	if (!s)
		return;
	answer.pos = position(s);
	mcu_send(m, MSG_ID_stepper_position, &answer);
}

void mcu_cmd_stepper_stop_on_trigger(struct mcu *m, const struct msg_stepper_stop_on_trigger *msg)
{
	struct mcu_stepper *s = mcu_oid_get(m, msg->oid, MCU_OID_STEPPER);
	struct mcu_trsync *ts = mcu_oid_get(m, msg->trsync_oid, MCU_OID_TRSYNC);

	if (s && ts)
		mcu_trsync_subscribe(m, ts, &s->stop_signal, stop_signalled);
}

bool mcu_stepper_position(const struct mcu *m, uint8_t oid, int32_t *pos_steps)
{
	if (oid >= m->oid_count || m->oids[oid].type != MCU_OID_STEPPER)
		return false;
	*pos_steps = position(m->oids[oid].object);
	return true;
}
