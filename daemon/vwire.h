/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vwire.h - one direction of a serial line under virtual time, with faults.
 *
 * Bytes pushed at a time come out in order, spaced by the baud rate, after a latency. A seeded
 * generator loses, flips, repeats and delays them, singly or in bursts: same seed and same pushes,
 * same faults.
 * Owner: the caller places struct vwire (about 40 KiB). Threads: one at a time. Pure.
 * Units: _ns virtual time; rates are faults per million bytes.
 */
#ifndef DAEMON_VWIRE_H
#define DAEMON_VWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VWIRE_BYTES = 4096 /* on the way at a time; a power of two */ };

struct vwire_faults {
	uint32_t lose_ppm;   /* byte vanishes */
	uint32_t flip_ppm;   /* one bit of it is wrong */
	uint32_t repeat_ppm; /* it comes twice */
	uint32_t delay_ppm;  /* it and all behind it wait for up to delay_ns_max */
	uint32_t burst_max;  /* a fault hits 1..burst_max bytes in a row; 0 and 1: single */
	int64_t delay_ns_max;
};

struct vwire_config {
	uint32_t baud; /* bits/s, ten a byte; 0 = takes no time */
	int64_t latency_ns;
	uint64_t seed;
	struct vwire_faults faults;
};

struct vwire_stats {
	uint64_t pushed, pulled;
	uint64_t lost, flipped, repeated, delayed;
	uint64_t overrun; /* pushed while the ring was full: lost */
};

struct vwire {
	struct vwire_config cfg;
	uint64_t rng;
	int64_t byte_ns, free_ns;
	uint32_t head, tail; /* free running: push at head, pull at tail */
	uint8_t burst_kind;
	uint32_t burst_left;
	struct vwire_stats stats;
	uint8_t bytes[VWIRE_BYTES];
	int64_t out_ns[VWIRE_BYTES]; /* not decreasing */
};

void vwire_init(struct vwire *wire, const struct vwire_config *cfg);

/* Put bytes on the line at now_ns (not before earlier pushes). */
void vwire_push(struct vwire *wire, const uint8_t *bytes, size_t len, int64_t now_ns);

/* Bytes that surely fit. */
size_t vwire_room(const struct vwire *wire);

/* When the next byte comes out; INT64_MAX if none is on the way. */
int64_t vwire_next_ns(const struct vwire *wire);

/* Take out what has arrived by now_ns. Returns: bytes written to buf, at most cap. */
size_t vwire_pull(struct vwire *wire, uint8_t *buf, size_t cap, int64_t now_ns);

/* Drop everything on the line (a pulled plug, a reset board). */
void vwire_clear(struct vwire *wire);

#endif
