/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus.h - devices on SPI, I2C and one-wire serial lines of the MCUs: requests and their answers.
 *
 * A request is queued and sent when it is its turn; the answer comes as a call from machine_poll(). Nothing waits. Devices
 * that share an object of the MCU (a serial line) share its queue. One request of a queue is under way at a time; one
 * that the MCU doesn't answer within BUS_ANSWER_S is over.
 * Owner: struct machine. Threads: PLAN.
 */
#ifndef DAEMON_BUS_H
#define DAEMON_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/machine_bus.h"

struct ev_message;
struct machine;
struct session;

enum {
	BUS_DEVICES_MAX = 48,
	BUS_QUEUE_MAX = 64, /* requests waiting, of a queue */
	BUS_DATA_MAX = 50,  /* bytes either way */
};
#define BUS_ANSWER_S 1.0

enum bus_result {
	BUS_OK,
	BUS_SILENT,  /* nobody answers: on I2C, the device doesn't acknowledge */
	BUS_GARBLED, /* what came is no answer */
	BUS_GONE,    /* the MCU doesn't answer, or isn't ready */
};
/* In words, for messages. */
const char *bus_result_text(enum bus_result result);

/* Of the caller's; data is valid during the call only. It may make new requests. */
typedef void bus_done_fn(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data,
			 size_t len);

struct bus_request {
	uint8_t device;
	uint8_t len, read_len;
	uint8_t write[BUS_DATA_MAX];
	bus_done_fn *done; /* NULL: nobody wants to know */
	void *ctx;
	uint32_t tag;
};

/* Requests to one object of the MCU. */
struct bus_port {
	const struct machine_bus *cfg; /* of its first device */
	uint8_t oid;
	bool old;            /* I2C: the firmware has the older commands only */
	uint32_t head, tail; /* of queue, free running */
	bool sent;           /* the one at tail; until limit_ns */
	int64_t limit_ns;
	struct bus_request *queue;           /* BUS_QUEUE_MAX */
	uint8_t select_oid[MACHINE_SELECTS]; /* serial: pins that choose the chip */
	int8_t selected[MACHINE_SELECTS];    /* levels as set last; -1: not yet */
};

struct bus {
	struct machine *m;
	size_t ports, devices;
	struct bus_port port[BUS_DEVICES_MAX];
	struct {
		const struct machine_bus *cfg;
		uint8_t port;
	} device[BUS_DEVICES_MAX];
};

void bus_init(struct bus *b, struct machine *m);
void bus_free(struct bus *b);
/* Before the MCUs are configured; cfg must outlive it. Returns the device's number, -1: too many, or memory is short. */
int bus_add(struct bus *b, const struct machine_bus *cfg);
/* False: s->error says what the firmware lacks. */
bool bus_configure(struct bus *b, struct session *s);

/* The object in the MCU, from bus_configure() on. */
static inline uint8_t bus_oid(const struct bus *b, int device)
{
	return b->port[b->device[device].port].oid;
}

/* SPI: as many bytes come back as go out. I2C: len out, then read_len in. Serial: one datagram of 4 or 8 bytes and its
 * answer of read_len. False: the queue is full. */
bool bus_ask(struct bus *b, int device, const uint8_t *write, size_t len, size_t read_len,
	     bus_done_fn *done, void *ctx, uint32_t tag);

void bus_poll(struct bus *b);
/* A message of an MCU. Returns true if it was an answer. */
bool bus_hear(struct bus *b, const struct ev_message *msg);

#endif
