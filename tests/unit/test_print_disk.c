/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_print_disk.c - what a print does with disks: reading ahead, jobs, values that are kept.
 *
 * Shown: the reader hands out what a file holds, line by line, with the offsets of the lines, whatever the sizes of
 * reads and buffer are, with a thread and without; one whose disk stalls in read() has no line, can be closed, and
 * goes on when the disk does; a read that fails is told. The file of values is the old one or the new one, wherever
 * the process that writes it is killed: a child is killed at each of its system calls, before and behind it.
 * Literals are what Python takes for one. How: files and pipes; ptrace. Repeat: STEPD_SEED=<printed seed>.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/gcode/literal.h"
#include "daemon/print/job.h"
#include "daemon/print/sdreader.h"
#include "daemon/print/variables.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* The next line, waited for. False: the end. */
static bool next(struct sdreader *r, struct linebuf_line *line)
{
	for (int i = 0; i < 10000; i++) {
		int error;

		if (sdreader_next(r, line))
			return true;
		if (sdreader_ended(r, &error)) {
			assert_int_equal(error, 0);
			return false;
		}
		nap();
	}
	fail_msg("no line and no end");
	return false;
}

/* ---- the reader ---- */

static void reads_all(void **state)
{
	uint64_t rng = simrun_seed(20261125);

	(void)state;
	for (int round = 0; round < 40; round++) {
		size_t len = (size_t)random_uniform(&rng, 0, 200000), at, start;
		const char *path = simrun_path("lines");
		char *text = malloc(len + 1);
		FILE *f = simrun_create(path);
		struct linebuf_line line;
		struct sdreader *r;
		int fd;

		assert_non_null(text);
		for (size_t i = 0; i < len; i++)
			text[i] = random_uniform(&rng, 0, 1) < 0.03 ? '\n' : 'x';
		assert_int_equal(fwrite(text, 1, len, f), len);
		fclose(f);
		start = len && round % 3 ? (size_t)random_uniform(&rng, 0, (double)len) : 0;
		fd = open(path, O_RDONLY);
		r = sdreader_open(fd, start, (size_t)random_uniform(&rng, 0, 60000), round % 2);
		assert_non_null(r);
		for (at = start; next(r, &line); at += line.len + 1) {
			assert_int_equal(sdreader_offset(r), at);
			assert_true(at + line.len <= len);
			assert_memory_equal(line.text, text + at, line.len);
			sdreader_done(r);
		}
		assert_true(at == len || at == len + 1);
		assert_int_equal(sdreader_offset(r), len);
		sdreader_close(r);
		free(text);
	}
}

static void stalls(void **state)
{
	struct linebuf_line line;
	struct sdreader *r;
	int ends[2], error;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	r = sdreader_open(ends[0], 0, 100000, true);
	assert_non_null(r);
	assert_int_equal(write(ends[1], "G1 X1\nG1 X2\nG1", 14), 14);
	for (int i = 0; i < 2; i++) {
		assert_true(next(r, &line));
		assert_int_equal(line.len, 5);
		sdreader_done(r);
	}
	for (int i = 0; i < 20; i++) { /* half a line is none */
		assert_false(sdreader_next(r, &line));
		assert_false(sdreader_ended(r, &error));
		nap();
	}
	assert_int_equal(write(ends[1], " X3\n", 4), 4);
	assert_true(next(r, &line));
	assert_memory_equal(line.text, "G1 X3", 5);
	/* The thread is in read() and stays there; closing doesn't wait for it. */
	sdreader_close(r);
	close(ends[1]);
	for (int i = 0; i < 20; i++)
		nap(); /* it ends, and frees what it had: LeakSanitizer looks */
}

static void read_fails(void **state)
{
	int fd = open("/proc/self/mem", O_RDONLY), error = 0;
	struct linebuf_line line;
	struct sdreader *r = sdreader_open(fd, 0, 0, false);

	(void)state;
	assert_non_null(r);
	assert_false(sdreader_next(r, &line));
	assert_true(sdreader_ended(r, &error));
	assert_int_equal(error, EIO);
	sdreader_close(r);
}

/* ---- jobs ---- */

struct work {
	int gate[2];
	int dropped[2];
};

static void wait_at_gate(void *arg)
{
	char byte;

	if (read(((struct work *)arg)->gate[0], &byte, 1) < 0)
		return;
}

static void tell_drop(void *arg)
{
	close(((struct work *)arg)->dropped[1]);
}

static void jobs(void **state)
{
	struct work w;
	struct job *j;
	char byte;

	(void)state;
	for (int drop = 0; drop < 2; drop++) {
		assert_int_equal(pipe(w.gate), 0);
		assert_int_equal(pipe(w.dropped), 0);
		j = job_start(wait_at_gate, tell_drop, &w, true);
		assert_non_null(j);
		nap();
		assert_false(job_done(j));
		if (drop)
			job_drop(j);
		close(w.gate[1]);
		if (drop) { /* the end of the pipe: it was dropped then */
			assert_int_equal(read(w.dropped[0], &byte, 1), 0);
		} else {
			for (int i = 0; i < 10000 && !job_done(j); i++)
				nap();
			assert_true(job_done(j));
			job_finish(j);
			close(w.dropped[1]);
		}
		close(w.gate[0]);
		close(w.dropped[0]);
	}
}

