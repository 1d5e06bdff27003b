// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/run.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/print/print.h"
#include "daemon/run_private.h"

/* Motion that is planned takes at most a few seconds, but for very slow moves. */
#define STOP_LIMIT_NS ((int64_t)15 * 1000 * 1000 * 1000)
/* What the last status said may be this old. */
#define STOP_SETTLE_NS ((int64_t)200 * 1000 * 1000)
#define WATCH_EVERY_NS ((int64_t)1000 * 1000 * 1000)

enum {
	POLL_MS = 10,
	LINES_A_TURN = 2000, /* then events and out-of-band input get a look */
	ERR_MAX = 512,
};

static const char usage_text[] =
	"usage: stepd -c CONFIG [options]\n"
	"  -c CONFIG                the printer's configuration\n"
	"  -o SECTION.OPTION=VALUE  override an option (may be repeated)\n"
	"  --trace FILE             record the placed moves, for `stepd verify`\n"
	"  --rt-report FILE         at the end, the rt thread's wake-ups, cycles and page faults, as JSON\n"
	"  --clock-trace FILE       each MCU's clock as it is estimated, every 25 ms: host time in ns, MCU, ticks, by what\n"
	"  --seccomp                any system call of the rt thread but io_uring_enter is fatal\n"
	"  --help                   this text\n";

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Start-up lines of the configuration, one after the other as they are taken. */
static void run_startup(struct run *r)
{
	while (r->startup && machine_accepts(r->m)) {
		size_t len = strcspn(r->startup, "\n");

		if (gcode_exec(&r->m->gcode, r->startup, len, ++r->startup_line) == GCODE_AGAIN) {
			r->startup_line--;
			return;
		}
		r->startup += len;
		r->startup = *r->startup ? r->startup + 1 : NULL;
	}
}

static void run_lines(struct run *r)
{
	struct linebuf_line line;

	run_startup(r);
	for (int i = 0; i < LINES_A_TURN && !r->startup && machine_takes_line(r->m); i++) {
		if (!fifo_next(&r->fifo, &line) ||
		    stream_feed(r->m, &r->numbering, &line) == GCODE_AGAIN)
			return;
		fifo_done(&r->fifo);
	}
}

static void run_urgent(struct run *r)
{
	struct linebuf_line line;

	for (int i = 0; i < LINES_A_TURN && fifo_next(&r->urgent, &line); i++) {
		gcode_feed_now(&r->m->gcode, &line);
		fifo_done(&r->urgent);
	}
}

static void wait_for_work(struct run *r, bool more)
{
	struct pollfd p[5] = { { .fd = r->signal_fd, .events = POLLIN },
			       { .fd = r->rt.notify_fd, .events = POLLIN },
			       { .fd = fifo_poll_fd(&r->fifo), .events = POLLIN },
			       { .fd = r->has_urgent ? fifo_poll_fd(&r->urgent) : -1,
				 .events = POLLIN },
			       { .fd = reply_poll_fd(&r->reply), .events = POLLOUT } };
	uint64_t count;

	if (poll(p, sizeof(p) / sizeof(p[0]), more ? 0 : POLL_MS) < 0)
		return;
	if (p[1].revents && read(r->rt.notify_fd, &count, sizeof(count)) < 0) {
		/* somebody's signal: the events are taken anyway */
	}
	if (p[2].revents)
		fifo_read(&r->fifo);
	if (p[3].revents)
		fifo_read(&r->urgent);
}

/* Once a second: the service manager hears of it, and a FIFO that somebody has removed comes back; else writers would make a
 * file there, and wait for ever. */
static void watch(struct run *r)
{
	struct fifo *fifo[] = { &r->fifo, &r->urgent };
	char err[FIFO_PATH_MAX + 128];
	int64_t now = now_ns();

	if (now - r->watched_ns < WATCH_EVERY_NS)
		return;
	r->watched_ns = now;
	watchdog_alive(&r->watchdog);
	for (int i = 0; i < (r->has_urgent ? 2 : 1); i++)
		if (fifo_watch(fifo[i], err, sizeof(err)) != 0)
			reply_put(&r->reply, REPLY_ERROR, err);
}

static bool signalled(struct run *r)
{
	struct signalfd_siginfo info;

	return read(r->signal_fd, &info, sizeof(info)) == sizeof(info);
}

/* The first signal lets what is planned come to its end, with a ramp; the second, or a motion
 * that lasts too long, ends it where it is. Returns true when it is time to leave. */
