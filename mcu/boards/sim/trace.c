/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

enum { TRACE_BUF = 1 << 18, TRACE_LINE_MAX = 20 + 1 + SIM_PIN_NAME_MAX + 1 + 5 + 1 };

struct trace {
	const struct sim *sim;
	int fd;
	int error; /* errno of the first failed write */
	size_t len;
	char buf[TRACE_BUF];
};

struct trace *trace_open(const char *path, const struct sim *sim)
{
	struct trace *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	t->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (t->fd < 0) {
		free(t);
		return NULL;
	}
	t->sim = sim;
	t->error = 0;
	t->len = (size_t)snprintf(t->buf, sizeof(t->buf), "# stepd trace 1 freq_hz=%" PRIu32 "\n",
				  sim_freq_hz(sim));
	return t;
}

void trace_flush(struct trace *t)
{
	size_t done = 0;

	while (done < t->len && !t->error) {
		ssize_t n = write(t->fd, t->buf + done, t->len - done);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			t->error = n < 0 ? errno : EIO;
	}
	t->len = 0;
}

/* Decimal digits; faster than printf, which would cost more than the simulation. */
static char *put_number(char *p, uint64_t v)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

void trace_edge(struct trace *t, uint16_t pin, uint16_t level, uint64_t clock)
{
	const char *name = sim_pin_name(t->sim, pin);
	char *p;

	if (t->len + TRACE_LINE_MAX > sizeof(t->buf))
		trace_flush(t);
	p = put_number(t->buf + t->len, clock);
	*p++ = ' ';
	p = stpcpy(p, name ? name : "?");
	*p++ = ' ';
	p = put_number(p, level);
	*p++ = '\n';
	t->len = (size_t)(p - t->buf);
}

int trace_close(struct trace *t)
{
	int error;

	if (!t)
		return 0;
	trace_flush(t);
	if (close(t->fd) && !t->error)
		t->error = errno;
	error = t->error;
	free(t);
	return -error;
}
