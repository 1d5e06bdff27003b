// SPDX-License-Identifier: GPL-2.0-or-later
/* sdreader.c - a file's lines taken while a thread reads them: all of them, in order, each whole; and readers that are
 * closed in the middle, with their thread at whatever it is.
 *
 * Line i of the file is the number i and a tail whose length and letter follow from it. A reader that gets nothing for
 * 20 s fails the test. Meant for ThreadSanitizer: make stress. Repeat: STEPD_SEED=<printed seed>. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/print/sdreader.h"
#include "tests/simlib/random.h"
#include "tests/simlib/simrun.h"

enum { LINES = 100000, CLOSED = 300, TRIES = 20000 };

static size_t make_line(char *line, unsigned i)
{
	size_t n = (size_t)sprintf(line, "%u ", i), tail = i * 7 % 61;

	memset(line + n, 'a' + (int)(i % 26), tail);
	return n + tail;
}

static const char *make_file(uint64_t *size)
{
	const char *path = simrun_path("stress");
	char line[128];
	FILE *f = simrun_create(path);

	for (unsigned i = 0; i < LINES; i++) {
		size_t n = make_line(line, i);

		line[n++] = '\n';
		if (fwrite(line, 1, n, f) != n)
			return NULL;
		*size += n;
	}
	return fclose(f) == 0 ? path : NULL;
}

static struct sdreader *open_reader(const char *path, uint64_t *rng)
{
	int fd = open(path, O_RDONLY);

	return fd < 0 ? NULL : sdreader_open(fd, 0, (size_t)random_uniform(rng, 0, 200000), true);
}

/* Take lines until count of them have come or the end. Returns how many did, -1: a wrong one or none for long. */
static int take(struct sdreader *r, int count)
{
	struct linebuf_line line;
	char want[128];
	int taken = 0, error;

	for (int tries = 0; taken < count && tries < TRIES; tries++) {
		if (sdreader_next(r, &line)) {
			size_t n = make_line(want, (unsigned)taken);

			if (line.len != n || memcmp(line.text, want, n) != 0)
				return -1;
			sdreader_done(r);
			taken++;
			tries = 0;
			continue;
		}
		if (sdreader_ended(r, &error))
			return error ? -1 : taken;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return taken == count ? taken : -1;
}

int main(void)
{
	uint64_t rng = simrun_seed(20261125), size = 0;
	const char *path = make_file(&size);
	struct sdreader *r = path ? open_reader(path, &rng) : NULL;
	int taken, bad = 0;

	if (!r)
		return 1;
	taken = take(r, LINES + 1);
	bad += taken != LINES || sdreader_offset(r) != size;
	sdreader_close(r);
	printf("%d of %d lines, %llu bytes\n", taken, LINES, (unsigned long long)size);
	for (int i = 0; i < CLOSED; i++) {
		int some = (int)random_uniform(&rng, 0, 300);

		r = open_reader(path, &rng);
		if (!r)
			return 1;
		bad += take(r, some) != some;
		sdreader_close(r);
	}
	printf("%d readers closed on the way, %d wrong\n", CLOSED, bad);
	simrun_cleanup();
	return bad != 0;
}