static bool stopped(struct run *r)
{
	bool again = signalled(r);

	if (r->m->restart_wanted || (again && r->stop_ns > 0))
		return true;
	if (again) {
		r->stop_ns = now_ns();
		sdcard_stop(r->m->print);
		run_log("stopping at the end of the motion that is planned; once more to stop at once");
	}
	if (r->stop_ns == 0)
		return false;
	return r->m->state != MACHINE_READY || now_ns() > r->stop_ns + STOP_LIMIT_NS ||
	       (machine_idle(r->m) && now_ns() > r->stop_ns + STOP_SETTLE_NS);
}

static void announce(struct run *r)
{
	if (r->announced || (r->m->state != MACHINE_READY && r->m->state != MACHINE_FAILED))
		return;
	r->announced = true;
	if (r->m->state == MACHINE_READY && r->flight.open)
		flight_file_identify(&r->flight, r->m, r->opt.config);
	if (r->m->state == MACHINE_READY && r->has_recorder)
		recorder_setup(&r->recorder, r->m);
	if (r->m->state == MACHINE_READY)
		run_log("ready"); /* why it isn't has been said as an error */
}

/* Returns true if the machine asked to be started anew. */
static bool loop(struct run *r)
{
	struct linebuf_line line;
	bool more = false;

	role_take(&role_plan);
	while (!stopped(r)) {
		bool input = r->stop_ns == 0;

		wait_for_work(r, more);
		watch(r);
		machine_poll(r->m, now_ns(), input && (r->startup || fifo_next(&r->fifo, &line)));
		announce(r);
		run_trace_clocks(r);
		stamps_poll(&r->stamps, r->m->now_ns, r->m->state == MACHINE_READY);
		if (r->has_urgent)
			run_urgent(r);
		if (input)
			run_lines(r);
		if (r->has_recorder && r->announced)
			recorder_drain(&r->recorder);
		reply_flush(&r->reply);
		/* Lines wait and the planner takes them: don't sleep. */
		more = input && machine_accepts(r->m) && !r->startup &&
		       !stream_blocks(&r->m->stream) && fifo_next(&r->fifo, &line) &&
		       machine_lead_s(r->m) < 0.5;
	}
	return r->m->restart_wanted;
}

/* Returns 0, or the exit status + 1. */
static int parse_options(struct run_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "trace", required_argument, NULL, 't' },
		{ "rt-report", required_argument, NULL, 'r' },
		{ "clock-trace", required_argument, NULL, 'k' },
		{ "seccomp", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "hc:o:", longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return 1;
		}
		if (c == 'c')
			o->config = optarg;
		else if (c == 't')
			o->trace = optarg;
		else if (c == 'r')
			o->rt_report = optarg;
		else if (c == 'k')
			o->clock_trace = optarg;
		else if (c == 's')
			o->seccomp = true;
		else if (c != 'o' || !overrides_add(&o->overrides, optarg))
			return 3;
	}
	if (o->config && optind == argc)
		return 0;
	if (optind < argc)
		fprintf(stderr, "stepd: '%s' is one argument too many\n", argv[optind]);
	else
		fputs("stepd: expected -c CONFIG\n", stderr);
	return 3;
}

static int run_once(struct run_options *opt, bool *again)
{
	struct run *r = calloc(1, sizeof(*r));
	char err[ERR_MAX] = "";
	int status = 0;

	*again = false;
	if (!r)
		return 1;
	r->opt = *opt;
	r->signal_fd = -1;
	for (size_t i = 0; i < ENGINE_MCUS; i++)
		r->line[i].fd = r->canbus_of[i] = -1;
	watchdog_open(&r->watchdog);
	if (run_start(r, err, sizeof(err))) {
		*again = loop(r);
		status = r->m->state == MACHINE_FAILED;
		opt->reset_mcus = r->m->restart_firmware;
	} else {
		run_log(err);
		status = 1;
	}
	run_stop(r);
	watchdog_close(&r->watchdog);
	free(r);
	return status;
}

int run_main(int argc, char **argv)
{
	struct run_options opt = { 0 };
	bool again = true;
	int status = parse_options(&opt, argc, argv);

	if (status > 1)
		fputs(usage_text, stderr);
	if (status > 0)
		return status - 1;
	while (again) {
		status = run_once(&opt, &again);
		opt.restarted = true;
		opt.trace = opt.clock_trace = NULL; /* a restart does not overwrite the first trace */
	}
	return status;
}
