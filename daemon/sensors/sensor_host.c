// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/sensors/sensor_host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool sensor_host_degc(void *ctx, const char *path, double *degc)
{
	char text[32], *end;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;
	long milli;

	(void)ctx;
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	milli = strtol(text, &end, 10);
	if (end == text || end[strspn(end, " \n")] != '\0')
		return false;
	*degc = (double)milli / 1000;
	return true;
}
