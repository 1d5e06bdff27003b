// SPDX-License-Identifier: GPL-2.0-or-later
/* test_flight_file.c - the flight recorder's file: made, mapped, kept, rotated.
 *
 * Shown: the file has all its room at once; what a killed process wrote is in it; one that was frozen or
 * left behind is put aside under a number of its own and never overwritten, at most so many of them, and a
 * row of crashes does not push out what a fault froze; one that ended in order is replaced. What is not a
 * flight record is not touched, one in use not shared, and no room is an error. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/dump/flight_log.h"
#include "daemon/flight_file.h"

static char dir[256], path[300], err[512];

static struct flight_file_config config(unsigned keep)
{
	return (struct flight_file_config){ .path = path, .mib = 0.0625, .keep = keep };
}

static void open_file(struct flight_file *f, unsigned keep)
{
	struct flight_file_config cfg = config(keep);

	if (flight_file_open(f, &cfg, err, sizeof(err)) < 0)
		fail_msg("%s", err);
}

static void put(struct flight_file *f, uint64_t tag)
{
	uint64_t payload[FLIGHT_PAYLOAD_WORDS] = { tag };

	flight_put(&f->flight, flight_tag(FLIGHT_MARK, 0, 0, (uint32_t)tag), payload, 1);
}

/* The tag of the newest record in PATH.n (0: PATH); 0: there is no such file. */
static uint32_t newest(int n)
{
	char name[320];
	struct flight_log log;
	uint32_t tag;

	snprintf(name, sizeof(name), n ? "%s.%d" : "%s", path, n);
	if (access(name, F_OK) < 0)
		return 0;
	if (flight_log_read(&log, name, NULL, err, sizeof(err)) < 0)
		fail_msg("%s: %s", name, err);
	assert_int_equal(log.torn + log.stale + log.cut, 0);
	assert_true(log.count > 0);
	tag = log.entry[log.count - 1].rec.id;
	flight_log_free(&log);
	return tag;
}

/* A process that writes count records and is killed; frozen: by a fault before that. */
static void killed_process(unsigned keep, uint32_t tag, bool freeze)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct flight_file_config cfg = config(keep);
		struct flight_file f;

		if (flight_file_open(&f, &cfg, err, sizeof(err)) < 0)
			_exit(1);
		for (int i = 0; i < 3000; i++)
			put(&f, tag);
		if (freeze)
			flight_freeze(&f.flight, FLIGHT_FROZEN_FAULT);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void survives_kill(void **state)
{
	struct flight_log log;
	struct stat st;
	bool live = true;

	(void)state;
	killed_process(3, 42, false);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, flight_bytes(FLIGHT_RECORDS_MIN));
	assert_int_equal(flight_log_read(&log, path, &live, err, sizeof(err)), 0);
	assert_int_equal(log.count, FLIGHT_RECORDS_MIN);
	assert_int_equal(log.written, 3000);
	assert_int_equal(log.entry[0].number, 3000 - FLIGHT_RECORDS_MIN + 1);
	assert_int_equal(log.entry[log.count - 1].number, 3000);
	assert_int_equal(log.torn + log.stale + log.cut, 0);
	assert_false(log.closed);
	assert_false(live);
	flight_log_free(&log);
}

static void ended_in_order_is_replaced(void **state)
{
	struct flight_file f;

	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		open_file(&f, 3);
		put(&f, i);
		flight_file_close(&f);
		assert_int_equal(newest(0), i);
		assert_int_equal(newest(1), 0);
	}
	open_file(&f, 3); /* nothing recorded: nothing left */
	flight_file_close(&f);
	assert_int_equal(newest(0), 0);
}

static void left_ones_are_kept(void **state)
{
	struct flight_file f;

	(void)state;
	for (uint32_t i = 1; i <= 5; i++)
		killed_process(3, i, false);
	/* 5 is still at its place; 2, 3, 4 are kept under the numbers they were given. */
	assert_int_equal(newest(0), 5);
	assert_int_equal(newest(1), 0);
	for (int i = 2; i <= 4; i++)
		assert_int_equal(newest(i), i);
	open_file(&f, 3);
	flight_file_close(&f);
	assert_int_equal(newest(2), 0);
	assert_int_equal(newest(5), 5);
}

