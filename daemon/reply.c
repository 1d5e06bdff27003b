/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MARK_MAX = 64 }; /* room for the line that counts lost replies */

static void queue_init(struct reply *r, const struct reply_config *cfg)
{
	memset(r, 0, sizeof(*r));
	r->cfg = *cfg;
	r->fd = -1;
	r->head = r->tail = -1;
	for (int i = 0; i < REPLY_QUEUE; i++)
		r->entry[i].next = (int16_t)(i + 1 < REPLY_QUEUE ? i + 1 : -1);
}

int reply_open(struct reply *r, const struct reply_config *cfg, char *err, size_t err_cap)
{
	struct stat st;
	int flags = O_NONBLOCK | O_CLOEXEC | O_NOCTTY, code;
	bool fifo;

	queue_init(r, cfg);
	if (!cfg->path)
		return 0;
	if (stat(cfg->path, &st) == 0) {
		fifo = S_ISFIFO(st.st_mode);
		code = EEXIST;
		if (!fifo && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
			goto fail;
	} else {
		fifo = !cfg->regular;
		code = errno;
		if (code != ENOENT || (fifo && mkfifo(cfg->path, 0600) < 0 && (code = errno)))
			goto fail;
		r->created = true;
	}
	/* A FIFO is opened for reading too: there is always a reader then, and no SIGPIPE. */
	r->fd = open(cfg->path, flags | (fifo ? O_RDWR : O_WRONLY | O_APPEND | O_CREAT), 0600);
	code = errno;
	if (r->fd < 0)
		goto fail;
	if ((r->created && fchmod(r->fd, cfg->mode) < 0) || fstat(r->fd, &st) < 0) {
		code = errno;
		close(r->fd);
		r->fd = -1;
		goto fail;
	}
	r->is_fifo = S_ISFIFO(st.st_mode);
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	return 0;
fail:
	snprintf(err, err_cap, "%s: %s: expected %s", cfg->path, strerror(code),
		 code == EACCES ? "a path that this user may write to"
				: "a FIFO, a file or nothing");
	return -code;
}

void reply_use_fd(struct reply *r, const struct reply_config *cfg, int fd)
{
	queue_init(r, cfg);
	r->fd = fd;
}

/* Take entry i, which follows prev (-1: it is the head), out of the queue. */
static void unlink_entry(struct reply *r, int16_t prev, int16_t i)
{
	struct reply_entry *e = &r->entry[i];

	if (prev >= 0)
		r->entry[prev].next = e->next;
	else
		r->head = e->next;
	if (r->tail == i)
		r->tail = prev;
	e->next = r->unused;
	r->unused = i;
	r->queued--;
}

/* Make room by dropping the oldest reply that is no error; with only_info, no error at all. */
static bool drop_one(struct reply *r, bool only_info)
{
	int16_t prev = -1, i = r->head, next;
	uint64_t lost;

	while (i >= 0 && r->entry[i].kind == REPLY_ERROR) {
		prev = i;
		i = r->entry[i].next;
	}
	if (i < 0) {
		if (only_info)
			return false;
		prev = -1;
		i = r->head;
	}
	next = r->entry[i].next;
	lost = r->entry[i].lost_before + 1;
	if (next >= 0)
		r->entry[next].lost_before += lost;
	else
		r->lost_last += lost;
	r->lost++;
	unlink_entry(r, prev, i);
	return true;
}

/* kind and text as one line into buf; returns its length. */
static uint16_t format(char *buf, enum reply_kind kind, const char *text)
{
	static const char *const prefix[] = {
		[REPLY_OK] = "ok ", [REPLY_RAW] = "", [REPLY_INFO] = "// ", [REPLY_ERROR] = "!! "
	};
	int n = snprintf(buf, REPLY_LINE_MAX, "%s%s", prefix[kind], text);

	if (n < 0)
		n = 0;
	if (n > REPLY_LINE_MAX - 2) {
		n = REPLY_LINE_MAX - 2;
		memcpy(buf + n - 3, "...", 3);
	}
	for (int i = 0; i < n; i++) {
		if (buf[i] == '\n' || buf[i] == '\r')
			buf[i] = ' ';
	}
	if (kind == REPLY_OK && n == 3)
		n = 2;
	buf[n++] = '\n';
	return (uint16_t)n;
}

void reply_put(struct reply *r, enum reply_kind kind, const char *text)
{
	struct reply_entry *e;
	int16_t i;

	if (kind == REPLY_ERROR && r->cfg.log_error)
		r->cfg.log_error(r->cfg.ctx, text);
	if (r->fd < 0)
		return;
	if (r->unused < 0 && !r->blocked)
		reply_flush(r);
	if (r->unused < 0 && !drop_one(r, kind != REPLY_ERROR)) {
		r->lost++;
		r->lost_last++;
		return;
	}
	i = r->unused;
	e = &r->entry[i];
	r->unused = e->next;
	e->next = -1;
	e->kind = (uint8_t)kind;
	e->lost_before = r->lost_last;
	r->lost_last = 0;
	e->len = format(e->text, kind, text);
	if (r->tail >= 0)
		r->entry[r->tail].next = i;
	else
		r->head = i;
	r->tail = i;
	r->queued++;
}

static uint32_t put_mark(struct reply *r, uint64_t lost)
{
	int n = snprintf(r->batch + r->batch_len, MARK_MAX, "// ... %llu replies lost\n",
			 (unsigned long long)lost);

	return n > 0 && n < MARK_MAX ? (uint32_t)n : 0;
}

/* Move whole lines from the queue to the batch. False: there is nothing. */
static bool fill_batch(struct reply *r)
{
	r->batch_len = r->batch_sent = 0;
	while (r->head >= 0) {
		struct reply_entry *e = &r->entry[r->head];

		if (r->batch_len + e->len + MARK_MAX > REPLY_BATCH)
			return true;
		if (e->lost_before)
			r->batch_len += put_mark(r, e->lost_before);
		memcpy(r->batch + r->batch_len, e->text, e->len);
		r->batch_len += e->len;
		r->written++;
		unlink_entry(r, -1, r->head);
	}
	if (r->lost_last && r->batch_len + MARK_MAX <= REPLY_BATCH) {
		r->batch_len += put_mark(r, r->lost_last);
		r->lost_last = 0;
	}
	return r->batch_len > 0;
}

void reply_flush(struct reply *r)
{
	r->blocked = false;
	if (r->fd < 0)
		return;
	while (r->batch_sent < r->batch_len || fill_batch(r)) {
		ssize_t n = write(r->fd, r->batch + r->batch_sent, r->batch_len - r->batch_sent);

		if (n >= 0) {
			r->batch_sent += (uint32_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN) {
			r->blocked = true;
			return;
		}
		/* A full disk, a pty that went away: the lines are lost, stepd goes on. */
		r->write_errors++;
		r->batch_sent = r->batch_len;
	}
}

int reply_poll_fd(const struct reply *r)
{
	return r->batch_sent < r->batch_len || r->head >= 0 || r->lost_last ? r->fd : -1;
}

void reply_close(struct reply *r)
{
	struct stat st;

	reply_flush(r);
	if (r->fd >= 0 && r->cfg.path) {
		close(r->fd);
		if (r->created && r->is_fifo && lstat(r->cfg.path, &st) == 0 &&
		    S_ISFIFO(st.st_mode) && st.st_dev == r->dev && st.st_ino == r->ino)
			unlink(r->cfg.path);
	}
	r->fd = -1;
}
