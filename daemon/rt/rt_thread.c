// SPDX-License-Identifier: GPL-2.0-or-later
#include "rt_thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/rt/prefault.h"
#include "daemon/rt/rt_loop.h"

enum {
	RT_STACK_BYTES = 512 * 1024,
	RT_RING_ENTRIES = 128, /* and twice as many completions: all that can be under way */
	RT_SLEEP_MAX_NS = 50 * 1000 * 1000,
	RT_STATS_EVERY = 64, /* cycles between two snapshots of the statistics */
};

/* Of io_uring_enter, since 6.12; older headers lack it. */
#define ENTER_ABS_TIMER (1u << 5)

enum { STATE_STARTING, STATE_RUNNING, STATE_FAILED };

static int64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts); /* vDSO: no system call */
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- set-up, before the loop: system calls are still allowed ---- */

static void touch_rings(struct engine *e)
{
	struct ring *rings[] = { e->cfg.plan, e->cfg.side, e->cfg.control, e->cfg.events };

	prefault_write(e, sizeof(*e));
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
		if (rings[i])
			prefault_write(rings[i]->mem,
				       ring_mem_size(rings[i]->record_size, rings[i]->capacity));
}

static int open_ring(struct io_uring *ring)
{
	int rc = io_uring_queue_init(RT_RING_ENTRIES, ring,
				     IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	if (rc == -EINVAL) /* older than 6.1: works, with a little more interrupt noise */
		rc = io_uring_queue_init(RT_RING_ENTRIES, ring, 0);
	if (rc == 0) {
		prefault_read(ring->sq.ring_ptr, ring->sq.ring_sz);
		prefault_read(ring->cq.ring_ptr, ring->cq.ring_sz);
	}
	return rc;
}

/* ---- the loop ---- */

struct io_uring_sqe *rt_loop_sqe(struct rt_loop *l, enum rt_op op, int mcu)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&l->ring);

	if (!sqe) { /* full: hand the batch over and try once more */
		io_uring_submit(&l->ring);
		l->stats.enters++;
		sqe = io_uring_get_sqe(&l->ring);
	}
	if (sqe)
		io_uring_sqe_set_data64(sqe, (uint64_t)op | (uint64_t)mcu << 8);
	else
		l->stats.io_errors++;
	return sqe;
}

static void arm_wake(struct rt_loop *l)
{
	struct io_uring_sqe *sqe = rt_loop_sqe(l, OP_WAKE, 0);

	if (!sqe)
		return;
	io_uring_prep_read(sqe, l->t->wake_fd, &l->wake_value, sizeof(l->wake_value), (uint64_t)-1);
	io_uring_sqe_set_data64(sqe, OP_WAKE);
}

static void notify(struct rt_loop *l)
{
	struct io_uring_sqe *sqe;

	if (l->notifying) {
		l->notify_again = true;
		return;
	}
	sqe = rt_loop_sqe(l, OP_NOTIFY, 0);
	if (!sqe)
		return;
	l->notify_value = 1;
	io_uring_prep_write(sqe, l->t->notify_fd, &l->notify_value, sizeof(l->notify_value),
			    (uint64_t)-1);
	io_uring_sqe_set_data64(sqe, OP_NOTIFY);
	l->notifying = true;
}

static RUNS_ON(role_rt) void completed(struct rt_loop *l, uint64_t data, int res, int64_t now_ns)
{
	int mcu = (int)(data >> 8);

	switch ((enum rt_op)(data & 0xff)) {
	case OP_RETRY:
		rt_port_retry(l, mcu);
		break;
	case OP_WRITE:
		rt_port_written(l, mcu, res, now_ns);
		break;
	case OP_WAKE:
		arm_wake(l);
		break;
	case OP_NOTIFY:
		l->notifying = false;
		if (l->notify_again) {
			l->notify_again = false;
			notify(l);
		}
		break;
	}
}

static RUNS_ON(role_rt) void reap(struct rt_loop *l, int64_t now_ns)
{
	struct io_uring_cqe *cqe;
	unsigned int head, count = 0;

	io_uring_for_each_cqe(&l->ring, head, cqe)
	{
		completed(l, io_uring_cqe_get_data64(cqe), cqe->res, now_ns);
		count++;
	}
	io_uring_cq_advance(&l->ring, count);
}

/* Wait for a completion or until that time. Returns what io_uring_enter does. */
static int wait_until(struct io_uring *ring, int64_t at_ns)
{
	struct __kernel_timespec ts = { at_ns / 1000000000, at_ns % 1000000000 };
	struct io_uring_getevents_arg arg = { .sigmask_sz = _NSIG / 8, .ts = (uintptr_t)&ts };

	return io_uring_enter2((unsigned int)ring->ring_fd, 0, 1,
			       IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | ENTER_ABS_TIMER,
			       (void *)&arg, sizeof(arg));
}

