/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reply.h - replies to the user: a FIFO or file that a slow or absent reader never blocks.
 *
 * A bounded queue in front of a non-blocking descriptor. When the queue is full the oldest
 * informational reply goes (errors last), and "// … N replies lost" stands where they were. Lines
 * are never torn. Errors also go to a log callback, at once and whatever the queue does.
 * Owner:   the caller places struct reply (about 130 KiB).
 * Threads: PLAN only.
 * Errors:  negative errno, with a text that names path and expectation.
 */
#ifndef DAEMON_REPLY_H
#define DAEMON_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum reply_kind {
	REPLY_OK,    /* "ok", or "ok text" */
	REPLY_RAW,   /* the text as it is: M114, M105, Resend */
	REPLY_INFO,  /* "// text" */
	REPLY_ERROR, /* "!! text"; last to be dropped */
};

enum {
	REPLY_LINE_MAX = 512, /* longer replies end in "..." */
	REPLY_QUEUE = 256,
	REPLY_BATCH = 4096, /* PIPE_BUF: a write to a FIFO is whole or not at all */
};

struct reply_config {
	const char *path; /* NULL: no file, only the log callback */
	mode_t mode;      /* of a FIFO or file that is created */
	bool regular;     /* create a regular file (appended to), not a FIFO, if there is nothing */
	void (*log_error)(void *ctx, const char *text); /* may be NULL */
	void *ctx;
};

struct reply_entry {
	uint64_t lost_before;
	uint16_t len;
	int16_t next;
	uint8_t kind;
	char text[REPLY_LINE_MAX]; /* with its newline */
};

struct reply {
	struct reply_config cfg;
	int fd; /* -1: none */
	bool created, is_fifo;
	bool blocked; /* the last write would have blocked */
	uint64_t dev, ino;
	uint64_t lost, written, write_errors;
	uint64_t lost_last;         /* lost after the last queued entry */
	int16_t head, tail, unused; /* list of queued entries, list of free ones */
	uint16_t queued;
	uint32_t batch_len, batch_sent;
	char batch[REPLY_BATCH];
	struct reply_entry entry[REPLY_QUEUE];
};

/* Open or create cfg->path. A FIFO or character device that exists is used as it is, a regular
 * file is appended to; other things are refused. err: err_cap bytes, set on failure. */
int reply_open(struct reply *r, const struct reply_config *cfg, char *err, size_t err_cap);

/* Use a descriptor that the caller owns (standard output, a pty); set to non-blocking by the
 * caller if writes may block. */
void reply_use_fd(struct reply *r, const struct reply_config *cfg, int fd);

/* Queue one reply; newlines inside become blanks. Never blocks, never fails. */
void reply_put(struct reply *r, enum reply_kind kind, const char *text);

/* Write what the descriptor takes now. Call after a batch of lines and on POLLOUT. */
void reply_flush(struct reply *r);

/* The descriptor to poll for POLLOUT, -1 if nothing waits. */
int reply_poll_fd(const struct reply *r);

/* Flush what goes at once, close, and remove a FIFO that reply_open() created. */
void reply_close(struct reply *r);

#endif