static void frozen_is_kept_at_once(void **state)
{
	struct flight_file f;
	char name[320];

	(void)state;
	open_file(&f, 3);
	put(&f, 1);
	flight_freeze(&f.flight, FLIGHT_FROZEN_FAULT);
	snprintf(name, sizeof(name), "%s.1", path);
	assert_string_equal(flight_file_keep(&f), name);
	assert_string_equal(flight_file_keep(&f), name);
	put(&f, 2); /* its tail goes where it is now */
	flight_file_close(&f);
	assert_int_equal(newest(0), 0);
	assert_int_equal(newest(1), 2);
	open_file(&f, 3);
	put(&f, 3);
	flight_file_close(&f);
	assert_int_equal(newest(1), 2);
}

/* The fault has been dealt with: its record stays, and the next one begins beside it. */
static void recorded_on(void **state)
{
	struct flight_file f;
	char name[320];

	(void)state;
	open_file(&f, 3);
	put(&f, 1);
	assert_false(flight_file_go_on(&f)); /* nothing has been kept */
	for (uint32_t i = 1; i <= 2; i++) {
		flight_freeze(&f.flight, FLIGHT_FROZEN_FAULT);
		snprintf(name, sizeof(name), "%s.%u", path, i);
		assert_string_equal(flight_file_keep(&f), name);
		assert_true(flight_file_go_on(&f));
		flight_thaw(&f.flight);
		put(&f, i + 1);
		assert_int_equal(newest((int)i), i);
		assert_int_equal(newest(0), i + 1);
	}
	flight_file_close(&f);
	assert_int_equal(newest(1), 1);
	assert_int_equal(newest(2), 2);
}

/* A daemon that dies at every start, again and again, after the fault. */
static void crashes_do_not_push_out_faults(void **state)
{
	(void)state;
	killed_process(2, 10, true);
	for (uint32_t i = 0; i < 6; i++)
		killed_process(2, 20 + i, false);
	assert_int_equal(newest(1), 10);
	assert_int_equal(newest(0), 25);
	assert_int_equal(newest(6), 24);
	for (int i = 2; i < 6; i++)
		assert_int_equal(newest(i), 0);
	/* Of frozen ones alone, the oldest goes. */
	killed_process(2, 30, true);
	killed_process(2, 31, true);
	killed_process(2, 32, true);
	assert_int_equal(newest(1), 0);
}

static void fails(const char *what)
{
	struct flight_file_config cfg = config(3);
	struct flight_file f;

	if (flight_file_open(&f, &cfg, err, sizeof(err)) == 0 || !strstr(err, what) ||
	    !strstr(err, path))
		fail_msg("expected '%s': %s", what, err);
}

static void refusals(void **state)
{
	struct rlimit old, small = { 20000, 20000 };
	struct flight_file f;
	char target[320];
	FILE *text;

	(void)state;
	text = fopen(path, "w");
	assert_non_null(text);
	fputs("something else\n", text);
	fclose(text);
	fails("found something else");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	fails("directory");
	rmdir(path);
	snprintf(target, sizeof(target), "%s/target", dir);
	assert_int_equal(symlink(target, path), 0);
	fails("symbolic");
	unlink(path);
	open_file(&f, 3);
	put(&f, 1);
	fails("another process records there");
	flight_file_close(&f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fails("no room");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void standard_place(void **state)
{
	char place[512], fifo[300];

	(void)state;
	assert_true(flight_file_default("/dev/shm/x/gcode", place, sizeof(place)));
	assert_true(flight_file_default("/dev/shm/gcode", place, sizeof(place)));
	assert_string_equal(place, "/dev/shm/gcode.flight");
	assert_true(flight_file_default("/proc/self/gcode", place, sizeof(place)));
	assert_int_equal(strncmp(place, "/dev/shm/stepd-proc-", 20), 0);
	assert_null(strchr(place + 9, '/'));
	snprintf(fifo, sizeof(fifo), "%s/gcode", dir);
	assert_false(flight_file_default(fifo, place, 12));
}

static int set_up(void **state)
{
	const char *build = getenv("STEPD_BUILD");

	(void)state;
	snprintf(dir, sizeof(dir), "%s/test_flight_file.XXXXXX", build ? build : "build");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/record", dir);
	return 0;
}

static int tear_down(void **state)
{
	char command[512];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(survives_kill, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ended_in_order_is_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(left_ones_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frozen_is_kept_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(recorded_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(crashes_do_not_push_out_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(standard_place, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
