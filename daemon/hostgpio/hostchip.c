/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hostgpio/hostchip.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/hostgpio/hostgpio.h"
#include "snapshot.h"

enum {
	STACK_BYTES = 256 * 1024,
	READ_BYTES = 4096,
	SLEEP_MAX_NS = 50 * 1000 * 1000,
	PUBLISH_NS = 10 * 1000 * 1000,
	FDS_FIRST = 2, /* inputs come behind the socket and the stop signal */
	TRIAL_WRITES = 5,
};
_Static_assert(sizeof(struct hostmcu_stats) <= 8 * SNAPSHOT_WORDS, "fits a snapshot");
_Static_assert(sizeof(struct hostmcu_stats) % 8 == 0, "whole words");

struct hostchip {
	struct hostmcu *mcu;
	struct hostgpio_line *line[HOSTMCU_LINES];
	struct hostmcu_line cfg[HOSTMCU_LINES];
	int lines;
	struct pollfd fd[FDS_FIRST + HOSTMCU_LINES];
	int line_of_fd[FDS_FIRST + HOSTMCU_LINES];
	int fds;
	int host_fd, stop_fd;
	pthread_t thread;
	bool started, fifo;
	int64_t published_ns;
	struct snapshot stats;
	_Atomic bool failed; /* then the text is there, and stays */
	char text[HOSTMCU_TEXT_MAX];
};

static int64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- what the firmware asks of the board ---- */

static int64_t op_now_ns(void *ctx)
{
	(void)ctx;
	return clock_now_ns();
}

static void op_wait(void *ctx, int64_t until_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(until_ns / 1000000000),
			       .tv_nsec = (long)(until_ns % 1000000000) };

	(void)ctx;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static int op_write(void *ctx, int i, bool level, const char **text)
{
	struct hostchip *h = ctx;

	*text = hostgpio_text(h->line[i]);
	return hostgpio_set(h->line[i], level);
}

static int op_read(void *ctx, int i)
{
	return hostgpio_get(((struct hostchip *)ctx)->line[i]);
}

static void publish_fault(struct hostchip *h)
{
	if (!h->mcu || !hostmcu_fault(h->mcu)[0] || h->failed)
		return;
	memcpy(h->text, hostmcu_fault(h->mcu), sizeof(h->text));
	/* Pairs with the acquire in hostchip_fault(). */
	atomic_store_explicit(&h->failed, true, memory_order_release);
}

/* Answers that find no room are lost, as on any wire: the host asks again. The reason of a shutdown is known before
 * the shutdown is. */
static void op_tx(void *ctx, const uint8_t *frame, size_t len)
{
	struct hostchip *h = ctx;

	publish_fault(h);
	(void)!write(h->fd[0].fd, frame, len);
}

/* ---- the thread ---- */

static void input_failed(struct hostchip *h, int at, int rc)
{
	char text[HOSTMCU_TEXT_MAX];

	snprintf(text, sizeof(text), "%s has gone: %s", hostgpio_text(h->line[h->line_of_fd[at]]),
		 strerror(-rc));
	h->fd[at].fd = -1;
	hostmcu_fail(h->mcu, text);
}

static void take_edges(struct hostchip *h, int at)
{
	struct hostgpio_edge edge[HOSTGPIO_KEPT];
	struct hostgpio_line *line = h->line[h->line_of_fd[at]];
	int n;

	if (!(h->fd[at].revents & POLLIN)) { /* an error or a hang-up, and nothing else */
		input_failed(h, at, -ENODEV);
		return;
	}
	n = hostgpio_read(line, edge, HOSTGPIO_KEPT);
	if (n < 0) {
		input_failed(h, at, n);
		return;
	}
	for (int i = 0; i < n; i++)
		hostmcu_edge(h->mcu, h->line_of_fd[at], edge[i].level, edge[i].at_ns);
	if (n < HOSTGPIO_KEPT)
		return;
	/* More may have come than the kernel kept: what counts is where it ended. */
	n = hostgpio_get(line);
	if (n >= 0 && n != edge[HOSTGPIO_KEPT - 1].level)
		hostmcu_edge(h->mcu, h->line_of_fd[at], n, clock_now_ns());
}

