// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/simlib/simrun.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include <fcntl.h>

enum { SHOWN_BYTES = 3000, FILES_MAX = 16, SIMRUN_EMULATOR_WORDS = 4, EMULATED_SLOWER = 20 };

static char folder[SIMRUN_PATH_MAX];
static struct simrun last_run;

static _Noreturn void give_up(const char *what, const char *which)
{
	fprintf(stderr, "the test cannot go on: %s %s\n", what, which);
	simrun_cleanup();
	exit(1);
}

static const char *build_dir(void)
{
	const char *dir = getenv("STEPD_BUILD");

	return dir ? dir : "build";
}

/* ---- files ---- */

const char *simrun_path(const char *name)
{
	static char path[FILES_MAX][SIMRUN_PATH_MAX + 256];
	size_t i = 0;

	if (!folder[0]) {
		snprintf(folder, sizeof(folder), "%s/tests/simXXXXXX", build_dir());
		if (!mkdtemp(folder))
			give_up("no folder", folder);
	}
	while (i < FILES_MAX && path[i][0] && strcmp(path[i] + strlen(folder) + 1, name) != 0)
		i++;
	if (i == FILES_MAX)
		give_up("too many files:", name);
	snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name);
	return path[i];
}

FILE *simrun_create(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		give_up("cannot write", path);
	return f;
}

long simrun_head(const char *from, const char *path, long lines_max)
{
	gzFile in = gzopen(from, "r");
	char line[8192];
	long n = 0;
	FILE *out;

	if (!in)
		return -1;
	out = simrun_create(path);
	while (n < lines_max && gzgets(in, line, sizeof(line))) {
		fputs(line, out);
		n += strchr(line, '\n') != NULL;
	}
	gzclose(in);
	if (fclose(out) != 0)
		give_up("cannot write", path);
	return n;
}

char *simrun_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	struct stat st;
	char *text;
	size_t n;

	if (!f)
		return NULL;
	if (fstat(fileno(f), &st) < 0 || !(text = malloc((size_t)st.st_size + 1)))
		give_up("cannot read", path);
	n = fread(text, 1, (size_t)st.st_size, f);
	text[n] = 0;
	fclose(f);
	if (len)
		*len = n;
	return text;
}

static void forget_last_run(void)
{
	json_object_put(last_run.json);
	free(last_run.out);
	free(last_run.err);
	memset(&last_run, 0, sizeof(last_run));
}

bool simrun_holds(const char *path, const char *text)
{
	char *file = simrun_read(path, NULL);
	bool found = file && strstr(file, text);

	free(file);
	return found;
}

void simrun_cleanup(void)
{
	char path[SIMRUN_PATH_MAX + 260];
	struct dirent *e;
	DIR *d;

	forget_last_run();
	if (!folder[0] || !(d = opendir(folder)))
		return;
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(folder);
	folder[0] = 0;
}

int simrun_teardown(void **state)
{
	(void)state;
	simrun_cleanup();
	return 0;
}

/* ---- running ---- */

static char *new_arg(struct simrun_args *a)
{
	if (a->count == SIMRUN_ARGS_MAX)
		give_up("too many arguments:", a->arg[0]);
	return a->arg[a->count++];
}

void simrun_add(struct simrun_args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(new_arg(a), SIMRUN_ARG_LEN, fmt, ap);
	va_end(ap);
}

void simrun_override(struct simrun_args *a, const char *fmt, ...)
{
	va_list ap;

	simrun_add(a, "-o");
	va_start(ap, fmt);
	vsnprintf(new_arg(a), SIMRUN_ARG_LEN, fmt, ap);
	va_end(ap);
}

