// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/run.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/config/machine_config.h"
#include "daemon/fifo.h"
#include "daemon/gcode/gcode_line.h"
#include "daemon/machine.h"
#include "daemon/recorder.h"
#include "daemon/rt_thread.h"
#include "daemon/serial.h"

enum {
	OVERRIDES_MAX = 64,
	POLL_MS = 10,
	LINES_A_TURN = 2000, /* then events and out-of-band input get a look */
	ERR_MAX = 512,
};

struct options {
	const char *config, *trace;
	const char *override[OVERRIDES_MAX];
	size_t overrides;
	bool seccomp;
};

struct run {
	struct options opt;
	struct machine_config *mc;
	struct machine *m;
	struct rt_thread rt;
	struct rt_thread_proc at_start; /* page faults and switches before the loop */
	struct recorder recorder;
	struct fifo fifo, urgent;
	struct reply reply;
	struct gcode_numbering numbering;
	int mcu_fd[ENGINE_MCUS];
	int signal_fd;
	const char *startup; /* rest of the start-up lines, NULL when done */
	uint32_t startup_line;
	bool has_fifo, has_urgent, has_reply, has_rt, has_recorder, announced;
};

static const char usage_text[] =
	"usage: stepd -c CONFIG [options]\n"
	"  -c CONFIG                the printer's configuration\n"
	"  -o SECTION.OPTION=VALUE  override an option (may be repeated)\n"
	"  --trace FILE             record the placed moves, for `stepd verify`\n"
	"  --seccomp                any system call of the rt thread but io_uring_enter is fatal\n";

/* ---- hooks ---- */

static void log_line(const char *text)
{
	fprintf(stderr, "stepd: %s\n", text);
}

static void log_error(void *ctx, const char *text)
{
	(void)ctx;
	log_line(text);
}

static void say(void *ctx, enum reply_kind kind, const char *text)
{
	struct run *r = ctx;

	if (r->has_reply)
		reply_put(&r->reply, kind, text);
	else if (kind == REPLY_ERROR || kind == REPLY_INFO)
		log_line(text);
}

static void wake(void *ctx)
{
	struct run *r = ctx;

	if (r->has_rt)
		rt_thread_wake(&r->rt);
}

static void halted(void *ctx, int stepper, double at_s)
{
	struct run *r = ctx;

	if (r->has_recorder)
		recorder_halt(&r->recorder, stepper, at_s);
}

static void rt_status(void *ctx, char *buf, size_t cap)
{
	struct run *r = ctx;
	struct rt_thread_stats st = {0};
	struct rt_thread_proc now = {0};

	if (!rt_thread_stats_read(&r->rt, &st) || !rt_thread_proc_read(&r->rt, &now))
		return;
	snprintf(buf, cap,
		 "rt thread: %s, %s, memory %s, %s; cycles %llu, worst cycle %.1f us, worst wake-up "
		 "%.1f us late (%llu over 1 ms), page faults since start %llu, io errors %llu\n",
		 r->rt.grants.fifo ? "SCHED_FIFO" : "SCHED_OTHER",
		 r->rt.grants.pinned ? "pinned" : "not pinned",
		 r->rt.grants.locked ? "locked" : "not locked",
		 r->rt.grants.seccomp ? "system calls filtered" : "no filter",
		 (unsigned long long)st.cycles, (double)st.cycle_max_ns / 1e3,
		 (double)st.wake_max_ns / 1e3, (unsigned long long)st.wake_late,
		 (unsigned long long)(now.minor_faults + now.major_faults -
				      r->at_start.minor_faults - r->at_start.major_faults),
		 (unsigned long long)st.io_errors);
}

static void emergency(void *ctx, uint32_t dropped)
{
	struct run *r = ctx;

	(void)dropped;
	gcode_exec_now(&r->m->gcode, "M112", 4, 0);
}

/* ---- start ---- */

static bool open_ports(struct run *r, char *err, size_t err_size)
{
	for (size_t i = 0; i < r->m->mcus; i++) {
		const struct machine_mcu *cfg = &r->mc->mcu[i];

		if (!cfg->serial) {
			snprintf(err, err_size, "mcu '%s' has no serial device; expected an option "
						"serial: in its section",
				 cfg->name);
			return false;
		}
		r->mcu_fd[i] = serial_open(cfg->serial, (uint32_t)cfg->baud, err, err_size);
		if (r->mcu_fd[i] < 0)
			return false;
	}
	return true;
}

