/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "breaker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "printer.h"
#include "sim.h"

enum { ERROR_BYTES = 1024 };

static int failed(const char *what, const char *path)
{
	int err = errno;

	fprintf(stderr, "mcu-sim: %s %s: %s\n", what, path, strerror(err));
	return -err;
}

int breaker_open(struct breaker *b, struct printer_events *events, const char *file,
		 const char *fifo)
{
	char err[ERROR_BYTES];

	b->events = events;
	if ((file || fifo) && !events->printer) {
		fputs("mcu-sim: expected --printer with --events and --commands\n", stderr);
		return -EINVAL;
	}
	if (file && !printer_events_load(events, file, err, sizeof(err))) {
		fprintf(stderr, "mcu-sim: %s\n", err);
		return -EINVAL;
	}
	if (!fifo)
		return 0;
	if (mkfifo(fifo, 0600))
		return failed("--commands", fifo);
	b->fifo = fifo;
	/* open for writing, too: so it never ends */
	b->fifo_fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return b->fifo_fd < 0 ? failed("--commands", fifo) : 0;
}

static void run_line(struct breaker *b)
{
	char err[ERROR_BYTES], said[sizeof(b->line)];

	b->line[b->len] = 0;
	strcpy(said, b->line);
	if (!said[strspn(said, " \t\r")])
		return;
	if (printer_events_do(b->events, b->line, err, sizeof(err)))
		fprintf(stderr, "mcu-sim: %s\n", said);
	else
		fprintf(stderr, "mcu-sim: \"%s\": %s\n", said, err);
}

static void take(struct breaker *b, const char *text, size_t n)
{
	for (; n; n--, text++) {
		if (*text == '\n') {
			run_line(b);
			b->len = 0;
		} else if (b->len < sizeof(b->line) - 1 && *text) {
			b->line[b->len++] = *text;
		}
	}
}

void breaker_run(struct breaker *b, struct sim *sim, int64_t now_ns)
{
	char text[256];
	ssize_t n;

	if (!b->ready_ns && sim_configured(sim))
		b->ready_ns = now_ns;
	if (b->ready_ns)
		printer_events_run(b->events, now_ns - b->ready_ns);
	if (b->fifo_fd < 0)
		return;
	while ((n = read(b->fifo_fd, text, sizeof(text))) > 0)
		take(b, text, (size_t)n);
}

int64_t breaker_next_ns(const struct breaker *b)
{
	int64_t next_ns = printer_events_next_ns(b->events);

	return !b->ready_ns || next_ns == INT64_MAX ? INT64_MAX : b->ready_ns + next_ns;
}

void breaker_close(struct breaker *b)
{
	if (b->fifo_fd < 0)
		return;
	close(b->fifo_fd);
	unlink(b->fifo);
}
