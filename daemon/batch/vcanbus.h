/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcanbus.h - a CAN 2.0A bus under virtual time, with faults.
 *
 * Each port is a controller with a queue. When the bus is free, the head with the lowest id goes first, and it
 * takes as long as its bits do: header, data, CRC, the stuff bits of exactly these, end of frame and gap. A seeded
 * generator loses frames in receivers, repeats them (an error in the last bit of a frame) and lets others occupy the
 * bus; it damages none: a controller that receives one asks for it again by itself.
 * Owner: the caller places it. Threads: one at a time. Pure. Units: _ns virtual time, rates per million frames.
 */
#ifndef DAEMON_BATCH_VCANBUS_H
#define DAEMON_BATCH_VCANBUS_H

#include <stdbool.h>
#include <stdint.h>

#include "mcu_can.h"

enum {
	VCANBUS_PORTS = 8,
	VCANBUS_QUEUE_MAX = 128, /* frames; a power of two */
};

struct vcanbus_config {
	uint32_t bit_hz;
	uint64_t seed;
	uint32_t queue[VCANBUS_PORTS]; /* frames that wait, 1..VCANBUS_QUEUE_MAX; 0: there is no such port */
	uint32_t lose_ppm, repeat_ppm, delay_ppm;
	int64_t delay_ns_max;
};

struct vcanbus_frame {
	struct mcu_can_frame frame;
	int64_t ready_ns;
};

struct vcanbus_port {
	uint32_t head, tail; /* free running: queued at head, sent from tail */
	struct vcanbus_frame queue[VCANBUS_QUEUE_MAX];
};

struct vcanbus_stats {
	uint64_t frames, bits, stuff_bits;
	uint64_t full; /* sends that found no room */
	uint64_t lost, repeated, delayed;
	int64_t busy_ns;
};

struct vcanbus {
	struct vcanbus_config cfg;
	uint64_t rng;
	struct vcanbus_port port[VCANBUS_PORTS];
	int64_t free_ns;
	bool sending; /* one is on the bus, until free_ns: from.head of its port */
	bool again;   /* and will come twice */
	int from;
	struct vcanbus_stats stats;
};

void vcanbus_init(struct vcanbus *b, const struct vcanbus_config *cfg);

/* Queue a frame at a port. ready_ns: not before those that it has queued. Returns: false if there is no room. */
bool vcanbus_send(struct vcanbus *b, int port, const struct mcu_can_frame *f, int64_t ready_ns);

/* When something happens next: a frame can begin, or arrives; INT64_MAX: never. */
int64_t vcanbus_next_ns(const struct vcanbus *b);

/* The next frame that has arrived by now_ns, everywhere but at the port *from, which has sent it. All that was ready by
 * then has to be queued. Returns: false if there is none. */
bool vcanbus_take(struct vcanbus *b, int64_t now_ns, struct mcu_can_frame *f, int *from);

/* Bits of a frame on the bus, with end and gap; *stuff: of these, stuffed. */
uint32_t vcanbus_bits(const struct mcu_can_frame *f, uint32_t *stuff);

#endif
