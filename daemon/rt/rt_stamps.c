// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt/rt_stamps.h"

#include "daemon/rt/gpio_edges.h"

enum {
	EDGES_MAX = 8,     /* more than fit into a reader's chunk */
	RECORDS_MAX = 256, /* in one turn: what more there is waits for the next */
};

void rt_stamps_begin(struct rt_stamps *s, const struct stamp_ring *ring)
{
	s->ring = *ring;
	/* Pairs with the acquire in rt_stamps_take(): the ring is whole. */
	atomic_store_explicit(&s->wanted, true, memory_order_release);
}

uint32_t rt_stamps_end(struct rt_stamps *s)
{
	atomic_store(&s->wanted, false);
	return atomic_load(&s->turns);
}

int rt_stamps_line(struct rt_stamps *s, int mcu, int fd, int wake_fd, int priority)
{
	struct rt_line line = { .fd = fd };
	int rc = rt_reader_start(&s->port[mcu].line, &line, wake_fd, priority);

	/* Pairs with the acquire in take_lines(): the reader's ring is whole. */
	if (rc == 0)
		atomic_fetch_or_explicit(&s->lines, 1u << mcu, memory_order_release);
	return rc;
}

void rt_stamps_stop(struct rt_stamps *s)
{
	uint32_t lines = atomic_exchange(&s->lines, 0);

	for (int i = 0; i < ENGINE_MCUS; i++)
		if (lines & 1u << i)
			rt_reader_stop(&s->port[i].line);
}

/* ---- RT ---- */

static void count(_Atomic uint64_t *to, uint32_t n)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static RUNS_ON(role_rt) void take_edge(struct rt_stamps *s, int mcu, int64_t at_ns)
{
	if (mcu >= ENGINE_MCUS)
		return;
	count(&s->port[mcu].edges, 1);
	engine_edge(s->engine, mcu, at_ns);
}

static void keep_rx(struct rt_stamps_port *p, const struct stepd_stamp_record *r)
{
	uint32_t i = p->head++ % RT_STAMPS_RX;

	p->rx[i].position = r->position;
	p->rx[i].count = r->count;
	p->rx[i].at_ns = r->time_ns;
	if (p->head - p->tail > RT_STAMPS_RX) /* these bytes get the reader's time */
		p->tail = p->head - RT_STAMPS_RX;
}

static RUNS_ON(role_rt) void take_record(struct rt_stamps *s, const struct stepd_stamp_record *r)
{
	if (r->kind == STEPD_STAMP_SYNC && r->source >= RT_STAMPS_LINE_SOURCE)
		take_edge(s, r->source - RT_STAMPS_LINE_SOURCE, r->time_ns);
	if (r->source >= ENGINE_MCUS)
		return;
	if (r->kind == STEPD_STAMP_RX)
		keep_rx(&s->port[r->source], r);
	else if (r->kind == STEPD_STAMP_END)
		atomic_fetch_or(&s->ended, 1u << r->source);
}

static RUNS_ON(role_rt) void take_lines(struct rt_stamps *s)
{
	/* Pairs with the release in rt_stamps_line(). */
	uint32_t lines = atomic_load_explicit(&s->lines, memory_order_acquire);
	const struct rt_reader_chunk *c;
	int64_t at_ns[EDGES_MAX];

	for (int i = 0; i < ENGINE_MCUS; i++) {
		if (!(lines & 1u << i))
			continue;
		while ((c = ring_peek(&s->port[i].line.ring))) {
			size_t n = gpio_edges_decode(c->data, c->len > 0 ? (size_t)c->len : 0,
						     at_ns, EDGES_MAX);

			for (size_t k = 0; k < n; k++)
				take_edge(s, i, at_ns[k]);
			ring_drop(&s->port[i].line.ring);
		}
	}
}

void rt_stamps_take(struct rt_stamps *s)
{
	struct stepd_stamp_record r;

	/* Pairs with the release in rt_stamps_begin(). */
	if (atomic_load_explicit(&s->wanted, memory_order_acquire))
		for (int i = 0; i < RECORDS_MAX && stamp_ring_next(&s->ring, &r); i++)
			take_record(s, &r);
	if (atomic_load_explicit(&s->lines, memory_order_relaxed))
		take_lines(s);
	/* Pairs with the acquire in rt_stamps_free(): the ring is not looked at any more. */
	atomic_fetch_add_explicit(&s->turns, 1, memory_order_release);
}

/* How many of the next len bytes came at one time, and when; *stamped: the module says so. */
static uint32_t same_time(struct rt_stamps_port *p, uint32_t len, int64_t *at_ns, bool *stamped)
{
	*stamped = false;
	for (; p->tail != p->head; p->tail++) {
		uint32_t i = p->tail % RT_STAMPS_RX;
		uint64_t from = p->rx[i].position, to = from + p->rx[i].count;

		if (to <= p->taken)
			continue;
		if (from > p->taken) /* nothing is known of those before it */
			return from - p->taken < len ? (uint32_t)(from - p->taken) : len;
		*stamped = true;
		*at_ns = p->rx[i].at_ns < *at_ns ? p->rx[i].at_ns : *at_ns;
		return to - p->taken < len ? (uint32_t)(to - p->taken) : len;
	}
	return len;
}

void rt_stamps_receive(struct rt_stamps *s, int mcu, const uint8_t *bytes, uint32_t len,
		       int64_t at_ns)
{
	struct rt_stamps_port *p = &s->port[mcu];

	/* The kernel stamps first, then wakes the reader: what stamps these bytes have are there. */
	rt_stamps_take(s);
	while (len > 0) {
		int64_t came_ns = at_ns;
		bool stamped;
		uint32_t n = same_time(p, len, &came_ns, &stamped);

		engine_receive(s->engine, mcu, bytes, n, came_ns);
		count(stamped ? &p->stamped : &p->plain, n);
		p->taken += n;
		bytes += n;
		len -= n;
	}
}
