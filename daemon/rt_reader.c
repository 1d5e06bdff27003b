// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt_reader.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	READER_STACK_BYTES = 256 * 1024,
	READER_FULL_NS = 1000000, /* the rt thread takes all there is in each of its cycles */
};

static int64_t clock_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void tell(struct rt_reader *r)
{
	uint64_t one = 1;

	if (write(r->wake_fd, &one, sizeof(one)) < 0) {
		/* The counter is full only if the rt thread has not looked for 2^64 chunks. */
	}
}

static void *reader_main(void *arg)
{
	struct rt_reader *r = arg;
	struct pollfd p[] = { { .fd = r->fd, .events = POLLIN },
			      { .fd = r->stop_fd, .events = POLLIN } };
	const struct timespec full = { 0, READER_FULL_NS };
	struct rt_reader_chunk c = { .len = 1 };

	while (c.len > 0) {
		ssize_t n;

		if (ring_room(&r->ring) == 0) {
			p[0].fd = -1; /* the kernel keeps what comes */
			if (ppoll(p, 2, &full, NULL) < 0 && errno != EINTR)
				break;
		} else {
			p[0].fd = r->fd;
			if (poll(p, 2, -1) < 0 && errno != EINTR)
				break;
		}
		if (p[1].revents)
			break;
		if (p[0].fd < 0 || !p[0].revents)
			continue;
		n = read(r->fd, c.data, sizeof(c.data));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		c.at_ns = clock_now_ns();
		c.len = n > 0 ? (int32_t)n : 0;
		ring_push(&r->ring, &c);
		tell(r);
	}
	return NULL;
}

static int start_thread(struct rt_reader *r, int priority)
{
	struct sched_param sp = { .sched_priority = priority };
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc)
		return -rc;
	pthread_attr_setstacksize(&attr, READER_STACK_BYTES);
	rc = pthread_create(&r->thread, &attr, reader_main, r);
	pthread_attr_destroy(&attr);
	if (rc == 0 && priority > 0)
		pthread_setschedparam(r->thread, SCHED_FIFO,
				      &sp); /* without it, stamps are later under load */
	return -rc;
}

int rt_reader_start(struct rt_reader *r, int fd, int wake_fd, int priority)
{
	int rc;

	r->fd = fd;
	r->wake_fd = wake_fd;
	ring_init(&r->ring, r->mem, sizeof(r->mem[0]), RT_READER_CHUNKS);
	r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->stop_fd < 0)
		return -errno;
	rc = start_thread(r, priority);
	if (rc)
		close(r->stop_fd);
	return rc;
}

void rt_reader_stop(struct rt_reader *r)
{
	uint64_t one = 1;

	if (write(r->stop_fd, &one, sizeof(one)) < 0) {
		/* can't be: nobody else counts it up */
	}
	pthread_join(r->thread, NULL);
	close(r->stop_fd);
}
