// SPDX-License-Identifier: GPL-2.0-or-later
/* kmod_test.c - inside the guest: the module stepd_stamp through its UAPI. See kmod.sh for what is shown.
 *
 *   kmod_test MODULE pty | serial TTY TTY
 *
 * MODULE is loaded at the start and unloaded at the end. Exit status 0, or 1 after a message. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "tests/guestlib/stamptty.h"

enum {
	RECORDS = 1024,
	BLOCKS = 64, /* of 4 KiB: more than a pty holds, so that its writer has to be woken */
};

/* Reads and polls that find nothing, a full buffer, a flush, the other side's end. */
static void edges_of_pty(struct stamptty *p, struct guest_reader *r, struct stamptty_exchange *x)
{
	static uint8_t block[4096];
	struct pollfd poll_slave = { .fd = p->slave, .events = POLLIN | POLLOUT };
	struct stepd_stamp_stats stats;
	struct stepd_stamp_record rec;
	int waiting, none = 0;
	uint64_t lost = 0;

	REFUSED(read(p->slave, block, 1), EAGAIN);
	CHECK(poll(&poll_slave, 1, 0) == 1 && poll_slave.revents == POLLOUT, "poll of an empty tty");
	stamptty_write(p->slave, (const uint8_t *)"hello", 5);
	CHECK(read(p->master, block, sizeof(block)) == 5 && memcmp(block, "hello", 5) == 0,
	      "bytes to the master");
	for (int i = 0; i < BLOCKS; i++)
		stamptty_write(p->master, block, sizeof(block));
	for (int ms = 0; ms < GUEST_WAIT_MS; ms++) {
		ioctl(p->slave, STEPD_STAMP_IOC_STATS, &stats);
		if (stats.received + stats.overrun == x->position + BLOCKS * sizeof(block))
			break;
		usleep(1000);
	}
	CHECK(ioctl(p->slave, FIONREAD, &waiting) == 0 && waiting == 16384, "FIONREAD: %d", waiting);
	CHECK(stats.received == x->position + 16384 &&
		      stats.overrun == BLOCKS * sizeof(block) - 16384,
	      "overrun: received %llu, overrun %llu", (unsigned long long)stats.received,
	      (unsigned long long)stats.overrun);
	while (guest_reader_next(r, &rec))
		lost += rec.kind == STEPD_STAMP_LOST ? rec.count : 0;
	CHECK(lost == stats.overrun, "records say %" PRIu64 " bytes are lost", lost);
	CHECK(tcflush(p->slave, TCIFLUSH) == 0 && ioctl(p->slave, FIONREAD, &waiting) == 0 &&
		      waiting == 0,
	      "a flush leaves %d bytes", waiting);
	close(p->master);
	for (int ms = 0; ms < GUEST_WAIT_MS; ms++) {
		none = (int)read(p->slave, block, 1);
		if (none == 0 || errno != EAGAIN)
			break;
		usleep(1000);
	}
	CHECK(none <= 0, "bytes after the end");
	guest_reader_wait(r, &rec);
	CHECK(rec.kind == STEPD_STAMP_END, "the end is not in the ring: kind %u", rec.kind);
	close(p->slave);
}