static void publish(struct hostchip *h, int64_t now_ns)
{
	publish_fault(h);
	if (now_ns < h->published_ns + PUBLISH_NS)
		return;
	h->published_ns = now_ns;
	snapshot_write(&h->stats, hostmcu_stats(h->mcu), sizeof(struct hostmcu_stats));
}

/* Edges first, so that what runs knows them; then what the host sent, which may have waited for us; then what is due. */
static void *chip_main(void *arg)
{
	struct hostchip *h = arg;
	uint8_t buf[READ_BYTES];

	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* in case it is an ordinary thread */
	for (;;) {
		int64_t now_ns = clock_now_ns(), wait_ns = hostmcu_next_ns(h->mcu) - now_ns;
		ssize_t n;

		wait_ns = wait_ns < 0 ? 0 : wait_ns > SLEEP_MAX_NS ? SLEEP_MAX_NS : wait_ns;
		if (ppoll(h->fd, (nfds_t)h->fds, &(struct timespec){ .tv_nsec = (long)wait_ns },
			  NULL) < 0 &&
		    errno != EINTR)
			hostmcu_fail(h->mcu, "its lines cannot be polled");
		if (h->fd[1].revents)
			break;
		for (int i = FDS_FIRST; i < h->fds; i++)
			if (h->fd[i].fd >= 0 && h->fd[i].revents)
				take_edges(h, i);
		n = h->fd[0].revents ? read(h->fd[0].fd, buf, sizeof(buf)) : 0;
		if (n > 0)
			hostmcu_receive(h->mcu, buf, (size_t)n);
		now_ns = clock_now_ns();
		hostmcu_run(h->mcu, now_ns);
		publish(h, now_ns);
	}
	return NULL;
}

static int start_thread(struct hostchip *h, const struct hostchip_config *cfg)
{
	struct sched_param sp = { .sched_priority = cfg->priority };
	pthread_attr_t attr;
	cpu_set_t set;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	rc = pthread_create(&h->thread, &attr, chip_main, h);
	pthread_attr_destroy(&attr);
	if (rc)
		return -rc;
	h->started = true;
	pthread_setname_np(h->thread, "stepd-gpio");
	if (cfg->priority > 0)
		h->fifo = pthread_setschedparam(h->thread, SCHED_FIFO, &sp) == 0;
	if (cfg->cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET((size_t)cfg->cpu, &set);
	return -pthread_setaffinity_np(h->thread, sizeof(set), &set);
}

/* ---- start and stop ---- */

/* A chip behind a slow bus is of no use for steps. */
static bool fast_enough(struct hostchip *h, int i, char *err, size_t err_size)
{
	int64_t best_ns = INT64_MAX, most_ns = h->cfg[i].gap_ns / 2;

	for (int k = 0; k < TRIAL_WRITES && h->cfg[i].gap_ns > 0; k++) {
		int64_t start_ns = clock_now_ns(), took_ns;

		if (hostgpio_set(h->line[i], h->cfg[i].level) < 0)
			break;
		took_ns = clock_now_ns() - start_ns;
		best_ns = took_ns < best_ns ? took_ns : best_ns;
	}
	if (h->cfg[i].gap_ns == 0 || best_ns <= most_ns)
		return true;
	snprintf(err, err_size,
		 "%s: driving it takes %.1f us; expected at most %.1f us for steps at max_step_rate",
		 hostgpio_text(h->line[i]), (double)best_ns * 1e-3, (double)most_ns * 1e-3);
	return false;
}

static bool take_line(struct hostchip *h, const struct hostchip_use *use, char *err, size_t err_size)
{
	const struct hostgpio_use how = { use->output, use->level, use->pin->pull };
	int i = h->lines, level;

	h->line[i] = hostgpio_open(use->pin->name, &how, err, err_size);
	if (!h->line[i])
		return false;
	h->lines++;
	h->cfg[i] = (struct hostmcu_line){ .name = use->pin->name,
					   .output = use->output,
					   .level = use->level,
					   .gap_ns = use->gap_ns };
	if (use->output)
		return fast_enough(h, i, err, err_size);
	level = hostgpio_get(h->line[i]);
	if (level < 0)
		snprintf(err, err_size, "%s cannot be read: %s", hostgpio_text(h->line[i]),
			 strerror(-level));
	h->cfg[i].level = level > 0;
	h->line_of_fd[h->fds] = i;
	h->fd[h->fds++] = (struct pollfd){ .fd = hostgpio_fd(h->line[i]), .events = POLLIN };
	return level >= 0;
}

static bool take_lines(struct hostchip *h, const struct hostchip_config *cfg, char *err,
		       size_t err_size)
{
	char what[HOSTMCU_TEXT_MAX * 2];

	for (int i = 0; i < cfg->uses; i++) {
		const struct pin *pin = cfg->use[i].pin;

		if (take_line(h, &cfg->use[i], what, sizeof(what)))
			continue;
		if (pin->file && pin->line > 0)
			snprintf(err, err_size, "%s:%d: %s:%s: %s", pin->file, pin->line, pin->chip,
				 pin->name, what);
		else
			snprintf(err, err_size, "%s:%s: %s", pin->chip, pin->name, what);
		return false;
	}
	return true;
}

static bool start(struct hostchip *h, const struct hostchip_config *cfg, char *err, size_t err_size)
{
	const struct hostmcu_ops ops = { .ctx = h,
					 .now_ns = op_now_ns,
					 .wait = op_wait,
					 .write = op_write,
					 .read = op_read,
					 .tx = op_tx };
	int pair[2], rc;

	if (cfg->uses > HOSTMCU_LINES) {
		snprintf(err, err_size, "mcu '%s': more than %d lines", cfg->name, HOSTMCU_LINES);
		return false;
	}
	h->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->stop_fd < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		snprintf(err, err_size, "mcu '%s': %s", cfg->name, strerror(errno));
		return false;
	}
	h->host_fd = pair[0];
	h->fd[0] = (struct pollfd){ .fd = pair[1], .events = POLLIN };
	h->fd[1] = (struct pollfd){ .fd = h->stop_fd, .events = POLLIN };
	h->fds = FDS_FIRST;
	if (!take_lines(h, cfg, err, err_size))
		return false;
	h->mcu = hostmcu_new(h->cfg, h->lines, cfg->late_max_ns, &ops, err, err_size);
	if (!h->mcu)
		return false;
	rc = start_thread(h, cfg);
	if (rc < 0)
		snprintf(err, err_size, "mcu '%s': its thread does not start on CPU %d: %s",
			 cfg->name, cfg->cpu, strerror(-rc));
	return rc == 0;
}

