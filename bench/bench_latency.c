/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_latency.c - how long things take from end to end, in real time: the daemon as a process, the simulated MCU in this one, behind a socket.
 *
 * Measured, each many times:
 *   wire  a G1 is written to the FIFO of a machine at rest: until its first command has reached the MCU
 *   step  the same until the first step is made
 *   acts  '!' is written to the urgent FIFO in a move at speed: until the motors begin to slow down (they rest then less the time
 *         that the speed takes to end)
 *   rest  the same until the motors rest
 * The MCU's steps are known to the tick; its clock is CLOCK_MONOTONIC.
 *
 * Usage: bench_latency [--json FILE] [--data DIR] [--count N] [--priority N] [--cpu N]; without a priority stepd asks for none.
 * DIR gets NAME.dat for each: sorted us, and the share that is at most so. $STEPD_BUILD/stepd is run.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mcu/boards/sim/pty.h"
#include "mcu/boards/sim/sim.h"
#include "tests/benchlib/series.h"
#include "wire.h"

#define NS_PER_S ((int64_t)1000000000)
#define MS ((int64_t)1000000)
#define LIMIT_NS (20 * NS_PER_S) /* of any wait */
#define QUIET_NS (150 * MS)      /* without a step: at rest */
#define SPEED_MM_S 100.0
#define ACCEL_MM_S2 3000.0
#define NONE INT64_MAX

static struct series_set set;

static struct {
	struct sim *sim;
	struct pty pty;
	struct wire_rx rx;
	pthread_t thread;
	int64_t start_ns;
	_Atomic bool stop;
	/* Of the first since it was set to NONE. */
	_Atomic int64_t command_ns, step_ns;
	_Atomic int64_t last_step_ns;
} mcu;

static struct {
	const char *json, *data, *priority, *cpu;
	long count;
} opt = { .count = 30, .priority = "0", .cpu = "-1" };

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void pause_ns(int64_t ns)
{
	struct timespec ts = { ns / NS_PER_S, ns % NS_PER_S };

	nanosleep(&ts, NULL);
}

static char folder[] = "/dev/shm/stepd-latency.XXXXXX";
static char mcu_path[sizeof(folder) + 8];

static pid_t daemon_pid;

/* With the last of what the daemon said. */
static _Noreturn void fail(const char *what)
{
	char path[120], line[400] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/replies", folder);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		;
	fprintf(stderr, "bench_latency: %s%s%s\n", what, line[0] ? "; stepd: " : "", line);
	exit(1);
}

static struct series *add_series(const char *name)
{
	struct series *s = series_add(&set, name);

	if (!s)
		fail("too many series");
	return s;
}

/* ---- the MCU: one tick is 20 ns ---- */

static void on_step(void *ctx, uint8_t oid, int dir, uint64_t clock)
{
	int64_t at_ns = mcu.start_ns + (int64_t)clock * 20, none = NONE;

	(void)ctx, (void)oid, (void)dir;
	atomic_compare_exchange_strong(&mcu.step_ns, &none, at_ns);
	atomic_store(&mcu.last_step_ns, at_ns);
}

/* Frames that are no mere question for the clock. */
static void look(const uint8_t *bytes, size_t len, int64_t at_ns)
{
	struct wire_frame f;
	int16_t id;

	while (wire_rx_next(&mcu.rx, &bytes, &len, &f) != WIRE_RX_MORE) {
		int64_t none = NONE;

		if (f.payload_len > 0 && wire_get_id(f.payload, f.payload + f.payload_len, &id) &&
		    id != MSG_ID_get_clock)
			atomic_compare_exchange_strong(&mcu.command_ns, &none, at_ns);
	}
}

