// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus.h"

#include <string.h>

#include "daemon/machine/machine.h"

enum { LINE_BITS = 10 /* of a byte on a serial line: start 0, eight from the lowest, stop 1 */ };

const char *bus_result_text(enum bus_result result)
{
	static const char *const texts[] = {
		[BUS_OK] = "answers",
		[BUS_SILENT] = "does not answer",
		[BUS_GARBLED] = "answers what is none",
		[BUS_GONE] = "can't be reached, its MCU is not there",
	};

	return texts[result];
}

bool bus_ask(struct bus *b, int device, const uint8_t *write, size_t len, size_t read_len,
	     bus_done_fn *done, void *ctx, uint32_t tag)
{
	struct bus_port *p = &b->port[b->device[device].port];
	struct bus_request *r = &p->queue[p->head % BUS_QUEUE_MAX];

	if (p->head - p->tail == BUS_QUEUE_MAX || len > BUS_DATA_MAX || read_len > BUS_DATA_MAX)
		return false;
	*r = (struct bus_request){ .device = (uint8_t)device,
				   .len = (uint8_t)len,
				   .read_len = (uint8_t)read_len,
				   .done = done,
				   .ctx = ctx,
				   .tag = tag };
	memcpy(r->write, write, len);
	p->head++;
	return true;
}

/* The request at the tail is over. */
static void finish(struct bus_port *p, enum bus_result result, const uint8_t *data, size_t len)
{
	struct bus_request r = p->queue[p->tail % BUS_QUEUE_MAX];

	p->tail++;
	p->sent = false;
	if (r.done)
		r.done(r.ctx, r.tag, result, data, len);
}

/* ---- asking ---- */

static uint8_t to_line(const uint8_t *bytes, size_t count, uint8_t *line)
{
	size_t bits = count * LINE_BITS;

	memset(line, 0, (bits + 7) / 8);
	for (size_t i = 0; i < bits; i++) {
		size_t k = i % LINE_BITS;

		if (k == LINE_BITS - 1 || (k > 0 && bytes[i / LINE_BITS] >> (k - 1) & 1))
			line[i / 8] |= (uint8_t)(1u << i % 8);
	}
	return (uint8_t)((bits + 7) / 8);
}

static bool from_line(const uint8_t *line, size_t count, uint8_t *bytes)
{
	memset(bytes, 0, count);
	for (size_t i = 0; i < count * LINE_BITS; i++) {
		size_t k = i % LINE_BITS;
		bool bit = line[i / 8] >> i % 8 & 1;

		if ((k == 0 && bit) || (k == LINE_BITS - 1 && !bit))
			return false;
		if (k > 0 && k < LINE_BITS - 1 && bit)
			bytes[i / LINE_BITS] |= (uint8_t)(1u << (k - 1));
	}
	return true;
}

/* Bring the pins that choose the chip to its levels. */
static bool choose(struct session *s, struct bus_port *p, const struct machine_bus *cfg)
{
	for (int i = 0; i < cfg->selects; i++) {
		int8_t level = !cfg->select[i].invert;
		struct msg_update_digital_out out = { .value = (uint8_t)level };

		for (int k = 0; k < p->cfg->selects; k++) {
			if (!pin_same(&p->cfg->select[k], &cfg->select[i]) ||
			    p->selected[k] == level)
				continue;
			out.oid = p->select_oid[k];
			if (!session_send(s, MSG_ID_update_digital_out, &out))
				return false;
			p->selected[k] = level;
		}
	}
	return true;
}

static bool send_uart(struct session *s, struct bus_port *p, const struct machine_bus *cfg,
		      const struct bus_request *r)
{
	uint8_t line[BUS_DATA_MAX * 2];
	struct msg_tmcuart_send msg = { .oid = p->oid };

	msg.write.data = line;
	msg.write.len = to_line(r->write, r->len, line);
	msg.read = (uint8_t)(r->read_len * LINE_BITS / 8);
	return choose(s, p, cfg) && session_send(s, MSG_ID_tmcuart_send, &msg);
}

static bool send_i2c(struct session *s, const struct bus_port *p, const struct bus_request *r)
{
	struct msg_bytes out = { .data = r->write, .len = r->len };
	struct msg_i2c_transfer msg = { .oid = p->oid, .write = out, .read_len = r->read_len };
	struct msg_i2c_write old_write = { .oid = p->oid, .data = out };
	struct msg_i2c_read old_read = { .oid = p->oid, .reg = out, .read_len = r->read_len };

	if (!p->old)
		return session_send(s, MSG_ID_i2c_transfer, &msg);
	return r->read_len ? session_send(s, MSG_ID_i2c_read, &old_read)
			   : session_send(s, MSG_ID_i2c_write, &old_write);
}

