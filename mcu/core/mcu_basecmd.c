/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mcu_basecmd.c - identify, clock, configuration, stop and reset. */
#include "board.h"
#include "mcu.h"

/* Payload of identify_response left for data: id 1, offset up to 5, length 1. */
enum { IDENTIFY_DATA_MAX = WIRE_PAYLOAD_MAX - 1 - WIRE_VLQ_MAX - 1 };

void mcu_cmd_identify(struct mcu *m, const struct msg_identify *msg)
{
	uint8_t frame[WIRE_FRAME_MAX], *to = frame + WIRE_HEADER;
	size_t left = msg->offset < m->cfg.dict_len ? m->cfg.dict_len - msg->offset : 0;
	uint8_t count = msg->count < IDENTIFY_DATA_MAX ? msg->count : IDENTIFY_DATA_MAX;

	if (left < count)
		count = (uint8_t)left;
	/* The dictionary may be in another address space: from there to the frame without a copy in between, which is most
	 * of the stack elsewhere. */
	*to++ = MSG_ID_identify_response;
	to = wire_put_vlq(to, msg->offset);
	*to++ = count;
	for (uint8_t i = 0; i < count; i++)
		*to++ = m->cfg.dict[(size_t)msg->offset + i];
	mcu_send_frame(m, frame, (size_t)(to - frame) - WIRE_HEADER);
}

void mcu_cmd_get_uptime(struct mcu *m, const struct msg_get_uptime *msg)
{
	struct msg_uptime answer;

	(void)msg;
	answer.clock = mcu_clock(m);
	answer.high = m->clock_high;
	mcu_send(m, MSG_ID_uptime, &answer);
}

void mcu_cmd_get_clock(struct mcu *m, const struct msg_get_clock *msg)
{
	struct msg_clock answer = { .clock = board_clock_now(m->board) };

	(void)msg;
	mcu_send(m, MSG_ID_clock, &answer);
}

void mcu_cmd_get_config(struct mcu *m, const struct msg_get_config *msg)
{
	struct msg_config answer = {
		.is_config = m->is_config,
		.crc = m->config_crc,
		.is_shutdown = m->is_shutdown,
		.move_count = m->moves.count,
	};

	(void)msg;
	mcu_send(m, MSG_ID_config, &answer);
}

void mcu_cmd_allocate_oids(struct mcu *m, const struct msg_allocate_oids *msg)
{
	if (m->oids_allocated || m->is_config) {
		mcu_shutdown(m, MCU_REASON_OIDS_ALLOCATED);
		return;
	}
	m->oids = mcu_arena_take(m, msg->count * sizeof(struct mcu_oid));
	if (!m->oids) {
		mcu_shutdown(m, MCU_REASON_NO_MEMORY);
		return;
	}
	m->oid_count = msg->count;
	m->oids_allocated = true;
}

void mcu_cmd_finalize_config(struct mcu *m, const struct msg_finalize_config *msg)
{
	if (m->is_config) {
		mcu_shutdown(m, MCU_REASON_ALREADY_FINALIZED);
		return;
	}
	mcu_moves_init(m, m->cfg.move_count_max);
	m->config_crc = msg->crc;
	m->is_config = true;
}

void mcu_cmd_emergency_stop(struct mcu *m, const struct msg_emergency_stop *msg)
{
	(void)msg;
	mcu_shutdown(m, MCU_REASON_COMMAND_REQUEST);
}

void mcu_cmd_clear_shutdown(struct mcu *m, const struct msg_clear_shutdown *msg)
{
	(void)msg;
	if (!m->is_shutdown) {
		mcu_shutdown(m, MCU_REASON_NOT_SHUTDOWN);
		return;
	}
	m->is_shutdown = false;
	m->reason = MCU_REASON_NONE;
}

void mcu_cmd_reset(struct mcu *m, const struct msg_reset *msg)
{
	(void)msg;
	m->halted = true;
	board_reset(m->board);
}

void mcu_cmd_config_reset(struct mcu *m, const struct msg_config_reset *msg)
{
	(void)msg;
	if (!m->is_shutdown) {
		mcu_shutdown(m, MCU_REASON_NOT_SHUTDOWN);
		return;
	}
	/* ADC timers run on in shutdown, but their objects are about to go. */
	mcu_oid_each(m, MCU_OID_ANALOG_IN, mcu_adc_stop);
#ifndef MCU_NO_THERMOCOUPLE
	mcu_oid_each(m, MCU_OID_THERMOCOUPLE, mcu_thermocouple_stop);
#endif
#ifndef MCU_NO_DS18B20
	mcu_oid_each(m, MCU_OID_DS18B20, mcu_ds18b20_stop);
#endif
	mcu_config_clear(m);
	m->is_shutdown = false;
	m->reason = MCU_REASON_NONE;
}
