/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu.h"

#include <string.h>

#include "board.h"

static const char *const reason_texts[MCU_REASON_COUNT] = {
	[MCU_REASON_NONE] = "",
#define REASON(name, text) [MCU_REASON_##name] = text,
#include "mcu_reasons.def"
};

const char *mcu_reason_text(enum mcu_reason reason)
{
	return (unsigned int)reason < MCU_REASON_COUNT ? reason_texts[reason] : "";
}

/* ---- sending ---- */

static void send_empty(struct mcu *m)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len = wire_frame_build(frame, m->rx_seq, NULL, 0);

	board_send(m->board, frame, len);
}

void mcu_send_frame(struct mcu *m, uint8_t *frame, size_t len)
{
	board_unlock(m->board);
	board_send(m->board, frame, wire_frame_finish(frame, m->rx_seq, len));
	board_lock(m->board);
}

void mcu_send(struct mcu *m, enum msg_id id, const void *msg)
{
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len;

	board_unlock(m->board);
	len = wire_encode(frame + WIRE_HEADER, WIRE_PAYLOAD_MAX, (int16_t)id, &msg_table[id], msg);
	if (len)
		board_send(m->board, frame, wire_frame_finish(frame, m->rx_seq, len));
	board_lock(m->board);
}

/* ---- shutdown ---- */

void mcu_shutdown(struct mcu *m, enum mcu_reason reason)
{
	if (m->is_shutdown || (m->attention & MCU_ATTN_SHUTDOWN))
		return;
	m->reason = (uint8_t)reason;
	m->shutdown_clock = board_clock(m->board);
	m->attention |= MCU_ATTN_SHUTDOWN;
}

/* The motion queues go first, then what must become safe, then the message. ADC goes on. */
static void carry_out_shutdown(struct mcu *m)
{
	struct msg_shutdown msg = {
		.clock = m->shutdown_clock,
		.static_string_id = m->reason,
	};

	m->is_shutdown = true;
	mcu_oid_each(m, MCU_OID_STEPPER, mcu_stepper_stop);
	mcu_oid_each(m, MCU_OID_DIGITAL_OUT, mcu_gpio_out_stop);
	mcu_oid_each(m, MCU_OID_PWM_OUT, mcu_pwm_stop);
	mcu_oid_each(m, MCU_OID_TRSYNC, mcu_trsync_stop);
	mcu_oid_each(m, MCU_OID_ENDSTOP, mcu_endstop_stop);
	mcu_oid_each(m, MCU_OID_BUTTONS, mcu_buttons_stop);
#ifndef MCU_NO_TMCUART
	mcu_oid_each(m, MCU_OID_TMCUART, mcu_tmcuart_stop);
#endif
#ifndef MCU_NO_SPI
	mcu_oid_each(m, MCU_OID_SPI_SHUTDOWN, mcu_spi_stop);
#endif
#ifndef MCU_NO_COUNTER
	mcu_oid_each(m, MCU_OID_COUNTER, mcu_counter_stop);
#endif
#ifndef MCU_NO_LDC1612
	mcu_oid_each(m, MCU_OID_LDC1612, mcu_ldc1612_stop);
#endif
#ifndef MCU_NO_HX71X
	mcu_oid_each(m, MCU_OID_HX71X, mcu_hx71x_stop);
#endif
#ifndef MCU_NO_ADS1220
	mcu_oid_each(m, MCU_OID_ADS1220, mcu_ads1220_stop);
#endif
#ifndef MCU_NO_LOAD_CELL
	mcu_oid_each(m, MCU_OID_LOAD_CELL, mcu_load_cell_stop);
#endif
#ifndef MCU_NO_ANGLE
	mcu_oid_each(m, MCU_OID_ANGLE, mcu_angle_stop);
#endif
	mcu_moves_clear(m);
	mcu_send(m, MSG_ID_shutdown, &msg);
}

/* ---- tasks ---- */

/* Take a bit of attention. Returns: true if it was set. */
static bool attend(struct mcu *m, uint8_t bit)
{
	bool set = m->attention & bit;

	m->attention &= (uint8_t)~bit;
	return set;
}

