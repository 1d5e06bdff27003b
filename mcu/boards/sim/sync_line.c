/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sync_line.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	EARLY_NS = 1000000, /* woken up so much before; the rest is waited for in a loop, */
	LATE_NS = 20000,    /* and an edge that would be later than this is left out */
	IDLE_NS = 10000000, /* from one look for work to the next */
	STALE_PERIODS = 3,  /* without word of the firmware: it toggles no more */
	LEAD_MAX_NS = 300000,
	LEAD_MEMORY = 8, /* edges */
	PRIORITY = 85,   /* above stepd's rt thread: as the MCU's timer, it waits for nobody */
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void sleep_until(int64_t at_ns)
{
	struct timespec ts = { (time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void pull(const struct sync_line *s, const char *text)
{
	if (pwrite(s->fd, text, strlen(text), 0) < 0) {
		/* the chip is gone: nobody looks at it either */
	}
}

/* The line changes in the middle of the call, more or less: begin so much earlier. */
static void pull_up(struct sync_line *s)
{
	int64_t before_ns = now_ns(), took_ns;

	pull(s, "pull-up");
	took_ns = now_ns() - before_ns;
	if (took_ns < 2 * LEAD_MAX_NS)
		s->lead_ns += (took_ns / 2 - s->lead_ns) / LEAD_MEMORY;
}

/* The next rising edge that can still be made in time; INT64_MAX: none is known. */
static int64_t next_edge(const struct sync_line *s, int64_t from_ns)
{
	int64_t period_ns = atomic_load(&s->period_ns), rise_ns = atomic_load(&s->rise_ns);

	if (period_ns <= 0 || from_ns > rise_ns + STALE_PERIODS * period_ns)
		return INT64_MAX;
	while (rise_ns < from_ns + LATE_NS)
		rise_ns += period_ns;
	return rise_ns;
}

static void *drive(void *arg)
{
	struct sync_line *s = arg;

	while (!atomic_load(&s->stop)) {
		int64_t now = now_ns(), at_ns = next_edge(s, now);

		if (at_ns == INT64_MAX || at_ns > now + 2 * IDLE_NS) {
			sleep_until(now + IDLE_NS);
			continue;
		}
		sleep_until(at_ns - EARLY_NS);
		while ((now = now_ns()) < at_ns - s->lead_ns)
			;
		if (atomic_load(&s->muted))
			continue;
		if (now > at_ns + LATE_NS) {
			s->missed++;
			continue;
		}
		s->driven++;
		pull_up(s);
		sleep_until(at_ns + IDLE_NS);
		pull(s, "pull-down");
	}
	return NULL;
}

int sync_line_open(struct sync_line *s, const char *path, bool rt)
{
	struct sched_param param = { .sched_priority = PRIORITY };
	int rc;

	memset(s, 0, sizeof(*s));
	s->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	pull(s, "pull-down");
	rc = pthread_create(&s->thread, NULL, drive, s);
	if (rc) {
		close(s->fd);
		s->fd = -1;
		return -rc;
	}
	if (rt)
		pthread_setschedparam(s->thread, SCHED_FIFO,
				      &param); /* without it, edges are missed */
	return 0;
}

void sync_line_rose(struct sync_line *s, int64_t at_ns)
{
	int64_t before_ns = atomic_load(&s->rise_ns);

	atomic_store(&s->period_ns, before_ns ? at_ns - before_ns : 0);
	atomic_store(&s->rise_ns, at_ns);
}

void sync_line_mute(struct sync_line *s, bool muted)
{
	atomic_store(&s->muted, muted);
}

void sync_line_close(struct sync_line *s)
{
	if (s->fd < 0)
		return;
	atomic_store(&s->stop, true);
	pthread_join(s->thread, NULL);
	close(s->fd);
	s->fd = -1;
}