/* Returns false if the control ring is full: later. */
static bool send(struct bus *b, struct bus_port *p)
{
	const struct bus_request *r = &p->queue[p->tail % BUS_QUEUE_MAX];
	const struct machine_bus *cfg = b->device[r->device].cfg;
	struct session *s = &b->m->session[cfg->mcu];
	struct msg_spi_transfer spi = { .oid = p->oid, .data = { r->write, r->len } };

	switch (cfg->kind) {
	case MACHINE_BUS_SPI:
		return session_send(s, MSG_ID_spi_transfer, &spi);
	case MACHINE_BUS_I2C:
		return send_i2c(s, p, r);
	default:
		return send_uart(s, p, cfg, r);
	}
}

static void port_poll(struct bus *b, struct bus_port *p)
{
	for (int n = 0; n < BUS_QUEUE_MAX && p->head != p->tail; n++) {
		const struct bus_request *r = &p->queue[p->tail % BUS_QUEUE_MAX];

		if (b->m->session[p->cfg->mcu].state != SESSION_READY) {
			finish(p, BUS_GONE, NULL, 0);
			continue;
		}
		if (p->sent && b->m->now_ns < p->limit_ns)
			return;
		if (p->sent) {
			finish(p, BUS_GONE, NULL, 0);
			continue;
		}
		if (!send(b, p))
			return;
		p->sent = true;
		p->limit_ns = b->m->now_ns + (int64_t)(BUS_ANSWER_S * 1e9);
		if (!p->old || r->read_len)
			return;
		finish(p, BUS_OK, NULL, 0); /* that command has no answer */
	}
}

void bus_poll(struct bus *b)
{
	for (size_t i = 0; i < b->ports; i++)
		port_poll(b, &b->port[i]);
}

/* ---- answers ---- */

static void hear_uart(struct bus_port *p, const struct msg_bytes *read)
{
	const struct bus_request *r = &p->queue[p->tail % BUS_QUEUE_MAX];
	uint8_t bytes[BUS_DATA_MAX];

	if (read->len == 0)
		finish(p, r->read_len ? BUS_SILENT : BUS_OK, NULL, 0);
	else if (read->len * 8 != r->read_len * LINE_BITS ||
		 !from_line(read->data, r->read_len, bytes))
		finish(p, BUS_GARBLED, NULL, 0);
	else
		finish(p, BUS_OK, bytes, r->read_len);
}

static void hear_i2c(struct bus_port *p, uint8_t status, const struct msg_bytes *read)
{
	const struct bus_request *r = &p->queue[p->tail % BUS_QUEUE_MAX];

	if (status)
		finish(p, BUS_SILENT, NULL, 0);
	else if (read->len != r->read_len)
		finish(p, BUS_GARBLED, NULL, 0);
	else
		finish(p, BUS_OK, read->data, read->len);
}

/* The port with that object that waits for an answer of that kind. */
static struct bus_port *waiting(struct bus *b, int mcu, uint8_t oid, enum machine_bus_kind kind)
{
	for (struct bus_port *p = b->port; p < b->port + b->ports; p++)
		if (p->cfg->mcu == mcu && p->oid == oid && p->cfg->kind == kind && p->sent)
			return p;
	return NULL;
}

bool bus_hear(struct bus *b, const struct ev_message *msg)
{
	union msg_any any;
	struct bus_port *p = NULL;

	switch (session_decode(&b->m->session[msg->mcu], msg, &any)) {
	case MSG_ID_spi_transfer_response:
		p = waiting(b, msg->mcu, any.spi_transfer_response.oid, MACHINE_BUS_SPI);
		if (p)
			finish(p, BUS_OK, any.spi_transfer_response.response.data,
			       any.spi_transfer_response.response.len);
		break;
	case MSG_ID_i2c_response:
		p = waiting(b, msg->mcu, any.i2c_response.oid, MACHINE_BUS_I2C);
		if (p)
			hear_i2c(p, any.i2c_response.i2c_bus_status, &any.i2c_response.response);
		break;
	case MSG_ID_i2c_read_response:
		p = waiting(b, msg->mcu, any.i2c_read_response.oid, MACHINE_BUS_I2C);
		if (p)
			hear_i2c(p, 0, &any.i2c_read_response.response);
		break;
	case MSG_ID_tmcuart_response:
		p = waiting(b, msg->mcu, any.tmcuart_response.oid, MACHINE_BUS_UART);
		if (p)
			hear_uart(p, &any.tmcuart_response.read);
		break;
	default:
		return false;
	}
	if (p)
		port_poll(b, p);
	return true;
}
