/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensor_host.h - a temperature of this machine, as the kernel shows it: a file with thousandths of °C.
 *
 * Threads: PLAN. A file that has nothing to say at once (a FIFO) fails; nothing waits.
 */
#ifndef DAEMON_SENSORS_SENSOR_HOST_H
#define DAEMON_SENSORS_SENSOR_HOST_H

#include <stdbool.h>

/* machine_hooks.host_degc. False: there is no such file, or no number in it. */
bool sensor_host_degc(void *ctx, const char *path, double *degc);

#endif