/* ---- values ---- */

static void load(struct variables *v, const char *path)
{
	char err[256] = "";

	*v = (struct variables){ .path = strdup(path) };
	if (!variables_load(v, err, sizeof(err)))
		fail_msg("%s", err);
}

#define OLD "[Variables]\na = 1\nb = 'old'\n"
#define NEW "[Variables]\na = 1\nb = 'new'\nc = [1, 2]\n"

/* Run variables_replace() in a child and kill it at its system call number n (entries and exits count). Returns
 * whether it came so far. */
static bool killed_at(const char *path, int n)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(variables_replace(path, NEW, strlen(NEW)) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	for (int i = 0; i < n; i++) {
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		assert_true(WIFSTOPPED(status));
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	return true;
}

static void killed_at_every_call(void **state)
{
	const char *path = simrun_path("values.cfg");
	int old = 0, new = 0;
	bool going = true;

	(void)state;
	for (int n = 0; going && n < 200; n++) {
		struct variables v;
		FILE *f = simrun_create(path);
		char *text;

		fputs(OLD, f);
		fclose(f);
		going = killed_at(path, n);
		text = simrun_read(path, NULL);
		assert_non_null(text);
		if (strcmp(text, OLD) == 0)
			old++;
		else if (strcmp(text, NEW) == 0)
			new ++;
		else
			fail_msg("killed at call %d: %s", n, text);
		free(text);
		load(&v, path);
		assert_string_equal(variables_find(&v, "a"), "1");
		variables_free(&v);
	}
	printf("killed at every call: %d times the old file, %d times the new one\n", old, new);
	assert_false(going);
	assert_true(old >= 10 && new >= 3);
}

static void bad_values(void **state)
{
	static const struct {
		const char *text, *want;
	} row[] = {
		{ "a = 1\n", "values.cfg:1: expected name = value, below [Variables]" },
		{ "[Variables]\na = 1\n[other]\n", ":3: expected [Variables] only" },
		{ "[Variables]\na\n", ":2: expected name = value" },
		{ "[Variables]\n\n# c\na = x\n", ":4: expected a number, a string in quotes" },
		{ "[Variables]\na b = 1\n", ":2: expected a name of letters" },
	};
	const char *path = simrun_path("values.cfg");

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct variables v = { .path = strdup(path) };
		char err[256] = "";
		FILE *f = simrun_create(path);

		fputs(row[i].text, f);
		fclose(f);
		if (variables_load(&v, err, sizeof(err)) || !strstr(err, row[i].want))
			fail_msg("%s: %s", row[i].text, err);
		variables_free(&v);
	}
}

static void no_room(void **state)
{
	const char *path = simrun_path("values.cfg");
	char *text;
	FILE *f = simrun_create(path);

	(void)state;
	fputs(OLD, f);
	fclose(f);
	assert_int_equal(variables_replace("/dev/full/x", NEW, strlen(NEW)), -ENOTDIR);
	assert_int_equal(variables_replace("/nowhere/x", NEW, strlen(NEW)), -ENOENT);
	text = simrun_read(path, NULL);
	assert_string_equal(text, OLD);
	free(text);
}

static void literals(void **state)
{
	static const char *const good[] = {
		"1",
		" -1.5e-3 ",
		"0x1F",
		"0b1_0",
		"00",
		"1_000",
		".5",
		"5.",
		"True",
		"None",
		"'it'",
		"\"it's\"",
		"'\\''",
		"[]",
		"[1, 2,]",
		"()",
		"(1,)",
		"{}",
		"{'a': 1, 'b': [2]}",
		"{1, 2}",
		"1, 2",
		"'a', 'b',",
		"[[[]]]",
		"--1",
		"{1: {2: (3,)}}",
	};
	static const char *const bad[] = {
		"",          "x",  "007", "1.2.3", "1__0",  "_1",        "'a",   "a'",
		"[1",        "1]", "[,]", "(,)",   "{1:}",  "{1: 2, 3}", "true", "Truex",
		"'a' 'b' x", "0x", "1e",  "+",     "'a\n'", "[1 2]",     "1,,2",
	};
	char deep[200];
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!literal_check(good[i], strlen(good[i]), &at))
			fail_msg("%s is refused at %zu", good[i], at);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (literal_check(bad[i], strlen(bad[i]), &at))
			fail_msg("%s is taken", bad[i]);
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	assert_false(literal_check(deep, sizeof(deep), &at));
	assert_true(literal_check(deep + 80, 40, &at));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all),
		cmocka_unit_test(stalls),
		cmocka_unit_test(read_fails),
		cmocka_unit_test(jobs),
		cmocka_unit_test(killed_at_every_call),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(no_room),
		cmocka_unit_test(literals),
	};

	return cmocka_run_group_tests(tests, NULL, simrun_teardown);
}
