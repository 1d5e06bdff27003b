// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/doctor/doctor_checks.h"

/* The oldest kernel with all that the rt thread's ring asks for. */
enum { KERNEL_MAJOR = 6, KERNEL_MINOR = 1 };

static void check_preemption(struct doctor *d)
{
	char text[DOCTOR_TEXT];

	if (doctor_line(d, text, sizeof(text), "/sys/kernel/realtime") && strcmp(text, "1") == 0) {
		doctor_found(d, DOCTOR_OK, "preemption", "PREEMPT_RT", "%s", "");
		return;
	}
	if (!doctor_line(d, text, sizeof(text), "/proc/version"))
		snprintf(text, sizeof(text), "/proc/version can't be read");
	if (strstr(text, "PREEMPT_RT")) {
		doctor_found(d, DOCTOR_OK, "preemption", "PREEMPT_RT", "%s", "");
		return;
	}
	doctor_found(d, DOCTOR_BAD, "preemption", "this kernel is not PREEMPT_RT", "%s",
		     "install a real-time kernel (Debian: apt install linux-image-rt-amd64 or "
		     "linux-image-rt-arm64) and boot it");
}

static void check_version(struct doctor *d)
{
	char text[DOCTOR_TEXT], *end;
	long major, minor;

	if (!doctor_line(d, text, sizeof(text), "/proc/sys/kernel/osrelease")) {
		doctor_found(d, DOCTOR_SKIP, "kernel version", "can't be read", "%s", "");
		return;
	}
	major = strtol(text, &end, 10);
	minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR))
		doctor_found(d, DOCTOR_OK, "kernel version", text, "%s", "");
	else
		doctor_found(
			d, DOCTOR_ADVICE, "kernel version", text,
			"%d.%d or newer is expected: older ones interrupt the rt thread to finish "
			"its input and output, and have no CAN over the ring",
			KERNEL_MAJOR, KERNEL_MINOR);
}

static void check_throttling(struct doctor *d)
{
	char runtime[DOCTOR_TEXT], period[DOCTOR_TEXT], text[DOCTOR_TEXT];

	if (!doctor_line(d, runtime, sizeof(runtime), "/proc/sys/kernel/sched_rt_runtime_us") ||
	    !doctor_line(d, period, sizeof(period), "/proc/sys/kernel/sched_rt_period_us")) {
		doctor_found(d, DOCTOR_SKIP, "rt throttling", "can't be read", "%s", "");
		return;
	}
	if (atol(runtime) < 0) {
		doctor_found(d, DOCTOR_OK, "rt throttling", "off", "%s", "");
		return;
	}
	snprintf(text, sizeof(text), "FIFO threads may use %ld of each %ld us of a CPU",
		 atol(runtime), atol(period));
	/* stepd uses a few percent of its CPU: only something else there could be throttled, and it. */
	doctor_found(d, atol(runtime) < atol(period) / 2 ? DOCTOR_BAD : DOCTOR_ADVICE,
		     "rt throttling", text, "%s",
		     "if another program runs with a FIFO priority: sysctl -w "
		     "kernel.sched_rt_runtime_us=-1 (to keep: a line in /etc/sysctl.d/stepd.conf)");
}

static void check_clock(struct doctor *d)
{
	static const char *const good[] = { "tsc", "arch_sys_counter", "riscv_clocksource",
					    "kvm-clock", "arch_mmio_counter" };
	static const char dir[] = "/sys/devices/system/clocksource/clocksource0";
	char text[DOCTOR_TEXT], others[DOCTOR_TEXT];

	if (!doctor_line(d, text, sizeof(text), "%s/current_clocksource", dir)) {
		doctor_found(d, DOCTOR_SKIP, "clock source", "can't be read", "%s", "");
		return;
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (strcmp(text, good[i]) == 0) {
			doctor_found(d, DOCTOR_OK, "clock source", text, "%s", "");
			return;
		}
	doctor_line(d, others, sizeof(others), "%s/available_clocksource", dir);
	doctor_found(
		d, DOCTOR_BAD, "clock source", text,
		"reading it takes a system call or microseconds; available: %s; choose the CPU's own "
		"counter: on x86 'tsc=reliable clocksource=tsc' on the kernel's command line",
		others);
}

/* Old kernels have no switch, and some systems forbid the calls by a filter: try. */
static void check_io_uring(struct doctor *d)
{
	static const char *const disabled[] = { "on", "off for processes without CAP_SYS_ADMIN",
						"off" };
	char text[DOCTOR_TEXT];
	struct io_uring ring;
	long off = 0;
	int rc;

	if (doctor_line(d, text, sizeof(text), "/proc/sys/kernel/io_uring_disabled"))
		off = atol(text);
	if (off) {
		doctor_found(d, DOCTOR_BAD, "io_uring", disabled[off == 1 ? 1 : 2], "%s",
			     "sysctl -w kernel.io_uring_disabled=0 (to keep: a line in "
			     "/etc/sysctl.d/stepd.conf)");
		return;
	}
	if (d->root[0]) {
		doctor_found(d, DOCTOR_OK, "io_uring", "not switched off", "%s", "");
		return;
	}
	rc = io_uring_queue_init(8, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (rc == 0) {
		io_uring_queue_exit(&ring);
		doctor_found(d, DOCTOR_OK, "io_uring", "there, with deferred task work", "%s", "");
	} else if (rc == -EINVAL && io_uring_queue_init(8, &ring, 0) == 0) {
		io_uring_queue_exit(&ring);
		doctor_found(d, DOCTOR_ADVICE, "io_uring", "there, without deferred task work",
			     "kernel %d.%d or newer has it", KERNEL_MAJOR, KERNEL_MINOR);
	} else {
		doctor_found(d, DOCTOR_BAD, "io_uring", strerror(-rc), "%s",
			     "stepd can't run without it: a kernel of 6.1 or newer with "
			     "CONFIG_IO_URING, and no container or filter that forbids its calls");
	}
}

void doctor_check_kernel(struct doctor *d)
{
	check_preemption(d);
	check_version(d);
	check_throttling(d);
	check_clock(d);
	check_io_uring(d);
}
