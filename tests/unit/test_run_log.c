// SPDX-License-Identifier: GPL-2.0-or-later
/* test_run_log.c - the daemon's log while many lines fail.
 *
 * Shown: of lines that fail one after the other for the same reason the first is named and the rest are counted, before
 * the next message and at the end; other errors are all there. Repeat: no seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/run_private.h"

static void repeats(void **state)
{
	static const char *const said[] = {
		"line 1 \"G1 X1\": axis X has no known position",
		"line 2 \"G1 X2\": axis X has no known position",
		"line 3 \"G1 X3\": axis X has no known position",
		"the MCU does not answer any more",
		"the MCU does not answer any more",
		"line 4 \"G1 X4\": axis X has no known position",
		"line 5 \"M600\": unknown command M600",
		"line 6 \"M600\": unknown command M600",
	};
	static const char expected[] = "stepd: line 1 \"G1 X1\": axis X has no known position\n"
				       "stepd: … 2 more lines: axis X has no known position\n"
				       "stepd: the MCU does not answer any more\n"
				       "stepd: the MCU does not answer any more\n"
				       "stepd: line 4 \"G1 X4\": axis X has no known position\n"
				       "stepd: line 5 \"M600\": unknown command M600\n"
				       "stepd: … 1 more line: unknown command M600\n";
	char path[] = "/tmp/stepd-log-XXXXXX", text[2048] = "";
	int file = mkstemp(path), err = dup(STDERR_FILENO);
	struct run_log log = { .repeats = 0 };
	ssize_t n;

	(void)state;
	assert_true(file >= 0 && err >= 0);
	dup2(file, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++)
		run_log_error(&log, said[i]);
	run_log_flush(&log);
	run_log_flush(&log);
	dup2(err, STDERR_FILENO);
	close(err);
	n = pread(file, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	assert_string_equal(text, expected);
	close(file);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(repeats) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