struct hostchip *hostchip_start(const struct hostchip_config *cfg, char *err, size_t err_size)
{
	struct hostchip *h = aligned_alloc(64, (sizeof(*h) + 63) / 64 * 64);

	if (!h) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	memset(h, 0, sizeof(*h));
	h->host_fd = h->stop_fd = h->fd[0].fd = -1;
	if (start(h, cfg, err, err_size))
		return h;
	hostchip_stop(h);
	return NULL;
}

int hostchip_fd(const struct hostchip *h)
{
	return h->host_fd;
}

void hostchip_stop(struct hostchip *h)
{
	uint64_t one = 1;

	if (!h)
		return;
	if (h->started) {
		(void)!write(h->stop_fd, &one, sizeof(one));
		pthread_join(h->thread, NULL);
	}
	for (int i = 0; i < h->lines; i++) {
		if (h->cfg[i].output)
			hostgpio_set(h->line[i], h->cfg[i].level);
		hostgpio_close(h->line[i]);
	}
	hostmcu_free(h->mcu);
	if (h->host_fd >= 0)
		close(h->host_fd);
	if (h->fd[0].fd >= 0)
		close(h->fd[0].fd);
	if (h->stop_fd >= 0)
		close(h->stop_fd);
	free(h);
}

bool hostchip_stats(struct hostchip *h, struct hostmcu_stats *out)
{
	return snapshot_read(&h->stats, out, sizeof(*out));
}

const char *hostchip_fault(struct hostchip *h)
{
	/* Pairs with the release in publish(). */
	return atomic_load_explicit(&h->failed, memory_order_acquire) ? h->text : NULL;
}

bool hostchip_fifo(const struct hostchip *h)
{
	return h->fifo;
}
