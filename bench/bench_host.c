/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole host path: G-code text in, wire bytes out (`stepd batch --no-mcu`), and a FIFO's lines.
 *
 * Usage: bench_host [FILE...]. Without files: ../shared/gcode/benchy_fast.gcode.gz if it is there, and
 * the project's own demo file. Each case runs RUNS times in a process of its own; CPU time is the
 * process', so other jobs count little. The column "ref" is the reference host's CPU time for the
 * same case, where there is one (another machine: see the ratio to the bare arithmetic that
 * bench_motion prints for what this machine is worth). "+rec": with the flight recorder. "+mzv+pa": with
 * input shapers MZV at 50.6 and 41.8 Hz and a pressure advance of 0.04 s smoothed over 0.04 s; "+lim": the file
 * has a SET_VELOCITY_LIMIT before every second move, with SQUARE_CORNER_VELOCITY 5, 7, 9, 15, 20 in turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "daemon/fifo.h"
#include "daemon/gcode/gcode_line.h"

enum { RUNS = 5, OUT_MAX = 1 << 16, FIFO_PASSES = 5, FIFO_LIMIT_MS = 20000 };

static const char *const micro128[] = {
	"-o", "stepper_x.microsteps=128", "-o", "stepper_y.microsteps=128",
	"-o", "stepper_z.microsteps=128", "-o", "extruder.microsteps=128",
};

static const char *const smooth[] = {
	"-o", "input_shaper.shaper_type=mzv",
	"-o", "input_shaper.shaper_freq_x=50.6",
	"-o", "input_shaper.shaper_freq_y=41.8",
	"-o", "extruder.pressure_advance=0.04",
	"-o", "extruder.pressure_advance_smooth_time=0.04",
};

struct host_case {
	const char *config, *name;
	int microsteps;
	double reference_s; /* of benchy_fast; 0: none */
	bool recorder;      /* with the flight recorder */
	bool smooth;        /* shaped, with pressure advance */
	bool limits;        /* changed before every second move */
};

static const struct host_case cases[] = {
	{ "etc/sim-cartesian.cfg", "cartesian", 16, 3.27, false, false, false },
	{ "etc/sim-cartesian.cfg", "cartesian", 128, 6.96, false, false, false },
	{ "etc/sim-corexy.cfg", "corexy", 16, 0, false, false, false },
	{ "etc/sim-corexy.cfg", "corexy+rec", 16, 0, true, false, false },
	{ "etc/sim-corexy.cfg", "corexy", 128, 0, false, false, false },
	{ "etc/sim-corexy.cfg", "corexy+rec", 128, 0, true, false, false },
	{ "etc/sim-corexy.cfg", "corexy+mzv+pa", 16, 5.36, false, true, false },
	{ "etc/sim-corexy.cfg", "corexy+mzv+pa+lim", 16, 0, false, true, true },
	{ "etc/sim-corexy.cfg", "corexy+mzv+pa", 128, 16.5, false, true, false },
	{ "etc/sim-corexy.cfg", "corexy+mzv+pa+lim", 128, 0, false, true, true },
};

struct figures {
	double cpu_s, print_s, rss_kib, steps, commands, bytes;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double field(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) ? json_object_get_double(v) : 0;
}

/* Run stepd batch once and read its JSON. */
static bool run_once(const char *stepd, const struct host_case *c, const char *file,
		     struct figures *out)
{
	const char *argv[32] = { stepd, "batch", "--no-mcu", "--json", "--quiet", "-c", c->config };
	static char text[OUT_MAX];
	size_t have = 0;
	struct json_object *json;
	int pipes[2], status, n = 7;
	char flight[64];
	pid_t pid;

	snprintf(flight, sizeof(flight), "/dev/shm/stepd-bench-%d.flight", (int)getpid());
	if (c->recorder) {
		argv[n++] = "--flight";
		argv[n++] = flight;
	}

