/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - mcu-sim: one simulated MCU with its printer, in real time, on a pty or a CAN interface. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "breaker.h"
#include "can_port.h"
#include "options.h"
#include "printer.h"
#include "printer_file.h"
#include "printer_models.h"
#include "pty.h"
#include "sim.h"
#include "sync_line.h"
#include "trace.h"

enum {
	/* Events run late by up to this; their clocks are exact all the same, and the host's bytes
	 * wake us at once. Steps need not cost a wake-up each. */
	WAKE_MIN_NS = 1000000,
	WAKE_MAX_NS = 200000000,
	TRACE_FLUSH_NS = 500000000,
	RX_BUF = 4096,
	RX_FRAMES = 512,
};

struct app {
	struct options opt;
	struct sim *sim;
	struct printer printer;
	struct printer_models models;
	struct breaker breaker;
	struct pty pty;      /* one of these two */
	struct can_port can; /* opt.can */
	struct trace *trace;
	struct sync_line sync_line;
	int sync_pin; /* -1: none */
	int64_t start_ns;
	int64_t trace_flushed_ns;
	double ticks_per_ns;
};

static volatile sig_atomic_t stop_requested, mute_requested;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		mute_requested = !mute_requested;
	else
		stop_requested = 1;
}

/* When that clock is, or was. */
static int64_t ns_at(const struct app *a, uint64_t clock)
{
	return a->start_ns + (int64_t)((double)(clock - a->opt.start_clock) / a->ticks_per_ns);
}

static void on_edge(void *ctx, uint16_t pin, uint8_t level, uint64_t clock)
{
	struct app *a = ctx;

	if (a->trace)
		trace_edge(a->trace, pin, level, clock);
	if (pin == a->sync_pin && level)
		sync_line_rose(&a->sync_line, ns_at(a, clock));
}

