// SPDX-License-Identifier: GPL-2.0-or-later
/* Start and stop of the daemon: configuration, serial ports, FIFOs, rt thread, and the machine's hooks. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/run_private.h"
#include "daemon/sensors/sensor_host.h"
#include "daemon/serial.h"
#include "flight_engine.h"

/* A board that was reset comes back within this. */
enum { REOPEN_TRIES = 50, REOPEN_EVERY_MS = 100 };

/* ---- hooks ---- */

static void say(void *ctx, enum reply_kind kind, const char *text)
{
	struct run *r = ctx;

	if (r->has_reply)
		reply_put(&r->reply, kind, text);
	else if (kind == REPLY_ERROR || kind == REPLY_INFO)
		run_log(text);
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

static const char *keep_record(void *ctx)
{
	struct run *r = ctx;

	return r->flight.open ? flight_file_keep(&r->flight) : NULL;
}

static bool record_on(void *ctx)
{
	struct run *r = ctx;

	return r->flight.open && flight_file_go_on(&r->flight);
}

static void rt_status(void *ctx, char *buf, size_t cap)
{
	struct run *r = ctx;
	int used;
	struct rt_thread_stats st = { 0 };
	struct rt_proc now = { 0 };

	if (!rt_thread_stats_read(&r->rt, &st) || !rt_proc_read(r->rt.tid, &now))
		return;
	used = snprintf(
		buf, cap,
		"rt thread: %s, %s, memory %s, %s; cycles %llu, worst cycle %.1f us, worst wake-up "
		"%.1f us late (%llu over 1 ms), page faults since start %llu, io errors %llu\n",
		r->rt.grants.fifo ? "SCHED_FIFO" : "SCHED_OTHER",
		r->rt.grants.pinned ? "pinned" : "not pinned",
		r->rt.grants.locked ? "locked" : "not locked",
		r->rt.grants.seccomp ? "system calls filtered" : "no filter",
		(unsigned long long)st.cycles, (double)st.cycle.max_ns / 1e3,
		(double)st.wake.max_ns / 1e3, (unsigned long long)st.wake_late,
		(unsigned long long)(now.minor_faults + now.major_faults -
				     r->at_start.minor_faults - r->at_start.major_faults),
		(unsigned long long)st.io_errors);
	if (used > 0 && (size_t)used < cap)
		used += stamps_status(&r->stamps, buf + used, cap - (size_t)used);
	if (r->flight.open && used > 0 && (size_t)used < cap)
		flight_file_status(&r->flight, buf + used, cap - (size_t)used);
	used = (int)strlen(buf);
	run_host_status(r, buf + used, cap - (size_t)used);
}

static void say_stamps(void *ctx, bool error, const char *text)
{
	struct run *r = ctx;

	run_log(text);
	if (error && r->has_reply)
		reply_put(&r->reply, REPLY_INFO, text);
}

static void sync_line(void *ctx, size_t mcu, bool used)
{
	struct run *r = ctx;

	stamps_line_used(&r->stamps, mcu, used);
}

static int release_stamps(void *ctx, char *err)
{
	struct run *r = ctx;

	return stamps_release(&r->stamps, err, GCODE_ERR_MAX);
}

static void emergency(void *ctx, uint32_t dropped)
{
	struct run *r = ctx;

	(void)dropped;
	gcode_exec_now(&r->m->gcode, "M112", 4, 0);
}

/* Feed hold and resume, out of band. */
static void signal_byte(void *ctx, char byte)
{
	struct run *r = ctx;

	char err[GCODE_ERR_MAX] = "";

	/* Not by name: a macro may have taken it, and a print that is paused takes more than a byte. */
	if (r->m->ops.hold(r->m->ops.ctx, byte == '!', err) < 0)
		machine_say(r->m, REPLY_ERROR, "'%c': %s", byte, err);
}

/* ---- start ---- */

/* The interface of that name, open. Returns its number or -1. */
static int open_canbus(struct run *r, const char *name, char *err, size_t err_size)
{
	for (int i = 0; i < r->canbuses; i++)
		if (strcmp(r->canbus[i].name, name) == 0)
			return i;
	if (canbus_open(&r->canbus[r->canbuses], name, err, err_size) < 0)
		return -1;
	canbus_scan(&r->canbus[r->canbuses], CANBUS_SCAN_MS);
	return r->canbuses++;
}

static int open_node(struct run *r, size_t i, char *err, size_t err_size)
{
	const struct machine_mcu *cfg = &r->mc->mcu[i];
	uint8_t k = (uint8_t)(WIRE_CAN_NODE_MIN + i);

	r->canbus_of[i] = open_canbus(r, cfg->canbus_interface, err, err_size);
	if (r->canbus_of[i] < 0)
		return -1;
	if (canbus_twice(&r->canbus[r->canbus_of[i]], cfg->can_uuid)) {
		snprintf(err, err_size,
			 "mcu '%s': two boards on %s answer to canbus_uuid %s; expected a UUID of its "
			 "own for each",
			 cfg->name, cfg->canbus_interface, cfg->canbus_uuid);
		return -1;
	}
	r->line[i].can_id = wire_can_id(k);
	return canbus_open_node(cfg->canbus_interface, k, err, err_size);
}

static int open_line(struct run *r, size_t i, char *err, size_t err_size)
{
	const struct machine_mcu *cfg = &r->mc->mcu[i];

	if (cfg->canbus_uuid)
		return open_node(r, i, err, err_size);
	return serial_open(cfg->serial, (uint32_t)cfg->baud, err, err_size);
}

/* After a restart the device may still be on its way back. */
static bool open_lines(struct run *r, char *err, size_t err_size)
{
	struct timespec pause = { 0, REOPEN_EVERY_MS * 1000000L };

	for (size_t i = 0; i < r->m->mcus; i++) {
		int tries = r->opt.restarted ? REOPEN_TRIES : 0;

		if (r->mc->mcu[i].host) {
			if (!run_host_start(r, (int)i, err, err_size))
				return false;
			continue;
		}
		while ((r->line[i].fd = open_line(r, i, err, err_size)) < 0) {
			if (tries-- == 0 && r->mc->mcu[i].role == FAULT_ROLE_OPTIONAL)
				break; /* it may come later */
			if (tries < 0)
				return false;
			nanosleep(&pause, NULL);
		}
	}
	return true;
}

/* Hook of the machine. */
static void address(void *ctx, int mcu, char *absent, size_t size)
{
	struct run *r = ctx;
	const struct machine_mcu *cfg = &r->mc->mcu[mcu];
	struct canbus *b;

	if (r->canbus_of[mcu] < 0) /* its interface is not there */
		return;
	b = &r->canbus[r->canbus_of[mcu]];
	canbus_assign(b, cfg->can_uuid, (uint8_t)(WIRE_CAN_NODE_MIN + mcu));
	canbus_absent(b, cfg->can_uuid, absent, size);
}

/* Hook of the machine: planner and rt thread go on meanwhile. */
static bool reopen(void *ctx, int mcu)
{
	struct run *r = ctx;
	char err[GCODE_ERR_MAX];

	if (!rt_thread_line_closed(&r->rt, mcu))
		return true;
	if (!rt_thread_line_left(&r->rt, mcu))
		return false;
	if (r->line[mcu].fd >= 0)
		serial_close(r->line[mcu].fd);
	r->line[mcu].fd = open_line(r, (size_t)mcu, err, sizeof(err));
	return r->line[mcu].fd >= 0 && rt_thread_line_opened(&r->rt, mcu, &r->line[mcu]) == 0;
}

/* Make the folder that path is to be in, if it is missing: /run is empty after each boot. */
static bool make_folder_of(const char *path, char *err, size_t err_size)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if (!slash || slash == path || (size_t)(slash - path) >= sizeof(folder))
		return true;
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	if (mkdir(folder, 0755) == 0 || errno == EEXIST)
		return true;
	snprintf(err, err_size,
		 "cannot make the folder '%s' for '%s': %s; expected a path that can be "
		 "written to ([stepd] in the configuration)",
		 folder, path, strerror(errno));
	return false;
}