	for (size_t i = 0; c->microsteps == 128 && i < sizeof(micro128) / sizeof(micro128[0]); i++)
		argv[n++] = micro128[i];
	for (size_t i = 0; c->smooth && i < sizeof(smooth) / sizeof(smooth[0]); i++)
		argv[n++] = smooth[i];
	argv[n++] = file;
	argv[n] = NULL;
	if (pipe(pipes) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[0]);
		execv(stepd, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pipes[1]);
	for (ssize_t got; have < sizeof(text) - 1 &&
			  (got = read(pipes[0], text + have, sizeof(text) - 1 - have)) > 0;)
		have += (size_t)got;
	close(pipes[0]);
	unlink(flight);
	text[have] = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return false;
	json = json_tokener_parse(text);
	if (!json)
		return false;
	out->cpu_s = field(json, "cpu_s");
	out->print_s = field(json, "print_time_s");
	out->rss_kib = field(json, "peak_rss_kib");
	out->steps = field(json, "steps_total");
	out->commands = field(json, "commands");
	out->bytes = field(json, "bytes");
	json_object_put(json);
	return true;
}

/* The file with other limits before every second move. */
static bool write_limits(const char *file, const char *to)
{
	static const int corner_mm_s[] = { 5, 7, 9, 15, 20 };
	gzFile in = gzopen(file, "rb");
	FILE *out = fopen(to, "w");
	char line[4096];
	int moves_n = 0;
	bool ok = in && out;

	while (ok && gzgets(in, line, sizeof(line))) {
		bool move = !strncmp(line, "G1 ", 3) || !strncmp(line, "G0 ", 3);

		if (move && moves_n++ % 2)
			fprintf(out, "SET_VELOCITY_LIMIT SQUARE_CORNER_VELOCITY=%d\n",
				corner_mm_s[moves_n / 2 % 5]);
		ok = fputs(line, out) >= 0;
	}
	if (in)
		gzclose(in);
	return (!out || fclose(out) == 0) && ok;
}

static bool bench_case(const char *stepd, const struct host_case *c, const char *file)
{
	double cpu_s[RUNS];
	struct figures f = { 0 };
	bool benchy = strstr(file, "benchy_fast") != NULL, ok = true;
	char limits[64];

	snprintf(limits, sizeof(limits), "/dev/shm/stepd-bench-%d.gcode", (int)getpid());
	if (c->limits)
		ok = write_limits(file, limits);
	for (int i = 0; i < RUNS && ok; i++) {
		ok = run_once(stepd, c, c->limits ? limits : file, &f);
		cpu_s[i] = f.cpu_s;
	}
	if (c->limits)
		unlink(limits);
	if (!ok) {
		printf("%s %s: stepd batch failed\n", c->name, file);
		return false;
	}
	qsort(cpu_s, RUNS, sizeof(cpu_s[0]), by_value);
	printf("%-17s %4d  %6.3f %6.3f %6.3f", c->name, c->microsteps, cpu_s[RUNS / 2],
	       cpu_s[RUNS - 1], cpu_s[0]);
	if (benchy && c->reference_s > 0)
		printf("  %5.2f %5.1f x", c->reference_s, c->reference_s / cpu_s[RUNS / 2]);
	else
		printf("      -       -");
	printf("  %8.0f  %7.1f  %6.1f  %7.2f  %6.1f  %s\n", f.print_s / cpu_s[RUNS / 2],
	       cpu_s[RUNS / 2] * 1e9 / f.steps, 1000 * f.commands / f.steps,
	       1000 * f.bytes / f.steps / 1000, f.rss_kib / 1024,
	       strrchr(file, '/') ? strrchr(file, '/') + 1 : file);
	return true;
}

/* ---- lines through a FIFO ---- */

static uint64_t moves;

static int count_move(void *ctx, const struct gcode_target *t, char *err)
{
	(void)ctx, (void)t, (void)err;
	moves++;
	return 0;
}

static void no_reply(void *ctx, enum reply_kind kind, const char *text)
{
	(void)ctx, (void)kind, (void)text;
}

