// SPDX-License-Identifier: GPL-2.0-or-later
#include "serial.h"

/* termios2 (any baud rate) lives in the kernel's header, which clashes with <termios.h>. */
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <linux/tty_flags.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int set_raw(int fd, uint32_t baud)
{
	struct termios2 t;

	if (ioctl(fd, TCGETS2, &t) < 0)
		return -1;
	t.c_iflag = 0;
	t.c_oflag = 0;
	t.c_lflag = 0;
	t.c_cflag = CS8 | CREAD | CLOCAL | BOTHER | (BOTHER << IBSHIFT);
	t.c_ispeed = baud;
	t.c_ospeed = baud;
	memset(t.c_cc, 0, sizeof(t.c_cc));
	t.c_cc[VMIN] = 1; /* with 0, a read without data would look like the end of the file */
	return ioctl(fd, TCSETSF2, &t);
}

/* Ask the driver to pass bytes on at once. Drivers without it (ptys, CDC) don't need it. */
static void set_low_latency(int fd)
{
	struct serial_struct s;

	if (ioctl(fd, TIOCGSERIAL, &s) < 0)
		return;
	s.flags = (int)((unsigned int)s.flags | ASYNC_LOW_LATENCY);
	(void)ioctl(fd, TIOCSSERIAL, &s);
}

static bool is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int socket_open(const char *path, char *err, size_t err_size)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = -1;

	if (strlen(path) < sizeof(to.sun_path)) {
		memcpy(to.sun_path, path, strlen(path));
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
	} else {
		errno = ENAMETOOLONG;
	}
	snprintf(err, err_size, "cannot connect to the socket '%s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* What is wrong with opening path, in words. */
static int cannot_open(int code, const char *path, char *err, size_t err_size)
{
	const char *expected = "";

	if (code == EBUSY || code == EWOULDBLOCK)
		expected = "; another program has it: expected a device of its own";
	else if (code == ENOENT)
		expected =
			"; expected a device that is plugged in (ls /dev/serial/by-id), or the socket of a program that runs";
	else if (code == EACCES)
		expected = "; expected a device that this user may open, as a member of its group";
	snprintf(err, err_size, "cannot open serial device '%s': %s%s", path,
		 strerror(code == EWOULDBLOCK ? EBUSY : code), expected);
	return -1;
}

int serial_open(const char *path, uint32_t baud, char *err, size_t err_size)
{
	int fd;

	if (is_socket(path))
		return socket_open(path, err, err_size);
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return cannot_open(errno, path, err, err_size);
	if (!isatty(fd)) {
		snprintf(err, err_size, "'%s' is not a serial device (tty)", path);
		close(fd);
		return -1;
	}
	/* The kernel lets root open a device that is TIOCEXCL: the lock keeps those out who ask for it, too. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		close(fd);
		return cannot_open(EWOULDBLOCK, path, err, err_size);
	}
	if (ioctl(fd, TIOCEXCL) < 0 || set_raw(fd, baud) < 0) {
		snprintf(err, err_size, "cannot set up '%s' for %u baud: %s", path, baud,
			 strerror(errno));
		close(fd);
		return -1;
	}
	set_low_latency(fd);
	return fd;
}

void serial_close(int fd)
{
	/* Others may open it at once, even while the kernel still lets go of it. */
	(void)ioctl(fd, TIOCNXCL);
	(void)flock(fd, LOCK_UN);
	close(fd);
}
