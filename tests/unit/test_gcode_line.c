/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line numbers, checksums, acknowledgements, and the splitting of a stream into lines (linebuf and
 * gcode_file). Chunk sizes are random; repeat with STEPD_SEED=<printed seed>. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "daemon/gcode/gcode_file.h"
#include "daemon/gcode/gcode_line.h"
#include "gcode_stub.h"
#include "tests/simlib/random.h"

static struct gcode g;
static struct stub s;
static struct gcode_numbering n;

static int setup(void **state)
{
	(void)state;
	stub_init(&s, &g);
	gcode_numbering_init(&n, GCODE_ACK_NUMBERED);
	return 0;
}

static enum gcode_result feed(const char *text)
{
	stub_clear(&s);
	return gcode_feed(&g, &n, text, strlen(text), 50);
}

/* "N<number> <text>*<right checksum>" */
static enum gcode_result feed_n(unsigned number, const char *text)
{
	char line[256];
	unsigned sum = 0;
	int len = snprintf(line, sizeof(line), "N%u %s", number, text);

	for (int i = 0; i < len; i++)
		sum ^= (unsigned char)line[i];
	snprintf(line + len, sizeof(line) - (size_t)len, "*%u", sum);
	return feed(line);
}

static void sequence(void **state)
{
	(void)state;
	assert_int_equal(feed_n(1, "G1 X1"), GCODE_OK);
	assert_string_equal(s.replies, "ok\n");
	assert_string_equal(s.log, "move 1 0 0 0 F25;");
	assert_int_equal(feed_n(3, "G1 X3"), GCODE_ERROR);
	assert_string_equal(s.replies, "!! line 50 \"N3 G1 X3*96\": line number N3: expected N2\n"
				       "Resend: 2\nok\n");
	assert_string_equal(s.log, "");
	assert_int_equal(feed_n(2, "G1 X2"), GCODE_OK);
	assert_string_equal(s.replies, "ok\n");
	assert_int_equal(feed("N3 G1 X3*1"), GCODE_ERROR);
	assert_string_equal(s.replies, "!! line 50 \"N3 G1 X3*1\": checksum *1: expected *96\n"
				       "Resend: 3\nok\n");
	assert_int_equal(n.resends, 2);
	/* A line that came right but is wrong is not asked for again. */
	assert_int_equal(feed_n(3, "G1 Xq"), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "line 3 \"G1 Xq\""));
	assert_non_null(strstr(s.replies, "\nok\n"));
	assert_int_equal(n.next, 4);
	assert_int_equal(feed_n(4, "M117 a*b*1 ; c"), GCODE_OK);
	assert_string_equal(g.message, "a*b*1");
	/* M110 with the number as its own or as a parameter. */
	assert_int_equal(feed_n(100, "M110"), GCODE_OK);
	assert_int_equal(feed_n(101, "M115"), GCODE_OK);
	assert_int_equal(feed_n(0, "M110 N7"), GCODE_OK);
	assert_int_equal(feed_n(8, "G90"), GCODE_OK);
	assert_int_equal(feed("M110 N20"), GCODE_OK);
	assert_string_equal(s.replies, "");
	assert_int_equal(feed_n(21, "G90"), GCODE_OK);
	assert_int_equal(feed("n22g90*0\r\n"), GCODE_OK);
}

/* N without checksum is a label, as in CAM files: any order. */
static void labels(void **state)
{
	(void)state;
	assert_int_equal(feed("N10 G1 X1"), GCODE_OK);
	assert_string_equal(s.replies, "ok\n");
	assert_int_equal(feed("N5G1X2"), GCODE_OK);
	assert_string_equal(s.log, "move 2 0 0 0 F25;");
	assert_int_equal(feed("N5"), GCODE_OK);
	assert_int_equal(n.next, 1);
	assert_int_equal(feed("N G1"), GCODE_ERROR);
	assert_int_equal(feed("N99999999999 G1"), GCODE_ERROR);
}

static void acknowledgements(void **state)
{
	(void)state;
	assert_int_equal(feed("G1 X1"), GCODE_OK);
	assert_string_equal(s.replies, "");
	s.answer = -EAGAIN;
	assert_int_equal(feed_n(1, "G1 X2"), GCODE_AGAIN);
	assert_string_equal(s.replies, "");
	assert_int_equal(feed_n(1, "G1 X2"), GCODE_OK);
	s.answer = -EINPROGRESS;
	assert_int_equal(feed_n(2, "M400"), GCODE_WAIT);
	assert_string_equal(s.replies, "");
	assert_int_equal(feed_n(3, "G1 X5"), GCODE_AGAIN);
	gcode_resume(&g, NULL);
	assert_string_equal(s.replies, "ok\n");
	n.ack = GCODE_ACK_ALL;
	assert_int_equal(feed(""), GCODE_OK);
	assert_string_equal(s.replies, "ok\n");
	assert_int_equal(feed("G5"), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "\nok\n"));
	n.ack = GCODE_ACK_NONE;
	assert_int_equal(feed_n(3, "G1 X5"), GCODE_OK);
	assert_string_equal(s.replies, "");
}

