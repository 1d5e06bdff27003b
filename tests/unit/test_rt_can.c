// SPDX-License-Identifier: GPL-2.0-or-later
/* test_rt_can.c - the real rt thread on a CAN line, at the other end a simulated node or the test itself.
 *
 * Shown: the stream goes out and comes in as frames, with the system call filter too; while the queue is full no
 * byte is lost, repeated or overtaken, and the waits are counted and recorded; a queue that stays full ends the
 * line within bounded time and without spinning; so do bus-off, an interface that is shut down and one that
 * vanishes, each with its name; error-passive, restart and overrun are told once and end nothing; frames of
 * others are passed over. A node that is reset is silent until it has its id again.
 * How: a pair of sockets that keep records whole carries struct can_frame, on machines without CAN, too. Errors of
 * an interface come as errno from a socket: those are cases of rt_out_written() and can_frame_errno(). Skipped where
 * io_uring is not to be had.
 */
#include "rt_scene.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <linux/can/error.h>

#include "daemon/can_frame.h"
#include "daemon/rt/rt_proc.h"
#include "mcu_can.h"
#include "mcu/boards/sim/sim.h"

enum { NODE = 4, TO = 0x108, FROM = 0x109 };

#define LIMIT_S 5.0 /* what has not come by then does not come */

static const uint8_t uuid[WIRE_CAN_UUID] = { 0x11, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

static void open_line(void)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
			 0);
	s->host_fd = fd[0];
	s->mcu_fd = fd[1];
	s->can_id = TO;
}

static void put(uint32_t id, const void *data, size_t len)
{
	struct can_frame f = { .can_id = id, .len = (uint8_t)len };

	memcpy(f.data, data, len);
	assert_int_equal(write(s->mcu_fd, &f, sizeof(f)), sizeof(f));
}

/* ---- a simulated node at the other end ---- */

static struct sim *node_new(void)
{
	struct sim_cfg cfg = { .canbus_hz = 1000000 };
	struct sim *n;

	memcpy(cfg.can_uuid, uuid, sizeof(uuid));
	n = sim_new(&cfg);
	assert_non_null(n);
	assert_int_equal(sim_start(n), 0);
	return n;
}

static void node_assign(struct sim *n)
{
	struct mcu_can_frame f = { .id = WIRE_CAN_TO_NODES, .len = 8, .data = { WIRE_CAN_ASSIGN } };

	memcpy(f.data + 1, uuid, sizeof(uuid));
	f.data[7] = NODE;
	sim_can_receive(n, &f);
}

/* Carry frames between the line and the node until so many events have come, or for limit_s. Returns: frames
 * from the host. */
static int node_run(struct sim *n, uint32_t events, double limit_s)
{
	double end_s = now_s() + limit_s;
	struct mcu_can_frame f;
	struct can_frame raw;
	int count = 0;

	while (now_s() < end_s && ring_used(&s->events) < events) {
		struct pollfd p = { .fd = s->mcu_fd, .events = POLLIN };

		poll(&p, 1, 1);
		while (read(s->mcu_fd, &raw, sizeof(raw)) == (ssize_t)sizeof(raw)) {
			count++;
			assert_int_equal(raw.can_id, TO);
			assert_in_range(raw.len, 1, CAN_MAX_DLEN);
			f = (struct mcu_can_frame){ .id = (uint16_t)raw.can_id, .len = raw.len };
			memcpy(f.data, raw.data, sizeof(f.data));
			sim_can_receive(n, &f);
			while (sim_can_next(n, &f))
				put(f.id, f.data, f.len);
		}
	}
	return count;
}

/* Answers that have come to the planner's side. */
static int answers(void)
{
	struct ev_rec ev;
	int n = 0;

	while (ring_pop(&s->events, &ev))
		n += ev.kind == EV_MESSAGE;
	return n;
}

