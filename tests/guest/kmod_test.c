// SPDX-License-Identifier: GPL-2.0-or-later
/* kmod_test.c - inside the guest: the module stepd_stamp through its UAPI. See kmod.sh for what is shown.
 *
 *   kmod_test MODULE pty | serial TTY TTY | cycles N SEED | race N SEED | fuzz N SEED
 *
 * MODULE is loaded at the start (`cycles` does it N times) and unloaded at the end. Exit status 0, or 1 after a message. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "tests/guestlib/guestlib.h"

enum {
	RECORDS = 1024,
	MESSAGE_MAX = 400,
	BLOCKS = 64, /* of 4 KiB: more than a pty holds, so that its writer has to be woken */
};

/* ---- ttys ---- */

static void set_discipline(int tty, int number)
{
	CHECK(ioctl(tty, TIOCSETD, &number) == 0, "line discipline %d: %s", number, strerror(errno));
}

static void raw(int tty)
{
	struct termios t;

	CHECK(tcgetattr(tty, &t) == 0, "tcgetattr: %s", strerror(errno));
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&t, B115200);
	CHECK(tcsetattr(tty, TCSANOW, &t) == 0, "tcsetattr: %s", strerror(errno));
}

static void bind_tty(int tty, int session, uint32_t source)
{
	struct stepd_stamp_bind bind = { .session = session, .source = source };

	CHECK(ioctl(tty, STEPD_STAMP_IOC_BIND, &bind) == 0, "bind: %s", strerror(errno));
}

struct pty {
	int master, slave;
};

static void pty_open(struct pty *p)
{
	char name[64];

	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(p->master >= 0 && grantpt(p->master) == 0 && unlockpt(p->master) == 0 &&
		      ptsname_r(p->master, name, sizeof(name)) == 0,
	      "pty: %s", strerror(errno));
	p->slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	CHECK(p->slave >= 0, "%s: %s", name, strerror(errno));
	raw(p->slave);
}

static void write_all(int fd, const uint8_t *bytes, size_t size)
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

static void read_all(int fd, uint8_t *bytes, size_t size)
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

/* ---- stamps against what was sent ---- */

struct exchange {
	int from, to; /* to has the discipline and is bound to source */
	uint32_t source;
	uint64_t position; /* bytes so far */
	int64_t last_ns;
};

