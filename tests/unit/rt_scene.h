/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt_scene.h - the real rt thread on lines of a test's own, with an engine and rings that the test feeds.
 *
 * One scene at a time; skips the case where io_uring is not to be had. A test may include it once; all
 * functions are static.
 */
#ifndef TEST_RT_SCENE_H
#define TEST_RT_SCENE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <liburing.h>

#include "daemon/rt/rt_thread.h"
#include "flight_engine.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

enum { RECORDS = 64 };

struct scene {
	struct engine e;
	struct ring plan, control, events;
	struct plan_rec plan_mem[RECORDS];
	struct ctl_rec control_mem[RECORDS];
	struct ev_rec event_mem[RECORDS];
	struct rt_thread rt;
	struct flight flight;
	void *flight_mem;
	int host_fd, mcu_fd;
	uint32_t can_id; /* the line is a socket of struct can_frame; 0: of bytes */
};

static struct scene *s;

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void pause_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static bool have_io_uring(void)
{
	struct io_uring ring;

	if (io_uring_queue_init(4, &ring, 0) < 0)
		return false;
	io_uring_queue_exit(&ring);
	return true;
}

static int set_up(void **state)
{
	struct engine_config ec = { .horizon_s = 0.1, .low_water_s = 0.05, .start_lead_s = 0.06 };

	(void)state;
	s = aligned_alloc(RING_CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);
	assert_non_null(s);
	memset(s, 0, sizeof(*s));
	s->host_fd = s->mcu_fd = -1;
	ring_init(&s->plan, s->plan_mem, sizeof(s->plan_mem[0]), RECORDS);
	ring_init(&s->control, s->control_mem, sizeof(s->control_mem[0]), RECORDS);
	ring_init(&s->events, s->event_mem, sizeof(s->event_mem[0]), RECORDS);
	ec.plan = &s->plan;
	ec.control = &s->control;
	ec.events = &s->events;
	/* As the daemon does, but without a file. */
	s->flight_mem = mmap(NULL, flight_bytes(FLIGHT_RECORDS_MIN), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_true(s->flight_mem != MAP_FAILED);
	flight_init(&s->flight, s->flight_mem, FLIGHT_RECORDS_MIN);
	flight_observer(&s->flight, &ec.recorder);
	engine_init(&s->e, &ec);
	engine_link_add(&s->e, 0, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (s->host_fd >= 0)
		close(s->host_fd);
	if (s->mcu_fd >= 0)
		close(s->mcu_fd);
	munmap(s->flight_mem, flight_bytes(FLIGHT_RECORDS_MIN));
	free(s);
	return 0;
}

static void start(bool seccomp)
{
	struct rt_thread_config rc = {
		.engine = &s->e, .mcu_count = 1, .cpu = -1, .seccomp = seccomp
	};
	double from_s = now_s();
	int rc_start;

	if (!have_io_uring())
		skip();
	rc.line[0] = (struct rt_line){ .fd = s->host_fd, .can_id = s->can_id };
	rc_start = rt_thread_start(&s->rt, &rc);
	if (rc_start < 0)
		fail_msg("%s: %s", strerror(-rc_start), s->rt.grants.text);
	assert_int_equal(s->rt.grants.seccomp, seccomp);
	assert_true(now_s() - from_s < 5);
}

static void stop(void)
{
	double from_s = now_s();

	rt_thread_stop(&s->rt);
	assert_true(now_s() - from_s < 1);
}

/* CPU time of the thread in a second, in seconds. */
static double cpu_of_a_second(void)
{
	char path[64], text[1024];
	unsigned long user = 0, sys = 0, user2 = 0, sys2 = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", s->rt.tid);
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(path, "r");
		const char *at;

		assert_non_null(f);
		assert_non_null(fgets(text, sizeof(text), f));
		fclose(f);
		at = strrchr(text, ')');
		assert_non_null(at);
		user = user2;
		sys = sys2;
		assert_int_equal(sscanf(at + 1,
					" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
					&user2, &sys2),
				 2);
		if (i == 0)
			pause_ms(1000);
	}
	return (double)(user2 + sys2 - user - sys) / (double)sysconf(_SC_CLK_TCK);
}

static void send_identify(int count)
{
	struct msg_identify ask = { .count = 40 };
	struct ctl_rec rec = { .kind = CTL_SEND };

	rec.send.len = (uint8_t)wire_encode(rec.send.bytes, sizeof(rec.send.bytes), MSG_ID_identify,
					    &msg_table[MSG_ID_identify], &ask);
	for (int i = 0; i < count; i++)
		ring_push(&s->control, &rec);
	rt_thread_wake(&s->rt);
}

#endif
