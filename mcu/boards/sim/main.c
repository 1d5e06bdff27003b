/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - mcu-sim: one simulated MCU with its printer, in real time, on a pty or a CAN interface. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "can_port.h"
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

struct options {
	const char *pty, *can, *pins, *printer, *trace, *sync_line;
	uint8_t uuid[WIRE_CAN_UUID];
	bool has_uuid;
	uint32_t canbus_hz;
	uint32_t freq_hz;
	uint16_t move_count;
	uint8_t mcu;
	double ppm;
	double reset_after_s; /* 0: never */
	uint64_t seed, start_clock;
	bool rt;
	bool is_socket; /* pty is its path */
};

struct app {
	struct options opt;
	struct sim *sim;
	struct printer printer;
	struct printer_models models;
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

static const char usage_text[] =
	"usage: mcu-sim [options]\n"
	"  --pty PATH         symbolic link to make to the pty (default: print its path only)\n"
	"  --socket PATH      make a socket there instead of a pty: no worker of the kernel's in between\n"
	"  --can INTERFACE    be a node of that CAN bus instead, with\n"
	"  --uuid HEX         12 hexadecimal digits, and\n"
	"  --bitrate N        of the bus, as the dictionary says it (default 1000000)\n"
	"  --freq HZ          nominal clock, 100000..2000000000 (default 50000000)\n"
	"  --ppm X            the crystal's error (default 0)\n"
	"  --moves N          move slots, 1..1024 (default 1024)\n"
	"  --pins A,B,…       more pin names; PA0..PG15 and gpio0..gpio29 exist always\n"
	"  --printer FILE     what is connected; the format is described in printer_file.h\n"
	"  --mcu N            which mcu= of that file this is (default 0)\n"
	"  --trace FILE       write every edge: clock, pin, level\n"
	"  --sync-line P=FILE pin P drives a line of gpio-sim, whose pull is FILE; SIGUSR1 cuts the wire and mends it\n"
	"  --seed N           of the sensors' noise (default 1)\n"
	"  --start-clock N    64-bit clock at power-on (default 0)\n"
	"  --reset-after S    fault: spontaneous reset after S seconds\n"
	"  --rt               ask for SCHED_FIFO\n";

static int bad_option(const char *name, const char *value)
{
	fprintf(stderr, "mcu-sim: --%s %s: not a valid value\n", name, value);
	return -EINVAL;
}

static int parse_u64(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *to)
{
	char *end;

	errno = 0;
	*to = strtoull(text, &end, 0);
	if (end == text || *end || errno || *to < min || *to > max || strchr(text, '-'))
		return bad_option(name, text);
	return 0;
}

static int parse_double(const char *name, const char *text, double min, double max, double *to)
{
	char *end;

	*to = strtod(text, &end);
	if (end == text || *end || !(*to >= min && *to <= max))
		return bad_option(name, text);
	return 0;
}

static int parse_uuid(const char *name, const char *text, uint8_t uuid[WIRE_CAN_UUID])
{
	uint64_t v;
	char *end;

	v = strtoull(text, &end, 16);
	if (strlen(text) != 2 * WIRE_CAN_UUID ||
	    strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		return bad_option(name, text);
	for (int i = WIRE_CAN_UUID - 1; i >= 0; i--, v >>= 8)
		uuid[i] = (uint8_t)v;
	return 0;
}

static const struct option long_options[] = {
	{ "pty", 1, NULL, 'y' },
	{ "freq", 1, NULL, 'f' },
	{ "socket", 1, NULL, 'k' },
	{ "ppm", 1, NULL, 'd' },
	{ "moves", 1, NULL, 'm' },
	{ "pins", 1, NULL, 'n' },
	{ "printer", 1, NULL, 'p' },
	{ "mcu", 1, NULL, 'u' },
	{ "trace", 1, NULL, 't' },
	{ "seed", 1, NULL, 's' },
	{ "start-clock", 1, NULL, 'c' },
	{ "reset-after", 1, NULL, 'r' },
	{ "rt", 0, NULL, 'R' },
	{ "sync-line", 1, NULL, 'l' },
	{ "can", 1, NULL, 'C' },
	{ "uuid", 1, NULL, 'U' },
	{ "bitrate", 1, NULL, 'b' },
	{ "help", 0, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int parse_option(struct options *o, int c, const char *name)
{
	uint64_t v;
	int err = 0;

	switch (c) {
	case 'y':
	case 'k':
		o->pty = optarg;
		o->is_socket = c == 'k';
		break;
	case 'C':
		o->can = optarg;
		break;
	case 'U':
		err = parse_uuid(name, optarg, o->uuid);
		o->has_uuid = true;
		break;
	case 'b':
		err = parse_u64(name, optarg, 10000, 1000000, &v);
		o->canbus_hz = (uint32_t)v;
		break;
	case 'n':
		o->pins = optarg;
		break;
	case 'p':
		o->printer = optarg;
		break;
	case 't':
		o->trace = optarg;
		break;
	case 'l':
		o->sync_line = optarg;
		break;
	case 'R':
		o->rt = true;
		break;
	case 'd':
		err = parse_double(name, optarg, -100000, 100000, &o->ppm);
		break;
	case 'r':
		err = parse_double(name, optarg, 0, 1e9, &o->reset_after_s);
		break;
	case 's':
		err = parse_u64(name, optarg, 0, UINT64_MAX, &o->seed);
		break;
	case 'c':
		err = parse_u64(name, optarg, 0, UINT64_MAX / 2, &o->start_clock);
		break;
	case 'f':
		err = parse_u64(name, optarg, 100000, 2000000000, &v);
		o->freq_hz = (uint32_t)v;
		break;
	case 'm':
		err = parse_u64(name, optarg, 1, 1024, &v);
		o->move_count = (uint16_t)v;
		break;
	case 'u':
		err = parse_u64(name, optarg, 0, PRINTER_MCUS_MAX - 1, &v);
		o->mcu = (uint8_t)v;
		break;
	default:
		err = -EINVAL;
	}
	return err;
}

/* Returns 0, 1 to exit with success, or -errno after a message. */
static int parse_options(struct options *o, int argc, char **argv)
{
	int c, index = 0;

	*o = (struct options){
		.freq_hz = 50000000, .move_count = 1024, .seed = 1, .canbus_hz = 1000000
	};
	while ((c = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return 1;
		}
		if (parse_option(o, c, c == '?' ? "" : long_options[index].name)) {
			fputs(usage_text, stderr);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "mcu-sim: unexpected argument \"%s\"\n", argv[optind]);
		return -EINVAL;
	}
	if ((o->can != NULL) != o->has_uuid || (o->can && o->pty)) {
		fputs("mcu-sim: expected --can and --uuid together, without --pty\n", stderr);
		return -EINVAL;
	}
	return 0;
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
	int err_sync;

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
	if (a->opt.trace) {
		a->trace = trace_open(a->opt.trace, a->sim);
		if (!a->trace) {
			fprintf(stderr, "mcu-sim: %s: %s\n", a->opt.trace, strerror(errno));
			return -errno;
		}
	}
	err_sync = open_sync_line(a);
	if (err_sync)
		return err_sync;
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

/* How long there is nothing to do, unless the host sends something. */
static struct timespec idle_time(const struct app *a)
{
	uint64_t next = sim_next_clock(a->sim);
	uint64_t now = sim_clock(a->sim);
	double wait_ns = next > now ? (double)(next - now) / a->ticks_per_ns : 0;
	int64_t ns = WAKE_MAX_NS;

	if (a->can.held)
		wait_ns = 0;
	if (wait_ns < WAKE_MAX_NS)
		ns = wait_ns > WAKE_MIN_NS ? (int64_t)wait_ns : WAKE_MIN_NS;
	return (struct timespec){ .tv_sec = 0, .tv_nsec = (long)ns };
}

static int loop(struct app *a, const sigset_t *wait_mask)
{
	struct pollfd fds[2] = { { .fd = -1, .events = POLLIN },
				 { .fd = a->pty.watch_fd, .events = POLLIN } };
	int64_t reset_ns = a->opt.reset_after_s > 0
				   ? a->start_ns + (int64_t)(a->opt.reset_after_s * 1e9)
				   : INT64_MAX;
	int err = 0;

	while (!stop_requested && !err) {
		struct timespec wait;
		int64_t now;

		err = catch_up(a);
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
		ppoll(fds, 2, &wait, wait_mask);
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
	static struct app app = { .sync_line = { .fd = -1 }, .sync_pin = -1 };
	sigset_t wait_mask;
	int err, close_err;

	err = parse_options(&app.opt, argc, argv);
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
	sim_free(app.sim);
	pty_close(&app.pty);
	can_port_close(&app.can);
	return err || close_err ? 1 : 0;
}