/* The records of `size` bytes: without a gap, in order of time, each between begin_ns and end_ns. Returns the last one's time. */
static int64_t check_records(struct exchange *x, struct guest_reader *r, size_t size,
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

/* count messages; each is read whole and its stamps lie between the write and the read. */
static void exchange(struct exchange *x, struct guest_reader *r, int count, uint64_t seed,
		     const char *what)
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
		write_all(x->from, sent, size);
		read_all(x->to, got, size);
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

/* Reads and polls that find nothing, a full buffer, a flush, the other side's end. */
static void edges_of_pty(struct pty *p, struct guest_reader *r, struct exchange *x)
{
	static uint8_t block[4096];
	struct pollfd poll_slave = { .fd = p->slave, .events = POLLIN | POLLOUT };
	struct stepd_stamp_stats stats;
	struct stepd_stamp_record rec;
	int waiting, none = 0;
	uint64_t lost = 0;

	REFUSED(read(p->slave, block, 1), EAGAIN);
	CHECK(poll(&poll_slave, 1, 0) == 1 && poll_slave.revents == POLLOUT, "poll of an empty tty");
	write_all(p->slave, (const uint8_t *)"hello", 5);
	CHECK(read(p->master, block, sizeof(block)) == 5 && memcmp(block, "hello", 5) == 0,
	      "bytes to the master");
	for (int i = 0; i < BLOCKS; i++)
		write_all(p->master, block, sizeof(block));
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
	struct exchange x = { .source = 7 };
	struct guest_reader r;
	struct pty p;

	guest_load();
	guest_reader_open(&r, RECORDS);
	pty_open(&p);
	set_discipline(p.slave, STEPD_STAMP_LDISC);
	wrong_requests(r.fd, p.slave);
	bind_tty(p.slave, r.fd, 7);
	x.from = p.master;
	x.to = p.slave;
	exchange(&x, &r, 500, 20261125, "pty");
	CHECK(guest_unload() == EWOULDBLOCK, "unloaded while in use");
	edges_of_pty(&p, &r, &x);
	guest_reader_close(&r);
	CHECK(guest_unload() == 0, "unload: %s", strerror(errno));
}

static void test_serial(const char *from, const char *to)
{
	struct exchange x = { .source = 65535 };
	struct guest_reader r;

	guest_load();
	guest_reader_open(&r, RECORDS);
	x.from = open(from, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	x.to = open(to, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	CHECK(x.from >= 0 && x.to >= 0, "%s, %s: %s", from, to, strerror(errno));
	raw(x.from);
	raw(x.to);
	tcflush(x.to, TCIOFLUSH);
	set_discipline(x.to, STEPD_STAMP_LDISC);
	bind_tty(x.to, r.fd, x.source);
	exchange(&x, &r, 100, 20261125, "serial port");
	set_discipline(x.to, 0); /* back to N_TTY: the bytes go there */
	write_all(x.from, (const uint8_t *)"again", 5);
	read_all(x.to, (uint8_t[5]){ 0 }, 5);
	close(x.from);
	close(x.to);
	guest_reader_close(&r);
	CHECK(guest_unload() == 0, "unload: %s", strerror(errno));
}

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
	struct pty p;
	int rc, flags;

	guest_load();
	guest_reader_open(&r, RECORDS);
	pty_open(&p);
	flags = fcntl(p.master, F_GETFL);
	fcntl(p.master, F_SETFL, flags | O_NONBLOCK);
	atomic_store(&t->master, p.master);
	set_discipline(p.slave, STEPD_STAMP_LDISC);
	bind_tty(p.slave, r.fd, 1);
	for (unsigned i = (unsigned)(guest_random(seed) % 8); i > 0; i--) {
		(void)!read(p.slave, block, sizeof(block));
		usleep((useconds_t)(guest_random(seed) % 1000));
	}
	CHECK(guest_unload() == EWOULDBLOCK, "unloaded while in use");
	*stamps += __atomic_load_n(&r.ring->head, __ATOMIC_ACQUIRE);
	if (way == 0)
		guest_reader_close(&r); /* the tty is still bound to it */
	else if (way == 1)
		set_discipline(p.slave, 0);
	else if (way == 2)
		set_discipline(p.slave, 0), set_discipline(p.slave, STEPD_STAMP_LDISC);
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
	/* The last reference goes with the kernel's worker that ends the tty. */
	for (int ms = 0; (rc = guest_unload()) == EWOULDBLOCK && ms < GUEST_WAIT_MS; ms++)
		usleep(1000);
	CHECK(rc == 0, "unload: %s", strerror(rc));
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
	struct pty p;
	bool attached;

	syscall(SYS_finit_module, file, "", 0);
	close(file);
	bind.session = open(STEPD_STAMP_DEVICE, O_RDWR | O_CLOEXEC);
	pty_open(&p);
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
	for (int ms = 0; guest_unload() == EWOULDBLOCK && ms < GUEST_WAIT_MS; ms++)
		usleep(1000);
	printf("%ld tries: %ld attached, %" PRIu64 " unloads, %" PRIu64 " bytes\n", count, attached,
	       (uint64_t)t.unloads, (uint64_t)t.bytes);
	CHECK(attached > 0 && t.unloads > 0, "one of the two never comes about");
}

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
static void renew(struct fuzz *f, struct pty *p)
{
	if (f->session >= 0)
		close(f->session);
	f->session = guest_open_device();
	if (pick(f, 4))
		return;
	close(p->slave);
	close(p->master);
	pty_open(p);
	fcntl(p->master, F_SETFL, O_RDWR | O_NONBLOCK);
	set_discipline(p->slave, STEPD_STAMP_LDISC);
	f->tty = p->slave;
	f->master = p->master;
}

static void test_fuzz(long count, uint64_t seed)
{
	struct fuzz f = { .seed = seed, .session = -1 };
	struct exchange x = { .source = 7 };
	struct guest_reader r;
	struct pty p;
	int rc;

	printf("seed %" PRIu64 "\n", seed);
	guest_load();
	f.room = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(f.room != MAP_FAILED && mprotect(f.room + 4096, 4096, PROT_NONE) == 0, "no memory");
	pty_open(&p);
	fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
	set_discipline(p.slave, STEPD_STAMP_LDISC);
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
	pty_open(&p);
	set_discipline(p.slave, STEPD_STAMP_LDISC);
	bind_tty(p.slave, r.fd, 7);
	x.from = p.master;
	x.to = p.slave;
	exchange(&x, &r, 50, seed, "pty after the fuzzer");
	close(p.slave);
	close(p.master);
	guest_reader_close(&r);
	for (int ms = 0; (rc = guest_unload()) == EWOULDBLOCK && ms < GUEST_WAIT_MS; ms++)
		usleep(1000);
	CHECK(rc == 0, "unload: %s", strerror(rc));
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
	else if (strcmp(argv[2], "cycles") == 0 && argc == 5)
		test_cycles(atol(argv[3]), strtoull(argv[4], NULL, 0));
	else if (strcmp(argv[2], "race") == 0 && argc == 5)
		test_race(atol(argv[3]), strtoull(argv[4], NULL, 0));
	else if (strcmp(argv[2], "fuzz") == 0 && argc == 5)
		test_fuzz(atol(argv[3]), strtoull(argv[4], NULL, 0));
	else
		return 2;
	return 0;
}
