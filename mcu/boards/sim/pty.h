/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pty.h - the serial line of a simulated MCU, for a host process: a pty, or a socket.
 *
 * Like a serial device, it forgets what is sent while no host has it open, and what a host left
 * unread; hosts may come and go at any time. The kernel reports the last close of the slave as a
 * hang-up of the master, as long as we don't hold the slave open ourselves.
 * What goes through a pty is carried by a worker of the kernel's, an ordinary process; through a socket it goes at once.
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
	int master_fd; /* non-blocking; poll it for input; -1: a socket that nobody is connected to */
	int watch_fd; /* readable when somebody opens or closes it: inotify on the slave, or the listening socket */
	bool is_socket;
	bool connected; /* a host has it open */
	uint64_t dropped_bytes;
	char slave_path[PTY_PATH_MAX];
	const char *link_path; /* NULL: none */
};

/* Open a pty in raw mode, and let the symbolic link link_path (may be NULL) point at it: an existing
 * link is replaced, any other kind of file is -EEXIST. link_path must stay valid. */
int pty_open(struct pty *p, const char *link_path);

/* The same with a socket (AF_UNIX, stream) at path: one that is there already is replaced. path must stay valid. */
int pty_open_socket(struct pty *p, const char *path);

/* Notice hosts that come and go. Call between pty_read() and answering what was read. While nobody
 * is connected, poll only watch_fd: the master would report its hang-up without end. */
void pty_update(struct pty *p);

/* Bytes read, 0 for none, or -errno. */
ssize_t pty_read(struct pty *p, uint8_t *buf, size_t cap);

/* Send, or drop what does not fit. */
void pty_write(struct pty *p, const uint8_t *bytes, size_t len);

/* Close, and remove the link or socket if it is still ours. */
void pty_close(struct pty *p);
#endif
