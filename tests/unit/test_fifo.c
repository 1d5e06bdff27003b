/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FIFO with real writers, threads and processes. Every wait
 * is bounded: 10 s without progress fails. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/fifo.h"

static char dir[64], path[128], err[256];
static struct fifo f;
static unsigned stops, dropped;
static char signals[16];

static void on_emergency(void *ctx, uint32_t lines)
{
	(void)ctx;
	stops++;
	dropped = lines;
}

static void on_signal(void *ctx, char byte)
{
	size_t n = strlen(signals);

	(void)ctx;
	if (n + 1 < sizeof(signals))
		signals[n] = byte;
}

static int setup(void **state)
{
	struct fifo_config cfg = { .path = path, .mode = 0660, .emergency = on_emergency };

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/stepd-fifo-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/gcode", dir);
	stops = dropped = 0;
	memset(signals, 0, sizeof(signals));
	return fifo_open(&f, &cfg, err, sizeof(err));
}

static int teardown(void **state)
{
	(void)state;
	fifo_close(&f);
	return rmdir(dir); /* fails if the FIFO is still there */
}

/* Wait for input and read it once. False: nothing came in time. */
static bool pump(int timeout_ms)
{
	struct pollfd p = { fifo_poll_fd(&f), POLLIN, 0 };

	if (poll(&p, 1, timeout_ms) <= 0)
		return false;
	assert_true(fifo_read(&f) >= 0);
	return true;
}

static void expect_line(const char *text, uint32_t flags)
{
	struct linebuf_line l;

	for (int i = 0; i < 100 && !fifo_next(&f, &l); i++)
		pump(100);
	if (!fifo_next(&f, &l))
		fail_msg("\"%s\" did not come", text);
	assert_int_equal(l.len, strlen(text));
	assert_memory_equal(l.text, text, l.len);
	assert_int_equal(l.flags, flags);
	fifo_done(&f);
}

static void expect_nothing(void)
{
	struct linebuf_line l;

	while (pump(20))
		;
	assert_false(fifo_next(&f, &l));
}

