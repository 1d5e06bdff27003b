// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/print/sdreader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/gcode/gcode.h"
#include "daemon/print/job.h"

enum {
	CHUNK_BYTES = 16 * 1024,          /* of one read */
	LINES_BYTES = 4 * GCODE_LINE_MAX, /* the planner's part of the buffer */
};

struct sdreader {
	int fd;
	uint64_t read_at; /* the reader's: offset of the next read */
	struct job *job;  /* NULL: no thread */
	/* the planner's */
	struct linebuf lines;
	char *line_storage;
	uint64_t added;  /* offset behind all that the lines were given */
	bool first;      /* no line has been taken from the beginning of the file */
	bool end_marked; /* the lines know of the end */
	/* what both have */
	pthread_mutex_t lock;
	pthread_cond_t room; /* something was taken, or it is to end */
	char *ring;
	size_t size, head, used; /* under lock: head: next to be taken */
	int error;               /* likewise; of the read that failed */
	bool ended, quit;
};

static void release(void *arg)
{
	struct sdreader *r = arg;

	close(r->fd);
	pthread_cond_destroy(&r->room);
	pthread_mutex_destroy(&r->lock);
	free(r->ring);
	free(r->line_storage);
	free(r);
}

/* n bytes (0: the end, below: -errno) behind those that wait; there is room for them. */
static void put(struct sdreader *r, const char *bytes, ssize_t n)
{
	size_t at = (r->head + r->used) % r->size, part;

	if (n <= 0) {
		r->ended = true;
		r->error = n < 0 ? (int)-n : 0;
		return;
	}
	part = r->size - at < (size_t)n ? r->size - at : (size_t)n;
	memcpy(r->ring + at, bytes, part);
	memcpy(r->ring, bytes + part, (size_t)n - part);
	r->used += (size_t)n;
}

static ssize_t read_chunk(struct sdreader *r, char *bytes)
{
	ssize_t n;

	do {
		n = pread(r->fd, bytes, CHUNK_BYTES, (off_t)r->read_at);
		if (n < 0 && errno == ESPIPE)
			n = read(r->fd, bytes, CHUNK_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->read_at += (uint64_t)n;
	return n;
}

/* The reader's thread. */
static void read_ahead(void *arg)
{
	struct sdreader *r = arg;
	char bytes[CHUNK_BYTES];

	pthread_mutex_lock(&r->lock);
	while (!r->quit && !r->ended) {
		ssize_t n;

		if (r->size - r->used < CHUNK_BYTES) {
			pthread_cond_wait(&r->room, &r->lock);
			continue;
		}
		pthread_mutex_unlock(&r->lock);
		n = read_chunk(r, bytes);
		pthread_mutex_lock(&r->lock);
		put(r, bytes, n);
	}
	pthread_mutex_unlock(&r->lock);
}

struct sdreader *sdreader_open(int fd, uint64_t offset, size_t bytes, bool threaded)
{
	struct sdreader *r = calloc(1, sizeof(*r));

	if (!r) {
		close(fd);
		return NULL;
	}
	r->fd = fd;
	r->added = r->read_at = offset;
	r->first = offset == 0;
	r->size = bytes < 2 * CHUNK_BYTES ? 2 * CHUNK_BYTES : bytes;
	r->ring = malloc(r->size);
	r->line_storage = malloc(LINES_BYTES);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->room, NULL);
	if (!r->ring || !r->line_storage) {
		release(r);
		return NULL;
	}
	linebuf_init(&r->lines, r->line_storage, LINES_BYTES, GCODE_LINE_MAX);
	if (!threaded)
		return r;
	r->job = job_start(read_ahead, release, r, true);
	if (r->job)
		return r;
	release(r);
	return NULL;
}

void sdreader_close(struct sdreader *r)
{
	if (!r)
		return;
	if (!r->job) {
		release(r);
		return;
	}
	pthread_mutex_lock(&r->lock);
	r->quit = true;
	pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->lock);
	job_drop(r->job);
}

/* Bytes from the ring to the lines. False: there were none. */
static bool take(struct sdreader *r)
{
	size_t room, n, part;
	bool end;
	char *space = linebuf_space(&r->lines, &room);

	pthread_mutex_lock(&r->lock);
	if (!r->job && !r->used && !r->ended) {
		char bytes[CHUNK_BYTES];
		ssize_t got = read_chunk(r, bytes);

		if (got != -EAGAIN)
			put(r, bytes, got);
	}
	n = r->used < room ? r->used : room;
	part = r->size - r->head < n ? r->size - r->head : n;
	memcpy(space, r->ring + r->head, part);
	memcpy(space + part, r->ring, n - part);
	r->head = (r->head + n) % r->size;
	r->used -= n;
	end = r->ended && !r->used && !r->error;
	if (n)
		pthread_cond_signal(&r->room);
	pthread_mutex_unlock(&r->lock);
	linebuf_added(&r->lines, n);
	r->added += n;
	if (end && !r->end_marked)
		linebuf_end(&r->lines);
	r->end_marked |= end;
	return n > 0;
}

bool sdreader_next(struct sdreader *r, struct linebuf_line *out)
{
	while (!linebuf_next(&r->lines, out)) {
		if (!take(r) && !linebuf_next(&r->lines, out))
			return false;
	}
	/* The end of a file ends a line. */
	out->flags &= ~(uint32_t)LINEBUF_FRAGMENT;
	/* Some editors put a byte order mark in front. */
	if (r->first && out->len >= 3 && memcmp(out->text, "\xef\xbb\xbf", 3) == 0) {
		out->text += 3;
		out->len -= 3;
	}
	return true;
}

void sdreader_done(struct sdreader *r)
{
	linebuf_done(&r->lines);
	r->first = false;
}

uint64_t sdreader_offset(const struct sdreader *r)
{
	return r->added - linebuf_held(&r->lines);
}

bool sdreader_ended(struct sdreader *r, int *error)
{
	struct linebuf_line line;
	bool ended;

	if (sdreader_next(r, &line))
		return false;
	pthread_mutex_lock(&r->lock);
	ended = r->ended && !r->used;
	*error = r->error;
	pthread_mutex_unlock(&r->lock);
	return ended;
}