static void *mcu_main(void *arg)
{
	struct pollfd p[2] = { { .events = POLLIN }, { .fd = mcu.pty.watch_fd, .events = POLLIN } };
	uint8_t buf[4096];

	(void)arg;
	while (!atomic_load(&mcu.stop)) {
		ssize_t len = pty_read(&mcu.pty, buf, sizeof(buf));
		int64_t at_ns = now_ns();
		size_t out;

		pty_update(&mcu.pty);
		sim_run_until(mcu.sim, (uint64_t)(at_ns - mcu.start_ns) / 20);
		if (len > 0) {
			look(buf, (size_t)len, at_ns);
			sim_receive(mcu.sim, buf, (size_t)len);
		}
		while ((out = sim_pull_tx(mcu.sim, buf, sizeof(buf))))
			pty_write(&mcu.pty, buf, out);
		p[0].fd = mcu.pty.connected ? mcu.pty.master_fd : -1;
		poll(p, 2, 1);
	}
	return NULL;
}

static void mcu_start(void)
{
	struct sim_cfg cfg = { .hooks = { .step = on_step } };
	struct sched_param param = { .sched_priority = 1 };

	mcu.sim = sim_new(&cfg);
	wire_rx_init(&mcu.rx);
	atomic_store(&mcu.last_step_ns, 0);
	snprintf(mcu_path, sizeof(mcu_path), "%s/mcu", folder);
	if (!mcu.sim || sim_start(mcu.sim) < 0 || pty_open_socket(&mcu.pty, mcu_path) < 0)
		fail("the simulated MCU does not start");
	mcu.start_ns = now_ns();
	if (pthread_create(&mcu.thread, NULL, mcu_main, NULL))
		fail("no thread for the simulated MCU");
	if (atoi(opt.priority) > 0) /* an MCU does not wait for the host's programs */
		pthread_setschedparam(mcu.thread, SCHED_FIFO, &param);
}

static void mcu_stop(void)
{
	atomic_store(&mcu.stop, true);
	pthread_join(mcu.thread, NULL);
	pty_close(&mcu.pty);
	sim_free(mcu.sim);
}

/* ---- the daemon ---- */

static void daemon_start(void)
{
	const char *build = getenv("STEPD_BUILD");
	char program[300], serial[120], fifo[120], urgent[120], replies[120], log[120], flight[120],
		priority[60], cpu[60];

	snprintf(program, sizeof(program), "%s/stepd", build ? build : "build");
	snprintf(serial, sizeof(serial), "mcu.serial=%s", mcu_path);
	snprintf(fifo, sizeof(fifo), "stepd.gcode_fifo=%s/gcode", folder);
	snprintf(urgent, sizeof(urgent), "stepd.out_of_band_fifo=%s/now", folder);
	snprintf(replies, sizeof(replies), "stepd.reply_file=%s/replies", folder);
	snprintf(log, sizeof(log), "%s/log", folder);
	snprintf(flight, sizeof(flight), "stepd.flight_file=%s/flight", folder);
	snprintf(priority, sizeof(priority), "stepd.rt_priority=%s", opt.priority);
	snprintf(cpu, sizeof(cpu), "stepd.rt_cpu=%s", strcmp(opt.cpu, "-1") != 0 ? opt.cpu : "auto");
	daemon_pid = fork();
	if (daemon_pid < 0)
		fail("fork");
	if (daemon_pid == 0) {
		if (freopen(log, "w", stderr))
			execl(program, program, "-c", "etc/sim-corexy.cfg", "-o", serial, "-o",
			      fifo, "-o", urgent, "-o", replies, "-o", flight, "-o", priority, "-o",
			      cpu, "-o", "stepd.gcode_ack=none", (char *)NULL);
		_exit(127);
	}
}

static bool said_ready(void)
{
	char path[120], text[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/replies", folder);
	f = fopen(path, "re");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = 0;
	if (f)
		fclose(f);
	return strstr(text, "ready") != NULL;
}

static void wait_ready(void)
{
	for (int64_t until_ns = now_ns() + LIMIT_NS; !said_ready(); pause_ns(20 * MS))
		if (now_ns() > until_ns || waitpid(daemon_pid, NULL, WNOHANG) != 0)
			fail("stepd does not become ready");
}

static int open_fifo(const char *name)
{
	char path[120];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		fail("stepd's FIFO cannot be opened");
	return fd;
}

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail("stepd's FIFO takes nothing");
}

/* Until it is something else than NONE. */
static int64_t await(_Atomic int64_t *what)
{
	int64_t until_ns = now_ns() + LIMIT_NS;

	while (atomic_load(what) == NONE) {
		if (now_ns() > until_ns)
			fail("the machine does not move");
		pause_ns(MS);
	}
	return atomic_load(what);
}

