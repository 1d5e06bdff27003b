/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
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

static int open_pair(struct pty *p)
{
	struct termios settings;

	p->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (p->master_fd < 0 || grantpt(p->master_fd) || unlockpt(p->master_fd))
		return -errno;
	if (ptsname_r(p->master_fd, p->slave_path, sizeof(p->slave_path)))
		return -errno;
	p->slave_fd = open(p->slave_path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->slave_fd < 0 || tcgetattr(p->slave_fd, &settings))
		return -errno;
	cfmakeraw(&settings);
	if (tcsetattr(p->slave_fd, TCSANOW, &settings))
		return -errno;
	/* after our own open, which is not to be counted */
	p->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->watch_fd < 0 || inotify_add_watch(p->watch_fd, p->slave_path, IN_OPEN | IN_CLOSE) < 0)
		return -errno;
	return 0;
}

int pty_open(struct pty *p, const char *link_path)
{
	int err;

	*p = (struct pty){ .master_fd = -1, .slave_fd = -1, .watch_fd = -1 };
	err = open_pair(p);
	if (!err && link_path) {
		err = make_link(p->slave_path, link_path);
		p->link_path = err ? NULL : link_path;
	}
	if (err)
		pty_close(p);
	return err;
}

void pty_update(struct pty *p)
{
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t len;

	while ((len = read(p->watch_fd, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + len;) {
			const struct inotify_event *event = (const void *)at;

			/* what was sent while nobody listened is not for the one who comes now */
			if ((event->mask & IN_OPEN) && p->hosts++ == 0)
				tcflush(p->slave_fd, TCIFLUSH);
			else if ((event->mask & IN_CLOSE) && p->hosts > 0)
				p->hosts--;
			at += sizeof(*event) + event->len;
		}
	}
}

ssize_t pty_read(struct pty *p, uint8_t *buf, size_t cap)
{
	ssize_t n = read(p->master_fd, buf, cap);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR || errno == EIO ? 0 : -errno;
}

void pty_write(struct pty *p, const uint8_t *bytes, size_t len)
{
	ssize_t n = write(p->master_fd, bytes, len);

	if (n < (ssize_t)len)
		p->dropped_bytes += len - (n > 0 ? (size_t)n : 0);
}

void pty_close(struct pty *p)
{
	char target[PTY_PATH_MAX];
	ssize_t len;

	if (p->link_path) {
		len = readlink(p->link_path, target, sizeof(target));
		if (len == (ssize_t)strlen(p->slave_path) &&
		    !memcmp(target, p->slave_path, (size_t)len))
			unlink(p->link_path);
	}
	if (p->watch_fd >= 0)
		close(p->watch_fd);
	if (p->slave_fd >= 0)
		close(p->slave_fd);
	if (p->master_fd >= 0)
		close(p->master_fd);
}