static void exchange(bool seccomp)
{
	struct rt_proc before, after;
	struct rt_thread_stats st = { 0 };
	struct sim *n = node_new();
	int got = 0;

	open_line();
	start(seccomp);
	assert_true(rt_proc_read(s->rt.tid, &before));
	node_assign(n);
	for (int i = 0; i < 100; i++) {
		send_identify(3);
		assert_true(node_run(n, 3, LIMIT_S) >= 2);
		got += answers();
	}
	assert_int_equal(got, 300);
	rt_thread_wake(&s->rt);
	pause_ms(100);
	assert_true(rt_proc_read(s->rt.tid, &after));
	assert_true(rt_thread_stats_read(&s->rt, &st));
	assert_int_equal(st.io_errors, 0);
	assert_int_equal(s->e.mcu[0].link.rx.bad_crc, 0);
	assert_int_equal(after.major_faults - before.major_faults, 0);
	if (!SANITIZED && s->rt.grants.locked)
		assert_int_equal(after.minor_faults - before.minor_faults, 0);
	stop();
	assert_null(sim_shutdown_reason(n));
	sim_free(n);
}

static void over_can(void **state)
{
	(void)state;
	exchange(false);
}

static void with_seccomp(void **state)
{
	(void)state;
	if (SANITIZED)
		skip(); /* the sanitizers' own calls are not on the list */
	exchange(true);
}

static void node_is_reset(void **state)
{
	struct sim *n = node_new();
	int seen = 0;

	(void)state;
	open_line();
	start(false);
	send_identify(1);
	for (int i = 0; i < 20 && seen == 0; i++)
		seen = node_run(n, 1, 0.25);
	assert_true(seen > 0);
	assert_int_equal(answers(), 0); /* it has no id yet */
	node_assign(n);
	node_run(n, 1, LIMIT_S);
	assert_int_equal(answers(), 1);
	sim_reset(n);
	assert_true(ring_push(&s->control, &(struct ctl_rec){ .kind = CTL_LINK_RESET }));
	send_identify(1);
	node_run(n, 1, 0.3);
	assert_int_equal(answers(), 0);
	node_assign(n);
	node_assign(n); /* saying it again does no harm */
	node_run(n, 1, LIMIT_S);
	assert_int_equal(answers(), 1);
	stop();
	sim_free(n);
}

/* ---- a full queue ---- */

