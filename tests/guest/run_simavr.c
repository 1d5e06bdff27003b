/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_simavr.c - an AVR image in simavr, in real time, its serial line on a pty: for the real daemon.
 *
 *   run_simavr CHIP IMAGE.elf PTY_LINK [EDGE_TRACE]
 *
 * EDGE_TRACE is what mcu-sim --trace writes (mcu/boards/sim/trace.h), so `stepd verify` reads it; its
 * clocks are the firmware's own. Ends with SIGTERM, and says how far it was behind the wall clock at most:
 * on a busy machine the chip is too slow for a host. Exit 77 without libsimavr.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mcu/boards/sim/pty.h"
#include "tests/fwlib/target.h"

enum {
	WAKE_NS = 500000, /* the longest nap: the host's bytes wake us at once */
	RX_MAX = 512,
};

struct runner {
	struct target *t;
	struct pty pty;
	FILE *trace;
	uint64_t start_clock;
	int64_t start_ns;
	double behind_s_max;
};

static volatile sig_atomic_t stop_requested;

static void on_signal(int sig)
{
	(void)sig;
	stop_requested = 1;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void on_bytes(void *ctx, const uint8_t *bytes, size_t len)
{
	struct runner *r = ctx;

	pty_write(&r->pty, bytes, len);
}

static void on_edge(void *ctx, uint16_t pin, bool level, uint64_t clock)
{
	struct runner *r = ctx;

	if (r->trace)
		fprintf(r->trace, "%" PRIu64 " P%c%d %d\n", clock, 'A' + pin / 8, pin % 8, level);
}

/* Up to the present, and only then to the host: what it sent arrives now, not in the past. */
static int catch_up(struct runner *r)
{
	uint8_t buf[RX_MAX];
	double ns = (double)(now_ns() - r->start_ns);
	uint64_t clock = r->start_clock + (uint64_t)(ns * 1e-9 * r->t->freq_hz);
	double behind_s = (double)(int64_t)(clock - target_clock(r->t)) / r->t->freq_hz;
	ssize_t len;

	if (behind_s > r->behind_s_max)
		r->behind_s_max = behind_s;
	if (clock > target_clock(r->t))
		target_run(r->t, clock - target_clock(r->t));
	len = pty_read(&r->pty, buf, sizeof(buf));
	pty_update(&r->pty);
	if (len > 0)
		target_send(r->t, buf, (size_t)len);
	return len < 0 ? (int)len : 0;
}

static int loop(struct runner *r)
{
	struct pollfd fds[2] = { { .fd = -1, .events = POLLIN },
				 { .fd = r->pty.watch_fd, .events = POLLIN } };
	const struct timespec nap = { .tv_nsec = WAKE_NS };
	int err = 0;

	while (!stop_requested && !err) {
		fds[0].fd = r->pty.connected ? r->pty.master_fd : -1;
		ppoll(fds, 2, &nap, NULL);
		err = catch_up(r);
	}
	return err;
}

int main(int argc, char **argv)
{
	static struct runner r;
	struct target_hooks hooks = { &r, on_bytes, on_edge };
	int err;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: run_simavr CHIP IMAGE.elf PTY_LINK [EDGE_TRACE]\n");
		return 2;
	}
	if (!target_has_simavr()) {
		fprintf(stderr, "skipped: built without libsimavr\n");
		return 77;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	err = pty_open(&r.pty, argv[3]);
	if (err) {
		fprintf(stderr, "run_simavr: pty %s: %s\n", argv[3], strerror(-err));
		return 1;
	}
	r.t = target_simavr_new(argv[1], argv[2], &hooks);
	if (!r.t)
		return 1;
	if (argc == 5) {
		r.trace = fopen(argv[4], "w");
		if (!r.trace) {
			fprintf(stderr, "run_simavr: %s: %s\n", argv[4], strerror(errno));
			return 1;
		}
		fprintf(r.trace, "# stepd trace 1 freq_hz=%" PRIu32 "\n", r.t->freq_hz);
	}
	target_run(r.t, r.t->freq_hz / 100); /* its clock starts in here */
	r.start_clock = target_clock(r.t);
	r.start_ns = now_ns();
	err = loop(&r);
	if (r.trace && fclose(r.trace))
		err = -errno;
	printf("behind by up to %.0f ms\n", r.behind_s_max * 1e3);
	target_free(r.t);
	pty_close(&r.pty);
	return err != 0;
}