/* Returns false if the deadline had come before it could sleep. */
static bool sleep_until(struct rt_loop *l, int64_t deadline_ns)
{
	struct __kernel_timespec ts = { 0, 0 };
	struct io_uring_cqe *cqe = NULL;
	int64_t wait_ns, now_ns;

	/* The wait is relative: a write to a tty takes its 20 us inside the submission, before it begins. */
	if (io_uring_sq_ready(&l->ring)) {
		io_uring_submit(&l->ring);
		l->stats.enters++;
	}
	now_ns = clock_now_ns();
	wait_ns = deadline_ns - now_ns;
	if (wait_ns > RT_SLEEP_MAX_NS)
		wait_ns = RT_SLEEP_MAX_NS;
	ts.tv_nsec = wait_ns > 0 ? wait_ns : 0;
	/* With a wait that is relative, what holds the thread up on the way into the kernel comes on top. */
	if (l->absolute && wait_ns > 0 && !io_uring_cq_ready(&l->ring))
		(void)wait_until(&l->ring,
				 wait_ns < RT_SLEEP_MAX_NS ? deadline_ns : now_ns + wait_ns);
	else
		(void)io_uring_submit_and_wait_timeout(&l->ring, &cqe, 1, &ts, NULL);
	l->stats.enters++;
	return wait_ns > 0;
}

/* Of those that slept, as cyclictest counts; what came too late because of the cycle before is counted by itself. */
static void note_wake(struct rt_loop *l, bool slept, int64_t deadline_ns, int64_t now_ns)
{
	uint64_t late_ns;

	l->stats.overrun += !slept;
	if (!slept || now_ns <= deadline_ns)
		return;
	late_ns = (uint64_t)(now_ns - deadline_ns);
	histogram_add(&l->stats.wake, late_ns);
	if (late_ns > 1000000)
		l->stats.wake_late++;
}

static RUNS_ON(role_rt) void loop(struct rt_loop *l)
{
	struct rt_thread *t = l->t;
	struct engine *e = t->cfg.engine;
	int64_t now_ns = clock_now_ns();

	for (int i = 0; i < t->cfg.mcu_count; i++)
		if (t->cfg.line[i].fd < 0) /* it may come later */
			rt_port_close(l, i, LINE_CLOSED);
	/* Pairs with the release in rt_thread_stop(). */
	while (!atomic_load_explicit(&t->stop, memory_order_acquire)) {
		int64_t start_ns = now_ns, deadline_ns;
		uint32_t tail, sequence;
		bool slept;

		engine_cycle(e, now_ns);
		for (int i = 0; i < t->cfg.mcu_count; i++)
			rt_port_transmit(l, i, now_ns);
		deadline_ns = engine_deadline_ns(e, now_ns);
		tail = atomic_load_explicit(&e->cfg.events->tail, memory_order_relaxed);
		sequence = snapshot_sequence(&e->snapshot);
		if (tail != l->notified_tail || sequence != l->notified_sequence)
			notify(l);
		l->notified_tail = tail;
		l->notified_sequence = sequence;
		if (++l->stats.cycles % RT_STATS_EVERY == 0)
			snapshot_write(&t->stats, &l->stats, sizeof(l->stats));
		now_ns = clock_now_ns();
		histogram_add(&l->stats.cycle, (uint64_t)(now_ns - start_ns));
		slept = sleep_until(l, deadline_ns);
		now_ns = clock_now_ns();
		note_wake(l, slept, deadline_ns, now_ns);
		reap(l, now_ns);
		rt_stamps_take(&l->stamps);
		for (int i = 0; i < t->cfg.mcu_count; i++) {
			rt_port_change(l, i);
			rt_port_receive(l, i);
		}
	}
}

static void *rt_main(void *arg)
{
	struct rt_loop *l = arg;
	struct rt_thread *t = l->t;
	int rc;

	role_take(&role_rt);
	t->tid = (int)syscall(SYS_gettid);
	rt_grants_ask(&t->grants, t->cfg.priority, t->cfg.cpu);
	prefault_stack();
	prefault_code();
	touch_rings(t->cfg.engine);
	prefault_write(l, sizeof(*l));
	prefault_write(&t->stats, sizeof(t->stats));
	rc = open_ring(&l->ring);
	if (rc < 0) {
		rt_grants_missing(
			&t->grants,
			"io_uring is not available: %s; stepd needs kernel 6.1 or newer with %s\n",
			strerror(-rc),
			rc == -ENOMEM ? "1 MiB that it may lock: 'ulimit -l 1024' or more"
				      : "kernel.io_uring_disabled=0");
		atomic_store(&t->state, STATE_FAILED);
		return NULL;
	}
	l->absolute = wait_until(&l->ring, 1) == -ETIME;
	arm_wake(l);
	if (t->cfg.seccomp)
		rt_grants_filter(&t->grants);
	atomic_store(&t->state, STATE_RUNNING);
	loop(l);
	/* What is in flight ends with the thread; rt_thread_stop() releases the ring. */
	if (t->grants.seccomp) /* the library's way out makes calls that the filter forbids */
		syscall(SYS_exit, 0);
	return NULL;
}

