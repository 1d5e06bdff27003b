// SPDX-License-Identifier: GPL-2.0-or-later
/* watchdog.c - see watchdog.h. */
#include "daemon/watchdog.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void watchdog_open(struct watchdog *w)
{
	const char *path = getenv("NOTIFY_SOCKET"), *pid = getenv("WATCHDOG_PID");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;

	w->fd = -1;
	if (!getenv("WATCHDOG_USEC") || (pid && strtol(pid, NULL, 10) != getpid()) || len == 0 ||
	    len >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@') /* an abstract one */
		to.sun_path[0] = '\0';
	w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd >= 0 && connect(w->fd, (const struct sockaddr *)&to,
				  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0)
		watchdog_close(w);
}

void watchdog_alive(const struct watchdog *w)
{
	static const char word[] = "WATCHDOG=1";

	if (w->fd >= 0 && send(w->fd, word, sizeof(word) - 1, MSG_NOSIGNAL) < 0) {
		/* it is said again in a second */
	}
}

void watchdog_close(struct watchdog *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