static void child(const struct simrun_args *a, const char *out, const char *err, unsigned cpu_s)
{
	const char *argv[SIMRUN_ARGS_MAX + SIMRUN_EMULATOR_WORDS + 8];
	const char *emulator = getenv("STEPD_EMULATOR"); /* e.g. "qemu-aarch64 -L /sysroot" */
	char program[SIMRUN_PATH_MAX], words[SIMRUN_PATH_MAX];
	struct rlimit limit;
	size_t n = 0;

	if (emulator)
		cpu_s *= EMULATED_SLOWER;
	limit.rlim_cur = cpu_s;
	limit.rlim_max = cpu_s + 5;

	snprintf(program, sizeof(program), "%s/stepd", build_dir());
	snprintf(words, sizeof(words), "%s", emulator ? emulator : "");
	for (char *w = strtok(words, " "); w && n < SIMRUN_EMULATOR_WORDS; w = strtok(NULL, " "))
		argv[n++] = w;
	argv[n++] = program;
	argv[n++] = "batch";
	argv[n++] = "--json";
	argv[n++] = "--quiet";
	for (size_t i = 0; i < a->count; i++)
		argv[n++] = a->arg[i];
	argv[n] = NULL;
	setrlimit(RLIMIT_CPU, &limit);
	if (!freopen("/dev/null", "r", stdin) || !freopen(out, "w", stdout) ||
	    !freopen(err, "w", stderr))
		_exit(126);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

void simrun(struct simrun *r, const struct simrun_args *a, unsigned cpu_s)
{
	char out[SIMRUN_PATH_MAX + 256], err[SIMRUN_PATH_MAX + 256];
	double from_s = now_s();
	int status;
	pid_t pid;

	forget_last_run();
	memset(r, 0, sizeof(*r));
	snprintf(out, sizeof(out), "%s", simrun_path("stdout"));
	snprintf(err, sizeof(err), "%s", simrun_path("stderr"));
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child(a, out, err, cpu_s);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		give_up("no process for", "stepd batch");
	r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	r->wall_s = now_s() - from_s;
	r->out = simrun_read(out, NULL);
	r->err = simrun_read(err, NULL);
	if (!r->out || !r->err)
		give_up("no output of", "stepd batch");
	if (r->status == 127)
		give_up("not built:", "stepd");
	r->json = json_tokener_parse(r->out);
	last_run = *r;
}

/* ---- results ---- */

struct json_object *simrun_value(const struct simrun *r, const char *path)
{
	struct json_object *o = r->json;
	char key[128];

	while (o && *path) {
		size_t len = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		if (!json_object_is_type(o, json_type_object) ||
		    !json_object_object_get_ex(o, key, &o))
			return NULL;
		path += len + (path[len] == '.');
	}
	return o;
}

double simrun_number(const struct simrun *r, const char *path)
{
	struct json_object *o = simrun_value(r, path);

	return o ? json_object_get_double(o) : NAN;
}

bool simrun_exact(const struct simrun *r, const char *what, double tolerance_us)
{
	static const char *const zero[] = { "violations", "position_error_steps", "late",
					    "underruns",  "line_errors",          "stalls" };
	bool ok = r->status == 0;

	if (!ok)
		printf("%s: exit status %d\n", what, r->status);
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
		if (simrun_number(r, zero[i]) == 0)
			continue;
		printf("%s: %s %g, expected 0\n", what, zero[i], simrun_number(r, zero[i]));
		ok = false;
	}
	/* A microsecond's ten-millionth for the last bit of the division by the clock's rate. */
	if (!(simrun_number(r, "step_error_us.max") <= tolerance_us + 1e-7)) {
		printf("%s: step error %.4f us, expected at most %.4f\n", what,
		       simrun_number(r, "step_error_us.max"), tolerance_us);
		ok = false;
	}
	if (!(simrun_number(r, "steps_total") > 0)) {
		printf("%s: no steps\n", what);
		ok = false;
	}
	if (!ok)
		printf("%.*s%.*s\n", SHOWN_BYTES, r->err, SHOWN_BYTES, r->out);
	return ok;
}

/* ---- the environment ---- */

unsigned long simrun_seed(unsigned long def)
{
	const char *text = getenv("STEPD_SEED");
	unsigned long seed = text && *text ? strtoul(text, NULL, 0) : def;

	printf("seed %lu\n", seed);
	return seed;
}

unsigned simrun_size(void)
{
	const char *text = getenv("STEPD_TEST_SIZE");
	long n = text ? strtol(text, NULL, 10) : 1;

	return n < 1 ? 1 : (unsigned)n;
}

bool simrun_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#else
	return false;
#endif
}
