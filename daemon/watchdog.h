/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watchdog.h - the service manager hears that the planner's loop goes round.
 *
 * systemd's WatchdogSec=: who says nothing for so long is ended and started anew; the MCUs' outputs time out meanwhile. The
 * protocol is that of sd_notify(3): NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID in the environment, datagrams to the socket.
 * Owner: the caller places struct watchdog. Threads: PLAN.
 */
#ifndef DAEMON_WATCHDOG_H
#define DAEMON_WATCHDOG_H

struct watchdog {
	int fd; /* connected; -1: nobody watches */
};

/* As the environment says. Whoever does not ask for it, or not this process, hears nothing. */
void watchdog_open(struct watchdog *w);
/* Once a second. What can't be sent is dropped: nothing waits for it. */
void watchdog_alive(const struct watchdog *w);
void watchdog_close(struct watchdog *w);

#endif
