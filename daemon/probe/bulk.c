// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/probe/bulk.h"

#include <math.h>

#include "daemon/machine/machine.h"

#define ASK_NS ((int64_t)50 * 1000 * 1000)
/* The slope is that of the sensor's data sheet until so many samples are between the first and the last anchor. */
enum { SPAN_MIN = 96 };

bool bulk_clock_s(const struct machine *m, int mcu, uint32_t clock, double *at_s)
{
	const struct clockmap *map = &m->status.mcu[mcu].map;
	uint64_t now_clock;

	if (!clockmap_clock(map, machine_now_s(m), &now_clock))
		return false;
	now_clock += (uint64_t)(int64_t)(int32_t)(clock - (uint32_t)now_clock);
	*at_s = clockmap_time_s(map, now_clock);
	return true;
}

void bulk_start(struct bulk *b, const struct machine *m, const struct session *s)
{
	b->on = true;
	b->exact = wire_dict_wire_id(&s->dict.ids, MSG_ID_sensor_bulk_clock) != WIRE_ID_NONE;
	b->sequence = 0;
	b->per_block = 0;
	b->next = b->count = 0;
	b->anchors = 0;
	b->ask_ns = m->now_ns;
}

void bulk_stop(struct bulk *b)
{
	b->on = false;
}

/* The line through the anchors by least squares. */
static void fit(struct bulk *b)
{
	uint32_t n = b->anchors < BULK_ANCHORS ? b->anchors : BULK_ANCHORS;
	double number = 0, at_s = 0, nn = 0, nt = 0, least = INFINITY, most = 0;

	for (uint32_t i = 0; i < n; i++) {
		number += (double)b->anchor[i].number / n;
		at_s += b->anchor[i].at_s / n;
		least = fmin(least, (double)b->anchor[i].number);
		most = fmax(most, (double)b->anchor[i].number);
	}
	for (uint32_t i = 0; i < n; i++) {
		double d = (double)b->anchor[i].number - number;

		nn += d * d;
		nt += d * (b->anchor[i].at_s - at_s);
	}
	b->mean_number = number;
	b->mean_s = at_s;
	b->slope_s = most - least >= SPAN_MIN ? nt / nn : b->period_s;
}

static void anchor(struct bulk *b, const struct machine *m, uint64_t number, uint32_t clock)
{
	double at_s;

	if (!bulk_clock_s(m, b->mcu, clock, &at_s))
		return;
	b->anchor[b->anchors % BULK_ANCHORS].number = number;
	b->anchor[b->anchors % BULK_ANCHORS].at_s = at_s;
	b->anchors++;
	fit(b);
}

static void take_block(struct bulk *b, const struct msg_sensor_bulk_data *d)
{
	uint16_t lost = (uint16_t)(d->sequence - b->sequence);

	if (d->data.len < 4 || lost > INT16_MAX)
		return; /* nothing, or an old one */
	b->per_block = d->data.len / 4;
	b->next += (uint64_t)lost * b->per_block;
	b->sequence = (uint16_t)(d->sequence + 1);
	for (uint32_t i = 0; i < b->per_block; i++) {
		const uint8_t *p = d->data.data + 4 * (size_t)i;
		struct bulk_sample *s = &b->sample[b->count++ % BULK_SAMPLES];

		s->number = b->next++;
		s->word = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
		if (b->little)
			s->word = __builtin_bswap32(s->word);
	}
}

/* Asked when: how many there were then. */
static void status(struct bulk *b, const struct machine *m, const struct msg_sensor_bulk_status *s)
{
	uint16_t ahead = (uint16_t)(s->next_sequence - b->sequence);
	uint64_t number;

	if (b->exact || !b->per_block || ahead > INT16_MAX)
		return;
	number = b->next + (uint64_t)ahead * b->per_block + s->buffered / 4;
	if (number)
		anchor(b, m, number - 1, s->clock);
}

bool bulk_hear(struct bulk *b, const struct machine *m, int id, const union msg_any *any)
{
	switch (id) {
	case MSG_ID_sensor_bulk_data:
		if (any->sensor_bulk_data.oid != b->oid)
			return false;
		if (b->on)
			take_block(b, &any->sensor_bulk_data);
		return true;
	case MSG_ID_sensor_bulk_clock:
		if (any->sensor_bulk_clock.oid != b->oid)
			return false;
		if (b->on && b->next &&
		    (uint16_t)(any->sensor_bulk_clock.sequence + 1) == b->sequence)
			anchor(b, m, b->next - 1, any->sensor_bulk_clock.clock);
		return true;
	case MSG_ID_sensor_bulk_status:
		if (any->sensor_bulk_status.oid != b->oid)
			return false;
		if (b->on)
			status(b, m, &any->sensor_bulk_status);
		return true;
	default:
		return false;
	}
}

bool bulk_ask(struct bulk *b, int64_t now_ns)
{
	if (!b->on || b->exact || now_ns < b->ask_ns)
		return false;
	b->ask_ns = now_ns + ASK_NS;
	return true;
}

/* In the mean it is seen half a look late; an answer comes half a sample later still. */
bool bulk_time_s(const struct bulk *b, uint64_t number, double *at_s)
{
	if (!b->anchors)
		return false;
	*at_s = b->mean_s + ((double)number - b->mean_number) * b->slope_s - 0.5 * b->look_s -
		(b->exact ? 0 : 0.5 * b->period_s);
	return true;
}

bool bulk_each(const struct bulk *b, double from_s, double to_s,
	       bool (*take)(void *ctx, double at_s, uint32_t word), void *ctx)
{
	uint64_t i = b->count > BULK_SAMPLES ? b->count - BULK_SAMPLES : 0;
	double ready_s;

	if (!b->count || !bulk_time_s(b, b->next - 1, &ready_s) || ready_s < to_s)
		return false;
	for (; i < b->count; i++) {
		const struct bulk_sample *s = bulk_get(b, i);

		bulk_time_s(b, s->number, &ready_s);
		if (ready_s - b->period_s >= from_s && ready_s <= to_s &&
		    !take(ctx, ready_s - b->period_s / 2, s->word))
			break;
	}
	return true;
}

const struct bulk_sample *bulk_get(const struct bulk *b, uint64_t i)
{
	if (i >= b->count || b->count - i > BULK_SAMPLES)
		return NULL;
	return &b->sample[i % BULK_SAMPLES];
}