static int writer(void)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void created_as_asked(void **state)
{
	struct stat st;
	struct fifo other;
	struct fifo_config cfg = { .path = path, .mode = 0600 };
	char plain[160];

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0660);
	/* In use: refused. Stale: replaced. */
	assert_int_equal(fifo_open(&other, &cfg, err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "another process reads this FIFO"));
	close(f.fd); /* as if the process had died */
	f.fd = -1;
	f.path[0] = '\0';
	assert_int_equal(fifo_open(&other, &cfg, err, sizeof(err)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fifo_close(&other);
	assert_int_equal(stat(path, &st), -1);
	/* Removed and made anew by somebody else: left alone. */
	assert_int_equal(fifo_open(&other, &cfg, err, sizeof(err)), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	fifo_close(&other);
	assert_int_equal(unlink(path), 0);
	/* A regular file is refused and stays. */
	snprintf(plain, sizeof(plain), "%s/plain", dir);
	close(open(plain, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	cfg.path = plain;
	assert_int_equal(fifo_open(&other, &cfg, err, sizeof(err)), -EEXIST);
	assert_non_null(strstr(err, "expected a FIFO or nothing"));
	assert_int_equal(unlink(plain), 0);
	cfg.path = "/tmp/no-such-directory-here/gcode";
	assert_int_equal(fifo_open(&other, &cfg, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "the directory does not exist"));
}

static void writers_come_and_go(void **state)
{
	struct pollfd p = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++) {
		int fd = writer();

		put(fd, "G1 X1\r\nG1 X2\n");
		close(fd);
		expect_line("G1 X1\r", 0);
		expect_line("G1 X2", 0);
		/* The hang-up is taken away by one more read: no spinning in poll. */
		pump(0);
		p.fd = fifo_poll_fd(&f);
		p.events = POLLIN;
		assert_int_equal(poll(&p, 1, 20), 0);
		assert_int_equal(p.revents, 0);
	}
	/* One that leaves without a word. */
	close(writer());
	expect_nothing();
	p.fd = fifo_poll_fd(&f);
	assert_int_equal(poll(&p, 1, 20), 0);
}

static void closed_in_mid_line(void **state)
{
	int fd = writer(), other;

	(void)state;
	put(fd, "G1 X1\nG1 X2");
	close(fd);
	expect_line("G1 X1", 0);
	expect_line("G1 X2", LINEBUF_FRAGMENT);
	/* Lines of the next writer stay apart from a fragment that nobody took yet. */
	fd = writer();
	put(fd, "G1 X3");
	close(fd);
	while (pump(20))
		;
	fd = writer();
	put(fd, "G1 X4\n");
	while (pump(20))
		;
	expect_line("G1 X3", LINEBUF_FRAGMENT);
	expect_line("G1 X4", 0);
	/* While another writer is there, a line may come in pieces. */
	other = writer();
	put(fd, "G1");
	expect_nothing();
	close(other);
	expect_nothing();
	put(fd, " X5\n");
	expect_line("G1 X5", 0);
	close(fd);
}

/* The path is taken away: at rest, while a writer has it open, twice while it has, and with something else in its place. */
static void removed(void **state)
{
	struct stat st;
	int fd, plain;

	(void)state;
	assert_int_equal(fifo_watch(&f, err, sizeof(err)), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fifo_watch(&f, err, sizeof(err)), 1);
	assert_non_null(strstr(err, "this FIFO was removed: made anew"));
	assert_int_equal(fifo_watch(&f, err, sizeof(err)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0660);
	fd = writer();
	put(fd, "G1 X1\n");
	expect_line("G1 X1", 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(unlink(path), 0);
		assert_int_equal(fifo_watch(&f, err, sizeof(err)), 1);
	}
	put(fd, "G1 X2\nG1"); /* into the first of them, whose name is gone */
	expect_line("G1 X2", 0);
	close(fd);
	expect_line("G1", LINEBUF_FRAGMENT);
	expect_nothing();
	fd = writer();
	put(fd, "G1 X3\n");
	close(fd);
	expect_line("G1 X3", 0);
	/* What was written too early has made a file. */
	assert_int_equal(unlink(path), 0);
	plain = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(fifo_watch(&f, err, sizeof(err)), -EEXIST);
	assert_non_null(strstr(err, "expected the FIFO that was made there, found something else"));
	assert_int_equal(fifo_watch(&f, err, sizeof(err)), 0);
	close(plain);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fifo_watch(&f, err, sizeof(err)), 1);
	fd = writer();
	put(fd, "G1 X4\n");
	close(fd);
	expect_line("G1 X4", 0);
}

static void out_of_band(void **state)
{
	static const char *const stop[] = {
		"M112\n",     "m112\r\n", "  M112 ; now\n", "N5 M112*35\n",
		"n7m112*1\n", "M0112\n",  "M112 (x)\n",     "M 112\n",
	};
	static const char *const other[] = { "M1120\n",  "M11\n",   "G1 M112\n", "M112.1\n",
					     "M112_A\n", ";M112\n", "M1 12\n" };
	int fd = writer();

	(void)state;
	for (size_t i = 0; i < sizeof(stop) / sizeof(*stop); i++) {
		stops = 0;
		put(fd, "G1 X1\nG1 X2\n");
		put(fd, stop[i]);
		put(fd, "G1 X3\n");
		while (pump(20))
			;
		if (stops != 1 || dropped != 2)
			fail_msg("\"%s\": stops %u dropped %u", stop[i], stops, dropped);
		expect_line("G1 X3", 0);
		expect_nothing();
	}
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
		char line[32];

		stops = 0;
		put(fd, other[i]);
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(other[i], "\n"), other[i]);
		expect_line(line, 0);
		assert_int_equal(stops, 0);
	}
	/* Byte by byte, twice in one go, and without a newline at the end. */
	for (const char *p = "G1 X1\nM112\n"; *p; p++) {
		char one[2] = { *p, 0 };

		put(fd, one);
		pump(1000);
	}
	assert_int_equal(stops, 1);
	put(fd, "M112\nG1 X1\nM112\nG1 X2\nM112");
	close(fd);
	while (pump(20))
		;
	assert_int_equal(stops, 4);
	expect_nothing();
	/* Line numbers go on counting. */
	fd = writer();
	put(fd, "G28\n");
	expect_line("G28", 0);
	close(fd);
}

static void signal_bytes(void **state)
{
	int fd;

	(void)state;
	fd = writer();
	put(fd, "!\n");
	expect_line("!", 0); /* nobody asked for them: text */
	f.cfg.signal_byte = on_signal;
	put(fd, "!~G1 X1\nG1!~\n  !");
	expect_line("  G1 X1", 0);
	expect_line("G1!~", 0);
	assert_string_equal(signals, "!~!");
	close(fd);
	expect_nothing(); /* that was no line that is cut short */
	fd = writer();
	put(fd, "~");
	close(fd);
	expect_nothing();
	assert_string_equal(signals, "!~!~");
	fd = writer();
	put(fd, "G2\n!");
	expect_line("G2", 0);
	close(fd);
	expect_nothing();
}

enum { FLOOD_LINES = 40000, FLOOD_WRITERS = 3 };

static void *flood(void *arg)
{
	int fd = writer();
	char line[64];

	for (int i = 0; i < FLOOD_LINES; i++) {
		int len = snprintf(line, sizeof(line), "W%d I%d\n", *(int *)arg, i);

		if (write(fd, line, (size_t)len) != len)
			break;
	}
	close(fd);
	return NULL;
}

/* Three writers at once, a reader that takes lines much later than they are read: 120,000 lines, all
 * there, whole, each writer's in order; the buffer fills and pushes back. */
static void flooded(void **state)
{
	pthread_t thread[FLOOD_WRITERS];
	int id[FLOOD_WRITERS], next[FLOOD_WRITERS] = { 0 }, who, index, total = 0, idle = 0;
	bool was_full = false;
	struct linebuf_line l;
	char line[64];

	(void)state;
	for (int i = 0; i < FLOOD_WRITERS; i++) {
		id[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, flood, &id[i]), 0);
	}
	while (total < FLOOD_WRITERS * FLOOD_LINES && idle < 100) {
		idle = pump(100) ? 0 : idle + 1;
		was_full |= fifo_poll_fd(&f) < 0;
		if (fifo_poll_fd(&f) >= 0 && idle == 0)
			continue; /* let it fill up */
		while (fifo_next(&f, &l)) {
			snprintf(line, sizeof(line), "%.*s", (int)l.len, l.text);
			assert_int_equal(sscanf(line, "W%d I%d", &who, &index), 2);
			assert_in_range(who, 0, FLOOD_WRITERS - 1);
			assert_int_equal(index, next[who]);
			next[who]++;
			total++;
			fifo_done(&f);
		}
	}
	assert_int_equal(total, FLOOD_WRITERS * FLOOD_LINES);
	assert_true(was_full);
	for (int i = 0; i < FLOOD_WRITERS; i++)
		pthread_join(thread[i], NULL);
}