/* Out of band: at any time, with or without N, and never a line that is cut or broken off. */
static void out_of_band(void **state)
{
	struct linebuf_line l = { .text = "N5 M114*34", .len = 10, .number = 9 };

	(void)state;
	s.answer = -EINPROGRESS;
	assert_int_equal(feed("M400"), GCODE_WAIT);
	stub_clear(&s);
	assert_int_equal(gcode_feed_now(&g, &l), GCODE_OK);
	assert_non_null(strstr(s.replies, "X:0.000"));
	l.text = "N5 M114*36";
	assert_int_equal(gcode_feed_now(&g, &l), GCODE_ERROR);
	assert_non_null(strstr(s.replies, "!! line 9 \"N5 M114*36\": checksum *36: expected *34"));
	l = (struct linebuf_line){ "M112", 4, 10, LINEBUF_FRAGMENT };
	assert_int_equal(gcode_feed_now(&g, &l), GCODE_ERROR);
	assert_null(strstr(s.log, "stop"));
	l.flags = 0;
	assert_int_equal(gcode_feed_now(&g, &l), GCODE_OK);
	assert_non_null(strstr(s.log, "stop M112"));
}

/* What a random stream must be split into, by a slow and plain method: each line's text. */
static void check_split(const char *data, size_t len, size_t line_max, uint64_t rng)
{
	char buf[64];
	struct linebuf b;
	struct linebuf_line l;
	size_t given = 0, at = 0;
	uint32_t number = 1;

	linebuf_init(&b, buf, sizeof(buf), line_max);
	for (int guard = 0; guard < 100000; guard++) {
		if (!linebuf_next(&b, &l)) {
			size_t room, want;
			char *space = linebuf_space(&b, &room);

			if (given == len) {
				linebuf_end(&b);
				if (!linebuf_next(&b, &l))
					break;
			} else {
				assert_true(room > 0);
				want = 1 + random_below(&rng, 40);
				want = want < room ? want : room;
				want = want < len - given ? want : len - given;
				memcpy(space, data + given, want);
				linebuf_added(&b, want);
				given += want;
				continue;
			}
		}
		const char *newline = memchr(data + at, '\n', len - at);
		size_t whole = (newline ? (size_t)(newline - data) : len) - at;
		size_t shown = whole < line_max ? whole : line_max;

		assert_int_equal(l.number, number++);
		assert_int_equal(l.len, shown);
		assert_memory_equal(l.text, data + at, shown);
		assert_int_equal(!!(l.flags & LINEBUF_TOO_LONG), whole > line_max);
		if (whole <= line_max)
			assert_int_equal(!!(l.flags & LINEBUF_FRAGMENT), !newline);
		at += whole + (newline != NULL);
		linebuf_done(&b);
	}
	assert_int_equal(at, len);
}

static void random_splits(void **state)
{
	const char *given = getenv("STEPD_SEED");
	uint64_t rng = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	char data[400];

	(void)state;
	print_message("seed %" PRIu64 "\n", rng);
	for (int round = 0; round < 20000; round++) {
		size_t len;

		len = random_below(&rng, sizeof(data));
		for (size_t i = 0; i < len; i++) {
			random_step(&rng);
			data[i] = (rng >> 33) % 18 ? (char)('a' + (rng >> 40) % 26) : '\n';
		}
		check_split(data, len, 1 + (size_t)(rng >> 50) % 40, rng);
	}
}

static void write_file(const char *path, bool gz, const char *text, size_t len)
{
	gzFile f = gzopen(path, gz ? "wb" : "wbT");

	assert_non_null(f);
	assert_int_equal(gzwrite(f, text, (unsigned)len), len);
	assert_int_equal(gzclose(f), Z_OK);
}

/* 3,000 moves, plain and gzip, the last without a newline; then the gzip file cut short. */
static void files(void **state)
{
	char path[] = "/tmp/stepd-test-XXXXXX", err[256];
	static char text[100000];
	size_t len = (size_t)snprintf(text, sizeof(text), "\xef\xbb\xbfG90\n");
	struct gcode_file f;
	struct linebuf_line l;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (int i = 1; i <= 3000; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "G1 X%d%s", i,
					i < 3000 ? "\r\n" : "");
	for (int gz = 0; gz < 2; gz++) {
		stub_init(&s, &g);
		s.quiet = true;
		write_file(path, gz, text, len);
		assert_int_equal(gcode_file_open(&f, path, err, sizeof(err)), 0);
		while (gcode_file_next(&f, &l)) {
			if (gcode_feed_line(&g, &n, &l) != GCODE_OK)
				fail_msg("%s", s.replies);
			gcode_file_done(&f);
		}
		assert_int_equal(f.error, 0);
		gcode_file_close(&f);
		assert_int_equal(s.moves, 3000);
		assert_int_equal(s.last.line, 3001);
	}
	assert_int_equal(truncate(path, 2000), 0);
	assert_int_equal(gcode_file_open(&f, path, err, sizeof(err)), 0);
	while (gcode_file_next(&f, &l))
		gcode_file_done(&f);
	assert_int_equal(f.error, EIO);
	assert_non_null(strstr(f.reason, "the gzip data ends too early"));
	gcode_file_close(&f);
	unlink(path);
	assert_int_equal(gcode_file_open(&f, path, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, path));
	assert_int_equal(gcode_file_open(&f, "/tmp", err, sizeof(err)), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sequence, setup),
		cmocka_unit_test_setup(labels, setup),
		cmocka_unit_test_setup(acknowledgements, setup),
		cmocka_unit_test_setup(out_of_band, setup),
		cmocka_unit_test_setup(random_splits, setup),
		cmocka_unit_test_setup(files, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