/* ---- the planner thread's side ---- */

static int start_thread(struct rt_thread *t, struct rt_loop *l)
{
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	rc = pthread_attr_setstacksize(&attr, RT_STACK_BYTES);
	if (!rc)
		rc = pthread_create(&t->thread, &attr, rt_main, l);
	pthread_attr_destroy(&attr);
	return -rc;
}

static int start_readers(struct rt_thread *t, struct rt_loop *l)
{
	int rc = 0;

	for (int i = 0; i < t->cfg.mcu_count && !rc; i++) {
		if (t->cfg.line[i].fd < 0) {
			rt_reader_init(&l->port[i].reader, t->wake_fd);
			continue;
		}
		rc = rt_reader_start(&l->port[i].reader, &t->cfg.line[i], t->wake_fd,
				     rt_port_priority(t));
		l->port[i].has_reader = rc == 0;
	}
	return rc;
}

/* After the thread has ended, or if it never was. */
static void release(struct rt_thread *t)
{
	for (int i = 0; t->loop && i < t->cfg.mcu_count; i++)
		if (t->loop->port[i].has_reader)
			rt_reader_stop(&t->loop->port[i].reader);
	if (t->loop)
		rt_stamps_stop(&t->loop->stamps);
	if (atomic_load(&t->state) == STATE_RUNNING)
		io_uring_queue_exit(&t->loop->ring);
	free(t->loop);
	t->loop = NULL;
	if (t->wake_fd >= 0)
		close(t->wake_fd);
	if (t->notify_fd >= 0)
		close(t->notify_fd);
	t->wake_fd = t->notify_fd = -1;
}

int rt_thread_start(struct rt_thread *t, const struct rt_thread_config *cfg)
{
	struct timespec pause = { 0, 1000000 };
	int rc;

	memset(t, 0, sizeof(*t));
	t->cfg = *cfg;
	t->wake_fd = eventfd(0, EFD_CLOEXEC);
	rc = t->wake_fd < 0 ? -errno : 0;
	t->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!rc && t->notify_fd < 0)
		rc = -errno;
	t->loop = aligned_alloc(RING_CACHE_LINE, (sizeof(*t->loop) + 63) / 64 * 64);
	if (!rc && !t->loop)
		rc = -ENOMEM;
	if (!rc) {
		memset(t->loop, 0, sizeof(*t->loop));
		t->loop->t = t;
		t->loop->stamps.engine = cfg->engine;
		rc = start_readers(t, t->loop);
	}
	if (!rc)
		rc = start_thread(t, t->loop);
	if (rc) {
		release(t);
		return rc;
	}
	for (int i = 0; i < 5000 && atomic_load(&t->state) == STATE_STARTING; i++)
		nanosleep(&pause, NULL);
	if (atomic_load(&t->state) == STATE_RUNNING)
		return 0;
	if (atomic_load(&t->state) == STATE_STARTING)
		rt_grants_missing(&t->grants, "the thread was not given the processor for 5 s\n");
	atomic_store(&t->stop, true); /* a late start ends at once */
	pthread_join(t->thread, NULL);
	release(t);
	return -EIO;
}

struct rt_stamps *rt_thread_stamps(struct rt_thread *t)
{
	return &t->loop->stamps;
}

int rt_thread_line(struct rt_thread *t, int mcu, int fd)
{
	return rt_stamps_line(&t->loop->stamps, mcu, fd, t->wake_fd, rt_port_priority(t));
}

void rt_thread_wake(struct rt_thread *t)
{
	uint64_t one = 1;

	if (write(t->wake_fd, &one, sizeof(one)) < 0) {
		/* The counter is full only if the thread has not looked for 2^64 wakes. */
	}
}

void rt_thread_stop(struct rt_thread *t)
{
	/* Pairs with the acquire in loop(). */
	atomic_store_explicit(&t->stop, true, memory_order_release);
	rt_thread_wake(t);
	pthread_join(t->thread, NULL);
	release(t);
}

bool rt_thread_stats_read(struct rt_thread *t, struct rt_thread_stats *out)
{
	struct rt_thread_stats st;

	if (!snapshot_read(&t->stats, &st, sizeof(st)))
		return false;
	*out = st;
	return true;
}
