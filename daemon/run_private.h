/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_private.h - what the daemon's loop (run.c) and its set-up (run_setup.c) share.
 *
 * Owner: run.c, one struct run for each start of the machine. Threads: PLAN.
 */
#ifndef DAEMON_RUN_PRIVATE_H
#define DAEMON_RUN_PRIVATE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/canbus.h"
#include "daemon/config/machine_config.h"
#include "daemon/fifo.h"
#include "daemon/flight_file.h"
#include "daemon/gcode/gcode_line.h"
#include "daemon/hostgpio/hostchip.h"
#include "daemon/machine/machine.h"
#include "daemon/overrides.h"
#include "daemon/recorder.h"
#include "daemon/rt/rt_proc.h"
#include "daemon/rt/rt_thread.h"
#include "daemon/rt/stamps.h"
#include "daemon/watchdog.h"

struct run_options {
	const char *config, *trace, *rt_report, *clock_trace;
	struct overrides overrides;
	bool seccomp;
	bool restarted;  /* not the first start of this process */
	bool reset_mcus; /* FIRMWARE_RESTART asked for it */
};

/* Errors of G-code lines in the log: what the last one was, and how many of the same came behind it. */
struct run_log {
	char reason[REPLY_LINE_MAX];
	uint64_t repeats;
};

struct run {
	struct run_options opt;
	struct machine_config *mc;
	struct machine *m;
	struct rt_thread rt;
	struct stamps stamps;
	struct rt_proc at_start; /* page faults and switches before the loop */
	struct recorder recorder;
	FILE *clock_trace; /* or NULL */
	int64_t clock_traced_ns;
	struct flight_file flight;
	struct fifo fifo, urgent;
	struct reply reply;
	struct run_log log;
	struct watchdog watchdog;
	int64_t watched_ns; /* when the FIFOs' paths were looked at last, and the service manager was told */
	struct gcode_numbering numbering;
	struct rt_line line[ENGINE_MCUS];
	struct canbus canbus[ENGINE_MCUS]; /* the interfaces in use */
	int canbus_of[ENGINE_MCUS];        /* an MCU's; -1: it has a serial line */
	int canbuses;
	struct hostchip *
		host[ENGINE_MCUS]; /* those that are GPIO lines of this machine; owns line[].fd there */
	char positions[PATH_MAX]; /* file of positions.h */
	char faults[PATH_MAX];    /* file of fault_keep.h */
	int signal_fd;
	const char *startup; /* rest of the start-up lines, NULL when done */
	uint32_t startup_line;
	int64_t stop_ns; /* a signal asked to stop then; 0: none has */
	bool has_fifo, has_urgent, has_reply, has_rt, has_recorder, announced;
};

/* Bring everything up as r->opt says. false with a text in err: run_stop() is still needed. */
bool run_start(struct run *r, char *err, size_t err_size);

/* Release all that run_start() got, in whatever state. */
void run_stop(struct run *r);

/* What the rt thread's time went to, as JSON into opt.rt_report, if that was asked for. While the thread runs. */
void run_report(struct run *r);

/* run_host.c */

/* MCU number mcu is GPIO lines of this machine: take them, start their thread, set line[mcu].fd. False with a text in err. */
bool run_host_start(struct run *r, int mcu, char *err, size_t err_size);
/* After the rt thread has ended. */
void run_host_stop(struct run *r);
/* Hook of the machine: what failed, in words; NULL: nothing is known. */
const char *run_host_fault(void *ctx, int mcu);
/* A line of STATUS for each. */
void run_host_status(struct run *r, char *buf, size_t cap);

/* What the clock estimates are now, into opt.clock_trace, if that was asked for. */
void run_trace_clocks(struct run *r);

/* run_log.c */

/* A line to standard error. */
void run_log(const char *text);
/* The same for a reply that is an error: not again for lines that fail for the reason of the one before. ctx: struct run_log. */
void run_log_error(void *ctx, const char *text);
/* How many were not said. */
void run_log_flush(struct run_log *l);

#endif