/* Until no step has been made for a while; returns when the last one was. */
static int64_t await_rest(void)
{
	int64_t until_ns = now_ns() + LIMIT_NS;

	while (now_ns() - atomic_load(&mcu.last_step_ns) < QUIET_NS) {
		if (now_ns() > until_ns)
			fail("the machine does not come to rest");
		pause_ns(5 * MS);
	}
	return atomic_load(&mcu.last_step_ns);
}

static void from_rest(int fifo)
{
	struct series *wire = add_series("wire"), *step = add_series("step");

	for (long i = 0; i < opt.count; i++) {
		int64_t from_ns;

		await_rest();
		pause_ns((20 + i * 7 % 20) * MS); /* at any phase of whatever comes periodically */
		atomic_store(&mcu.command_ns, NONE);
		atomic_store(&mcu.step_ns, NONE);
		from_ns = now_ns();
		say(fifo, i % 2 ? "G1 X100 F6000\n" : "G1 X102 F6000\n");
		series_value(wire, await(&mcu.command_ns) - from_ns);
		series_value(step, await(&mcu.step_ns) - from_ns);
	}
}

static void holds(int fifo, int urgent)
{
	struct series *acts = add_series("acts"), *rest = add_series("rest");
	int64_t slowing_ns = (int64_t)(SPEED_MM_S / ACCEL_MM_S2 * 1e9);

	for (long i = 0; i < opt.count; i++) {
		int64_t from_ns, rest_ns;

		await_rest();
		atomic_store(&mcu.step_ns, NONE);
		say(fifo, i % 2 ? "G1 X100 F6000\n" : "G1 X200 F6000\n");
		await(&mcu.step_ns);
		pause_ns((250 + i * 17 % 100) * MS);
		from_ns = now_ns();
		say(urgent, "!\n");
		rest_ns = await_rest() - from_ns;
		series_value(rest, rest_ns);
		series_value(acts, rest_ns - slowing_ns);
		say(urgent, "~\n");
	}
	await_rest();
}

static void with_daemon(void)
{
	int fifo, urgent, status;
	char command[160];

	daemon_start();
	wait_ready();
	fifo = open_fifo("gcode");
	urgent = open_fifo("now");
	snprintf(command, sizeof(command),
		 "SET_KINEMATIC_POSITION X=100 Y=100 Z=10\nG90\nSET_VELOCITY_LIMIT VELOCITY=%g ACCEL=%g\n"
		 "G1 X101 F6000\n",
		 SPEED_MM_S, ACCEL_MM_S2);
	atomic_store(&mcu.step_ns, NONE);
	say(fifo, command);
	await(&mcu.step_ns);
	from_rest(fifo);
	holds(fifo, urgent);
	close(fifo);
	close(urgent);
	kill(daemon_pid, SIGTERM);
	waitpid(daemon_pid, &status, 0);
	daemon_pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail("stepd failed");
}

static void clean_up(void)
{
	struct dirent *entry;
	DIR *dir = opendir(folder);
	char path[400];

	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
	}
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(folder);
}

static void parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", 1, NULL, 'j' },     { "data", 1, NULL, 'd' }, { "count", 1, NULL, 'n' },
		{ "priority", 1, NULL, 'p' }, { "cpu", 1, NULL, 'c' },  { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j')
			opt.json = optarg;
		else if (c == 'd')
			opt.data = optarg;
		else if (c == 'n')
			opt.count = atol(optarg);
		else if (c == 'p')
			opt.priority = optarg;
		else if (c == 'c')
			opt.cpu = optarg;
		else
			exit(2);
	}
	if (opt.count < 1 || opt.count > SERIES_VALUES_MAX)
		fail("--count: expected 1 to 5000");
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(folder))
		fail("no folder in /dev/shm");
	atexit(clean_up);
	mcu_start();
	with_daemon();
	mcu_stop();
	if (series_results(&set, opt.json, opt.data) < 0)
		fail("the results cannot be written");
	return 0;
}
