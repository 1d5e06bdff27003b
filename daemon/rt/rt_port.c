// SPDX-License-Identifier: GPL-2.0-or-later
/* An MCU's line in the rt thread's loop: written through the ring, read by a reader, and changed for another. */
#include <string.h>

#include "daemon/rt/rt_loop.h"

void rt_port_close(struct rt_loop *l, int mcu, enum line_state why)
{
	l->stats.io_errors++;
	if (l->port[mcu].closed)
		return;
	l->port[mcu].closed = true;
	/* Pairs with the acquire in rt_thread_line_closed(). */
	atomic_store_explicit(&l->port[mcu].change, PORT_CLOSED, memory_order_release);
	engine_line_closed(l->t->cfg.engine, mcu, why);
}

/* Try to write again in a while. Not by polling: that may wait (rt_reader.h). */
static RUNS_ON(role_rt) void arm_retry(struct rt_loop *l, int mcu)
{
	struct io_uring_sqe *sqe = rt_loop_sqe(l, OP_RETRY, mcu);

	if (!sqe) {
		rt_port_close(l, mcu, LINE_CLOSED);
		return;
	}
	l->port[mcu].retry = (struct __kernel_timespec){ .tv_nsec = l->port[mcu].out.retry_ns };
	io_uring_prep_timeout(sqe, &l->port[mcu].retry, 0, 0);
	io_uring_sqe_set_data64(sqe, OP_RETRY | (uint64_t)mcu << 8);
}

static RUNS_ON(role_rt) void write_more(struct rt_loop *l, int mcu)
{
	const struct rt_line *line = &l->t->cfg.line[mcu];
	struct rt_port *p = &l->port[mcu];
	struct io_uring_sqe *sqe[RT_OUT_FRAMES];
	uint32_t count = rt_out_count(&p->out, line);

	if (io_uring_sq_space_left(&l->ring) < count) { /* what is linked is submitted at once */
		io_uring_submit(&l->ring);
		l->stats.enters++;
	}
	for (uint32_t i = 0; i < count; i++) {
		sqe[i] = rt_loop_sqe(l, OP_WRITE, mcu);
		if (!sqe[i]) {
			rt_port_close(l, mcu, LINE_CLOSED);
			return;
		}
	}
	rt_out_write(&p->out, line, sqe, count);
	for (uint32_t i = 0; i < count; i++) /* preparing clears it */
		io_uring_sqe_set_data64(sqe[i], OP_WRITE | (uint64_t)mcu << 8);
	p->writing = true;
}

void rt_port_transmit(struct rt_loop *l, int mcu, int64_t now_ns)
{
	struct rt_port *p = &l->port[mcu];

	if (p->writing || p->closed)
		return;
	p->out.done = 0;
	p->out.len = engine_transmit(l->t->cfg.engine, mcu, p->out.bytes, RT_OUT_BYTES, now_ns);
	if (p->out.len > 0) /* if there is more: once this is written */
		write_more(l, mcu);
	engine_line_busy(l->t->cfg.engine, mcu, p->writing);
}

void rt_port_written(struct rt_loop *l, int mcu, int res, int64_t now_ns)
{
	struct rt_port *p = &l->port[mcu];

	switch (rt_out_written(&p->out, &l->t->cfg.line[mcu], res, now_ns)) {
	case RT_OUT_PENDING:
		return;
	case RT_OUT_MORE:
		if (p->closed)
			break;
		write_more(l, mcu);
		return;
	case RT_OUT_FULL:
		if (p->closed)
			break;
		l->stats.line_full++;
		engine_line_full(l->t->cfg.engine, mcu);
		arm_retry(l, mcu);
		return;
	case RT_OUT_DONE:
		break;
	case RT_OUT_FAILED:
		rt_port_close(l, mcu, (enum line_state)p->out.why);
		break;
	}
	p->writing = false;
	engine_line_busy(l->t->cfg.engine, mcu, false);
}

void rt_port_retry(struct rt_loop *l, int mcu)
{
	if (!l->port[mcu].closed) {
		write_more(l, mcu);
		return;
	}
	l->port[mcu].writing = false;
	engine_line_busy(l->t->cfg.engine, mcu, false);
}

void rt_port_receive(struct rt_loop *l, int mcu)
{
	const struct rt_reader_chunk *c;

	while ((c = ring_peek(&l->port[mcu].reader.ring))) {
		if (c->len > 0)
			rt_stamps_receive(&l->stamps, mcu, c->data, (uint32_t)c->len, c->at_ns);
		if (c->end || (c->news && c->line == LINE_BUS_OFF))
			rt_port_close(l, mcu, (enum line_state)c->line);
		else if (c->news)
			engine_line_note(l->t->cfg.engine, mcu, (enum line_state)c->line);
		ring_drop(&l->port[mcu].reader.ring);
	}
}

void rt_port_change(struct rt_loop *l, int mcu)
{
	struct rt_port *p = &l->port[mcu];
	/* Pairs with the releases in rt_thread_line_left() and rt_thread_line_opened(). */
	uint8_t change = atomic_load_explicit(&p->change, memory_order_acquire);

	if (change == PORT_LEAVE && !p->writing) {
		rt_port_receive(l, mcu);
		/* Pairs with the acquire in rt_thread_line_left(). */
		atomic_store_explicit(&p->change, PORT_LEFT, memory_order_release);
	} else if (change == PORT_TAKE) {
		l->t->cfg.line[mcu] = p->next;
		memset(&p->out, 0, sizeof(p->out));
		p->closed = false;
		atomic_store_explicit(&p->change, PORT_OPEN, memory_order_relaxed);
		engine_line_opened(l->t->cfg.engine, mcu);
	}
}

/* ---- the planner thread's side ---- */

int rt_port_priority(const struct rt_thread *t)
{
	return t->cfg.priority > 1 ? t->cfg.priority - 1 : t->cfg.priority;
}

bool rt_thread_line_closed(const struct rt_thread *t, int mcu)
{
	/* Pairs with the release in rt_port_close(). */
	return atomic_load_explicit(&t->loop->port[mcu].change, memory_order_acquire) != PORT_OPEN;
}

bool rt_thread_line_left(struct rt_thread *t, int mcu)
{
	struct rt_port *p = &t->loop->port[mcu];

	/* Pairs with the release in rt_port_change(). */
	if (atomic_load_explicit(&p->change, memory_order_acquire) == PORT_CLOSED) {
		if (p->has_reader)
			rt_reader_stop(&p->reader);
		p->has_reader = false;
		/* Pairs with the acquire in rt_port_change(). */
		atomic_store_explicit(&p->change, PORT_LEAVE, memory_order_release);
		rt_thread_wake(t);
	}
	return atomic_load_explicit(&p->change, memory_order_acquire) == PORT_LEFT;
}

int rt_thread_line_opened(struct rt_thread *t, int mcu, const struct rt_line *line)
{
	struct rt_port *p = &t->loop->port[mcu];
	int rc = rt_reader_again(&p->reader, line, rt_port_priority(t));

	if (rc)
		return rc;
	p->has_reader = true;
	p->next = *line;
	/* Pairs with the acquire in rt_port_change(). */
	atomic_store_explicit(&p->change, PORT_TAKE, memory_order_release);
	rt_thread_wake(t);
	return 0;
}
