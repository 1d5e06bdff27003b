// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt/gpio_edges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

_Static_assert(GPIO_EDGES_LABEL_MAX == GPIO_MAX_NAME_SIZE, "the kernel's");

static int open_chip(const char *name, struct gpiochip_info *info)
{
	char path[300];
	int fd, rc;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, GPIO_GET_CHIPINFO_IOCTL, info) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* A descriptor of the chip of that name or, if there is none, of that label. */
static int find_chip(const char *chip, struct gpiochip_info *info)
{
	int fd = strchr(chip, '/') ? -ENOENT : open_chip(chip, info);
	struct dirent *entry;
	DIR *dev;

	if (fd != -ENOENT)
		return fd;
	dev = opendir("/dev");
	while (dev && fd < 0 && (entry = readdir(dev))) {
		if (strncmp(entry->d_name, "gpiochip", 8) != 0)
			continue;
		fd = open_chip(entry->d_name, info);
		if (fd >= 0 && strcmp(info->label, chip) != 0) {
			close(fd);
			fd = -ENOENT;
		}
	}
	if (dev)
		closedir(dev);
	return fd;
}

int gpio_edges_label(const char *chip, char label[GPIO_EDGES_LABEL_MAX])
{
	struct gpiochip_info info;
	int fd = find_chip(chip, &info);

	if (fd < 0)
		return fd;
	close(fd);
	memcpy(label, info.label, GPIO_EDGES_LABEL_MAX);
	return 0;
}

int gpio_edges_open(const char *chip, unsigned line, char *err, size_t err_size)
{
	struct gpio_v2_line_request want = {
		.offsets = { line },
		.num_lines = 1,
		.consumer = "stepd sync line",
		.config = { .flags = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING },
	};
	struct gpiochip_info info;
	int fd = find_chip(chip, &info), rc = 0;

	if (fd < 0) {
		snprintf(err, err_size, "GPIO chip '%s': %s", chip, strerror(-fd));
		return -1;
	}
	if (ioctl(fd, GPIO_V2_GET_LINE_IOCTL, &want) < 0)
		rc = errno;
	close(fd);
	if (rc == 0 && fcntl(want.fd, F_SETFL, O_NONBLOCK) < 0) {
		rc = errno;
		close(want.fd);
	}
	if (rc == 0)
		return want.fd;
	snprintf(err, err_size, "line %u of GPIO chip '%s' (%u lines): %s", line, chip, info.lines,
		 strerror(rc));
	return -1;
}

size_t gpio_edges_decode(const uint8_t *data, size_t len, int64_t *at_ns, size_t max)
{
	struct gpio_v2_line_event event;
	size_t n = 0;

	for (; len >= sizeof(event) && n < max; data += sizeof(event), len -= sizeof(event)) {
		memcpy(&event, data, sizeof(event));
		if (event.id == GPIO_V2_LINE_EVENT_RISING_EDGE && event.timestamp_ns <= INT64_MAX)
			at_ns[n++] = (int64_t)event.timestamp_ns;
	}
	return n;
}
