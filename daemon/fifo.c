/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE_MAX_DEFAULT = 4096,
	/* A fragment is kept apart from what the next writer sends by these bytes, "\0\n". NUL is
	 * never part of a good line. */
	END_MARK = 2,
};

/* Where the out-of-band scanner is in a line: M112 after blanks and an optional N word. */
enum scan {
	SCAN_START,
	SCAN_N,       /* in the digits of N */
	SCAN_COMMAND, /* behind them */
	SCAN_M,
	SCAN_M1,
	SCAN_M11,
	SCAN_M112, /* one more byte decides: M1120 is something else */
	SCAN_REST,
};

static int refuse(char *err, size_t cap, int code, const char *path, const char *why)
{
	snprintf(err, cap, "%s: %s", path, why);
	return -code;
}

/* Make room for a new FIFO: remove one that nobody reads. */
static int remove_stale(const char *path, char *err, size_t cap)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : refuse(err, cap, errno, path, strerror(errno));
	if (!S_ISFIFO(st.st_mode))
		return refuse(err, cap, EEXIST, path,
			      "expected a FIFO or nothing, found something else; not touched");
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		return refuse(err, cap, EBUSY, path, "another process reads this FIFO");
	}
	if (errno != ENXIO && errno != EACCES)
		return refuse(err, cap, errno, path, strerror(errno));
	if (unlink(path) < 0)
		return refuse(err, cap, errno, path, strerror(errno));
	return 0;
}

static int open_end(struct fifo *f)
{
	int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	f->opens++;
	return fd;
}

/* Make the FIFO. Returns a descriptor that reads it, or a negative errno with a text in err. */
static int make(struct fifo *f, char *err, size_t err_cap)
{
	struct stat st;
	int fd, result;

	if (mkfifo(f->path, 0600) < 0)
		return refuse(
			err, err_cap, errno, f->path,
			errno == ENOENT ? "the directory does not exist"
			: errno == EACCES
				? "Permission denied: expected a folder that this user may write to"
				: strerror(errno));
	fd = open_end(f);
	result = fd < 0 ? fd : 0;
	if (!result)
		result = fstat(fd, &st) < 0 ? -errno : S_ISFIFO(st.st_mode) ? 0 : -EEXIST;
	if (!result && fchmod(fd, f->cfg.mode) < 0)
		result = -errno;
	if (!result) {
		f->dev = st.st_dev;
		f->ino = st.st_ino;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	unlink(f->path);
	return refuse(err, err_cap, -result, f->path, strerror(-result));
}

int fifo_open(struct fifo *f, const struct fifo_config *cfg, char *err, size_t err_cap)
{
	size_t buffer = cfg->buffer ? cfg->buffer : FIFO_BUFFER;
	int result;

	memset(f, 0, sizeof(*f));
	f->cfg = *cfg;
	f->fd = f->next = -1;
	if (!f->cfg.line_max)
		f->cfg.line_max = LINE_MAX_DEFAULT;
	if (snprintf(f->path, sizeof(f->path), "%s", cfg->path) >= (int)sizeof(f->path))
		return refuse(err, err_cap, ENAMETOOLONG, cfg->path, "path too long");
	if (buffer < f->cfg.line_max + 16)
		buffer = f->cfg.line_max + 16;
	result = remove_stale(f->path, err, err_cap);
	if (result)
		return result;
	f->storage = malloc(buffer);
	if (!f->storage)
		return refuse(err, err_cap, ENOMEM, f->path, strerror(ENOMEM));
	linebuf_init(&f->lines, f->storage, buffer, f->cfg.line_max);
	f->fd = make(f, err, err_cap);
	if (f->fd >= 0)
		return 0;
	free(f->storage);
	f->storage = NULL;
	return f->fd;
}

static bool has_room(const struct fifo *f)
{
	return f->lines.cap - linebuf_held(&f->lines) > END_MARK;
}

int fifo_poll_fd(const struct fifo *f)
{
	return has_room(f) && !f->end_due ? f->fd : -1;
}

/* The state after byte c at the beginning part of a line. */
static enum scan scan_step(enum scan at, char c)
{
	bool blank = c == ' ' || c == '\t', digit = c >= '0' && c <= '9';
	char letter = (char)(c & ~0x20);

	switch (at) {
	case SCAN_START:
	case SCAN_COMMAND:
		if (blank || c == '\r')
			return at;
		if (letter == 'N' && at == SCAN_START)
			return SCAN_N;
		return letter == 'M' ? SCAN_M : SCAN_REST;
	case SCAN_N:
		if (blank || digit)
			return SCAN_N;
		return letter == 'M' ? SCAN_M : SCAN_REST;
	case SCAN_M:
		if (blank || c == '0')
			return SCAN_M;
		return c == '1' ? SCAN_M1 : SCAN_REST;
	case SCAN_M1:
		return c == '1' ? SCAN_M11 : SCAN_REST;
	case SCAN_M11:
		return c == '2' ? SCAN_M112 : SCAN_REST;
	default:
		return SCAN_REST;
	}
}

/* An M112 ends before byte `at` of the buffer: drop it and all before it, and act. */
static void emergency(struct fifo *f, size_t at)
{
	struct linebuf *b = &f->lines;
	bool whole = at < b->end && b->buf[at] == '\n';
	/* The callback of an earlier one may have flushed all. */
	size_t n = at + whole > b->start ? at + whole - b->start : 0;
	uint32_t dropped = linebuf_drop(b, n, n && !whole);

	f->emergencies++;
	if (f->cfg.emergency)
		f->cfg.emergency(f->cfg.ctx, dropped ? dropped - whole : 0);
}

/* Look for out-of-band input in the bytes from `at` to the end of the buffer. */
static void scan(struct fifo *f, size_t at)
{
	struct linebuf *b = &f->lines;
	enum scan state = (enum scan)f->scan;

	while (at < b->end) {
		char c = b->buf[at];

		if (state == SCAN_REST) {
			const char *newline = memchr(b->buf + at, '\n', b->end - at);

			if (!newline)
				break;
			at = (size_t)(newline - b->buf) + 1;
			state = SCAN_START;
			continue;
		}
		if (state == SCAN_M112) {
			bool other = (c >= '0' && c <= '9') || c == '.' || c == '_';

			state = SCAN_REST;
			if (!other)
				emergency(f, at);
			continue; /* with the same byte: it may be the newline */
		}
		if (c == '\n') {
			state = SCAN_START;
		} else if (state == SCAN_START && (c == '!' || c == '~') && f->cfg.signal_byte) {
			b->buf[at] = ' ';
			f->cfg.signal_byte(f->cfg.ctx, c);
		} else {
			state = scan_step(state, c);
		}
		at++;
	}
	f->scan = (uint8_t)state;
}

/* Nothing but blanks and bytes that have been acted on: no line. */
static void forget_blanks(struct linebuf *b)
{
	while (b->end > b->start && b->buf[b->end - 1] != '\n')
		b->end--;
	if (b->scanned > b->end)
		b->scanned = b->end;
}

/* The last writer has gone in mid-line: close that line with a mark. False: no room yet. */
static bool mark_end(struct fifo *f)
{
	size_t room;
	char *space;

	if (f->scan == SCAN_START) {
		forget_blanks(&f->lines);
		f->partial = f->end_due = false;
		return true;
	}
	space = linebuf_space(&f->lines, &room);
	f->end_due = room < END_MARK;
	if (f->end_due)
		return false;
	if (f->scan == SCAN_M112)
		emergency(f, f->lines.end);
	/* linebuf_drop() does not move bytes: space is still the end. */
	memcpy(space, "\0\n", END_MARK);
	linebuf_added(&f->lines, END_MARK);
	f->scan = SCAN_START;
	f->partial = false;
	return true;
}

/* All writers have gone. A descriptor that has seen that reports POLLHUP until somebody opens the
 * FIFO again; a fresh one does not. Opened before the old one is closed, so that data of a writer
 * who came in between stays. */
static int renew(struct fifo *f)
{
	struct pollfd p = { f->fd, POLLIN, 0 };
	int fd = f->next;

	f->next = -1;
	if (fd < 0 && (poll(&p, 1, 0) <= 0 || !(p.revents & POLLHUP)))
		return 0;
	if (fd < 0)
		fd = open_end(f);
	if (fd < 0)
		return fd;
	if (dup3(fd, f->fd, O_CLOEXEC) < 0) {
		close(fd);
		return -errno;
	}
	close(fd);
	return 0;
}

int fifo_read(struct fifo *f)
{
	size_t room, at;
	char *space;
	ssize_t n;

	if (f->end_due && !mark_end(f))
		return 0;
	space = linebuf_space(&f->lines, &room);
	if (room <= END_MARK)
		return 0;
	n = read(f->fd, space, room - END_MARK);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		if (f->partial)
			mark_end(f);
		return renew(f);
	}
	f->bytes += (uint64_t)n;
	f->partial = space[n - 1] != '\n';
	at = f->lines.end;
	linebuf_added(&f->lines, (size_t)n);
	scan(f, at);
	return (int)n;
}