static bool open_front_ends(struct run *r, char *err, size_t err_size)
{
	const struct machine_stepd *cfg = &r->mc->stepd;
	struct reply_config rc = {.path = cfg->reply_fifo ? cfg->reply_fifo : cfg->reply_file,
				  .mode = cfg->gcode_fifo_mode,
				  .regular = !cfg->reply_fifo,
				  .log_error = log_error};
	struct fifo_config fc = {.path = cfg->gcode_fifo,
				 .mode = cfg->gcode_fifo_mode,
				 .emergency = emergency,
				 .ctx = r};

	if (reply_open(&r->reply, &rc, err, err_size) < 0)
		return false;
	r->has_reply = true;
	if (cfg->out_of_band_fifo) {
		struct fifo_config uc = fc;

		uc.path = cfg->out_of_band_fifo;
		if (fifo_open(&r->urgent, &uc, err, err_size) < 0)
			return false;
		r->has_urgent = true;
	}
	if (fifo_open(&r->fifo, &fc, err, err_size) < 0)
		return false;
	r->has_fifo = true;
	return true;
}

/* The first isolated CPU, or -1. */
static int isolated_cpu(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/isolated", "r");
	int cpu = -1;

	if (f && fscanf(f, "%d", &cpu) != 1)
		cpu = -1;
	if (f)
		fclose(f);
	return cpu;
}

static bool start_rt(struct run *r, char *err, size_t err_size)
{
	struct rt_thread_config rc = {.engine = r->m->engine,
				      .mcu_count = (int)r->m->mcus,
				      .priority = r->mc->stepd.rt_priority,
				      .cpu = r->mc->stepd.rt_cpu,
				      .seccomp = r->opt.seccomp};
	int rv;

	if (rc.cpu < 0)
		rc.cpu = isolated_cpu();
	memcpy(rc.mcu_fd, r->mcu_fd, sizeof(rc.mcu_fd));
	rv = rt_thread_start(&r->rt, &rc);
	if (rv < 0) {
		snprintf(err, err_size, "the rt thread does not start: %s%s", strerror(-rv),
			 r->rt.grants.text);
		return false;
	}
	r->has_rt = true;
	rt_thread_proc_read(&r->rt, &r->at_start);
	fprintf(stderr, "stepd: rt thread: scheduling %s, %s, memory %s\n",
		r->rt.grants.fifo ? "SCHED_FIFO" : "SCHED_OTHER (best it could get)",
		r->rt.grants.pinned ? "pinned" : "not pinned",
		r->rt.grants.locked ? "locked" : "not locked");
	if (r->rt.grants.text[0])
		fprintf(stderr, "%s", r->rt.grants.text);
	return true;
}

static bool open_signals(struct run *r)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return false;
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd >= 0;
}

static bool start(struct run *r, char *err, size_t err_size)
{
	struct machine_config_hooks hooks = {
		.say = say, .wake = wake, .halted = halted, .status = rt_status, .ctx = r};
	const char *paths[] = {r->opt.config};

	r->mc = machine_config_load(paths, 1, r->opt.override, r->opt.overrides, stderr);
	if (!r->mc) {
		snprintf(err, err_size, "the configuration '%s' cannot be used", r->opt.config);
		return false;
	}
	if (r->opt.trace) {
		if (recorder_open(&r->recorder, r->opt.trace, err, err_size) < 0)
			return false;
		r->has_recorder = true;
		recorder_observer(&r->recorder, &hooks.observer);
	}
	r->m = machine_new(r->mc, &hooks, err, err_size);
	if (!r->m)
		return false;
	r->recorder.engine = r->m->engine;
	gcode_numbering_init(&r->numbering,
			     (enum gcode_ack)r->mc->stepd.gcode_ack);
	r->startup = r->mc->stepd.startup_gcode;
	if (!open_signals(r)) {
		snprintf(err, err_size, "signals cannot be set up: %s", strerror(errno));
		return false;
	}
	return open_ports(r, err, err_size) && open_front_ends(r, err, err_size) &&
	       start_rt(r, err, err_size);
}

