/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_link.c - round trips over a link by transport: a question to the firmware and its answer, without the daemon.
 *
 * Measured, each many times: over a pty, over a socket, over the CAN interface named by VCAN, each to a simulated MCU, a process of its own
 * (at SCHED_FIFO 1 with --rt, as an MCU does not wait for this machine's programs); and to each board named by LINK, separated by
 * blanks: a device, or INTERFACE/UUID. What can't be had is a line that says why.
 *
 * Usage: bench_link [--json FILE] [--data DIR] [--count N] [--rt]. DIR gets NAME.dat for each: sorted us, and the share that is at most
 * so. $STEPD_BUILD/mcu-sim is run.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/can_frame.h"
#include "daemon/canbus.h"
#include "daemon/serial.h"
#include "link.h"
#include "tests/benchlib/series.h"

#define NS_PER_S ((int64_t)1000000000)

enum { BAUD = 1000000, FRAMES = (LINK_TRANSMIT_MIN + CAN_MAX_DLEN - 1) / CAN_MAX_DLEN };

#define UUID "57e9d0b6a1c3" /* of the simulated board */

static struct series_set set;
static char folder[] = "/dev/shm/stepd-link.XXXXXX";
static pid_t mcu_pid;

static struct {
	const char *json, *data;
	long count;
	bool rt;
} opt = { .count = 1200 };

/* A board's line: a stream, or the frames of a node. */
struct line {
	int fd;
	uint32_t can_id; /* 0: a stream */
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static bool put(const struct line *l, const uint8_t *bytes, size_t len)
{
	struct can_frame f[FRAMES];
	uint32_t n;

	if (!l->can_id)
		return write(l->fd, bytes, len) == (ssize_t)len;
	n = can_frame_cut(f, FRAMES, l->can_id, bytes, len);
	for (uint32_t i = 0; i < n; i++)
		if (write(l->fd, &f[i], sizeof(f[i])) != sizeof(f[i]))
			return false;
	return true;
}

/* Returns: how many bytes have come. */
static size_t get(const struct line *l, uint8_t *bytes, size_t cap)
{
	struct can_frame f;
	ssize_t n;

	if (!l->can_id) {
		n = read(l->fd, bytes, cap);
		return n > 0 ? (size_t)n : 0;
	}
	n = read(l->fd, &f, sizeof(f));
	return n == sizeof(f) ? can_frame_take(&f, l->can_id + 1, bytes) : 0;
}

static void on_message(void *ctx, const uint8_t *payload, size_t len, int64_t rx_ns)
{
	(void)payload, (void)len;
	*(int64_t *)ctx = rx_ns;
}

/* `identify` of nothing: every firmware has it, under the same id. Returns when the answer was there, 0: it was not. */
static int64_t ask(struct link *link, const struct line *l)
{
	uint8_t buf[LINK_TRANSMIT_MIN], question[8];
	struct msg_identify m = { .count = 0 };
	size_t len = wire_encode(question, sizeof(question), MSG_ID_identify,
				 &msg_table[MSG_ID_identify], &m);
	int64_t until_ns = now_ns() + NS_PER_S, answered_ns = 0;
	struct pollfd p = { .fd = l->fd, .events = POLLIN };

	link_push(link, question, len, LINK_DUE_NOW, NULL);
	while (!answered_ns && now_ns() < until_ns) {
		size_t out = link_transmit(link, now_ns(), buf, sizeof(buf));
		size_t in;

		if (out > 0 && !put(l, buf, out))
			return 0;
		if (poll(&p, 1, 5) <= 0)
			continue;
		in = get(l, buf, sizeof(buf));
		if (in > 0)
			link_receive(link, buf, in, now_ns(), on_message, &answered_ns);
	}
	return answered_ns;
}

static void trips(const struct line *l, const char *name)
{
	static struct link link;
	struct series *s;
	char text[80];

	snprintf(text, sizeof(text), "trip %s", name);
	s = series_add(&set, text);
	if (!s)
		return;
	link_init(&link, 0, 0);
	for (long i = 0; i < opt.count; i++) {
		int64_t asked_ns = now_ns(), answered_ns = ask(&link, l);

		if (!answered_ns)
			break;
		if (i > 0) /* the first one finds the sequence number */
			series_value(s, answered_ns - asked_ns);
	}
	if (s->count == 0)
		printf("skipped: trip %s: no answer\n", name);
}

static void serial_trips(const char *path, const char *name)
{
	char err[256] = "";
	struct line l = { .fd = serial_open(path, BAUD, err, sizeof(err)) };

	if (l.fd < 0) {
		printf("skipped: trip %s: %s\n", name, err);
		return;
	}
	trips(&l, name);
	serial_close(l.fd);
}

static void can_trips(const char *interface, const char *uuid_text, const char *name)
{
	uint8_t uuid[WIRE_CAN_UUID], k = WIRE_CAN_NODE_MIN;
	struct canbus bus = { .fd = -1 };
	struct line l = { .fd = -1, .can_id = wire_can_id(k) };
	char err[256] = "expected INTERFACE/UUID";

	if (canbus_uuid_parse(uuid_text, uuid) &&
	    canbus_open(&bus, interface, err, sizeof(err)) >= 0) {
		canbus_scan(&bus, CANBUS_SCAN_MS);
		canbus_assign(&bus, uuid, k);
		l.fd = canbus_open_node(interface, k, err, sizeof(err));
	}
	if (l.fd >= 0)
		trips(&l, name);
	else
		printf("skipped: trip %s: %s\n", name, err);
	if (l.fd >= 0)
		close(l.fd);
	if (bus.fd >= 0)
		canbus_close(&bus);
}

/* ---- simulated MCUs ---- */

static void mcu_end(void)
{
	if (mcu_pid > 0) {
		kill(mcu_pid, SIGTERM);
		waitpid(mcu_pid, NULL, 0);
	}
	mcu_pid = 0;
}

/* `mcu-sim HOW WHERE`; waits until it says that it is there. */
static bool mcu_start(const char *how, const char *where, const char *name)
{
	const char *build = getenv("STEPD_BUILD");
	char program[300], word, *args[8] = { program, (char *)how, (char *)where };
	int out[2], n = 3;

	snprintf(program, sizeof(program), "%s/mcu-sim", build ? build : "build");
	if (strcmp(how, "--can") == 0) {
		args[n++] = "--uuid";
		args[n++] = UUID;
	}
	if (opt.rt)
		args[n] = "--rt";
	if (pipe(out) < 0)
		return false;
	mcu_pid = fork();
	if (mcu_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execv(program, args);
		_exit(127);
	}
	close(out[1]);
	if (read(out[0], &word, 1) == 1) {
		close(out[0]);
		return true;
	}
	close(out[0]);
	printf("skipped: trip %s: mcu-sim does not start\n", name);
	mcu_end();
	return false;
}

static void simulated(void)
{
	const char *vcan = getenv("VCAN");
	char path[100];

	snprintf(path, sizeof(path), "%s/pty", folder);
	if (mcu_start("--pty", path, "pty"))
		serial_trips(path, "pty");
	mcu_end();
	snprintf(path, sizeof(path), "%s/socket", folder);
	if (mcu_start("--socket", path, "socket"))
		serial_trips(path, "socket");
	mcu_end();
	if (vcan && *vcan) {
		if (mcu_start("--can", vcan, "vcan"))
			can_trips(vcan, UUID, "vcan");
		mcu_end();
	} else {
		printf("skipped: trip vcan: no virtual CAN interface (VCAN; ip link add vcan0 type vcan)\n");
	}
}

/* ---- boards ---- */

static void boards(void)
{
	char links[400], *rest = links, *name, *uuid, interface[CANBUS_NAME];
	struct stat st;

	snprintf(links, sizeof(links), "%s", getenv("LINK") ? getenv("LINK") : "");
	while ((name = strsep(&rest, " "))) {
		uuid = strrchr(name, '/');
		if (!*name)
			continue;
		if (stat(name, &st) == 0 || !uuid) {
			serial_trips(name, name);
			continue;
		}
		snprintf(interface, sizeof(interface), "%.*s", (int)(uuid - name), name);
		can_trips(interface, uuid + 1, name);
	}
}

static void clean_up(void)
{
	mcu_end();
	rmdir(folder);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "json", 1, NULL, 'j' },
					       { "data", 1, NULL, 'd' },
					       { "count", 1, NULL, 'n' },
					       { "rt", 0, NULL, 'r' },
					       { 0 } };
	int c, err;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j')
			opt.json = optarg;
		else if (c == 'd')
			opt.data = optarg;
		else if (c == 'n')
			opt.count = atol(optarg);
		else if (c == 'r')
			opt.rt = true;
		else
			return 2;
	}
	if (opt.count < 2 || opt.count > SERIES_VALUES_MAX || !mkdtemp(folder)) {
		fprintf(stderr, "bench_link: expected --count 2 to %d, and a folder in /dev/shm\n",
			SERIES_VALUES_MAX);
		return 2;
	}
	atexit(clean_up);
	simulated();
	boards();
	err = series_results(&set, opt.json, opt.data);
	if (err)
		fprintf(stderr, "bench_link: %s\n", strerror(-err));
	return err ? 1 : 0;
}