static void fill_line(void)
{
	struct can_frame f = { .can_id = 0x7ff, .len = 8 };
	int small = 1;

	setsockopt(s->host_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (write(s->host_fd, &f, sizeof(f)) > 0)
		;
	assert_int_equal(errno, EAGAIN);
}

/* Its reader is slow and never answers: what arrives are whole frames, in order, and repeats of them. */
static void full_queue(void **state)
{
	double end_s = now_s() + 0.9;
	struct wire_frame w;
	struct can_frame raw;
	struct wire_rx rx;
	int frames = 0;

	(void)state;
	open_line();
	fill_line();
	wire_rx_init(&rx);
	start(false);
	s->e.mcu[0].link.seq_known = true; /* a dozen at a time from the beginning */
	send_identify(60);
	for (int i = 0; i < RECORDS && now_s() < end_s; i++) {
		pause_ms(i % 4 == 0 ? 30 : 1);
		for (int k = 0; k < 3 && read(s->mcu_fd, &raw, sizeof(raw)) > 0; k++) {
			const uint8_t *at = raw.data;
			size_t left = raw.len;

			if (raw.can_id != TO)
				continue;
			frames++;
			while (wire_rx_next(&rx, &at, &left, &w) == WIRE_RX_FRAME)
				;
		}
	}
	stop();
	printf("%d frames, %u messages, full %u times\n", frames, rx.frames, s->e.mcu[0].line_full);
	assert_true(frames > 20);
	assert_true(rx.frames > 2);
	assert_int_equal(rx.bad_crc, 0);
	assert_true(s->e.mcu[0].line_full > 2);
	assert_false(s->e.mcu[0].closed);
}

static bool told(enum line_state state, double within_s)
{
	double end_s = now_s() + within_s;
	struct ev_rec ev;

	while (now_s() < end_s) {
		pause_ms(5);
		while (ring_pop(&s->events, &ev))
			if (ev.kind == EV_LINK_LOST && ev.line.state == state)
				return true;
	}
	return false;
}

static void stuck_queue(void **state)
{
	double from_s;

	(void)state;
	open_line();
	fill_line();
	start(false);
	from_s = now_s();
	send_identify(5);
	assert_true(cpu_of_a_second() < 0.2);
	assert_true(told(LINE_STUCK, LIMIT_S));
	assert_true(now_s() - from_s > 1);
	stop();
	assert_true(s->e.mcu[0].line_full > 100); /* no wait is longer than 4 ms */
	assert_true(s->e.mcu[0].line_full < 1000);
	/* the recorder is told ten times a second */
	assert_in_range(atomic_load(&s->flight.head->state.written), 5, 60);
}

/* ---- what the controller says ---- */

static void say_error(uint32_t class, uint8_t controller)
{
	uint8_t data[CAN_ERR_DLC] = { 0, controller };

	put(CAN_ERR_FLAG | class, data, sizeof(data));
}

static void bus_off(void **state)
{
	(void)state;
	open_line();
	start(false);
	send_identify(5);
	say_error(CAN_ERR_CRTL | CAN_ERR_BUSOFF, CAN_ERR_CRTL_TX_PASSIVE);
	assert_true(told(LINE_BUS_OFF, 2));
	assert_true(cpu_of_a_second() < 0.2);
	stop();
	assert_int_equal(s->e.mcu[0].line, LINE_BUS_OFF);
}

static void warnings(void **state)
{
	static const struct {
		uint32_t class;
		uint8_t controller, state;
	} said[] = {
		{ CAN_ERR_CRTL, CAN_ERR_CRTL_RX_PASSIVE, LINE_PASSIVE },
		{ CAN_ERR_RESTARTED, 0, LINE_RESTARTED },
		{ CAN_ERR_CRTL, CAN_ERR_CRTL_ACTIVE, LINE_FINE },
		{ CAN_ERR_CRTL, CAN_ERR_CRTL_RX_OVERFLOW, LINE_OVERRUN },
		{ CAN_ERR_CRTL, CAN_ERR_CRTL_TX_PASSIVE, LINE_PASSIVE },
	};
	struct sim *n = node_new();

	(void)state;
	open_line();
	start(false);
	node_assign(n);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct ev_rec ev = { .kind = EV_SYNC };
		int lines = 0, got = 0;

		for (int k = 0; k < 20; k++)
			say_error(said[i].class, said[i].controller);
		say_error(CAN_ERR_CRTL, CAN_ERR_CRTL_RX_WARNING); /* not worth a word */
		send_identify(1);
		node_run(n, 2, LIMIT_S);
		while (ring_pop(&s->events, &ev)) {
			got += ev.kind == EV_MESSAGE;
			if (ev.kind != EV_LINE)
				continue;
			lines++;
			assert_int_equal(ev.line.state, said[i].state);
		}
		assert_int_equal(lines, 1);
		assert_int_equal(got, 1);
	}
	stop();
	assert_true(s->e.mcu[0].line_overruns > 0);
	assert_false(s->e.mcu[0].closed);
	sim_free(n);
}

/* Frames that are none of ours, and records that are no frames. */
static void foreign_frames(void **state)
{
	const uint8_t junk[CAN_MAX_DLEN] = "\x7e\x05\x10\x7e\x7e\x7e\x7e";
	struct sim *n = node_new();

	(void)state;
	open_line();
	start(false);
	node_assign(n);
	for (int i = 0; i < 20; i++) {
		struct can_frame f = { .can_id = FROM, .len = 200 };

		put(FROM + 2, junk, 8);
		put(TO, junk, 8);
		put(FROM | CAN_EFF_FLAG, junk, 8);
		put(FROM | CAN_RTR_FLAG, junk, 8);
		assert_true(write(s->mcu_fd, &f, sizeof(f)) > 0); /* a length that can't be */
		assert_true(write(s->mcu_fd, &f, 5) > 0);
		put(FROM, junk, 0);
		pause_ms(2);
	}
	send_identify(1);
	node_run(n, 1, LIMIT_S);
	assert_int_equal(answers(), 1);
	stop();
	assert_int_equal(s->e.mcu[0].link.rx.bad_crc, 0);
	assert_false(s->e.mcu[0].closed);
	sim_free(n);
}

static void closed_line(void **state)
{
	(void)state;
	open_line();
	start(false);
	close(s->mcu_fd);
	s->mcu_fd = -1;
	assert_true(told(LINE_CLOSED, 2));
	assert_true(cpu_of_a_second() < 0.2);
	stop();
}

/* ---- the writes, without a thread ---- */

