/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensors.h - temperature sensors on the planner's side: their objects in the MCUs, and what the host reads itself.
 *
 * Analog inputs and converters on SPI are read by the MCUs, for the rt core (rtcore/engine_heat.h).
 * Owner: struct machine. Threads: PLAN. Units: °C.
 */
#ifndef DAEMON_SENSORS_SENSORS_H
#define DAEMON_SENSORS_SENSORS_H

#include <stdbool.h>
#include <stddef.h>

struct machine;
struct session;

/* Those on buses. False: there are too many, with a text in err. */
bool sensors_setup(struct machine *m, char *err, size_t err_size);
/* Config commands of sensors on that MCU, and what the rt core has to know. After bus_configure(). */
bool sensors_configure(struct machine *m, struct session *s);
/* The host's own: whole milli-degrees in a file of the kernel's, now and then. */
void sensors_feed(struct machine *m);

#endif
