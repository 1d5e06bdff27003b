// SPDX-License-Identifier: GPL-2.0-or-later
#include "guestlib.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MODULE_NAME "stepd_stamp"

const char *guest_module_path;

_Noreturn void guest_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("FAILED: ");
	vprintf(format, ap);
	printf("\n");
	va_end(ap);
	exit(1);
}

int64_t guest_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t guest_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dULL;
}

/* ---- the module ---- */

void guest_load(void)
{
	int fd = open(guest_module_path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0, "%s: %s", guest_module_path, strerror(errno));
	CHECK(syscall(SYS_finit_module, fd, "", 0) == 0, "insmod: %s", strerror(errno));
	close(fd);
}

int guest_unload(void)
{
	return syscall(SYS_delete_module, MODULE_NAME, O_NONBLOCK) ? errno : 0;
}

int guest_unload_soon(void)
{
	int rc;

	for (int ms = 0; (rc = guest_unload()) == EWOULDBLOCK && ms < GUEST_WAIT_MS; ms++)
		usleep(1000);
	return rc;
}

/* devtmpfs makes the node soon after the module is loaded. */
int guest_open_device(void)
{
	int fd = -1;

	for (int ms = 0; ms < GUEST_WAIT_MS && fd < 0; ms++) {
		fd = open(STEPD_STAMP_DEVICE, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(1000);
	}
	CHECK(fd >= 0, STEPD_STAMP_DEVICE ": %s", strerror(errno));
	return fd;
}

/* ---- the ring ---- */

void guest_reader_open(struct guest_reader *r, uint32_t records)
{
	struct stepd_stamp_setup setup = { .records = records };

	r->fd = guest_open_device();
	CHECK(ioctl(r->fd, STEPD_STAMP_IOC_SETUP, &setup) == 0, "setup: %s", strerror(errno));
	r->size = (size_t)setup.size;
	r->ring = mmap(NULL, r->size, PROT_READ, MAP_SHARED, r->fd, 0);
	CHECK(r->ring != MAP_FAILED, "mmap: %s", strerror(errno));
	CHECK(stamp_ring_init(&r->reader, r->ring, r->size) && r->ring->records == records &&
		      r->ring->head == 0,
	      "the ring's header");
}

void guest_reader_close(struct guest_reader *r)
{
	munmap((void *)r->ring, r->size);
	close(r->fd);
}

bool guest_reader_next(struct guest_reader *r, struct stepd_stamp_record *to)
{
	bool any = stamp_ring_next(&r->reader, to);

	CHECK(r->reader.lost == 0, "a record is lost");
	return any;
}

void guest_reader_wait(struct guest_reader *r, struct stepd_stamp_record *to)
{
	for (int ms = 0; ms < GUEST_WAIT_MS; ms++) {
		if (guest_reader_next(r, to))
			return;
		usleep(1000);
	}
	guest_fail("no record within %d ms", GUEST_WAIT_MS);
}

static int compare_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void guest_print_share(const char *what, int64_t *ns, size_t count)
{
	qsort(ns, count, sizeof(*ns), compare_ns);
	printf("%s: n %zu, p50 %.1f us, p99.9 %.1f us, max %.1f us\n", what, count,
	       (double)ns[count / 2] / 1e3, (double)ns[count * 999 / 1000] / 1e3,
	       (double)ns[count - 1] / 1e3);
}
