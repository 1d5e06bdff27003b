/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostchip.h - this machine's GPIO lines behind the rt thread: a thread that runs a hostmcu on them.
 *
 * The rt thread can't drive a line itself: that is an ioctl, which io_uring doesn't do. It writes frames to a socket, as
 * to any MCU; this thread, one priority below it, takes them there and drives each line at its time.
 * Threads: PLAN starts and stops it and asks for its figures; all else happens on its own thread.
 */
#ifndef DAEMON_HOSTGPIO_HOSTCHIP_H
#define DAEMON_HOSTGPIO_HOSTCHIP_H

#include "daemon/hostgpio/hostmcu.h"
#include "daemon/pins.h"

/* A line that is needed, and for what. */
struct hostchip_use {
	const struct pin *pin;
	bool output;
	bool level;     /* of an output, while nothing else is said */
	int64_t gap_ns; /* of a step pin: its edges keep this distance; else 0 */
};

struct hostchip_config {
	const char *name; /* of the MCU that this is in the configuration */
	int priority;     /* SCHED_FIFO, 1..99; 0: don't ask for it */
	int cpu;          /* pin to this CPU; -1: don't */
	int64_t late_max_ns;
	const struct hostchip_use *use;
	int uses; /* at most HOSTMCU_LINES */
};

struct hostchip;

/* Take all lines and start the thread. Returns NULL with a text in err that names pin, line and chip: no line
 * is held then. */
struct hostchip *hostchip_start(const struct hostchip_config *cfg, char *err, size_t err_size);

/* The host's end of the link: non-blocking, as a serial port. Closed by hostchip_stop(). */
int hostchip_fd(const struct hostchip *h);

/* End the thread, put outputs to what they were at first and give all lines back. NULL is fine. After the rt
 * thread has ended. */
void hostchip_stop(struct hostchip *h);

/* The figures so far. False: not now. */
bool hostchip_stats(struct hostchip *h, struct hostmcu_stats *out);
/* What has failed, in words; NULL: nothing. Lives as long as h. */
const char *hostchip_fault(struct hostchip *h);
/* Whether it got its priority. */
bool hostchip_fifo(const struct hostchip *h);

#endif
