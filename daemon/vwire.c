/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vwire.c - a serial line as a ring of bytes with arrival times. */
#include "vwire.h"

#include <string.h>

#include "daemon/splitmix.h"

#define NS_PER_S ((int64_t)1000000000)
#define PPM 1000000u

_Static_assert((VWIRE_BYTES & (VWIRE_BYTES - 1)) == 0, "bytes are found by a mask");

enum fault { FAULT_NONE, FAULT_LOSE, FAULT_FLIP, FAULT_REPEAT, FAULT_DELAY };

void vwire_init(struct vwire *wire, const struct vwire_config *cfg)
{
	memset(wire, 0, sizeof(*wire));
	wire->cfg = *cfg;
	wire->rng = cfg->seed;
	wire->byte_ns = cfg->baud != 0 ? 10 * NS_PER_S / cfg->baud : 0;
	wire->free_ns = INT64_MIN;
}

size_t vwire_room(const struct vwire *wire)
{
	/* any byte may come twice */
	return (VWIRE_BYTES - (wire->head - wire->tail)) / 2;
}

static void put(struct vwire *wire, uint8_t byte)
{
	uint32_t at = wire->head & (VWIRE_BYTES - 1);

	if (wire->head - wire->tail == VWIRE_BYTES) {
		wire->stats.overrun++;
		return;
	}
	wire->bytes[at] = byte;
	wire->out_ns[at] = wire->free_ns + wire->cfg.latency_ns;
	wire->head++;
}

/* What happens to the next byte. */
static enum fault next_fault(struct vwire *wire)
{
	const struct vwire_faults *f = &wire->cfg.faults;
	uint32_t sum = f->lose_ppm + f->flip_ppm + f->repeat_ppm + f->delay_ppm;

	if (wire->burst_left != 0) {
		wire->burst_left--;
		return (enum fault)wire->burst_kind;
	}
	uint32_t r = splitmix_below(&wire->rng, PPM);
	enum fault kind = r < f->lose_ppm                                 ? FAULT_LOSE
			  : r < f->lose_ppm + f->flip_ppm                 ? FAULT_FLIP
			  : r < f->lose_ppm + f->flip_ppm + f->repeat_ppm ? FAULT_REPEAT
			  : r < sum                                       ? FAULT_DELAY
									  : FAULT_NONE;
	if (kind != FAULT_NONE && f->burst_max > 1) {
		wire->burst_kind = (uint8_t)kind;
		wire->burst_left = splitmix_below(&wire->rng, f->burst_max);
	}
	return kind;
}

/* The same as below on a line without faults. */
static void push_clean(struct vwire *wire, const uint8_t *bytes, size_t len)
{
	size_t room = VWIRE_BYTES - (wire->head - wire->tail), n = len < room ? len : room;
	int64_t byte_ns = wire->byte_ns, out_ns = wire->free_ns + wire->cfg.latency_ns;
	uint32_t head = wire->head;

	for (size_t i = 0; i < n; i++, head++) {
		out_ns += byte_ns;
		wire->bytes[head & (VWIRE_BYTES - 1)] = bytes[i];
		wire->out_ns[head & (VWIRE_BYTES - 1)] = out_ns;
	}
	wire->head = head;
	wire->free_ns += byte_ns * (int64_t)len;
	wire->stats.overrun += len - n;
}

void vwire_push(struct vwire *wire, const uint8_t *bytes, size_t len, int64_t now_ns)
{
	const struct vwire_faults *f = &wire->cfg.faults;

	wire->stats.pushed += len;
	if (wire->free_ns < now_ns)
		wire->free_ns = now_ns;
	if ((f->lose_ppm | f->flip_ppm | f->repeat_ppm | f->delay_ppm) == 0) {
		push_clean(wire, bytes, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		wire->free_ns += wire->byte_ns;
		switch (next_fault(wire)) {
		case FAULT_LOSE:
			wire->stats.lost++;
			continue;
		case FAULT_FLIP:
			wire->stats.flipped++;
			put(wire, (uint8_t)(bytes[i] ^ 1u << splitmix_below(&wire->rng, 8)));
			continue;
		case FAULT_REPEAT:
			wire->stats.repeated++;
			put(wire, bytes[i]);
			break;
		case FAULT_DELAY:
			wire->stats.delayed++;
			/* in 1/1024 of the range, which keeps the product small */
			wire->free_ns += (wire->cfg.faults.delay_ns_max >> 10) *
					 (int64_t)splitmix_below(&wire->rng, 1025);
			break;
		case FAULT_NONE:
			break;
		}
		put(wire, bytes[i]);
	}
}

int64_t vwire_next_ns(const struct vwire *wire)
{
	if (wire->head == wire->tail)
		return INT64_MAX;
	return wire->out_ns[wire->tail & (VWIRE_BYTES - 1)];
}

size_t vwire_pull(struct vwire *wire, uint8_t *buf, size_t cap, int64_t now_ns)
{
	uint32_t tail = wire->tail, head = wire->head;
	size_t n = 0;

	for (; n < cap && tail != head && wire->out_ns[tail & (VWIRE_BYTES - 1)] <= now_ns; tail++)
		buf[n++] = wire->bytes[tail & (VWIRE_BYTES - 1)];
	wire->tail = tail;
	wire->stats.pulled += n;
	return n;
}

void vwire_clear(struct vwire *wire)
{
	wire->tail = wire->head;
	wire->burst_left = 0;
}
