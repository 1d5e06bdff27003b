// SPDX-License-Identifier: GPL-2.0-or-later
/* kmod_unload.c - inside the guest: the module stepd_stamp comes and goes under traffic. See kmod.sh for what is shown.
 *
 *   kmod_unload MODULE cycles | race N SEED
 *
 * cycles: N times load, attach, detach in one of several orders, unload. race: another thread unloads it meanwhile.
 * Exit status 0, or 1 after a message. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "tests/guestlib/stamptty.h"

enum { RECORDS = 1024 };

/* ---- cycles under traffic ---- */

struct traffic {
	_Atomic int master; /* -1: pause */
	_Atomic bool stop;
	_Atomic uint64_t bytes, unloads;
};

/* Writes to whatever master there is; a write may fail because the pty goes away under it. */
static void *make_traffic(void *arg)
{
	struct traffic *t = arg;
	uint8_t block[97];

	memset(block, 0x55, sizeof(block));
	while (!atomic_load(&t->stop)) {
		int fd = atomic_load(&t->master);
		ssize_t n = fd >= 0 ? write(fd, block, sizeof(block)) : 0;

		if (n > 0)
			atomic_fetch_add(&t->bytes, (uint64_t)n);
		else
			usleep(200);
	}
	return NULL;
}

/* Attach, some traffic, and one of the ways for it to end. The module is there before and gone after. */
static void cycle(struct traffic *t, uint64_t *seed, uint64_t *stamps)
{
	unsigned way = (unsigned)(guest_random(seed) % 5);
	uint8_t block[512];
	struct guest_reader r;
	struct stamptty p;
	int rc, flags;

	guest_load();
	guest_reader_open(&r, RECORDS);
	stamptty_open(&p);
	flags = fcntl(p.master, F_GETFL);
	fcntl(p.master, F_SETFL, flags | O_NONBLOCK);
	atomic_store(&t->master, p.master);
	stamptty_discipline(p.slave, STEPD_STAMP_LDISC);
	stamptty_bind(p.slave, r.fd, 1);
	for (unsigned i = (unsigned)(guest_random(seed) % 8); i > 0; i--) {
		(void)!read(p.slave, block, sizeof(block));
		usleep((useconds_t)(guest_random(seed) % 1000));
	}
	CHECK(guest_unload() == EWOULDBLOCK, "unloaded while in use");
	*stamps += __atomic_load_n(&r.ring->head, __ATOMIC_ACQUIRE);
	if (way == 0)
		guest_reader_close(&r); /* the tty is still bound to it */
	else if (way == 1)
		stamptty_discipline(p.slave, 0);
	else if (way == 2)
		stamptty_discipline(p.slave, 0), stamptty_discipline(p.slave, STEPD_STAMP_LDISC);
	else if (way == 3)
		ioctl(p.master, TIOCSTI, "x"), tcflush(p.slave, TCIOFLUSH);
	/* way 4, and all: the master goes first or last */
	atomic_store(&t->master, -1);
	if (guest_random(seed) & 1) {
		close(p.master);
		close(p.slave);
	} else {
		close(p.slave);
		close(p.master);
	}
	if (way != 0)
		guest_reader_close(&r);
	CHECK((rc = guest_unload_soon()) == 0, "unload: %s", strerror(rc));
}

static void test_cycles(long count, uint64_t seed)
{
	struct traffic t = { .master = -1 };
	pthread_t thread;
	uint64_t stamps = 0;

	printf("seed %" PRIu64 "\n", seed);
	CHECK(pthread_create(&thread, NULL, make_traffic, &t) == 0, "no thread");
	for (long i = 0; i < count; i++)
		cycle(&t, &seed, &stamps);
	atomic_store(&t.stop, true);
	pthread_join(thread, NULL);
	CHECK(t.bytes > 0 && stamps > 0, "there was no traffic");
	printf("%ld cycles of load, attach, detach, unload; %" PRIu64 " bytes sent, %" PRIu64
	       " stamps\n",
	       count, (uint64_t)t.bytes, stamps);
}

/* ---- unloading while it is being attached ---- */

static void *keep_unloading(void *arg)
{
	struct traffic *t = arg;
	uint64_t seed = 1;

	while (!atomic_load(&t->stop)) {
		if (guest_unload() == 0)
			atomic_fetch_add(&t->unloads, 1);
		usleep((useconds_t)(guest_random(&seed) % 30000)); /* loading takes some 10 ms */
	}
	return NULL;
}

/* Each step may find the module gone; what was attached holds it. */
static bool try_attach(struct traffic *t, uint64_t *seed)
{
	struct stepd_stamp_setup setup = { .records = 64 };
	struct stepd_stamp_bind bind = { .source = 1 };
	int number = STEPD_STAMP_LDISC, file = open(guest_module_path, O_RDONLY | O_CLOEXEC);
	struct stamptty p;
	bool attached;

	syscall(SYS_finit_module, file, "", 0);
	close(file);
	bind.session = open(STEPD_STAMP_DEVICE, O_RDWR | O_CLOEXEC);
	stamptty_open(&p);
	fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
	atomic_store(&t->master, p.master);
	attached = ioctl(p.slave, TIOCSETD, &number) == 0;
	if (bind.session >= 0)
		CHECK(ioctl(bind.session, STEPD_STAMP_IOC_SETUP, &setup) == 0, "setup: %s",
		      strerror(errno));
	if (bind.session >= 0 && attached)
		CHECK(ioctl(p.slave, STEPD_STAMP_IOC_BIND, &bind) == 0, "bind: %s", strerror(errno));
	if (guest_random(seed) & 1)
		usleep((useconds_t)(guest_random(seed) % 2000));
	atomic_store(&t->master, -1);
	if (bind.session >= 0)
		close(bind.session);
	close(p.slave);
	close(p.master);
	return attached && bind.session >= 0;
}

static void test_race(long count, uint64_t seed)
{
	struct traffic t = { .master = -1 };
	pthread_t writer, unloader;
	long attached = 0;

	printf("seed %" PRIu64 "\n", seed);
	CHECK(pthread_create(&writer, NULL, make_traffic, &t) == 0 &&
		      pthread_create(&unloader, NULL, keep_unloading, &t) == 0,
	      "no threads");
	for (long i = 0; i < count; i++)
		attached += try_attach(&t, &seed);
	atomic_store(&t.stop, true);
	pthread_join(writer, NULL);
	pthread_join(unloader, NULL);
	guest_unload_soon();
	printf("%ld tries: %ld attached, %" PRIu64 " unloads, %" PRIu64 " bytes\n", count, attached,
	       (uint64_t)t.unloads, (uint64_t)t.bytes);
	CHECK(attached > 0 && t.unloads > 0, "one of the two never comes about");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 5)
		return 2;
	guest_module_path = argv[1];
	if (strcmp(argv[2], "cycles") == 0)
		test_cycles(atol(argv[3]), strtoull(argv[4], NULL, 0));
	else if (strcmp(argv[2], "race") == 0)
		test_race(atol(argv[3]), strtoull(argv[4], NULL, 0));
	else
		return 2;
	return 0;
}
