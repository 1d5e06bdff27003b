/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static int make_link(const char *target, const char *link_path)
{
	struct stat st;

	if (!lstat(link_path, &st)) {
		if (!S_ISLNK(st.st_mode))
			return -EEXIST;
		unlink(link_path);
	}
	return symlink(target, link_path) ? -errno : 0;
}

/* Raw mode, and nothing left to read, for the next host. */
static int prepare_slave(const struct pty *p)
{
	struct termios settings;
	int fd = open(p->slave_path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &settings))
		err = -errno;
	cfmakeraw(&settings);
	if (!err && (tcsetattr(fd, TCSANOW, &settings) || tcflush(fd, TCIFLUSH)))
		err = -errno;
	close(fd);
	return err;
}

static int open_pair(struct pty *p)
{
	p->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (p->master_fd < 0 || grantpt(p->master_fd) || unlockpt(p->master_fd))
		return -errno;
	if (ptsname_r(p->master_fd, p->slave_path, sizeof(p->slave_path)))
		return -errno;
	p->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->watch_fd < 0 || inotify_add_watch(p->watch_fd, p->slave_path, IN_OPEN | IN_CLOSE) < 0)
		return -errno;
	return prepare_slave(p);
}

int pty_open(struct pty *p, const char *link_path)
{
	int err;

	*p = (struct pty){ .master_fd = -1, .watch_fd = -1 };
	err = open_pair(p);
	if (!err && link_path) {
		err = make_link(p->slave_path, link_path);
		p->link_path = err ? NULL : link_path;
	}
	if (err)
		pty_close(p);
	return err;
}

int pty_open_socket(struct pty *p, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct stat st;
	int err = 0;

	*p = (struct pty){ .master_fd = -1, .watch_fd = -1, .is_socket = true };
	if (strlen(path) >= sizeof(at.sun_path) || strlen(path) >= sizeof(p->slave_path))
		return -ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path));
	memcpy(p->slave_path, path, strlen(path));
	if (!lstat(path, &st)) {
		if (!S_ISSOCK(st.st_mode))
			return -EEXIST;
		unlink(path);
	}
	p->watch_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->watch_fd < 0 || bind(p->watch_fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(p->watch_fd, 1) < 0)
		err = -errno;
	else
		p->link_path = path;
	if (err)
		pty_close(p);
	return err;
}

/* One host at a time. */
static void update_socket(struct pty *p)
{
	struct pollfd host = { .fd = p->master_fd, .events = POLLIN };
	int fd;

	if (p->connected && poll(&host, 1, 0) > 0 && host.revents & (POLLHUP | POLLERR)) {
		close(p->master_fd);
		p->master_fd = -1;
		p->connected = false;
	}
	while ((fd = accept4(p->watch_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (p->connected) {
			close(fd);
			continue;
		}
		p->master_fd = fd;
		p->connected = true;
	}
}

void pty_update(struct pty *p)
{
	struct pollfd master = { .fd = p->master_fd, .events = POLLIN };
	bool was_connected = p->connected;
	char events[4096];

	if (p->is_socket) {
		update_socket(p);
		return;
	}
	while (read(p->watch_fd, events, sizeof(events)) > 0)
		; /* they only wake us */
	poll(&master, 1, 0);
	p->connected = !(master.revents & POLLHUP);
	if (was_connected && !p->connected)
		(void)prepare_slave(p);
}

ssize_t pty_read(struct pty *p, uint8_t *buf, size_t cap)
{
	ssize_t n = p->master_fd < 0 ? 0 : read(p->master_fd, buf, cap);

	if (n >= 0)
		return n;
	if (p->is_socket) /* a host that has gone: seen by pty_update() */
		return 0;
	return errno == EAGAIN || errno == EINTR || errno == EIO ? 0 : -errno;
}

void pty_write(struct pty *p, const uint8_t *bytes, size_t len)
{
	ssize_t n = 0;

	if (p->connected)
		n = p->is_socket ? send(p->master_fd, bytes, len, MSG_NOSIGNAL)
				 : write(p->master_fd, bytes, len);
	if (n < (ssize_t)len)
		p->dropped_bytes += len - (n > 0 ? (size_t)n : 0);
}

void pty_close(struct pty *p)
{
	char target[PTY_PATH_MAX];
	ssize_t len;

	if (p->link_path && p->is_socket) {
		unlink(p->link_path);
	} else if (p->link_path) {
		len = readlink(p->link_path, target, sizeof(target));
		if (len == (ssize_t)strlen(p->slave_path) &&
		    !memcmp(target, p->slave_path, (size_t)len))
			unlink(p->link_path);
	}
	if (p->watch_fd >= 0)
		close(p->watch_fd);
	if (p->master_fd >= 0)
		close(p->master_fd);
}
