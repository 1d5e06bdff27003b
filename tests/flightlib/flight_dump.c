// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/flightlib/flight_dump.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void flight_dump_open(struct dump *d, const char *file)
{
	char err[256] = "";

	memset(d, 0, sizeof(*d));
	d->opt = (struct dump_options){ .file = file, .at_s = NAN, .window_s = 0.1, .stepper = -1 };
	if (flight_log_read(&d->log, file, &d->live, err, sizeof(err)) < 0 || !dump_prepare(d) ||
	    d->log.identity_bad || d->log.torn || d->log.stale || d->log.cut || d->view.senseless) {
		printf("%s: %s: %llu torn, %llu stale, %llu cut off, %llu senseless\n", file, err,
		       (unsigned long long)d->log.torn, (unsigned long long)d->log.stale,
		       (unsigned long long)d->log.cut, (unsigned long long)d->view.senseless);
		exit(1);
	}
}

void flight_dump_close(struct dump *d)
{
	dump_view_free(&d->view);
	flight_log_free(&d->log);
}

char *flight_dump_text(const struct dump *d, void (*print)(const struct dump *, FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		abort();
	print(d, f);
	fclose(f);
	return text;
}

static void show(const struct dump *d)
{
	for (int i = 0; i < d->check.findings; i++)
		printf("finding at %.6f s: %s: %s\n", d->check.finding[i].at_s,
		       dump_stepper_name(&d->view, (unsigned)d->check.finding[i].stepper),
		       d->check.finding[i].text);
}

bool flight_dump_finds(const struct dump *d, const char *what, int stepper)
{
	for (int i = 0; i < d->check.findings; i++)
		if (strstr(d->check.finding[i].text, what) && d->check.finding[i].stepper == stepper)
			return true;
	show(d);
	printf("no finding '%s'\n", what);
	return false;
}

bool flight_dump_sound(const struct dump *d)
{
	show(d);
	return d->check.findings == 0;
}

int flight_dump_count(const struct dump *d, enum flight_kind kind, int index)
{
	int count = 0;

	for (size_t i = 0; i < d->view.events; i++)
		if (d->view.event[i].rec->kind == kind &&
		    (index < 0 || d->view.event[i].rec->index == index))
			count++;
	return count;
}

double flight_dump_event_s(const struct dump *d, const char *what)
{
	char text[512];

	for (size_t i = 0; i < d->view.events; i++)
		if (dump_event_text(d, &d->view.event[i], text, sizeof(text)) && strstr(text, what))
			return d->view.event[i].at_s;
	return NAN;
}
