/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guestlib.h - what the programs share that try the module stepd_stamp inside a guest: one thread each, a failure ends
 * the program with a message and exit status 1. */
#ifndef GUESTLIB_H
#define GUESTLIB_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "daemon/rt/stamp_ring.h"

enum {
	GUEST_WAIT_MS = 5000, /* for whatever has to come */
};

_Noreturn void guest_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(condition, ...) \
	do { \
		if (!(condition)) \
			guest_fail(__VA_ARGS__); \
	} while (0)

/* A request that has to fail with this error. */
#define REFUSED(call, error) \
	do { \
		errno = 0; \
		CHECK((call) == -1 && errno == (error), "line %d: %s: expected %s, got %s", \
		      __LINE__, #call, strerror(error), errno ? strerror(errno) : "success"); \
	} while (0)

int64_t guest_now_ns(void); /* CLOCK_MONOTONIC */
uint64_t guest_random(uint64_t *state);

/* The module, from the file that guest_module_path names. */
extern const char *guest_module_path;
void guest_load(void);
/* Returns 0 or an errno. _soon: not before the kernel's workers that end the ttys have let go of it. */
int guest_unload(void);
int guest_unload_soon(void);
/* A file descriptor of /dev/stepd-stamp. */
int guest_open_device(void);

/* A session with its ring mapped. */
struct guest_reader {
	int fd;
	size_t size;
	const struct stepd_stamp_ring *ring;
	struct stamp_ring reader;
};

void guest_reader_open(struct guest_reader *r, uint32_t records);
void guest_reader_close(struct guest_reader *r);
/* The next record, if there is one: as the UAPI header says. */
bool guest_reader_next(struct guest_reader *r, struct stepd_stamp_record *to);
void guest_reader_wait(struct guest_reader *r, struct stepd_stamp_record *to);

/* Percentiles of count > 0 times; sorts them. */
void guest_print_share(const char *what, int64_t *ns, size_t count);

#endif
