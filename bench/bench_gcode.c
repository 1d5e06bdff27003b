/* SPDX-License-Identifier: GPL-2.0-or-later */
/* G-code text to move() calls: ns a line, by layer, with percentiles over passes.
 *
 * Usage: bench_gcode [FILE...]. Without files: a generated one (100,000 lines like a sliced print) and
 * what is found in ../shared/gcode. Each file is held in memory; a pass runs all its lines. */
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/gcode/gcode_file.h"
#include "daemon/gcode/gcode_line.h"
#include "daemon/gcode/gcode_parse.h"

enum { PASSES = 41, GENERATED = 100000 };

struct text {
	char *bytes;
	size_t len, cap;
	unsigned lines;
};

static double sum; /* keeps the compiler from dropping the work */
static unsigned long errors;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* other jobs on the machine must not count */
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void add(struct text *t, const char *line, size_t len)
{
	if (t->len + len + 1 > t->cap) {
		t->cap = (t->len + len + 1) * 2;
		t->bytes = realloc(t->bytes, t->cap);
		if (!t->bytes)
			exit(1);
	}
	memcpy(t->bytes + t->len, line, len);
	t->len += len;
	t->bytes[t->len++] = '\n';
	t->lines++;
}

static void generate(struct text *t)
{
	uint32_t r = 1;
	char line[80];

	for (int i = 0; i < GENERATED; i++) {
		int len;

		r = r * 1664525u + 1013904223u;
		len = i % 20 ? snprintf(line, sizeof(line), "G1 X%u.%03u Y%u.%03u E.%05u",
					100 + (r >> 25), (r >> 8) % 1000, 100 + (r >> 26),
					(r >> 4) % 1000, (r >> 12) % 100000)
			     : snprintf(line, sizeof(line), "M204 S%u", 500 + (r >> 20));
		add(t, line, (size_t)len);
	}
}

static bool load(struct text *t, const char *path)
{
	struct gcode_file f;
	struct linebuf_line l;
	char err[256];

	if (gcode_file_open(&f, path, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return false;
	}
	while (gcode_file_next(&f, &l)) {
		add(t, l.text, l.len);
		gcode_file_done(&f);
	}
	gcode_file_close(&f);
	return f.error == 0;
}

static int move(void *ctx, const struct gcode_target *t, char *err)
{
	(void)ctx;
	(void)err;
	sum += t->position_mm[0] + t->feed_mm_s;
	return 0;
}

static int set_limits(void *ctx, const struct gcode_limits *l, char *err)
{
	(void)ctx;
	(void)err;
	sum += l->accel_mm_s2;
	return 0;
}

static void reply(void *ctx, enum reply_kind kind, const char *text)
{
	(void)ctx;
	errors += kind == REPLY_ERROR && text[0] != '\0';
}

static void parse_pass(const struct text *t)
{
	struct gcode_line l;
	char err[GCODE_ERR_MAX];

	for (size_t at = 0; at < t->len;) {
		const char *line = t->bytes + at;
		size_t len = (size_t)((char *)memchr(line, '\n', t->len - at) - line);

		if (gcode_parse(line, len, &l, err, sizeof(err)))
			sum += l.mask;
		at += len + 1;
	}
}

static void exec_pass(const struct text *t)
{
	static const struct gcode_ops ops = { .move = move,
					      .set_limits = set_limits,
					      .reply = reply };
	static struct gcode g;
	static char buf[256 * 1024];
	struct gcode_numbering n;
	struct linebuf b;
	struct linebuf_line l;
	size_t at = 0, room;

	gcode_init(&g, &ops, NULL);
	gcode_numbering_init(&n, GCODE_ACK_NONE);
	linebuf_init(&b, buf, sizeof(buf), GCODE_LINE_MAX);
	while (at < t->len) {
		char *space = linebuf_space(&b, &room);

		if (room > t->len - at)
			room = t->len - at;
		memcpy(space, t->bytes + at, room);
		linebuf_added(&b, room);
		at += room;
		while (linebuf_next(&b, &l)) {
			gcode_feed_line(&g, &n, &l);
			linebuf_done(&b);
		}
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, const char *what, const struct text *t,
		    void (*pass)(const struct text *))
{
	double ns[PASSES];

	pass(t);
	for (int i = 0; i < PASSES; i++) {
		int64_t start = now_ns();

		pass(t);
		ns[i] = (double)(now_ns() - start) / t->lines;
	}
	qsort(ns, PASSES, sizeof(*ns), by_value);
	printf("%-24.24s %-28s %8u %8.1f %8.1f %8.1f %8.1f %10.2f\n", name, what, t->lines, ns[0],
	       ns[PASSES / 2], ns[PASSES * 9 / 10], ns[PASSES - 1], 1e3 / ns[PASSES / 2]);
}

static void report(const char *name, const struct text *t)
{
	measure(name, "parse", t, parse_pass);
	measure(name, "split+number+parse+interpret", t, exec_pass);
}

int main(int argc, char **argv)
{
	struct text t = { 0 };
	glob_t found = { 0 };

	printf("%-24s %-28s %8s %8s %8s %8s %8s %10s\n", "file", "ns per line", "lines", "min",
	       "p50", "p90", "max", "Mlines/s");
	generate(&t);
	if (argc < 2)
		report("generated", &t);
	if (argc < 2)
		glob("../shared/gcode/*.gcode*", 0, NULL, &found);
	for (size_t i = 0; i < (argc < 2 ? found.gl_pathc : (size_t)argc - 1); i++) {
		const char *path = argc < 2 ? found.gl_pathv[i] : argv[i + 1];
		const char *slash = strrchr(path, '/');

		t.len = 0;
		t.lines = 0;
		if (!load(&t, path))
			return 1;
		report(slash ? slash + 1 : path, &t);
	}
	printf("error replies: %lu (checksum %g)\n", errors, sum);
	free(t.bytes);
	globfree(&found);
	return 0;
}
