// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/canbus.h"
#include "daemon/doctor/doctor_checks.h"

enum {
	TTY_LOW_LATENCY = 1 << 13, /* ASYNC_LOW_LATENCY, <linux/tty_flags.h> */
	FTDI_LATENCY_MS_MAX = 1,
	NET_TYPE_CAN = 280, /* ARPHRD_CAN, <linux/if_arp.h> */
};

/* The device behind a path like /dev/serial/by-id/…: its name below /sys/class/tty. False, and a finding,
 * if it isn't there. */
static bool tty_of(struct doctor *d, const char *serial, char *name, size_t room)
{
	char path[PATH_MAX], real[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", d->root, serial);
	if (!realpath(path, real)) {
		char text[DOCTOR_TEXT];

		snprintf(text, sizeof(text), "%.200s: %s", serial, strerror(errno));
		doctor_found(
			d, DOCTOR_BAD, "serial device", text, "%s",
			"is the board connected and switched on? ls /dev/serial/by-id shows what is "
			"there");
		return false;
	}
	if (!d->root[0] && access(real, R_OK | W_OK)) {
		char text[DOCTOR_TEXT];

		snprintf(text, sizeof(text), "%.200s: %s", serial, strerror(errno));
		doctor_found(d, DOCTOR_BAD, "serial device", text, "%s",
			     "run stepd as a member of the group dialout: adduser USER dialout");
	}
	snprintf(name, room, "%s", strrchr(real, '/') + 1);
	return true;
}

static void check_latency(struct doctor *d, const char *tty)
{
	char text[DOCTOR_TEXT], found[DOCTOR_TEXT];

	if (doctor_line(d, text, sizeof(text), "/sys/class/tty/%s/device/latency_timer", tty)) {
		snprintf(found, sizeof(found), "%.40s: the adapter waits %ld ms for more bytes",
			 tty, atol(text));
		if (atol(text) <= FTDI_LATENCY_MS_MAX)
			doctor_found(d, DOCTOR_OK, "serial latency", found, "%s", "");
		else
			doctor_found(d, DOCTOR_BAD, "serial latency", found,
				     "install the udev rules of this package (etc/udev), or: echo 1 "
				     ">/sys/class/tty/%s/device/latency_timer",
				     tty);
	} else if (doctor_line(d, text, sizeof(text), "/sys/class/tty/%s/flags", tty)) {
		bool low = strtol(text, NULL, 0) & TTY_LOW_LATENCY;

		snprintf(found, sizeof(found), "%.40s: low latency %s", tty, low ? "on" : "off");
		if (low)
			doctor_found(d, DOCTOR_OK, "serial latency", found, "%s", "");
		else
			doctor_found(d, DOCTOR_ADVICE, "serial latency", found,
				     "setserial /dev/%s low_latency", tty);
	} else {
		snprintf(found, sizeof(found), "%.40s has no such setting", tty);
		doctor_found(d, DOCTOR_OK, "serial latency", found, "%s", "");
	}
}

/* From the tty upwards to the USB device it is on, if it is on one. */
static void check_autosuspend(struct doctor *d, const char *tty)
{
	char path[PATH_MAX], dir[PATH_MAX], control[32] = "", delay[32] = "", *slash;
	FILE *f;

	snprintf(path, sizeof(path), "%s/sys/class/tty/%s/device", d->root, tty);
	if (!realpath(path, dir))
		return;
	for (int i = 0; i < 8 && (slash = strrchr(dir, '/')) && slash > dir + strlen(d->root); i++) {
		char file[PATH_MAX + 32], found[DOCTOR_TEXT];

		snprintf(file, sizeof(file), "%s/idVendor", dir);
		if (access(file, F_OK)) {
			*slash = '\0';
			continue;
		}
		snprintf(file, sizeof(file), "%s/power/control", dir);
		f = fopen(file, "re");
		if (f && fgets(control, sizeof(control), f))
			control[strcspn(control, "\n")] = '\0';
		if (f)
			fclose(f);
		snprintf(file, sizeof(file), "%s/power/autosuspend_delay_ms", dir);
		f = fopen(file, "re");
		if (f && !fgets(delay, sizeof(delay), f))
			delay[0] = '\0';
		if (f)
			fclose(f);
		bool on = strcmp(control, "auto") != 0 || atol(delay) < 0;

		snprintf(found, sizeof(found), "%.40s: %s", tty,
			 on ? "the USB device stays awake" : "the USB device may be suspended");
		if (on)
			doctor_found(d, DOCTOR_OK, "USB autosuspend", found, "%s", "");
		else
			doctor_found(d, DOCTOR_BAD, "USB autosuspend", found,
				     "install the udev rules of this package (etc/udev), or: echo on "
				     ">/sys/bus/usb/devices/%s/power/control",
				     slash + 1);
		return;
	}
}

static bool is_can(const struct doctor *d, const char *name)
{
	char text[DOCTOR_TEXT];

	return doctor_line(d, text, sizeof(text), "/sys/class/net/%.64s/type", name) &&
	       atol(text) == NET_TYPE_CAN;
}

static void check_queue(struct doctor *d, const char *name)
{
	char text[DOCTOR_TEXT], found[DOCTOR_TEXT];

	if (!doctor_line(d, text, sizeof(text), "/sys/class/net/%.64s/tx_queue_len", name))
		return;
	snprintf(found, sizeof(found), "%.64s holds %ld frames", name, atol(text));
	if (atol(text) >= CANBUS_QUEUE)
		doctor_found(d, DOCTOR_OK, "CAN queue", found, "%s", "");
	else
		doctor_found(d, DOCTOR_ADVICE, "CAN queue", found,
			     "install the udev rules of this package (etc/udev), or: ip link set %s "
			     "txqueuelen %d",
			     name, CANBUS_QUEUE);
}

/* An interface that the configuration names. */
static void check_interface(struct doctor *d, const char *name)
{
	char text[DOCTOR_TEXT], found[DOCTOR_TEXT];

	if (!is_can(d, name)) {
		snprintf(found, sizeof(found), "there is no CAN interface %.64s", name);
		doctor_found(
			d, DOCTOR_BAD, "CAN interface", found, "%s",
			"the configuration names it: is the adapter connected? ip link shows what "
			"is there");
		return;
	}
	if (!doctor_line(d, text, sizeof(text), "/sys/class/net/%.64s/flags", name))
		return;
	snprintf(found, sizeof(found), "%.64s is %s", name,
		 strtol(text, NULL, 16) & IFF_UP ? "up" : "down");
	if (strtol(text, NULL, 16) & IFF_UP)
		doctor_found(d, DOCTOR_OK, "CAN interface", found, "%s", "");
	else
		doctor_found(d, DOCTOR_BAD, "CAN interface", found,
			     "ip link set %s up type can bitrate 1000000 (the boards' rate); at each "
			     "boot: docs/RT-SETUP.md",
			     name);
}

static void check_can(struct doctor *d)
{
	char path[DOCTOR_TEXT];
	struct dirent *e;
	DIR *dir;

	for (size_t i = 0; i < d->cans; i++)
		check_interface(d, d->can[i]);
	snprintf(path, sizeof(path), "%s/sys/class/net", d->root);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && is_can(d, e->d_name))
			check_queue(d, e->d_name);
	if (dir)
		closedir(dir);
}