static void on_pwm(void *ctx, uint16_t pin, uint16_t value, uint64_t clock)
{
	trace_edge(((struct app *)ctx)->trace, pin, value, clock);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* 53 bits of ticks are over a year at 200 MHz. */
static uint64_t clock_at(const struct app *a, int64_t t_ns)
{
	return a->opt.start_clock + (uint64_t)((double)(t_ns - a->start_ns) * a->ticks_per_ns);
}

static int add_pins(struct sim *sim, const char *list)
{
	char name[SIM_PIN_NAME_MAX + 2];
	size_t len;

	for (; list && *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		snprintf(name, sizeof(name), "%.*s", (int)len, list);
		if (len && sim_pins_add(sim, name) < 0) {
			fprintf(stderr, "mcu-sim: --pins: bad name or too many pins: \"%s\"\n",
				name);
			return -EINVAL;
		}
	}
	return 0;
}

static int open_sync_line(struct app *a)
{
	const char *path = a->opt.sync_line ? strchr(a->opt.sync_line, '=') : NULL;
	char name[SIM_PIN_NAME_MAX + 2];
	int err;

	if (!a->opt.sync_line)
		return 0;
	snprintf(name, sizeof(name), "%.*s", path ? (int)(path - a->opt.sync_line) : 0,
		 a->opt.sync_line);
	a->sync_pin = sim_pin_number(a->sim, name);
	if (a->sync_pin < 0) {
		fprintf(stderr, "mcu-sim: --sync-line %s: expected PIN=FILE\n", a->opt.sync_line);
		return -EINVAL;
	}
	err = sync_line_open(&a->sync_line, path + 1, a->opt.rt);
	if (err)
		fprintf(stderr, "mcu-sim: --sync-line %s: %s\n", path + 1, strerror(-err));
	return err;
}

static int make_machine(struct app *a)
{
	struct sim *sims[PRINTER_MCUS_MAX] = { NULL };
	struct sim_cfg cfg = {
		.freq_hz = a->opt.freq_hz,
		.move_count = a->opt.move_count,
		.start_clock = a->opt.start_clock,
		.printer = &a->printer,
		.mcu_index = a->opt.mcu,
		.canbus_hz = a->opt.can ? a->opt.canbus_hz : 0,
	};
	char err[256];
	int err_open;

	memcpy(cfg.can_uuid, a->opt.uuid, sizeof(cfg.can_uuid));
	printer_init(&a->printer, PRINTER_CARTESIAN, a->opt.seed);
	a->sim = sims[a->opt.mcu] = sim_new(&cfg);
	if (!a->sim) {
		fprintf(stderr, "mcu-sim: out of memory\n");
		return -ENOMEM;
	}
	if (add_pins(a->sim, a->opt.pins))
		return -EINVAL;
	if (a->opt.printer && printer_file_load(&a->printer, &a->models, sims, PRINTER_MCUS_MAX,
						a->opt.printer, err, sizeof(err))) {
		fprintf(stderr, "mcu-sim: %s\n", err);
		return -EINVAL;
	}
	err_open = breaker_open(&a->breaker, &a->models.events, a->opt.events, a->opt.commands);
	if (err_open)
		return err_open;
	if (a->opt.trace) {
		a->trace = trace_open(a->opt.trace, a->sim);
		if (!a->trace) {
			fprintf(stderr, "mcu-sim: %s: %s\n", a->opt.trace, strerror(errno));
			return -errno;
		}
	}
	err_open = open_sync_line(a);
	if (err_open)
		return err_open;
	if (a->trace || a->sync_pin >= 0)
		sim_set_hooks(a->sim, &(struct sim_hooks){ .ctx = a,
							   .edge = on_edge,
							   .pwm = a->trace ? on_pwm : NULL });
	return sim_start(a->sim);
}

static void send_answers(struct app *a)
{
	uint8_t buf[RX_BUF];
	size_t len;

	while ((len = sim_pull_tx(a->sim, buf, sizeof(buf))))
		pty_write(&a->pty, buf, len);
}

static int catch_up_can(struct app *a)
{
	static struct mcu_can_frame frames[RX_FRAMES];
	int count = can_port_read(&a->can, frames, RX_FRAMES);

	if (count < 0) {
		fprintf(stderr, "mcu-sim: %s: %s\n", a->opt.can, strerror(-count));
		return count;
	}
	sim_run_until(a->sim, clock_at(a, now_ns()));
	for (int i = 0; i < count; i++) {
		sim_can_receive(a->sim, &frames[i]);
		can_port_send(&a->can, a->sim);
	}
	can_port_send(&a->can, a->sim);
	return 0;
}

/* Run up to the present, then hand over what the host sent: it arrives now, not earlier. */
static int catch_up(struct app *a)
{
	uint8_t buf[RX_BUF];
	ssize_t len;

	if (a->opt.can)
		return catch_up_can(a);
	len = pty_read(&a->pty, buf, sizeof(buf));
	pty_update(&a->pty);
	if (len < 0) {
		fprintf(stderr, "mcu-sim: pty: %s\n", strerror((int)-len));
		return (int)len;
	}
	sim_run_until(a->sim, clock_at(a, now_ns()));
	if (len)
		sim_receive(a->sim, buf, (size_t)len);
	send_answers(a);
	return 0;
}

/* The printer's time is the clock's. */
static void break_parts(struct app *a)
{
	a->printer.now_s = (double)(sim_clock(a->sim) - a->opt.start_clock) / a->opt.freq_hz;
	breaker_run(&a->breaker, a->sim, ns_at(a, sim_clock(a->sim)));
}

/* How long there is nothing to do, unless the host sends something. */
static struct timespec idle_time(const struct app *a)
{
	uint64_t next = sim_next_clock(a->sim);
	uint64_t now = sim_clock(a->sim);
	double wait_ns = next > now ? (double)(next - now) / a->ticks_per_ns : 0;
	int64_t ns = WAKE_MAX_NS, event_ns = breaker_next_ns(&a->breaker);

	if (event_ns != INT64_MAX && (double)(event_ns - ns_at(a, now)) < wait_ns)
		wait_ns = (double)(event_ns - ns_at(a, now));
	if (a->can.held)
		wait_ns = 0;
	if (wait_ns < WAKE_MAX_NS)
		ns = wait_ns > WAKE_MIN_NS ? (int64_t)wait_ns : WAKE_MIN_NS;
	return (struct timespec){ .tv_sec = 0, .tv_nsec = (long)ns };
}

static int loop(struct app *a, const sigset_t *wait_mask)
{
	struct pollfd fds[3] = { { .fd = -1, .events = POLLIN },
				 { .fd = a->pty.watch_fd, .events = POLLIN },
				 { .fd = a->breaker.fifo_fd, .events = POLLIN } };
	int64_t reset_ns = a->opt.reset_after_s > 0
				   ? a->start_ns + (int64_t)(a->opt.reset_after_s * 1e9)
				   : INT64_MAX;
	int err = 0;

	while (!stop_requested && !err) {
		struct timespec wait;
		int64_t now;

		err = catch_up(a);
		break_parts(a);
		now = now_ns();
		if (a->sync_pin >= 0)
			sync_line_mute(&a->sync_line, mute_requested);
		if (now >= reset_ns) {
			reset_ns = INT64_MAX;
			sim_reset(a->sim);
		}
		if (a->trace && now - a->trace_flushed_ns > TRACE_FLUSH_NS) {
			a->trace_flushed_ns = now;
			trace_flush(a->trace);
		}
		fds[0].fd = a->opt.can ? a->can.fd : a->pty.connected ? a->pty.master_fd : -1;
		wait = idle_time(a);
		ppoll(fds, 3, &wait, wait_mask);
	}
	return err;
}

static void ask_for_priority(const struct options *o)
{
	struct sched_param param = { .sched_priority = 1 };

	/* timers to the microsecond instead of the default slack of 50 us */
	prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
	if (o->rt && sched_setscheduler(0, SCHED_FIFO, &param))
		fprintf(stderr, "mcu-sim: no SCHED_FIFO (%s); going on without\n", strerror(errno));
}

static void catch_signals(sigset_t *wait_mask)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t block;

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGHUP);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, wait_mask);
	sigdelset(wait_mask, SIGTERM);
	sigdelset(wait_mask, SIGINT);
	sigdelset(wait_mask, SIGHUP);
	sigdelset(wait_mask, SIGUSR1);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int open_port(struct app *a)
{
	int err;

	a->pty.master_fd = a->pty.watch_fd = a->can.fd = -1;
	if (a->opt.can) {
		err = can_port_open(&a->can, a->opt.can);
		if (err)
			fprintf(stderr, "mcu-sim: %s: %s\n", a->opt.can, strerror(-err));
		return err;
	}
	err = a->opt.is_socket ? pty_open_socket(&a->pty, a->opt.pty)
			       : pty_open(&a->pty, a->opt.pty);
	if (err)
		fprintf(stderr, "mcu-sim: %s%s%s: %s\n", a->opt.is_socket ? "socket" : "pty",
			a->opt.is_socket ? " "
			: a->opt.pty     ? " link "
					 : "",
			a->opt.pty ? a->opt.pty : "", strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	static struct app app = { .sync_line = { .fd = -1 },
				  .sync_pin = -1,
				  .breaker = { .fifo_fd = -1 } };
	sigset_t wait_mask;
	int err, close_err;

	err = options_parse(&app.opt, argc, argv);
	if (err)
		return err < 0 ? 2 : 0;
	catch_signals(&wait_mask);
	if (open_port(&app))
		return 1;
	err = make_machine(&app);
	if (!err) {
		ask_for_priority(&app.opt);
		app.ticks_per_ns = (double)app.opt.freq_hz * (1 + app.opt.ppm * 1e-6) * 1e-9;
		app.start_ns = app.trace_flushed_ns = now_ns();
		err = catch_up(&app); /* what booting says is not for a host that comes later */
		printf("%s %s\n",
		       app.opt.can         ? "can"
		       : app.opt.is_socket ? "socket"
					   : "pty",
		       app.opt.can ? app.opt.can : app.pty.slave_path);
		printf("clock %" PRIu64 " at %lld ns, %.17g ticks per ns\n", app.opt.start_clock,
		       (long long)app.start_ns, app.ticks_per_ns);
		fflush(stdout);
		err = err ? err : loop(&app, &wait_mask);
	}
	sync_line_close(&app.sync_line);
	if (app.sync_pin >= 0)
		printf("sync line: %lu edges, %lu more were too late to be made\n",
		       app.sync_line.driven, app.sync_line.missed);
	close_err = trace_close(app.trace);
	if (close_err)
		fprintf(stderr, "mcu-sim: %s: %s\n", app.opt.trace, strerror(-close_err));
	breaker_close(&app.breaker);
	sim_free(app.sim);
	pty_close(&app.pty);
	can_port_close(&app.can);
	return err || close_err ? 1 : 0;
}
