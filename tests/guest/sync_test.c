// SPDX-License-Identifier: GPL-2.0-or-later
/* sync_test.c - inside the guest: the edges of a simulated GPIO line, stamped by the module and through libgpiod.
 *
 *   sync_test module MODULE LABEL LINE PULL N
 *   sync_test gpiomon CHIP LINE PULL N
 *
 * PULL is the file that drives the line. Shown: one stamp for each of N edges, in order, between the moments before and
 * after the line was driven. Prints the delay from the former. Exit status 0, or 1 after a message. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/guestlib/guestlib.h"

enum {
	RECORDS = 1024,
	EDGES_MAX = 100000,
	PAUSE_US = 500,
	START_S = 2, /* gpiomon doesn't say when it has the line */
};

static int pull_fd;

/* Between these two moments the line changes. */
static void drive(bool high, int64_t *before_ns, int64_t *after_ns)
{
	const char *text = high ? "pull-up" : "pull-down";

	*before_ns = guest_now_ns();
	CHECK(pwrite(pull_fd, text, strlen(text), 0) == (ssize_t)strlen(text), "pull: %s",
	      strerror(errno));
	*after_ns = guest_now_ns();
}

static void open_pull(const char *path)
{
	pull_fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(pull_fd >= 0, "%s: %s", path, strerror(errno));
}

/* The interrupt may come when the writing is over: the simulator raises it from an irq_work. */
#define LATE_NS 100000000

static int64_t check_stamp(int64_t stamp_ns, int64_t before_ns, int64_t after_ns, long edge)
{
	CHECK(stamp_ns >= before_ns && stamp_ns <= after_ns + LATE_NS,
	      "edge %ld: stamp %lld is not between %lld and %lld", edge, (long long)stamp_ns,
	      (long long)before_ns, (long long)after_ns);
	return stamp_ns - before_ns;
}

static void attach(struct guest_reader *r, const char *label, uint32_t line, uint32_t edges)
{
	struct stepd_stamp_sync sync = { .line = line, .edges = edges, .source = 3 };

	strncpy(sync.chip, label, sizeof(sync.chip) - 1);
	CHECK(ioctl(r->fd, STEPD_STAMP_IOC_SYNC_ATTACH, &sync) == 0, "attach: %s", strerror(errno));
}

static void wrong_lines(struct guest_reader *r, const char *label, uint32_t line)
{
	struct stepd_stamp_sync sync = { .line = line, .edges = STEPD_STAMP_BOTH, .source = 3 };
	struct guest_reader other;

	strncpy(sync.chip, label, sizeof(sync.chip) - 1);
	REFUSED(ioctl(r->fd, STEPD_STAMP_IOC_SYNC_ATTACH, &sync), EBUSY); /* the source */
	sync.source = 4;
	REFUSED(ioctl(r->fd, STEPD_STAMP_IOC_SYNC_ATTACH, &sync), EBUSY); /* the line */
	guest_reader_open(&other, RECORDS);
	REFUSED(ioctl(other.fd, STEPD_STAMP_IOC_SYNC_ATTACH, &sync), EBUSY);
	guest_reader_close(&other);
	sync.line = 64;
	REFUSED(ioctl(r->fd, STEPD_STAMP_IOC_SYNC_ATTACH, &sync), ENODEV);
}

static void by_module(const char *label, uint32_t line, long count, int64_t *delay_ns)
{
	struct stepd_stamp_record rec;
	struct guest_reader r;
	uint32_t source = 3;
	int64_t before_ns, after_ns;

	guest_load();
	guest_reader_open(&r, RECORDS);
	attach(&r, label, line, STEPD_STAMP_BOTH);
	wrong_lines(&r, label, line);
	for (long i = 0; i < count; i++) {
		drive(!(i & 1), &before_ns, &after_ns);
		guest_reader_wait(&r, &rec);
		CHECK(rec.kind == STEPD_STAMP_SYNC && rec.source == 3 && rec.count == 1 &&
			      rec.position == (uint64_t)i,
		      "edge %ld: kind %u, position %llu", i, rec.kind,
		      (unsigned long long)rec.position);
		delay_ns[i] = check_stamp(rec.time_ns, before_ns, after_ns, i);
		usleep(PAUSE_US);
	}
	CHECK(!guest_reader_next(&r, &rec), "more stamps than edges");
	CHECK(ioctl(r.fd, STEPD_STAMP_IOC_SYNC_DETACH, &source) == 0, "detach: %s", strerror(errno));
	drive(true, &before_ns, &after_ns);
	drive(false, &before_ns, &after_ns);
	usleep(10000);
	CHECK(!guest_reader_next(&r, &rec), "a stamp after the line was given back");
	/* One kind of edge only; then the session ends with the line attached. */
	attach(&r, label, line, STEPD_STAMP_RISING);
	for (int i = 0; i < 10; i++) {
		drive(!(i & 1), &before_ns, &after_ns);
		usleep(10000);
	}
	CHECK(r.ring->head == (uint64_t)count + 5, "rising only: %llu stamps",
	      (unsigned long long)(r.ring->head - (uint64_t)count));
	guest_reader_close(&r);
	CHECK(guest_unload() == 0, "unload: %s", strerror(errno));
}

static void by_gpiomon(const char *chip, const char *line, long count, int64_t *delay_ns)
{
	int64_t *before_ns = calloc((size_t)count, sizeof(*before_ns));
	int64_t *after_ns = calloc((size_t)count, sizeof(*after_ns));
	char command[200];
	FILE *from;

	snprintf(command, sizeof(command), "timeout 60 gpiomon -n %ld -F '%%s %%n %%e' %s %s",
		 count, chip, line);
	from = popen(command, "re");
	CHECK(from && before_ns && after_ns, "gpiomon: %s", strerror(errno));
	sleep(START_S);
	for (long i = 0; i < count; i++) {
		drive(!(i & 1), &before_ns[i], &after_ns[i]);
		usleep(PAUSE_US);
	}
	for (long i = 0; i < count; i++) {
		long long s, ns;
		int rising;

		CHECK(fscanf(from, "%lld %lld %d", &s, &ns, &rising) == 3,
		      "edge %ld: no word of it", i);
		CHECK(rising == !(i & 1), "edge %ld: direction %d", i, rising);
		delay_ns[i] = check_stamp(s * 1000000000 + ns, before_ns[i], after_ns[i], i);
	}
	pclose(from);
	free(before_ns);
	free(after_ns);
}

int main(int argc, char **argv)
{
	bool module = argc == 7 && strcmp(argv[1], "module") == 0;
	int64_t *delay_ns;
	long count;

	if (!module && (argc != 6 || strcmp(argv[1], "gpiomon") != 0))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	count = atol(argv[argc - 1]);
	CHECK(count > 0 && count <= EDGES_MAX && count % 2 == 0,
	      "%ld edges: an even number is expected", count);
	delay_ns = calloc((size_t)count, sizeof(*delay_ns));
	CHECK(delay_ns, "out of memory");
	open_pull(argv[argc - 2]);
	guest_module_path = argv[2];
	if (module)
		by_module(argv[3], (uint32_t)atoi(argv[4]), count, delay_ns);
	else
		by_gpiomon(argv[2], argv[3], count, delay_ns);
	guest_print_share(module ? "by the module: driven to stamp"
				 : "through libgpiod: driven to stamp",
			  delay_ns, (size_t)count);
	free(delay_ns);
	return 0;
}
