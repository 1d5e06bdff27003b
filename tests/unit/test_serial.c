// SPDX-License-Identifier: GPL-2.0-or-later
/* test_serial.c - who may open a serial device.
 *
 * Shown: a device that is open is refused, to root, too, and free once it is closed, even while somebody still holds its
 * descriptor; what can't be opened is named with what was expected. Repeat: no seed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/serial.h"

static void one_owner(void **state)
{
	int end = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), first, held, second;
	char err[256], path[64];

	(void)state;
	assert_true(end >= 0);
	assert_int_equal(grantpt(end), 0);
	assert_int_equal(unlockpt(end), 0);
	snprintf(path, sizeof(path), "%s", ptsname(end));
	first = serial_open(path, 250000, err, sizeof(err));
	assert_true(first >= 0);
	assert_int_equal(serial_open(path, 250000, err, sizeof(err)), -1);
	assert_non_null(strstr(err, path));
	assert_non_null(strstr(err, "busy; another program has it: expected a device of its own"));
	held = dup(first);
	serial_close(first);
	second = serial_open(path, 250000, err, sizeof(err));
	assert_true(second >= 0);
	serial_close(second);
	close(held);
	close(end);
}

static void no_device(void **state)
{
	char err[256];

	(void)state;
	assert_int_equal(serial_open("/no-such-device", 250000, err, sizeof(err)), -1);
	assert_non_null(strstr(
		err,
		"cannot open serial device '/no-such-device': No such file or directory; expected a device that "
		"is plugged in (ls /dev/serial/by-id), or the socket"));
	assert_int_equal(serial_open("/dev/null", 250000, err, sizeof(err)), -1);
	assert_string_equal(err, "'/dev/null' is not a serial device (tty)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_owner),
		cmocka_unit_test(no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