static void wrong_requests(int session, int tty)
{
	struct stepd_stamp_setup setup = { .records = 64 };
	struct stepd_stamp_sync sync = { .chip = "none", .edges = STEPD_STAMP_BOTH };
	struct stepd_stamp_bind bind = { .session = session, .source = 65536 };
	int fresh = guest_open_device();
	uint32_t version = 0, source = 3;

	CHECK(ioctl(session, STEPD_STAMP_IOC_VERSION, &version) == 0 &&
		      version == STEPD_STAMP_VERSION,
	      "version %u", version);
	REFUSED(ioctl(session, STEPD_STAMP_IOC_SETUP, &setup), EBUSY);
	REFUSED(ioctl(fresh, STEPD_STAMP_IOC_SYNC_ATTACH, &sync), ENXIO);
	REFUSED(ioctl(session, STEPD_STAMP_IOC_SYNC_ATTACH, &sync), ENODEV);
	REFUSED(ioctl(session, STEPD_STAMP_IOC_SYNC_ATTACH, NULL), EFAULT);
	sync.edges = 4;
	REFUSED(ioctl(session, STEPD_STAMP_IOC_SYNC_ATTACH, &sync), EINVAL);
	sync.edges = STEPD_STAMP_BOTH;
	memset(sync.chip, 'x', sizeof(sync.chip));
	REFUSED(ioctl(session, STEPD_STAMP_IOC_SYNC_ATTACH, &sync), EINVAL);
	REFUSED(ioctl(session, STEPD_STAMP_IOC_SYNC_DETACH, &source), ENXIO);
	REFUSED(ioctl(session, STEPD_STAMP_IOC_STATS, &setup), ENOTTY);
	REFUSED(ioctl(session, _IOW(0xE5, 99, int), &setup), ENOTTY);
	REFUSED(ioctl(tty, STEPD_STAMP_IOC_BIND, &bind), EINVAL);
	bind.source = 1;
	bind.session = fresh;
	REFUSED(ioctl(tty, STEPD_STAMP_IOC_BIND, &bind), ENXIO);
	bind.session = tty;
	REFUSED(ioctl(tty, STEPD_STAMP_IOC_BIND, &bind), EBADF);
	bind.session = 999;
	REFUSED(ioctl(tty, STEPD_STAMP_IOC_BIND, &bind), EBADF);
	for (uint32_t bad = 0; bad < 3; bad++) {
		setup = (struct stepd_stamp_setup){ .records = bad == 0 ? 100 : 64,
						    .flags = bad == 1,
						    .reserved = bad == 2 };
		REFUSED(ioctl(fresh, STEPD_STAMP_IOC_SETUP, &setup), EINVAL);
	}
	REFUSED((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fresh, 0), ENXIO);
	REFUSED((long)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, session, 0), EACCES);
	REFUSED((long)mmap(NULL, 1 << 24, PROT_READ, MAP_SHARED, session, 0), EINVAL);
	close(fresh);
}

static void test_pty(void)
{
	struct stamptty_exchange x = { .source = 7 };
	struct guest_reader r;
	struct stamptty p;

	guest_load();
	guest_reader_open(&r, RECORDS);
	stamptty_open(&p);
	stamptty_discipline(p.slave, STEPD_STAMP_LDISC);
	wrong_requests(r.fd, p.slave);
	stamptty_bind(p.slave, r.fd, 7);
	x.from = p.master;
	x.to = p.slave;
	stamptty_exchange(&x, &r, 500, 20261125, "pty");
	CHECK(guest_unload() == EWOULDBLOCK, "unloaded while in use");
	edges_of_pty(&p, &r, &x);
	guest_reader_close(&r);
	CHECK(guest_unload() == 0, "unload: %s", strerror(errno));
}

static void test_serial(const char *from, const char *to)
{
	struct stamptty_exchange x = { .source = 65535 };
	struct guest_reader r;

	guest_load();
	guest_reader_open(&r, RECORDS);
	x.from = open(from, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	x.to = open(to, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	CHECK(x.from >= 0 && x.to >= 0, "%s, %s: %s", from, to, strerror(errno));
	stamptty_raw(x.from);
	stamptty_raw(x.to);
	tcflush(x.to, TCIOFLUSH);
	stamptty_discipline(x.to, STEPD_STAMP_LDISC);
	stamptty_bind(x.to, r.fd, x.source);
	stamptty_exchange(&x, &r, 100, 20261125, "serial port");
	stamptty_discipline(x.to, 0); /* back to N_TTY: the bytes go there */
	stamptty_write(x.from, (const uint8_t *)"again", 5);
	stamptty_read(x.to, (uint8_t[5]){ 0 }, 5);
	close(x.from);
	close(x.to);
	guest_reader_close(&r);
	CHECK(guest_unload() == 0, "unload: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3)
		return 2;
	guest_module_path = argv[1];
	if (strcmp(argv[2], "pty") == 0)
		test_pty();
	else if (strcmp(argv[2], "serial") == 0 && argc == 5)
		test_serial(argv[3], argv[4]);
	else
		return 2;
	return 0;
}
