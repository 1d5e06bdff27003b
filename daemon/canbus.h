/* SPDX-License-Identifier: GPL-2.0-or-later */
/* canbus.h - a CAN interface: the boards on it get their node ids, and each a socket for its stream.
 *
 * Boards are known by their UUID and have no id after power-on or reset. A board's id is said once more before
 * each attempt to identify it, so it does not matter when it comes up. Facts: docs/PROTOCOL.md section 4.
 * Threads: PLAN. Nothing blocks but canbus_scan(). Errors: -1 with a message that names the interface.
 */
#ifndef DAEMON_CANBUS_H
#define DAEMON_CANBUS_H

#include <linux/can.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire_can.h"

enum {
	CANBUS_NAME = 16,   /* IFNAMSIZ */
	CANBUS_BOARDS = 32, /* listed at most */
	CANBUS_UUID_TEXT = 2 * WIRE_CAN_UUID + 1,
	CANBUS_SCAN_MS =
		200, /* boards answer within a few ms; other programs may have queued frames */

	/* What an interface's queue should hold, in frames: the 192 bytes that each of four boards may have in
	 * flight, once more for repeats, and who else is on the bus. */
	CANBUS_QUEUE = 128,
};

struct canbus_board {
	uint8_t uuid[WIRE_CAN_UUID];
	uint8_t waits_for; /* WIRE_CAN_ASSIGN: a node id; others wait in a boot loader */
	uint32_t query;    /* the last one that it answered, */
	uint32_t answers;  /* and how often */
	bool twice;        /* that was more than once */
};

struct canbus {
	char name[CANBUS_NAME];
	int fd; /* non-blocking; -1: none */
	uint32_t queries;
	uint32_t boards;
	struct canbus_board board[CANBUS_BOARDS]; /* that had no id when they were asked */
};

/* 12 hexadecimal digits. Returns: false if it is anything else. */
bool canbus_uuid_parse(const char *text, uint8_t uuid[WIRE_CAN_UUID]);
void canbus_uuid_text(const uint8_t uuid[WIRE_CAN_UUID], char text[CANBUS_UUID_TEXT]);

int canbus_open(struct canbus *b, const char *name, char *err, size_t err_size);
void canbus_close(struct canbus *b);

/* Ask who has no id, wait wait_ms and note the answers. */
void canbus_scan(struct canbus *b, int wait_ms);

/* Note what has been answered meanwhile. */
void canbus_poll(struct canbus *b);

/* Note an answer; any content of the frame. */
void canbus_note(struct canbus *b, const struct can_frame *f);

/* Give the board with that UUID node id k, and ask once more who has none. */
void canbus_assign(struct canbus *b, const uint8_t uuid[WIRE_CAN_UUID], uint8_t k);

/* Whether two boards answered a query with that UUID. */
bool canbus_twice(const struct canbus *b, const uint8_t uuid[WIRE_CAN_UUID]);

/* Why the board with that UUID may be silent, for a message: which others have answered. */
void canbus_absent(const struct canbus *b, const uint8_t uuid[WIRE_CAN_UUID], char *text,
		   size_t size);

/* A socket for the stream of node k: its frames and error frames come in, struct can_frame of wire_can_id(k) go
 * out. Non-blocking. Returns the descriptor or -1. */
int canbus_open_node(const char *name, uint8_t k, char *err, size_t err_size);

/* stepd canbus-query. Returns the exit status. */
int canbus_query_main(int argc, char **argv);

#endif
