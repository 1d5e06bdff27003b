// SPDX-License-Identifier: GPL-2.0-or-later
/* run_log.c - standard error of the daemon: each message a line; of lines that fail one after the other for the same reason, the first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/run_private.h"

void run_log(const char *text)
{
	fprintf(stderr, "stepd: %s\n", text);
}

/* What is wrong with a line, without which line it is. */
static const char *reason_of(const char *text)
{
	const char *quoted = strstr(text, "\": ");

	return quoted ? quoted + 3 : text;
}

void run_log_error(void *ctx, const char *text)
{
	struct run_log *l = ctx;
	const char *reason = reason_of(text);

	if (reason != text && strcmp(l->reason, reason) == 0) {
		l->repeats++;
		return;
	}
	run_log_flush(l);
	run_log(text);
	if (reason != text)
		snprintf(l->reason, sizeof(l->reason), "%s", reason);
}

void run_log_flush(struct run_log *l)
{
	if (l->repeats)
		fprintf(stderr, "stepd: … %" PRIu64 " more line%s: %s\n", l->repeats,
			l->repeats > 1 ? "s" : "", l->reason);
	l->repeats = 0;
	l->reason[0] = 0;
}