/* M112 is acted on while the planner takes nothing and the buffer is nearly full. */
static void stop_behind_a_queue(void **state)
{
	int fd = writer();
	struct linebuf_line l;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		put(fd, "G1 X100\n");
		if (i % 1000 == 0)
			pump(0);
	}
	put(fd, "M112\n");
	assert_true(fifo_next(&f, &l)); /* handed out and not done */
	for (int i = 0; i < 100 && !stops; i++)
		pump(100);
	assert_int_equal(stops, 1);
	assert_int_equal(dropped, 20000);
	expect_nothing();
	put(fd, "G28\n");
	expect_line("G28", 0);
	close(fd);
}

static void long_lines(void **state)
{
	static char text[9000];
	int fd = writer();
	struct linebuf_line l;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	put(fd, "y\nG28\n");
	for (int i = 0; i < 10 && !fifo_next(&f, &l); i++)
		pump(100);
	assert_true(fifo_next(&f, &l));
	assert_int_equal(l.flags, LINEBUF_TOO_LONG);
	assert_int_equal(l.len, 4096);
	assert_int_equal(l.number, 1);
	fifo_done(&f);
	expect_line("G28", 0);
	close(fd);
}

/* A process that is killed in mid-line. */
static void killed_writer(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(path, O_WRONLY);

		if (write(fd, "G1 X1\nG1 X", 10) == 10)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	expect_line("G1 X1", 0);
	expect_line("G1 X", LINEBUF_FRAGMENT);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(created_as_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(writers_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(closed_in_mid_line, setup, teardown),
		cmocka_unit_test_setup_teardown(removed, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_band, setup, teardown),
		cmocka_unit_test_setup_teardown(signal_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(flooded, setup, teardown),
		cmocka_unit_test_setup_teardown(stop_behind_a_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(long_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_writer, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
