/* SPDX-License-Identifier: GPL-2.0-or-later */
/* can_port.h - the CAN controller of a simulated MCU: a CAN_RAW socket on an interface of this machine.
 *
 * Owner: the caller places it. Threads: one. Returns 0 or -errno.
 */
#ifndef SIM_CAN_PORT_H
#define SIM_CAN_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu_can.h"

struct sim;

struct can_port {
	int fd; /* non-blocking; poll it for input */
	bool held;
	struct mcu_can_frame frame; /* held: the interface had no room for it */
	uint64_t full;              /* how often that was so */
};

/* Open the interface, which has to be up. */
int can_port_open(struct can_port *p, const char *interface);

/* Frames that have come, at most max: how many, or -errno if the interface is gone for good. */
int can_port_read(struct can_port *p, struct mcu_can_frame *frames, int max);

/* Send what the firmware has to send, as long as there is room; call again for the rest. */
void can_port_send(struct can_port *p, struct sim *s);

void can_port_close(struct can_port *p);
#endif
