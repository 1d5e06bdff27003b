// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/doctor/doctor_checks.h"

/* What the daemon locks at most, with room to spare: 32 MiB of itself, and the flight recorder's ring. */
#define MEMLOCK_MIN (64.0 * 1024 * 1024)

enum { CAP_BIT_IPC_LOCK = 14, CAP_BIT_SYS_NICE = 23 }; /* <linux/capability.h> */

/* A line of /proc/self/… that starts with word: what stands behind. False if there is none. */
static bool line_of(const struct doctor *d, const char *file, const char *word, char *text,
		    size_t room)
{
	char path[DOCTOR_TEXT];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/%s", d->root, file);
	f = fopen(path, "re");
	while (f && !found && fgets(text, (int)room, f))
		found = strncmp(text, word, strlen(word)) == 0;
	if (f)
		fclose(f);
	if (!found)
		return false;
	text[strcspn(text, "\n")] = '\0';
	memmove(text, text + strlen(word), strlen(text + strlen(word)) + 1);
	return true;
}

static bool capable(const struct doctor *d, int bit)
{
	char text[DOCTOR_TEXT];

	return line_of(d, "status", "CapEff:", text, sizeof(text)) &&
	       (strtoull(text, NULL, 16) >> bit & 1);
}

/* The soft limit; INFINITY-like large if there is none. -1 if it can't be read. */
static double limit(const struct doctor *d, const char *word)
{
	char text[DOCTOR_TEXT], *end;
	double value;

	if (!line_of(d, "limits", word, text, sizeof(text)))
		return -1;
	value = strtod(text, &end);
	return end != text ? value : 1e30;
}

static void check_priority(struct doctor *d)
{
	double have = limit(d, "Max realtime priority");
	char text[DOCTOR_TEXT];

	if (d->priority == 0) {
		doctor_found(
			d, DOCTOR_ADVICE, "real-time priority", "[stepd] rt_priority is 0", "%s",
			"leave the option out: without a priority everything may delay the rt thread");
	} else if (capable(d, CAP_BIT_SYS_NICE)) {
		doctor_found(d, DOCTOR_OK, "real-time priority", "CAP_SYS_NICE", "%s", "");
	} else if (have >= d->priority) {
		snprintf(text, sizeof(text), "the limit is %.0f", have);
		doctor_found(d, DOCTOR_OK, "real-time priority", text, "%s", "");
	} else {
		snprintf(text, sizeof(text), "the limit is %.0f, wanted %d", have < 0 ? 0 : have,
			 d->priority);
		doctor_found(
			d, DOCTOR_BAD, "real-time priority", text,
			"run it by the systemd unit of this package, or add '@stepd - rtprio %d' to "
			"/etc/security/limits.d/stepd.conf and log in again",
			d->priority);
	}
}

static void check_memory(struct doctor *d)
{
	double have = limit(d, "Max locked memory");
	char text[DOCTOR_TEXT];

	if (capable(d, CAP_BIT_IPC_LOCK)) {
		doctor_found(d, DOCTOR_OK, "locked memory", "CAP_IPC_LOCK", "%s", "");
	} else if (have >= MEMLOCK_MIN) {
		snprintf(text, sizeof(text), have > 1e20 ? "no limit" : "the limit is %.0f MiB",
			 have / 1048576.0);
		doctor_found(d, DOCTOR_OK, "locked memory", text, "%s", "");
	} else {
		snprintf(text, sizeof(text), "the limit is %.0f KiB, wanted %.0f MiB",
			 have < 0 ? 0 : have / 1024.0, MEMLOCK_MIN / 1048576.0);
		doctor_found(d, DOCTOR_BAD, "locked memory", text, "%s",
			     "run it by the systemd unit of this package, or add '@stepd - memlock "
			     "unlimited' to /etc/security/limits.d/stepd.conf and log in again");
	}
}

void doctor_check_rights(struct doctor *d)
{
	check_priority(d);
	check_memory(d);
}
