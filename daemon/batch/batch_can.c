// SPDX-License-Identifier: GPL-2.0-or-later
/* Simulated MCUs on simulated CAN buses, one for each interface that the configuration names. */
#include <stdio.h>
#include <string.h>

#include "daemon/batch/batch.h"

enum {
	HOST = 0,        /* the host's port; MCU i has i + 1 */
	HOST_QUEUE = 10, /* as Linux has it, unless told otherwise: often full */
	NODE_QUEUE = 3,  /* mailboxes of most controllers */
};
_Static_assert((int)ENGINE_MCUS + 1 <= (int)VCANBUS_PORTS, "a port each");

/* As the rt thread waits for a full queue. */
#define RETRY_NS ((int64_t)1000 * 1000)
/* Other nodes' traffic: this long at most. */
#define DELAY_NS ((int64_t)10 * 1000 * 1000)

void batch_can_fill(struct batch_mcu *u, int64_t now_ns)
{
	struct vcanbus *bus = &u->can->bus;
	struct vcanbus_port *p = &bus->port[u->index + 1];
	struct mcu_can_frame f;

	while (p->head - p->tail < NODE_QUEUE && sim_can_next(u->sim, &f))
		vcanbus_send(bus, u->index + 1, &f, now_ns);
}

void batch_can_join(struct batch *b, struct batch_mcu *u)
{
	const struct machine_mcu *cfg = &b->mc->mcu[u->index];
	uint32_t ppm = b->opt.wire_faults_ppm;
	struct vcanbus_config vc = { .bit_hz = (uint32_t)cfg->sim_canbus_hz,
				     .seed = b->opt.seed * 2 + 1 + b->cans,
				     .queue = { HOST_QUEUE },
				     .lose_ppm = ppm,
				     .repeat_ppm = ppm,
				     .delay_ppm = ppm,
				     .delay_ns_max = DELAY_NS };
	size_t i = 0;

	while (i < b->cans && strcmp(b->can[i].name, cfg->canbus_interface) != 0)
		i++;
	u->can = &b->can[i];
	u->sent = u->out_len = 0;
	if (i == b->cans) {
		b->cans++;
		u->can->name = cfg->canbus_interface;
		vcanbus_init(&u->can->bus, &vc);
	}
	u->can->bus.cfg.queue[u->index + 1] = NODE_QUEUE;
}

/* As much of what the engine had to send as finds room. */
static RUNS_ON(role_rt) void write_more(struct batch *b, struct batch_mcu *u)
{
	struct mcu_can_frame f = { .id = wire_can_id((uint8_t)(WIRE_CAN_NODE_MIN + u->index)) };

	u->retry_ns = INT64_MAX;
	while (u->sent < u->out_len) {
		uint32_t left = u->out_len - u->sent;

		f.len = (uint8_t)(left < WIRE_CAN_DATA ? left : WIRE_CAN_DATA);
		memcpy(f.data, u->out + u->sent, f.len);
		if (!vcanbus_send(&u->can->bus, HOST, &f, b->now_ns)) {
			engine_line_full(b->m->engine, u->index);
			u->retry_ns = b->now_ns + RETRY_NS;
			break;
		}
		u->sent += f.len;
	}
	engine_line_busy(b->m->engine, u->index, u->sent < u->out_len);
}

void batch_can_transmit(struct batch *b, struct batch_mcu *u)
{
	if (u->sent < u->out_len)
		return;
	u->sent = 0;
	u->out_len = engine_transmit(b->m->engine, u->index, u->out, sizeof(u->out), b->now_ns);
	write_more(b, u);
}

void batch_can_address(void *ctx, int mcu, char *absent, size_t size)
{
	struct batch *b = ctx;
	struct mcu_can_frame f = { .id = WIRE_CAN_TO_NODES,
				   .len = 2 + WIRE_CAN_UUID,
				   .data = { WIRE_CAN_ASSIGN } };

	memcpy(f.data + 1, b->mc->mcu[mcu].can_uuid, WIRE_CAN_UUID);
	f.data[1 + WIRE_CAN_UUID] = (uint8_t)(WIRE_CAN_NODE_MIN + mcu);
	vcanbus_send(&b->mcu[mcu].can->bus, HOST, &f, b->now_ns);
	snprintf(absent, size, "no answer on the simulated bus");
}

int64_t batch_can_next_ns(const struct batch *b)
{
	int64_t next_ns = INT64_MAX;

	for (size_t i = 0; i < b->cans; i++)
		if (vcanbus_next_ns(&b->can[i].bus) < next_ns)
			next_ns = vcanbus_next_ns(&b->can[i].bus);
	for (size_t i = 0; i < b->m->mcus; i++)
		if (b->mcu[i].can && b->mcu[i].sent < b->mcu[i].out_len &&
		    b->mcu[i].retry_ns < next_ns)
			next_ns = b->mcu[i].retry_ns;
	return next_ns;
}

/* A frame reaches all on its bus. Returns: whether it was for the host. */
static RUNS_ON(role_rt) bool deliver(struct batch *b, const struct batch_can *can,
				     const struct mcu_can_frame *f, int from)
{
	bool any = false;

	for (size_t i = 0; i < b->m->mcus; i++) {
		struct batch_mcu *u = &b->mcu[i];

		if (u->can != can)
			continue;
		if (from == HOST) {
			sim_can_receive(u->sim, f);
			batch_can_fill(u, b->now_ns);
		} else if (from == (int)i + 1) {
			batch_can_fill(u, b->now_ns);
		}
		if (from != HOST && f->id == wire_can_id((uint8_t)(WIRE_CAN_NODE_MIN + i)) + 1u) {
			engine_receive(b->m->engine, (int)i, f->data, f->len, b->now_ns);
			any = true;
		}
	}
	return any;
}

bool batch_can_run(struct batch *b)
{
	struct mcu_can_frame f;
	bool any = false;
	int from;

	role_take(&role_rt);
	for (size_t i = 0; i < b->cans; i++)
		while (vcanbus_take(&b->can[i].bus, b->now_ns, &f, &from))
			any |= deliver(b, &b->can[i], &f, from);
	for (size_t i = 0; i < b->m->mcus; i++)
		if (b->mcu[i].can && b->mcu[i].sent < b->mcu[i].out_len &&
		    b->mcu[i].retry_ns <= b->now_ns)
			write_more(b, &b->mcu[i]);
	return any;
}
