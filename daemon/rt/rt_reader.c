// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt/rt_reader.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/can_frame.h"

enum {
	READER_STACK_BYTES = 256 * 1024,
	READER_FULL_NS = 1000000, /* the rt thread takes all there is in each of its cycles */
	READER_FRAMES = 16,
};

_Static_assert(READER_FRAMES *CAN_MAX_DLEN <= RT_READER_BYTES, "fit a chunk");

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

static void end(struct rt_reader_chunk *c, enum line_state why)
{
	c->end = true;
	c->line = (uint8_t)why;
}

/* Returns: false if there was nothing. */
static bool read_bytes(struct rt_reader *r, struct rt_reader_chunk *c)
{
	ssize_t n = read(r->line.fd, c->data, sizeof(c->data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		end(c, LINE_CLOSED);
	else
		c->len = (int16_t)n;
	return true;
}

static bool read_frames(struct rt_reader *r, struct rt_reader_chunk *c)
{
	struct can_frame f[READER_FRAMES];
	struct iovec at[READER_FRAMES];
	struct mmsghdr m[READER_FRAMES] = { { .msg_len = 0 } };
	int n;

	for (int i = 0; i < READER_FRAMES; i++) {
		at[i] = (struct iovec){ .iov_base = &f[i], .iov_len = sizeof(f[i]) };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &at[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(r->line.fd, m, READER_FRAMES, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return false;
		end(c, can_frame_errno(errno));
	}
	for (int i = 0; i < n; i++) {
		enum line_state state;

		if (m[i].msg_len == 0) { /* only of other sockets: the other end is closed */
			end(c, LINE_CLOSED);
			break;
		}
		if (m[i].msg_len != sizeof(f[i]))
			continue;
		c->len = (int16_t)(c->len + (int16_t)can_frame_take(&f[i], r->line.can_id + 1,
								    c->data + c->len));
		if (c->line != LINE_BUS_OFF && can_frame_error(&f[i], &state)) {
			c->news = true;
			c->line = (uint8_t)state;
		}
	}
	return c->len > 0 || c->end || c->news;
}

static void *reader_main(void *arg)
{
	struct rt_reader *r = arg;
	struct pollfd p[] = { { .fd = r->line.fd, .events = POLLIN },
			      { .fd = r->stop_fd, .events = POLLIN } };
	const struct timespec full = { 0, READER_FULL_NS };
	struct rt_reader_chunk c = { .len = 0 };

	while (!c.end) {
		if (ring_room(&r->ring) == 0) {
			p[0].fd = -1; /* the kernel keeps what comes */
			if (ppoll(p, 2, &full, NULL) < 0 && errno != EINTR)
				break;
		} else {
			p[0].fd = r->line.fd;
			if (poll(p, 2, -1) < 0 && errno != EINTR)
				break;
		}
		if (p[1].revents)
			break;
		if (p[0].fd < 0 || !p[0].revents)
			continue;
		c.len = 0;
		c.news = false;
		c.line = LINE_FINE;
		if (!(r->line.can_id ? read_frames(r, &c) : read_bytes(r, &c)))
			continue;
		c.at_ns = clock_now_ns();
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

void rt_reader_init(struct rt_reader *r, int wake_fd)
{
	r->wake_fd = wake_fd;
	ring_init(&r->ring, r->mem, sizeof(r->mem[0]), RT_READER_CHUNKS);
}

int rt_reader_start(struct rt_reader *r, const struct rt_line *line, int wake_fd, int priority)
{
	rt_reader_init(r, wake_fd);
	return rt_reader_again(r, line, priority);
}

int rt_reader_again(struct rt_reader *r, const struct rt_line *line, int priority)
{
	int rc;

	r->line = *line;
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
