// SPDX-License-Identifier: GPL-2.0-or-later
/* test_rt_thread.c - the real rt thread on a pty or a socket pair.
 *
 * Shown: it starts, with the system call filter too, exchanges bytes, touches no new page, stops in
 * bounded time, many times over without leaking descriptors; it says what it was refused; a closed or
 * full line neither stops nor spins it. Skipped where io_uring is not to be had (qemu-user, some
 * containers). Page faults are not counted under sanitizers. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <liburing.h>
#include <linux/capability.h>

#include "daemon/rt/rt_proc.h"
#include "daemon/serial.h"
#include "rt_scene.h"

static void open_sockets(void)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	s->host_fd = fd[0];
	s->mcu_fd = fd[1];
}

static void open_pty(void)
{
	char err[256] = "";

	s->mcu_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	assert_true(s->mcu_fd >= 0);
	assert_int_equal(grantpt(s->mcu_fd), 0);
	assert_int_equal(unlockpt(s->mcu_fd), 0);
	s->host_fd = serial_open(ptsname(s->mcu_fd), 250000, err, sizeof(err));
	if (s->host_fd < 0)
		fail_msg("%s", err);
}

/* Answer every frame with an identify_response and an ack, and read the event that it makes. */
static void talk(int rounds)
{
	struct msg_identify ask = { .count = 40 };
	struct msg_identify_response answer = { .data = { .data = (const uint8_t *)"abc",
							  .len = 3 } };
	uint8_t frame[WIRE_FRAME_MAX], payload[WIRE_PAYLOAD_MAX];
	size_t len = wire_encode(payload, sizeof(payload), MSG_ID_identify_response,
				 &msg_table[MSG_ID_identify_response], &answer);
	int got = 0;

	for (int i = 0; i < rounds; i++) {
		struct ctl_rec rec = { .kind = CTL_SEND };
		struct pollfd p = { .fd = s->mcu_fd, .events = POLLIN };
		struct wire_frame f = { 0 };
		struct wire_rx rx;
		struct ev_rec ev;
		ssize_t n;
		const uint8_t *at = frame;
		size_t left;

		rec.send.len = (uint8_t)wire_encode(rec.send.bytes, sizeof(rec.send.bytes),
						    MSG_ID_identify, &msg_table[MSG_ID_identify],
						    &ask);
		assert_true(ring_push(&s->control, &rec));
		rt_thread_wake(&s->rt);
		assert_int_equal(poll(&p, 1, 2000), 1);
		n = read(s->mcu_fd, frame, sizeof(frame));
		assert_true(n > 0);
		left = (size_t)n;
		wire_rx_init(&rx);
		while (wire_rx_next(&rx, &at, &left, &f) == WIRE_RX_ERROR)
			;
		if (rx.frames == 0)
			continue; /* the 0x7e before a repeat, on its own */
		n = (ssize_t)wire_frame_build(frame, (uint8_t)(f.seq + 1), payload, len);
		assert_int_equal(write(s->mcu_fd, frame, (size_t)n), n);
		n = (ssize_t)wire_frame_build(frame, (uint8_t)(f.seq + 1), NULL, 0);
		assert_int_equal(write(s->mcu_fd, frame, (size_t)n), n);
		p.fd = s->rt.notify_fd;
		for (int k = 0; k < 200 && ring_used(&s->events) == 0; k++) {
			uint64_t count;

			assert_true(poll(&p, 1, 2000) == 1);
			(void)!read(s->rt.notify_fd, &count, sizeof(count));
		}
		while (ring_pop(&s->events, &ev)) {
			assert_int_equal(ev.kind, EV_MESSAGE);
			assert_int_equal(ev.message.len, len);
			assert_memory_equal(ev.message.bytes, payload, len);
			got++;
		}
	}
	assert_true(got > rounds / 2);
}

static void exchange(bool seccomp)
{
	struct rt_proc before, after;
	struct rt_thread_stats st = { 0 };

	start(seccomp);
	assert_true(rt_proc_read(s->rt.tid, &before));
	talk(200);
	pause_ms(100);
	for (int i = 0; i < 100; i++)
		rt_thread_wake(&s->rt);
	pause_ms(100);
	assert_true(rt_proc_read(s->rt.tid, &after));
	assert_true(rt_thread_stats_read(&s->rt, &st));
	assert_true(st.cycles > 50);
	assert_true(st.enters + 1 >= st.cycles);
	assert_true(atomic_load(&s->flight.head->state.written) >= 2);
	assert_int_equal(st.io_errors, 0);
	assert_int_equal(after.major_faults - before.major_faults, 0);
	if (!SANITIZED && s->rt.grants.locked)
		assert_int_equal(after.minor_faults - before.minor_faults, 0);
	assert_true(after.voluntary_switches > before.voluntary_switches);
	stop();
}