void mcu_task(struct mcu *m)
{
	board_lock(m->board);
	if (attend(m, MCU_ATTN_SHUTDOWN))
		carry_out_shutdown(m);
	if (attend(m, MCU_ATTN_TRSYNC))
		mcu_oid_each(m, MCU_OID_TRSYNC, mcu_trsync_task);
	if (attend(m, MCU_ATTN_ADC)) {
		mcu_oid_each(m, MCU_OID_ANALOG_IN, mcu_adc_task);
#ifndef MCU_NO_THERMOCOUPLE
		mcu_oid_each(m, MCU_OID_THERMOCOUPLE, mcu_thermocouple_task);
#endif
#ifndef MCU_NO_LDC1612
		mcu_oid_each(m, MCU_OID_LDC1612, mcu_ldc1612_task);
#endif
#ifndef MCU_NO_HX71X
		mcu_oid_each(m, MCU_OID_HX71X, mcu_hx71x_task);
#endif
#ifndef MCU_NO_ADS1220
		mcu_oid_each(m, MCU_OID_ADS1220, mcu_ads1220_task);
#endif
#ifndef MCU_NO_DS18B20
		mcu_oid_each(m, MCU_OID_DS18B20, mcu_ds18b20_task);
#endif
#ifndef MCU_NO_ANGLE
		mcu_oid_each(m, MCU_OID_ANGLE, mcu_angle_task);
#endif
	}
	if (attend(m, MCU_ATTN_BUTTONS)) {
		mcu_oid_each(m, MCU_OID_BUTTONS, mcu_buttons_task);
		mcu_oid_each(m, MCU_OID_DIGITAL_OUT, mcu_output_task);
		mcu_oid_each(m, MCU_OID_PWM_OUT, mcu_output_task);
	}
#ifndef MCU_NO_TMCUART
	if (attend(m, MCU_ATTN_TMCUART))
		mcu_oid_each(m, MCU_OID_TMCUART, mcu_tmcuart_task);
#endif
#ifndef MCU_NO_COUNTER
	if (attend(m, MCU_ATTN_COUNTER))
		mcu_oid_each(m, MCU_OID_COUNTER, mcu_counter_task);
#endif
	if (attend(m, MCU_ATTN_STATS))
		mcu_stats_task(m);
	board_unlock(m->board);
}

void mcu_run(struct mcu *m, uint32_t until)
{
	for (;;) {
		mcu_sched_run(m, until, UINT8_MAX);
		if (!(m->attention & (uint8_t)~MCU_ATTN_BOARD))
			break;
		mcu_task(m);
	}
	if (!(m->attention & MCU_ATTN_BOARD))
		m->sched.clock = until;
}

/* ---- receiving ---- */

/* Do what a command says; locked. */
static void execute(struct mcu *m, int16_t id, const union msg_any *msg)
{
	if (m->is_shutdown && !(msg_table[id].flags & MSG_IN_SHUTDOWN)) {
		struct msg_is_shutdown answer = { .static_string_id = m->reason };

		mcu_send(m, MSG_ID_is_shutdown, &answer);
		return;
	}
	mcu_handlers[id](m, msg);
}

/* Run one command. Returns: the byte after it, or NULL after a shutdown or reset: nothing more
 * of this frame is to be run. */
static const uint8_t *run_command(struct mcu *m, const uint8_t *p, const uint8_t *end)
{
	union msg_any msg;
	int16_t id = -1;
	enum mcu_reason wrong = MCU_REASON_NONE;
	int len = 0;
	bool stop;

	p = wire_get_id(p, end, &id);
	if (!p)
		wrong = MCU_REASON_COMMAND_PARSER;
	else if (id < 0 || id >= MSG_ID_COUNT || !mcu_handlers[id])
		wrong = MCU_REASON_COMMAND_UNKNOWN;
	else if ((len = wire_decode(&msg_table[id], p, (size_t)(end - p), &msg)) < 0)
		wrong = MCU_REASON_COMMAND_PARSER;
	board_lock(m->board);
	if (wrong)
		mcu_shutdown(m, wrong);
	else
		execute(m, id, &msg);
	stop = wrong || m->halted || (m->attention & MCU_ATTN_SHUTDOWN);
	board_unlock(m->board);
	return stop ? NULL : p + len;
}

/* A valid frame: with the n that is expected it is run and acknowledged, otherwise only answered
 * with that n, so that the host knows from where to repeat. */
static void take_frame(struct mcu *m, const struct wire_frame *frame)
{
	const uint8_t *p = frame->payload;
	const uint8_t *end = p + frame->payload_len;
	bool shut;

	m->nak_sent = false;
	if (frame->seq != m->rx_seq) {
		send_empty(m);
		return;
	}
	m->rx_seq = (m->rx_seq + 1) & WIRE_SEQ_MASK;
	while (p && p < end)
		p = run_command(m, p, end);
	/* the shutdown message stands in for the acknowledgement */
	shut = m->attention & MCU_ATTN_SHUTDOWN;
	mcu_task(m);
	if (!shut && !m->halted)
		send_empty(m);
}

void mcu_receive(struct mcu *m, const uint8_t *bytes, size_t len)
{
	struct wire_frame frame;

	while (!m->halted) {
		enum wire_rx_result result = wire_rx_next(&m->rx, &bytes, &len, &frame);

		if (result == WIRE_RX_FRAME) {
			take_frame(m, &frame);
		} else if (result == WIRE_RX_ERROR) {
			if (!m->nak_sent)
				send_empty(m);
			m->nak_sent = true;
		} else {
			break;
		}
	}
}

/* ---- start ---- */

void mcu_init(struct mcu *m, const struct mcu_cfg *cfg)
{
	struct msg_starting starting;

	memset(m, 0, sizeof(*m));
	memset(&starting, 0, sizeof(starting));
	m->cfg = *cfg;
	m->board = cfg->board;
	board_lock(m->board);
	wire_rx_init(&m->rx);
	m->sched.clock = (uint32_t)cfg->clock;
	mcu_stats_init(m);
	mcu_send(m, MSG_ID_starting, &starting);
	board_unlock(m->board);
}
