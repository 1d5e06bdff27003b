// SPDX-License-Identifier: GPL-2.0-or-later
/* test_watchdog.c - what the service manager hears.
 *
 * Shown: whoever asks by the environment hears that the daemon is alive, by a path or an abstract name; nobody else does; a
 * socket that takes nothing, or is not there, holds nothing up. Repeat: no seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/watchdog.h"

static int listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(at.sun_path, name, strlen(name));
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	return fd;
}

static void asked(const char *socket_name, const char *usec, long pid)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", pid);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	if (socket_name)
		setenv("NOTIFY_SOCKET", socket_name, 1);
	if (usec)
		setenv("WATCHDOG_USEC", usec, 1);
	setenv("WATCHDOG_PID", text, 1);
}

static void hears(void **state)
{
	char path[] = "/tmp/stepd-watchdog-XXXXXX", abstract[64], text[64];
	const char *name[2] = { path, abstract };

	(void)state;
	close(mkstemp(path));
	unlink(path);
	snprintf(abstract, sizeof(abstract), "@stepd-test-%ld", (long)getpid());
	for (int i = 0; i < 2; i++) {
		struct watchdog w;
		int fd = listen_at(name[i]);

		asked(name[i], "30000000", getpid());
		watchdog_open(&w);
		watchdog_alive(&w);
		assert_int_equal(recv(fd, text, sizeof(text), 0), 10);
		assert_memory_equal(text, "WATCHDOG=1", 10);
		for (int n = 0; n < 100000; n++) /* nobody reads any more */
			watchdog_alive(&w);
		watchdog_close(&w);
		close(fd);
	}
	unlink(path);
}

static void silent(void **state)
{
	char long_name[200];
	struct watchdog w;

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	asked(NULL, "30000000", getpid());
	watchdog_open(&w);
	assert_int_equal(w.fd, -1);
	asked("/tmp/stepd-nobody-is-there", "30000000", getpid());
	watchdog_open(&w);
	assert_int_equal(w.fd, -1);
	watchdog_alive(&w);
	asked(long_name, "30000000", getpid());
	watchdog_open(&w);
	assert_int_equal(w.fd, -1);
	asked("@stepd-somebody", NULL, getpid());
	watchdog_open(&w);
	assert_int_equal(w.fd, -1);
	asked("@stepd-somebody", "30000000", getpid() + 1);
	watchdog_open(&w);
	assert_int_equal(w.fd, -1);
	watchdog_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(hears), cmocka_unit_test(silent) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