static void over_a_socket(void **state)
{
	(void)state;
	open_sockets();
	exchange(false);
}

static void over_a_pty(void **state)
{
	(void)state;
	open_pty();
	exchange(false);
}

static void with_seccomp(void **state)
{
	(void)state;
	if (SANITIZED)
		skip(); /* the sanitizers' own calls are not on the list */
	open_pty();
	exchange(true);
}

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void starts_and_stops_often(void **state)
{
	int before;

	(void)state;
	open_sockets();
	start(false);
	stop();
	before = open_descriptors();
	for (int i = 0; i < 30; i++) {
		start(!SANITIZED && i % 2);
		stop();
	}
	assert_int_equal(open_descriptors(), before);
}

static void closed(bool pty)
{
	struct rt_thread_stats st = { 0 };
	struct ev_rec ev;
	bool told = false;

	if (pty)
		open_pty();
	else
		open_sockets();
	start(false);
	talk(3);
	close(s->mcu_fd);
	s->mcu_fd = -1;
	send_identify(20);
	for (int i = 0; i < 100 && !told; i++) {
		pause_ms(10);
		while (ring_pop(&s->events, &ev))
			told |= ev.kind == EV_LINK_LOST && ev.mcu == 0;
	}
	assert_true(told);
	assert_true(cpu_of_a_second() < 0.2);
	assert_true(rt_thread_stats_read(&s->rt, &st));
	assert_true(st.io_errors > 0);
	stop();
}

static void closed_socket(void **state)
{
	(void)state;
	closed(false);
}

static void closed_pty(void **state)
{
	(void)state;
	closed(true);
}

/* Nobody reads the other end: writes find no room. */
static void full_line(void **state)
{
	int small = 1;
	uint8_t junk[1024] = { 0 };

	(void)state;
	open_sockets();
	setsockopt(s->host_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (write(s->host_fd, junk, sizeof(junk)) > 0)
		;
	start(false);
	send_identify(60);
	pause_ms(300);
	assert_true(cpu_of_a_second() < 0.2);
	/* Once it is read, things go on. */
	while (read(s->mcu_fd, junk, sizeof(junk)) > 0)
		;
	pause_ms(300);
	assert_true(read(s->mcu_fd, junk, sizeof(junk)) > 0);
	stop();
}

/* Ask for everything without the right to any of it. Runs in a child. */
static int unprivileged(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	struct rlimit zero = { 0, 0 }, little = { 1 << 20, 1 << 20 }; /* bytes: for io_uring */
	struct rt_thread_config rc = { .engine = &s->e, .mcu_count = 1, .cpu = 1000, .priority = 80 };
	int rc_start;

	open_sockets();
	rc.line[0].fd = s->host_fd;
	setrlimit(RLIMIT_RTPRIO, &zero);
	setrlimit(RLIMIT_MEMLOCK, &little);
	if (syscall(SYS_capset, &head, none) < 0)
		return 77;
	rc_start = rt_thread_start(&s->rt, &rc);
	if (rc_start < 0) {
		printf("%s: %s\n", strerror(-rc_start), s->rt.grants.text);
		/* without the right to lock memory some kernels refuse io_uring, too */
		return strstr(s->rt.grants.text, "io_uring") ? 77 : 1;
	}
	printf("%s", s->rt.grants.text);
	/* the sanitizers make locking do nothing, successfully */
	if (s->rt.grants.fifo || (s->rt.grants.locked && !SANITIZED) || s->rt.grants.pinned)
		return 2;
	if (!strstr(s->rt.grants.text, "ulimit -r 80") ||
	    (!s->rt.grants.locked && !strstr(s->rt.grants.text, "ulimit -l unlimited")) ||
	    !strstr(s->rt.grants.text, "CPU 1000: Invalid argument"))
		return 3;
	talk(20);
	rt_thread_stop(&s->rt);
	return 0;
}

static void says_what_is_missing(void **state)
{
	int status;
	pid_t child;

	(void)state;
	if (!have_io_uring())
		skip();
	fflush(stdout);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int rc = unprivileged();

		fflush(stdout);
		_exit(rc);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(over_a_socket), CASE(over_a_pty),
		CASE(with_seccomp),  CASE(starts_and_stops_often),
		CASE(closed_socket), CASE(closed_pty),
		CASE(full_line),     CASE(says_what_is_missing),
	};

	if (getenv("STEPD_EMULATED")) {
		printf("skipped: qemu-user has neither io_uring nor the terminal calls\n");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
