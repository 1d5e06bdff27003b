// SPDX-License-Identifier: GPL-2.0-or-later
/* Formats and sizes: Bosch CAN specification 2.0, part A. */
#include "daemon/batch/vcanbus.h"

#include <string.h>

#include "daemon/splitmix.h"

#define NS_PER_S ((int64_t)1000000000)
#define PPM 1000000u
enum {
	STUFF_AFTER = 5, /* equal bits */
	CRC_BITS = 15,   /* with the generator 0x4599 */
	TAIL_BITS = 2 + 1 + 7 +
		    3, /* delimiters of CRC and acknowledgement, the slot for it, end, gap */
	CRC_POLYNOMIAL = 0x4599,
};

_Static_assert((VCANBUS_QUEUE_MAX & (VCANBUS_QUEUE_MAX - 1)) == 0, "slots are found by a mask");

/* Bits as they leave the controller. */
struct bits {
	uint32_t count, stuffed;
	uint16_t crc;
	bool last;
	uint8_t run; /* of equal bits */
};

static void put_bit(struct bits *b, bool bit)
{
	b->run = bit == b->last && b->count ? (uint8_t)(b->run + 1) : 1;
	b->last = bit;
	b->count++;
	if (b->run == STUFF_AFTER) { /* the opposite one, which begins a run itself */
		b->last = !bit;
		b->run = 1;
		b->stuffed++;
		b->count++;
	}
}

static void put(struct bits *b, uint32_t value, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		bool bit = value >> i & 1, carry = bit != (b->crc >> (CRC_BITS - 1) & 1);

		b->crc = (uint16_t)((b->crc << 1 ^ (carry ? CRC_POLYNOMIAL : 0)) & 0x7fff);
		put_bit(b, bit);
	}
}

uint32_t vcanbus_bits(const struct mcu_can_frame *f, uint32_t *stuff)
{
	struct bits b = { .count = 0 };
	uint16_t crc;

	put(&b, 0, 1); /* start of frame */
	put(&b, f->id, 11);
	put(&b, 0, 3); /* data, 11 bits of id, reserved */
	put(&b, f->len, 4);
	for (uint8_t i = 0; i < f->len; i++)
		put(&b, f->data[i], 8);
	crc = b.crc;
	put(&b, crc, CRC_BITS);
	*stuff = b.stuffed;
	return b.count + TAIL_BITS;
}

void vcanbus_init(struct vcanbus *b, const struct vcanbus_config *cfg)
{
	memset(b, 0, sizeof(*b));
	b->cfg = *cfg;
	b->rng = cfg->seed;
	b->free_ns = INT64_MIN;
}

bool vcanbus_send(struct vcanbus *b, int port, const struct mcu_can_frame *f, int64_t ready_ns)
{
	struct vcanbus_port *p = &b->port[port];

	if (p->head - p->tail >= b->cfg.queue[port]) {
		b->stats.full++;
		return false;
	}
	p->queue[p->head++ & (VCANBUS_QUEUE_MAX - 1)] =
		(struct vcanbus_frame){ .frame = *f, .ready_ns = ready_ns };
	return true;
}

static const struct vcanbus_frame *head(const struct vcanbus *b, int port)
{
	const struct vcanbus_port *p = &b->port[port];

	return p->head == p->tail ? NULL : &p->queue[p->tail & (VCANBUS_QUEUE_MAX - 1)];
}

/* When the next frame can begin. */
static int64_t start_ns(const struct vcanbus *b)
{
	int64_t at_ns = INT64_MAX;

	for (int i = 0; i < VCANBUS_PORTS; i++)
		if (head(b, i) && head(b, i)->ready_ns < at_ns)
			at_ns = head(b, i)->ready_ns;
	return at_ns < b->free_ns ? b->free_ns : at_ns;
}

int64_t vcanbus_next_ns(const struct vcanbus *b)
{
	return b->sending ? b->free_ns : start_ns(b);
}

/* The bus is free at at_ns: of what waits there the lowest id wins. */
static void begin(struct vcanbus *b, int64_t at_ns)
{
	const struct vcanbus_frame *first = NULL;
	uint32_t stuff, bits, r = splitmix_below(&b->rng, PPM);

	for (int i = 0; i < VCANBUS_PORTS; i++)
		if (head(b, i) && head(b, i)->ready_ns <= at_ns &&
		    (!first || head(b, i)->frame.id < first->frame.id)) {
			first = head(b, i);
			b->from = i;
		}
	if (r < b->cfg.delay_ppm) { /* somebody else's frames; in 1/1024 of the longest time */
		b->stats.delayed++;
		b->free_ns = at_ns +
			     (b->cfg.delay_ns_max >> 10) * (int64_t)splitmix_below(&b->rng, 1025);
		return;
	}
	bits = vcanbus_bits(&first->frame, &stuff);
	b->sending = true;
	b->free_ns = at_ns + (int64_t)bits * NS_PER_S / b->cfg.bit_hz;
	b->stats.busy_ns += b->free_ns - at_ns;
	b->stats.frames++;
	b->stats.bits += bits;
	b->stats.stuff_bits += stuff;
}

/* The frame on the bus has ended. Returns: whether it is received. */
static bool finish(struct vcanbus *b)
{
	uint32_t r = splitmix_below(&b->rng, PPM);

	b->sending = false;
	if (!b->again && r < b->cfg.repeat_ppm) { /* all have it, but its sender thinks they don't */
		b->stats.repeated++;
		b->again = true;
		return true;
	}
	b->again = false;
	b->port[b->from].tail++;
	if (r < b->cfg.repeat_ppm + b->cfg.lose_ppm && r >= b->cfg.repeat_ppm) {
		b->stats.lost++;
		return false;
	}
	return true;
}

bool vcanbus_take(struct vcanbus *b, int64_t now_ns, struct mcu_can_frame *f, int *from)
{
	while (vcanbus_next_ns(b) <= now_ns) {
		if (!b->sending) {
			begin(b, start_ns(b));
			continue;
		}
		*f = head(b, b->from)->frame;
		*from = b->from;
		if (finish(b))
			return true;
	}
	return false;
}
