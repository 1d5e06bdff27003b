// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/canbus.h"

#include <errno.h>
#include <linux/can/error.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

bool canbus_uuid_parse(const char *text, uint8_t uuid[WIRE_CAN_UUID])
{
	static const char digits[] = "0123456789abcdefABCDEF";

	if (strlen(text) != 2 * WIRE_CAN_UUID)
		return false;
	memset(uuid, 0, WIRE_CAN_UUID);
	for (size_t i = 0; i < 2 * WIRE_CAN_UUID; i++) {
		const char *at = strchr(digits, text[i]);

		if (!at)
			return false;
		uuid[i / 2] = (uint8_t)(uuid[i / 2] << 4 |
					(at - digits < 16 ? at - digits : at - digits - 6));
	}
	return true;
}

void canbus_uuid_text(const uint8_t uuid[WIRE_CAN_UUID], char text[CANBUS_UUID_TEXT])
{
	for (size_t i = 0; i < WIRE_CAN_UUID; i++)
		snprintf(text + 2 * i, 3, "%02x", uuid[i]);
}

/* ---- sockets ---- */

static int refused(int fd, const char *name, const char *what, char *err, size_t err_size)
{
	const char *how = "";

	if (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT)
		how = "; expected a kernel with CAN (modprobe can_raw)";
	else if (errno == ENODEV)
		how = "; expected the name of a CAN interface (ip link)";
	else if (errno == ENETDOWN)
		how = "; expected an interface that is up (docs/RT-SETUP.md)";
	snprintf(err, err_size, "CAN interface '%s': %s: %s%s", name, what, strerror(errno), how);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Frames of one id, and of those error frames. */
static int open_socket(const char *name, uint32_t id, can_err_mask_t errors, char *err,
		       size_t err_size)
{
	struct can_filter filter = { .can_id = id,
				     .can_mask = CAN_SFF_MASK | CAN_EFF_FLAG | CAN_RTR_FLAG };
	struct sockaddr_can at = { .can_family = AF_CAN };
	struct ifreq ifr = { 0 };
	int fd = socket(AF_CAN, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, CAN_RAW);

	if (fd < 0)
		return refused(fd, name, "no socket", err, err_size);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
		return refused(fd, name, "not found", err, err_size);
	at.can_ifindex = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return refused(fd, name, "no state", err, err_size);
	if (!(ifr.ifr_flags & IFF_UP)) {
		errno = ENETDOWN;
		return refused(fd, name, "not ready", err, err_size);
	}
	if (setsockopt(fd, SOL_CAN_RAW, CAN_RAW_FILTER, &filter, sizeof(filter)) < 0 ||
	    setsockopt(fd, SOL_CAN_RAW, CAN_RAW_ERR_FILTER, &errors, sizeof(errors)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return refused(fd, name, "cannot be used", err, err_size);
	return fd;
}

int canbus_open_node(const char *name, uint8_t k, char *err, size_t err_size)
{
	return open_socket(name, wire_can_id(k) + 1u,
			   CAN_ERR_BUSOFF | CAN_ERR_RESTARTED | CAN_ERR_CRTL, err, err_size);
}

int canbus_open(struct canbus *b, const char *name, char *err, size_t err_size)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->fd = open_socket(name, WIRE_CAN_FROM_NODES, 0, err, err_size);
	return b->fd < 0 ? -1 : 0;
}

void canbus_close(struct canbus *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
}

/* ---- node ids ---- */

/* A frame that finds the queue full is lost: it is said again before long. */
static void say(struct canbus *b, const uint8_t *data, uint8_t len)
{
	struct can_frame f = { .can_id = WIRE_CAN_TO_NODES, .len = len };

	memcpy(f.data, data, len);
	if (write(b->fd, &f, sizeof(f)) < 0) {
		/* the streams' sockets say what is wrong with the interface */
	}
}

static void query(struct canbus *b)
{
	const uint8_t data[] = { WIRE_CAN_QUERY };

	b->queries++;
	say(b, data, sizeof(data));
}

static struct canbus_board *find(const struct canbus *b, const uint8_t *uuid)
{
	for (uint32_t i = 0; i < b->boards; i++)
		if (memcmp(b->board[i].uuid, uuid, WIRE_CAN_UUID) == 0)
			return (struct canbus_board *)&b->board[i];
	return NULL;
}

void canbus_note(struct canbus *b, const struct can_frame *f)
{
	struct canbus_board *board;

	if (f->can_id != WIRE_CAN_FROM_NODES || f->len < 1 + WIRE_CAN_UUID ||
	    f->len > CAN_MAX_DLEN || f->data[0] != WIRE_CAN_UNASSIGNED)
		return;
	board = find(b, f->data + 1);
	if (!board) {
		if (b->boards == CANBUS_BOARDS)
			return;
		board = &b->board[b->boards++];
		memcpy(board->uuid, f->data + 1, WIRE_CAN_UUID);
	}
	board->waits_for = f->len > 1 + WIRE_CAN_UUID ? f->data[1 + WIRE_CAN_UUID] : WIRE_CAN_ASSIGN;
	board->answers = board->query == b->queries ? board->answers + 1 : 1;
	board->query = b->queries;
	board->twice |= board->answers > 1;
}

void canbus_poll(struct canbus *b)
{
	struct can_frame f;

	/* as many as one program may leave behind */
	for (int i = 0; i < 1000; i++) {
		ssize_t n = read(b->fd, &f, sizeof(f));

		if (n < 0)
			return;
		if (n == (ssize_t)sizeof(f))
			canbus_note(b, &f);
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void canbus_scan(struct canbus *b, int wait_ms)
{
	struct pollfd p = { .fd = b->fd, .events = POLLIN };
	int64_t end_ms = now_ms() + wait_ms, left_ms;

	query(b);
	while ((left_ms = end_ms - now_ms()) > 0) {
		bool gone = poll(&p, 1, (int)left_ms) > 0 && (p.revents & ~POLLIN);

		canbus_poll(b);
		if (gone)
			return; /* or down: nobody answers */
	}
}

void canbus_assign(struct canbus *b, const uint8_t uuid[WIRE_CAN_UUID], uint8_t k)
{
	uint8_t data[2 + WIRE_CAN_UUID] = { WIRE_CAN_ASSIGN };

	memcpy(data + 1, uuid, WIRE_CAN_UUID);
	data[1 + WIRE_CAN_UUID] = k;
	canbus_poll(b);
	say(b, data, sizeof(data));
	query(b);
}

bool canbus_twice(const struct canbus *b, const uint8_t uuid[WIRE_CAN_UUID])
{
	const struct canbus_board *board = find(b, uuid);

	return board && board->twice;
}

static bool boot_loader(const struct canbus_board *board)
{
	return board->waits_for != WIRE_CAN_ASSIGN;
}

void canbus_absent(const struct canbus *b, const uint8_t uuid[WIRE_CAN_UUID], char *text,
		   size_t size)
{
	const struct canbus_board *self = find(b, uuid);
	char own[CANBUS_UUID_TEXT], other[CANBUS_UUID_TEXT];
	size_t used;
	uint32_t others = 0;

	canbus_uuid_text(uuid, own);
	if (self && boot_loader(self)) {
		snprintf(text, size,
			 "canbus_uuid %s on %s waits in its boot loader; expected firmware on it",
			 own, b->name);
		return;
	}
	used = (size_t)snprintf(text, size, "no board with canbus_uuid %s answers on %s; ", own,
				b->name);
	for (uint32_t i = 0; i < b->boards && used < size; i++) {
		if (&b->board[i] == self)
			continue;
		canbus_uuid_text(b->board[i].uuid, other);
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 others++ ? ", " : "boards without an id that do: ", other);
	}
	if (!others && used < size)
		snprintf(text + used, size - used,
			 "no other board without an id does either: power, wiring, bit rate?");
}

/* ---- stepd canbus-query ---- */

static const char usage_text[] =
	"usage: stepd canbus-query [INTERFACE]   UUIDs of the boards that have no node id (can0)\n"
	"Boards that a stepd or another host uses have one and don't answer.\n";

int canbus_query_main(int argc, char **argv)
{
	char err[256], text[CANBUS_UUID_TEXT];
	struct canbus b;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

		fputs(usage_text, help ? stdout : stderr);
		return help ? 0 : 2;
	}
	if (canbus_open(&b, argc == 2 ? argv[1] : "can0", err, sizeof(err)) < 0) {
		fprintf(stderr, "stepd: %s\n", err);
		return 1;
	}
	canbus_scan(&b, 4 * CANBUS_SCAN_MS);
	for (uint32_t i = 0; i < b.boards; i++) {
		canbus_uuid_text(b.board[i].uuid, text);
		printf("canbus_uuid: %s%s%s\n", text,
		       boot_loader(&b.board[i]) ? "   # in its boot loader" : "",
		       b.board[i].twice ? "   # answered twice: two boards have this UUID" : "");
	}
	printf("%u board%s without a node id on %s\n", b.boards, b.boards == 1 ? "" : "s", b.name);
	canbus_close(&b);
	return 0;
}