static void check_gpio(struct doctor *d)
{
	char path[DOCTOR_TEXT], found[DOCTOR_TEXT];
	struct dirent *e;
	int chips = 0;
	DIR *dir;

	if (!d->gpio)
		return;
	snprintf(path, sizeof(path), "%s/dev", d->root);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, "gpiochip", 8) != 0)
			continue;
		chips++;
		snprintf(path, sizeof(path), "%s/dev/%.64s", d->root, e->d_name);
		snprintf(found, sizeof(found), "/dev/%.64s: %s", e->d_name,
			 access(path, R_OK | W_OK) ? strerror(errno) : "may be used");
		if (access(path, R_OK | W_OK) == 0)
			doctor_found(d, DOCTOR_OK, "GPIO chip", found, "%s", "");
		else
			doctor_found(
				d, DOCTOR_ADVICE, "GPIO chip", found, "%s",
				"if the configuration has lines of it: usermod -aG gpio with the user "
				"that stepd runs as, and the udev rules of this package (etc/udev)");
	}
	if (dir)
		closedir(dir);
	if (chips == 0)
		doctor_found(
			d, DOCTOR_BAD, "GPIO chip", "there is none", "%s",
			"the configuration has pins of [host]: is this the machine whose lines they "
			"are? ls /dev/gpiochip*");
}

void doctor_check_devices(struct doctor *d)
{
	char tty[NAME_MAX + 1];

	for (size_t i = 0; i < d->serials; i++)
		if (tty_of(d, d->serial[i], tty, sizeof(tty))) {
			check_latency(d, tty);
			check_autosuspend(d, tty);
		}
	check_can(d);
	check_gpio(d);
}
