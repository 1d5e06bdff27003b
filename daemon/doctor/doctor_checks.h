/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_checks.h - private to daemon/doctor/: what a check reads and what it finds.
 *
 * All of /proc, /sys and /dev is read below doctor.root, so that a test can give a machine of its own.
 * Threads: planner (main), before anything runs.
 */
#ifndef DAEMON_DOCTOR_DOCTOR_CHECKS_H
#define DAEMON_DOCTOR_DOCTOR_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	DOCTOR_FINDINGS = 64,
	DOCTOR_TEXT = 400,
	DOCTOR_DEVICES = 16,
	DOCTOR_CPUS = 1024,
};

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_ADVICE, /* works, with less margin */
	DOCTOR_BAD,    /* deadlines will be missed, or stepd can't run */
	DOCTOR_SKIP,   /* nothing to look at, or it can't be told */
};

struct doctor_finding {
	enum doctor_level level;
	const char *name;
	char found[DOCTOR_TEXT], how[DOCTOR_TEXT]; /* how: "" unless there is something to do */
};

struct doctor {
	const char *root; /* "" for the machine itself */
	int cpu;          /* where the rt thread runs; -1 if no CPU is isolated */
	int priority;     /* SCHED_FIFO, 0: not wanted */
	const char *serial[DOCTOR_DEVICES];
	size_t serials;
	const char *can[DOCTOR_DEVICES]; /* CAN interfaces, each once */
	size_t cans;
	bool gpio; /* the configuration has pins that are GPIO lines of this machine */
	struct doctor_finding finding[DOCTOR_FINDINGS];
	size_t findings;
};

/* Add a finding; how: printf format, "" if there is nothing to do. More than fit are dropped. */
void doctor_found(struct doctor *d, enum doctor_level level, const char *name, const char *found,
		  const char *how, ...) __attribute__((format(printf, 5, 6)));

/* First line of a file below root, without the newline. False if it can't be read. */
bool doctor_line(const struct doctor *d, char *text, size_t room, const char *path, ...)
	__attribute__((format(printf, 4, 5)));

/* Is cpu in a list like "1,4-7"? */
bool doctor_in_list(const char *list, int cpu);

/* The value of option on the kernel's command line ("" for a bare word), or false. */
bool doctor_boot_option(const struct doctor *d, const char *option, char *value, size_t room);

/* doctor_kernel.c: PREEMPT_RT, version, throttling, clock source, io_uring */
void doctor_check_kernel(struct doctor *d);

/* doctor_cpu.c: isolation, interrupts, frequency and idle states; sets d->cpu if it is -1. */
void doctor_check_cpu(struct doctor *d);

/* doctor_rights.c: limits and capabilities of this process */
void doctor_check_rights(struct doctor *d);

/* doctor_devices.c: serial ports, USB, CAN, GPIO chips */
void doctor_check_devices(struct doctor *d);

#endif