static void stop(struct run *r)
{
	if (r->has_rt)
		rt_thread_stop(&r->rt);
	if (r->has_recorder) {
		uint64_t lost = recorder_close(&r->recorder);

		if (lost)
			fprintf(stderr, "stepd: %llu records of the plan trace were lost\n",
				(unsigned long long)lost);
	}
	if (r->has_fifo)
		fifo_close(&r->fifo);
	if (r->has_urgent)
		fifo_close(&r->urgent);
	if (r->has_reply)
		reply_close(&r->reply);
	for (size_t i = 0; i < ENGINE_MCUS; i++)
		if (r->mcu_fd[i] >= 0)
			close(r->mcu_fd[i]);
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	machine_free(r->m);
	machine_config_free(r->mc);
}

/* ---- the loop ---- */

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
	for (int i = 0; i < LINES_A_TURN && !r->startup && machine_accepts(r->m); i++) {
		if (!fifo_next(&r->fifo, &line) ||
		    gcode_feed_line(&r->m->gcode, &r->numbering, &line) == GCODE_AGAIN)
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
	struct pollfd p[5] = {{.fd = r->signal_fd, .events = POLLIN},
			      {.fd = r->rt.notify_fd, .events = POLLIN},
			      {.fd = fifo_poll_fd(&r->fifo), .events = POLLIN},
			      {.fd = r->has_urgent ? fifo_poll_fd(&r->urgent) : -1, .events = POLLIN},
			      {.fd = reply_poll_fd(&r->reply), .events = POLLOUT}};
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

static bool stop_asked(struct run *r)
{
	struct signalfd_siginfo info;

	return read(r->signal_fd, &info, sizeof(info)) == sizeof(info);
}

/* Returns true if the machine asked to be started anew. */
static bool loop(struct run *r)
{
	struct linebuf_line line;
	bool more = false;

	role_take(&role_plan);
	while (!stop_asked(r) && !r->m->restart_wanted) {
		wait_for_work(r, more);
		machine_poll(r->m, now_ns(), fifo_next(&r->fifo, &line) || r->startup);
		if (r->m->state == MACHINE_READY && !r->announced) {
			r->announced = true;
			if (r->has_recorder)
				recorder_setup(&r->recorder, r->m);
			log_line("ready");
		}
		if (r->m->state == MACHINE_FAILED && !r->announced) {
			r->announced = true;
			log_line(r->m->reason);
		}
		if (r->has_urgent)
			run_urgent(r);
		run_lines(r);
		if (r->has_recorder && r->announced)
			recorder_drain(&r->recorder);
		reply_flush(&r->reply);
		/* Lines wait and the planner takes them: don't sleep. */
		more = machine_accepts(r->m) && !r->startup && fifo_next(&r->fifo, &line) &&
		       machine_lead_s(r->m) < 0.5;
	}
	return r->m->restart_wanted;
}

static bool parse_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{"trace", required_argument, NULL, 't'},
		{"seccomp", no_argument, NULL, 's'},
		{0},
	};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "c:o:", longs, NULL)) != -1) {
		if (c == 'c')
			o->config = optarg;
		else if (c == 'o' && o->overrides < OVERRIDES_MAX)
			o->override[o->overrides++] = optarg;
		else if (c == 't')
			o->trace = optarg;
		else if (c == 's')
			o->seccomp = true;
		else
			return false;
	}
	return o->config && optind == argc;
}

static int run_once(const struct options *opt, bool *again)
{
	struct run *r = calloc(1, sizeof(*r));
	char err[ERR_MAX] = "";
	int status = 0;

	*again = false;
	if (!r)
		return 1;
	r->opt = *opt;
	r->signal_fd = -1;
	memset(r->mcu_fd, -1, sizeof(r->mcu_fd));
	if (start(r, err, sizeof(err))) {
		*again = loop(r);
		status = r->m->state == MACHINE_FAILED;
	} else {
		log_line(err);
		status = 1;
	}
	stop(r);
	free(r);
	return status;
}

int run_main(int argc, char **argv)
{
	struct options opt = {0};
	bool again = true;
	int status = 0;

	if (!parse_options(&opt, argc, argv)) {
		fputs(usage_text, stderr);
		return 2;
	}
	while (again) {
		status = run_once(&opt, &again);
		opt.trace = NULL; /* a restart does not overwrite the first trace */
	}
	return status;
}
