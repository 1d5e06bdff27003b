// SPDX-License-Identifier: GPL-2.0-or-later
/* See stamptty.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "tests/guestlib/stamptty.h"

enum { MESSAGE_MAX = 400 };

void stamptty_discipline(int tty, int number)
{
	CHECK(ioctl(tty, TIOCSETD, &number) == 0, "line discipline %d: %s", number, strerror(errno));
}

void stamptty_raw(int tty)
{
	struct termios t;

	CHECK(tcgetattr(tty, &t) == 0, "tcgetattr: %s", strerror(errno));
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&t, B115200);
	CHECK(tcsetattr(tty, TCSANOW, &t) == 0, "tcsetattr: %s", strerror(errno));
}

void stamptty_bind(int tty, int session, uint32_t source)
{
	struct stepd_stamp_bind bind = { .session = session, .source = source };

	CHECK(ioctl(tty, STEPD_STAMP_IOC_BIND, &bind) == 0, "bind: %s", strerror(errno));
}

void stamptty_open(struct stamptty *p)
{
	char name[64];

	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(p->master >= 0 && grantpt(p->master) == 0 && unlockpt(p->master) == 0 &&
		      ptsname_r(p->master, name, sizeof(name)) == 0,
	      "pty: %s", strerror(errno));
	p->slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	CHECK(p->slave >= 0, "%s: %s", name, strerror(errno));
	stamptty_raw(p->slave);
}

void stamptty_write(int fd, const uint8_t *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, bytes + done, size - done);

		if (n < 0 && errno == EAGAIN) {
			usleep(500);
			continue;
		}
		CHECK(n > 0, "write: %s", strerror(errno));
		done += (size_t)n;
	}
}

void stamptty_read(int fd, uint8_t *bytes, size_t size)
{
	for (size_t done = 0; done < size;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		CHECK(poll(&p, 1, GUEST_WAIT_MS) == 1 && (p.revents & POLLIN),
		      "%zu of %zu bytes, then none", done, size);
		n = read(fd, bytes + done, size - done);
		CHECK(n > 0, "read: %s", strerror(errno));
		done += (size_t)n;
	}
}
/* The records of `size` bytes: without a gap, in order of time, each between begin_ns and end_ns. Returns the last one's time. */
static int64_t check_records(struct stamptty_exchange *x, struct guest_reader *r, size_t size,
			     int64_t begin_ns, int64_t end_ns)
{
	struct stepd_stamp_record rec;

	for (size_t stamped = 0; stamped < size; stamped += rec.count) {
		guest_reader_wait(r, &rec);
		CHECK(rec.kind == STEPD_STAMP_RX && rec.source == x->source, "kind %u of source %u",
		      rec.kind, rec.source);
		CHECK(rec.position == x->position && rec.count > 0 && rec.count <= size - stamped,
		      "%u bytes at %" PRIu64 " where byte %" PRIu64 " is due", rec.count,
		      (uint64_t)rec.position, x->position);
		CHECK(rec.time_ns >= begin_ns && rec.time_ns <= end_ns && rec.time_ns >= x->last_ns,
		      "a stamp at %lld is not between %" PRId64 " and %" PRId64
		      ", or before %" PRId64,
		      (long long)rec.time_ns, begin_ns, end_ns, x->last_ns);
		x->last_ns = rec.time_ns;
		x->position += rec.count;
	}
	return x->last_ns;
}

void stamptty_exchange(struct stamptty_exchange *x, struct guest_reader *r, int count,
		       uint64_t seed, const char *what)
{
	static uint8_t sent[MESSAGE_MAX], got[MESSAGE_MAX];
	int64_t *delay_ns = calloc((size_t)count, sizeof(*delay_ns));
	struct stepd_stamp_stats stats;
	uint64_t before = x->position;

	for (int i = 0; i < count; i++) {
		size_t size = 1 + guest_random(&seed) % MESSAGE_MAX;
		int64_t begin_ns;

		for (size_t k = 0; k < size; k++)
			sent[k] = (uint8_t)guest_random(&seed); /* all 256: nothing is interpreted */
		begin_ns = guest_now_ns();
		stamptty_write(x->from, sent, size);
		stamptty_read(x->to, got, size);
		CHECK(memcmp(sent, got, size) == 0, "other bytes than were sent");
		delay_ns[i] = check_records(x, r, size, begin_ns, guest_now_ns()) - begin_ns;
	}
	CHECK(ioctl(x->to, STEPD_STAMP_IOC_STATS, &stats) == 0, "stats: %s", strerror(errno));
	CHECK(stats.received == x->position && stats.overrun == 0 && stats.damaged == 0 &&
		      stats.last_rx_ns == x->last_ns,
	      "stats: received %llu, overrun %llu, damaged %llu", (unsigned long long)stats.received,
	      (unsigned long long)stats.overrun, (unsigned long long)stats.damaged);
	printf("%s: %" PRIu64 " bytes, all stamped\n", what, x->position - before);
	guest_print_share("  write to last stamp", delay_ns, (size_t)count);
	free(delay_ns);
}