static bool open_front_ends(struct run *r, char *err, size_t err_size)
{
	const struct machine_stepd *cfg = &r->mc->stepd;
	struct reply_config rc = { .path = cfg->reply_fifo ? cfg->reply_fifo : cfg->reply_file,
				   .mode = cfg->gcode_fifo_mode,
				   .regular = !cfg->reply_fifo,
				   .log_error = run_log_error,
				   .ctx = &r->log };
	struct fifo_config fc = { .path = cfg->gcode_fifo,
				  .mode = cfg->gcode_fifo_mode,
				  .emergency = emergency,
				  .signal_byte = signal_byte,
				  .ctx = r };

	if (!make_folder_of(cfg->gcode_fifo, err, err_size) ||
	    !make_folder_of(rc.path, err, err_size) || reply_open(&r->reply, &rc, err, err_size) < 0)
		return false;
	r->has_reply = true;
	if (cfg->out_of_band_fifo) {
		struct fifo_config uc = fc;

		uc.path = cfg->out_of_band_fifo;
		if (fifo_open(&r->urgent, &uc, err, err_size) < 0)
			return false;
		r->has_urgent = r->m->stream.console = true;
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
	struct rt_thread_config rc = { .engine = r->m->engine,
				       .mcu_count = (int)r->m->mcus,
				       .priority = r->mc->stepd.rt_priority,
				       .cpu = r->mc->stepd.rt_cpu,
				       .seccomp = r->opt.seccomp };
	int tty[ENGINE_MCUS], rv;

	if (rc.cpu < 0)
		rc.cpu = isolated_cpu();
	memcpy(rc.line, r->line, sizeof(rc.line));
	for (size_t i = 0; i < ENGINE_MCUS; i++)
		tty[i] = r->line[i].can_id ? -1 : r->line[i].fd;
	stamps_open(&r->stamps, r->mc, tty, r->m->mcus);
	rv = rt_thread_start(&r->rt, &rc);
	if (rv < 0) {
		snprintf(err, err_size, "the rt thread does not start: %s: %s", strerror(-rv),
			 r->rt.grants.text);
		return false;
	}
	r->has_rt = true;
	stamps_start(&r->stamps, &r->rt);
	rt_proc_read(r->rt.tid, &r->at_start);
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

/* The flight recorder, and the plan trace, which is read from it. */
static bool open_records(struct run *r, char *err, size_t err_size)
{
	const struct machine_stepd *cfg = &r->mc->stepd;
	struct flight_file_config fc = { .path = cfg->flight_file,
					 .mib = cfg->flight_mib,
					 .keep = (unsigned)cfg->flight_keep };
	char standard[PATH_MAX];

	if (!cfg->flight_file && r->opt.trace) {
		snprintf(err, err_size,
			 "--trace needs the flight recorder; expected [stepd] flight_file not "
			 "to be empty");
		return false;
	}
	if (!cfg->flight_file)
		return true;
	if (!make_folder_of(cfg->gcode_fifo, err, err_size))
		return false;
	if (strcmp(cfg->flight_file, "auto") == 0) {
		if (!flight_file_default(cfg->gcode_fifo, standard, sizeof(standard))) {
			snprintf(err, err_size, "the path of the flight recorder is too long");
			return false;
		}
		fc.path = standard;
	} else if (!make_folder_of(fc.path, err, err_size)) {
		return false;
	}
	if (flight_file_open(&r->flight, &fc, err, err_size) < 0)
		return false;
	fprintf(stderr, "stepd: flight recorder: %s%s\n", r->flight.path,
		r->flight.in_memory ? ""
				    : ": not on tmpfs, so the rt thread may have to wait for the "
				      "disk; expected [stepd] flight_file in /run or /dev/shm");
	if (!r->opt.trace)
		return true;
	if (recorder_open(&r->recorder, r->opt.trace, &r->flight.flight, err, err_size) < 0)
		return false;
	r->has_recorder = true;
	return true;
}

/* A report is written at the end only: its path is tried at the start. */
static bool makes_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	return fd >= 0 && close(fd) == 0;
}

bool run_start(struct run *r, char *err, size_t err_size)
{
	struct machine_config_hooks hooks = {
		.say = say,
		.wake = wake,
		.halted = halted,
		.keep_record = keep_record,
		.record_on = record_on,
		.host_degc = sensor_host_degc,
		.save_config = true,
		.threads = true,
		.address = address,
		.reopen = reopen,
		.status = rt_status,
		.mcu_fault = run_host_fault,
		.sync_line = sync_line,
		.release_stamps = release_stamps,
		.ctx = r,
	};
	const char *paths[] = { r->opt.config };

	r->mc = machine_config_load(paths, 1, r->opt.overrides.text, r->opt.overrides.count, stderr);
	if (!r->mc) {
		snprintf(err, err_size, "the configuration '%s' cannot be used", r->opt.config);
		return false;
	}
	if (!open_records(r, err, err_size))
		return false;
	snprintf(r->positions, sizeof(r->positions), "%s.positions", r->mc->stepd.gcode_fifo);
	hooks.positions = r->positions;
	snprintf(r->faults, sizeof(r->faults), "%s.faults", r->mc->stepd.gcode_fifo);
	hooks.faults = r->faults;
	if (r->flight.open)
		flight_observer(&r->flight.flight, &hooks.recorder);
	r->m = machine_new(r->mc, &hooks, err, err_size);
	if (!r->m)
		return false;
	if (r->opt.rt_report && !makes_file(r->opt.rt_report)) {
		snprintf(err, err_size, "--rt-report %s: %s", r->opt.rt_report, strerror(errno));
		return false;
	}
	if (r->opt.clock_trace && !(r->clock_trace = fopen(r->opt.clock_trace, "we"))) {
		snprintf(err, err_size, "--clock-trace %s: %s", r->opt.clock_trace, strerror(errno));
		return false;
	}
	r->stamps.say = say_stamps;
	r->stamps.ctx = r;
	if (r->flight.open)
		flight_file_identify(&r->flight, r->m, r->opt.config);
	if (r->opt.reset_mcus)
		machine_reset_mcus(r->m);
	gcode_numbering_init(&r->numbering, (enum gcode_ack)r->mc->stepd.gcode_ack);
	r->startup = r->mc->stepd.startup_gcode;
	if (!open_signals(r)) {
		snprintf(err, err_size, "signals cannot be set up: %s", strerror(errno));
		return false;
	}
	return open_lines(r, err, err_size) && open_front_ends(r, err, err_size) &&
	       start_rt(r, err, err_size);
}

/* Heaters go off now rather than by the MCUs' own guards: the rt thread gets a moment to tell them. */
static void cool_down(struct run *r)
{
	static const struct timespec moment = { .tv_nsec = 200 * 1000 * 1000 };

	if (r->m->mc->heater_count == 0)
		return;
	heaters_off(r->m);
	nanosleep(&moment, NULL);
}

void run_stop(struct run *r)
{
	if (r->has_rt)
		cool_down(r);
	if (r->has_rt) {
		run_report(r);
		rt_thread_stop(&r->rt);
	}
	stamps_close(&r->stamps);
	if (r->clock_trace && fclose(r->clock_trace) != 0)
		fprintf(stderr, "stepd: --clock-trace %s: %s\n", r->opt.clock_trace,
			strerror(errno));
	if (r->has_recorder) {
		uint64_t lost = recorder_close(&r->recorder);

		if (lost)
			fprintf(stderr, "stepd: %llu records of the plan trace were lost\n",
				(unsigned long long)lost);
	}
	flight_file_close(&r->flight);
	if (r->has_fifo)
		fifo_close(&r->fifo);
	if (r->has_urgent)
		fifo_close(&r->urgent);
	if (r->has_reply)
		reply_close(&r->reply);
	run_log_flush(&r->log);
	run_host_stop(r);
	for (size_t i = 0; i < ENGINE_MCUS; i++)
		if (r->line[i].fd >= 0)
			serial_close(r->line[i].fd);
	for (int i = 0; i < r->canbuses; i++)
		canbus_close(&r->canbus[i]);
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	machine_free(r->m);
	machine_config_free(r->mc);
}