bool fifo_next(struct fifo *f, struct linebuf_line *out)
{
	if (!linebuf_next(&f->lines, out))
		return false;
	if (out->len && out->text[out->len - 1] == '\0' && !out->flags) {
		out->len--;
		out->flags = LINEBUF_FRAGMENT;
	}
	return true;
}

void fifo_done(struct fifo *f)
{
	linebuf_done(&f->lines);
}

/* 0: path is the FIFO that was made; else why not, an errno. */
static int at_path(const struct fifo *f)
{
	struct stat st;

	if (lstat(f->path, &st) < 0)
		return errno;
	return S_ISFIFO(st.st_mode) && st.st_dev == f->dev && st.st_ino == f->ino ? 0 : EEXIST;
}

int fifo_watch(struct fifo *f, char *err, size_t err_cap)
{
	int why, fd;

	/* the end of the old one, even if it has had no writer since it was opened */
	if (f->next >= 0)
		fifo_read(f);
	why = at_path(f);
	if (!why) {
		f->astray = false;
		return 0;
	}
	fd = why == ENOENT ? make(f, err, err_cap) : -why;
	if (fd >= 0) {
		if (f->next >= 0) /* removed again before the old writers have gone */
			close(f->next);
		f->next = fd;
		f->astray = false;
		fifo_read(f);
		snprintf(err, err_cap, "%s: this FIFO was removed: made anew", f->path);
		return 1;
	}
	if (f->astray)
		return 0;
	f->astray = true;
	if (why != ENOENT)
		refuse(err, err_cap, why, f->path,
		       "expected the FIFO that was made there, found something else: what is written to it doesn't arrive");
	return fd;
}

void fifo_close(struct fifo *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->next >= 0)
		close(f->next);
	f->fd = f->next = -1;
	free(f->storage);
	f->storage = NULL;
	if (f->path[0] && at_path(f) == 0)
		unlink(f->path);
}
