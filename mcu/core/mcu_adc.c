/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_adc.c - analog inputs: sums of conversions at fixed times, reported in batches, with a range
 * check that does not need the host. Sampling goes on in shutdown. */
#include <string.h>

#include "board.h"
#include "mcu.h"

enum { ADC_REPORT_MAX = 48 }; /* bytes of sums in one report */

struct mcu_adc {
	struct mcu_timer timer;
	uint32_t rest_ticks, sample_ticks;
	uint32_t start_clock; /* of the sample being taken */
	uint16_t pin;
	uint16_t min_sum, max_sum;
	uint16_t sum;
	uint8_t sample_count; /* 0: idle */
	uint8_t samples_left;
	uint8_t range_check_count;
	uint8_t out_of_range;
	uint8_t report_bytes; /* that make a report */
	uint8_t bytes;        /* collected */
	bool report_due;
	uint8_t report[ADC_REPORT_MAX]; /* complete, to be sent; samples go to values[] meanwhile */
	uint32_t report_clock;          /* next_clock of the report */
	uint8_t values[ADC_REPORT_MAX];
};

static void check_range(struct mcu *m, struct mcu_adc *a)
{
	if (a->sum >= a->min_sum && a->sum <= a->max_sum) {
		a->out_of_range = 0;
		return;
	}
	if (a->out_of_range < UINT8_MAX)
		a->out_of_range++;
	if (a->range_check_count && a->out_of_range >= a->range_check_count)
		mcu_shutdown(m, MCU_REASON_ADC_RANGE);
}

/* A sum is complete: keep it, and start over rest_ticks after the start of this one. */
static void finish_sample(struct mcu *m, struct mcu_adc *a)
{
	check_range(m, a);
	a->values[a->bytes] = (uint8_t)a->sum;
	a->values[a->bytes + 1] = (uint8_t)(a->sum >> 8);
	a->bytes = (uint8_t)(a->bytes + 2);
	a->start_clock += a->rest_ticks;
	a->sum = 0;
	a->samples_left = a->sample_count;
	a->timer.clock = a->start_clock;
	if (a->bytes < a->report_bytes)
		return;
	memcpy(a->report, a->values, a->bytes);
	a->bytes = 0;
	a->report_clock = a->start_clock;
	a->report_due = true;
	m->attention |= MCU_ATTN_ADC;
}

static bool sample_event(struct mcu *m, struct mcu_timer *timer)
{
	struct mcu_adc *a = mcu_container(timer, struct mcu_adc, timer);
	uint16_t value = 0;
	uint32_t wait_ticks = board_adc_sample(m->board, a->pin, &value);

	if (wait_ticks) {
		timer->clock += wait_ticks;
		return true;
	}
	a->sum = (uint16_t)(a->sum + value);
	if (--a->samples_left)
		timer->clock += a->sample_ticks;
	else
		finish_sample(m, a);
	return true;
}

void mcu_adc_task(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_adc *a = object;
	struct msg_analog_in_state msg = {
		.oid = oid,
		.next_clock = a->report_clock,
		.values = { .data = a->report, .len = a->report_bytes },
	};

	if (!a->report_due)
		return;
	a->report_due = false;
	mcu_send(m, MSG_ID_analog_in_state, &msg);
}

void mcu_adc_stop(struct mcu *m, void *object, uint8_t oid)
{
	struct mcu_adc *a = object;

	(void)oid;
	mcu_sched_del(m, &a->timer);
}

void mcu_cmd_config_analog_in(struct mcu *m, const struct msg_config_analog_in *msg)
{
	struct mcu_adc *a = mcu_oid_new(m, msg->oid, MCU_OID_ANALOG_IN, sizeof(*a));

	if (!a)
		return;
	a->pin = (uint16_t)msg->pin;
	a->timer.fn = sample_event;
	if (msg->pin > UINT16_MAX || !board_adc_setup(m->board, a->pin))
		mcu_oid_fail(m, msg->oid, MCU_REASON_NOT_ADC);
}

/* Sums fit 16 bits by the host's choice; times must move on, and a sample must end before the next. */
static bool query_valid(const struct msg_query_analog_in *q)
{
	uint8_t gaps = (uint8_t)(q->sample_count - 1);

	return q->rest_ticks && q->rest_ticks <= INT32_MAX &&
	       (!gaps || q->sample_ticks <= (q->rest_ticks - 1) / gaps) &&
	       q->bytes_per_report >= 2 && q->bytes_per_report <= ADC_REPORT_MAX &&
	       q->bytes_per_report % 2 == 0;
}

void mcu_cmd_query_analog_in(struct mcu *m, const struct msg_query_analog_in *msg)
{
	struct mcu_adc *a = mcu_oid_get(m, msg->oid, MCU_OID_ANALOG_IN);

	if (!a)
		return;
	mcu_sched_del(m, &a->timer);
	a->sample_count = 0;
	a->report_due = false;
	if (!msg->sample_count)
		return;
	if (!query_valid(msg)) {
		mcu_shutdown(m, MCU_REASON_SAMPLES);
		return;
	}
	a->rest_ticks = msg->rest_ticks;
	a->sample_ticks = msg->sample_ticks;
	a->sample_count = a->samples_left = msg->sample_count;
	a->min_sum = msg->min_value;
	a->max_sum = msg->max_value;
	a->range_check_count = msg->range_check_count;
	a->out_of_range = 0;
	a->report_bytes = msg->bytes_per_report;
	a->bytes = 0;
	a->sum = 0;
	a->start_clock = msg->clock;
	mcu_sched_move(m, &a->timer, msg->clock);
}
