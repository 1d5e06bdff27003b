// SPDX-License-Identifier: GPL-2.0-or-later
/* kmod_fuzz.c - inside the guest: random calls on all that the module stepd_stamp offers. See kmod.sh for what is shown.
 *
 *   kmod_fuzz MODULE N SEED
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
#include <unistd.h>

#include "tests/guestlib/stamptty.h"

enum { RECORDS = 1024 };

/* ---- fuzzer ---- */

struct fuzz {
	uint64_t seed;
	int session, tty, master;
	uint8_t *room; /* two pages, the second without access */
	uint64_t accepted, refused;
};

static uint64_t pick(struct fuzz *f, uint64_t below)
{
	return guest_random(&f->seed) % below;
}

/* Interesting more often than random. */
static uint32_t value(struct fuzz *f)
{
	static const uint32_t list[] = { 0,  1,   2,     3,     4,          63,
					 64, 128, 65535, 65536, 0x7fffffff, UINT32_MAX };

	return pick(f, 3) ? list[pick(f, sizeof(list) / sizeof(list[0]))]
			  : (uint32_t)guest_random(&f->seed);
}

static void *argument(struct fuzz *f)
{
	uint8_t *at = f->room + 4096 - 4 * (1 + pick(f, 32));
	uint32_t word;

	for (uint8_t *p = at; p < f->room + 4096; p += 4) {
		word = pick(f, 8) ? value(f) : (uint32_t)(pick(f, 2) ? f->session : f->tty);
		memcpy(p, &word, 4);
	}
	switch (pick(f, 12)) {
	case 0:
		return NULL;
	case 1:
		return f->room + 4096;
	case 2:
		return (void *)(uintptr_t)guest_random(&f->seed);
	}
	return at;
}

static void one_ioctl(struct fuzz *f)
{
	static const unsigned long known[] = {
		STEPD_STAMP_IOC_VERSION,
		STEPD_STAMP_IOC_SETUP,
		STEPD_STAMP_IOC_SYNC_ATTACH,
		STEPD_STAMP_IOC_SYNC_DETACH,
		STEPD_STAMP_IOC_BIND,
		STEPD_STAMP_IOC_STATS,
		FIONREAD,
		TIOCOUTQ,
		TCGETS,
		TCSETS,
		TCFLSH,
		TCXONC,
	};
	unsigned long cmd = pick(f, 4) ? known[pick(f, sizeof(known) / sizeof(known[0]))]
				       : _IOC(pick(f, 4), 0xE5, pick(f, 32), pick(f, 64));
	void *arg = argument(f);
	int fd = pick(f, 2) ? f->session : f->tty;

	/* Flow control would stop the traffic. */
	if (cmd == TCXONC)
		arg = (void *)(uintptr_t)(2 + pick(f, 9));
	if (ioctl(fd, cmd, arg) == -1) {
		CHECK(errno != EIO || fd == f->tty, "ioctl %lx: %s", cmd, strerror(errno));
		f->refused++;
	} else {
		f->accepted++;
	}
}

static void one_call(struct fuzz *f)
{
	struct pollfd p = { .fd = f->tty, .events = (short)guest_random(&f->seed) };
	size_t size = pick(f, 3) ? pick(f, 200) : (size_t)pick(f, 100000);
	void *map;

	switch (pick(f, 10)) {
	case 0:
		(void)!read(f->tty, argument(f), size);
		break;
	case 1:
		(void)!read(f->session, argument(f), size);
		break;
	case 2:
		(void)!write(f->master, f->room, size % 4096);
		break;
	case 3:
		(void)!write(f->tty, f->room, size % 4096);
		(void)!read(f->master, f->room, 4096);
		break;
	case 4:
		map = mmap(NULL, 1 + (size_t)value(f) % (1 << 26), (int)pick(f, 8),
			   pick(f, 2) ? MAP_SHARED : MAP_PRIVATE, f->session,
			   (off_t)(pick(f, 2) ? 0 : 4096 * value(f)));
		if (map != MAP_FAILED)
			munmap(map, 4096);
		break;
	case 5:
		poll(&p, 1, 0);
		break;
	default:
		one_ioctl(f);
	}
}

/* Another session now and then: only a fresh one can be set up. */
static void renew(struct fuzz *f, struct stamptty *p)
{
	if (f->session >= 0)
		close(f->session);
	f->session = guest_open_device();
	if (pick(f, 4))
		return;
	close(p->slave);
	close(p->master);
	stamptty_open(p);
	fcntl(p->master, F_SETFL, O_RDWR | O_NONBLOCK);
	stamptty_discipline(p->slave, STEPD_STAMP_LDISC);
	f->tty = p->slave;
	f->master = p->master;
}

static void test_fuzz(long count, uint64_t seed)
{
	struct fuzz f = { .seed = seed, .session = -1 };
	struct stamptty_exchange x = { .source = 7 };
	struct guest_reader r;
	struct stamptty p;
	int rc;

	printf("seed %" PRIu64 "\n", seed);
	guest_load();
	f.room = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(f.room != MAP_FAILED && mprotect(f.room + 4096, 4096, PROT_NONE) == 0, "no memory");
	stamptty_open(&p);
	fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
	stamptty_discipline(p.slave, STEPD_STAMP_LDISC);
	f.tty = p.slave;
	f.master = p.master;
	for (long i = 0; i < count; i++) {
		if (i % 50 == 0)
			renew(&f, &p);
		one_call(&f);
	}
	printf("%ld calls; ioctls: %" PRIu64 " accepted, %" PRIu64 " refused\n", count, f.accepted,
	       f.refused);
	CHECK(f.accepted > 0 && f.refused > 0, "the fuzzer reaches nothing");
	close(f.session);
	close(p.slave);
	close(p.master);
	/* And all works as before. */
	guest_reader_open(&r, RECORDS);
	stamptty_open(&p);
	stamptty_discipline(p.slave, STEPD_STAMP_LDISC);
	stamptty_bind(p.slave, r.fd, 7);
	x.from = p.master;
	x.to = p.slave;
	stamptty_exchange(&x, &r, 50, seed, "pty after the fuzzer");
	close(p.slave);
	close(p.master);
	guest_reader_close(&r);
	CHECK((rc = guest_unload_soon()) == 0, "unload: %s", strerror(rc));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 4)
		return 2;
	guest_module_path = argv[1];
	test_fuzz(atol(argv[2]), strtoull(argv[3], NULL, 0));
	return 0;
}
