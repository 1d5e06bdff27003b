/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replies: an absent or slow reader never blocks, what is lost is counted where it was, errors are the
 * last to go, lines are never torn. Waits are bounded. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/reply.h"

static char dir[64], path[128], err[256], logged[64];
static struct reply r;
static unsigned log_count;

static void log_error(void *ctx, const char *text)
{
	(void)ctx;
	log_count++;
	snprintf(logged, sizeof(logged), "%s", text);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/stepd-reply-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/reply", dir);
	log_count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	reply_close(&r);
	unlink(path);
	return rmdir(dir);
}

static void open_reply(bool regular)
{
	struct reply_config cfg = {
		.path = path, .mode = 0640, .regular = regular, .log_error = log_error
	};

	if (reply_open(&r, &cfg, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

/* What a reader finds now, up to cap bytes. */
static size_t take(char *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	assert_true(fd >= 0);
	while (len < cap - 1 && (n = read(fd, buf + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	buf[len] = '\0';
	return len;
}

static void forms(void **state)
{
	char text[1024], longer[2000];
	struct stat st;

	(void)state;
	open_reply(false);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0640);
	reply_put(&r, REPLY_OK, "");
	reply_put(&r, REPLY_OK, "T:20");
	reply_put(&r, REPLY_RAW, "X:0\nY:0");
	reply_put(&r, REPLY_INFO, "hello");
	reply_put(&r, REPLY_ERROR, "bad");
	assert_int_equal(reply_poll_fd(&r), r.fd);
	reply_flush(&r);
	assert_int_equal(reply_poll_fd(&r), -1);
	take(text, sizeof(text));
	assert_string_equal(text, "ok\nok T:20\nX:0 Y:0\n// hello\n!! bad\n");
	assert_int_equal(log_count, 1);
	assert_string_equal(logged, "bad");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	reply_put(&r, REPLY_RAW, longer);
	reply_flush(&r);
	assert_int_equal(take(text, sizeof(text)), REPLY_LINE_MAX - 1);
	assert_string_equal(text + REPLY_LINE_MAX - 5, "...\n");
	reply_close(&r);
	assert_int_equal(stat(path, &st), -1);
}

/* Nobody reads: 200,000 replies take no time; the first 64 KiB and the last 256 arrive, the mark in
 * between counts exactly what is missing, and every error is there. */
static void absent_reader(void **state)
{
	enum { COUNT = 200000 };
	static char text[400000];
	struct timespec a, b;
	unsigned long long lost = 0, seen = 0, errors = 0, expect = 0, index;
	char *line, *save;

	(void)state;
	open_reply(false);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < COUNT; i++) {
		char one[32];

		snprintf(one, sizeof(one), "%d", i);
		reply_put(&r, i % 2000 == 1999 ? REPLY_ERROR : REPLY_INFO, one);
		if (i % 16 == 0)
			reply_flush(&r);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 5000);
	assert_true(r.lost > 0);
	for (int round = 0; round < 100 && reply_poll_fd(&r) >= 0; round++) {
		size_t len = strlen(text);

		take(text + len, sizeof(text) - len);
		reply_flush(&r);
	}
	take(text + strlen(text), sizeof(text) - strlen(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long here;

		if (sscanf(line, "// ... %llu replies lost", &here) == 1) {
			lost += here;
			expect += here;
			continue;
		}
		errors += line[0] == '!';
		assert_int_equal(sscanf(line + 3, "%llu", &index), 1);
		assert_int_equal(index, expect);
		expect++;
		seen++;
	}
	assert_int_equal(seen + lost, COUNT);
	assert_int_equal(lost, r.lost);
	assert_int_equal(errors, COUNT / 2000);
	assert_int_equal(log_count, COUNT / 2000);
}

/* Errors only, more than fit: the oldest go, and are counted. */
static void too_many_errors(void **state)
{
	int ends[2];
	struct reply_config cfg = { .log_error = log_error };
	static char text[300000];
	ssize_t n, len = 0;

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	memset(text, 'z', 4096);
	assert_int_equal(write(ends[1], text, 4096), 4096);
	reply_use_fd(&r, &cfg, ends[1]);
	for (int i = 0; i < 1000; i++)
		reply_put(&r, REPLY_ERROR, "e");
	reply_put(&r, REPLY_INFO, "one for which there is no room");
	assert_int_equal(read(ends[0], text, 4096), 4096);
	for (int i = 0; i < 10; i++) {
		reply_flush(&r);
		n = read(ends[0], text + len, sizeof(text) - (size_t)len - 1);
		len += n > 0 ? n : 0;
	}
	text[len] = '\0';
	print_message("lost %llu, %zd bytes\n", (unsigned long long)r.lost, len);
	assert_true(r.lost > 0 && r.lost < 1000);
	assert_non_null(strstr(text, "!! e\n// ... 1 replies lost\n"));
	reply_close(&r);
	close(ends[0]);
	close(ends[1]);
}

/* A reader that takes a few bytes at a time gets every line, in order. */
static void slow_reader(void **state)
{
	char buf[301], line[64];
	int fd, next = 0, put = 0;
	size_t held = 0;

	(void)state;
	open_reply(false);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int guard = 0; guard < 100000 && next < 3000; guard++) {
		ssize_t n;
		char *newline;

		for (int i = 0; i < 5 && put < 3000; i++) {
			snprintf(line, sizeof(line), "reply %d", put++);
			reply_put(&r, REPLY_RAW, line);
		}
		reply_flush(&r);
		n = read(fd, buf + held, sizeof(buf) - 1 - held);
		held += n > 0 ? (size_t)n : 0;
		buf[held] = '\0';
		while ((newline = strchr(buf, '\n'))) {
			*newline = '\0';
			snprintf(line, sizeof(line), "reply %d", next++);
			assert_string_equal(buf, line);
			held -= (size_t)(newline + 1 - buf);
			memmove(buf, newline + 1, held + 1);
		}
	}
	assert_int_equal(next, 3000);
	assert_int_equal(r.lost, 0);
	close(fd);
}

static void regular_file(void **state)
{
	char text[256];
	struct stat st;
	struct reply_config cfg = { .path = "/tmp" };

	(void)state;
	open_reply(true);
	reply_put(&r, REPLY_INFO, "one");
	reply_close(&r);
	open_reply(false); /* a file that exists is used as it is */
	reply_put(&r, REPLY_INFO, "two");
	reply_close(&r);
	assert_int_equal(stat(path, &st), 0);
	take(text, sizeof(text));
	assert_string_equal(text, "// one\n// two\n");
	assert_int_equal(reply_open(&r, &cfg, err, sizeof(err)), -EEXIST);
	assert_non_null(strstr(err, "/tmp: "));
	/* No path at all: only the log. */
	cfg = (struct reply_config){ .log_error = log_error };
	assert_int_equal(reply_open(&r, &cfg, err, sizeof(err)), 0);
	reply_put(&r, REPLY_ERROR, "to the log");
	assert_string_equal(logged, "to the log");
	assert_int_equal(reply_poll_fd(&r), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(forms, setup, teardown),
		cmocka_unit_test_setup_teardown(absent_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(regular_file, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
