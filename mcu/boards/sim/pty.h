/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pty.h - the serial line of a simulated MCU, for a host process.
 *
 * Like a serial device, it forgets what it sent while no host had it open; a host may close and
 * reopen it at any time.
 * Owner: the caller places it. Threads: one. Returns 0 or -errno.
 */
#ifndef SIM_PTY_H
#define SIM_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PTY_PATH_MAX = 64 };

struct pty {
	int master_fd; /* non-blocking; poll it for input */
	int slave_fd;  /* held open, so that settings survive the host and the master sees no hang-up */
	int watch_fd;  /* inotify on the slave: who opens and closes it */
	int hosts;     /* that have it open now; may be off by a few when they come in bursts */
	uint64_t dropped_bytes;
	char slave_path[PTY_PATH_MAX];
	const char *link_path; /* NULL: none */
};

/* Open a pty in raw mode, and let the symbolic link link_path (may be NULL) point at it: an existing
 * link is replaced, any other kind of file is -EEXIST. link_path must stay valid. */
int pty_open(struct pty *p, const char *link_path);

/* Notice hosts that come and go. Call between pty_read() and answering what was read. */
void pty_update(struct pty *p);

/* Bytes read, 0 for none, or -errno. */
ssize_t pty_read(struct pty *p, uint8_t *buf, size_t cap);

/* Send, or drop what does not fit. */
void pty_write(struct pty *p, const uint8_t *bytes, size_t len);

/* Close, and remove the link if it is still ours. */
void pty_close(struct pty *p);
#endif