static void writes(void **state)
{
	static const struct {
		int res;
		enum line_state state;
	} errors[] = { { -ENETDOWN, LINE_DOWN },
		       { -ENODEV, LINE_GONE },
		       { -ENXIO, LINE_GONE },
		       { -EIO, LINE_CLOSED } };
	struct rt_line line = { .fd = 3, .can_id = TO };
	static struct rt_out o;
	struct io_uring_sqe mem[RT_OUT_FRAMES], *sqe[RT_OUT_FRAMES];
	int64_t now_ns = 1, waited_ns = 0;

	(void)state;
	for (int i = 0; i < RT_OUT_FRAMES; i++)
		sqe[i] = &mem[i];
	for (int i = 0; i < 300; i++)
		o.bytes[i] = (uint8_t)i;
	o.len = 300;
	assert_int_equal(rt_out_count(&o, &line), RT_OUT_FRAMES);
	rt_out_write(&o, &line, sqe, RT_OUT_FRAMES);
	for (int i = 0; i < RT_OUT_FRAMES; i++) {
		assert_int_equal(!!(mem[i].flags & IOSQE_IO_LINK), i + 1 < RT_OUT_FRAMES);
		assert_int_equal(mem[i].len, sizeof(struct can_frame));
		assert_int_equal(o.frame[i].can_id, TO);
		assert_int_equal(o.frame[i].len, 8);
		assert_int_equal(o.frame[i].data[0], 8 * i % 256);
	}
	/* five go, the sixth does not, the rest is not tried */
	for (int i = 0; i < RT_OUT_FRAMES; i++)
		assert_int_equal(rt_out_written(&o, &line,
						i < 5    ? 16
						: i == 5 ? -ENOBUFS
							 : -ECANCELED,
						now_ns),
				 i + 1 < RT_OUT_FRAMES ? RT_OUT_PENDING : RT_OUT_FULL);
	assert_int_equal(o.done, 40);
	assert_int_equal(o.retry_ns, RT_OUT_RETRY_NS);
	/* nothing goes: the waits grow, up to a limit, and so does their sum */
	for (int i = 0; i < 1000; i++) {
		enum rt_out_result r;

		waited_ns += o.retry_ns;
		now_ns += o.retry_ns;
		rt_out_write(&o, &line, sqe, 1);
		assert_int_equal(o.frame[0].data[0], 40);
		r = rt_out_written(&o, &line, i % 2 ? -ENOBUFS : -EAGAIN, now_ns);
		if (r == RT_OUT_FAILED)
			break;
		assert_int_equal(r, RT_OUT_FULL);
		assert_true(o.retry_ns <= RT_OUT_RETRY_MAX_NS);
	}
	assert_int_equal(o.why, LINE_STUCK);
	assert_in_range(waited_ns, LINE_STUCK_NS, LINE_STUCK_NS + RT_OUT_RETRY_MAX_NS);
	/* one that goes ends that */
	o.full_ns = now_ns - LINE_STUCK_NS / 2;
	rt_out_write(&o, &line, sqe, 2);
	assert_int_equal(rt_out_written(&o, &line, 16, now_ns), RT_OUT_PENDING);
	assert_int_equal(rt_out_written(&o, &line, -ENOBUFS, now_ns), RT_OUT_FULL);
	assert_int_equal(o.full_ns, now_ns);
	assert_int_equal(o.retry_ns, RT_OUT_RETRY_NS);
	/* the end of it: a frame that is not full */
	o.done = 296;
	assert_int_equal(rt_out_count(&o, &line), 1);
	rt_out_write(&o, &line, sqe, 1);
	assert_int_equal(o.frame[0].len, 4);
	assert_int_equal(rt_out_written(&o, &line, 16, now_ns), RT_OUT_DONE);
	assert_int_equal(o.done, 300);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		memset(&o, 0, sizeof(o));
		o.len = 16;
		rt_out_write(&o, &line, sqe, 2);
		assert_int_equal(rt_out_written(&o, &line, errors[i].res, now_ns), RT_OUT_PENDING);
		assert_int_equal(rt_out_written(&o, &line, -ECANCELED, now_ns), RT_OUT_FAILED);
		assert_int_equal(o.why, errors[i].state);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(over_can),           CASE(with_seccomp),   CASE(node_is_reset),
		CASE(full_queue),         CASE(stuck_queue),    CASE(bus_off),
		CASE(warnings),           CASE(foreign_frames), CASE(closed_line),
		cmocka_unit_test(writes),
	};

	if (getenv("STEPD_EMULATED")) {
		printf("skipped: qemu-user has neither io_uring nor the terminal calls\n");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