/* A child writes the text passes times; returns its pid. */
static pid_t start_writer(const char *path, int lines)
{
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	fd = open(path, O_WRONLY);
	for (int i = 0; fd >= 0 && i < lines; i += 64) {
		char buf[64 * 48];
		int n = 0;

		for (int k = 0; k < 64; k++)
			n += snprintf(buf + n, sizeof(buf) - (size_t)n,
				      "G1 X%d.%03d Y%d.%03d E.%05d\n", 100 + k, i % 1000,
				      120 + k % 7, k * 13, 2000 + k);
		for (int at = 0; at < n;) {
			ssize_t w = write(fd, buf + at, (size_t)(n - at));

			if (w <= 0)
				_exit(1);
			at += (int)w;
		}
	}
	_exit(0);
}

static bool fifo_pass(const char *path, double *lines_s)
{
	enum { LINES = 256000 };
	struct gcode_ops ops = { .move = count_move, .reply = no_reply };
	struct fifo_config fc = { .path = path, .mode = 0600 };
	static struct fifo fifo;
	static struct gcode gcode;
	struct gcode_numbering numbering;
	struct linebuf_line line;
	struct timespec from, to;
	char err[256];
	pid_t pid;

	if (fifo_open(&fifo, &fc, err, sizeof(err)) < 0) {
		printf("FIFO: %s\n", err);
		return false;
	}
	gcode_init(&gcode, &ops, NULL);
	gcode_numbering_init(&numbering, GCODE_ACK_NONE);
	moves = 0;
	pid = start_writer(path, LINES);
	clock_gettime(CLOCK_MONOTONIC, &from);
	while (moves < LINES) {
		struct pollfd p = { .fd = fifo_poll_fd(&fifo), .events = POLLIN };

		if (poll(&p, 1, FIFO_LIMIT_MS) <= 0)
			break;
		fifo_read(&fifo);
		while (fifo_next(&fifo, &line)) {
			gcode_feed_line(&gcode, &numbering, &line);
			fifo_done(&fifo);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fifo_close(&fifo);
	*lines_s = (double)moves /
		   ((double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9);
	return moves == LINES;
}

static bool bench_fifo(void)
{
	char path[64];
	double lines_s[FIFO_PASSES];

	snprintf(path, sizeof(path), "/tmp/stepd-bench-fifo-%d", (int)getpid());
	for (int i = 0; i < FIFO_PASSES; i++)
		if (!fifo_pass(path, &lines_s[i]))
			return false;
	qsort(lines_s, FIFO_PASSES, sizeof(lines_s[0]), by_value);
	printf("\nFIFO to planner, a writer in a process of its own (wall time): %.2f M lines/s "
	       "(worst of %d passes %.2f)\n",
	       lines_s[FIFO_PASSES / 2] * 1e-6, FIFO_PASSES, lines_s[0] * 1e-6);
	return true;
}

int main(int argc, char **argv)
{
	const char *standard[] = { "../shared/gcode/benchy_fast.gcode.gz", "etc/demo/demo.gcode" };
	const char *build = getenv("STEPD_BUILD");
	char stepd[512];
	bool ok = true;

	snprintf(stepd, sizeof(stepd), "%s/stepd", build ? build : "build");
	if (access(stepd, X_OK) < 0) {
		printf("there is no %s; set STEPD_BUILD\n", stepd);
		return 1;
	}
	printf("kinematics        micr   CPU s    max    min    ref   faster   x real  ns/step  cmd/1k   B/step"
	       "     MiB\n");
	for (int i = 0; i < (argc > 1 ? argc - 1 : 2); i++) {
		const char *file = argc > 1 ? argv[1 + i] : standard[i];

		if (access(file, R_OK) < 0) {
			printf("skipped: %s is not there\n", file);
			continue;
		}
		for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
			ok = bench_case(stepd, &cases[k], file) && ok;
	}
	return bench_fifo() && ok ? 0 : 1;
}
